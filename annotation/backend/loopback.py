"""A small HTTP server for this machine alone: JSON in and out, a shared secret, limits on everything a sender can send.

It knows nothing of what it serves: `Route` says what is answered.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import ipaddress
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from occset.annotation.backend.loopback_requests import LINGER_SECONDS, USER, Handler, Refused, Route
from occset.support.errors import OccsetError

MOST_THREADS, MOST_HEAVY = 32, 16  # so that quick answers find a thread while the slow ones wait for the model
GIVE_WAY_SECONDS = 1.0  # a connection that is closed for another ends at once, but for a busy machine


class LoopbackServer(ThreadingHTTPServer):
    """Serves `routes` on a loopback address until stopped.

    Every sender is on this machine, so places cannot be shared out by address. Instead, who has not shown the secret gives
    way where all places are taken, the oldest first: strangers who send slowly, however many, keep nobody out.
    """

    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # there it would let two servers share a port
    request_queue_size = 64

    def __init__(
        self, routes: Mapping[str, Route], secret: str, host: str, port: int, say: Callable[[str], None]
    ) -> None:
        """Bind; nothing is answered before `serve_forever`.

        Raises:
            OccsetError: the secret is short or not ASCII, the host not loopback, or the port busy.
        """
        if len(secret) < 16 or not secret.isascii() or not secret.isprintable():
            raise OccsetError("the backend's secret needs 16 or more plain characters: set OCCSET_BACKEND_SECRET anew")
        if not _is_loopback(host):
            raise OccsetError(f"the backend answers on this machine only, not on {host}: use 127.0.0.1")
        self.routes, self.say = dict(routes), say
        self._digest = hashlib.sha256(base64.b64encode(f"{USER}:{secret}".encode())).digest()
        self._places, self._heavy = threading.Semaphore(MOST_THREADS), threading.Semaphore(MOST_HEAVY)
        self._strangers: dict[socket.socket, None] = {}  # connections that have not shown the secret, the oldest first
        self._guard = threading.Lock()
        try:
            super().__init__((host, port), Handler)
        except (OSError, OverflowError) as error:
            raise OccsetError(
                f"cannot listen on {host}:{port} ({error}): stop what uses the port, or choose another with --port"
            ) from error

    @property
    def url(self) -> str:
        """Where it answers, with the port it got."""
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"

    def server_bind(self) -> None:
        """Bind without the look-up of the machine's name that the standard library makes, which can take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def knows_secret(self, header: str) -> bool:
        """Whether a header `Authorization` holds user and secret; takes as long for a wrong one as for the right one."""
        scheme, _, given = header.partition(" ")
        digest = hashlib.sha256(given.strip().encode("utf-8", "replace")).digest()
        return hmac.compare_digest(digest, self._digest) and scheme.lower() == "basic"

    @contextlib.contextmanager
    def heavy_slot(self) -> Iterator[None]:
        """One of the few long requests at once.

        Raises:
            Refused: all are taken.
        """
        if not self._heavy.acquire(blocking=False):
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "too many requests at once")
        try:
            yield
        finally:
            self._heavy.release()

    def admit(self, connection: socket.socket) -> None:
        """Let a connection whose sender knows the secret keep its place."""
        with self._guard:
            self._strangers.pop(connection, None)

    def _make_room(self) -> bool:
        """Close the connection that has longest gone without the secret; returns whether its place is taken over."""
        with self._guard:
            oldest = next(iter(self._strangers), None)
            if oldest is None:
                return False
            del self._strangers[oldest]
            with contextlib.suppress(OSError):
                oldest.shutdown(socket.SHUT_RDWR)
        return self._places.acquire(timeout=GIVE_WAY_SECONDS)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, where one is left or a stranger's can be had."""
        if not (self._places.acquire(blocking=False) or self._make_room()):
            with contextlib.suppress(OSError):
                request.settimeout(LINGER_SECONDS)
                request.sendall(b"HTTP/1.0 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
            self.shutdown_request(request)
            return
        with self._guard:
            self._strangers[request] = None
        try:
            super().process_request(request, client_address)
        except BaseException:
            self.admit(request)
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Give the thread's place back at the end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.admit(request)
            self._places.release()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, which from then on cannot be closed for another."""
        self.admit(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Name an error that no answer was made of; its text and traceback would hold the request's."""
        error = sys.exception()
        if not isinstance(error, OSError):  # a sender that went away is no matter
            self.say(f"backend: {type(error).__name__} before answering")


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.IPv4Address(host).is_loopback
    return host == "localhost"
