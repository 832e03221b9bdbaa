"""One request to a server of `occset.annotation.backend.loopback`: who may send, what, how much and how slowly."""

from __future__ import annotations

import contextlib
import io
import json
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Literal

from occset.support.reading import parse_json

if TYPE_CHECKING:
    from occset.annotation.backend.loopback import LoopbackServer

USER = "occset"
"""The name that goes with the secret in HTTP basic auth."""

MOST_BYTES = 64 << 20
HEADER_SECONDS, BODY_SECONDS, LINGER_SECONDS = 10.0, 30.0, 1.0
_OWN_NAMES = re.compile(r"(localhost|127(\.\d{1,3}){3})(:\d{1,5})?", re.IGNORECASE)
_DROPPED = {"access_token", "login", "password"}  # credentials that Label Studio sends along


class Refused(Exception):
    """A request that is answered with a status other than 200; its words are ours and hold nothing of the request."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


@dataclass(frozen=True)
class Route:
    """What one path does.

    answer: takes the body as JSON (None where it is not read as such); returns the answer and how many tasks it was.
    method: that it takes.
    body: "json" is parsed, "dropped" is read and forgotten, "none" is not read.
    secret: whether it asks for it.
    heavy: whether it may take long; of these only some run at once.
    """

    answer: Callable[[Any], tuple[dict[str, Any], int]]
    method: Literal["GET", "POST"] = "POST"
    body: Literal["json", "dropped", "none"] = "json"
    secret: bool = True
    heavy: bool = False


class _Deadline(io.RawIOBase):
    """What a socket sends, until a point in time: a sender that drips byte by byte ends there too."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection, self.at = connection, time.monotonic() + HEADER_SECONDS

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self.at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.connection.settimeout(left)
        return self.connection.recv_into(buffer)


class Handler(BaseHTTPRequestHandler):
    """One request a connection (HTTP/1.0), so that no request hides behind another.

    What a request holds is never printed, and nothing of it is kept once it is answered.
    """

    server: LoopbackServer
    server_version, sys_version = "occset", ""

    def setup(self) -> None:
        """Read through a deadline."""
        super().setup()
        self.rfile.close()
        self.deadline = _Deadline(self.connection)
        self.rfile = io.BufferedReader(self.deadline)

    def do_GET(self) -> None:
        """Answer."""
        self._serve()

    def do_POST(self) -> None:
        """Answer."""
        self._serve()

    def _serve(self) -> None:
        began, tasks, path = time.perf_counter(), 0, self.path.partition("?")[0]
        route = self.server.routes.get(path)
        try:
            self._check_sender(route)
            if route is None or route.method != self.command:
                known = "no such path" if route is None else f"takes {route.method} only"
                raise Refused(HTTPStatus.NOT_FOUND if route is None else HTTPStatus.METHOD_NOT_ALLOWED, known)
            with self.server.heavy_slot() if route.heavy else contextlib.nullcontext():
                answer, tasks = route.answer(self._body(route))
            status = int(HTTPStatus.OK)
        except Refused as refused:
            status, answer = int(refused.status), {"error": str(refused)}
        except TimeoutError:
            status, answer = int(HTTPStatus.REQUEST_TIMEOUT), {"error": "the request did not arrive in time"}
        except ConnectionError:
            return
        except Exception as error:  # the server goes on; the error's text may hold the request's
            status, answer = int(HTTPStatus.INTERNAL_SERVER_ERROR), {"error": "the backend failed"}
            self.server.say(f"backend: {type(error).__name__} while answering")
        self._send(status, answer)
        counted = f", {tasks} task{'s' * (tasks != 1)}" if tasks else ""
        shown = path if route is not None else "(unknown path)"  # what else a stranger sends is not repeated
        took = 1000 * (time.perf_counter() - began)
        self.server.say(f"{self.command} {shown} {status}{counted}, {took:.0f} ms")

    def _check_sender(self, route: Route | None) -> None:
        """Refuse browsers, other host names (DNS rebinding), and who does not know the secret."""
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or not _OWN_NAMES.fullmatch(hosts[0].strip()):
            raise Refused(HTTPStatus.FORBIDDEN, "ask by a loopback address")
        if self.headers.get("Origin") is not None:
            raise Refused(HTTPStatus.FORBIDDEN, "not for browsers")
        if route is not None and not route.secret:
            return
        if not self.server.knows_secret(self.headers.get("Authorization", "")):
            raise Refused(HTTPStatus.UNAUTHORIZED, "the user or the secret is wrong")
        self.server.admit(self.connection)

    def _body(self, route: Route) -> Any:
        """The body as JSON without the credentials in it; None where it is not wanted."""
        if route.body == "none":
            return None
        left = self._length()
        self.deadline.at = time.monotonic() + BODY_SECONDS
        parts = []
        while left:
            part = self.rfile.read(min(left, 1 << 20))
            if not part:
                raise ConnectionResetError
            left -= len(part)
            if route.body == "json":
                parts.append(part)
        return _parse(b"".join(parts)) if route.body == "json" else None

    def _length(self) -> int:
        lengths = self.headers.get_all("Content-Length") or []
        if not lengths or self.headers.get("Transfer-Encoding") is not None:
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "send the body's length")
        if len(lengths) != 1 or not re.fullmatch(r"[0-9]{1,15}", lengths[0].strip()):
            raise Refused(HTTPStatus.BAD_REQUEST, "the length is not a number")
        length = int(lengths[0])
        if length > MOST_BYTES:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {MOST_BYTES >> 20} MB")
        return length

    def _send(self, status: int, answer: dict[str, Any]) -> None:
        data = json.dumps(answer, separators=(",", ":"), allow_nan=False).encode()
        with contextlib.suppress(OSError):
            self.connection.settimeout(BODY_SECONDS)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            if status == HTTPStatus.UNAUTHORIZED:
                self.send_header("WWW-Authenticate", f'Basic realm="{USER}"')
            self.end_headers()
            self.wfile.write(data)
            if status != HTTPStatus.OK:
                self._linger()

    def _linger(self) -> None:
        """Take what the sender still sends: closing on unread bytes would reset the connection and lose the answer."""
        self.connection.shutdown(socket.SHUT_WR)
        self.deadline.at = time.monotonic() + LINGER_SECONDS
        with contextlib.suppress(OSError):
            while self.rfile.read1(1 << 20):
                pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library refuses by itself: the same JSON, nothing of the request."""
        self._send(code, {"error": HTTPStatus(code).phrase})
        self.server.say(f"(not understood) {int(code)}")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the standard library would print the request's first line."""

    def log_error(self, format: str, *args: Any) -> None:
        """What the standard library gives up on by itself: a request whose first lines did not come in time."""
        self.server.say("(not understood) too slow")


def _parse(data: bytes) -> Any:
    try:
        return parse_json(data, without=_DROPPED)
    except ValueError:
        # the error of the parser holds the whole document
        raise Refused(HTTPStatus.BAD_REQUEST, "the body is not JSON") from None
