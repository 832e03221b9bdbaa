"""Asking the page's server, as a browser does and as no browser would."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email import message_from_bytes
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

ROOT = Path(__file__).parents[3]


class Heard(NamedTuple):
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> str:
        """The sentence of a refusal."""
        return str(json.loads(self.body)["error"])

    @property
    def form(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """What a form holds: the part "about", and the pictures by name."""
        return parts_of(self.headers["content-type"], self.body)


def parts_of(kind: str, body: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """A form taken apart by Python's own parser of messages."""
    message = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\nMIME-Version: 1.0\r\n\r\n" + body)
    parts = {
        str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True)
        for part in message.get_payload()  # type: ignore[union-attr]
    }
    return json.loads(parts.pop("about")), parts  # type: ignore[arg-type,return-value]


def pixels(png: bytes) -> np.ndarray:
    """A PNG as (H, W[, C]) RGB or RGBA."""
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    if image.ndim == 2:
        return image
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB if image.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)


class Served:
    """A running `occset serve`."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, home: Path, port: int) -> None:
        self.process, self.log, self.home, self.port = process, log, home, port
        self.url = f"http://127.0.0.1:{port}"

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, seconds: float = 60
    ) -> Heard:
        """One request on a connection of its own."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            line.request(method, path, body, dict(headers or {}))
            answer = line.getresponse()
            return Heard(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            line.close()

    def photo(self, data: bytes, kind: str = "image/png", **headers: str) -> Heard:
        """Send a photo."""
        return self.ask("POST", "/deocclude", data, {"Content-Type": kind, **headers})

    def raw(self, text: bytes, seconds: float = 20) -> bytes:
        """What is answered to bytes, until the connection ends."""
        heard = b""
        with suppress(ConnectionError), self.connect(text) as line:
            line.settimeout(seconds)
            while part := line.recv(1 << 16):
                heard += part
        return heard

    def connect(self, text: bytes = b"") -> socket.socket:
        """A connection on which something was said."""
        line = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        line.sendall(text)
        return line

    def lines(self) -> list[str]:
        """What it said so far."""
        return self.log.read_text().splitlines()

    def memory(self) -> int:
        """The most bytes that it ever held."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found
        return 1024 * int(found[1])


@contextmanager
def serving(folder: Path, *options: str, **variables: str) -> Iterator[Served]:
    """Run `occset serve` on a free port, with an empty home and an empty folder for what is passing."""
    home, log = folder / "home", folder / "log"
    home.mkdir()
    places = {"HOME": str(home), "TMPDIR": str(home), "XDG_CACHE_HOME": str(home), "XDG_DATA_HOME": str(home)}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "occset", "serve", "--port", "0", "--no-browser", "--device", "cpu", *options],
            cwd=home,
            env=os.environ | places | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])} | variables,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
    try:
        for _ in range(3000):
            found = re.search(r"http://[^:]+:(\d+)", log.read_text())
            if found or process.poll() is not None:
                break
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
        assert found, log.read_text()
        yield Served(process, log, home, int(found[1]))
    finally:
        process.kill()
        process.wait()
