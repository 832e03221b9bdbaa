"""Addresses and moments as Label Studio and its users spell them."""

from __future__ import annotations

import datetime
import ipaddress
from urllib.parse import urlsplit

from occset.support.errors import BadInput, OccsetError


def checked_url(url: str) -> str:
    """An address as it is used: http or https, nothing secret in it, no slash at the end.

    Raises:
        OccsetError: it is not one; never repeats what may be a password.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise OccsetError("LABEL_STUDIO_URL is not an address: give one like http://127.0.0.1:8080") from None
    if parts.username is not None or parts.password is not None:
        raise OccsetError(
            "LABEL_STUDIO_URL holds a user or a password: give the address alone, and the token in LABEL_STUDIO_API_KEY"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or "\\" in url:
        raise OccsetError("LABEL_STUDIO_URL is not an address of http or https: give one like http://127.0.0.1:8080")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{'' if port is None else f':{port}'}{parts.path.rstrip('/')}"


def is_loopback(url: str) -> bool:
    """Whether an address is one of this machine's own, which no proxy could reach."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def iso_time(text: str) -> str:
    """A moment as "YYYY-MM-DDTHH:MM:SS.ffffffZ", so that later is larger as text; without a zone it is taken for UTC.

    Raises:
        BadInput: no moment.
    """
    try:
        moment = datetime.datetime.fromisoformat(text.strip().replace(" +", "+").replace(" -", "-"))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.UTC)
        moment = moment.astimezone(datetime.UTC)
    except (ValueError, OverflowError):  # the latter at either end of the calendar
        raise BadInput(f"'{text[:40]}' is not a moment: give one like 2026-01-31T12:00:00.000000Z") from None
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
