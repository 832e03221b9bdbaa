"""Uploads that mean no good, against a page that really runs: each is refused, and then a photo is answered as before."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from occset.models.serving.example import example
from occset.models.serving.jobs import MOST_SENT
from occset.models.serving.server import HEAD_SECONDS, MOST_CONNECTIONS
from occset.pictures.images import encode_png
from tests.models.serving.talking import Heard, Served, pixels

MB = 1 << 20


def png(width: int, height: int, rows: bytes) -> bytes:
    """A PNG of 8-bit RGB whose header says a size, with whatever rows."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def moving(kind: str, frames: int) -> bytes:
    stream = io.BytesIO()
    first, *rest = [Image.new("RGB", (48, 48), (i % 256, 0, 0)) for i in range(frames)]
    first.save(stream, kind, save_all=True, append_images=rest)
    return stream.getvalue()


def test_a_picture_of_50000_by_50000_pixels_is_told_by_its_header(served: Served) -> None:
    before, began = served.memory(), time.monotonic()
    heard = served.photo(png(50_000, 50_000, bytes(1000)))
    assert heard.status == 422
    assert "50000 x 50000 pixels, more than the limit of 50000000" in heard.error
    assert served.memory() - before < 50 * MB and time.monotonic() - began < 20


def test_a_small_file_that_unpacks_to_much_is_not_unpacked(served: Served) -> None:
    bomb = png(7000, 7000, bytes(7000 * (1 + 3 * 7000)))  # 49 megapixels of black, below the limit of pixels
    before = served.memory()
    heard = served.photo(bomb)
    assert len(bomb) < 200_000 and heard.status == 422
    assert "would unpack to 147000000" in heard.error
    assert served.memory() - before < 50 * MB


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (bytes(1000), "is not a JPEG"),
        (b"\xff\xd8\xff\xe0 and no more", "damaged"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "is not a JPEG"),
        (b"<!doctype html><script>alert(1)</script>", "is not a JPEG"),
        (b"PK\x03\x04" + bytes(100), "is not a JPEG"),
        (encode_png(np.zeros((64, 64, 3), np.uint8))[:-30], "damaged"),
        (png(0, 0, b""), ""),
    ],
    ids=["empty", "zeros", "torn-jpeg", "svg", "html", "zip", "torn-png", "no-pixels"],
)
def test_what_is_no_picture_is_told_so_whatever_it_is_called(served: Served, data: bytes, says: str) -> None:
    heard = served.photo(data, "image/jpeg")
    assert heard.status == 422 and says in heard.error
    assert heard.headers["content-type"] == "application/json"  # never what was sent, as what it pretends to be


def test_a_film_of_a_thousand_frames_is_no_photo_and_of_others_the_first_counts(served: Served) -> None:
    assert "is not a JPEG" in served.photo(moving("GIF", 1000), "image/gif").error
    began = time.monotonic()
    heard = served.photo(moving("WEBP", 200), "image/webp")
    assert heard.status == 422 and "No face was found" in heard.error and time.monotonic() - began < 30


def test_a_hundred_megabytes_are_refused_by_their_length_alone(served: Served) -> None:
    head = (
        b"POST /deocclude HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 104857600\r\n\r\n"
    )
    began = time.monotonic()
    heard = served.raw(head)
    assert heard.startswith(b"HTTP/1.1 413 ") and b"32 MB at most" in heard
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("chunked", [False, True])
def test_a_hundred_megabytes_that_come_all_the_same_are_not_taken(served: Served, chunked: bool) -> None:
    before, sent, part = served.memory(), 0, bytes(MB)
    length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 104857600"
    with served.connect(b"POST /deocclude HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n") as line:
        line.sendall(length + b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                line.sendall(b"100000\r\n" + part + b"\r\n" if chunked else part)
                sent += 1
        with contextlib.suppress(ConnectionError):
            assert line.recv(100).startswith(b"HTTP/1.1 413 ")
    assert served.memory() - before < 120 * MB  # 32 MB, twice, and what a socket holds
    assert any("POST /deocclude 413" in text for text in served.lines())


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "text/plain", "application/json"])
def test_forms_and_names_of_files_are_not_taken(served: Served, kind: str) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="f"; filename="../../../etc/cron.d/evil"\r\n\r\nx\r\n--x--\r\n'
    assert served.photo(body, kind).status == 415


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/static/../../pyproject.toml", "/deocclude/",
        "/example/99", "/example/-1", "/example/" + "9" * 5000, "/example/%00", "/example/%D9%A3", "/page.js",
        "/gradio_api/proxy=x",
    ],
)  # fmt: skip
def test_paths_lead_nowhere(served: Served, path: str) -> None:
    for method in ("GET", "POST"):
        assert served.ask(method, path).status in (404, 405), method


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
def test_another_page_may_not_send(served: Served, headers: dict[str, str]) -> None:
    heard = served.photo(encode_png(np.zeros((64, 64, 3), np.uint8)), **headers)
    assert heard.status == 403 and "access-control-allow-origin" not in heard.headers


def test_methods(served: Served) -> None:
    head = served.ask("HEAD", "/")
    assert head.status == 200 and head.body == b"" and int(head.headers["content-length"]) > 5000
    asks = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    preflight = served.ask("OPTIONS", "/deocclude", headers=asks)
    assert preflight.status == 403
    assert not [name for name in preflight.headers if name.startswith("access-control")]
    for method, path in (
        ("OPTIONS", "/"),
        ("GET", "/deocclude"),
        ("PUT", "/deocclude"),
        ("DELETE", "/"),
        ("TRACE", "/"),
    ):
        assert served.ask(method, path).status == 405, (method, path)


@pytest.mark.parametrize(
    "text",
    [
        b"\x16\x03\x01 hello\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * (2 * MB) + b"\r\n\r\n",
        b"POST /deocclude HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /deocclude HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST /deocclude HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    ],
    ids=["tls", "no-host", "bytes", "long", "two-lengths", "negative", "chunk"],
)
def test_what_is_no_request_is_refused(served: Served, text: bytes) -> None:
    heard = served.raw(text)
    cut_off = [b""] if len(text) > MB else []  # in the middle of it, before the answer arrives
    assert heard[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 403", b"HTTP/1.1 415", *cut_off), heard[:80]


@contextlib.contextmanager
def lines(served: Served, count: int, text: bytes) -> Iterator[list[object]]:
    """So many connections on which something was said, and no more."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(served.connect(text)) for _ in range(count)]


def test_slow_heads_however_many_keep_nobody_out_and_end_in_time(served: Served) -> None:
    began = time.monotonic()
    with lines(served, 2 * MOST_CONNECTIONS, b"GET / HTTP/1.1\r\nHost: loc") as slow:
        assert served.ask("GET", "/").status == 200
        last = slow[-1]
        last.settimeout(4 * HEAD_SECONDS)  # type: ignore[attr-defined]
        with contextlib.suppress(ConnectionError):
            assert last.recv(10) == b""  # type: ignore[attr-defined]
    assert HEAD_SECONDS - 1 < time.monotonic() - began < 4 * HEAD_SECONDS


def test_slow_bodies_take_all_places_and_who_comes_then_is_told(served: Served) -> None:
    start = (
        b"POST /deocclude HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\n\x89PNG"
    )
    with lines(served, MOST_SENT, start):
        heard = waited(served, 503)
        assert "Try again in a moment" in heard.error and int(heard.headers["retry-after"]) > 0
        assert served.ask("GET", "/").status == 200
    assert "is empty" in waited(served, 422).error  # they are gone, and their places free


def waited(served: Served, status: int) -> Heard:
    """The answer to a photo that is none, once it has a status: what a connection says takes a moment to be heard."""
    for _ in range(100):
        heard = served.photo(b"")
        if heard.status == status:
            return heard
        time.sleep(0.1)
    raise AssertionError(heard)


def test_after_all_this_a_photo_is_answered_and_nothing_was_kept(served: Served) -> None:
    photo = example(0)
    heard = served.photo(encode_png(photo), Origin=f"http://127.0.0.1:{served.port}")
    about, pictures = heard.form
    assert heard.status == 200 and about["faces"][0]["painted"]
    assert np.array_equal(pixels(pictures["before"])[..., :3], photo[..., :3])
    assert heard.headers["cache-control"] == "no-store"
    assert not [name for _, _, names in os.walk(served.home) for name in names]
    handles = Path(f"/proc/{served.process.pid}/fd").iterdir()
    open_files = {str(handle.readlink()) for handle in handles}
    assert not [name for name in open_files if name.startswith(("/tmp", str(served.home))) and name != str(served.log)]
    said = "\n".join(served.lines())
    for word in ("Traceback", "Exception", "passwd", "evil", "socket.send"):
        assert word not in said, said[-2000:]
