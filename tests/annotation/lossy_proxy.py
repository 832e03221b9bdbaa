"""A proxy in front of a server that loses every n-th request: before it, after it, and in the middle of the answer."""

from __future__ import annotations

import http.client
import re
import socket
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

KINDS = ("before", "after", "middle")


class LossyProxy:
    """Forwards to `target`; of the requests whose "METHOD /path" matches `only`, every `every`-th is lost, in turn:
    before the server sees it, after the server did it, and with half of the answer through."""

    def __init__(self, target: str, every: int = 3, only: str = "", kinds: tuple[str, ...] = KINDS) -> None:
        self.target, self.every, self.only, self.kinds = urlsplit(target), every, re.compile(only), kinds
        self.seen = 0
        self.lost: Counter[str] = Counter()
        self._lock = threading.Lock()
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> LossyProxy:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fate(self, request: str) -> str:
        """What becomes of a request, "" for one that passes."""
        if not self.only.search(request):
            return ""
        with self._lock:
            self.seen += 1
            if self.seen % self.every:
                return ""
            kind = self.kinds[sum(self.lost.values()) % len(self.kinds)]
            self.lost[kind] += 1
            return kind


class _Handler(BaseHTTPRequestHandler):
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True
    owner: LossyProxy

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fate = self.owner.fate(f"{self.command} {self.path}")
        if fate == "before":
            return self._hang_up()
        try:
            status, headers, answer = self._forward(body)
        except OSError:
            return self._hang_up()
        if fate == "after":
            return self._hang_up()
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "content-length", "connection", "server", "date"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer[: len(answer) // 2] if fate == "middle" else answer)
        if fate == "middle":
            self._hang_up()
        return None

    do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 - names of http.server

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        target = self.owner.target
        connection = http.client.HTTPConnection(str(target.hostname), target.port, timeout=60)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def log_message(self, *message: object) -> None:
        """Say nothing."""
