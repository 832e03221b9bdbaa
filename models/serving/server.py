"""Listening: on this machine alone unless a secret is set, with limits on connections and on how slowly they ask."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from occset.models.serving.guard import App, is_loopback
from occset.support.errors import MissingExtra, OccsetError

try:
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol
except ModuleNotFoundError as error:
    if error.name not in ("uvicorn", "h11"):
        raise
    raise MissingExtra("uvicorn", "serve", "the page of  occset serve") from error

SECRET = "OCCSET_SERVE_SECRET"
"""The variable of the secret."""

MOST_CONNECTIONS = 64
HEAD_SECONDS = 10.0
"""For the first lines of a request, and between two requests."""

_MOST_HEAD = 32 << 10  # bytes
_STOP_SECONDS = 1
_LEAST_SECRET = 16


def secret_for(host: str, environment: Mapping[str, str] = os.environ) -> str:
    """The secret that is asked for, "" where none is set; beyond this machine there has to be one.

    Raises:
        OccsetError: it is missing, short, or not plain ASCII.
    """
    secret = environment.get(SECRET, "")
    if secret and (len(secret) < _LEAST_SECRET or not secret.isascii() or not secret.isprintable()):
        raise OccsetError(f"{SECRET}: the secret needs {_LEAST_SECRET} or more plain characters: set it anew")
    if not secret and not is_loopback(host):
        raise OccsetError(
            f"--host {host}: others than this machine could send and see photos: leave it out and come in through "
            f"  ssh -L 8088:127.0.0.1:8088 THIS-MACHINE  , or set {SECRET}, which is then asked for (over plain HTTP)"
        )
    return secret


def listen_on(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        OccsetError: the address is not this machine's, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=MOST_CONNECTIONS)
    except (OSError, OverflowError) as error:
        raise OccsetError(
            f"cannot listen on {host}:{port} ({error}): stop what uses the port, or choose another with --port"
        ) from error


def url_of(listening: socket.socket) -> str:
    """Where it answers, with the port it got."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(app: App, listening: socket.socket, ready: Callable[[], None] | None = None) -> None:
    """Answer until a signal comes, which is raised again when the last connection is closed.

    Args:
        app: an ASGI application.
        listening: of `listen_on`.
        ready: called in a thread of its own when it answers.
    """
    settings: dict[str, Any] = {
        "http": Connection,
        "ws": "none",
        "lifespan": "off",
        "loop": "asyncio",
        "log_config": None,  # what it would print holds requests; the application says a line for each
        "log_level": "critical",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "h11_max_incomplete_event_size": _MOST_HEAD,
        "timeout_keep_alive": 5,
        "timeout_graceful_shutdown": _STOP_SECONDS,
    }
    if ready is not None:
        threading.Thread(target=ready, daemon=True).start()  # the socket listens already: who comes early waits
    _Server(uvicorn.Config(app, **settings)).run(sockets=[listening])


class _Server(uvicorn.Server):
    """uvicorn's, which leaves signals ignored that are: a job in the background does not end by the terminal's Ctrl-C."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ignored = [sig for sig in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(sig) is signal.SIG_IGN]

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop."""
        if sig not in self._ignored:
            super().handle_exit(sig, frame)


class Connection(H11Protocol):
    """uvicorn's, which ends where a request does not come in time, and gives way to others while it waits for one.

    Every sender is on this machine, so places cannot be shared out by address. Instead, who has sent no whole request gives
    way where all places are taken, the oldest first: strangers who send slowly, however many, keep nobody out.
    """

    _timer: asyncio.TimerHandle | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether no request is being answered, or none will be taken."""
        return self.cycle is None or self.cycle.response_complete or self.transport.is_closing()

    def connection_made(self, transport: Any) -> None:
        """Take a place."""
        self.since = self.loop.time()
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            others = (one for one in self.connections if isinstance(one, Connection) and one.is_waiting)
            oldest = min(others, key=lambda one: one.since)  # this one is among them
            oldest.transport.abort()
            self.connections.discard(oldest)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Hear a part of a request."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self.since = self.loop.time()
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the place."""
        super().connection_lost(exc)
        if self._timer is not None:
            self._timer.cancel()

    def _watch(self) -> None:
        """Let time run while no request is being answered, however many bytes come."""
        if self.is_waiting and self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self.transport.abort)
        elif not self.is_waiting and self._timer is not None:
            self._timer.cancel()
            self._timer = None


def open_browser(url: str) -> None:
    """Show the page in the user's browser, where there is a screen for one; a text browser would take the terminal."""
    has_screen = sys.platform in ("darwin", "win32") or any(os.environ.get(v) for v in ("DISPLAY", "WAYLAND_DISPLAY"))
    if has_screen:
        webbrowser.open(url)
