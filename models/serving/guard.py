"""Who may ask the page, and how much of what: checks that come before anything of a request is read.

A page of another address must not be able to use this one through the browser of somebody who has it open: neither by asking
it across (the header Origin) nor by a name of its own that it lets point here (DNS rebinding: the header Host).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import ipaddress
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

Scope = Mapping[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]

USER = "occset"
"""The name that goes with the secret in HTTP basic auth."""

MOST_BYTES = 32 << 20
"""Of a photo; one of 20 megapixels has 4 to 15 MB as a JPEG."""

BODY_SECONDS, SEND_SECONDS, LINGER_SECONDS = 30.0, 120.0, 1.0

_OWN_NAMES = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?", re.IGNORECASE)
_ANY_NAME = re.compile(r"([\w.-]{1,253}|\[[0-9a-f:.]{2,45}\])(:\d{1,5})?", re.IGNORECASE | re.ASCII)
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "frame-ancestors 'none'",  # the page says the rest itself
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_SLICE = 1 << 18  # bytes that are sent at once


class Refused(Exception):
    """A request that is not answered; its words are ours and hold nothing of the request."""

    def __init__(self, status: int, words: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(words)
        self.status, self.headers = int(status), dict(headers or {})


def is_loopback(host: str) -> bool:
    """Whether an address is one of this machine alone."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


class Guard:
    """An ASGI application before another one, which hears only what may be asked.

    Args:
        app: the other one; it raises `Refused` for what it does not take.
        own_names_only: be asked by a loopback name only; where the page is open to a network, any name may be its own.
        secret: asked for in HTTP basic auth; "" asks for none.
        paths: those that are known; what else a stranger sends is not repeated.
        say: takes a line for each request: its path, status and milliseconds.
    """

    def __init__(
        self, app: App, own_names_only: bool, secret: str, paths: tuple[str, ...], say: Callable[[str], None]
    ) -> None:
        self.app, self.own_names_only, self.paths, self.say = app, own_names_only, paths, say
        self._digest = _digest_of(f"{USER}:{secret}") if secret else None

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer, or refuse, one request."""
        if scope["type"] != "http":
            return
        began = time.perf_counter()
        answer = _Answer(receive, send, scope["method"] == "HEAD")
        try:
            self.check(scope)
            await self.app(scope, receive, answer.send)
        except Refused as refused:
            await answer.refuse(refused)
        except ConnectionError:  # the sender went away, and nothing can be answered
            pass
        except Exception as error:  # the server goes on; the error's text may hold the request's
            self.say(f"serve: {type(error).__name__} while answering")
            if answer.status:  # half an answer is none: the connection ends
                raise
            await answer.refuse(Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "This went wrong here. Try another photo."))
        shown = next((path for path in self.paths if re.fullmatch(path, scope["path"])), None)
        place = scope["path"] if shown else "(unknown path)"
        method = scope["method"] if scope["method"] in ("GET", "HEAD", "POST", "OPTIONS") else "(unknown method)"
        self.say(f"{method} {place} {answer.status or '(left)'}, {1000 * (time.perf_counter() - began):.0f} ms")

    def check(self, scope: Scope) -> None:
        """Let a request pass, by its headers alone.

        Raises:
            Refused: it may not.
        """
        hosts, origins = header(scope, "host"), header(scope, "origin")
        allowed = _OWN_NAMES if self.own_names_only else _ANY_NAME
        if len(hosts) != 1 or not allowed.fullmatch(hosts[0]):
            raise Refused(HTTPStatus.FORBIDDEN, "Ask by this machine's own address, such as 127.0.0.1.")
        own = {f"http://{hosts[0]}".lower(), f"https://{hosts[0]}".lower()}
        if len(origins) > 1 or (origins and origins[0].lower() not in own):
            raise Refused(HTTPStatus.FORBIDDEN, "Only the page itself may ask.")
        sites = header(scope, "sec-fetch-site")
        if scope["method"] not in ("GET", "HEAD") and any(site not in ("same-origin", "none") for site in sites):
            raise Refused(HTTPStatus.FORBIDDEN, "Only the page itself may ask.")
        if self._digest is not None and not self._knows(header(scope, "authorization")):
            ask = {"www-authenticate": f'Basic realm="{USER}", charset="UTF-8"'}
            raise Refused(HTTPStatus.UNAUTHORIZED, "The user or the secret is wrong.", ask)

    def _knows(self, given: list[str]) -> bool:
        """Whether a header holds user and secret; takes as long for a wrong one as for the right one."""
        scheme, _, rest = (given[0] if len(given) == 1 else "").partition(" ")
        digest = hashlib.sha256(rest.strip().encode("utf-8", "replace")).digest()
        return hmac.compare_digest(digest, self._digest or b"") and scheme.lower() == "basic"


def _digest_of(text: str) -> bytes:
    return hashlib.sha256(base64.b64encode(text.encode())).digest()


def header(scope: Scope, name: str) -> list[str]:
    """All values of a header."""
    return [value.decode("latin-1").strip() for key, value in scope["headers"] if key == name.encode()]


class _Answer:
    """The way back: own headers on all answers, a limit on how slowly they are taken, and refusals that arrive.

    Attributes:
        status: what was answered; 0 so far.
    """

    def __init__(self, receive: Receive, send: Send, head_only: bool) -> None:
        self._receive, self._send, self._head_only = receive, send, head_only
        self.status = 0

    async def send(self, message: Message) -> None:
        """Pass on a part of an answer, in slices: who takes none of it holds up a slice, not the whole."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
            await self._send({**message, "headers": [*message.get("headers", []), *own]})
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        async with asyncio.timeout(SEND_SECONDS):
            for at in range(0, len(body), _SLICE) if not self._head_only else ():
                await self._send({"type": "http.response.body", "body": body[at : at + _SLICE], "more_body": True})
            await self._send({"type": "http.response.body", "body": b"", "more_body": more})

    async def refuse(self, refused: Refused) -> None:
        """Answer with a sentence, and end the connection.

        What is still being sent is taken and dropped for a moment: closing on it at once would lose the answer.
        """
        body = json.dumps({"error": str(refused)}).encode()
        given = {
            "content-type": "application/json",
            "content-length": str(len(body)),
            "connection": "close",
            **refused.headers,
        }
        headers = [(name.encode(), value.encode()) for name, value in given.items()]
        await self.send({"type": "http.response.start", "status": refused.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": b"" if self._head_only else body, "more_body": True})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while (await self._receive()).get("more_body", False):
                    pass
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """The body of a request, a picture by its content type.

    Raises:
        Refused: it is said to be something else, is larger than `MOST_BYTES` (as soon as that is known), or comes slowly.
        ConnectionError: the sender went away.
    """
    kinds = [kind.partition(";")[0].strip().lower() for kind in header(scope, "content-type")]
    if len(kinds) != 1 or not (kinds[0].startswith("image/") or kinds[0] == "application/octet-stream"):
        # the kinds of a plain form are among those refused, so that no page elsewhere can send without asking before
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send a picture by itself, as image/jpeg or another image type."
        )
    too_large = Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A photo may have {MOST_BYTES >> 20} MB at most.")
    lengths = header(scope, "content-length")
    if any(length.isdigit() and int(length[:16]) > MOST_BYTES for length in lengths):
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise ConnectionError
                if len(body) + len(message.get("body", b"")) > MOST_BYTES:
                    raise too_large
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise Refused(HTTPStatus.REQUEST_TIMEOUT, "The photo did not arrive in time.") from None
