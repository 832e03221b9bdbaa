"""The one module that knows the Label Studio SDK and how it talks: token, retries, time limits, bounded answers.

The SDK signs the requests (a legacy token, or a personal access token that it renews). Its own retries are left aside,
since it would send an import twice, and so are its typed answers, which fail on what another version adds. No redirect
is followed: it could carry the token to another machine. The token is in no message, no `repr` and no log.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from occset.annotation.api.address import checked_url, is_loopback
from occset.annotation.api.studio import LostConnection, Studio
from occset.support.console import printable
from occset.support.errors import MissingExtra, OccsetError
from occset.support.reading import parse_json

if TYPE_CHECKING:
    import httpx

__all__ = ["LostConnection", "Studio", "connect"]

KNOWN = "1.23"
"""Major and minor version of Label Studio that occset was tried with."""

TRIES = 5
"""How often a request that may be repeated is sent."""

LARGEST_ANSWER = 512 << 20
"""Bytes of one answer, unpacked."""

_FIRST_PAUSE = 0.25  # seconds, doubled each time: 3.75 s in all, about what a local server needs to come up again
_SILENCE = 60.0  # seconds without a byte
_LONGEST = 600.0  # seconds for one answer, so that one that drips ends too
_BUSY = (429, 502, 503, 504)


def connect(url: str | None = None, token: str | None = None, document_root: Path | None = None) -> Studio:
    """Find a Label Studio, and check that it answers, is Label Studio of a known version, and takes the token.

    Args:
        url: where it is; else LABEL_STUDIO_URL, else the local server that `occset annotate start` runs.
        token: else the local server's own, where it is the local one that is asked, else LABEL_STUDIO_API_KEY.
        document_root: the folder whose files the server serves; known for the local server.

    Raises:
        MissingExtra: the SDK is not installed.
        OccsetError: one of the checks failed; names the remedy.
    """
    from occset.annotation.server.local_server import find_local

    local = find_local()
    url = url or os.environ.get("LABEL_STUDIO_URL") or (local.url if local else None)
    if not url:
        raise OccsetError("no Label Studio runs here: run  occset annotate start  , or set LABEL_STUDIO_URL")
    url = checked_url(url)
    if local and checked_url(local.url) == url:  # a key in the environment may be another server's
        token, document_root = token or local.token(), document_root or local.document_root
    token = token or os.environ.get("LABEL_STUDIO_API_KEY")
    if not token:
        raise OccsetError(
            f"no token for Label Studio at {url}: set LABEL_STUDIO_API_KEY to the one under Account & Settings there"
        )
    line = _Line(url, token.strip())
    version = line.version()
    line.ask("GET", "/api/current-user/whoami", repeat=True)
    return Studio(line, url, version, document_root)


class _Line:
    """Requests to one server. The token is held by the SDK and by a function that takes it out of messages."""

    def __init__(self, url: str, token: str) -> None:
        try:
            import httpx
            from label_studio_sdk import LabelStudio
            from label_studio_sdk.core.api_error import ApiError
        except ImportError:
            raise MissingExtra("label-studio-sdk", "annotate", "Label Studio") from None
        if not token.isascii() or not token.isprintable() or " " in token:
            raise _refused(url)
        self._httpx, self._api_error, self._url = httpx, ApiError, url
        self._hide: Callable[[str], str] = lambda text: text.replace(token, "***")
        self._web = httpx.Client(timeout=_SILENCE, follow_redirects=False, trust_env=not is_loopback(url))
        try:
            sdk = LabelStudio(base_url=f"{url}/", api_key=token, httpx_client=self._web, max_retries=0)
        except ApiError:  # a personal access token that has expired
            raise _refused(url) from None
        self._stream = sdk._client_wrapper.httpx_client.stream

    def __repr__(self) -> str:
        """The address, nothing secret."""
        return f"_Line({self._url!r})"

    def version(self) -> str:
        """The server's release; asked without the token, since it is not known yet who listens there."""
        for left in reversed(range(TRIES)):
            try:
                with self._web.stream("GET", f"{self._url}/api/version", timeout=15) as response:
                    status, body = self._read(response)
                if status not in _BUSY or not left:
                    break
            except self._httpx.HTTPError as error:
                refused = isinstance(error, self._httpx.ConnectError | self._httpx.TimeoutException)
                if refused or not left:
                    raise OccsetError(
                        f"no Label Studio answers at {self._url}: run  occset annotate start  , or set LABEL_STUDIO_URL"
                    ) from None
            time.sleep(_FIRST_PAUSE)
        if 300 <= status < 400:
            raise self._redirected()
        try:
            release = parse_json(body)["release"]
        except (ValueError, KeyError, TypeError):
            release = None
        if not isinstance(release, str):
            raise OccsetError(
                f"what answers at {self._url} is not Label Studio: stop the other program or set LABEL_STUDIO_URL"
            )
        release = printable(release[:40])
        if release.split(".")[:2] != KNOWN.split(".") and os.environ.get("OCCSET_ANY_LABEL_STUDIO") != "1":
            raise OccsetError(
                f"{self._url} is Label Studio {release}, and occset was tried with {KNOWN}.x: use that one "
                "(occset annotate start), or set OCCSET_ANY_LABEL_STUDIO=1 to go on all the same"
            )
        return release

    def ask(self, method: str, path: str, repeat: bool, **content: Any) -> Any:
        """Send a request and return the decoded JSON, None for an empty answer.

        Args:
            method, path: of HTTP, the path below the server's address.
            repeat: whether it may be sent again when no answer came.
            content: params, json, files.

        Raises:
            LostConnection: no whole answer came.
            OccsetError: the server refuses.
        """
        why = ""
        if "json" in content:  # the SDK would walk through every number of every mask
            packed = json.dumps(content.pop("json"), separators=(",", ":"), allow_nan=False).encode()
            content |= {"content": packed, "headers": {"content-type": "application/json"}}
        for attempt in range(TRIES):
            if attempt:
                time.sleep(_FIRST_PAUSE * 2 ** (attempt - 1))
            try:
                with self._stream(path, method=method, **content) as response:
                    status, body = self._read(response)
            except self._api_error as error:  # a personal access token could not be renewed
                if error.status_code in (401, 403):
                    raise _refused(self._url) from None
                why, sent = f"it answered {error.status_code}", False
            except (self._httpx.HTTPError, ValueError) as error:
                never = (self._httpx.ConnectError, self._httpx.ConnectTimeout)
                why, sent = type(error).__name__, not isinstance(error, never)
            else:
                why, sent = f"it answered {status}", True
                if status not in _BUSY and status != 500:
                    answer, is_whole = self._answer(path, status, body)
                    if is_whole:
                        return answer
                    why = "its answer was cut off or is not JSON"
                elif status == 500:
                    why += f": {self._detail(body)}"
            if sent and not repeat:
                break
        raise LostConnection(f"lost the connection to Label Studio at {self._url} ({why}): run the same command again")

    def _read(self, response: httpx.Response) -> tuple[int, bytes]:
        """Status and body, unpacked, of an answer that has begun."""
        body, until = bytearray(), time.monotonic() + _LONGEST
        for part in response.iter_bytes():
            body += part
            if len(body) > LARGEST_ANSWER or time.monotonic() > until:
                raise OccsetError(
                    f"an answer of {self._url} is longer than {LARGEST_ANSWER >> 20} MB or {_LONGEST / 60:.0f} minutes: "
                    "is it Label Studio?"
                )
        return response.status_code, bytes(body)

    def _answer(self, path: str, status: int, body: bytes) -> tuple[Any, bool]:
        """The decoded answer, and whether it is whole.

        Raises:
            OccsetError: the server refuses.
        """
        if 300 <= status < 400:
            raise self._redirected()
        if status in (401, 403):
            raise _refused(self._url)
        if status == 404:
            raise OccsetError(f"Label Studio at {self._url} has no {path.split('?')[0]}: was it deleted meanwhile?")
        if status >= 400:
            raise OccsetError(f"Label Studio at {self._url} refuses {path} ({status}): {self._detail(body)}")
        try:
            # what one annotator nests too deep is cut off there, and reading that task refuses it; the others go on
            answer = parse_json(body, any_number=True, prune=True) if body.strip() else None
        except ValueError:
            return None, False
        return answer, bool(body.strip()) or status == 204

    def _redirected(self) -> OccsetError:
        return OccsetError(
            f"{self._url} sends on to another address, which is not followed, since the token would go there: set "
            "LABEL_STUDIO_URL to the address that the browser shows in the end"
        )

    def _detail(self, body: bytes) -> str:
        """What a refusal says, short and without the token."""
        try:
            told = parse_json(body)
        except ValueError:
            return "no reason is given"
        told = told if isinstance(told, dict) else {"detail": told}
        text = " ".join(str(told[key]) for key in ("detail", "validation_errors") if told.get(key))
        return printable(self._hide(text))[:300] or "no reason is given"


def _refused(url: str) -> OccsetError:
    return OccsetError(
        f"Label Studio at {url} refuses the token: set LABEL_STUDIO_API_KEY to the one under Account & Settings there"
    )
