"""Pictures that a stranger made to fill a memory, to hang a reader, or to be decoded as another size than was checked."""

from __future__ import annotations

import io
import os
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from occset.pictures.decoding import ALWAYS_ALLOWED, MOST_PACKED, decode
from occset.pictures.images import MAX_PIXELS, read_grey, read_image, read_rgba
from occset.pictures.png_chunks import SIGNATURE
from occset.support.errors import BadInput
from tests.occset.pictures.test_png_chunks import BODY, END, chunk, header

LONG_TEXT = zlib.compress(bytes(1 << 26), 9)


def flat_png(width: int, height: int, bits: int = 8, colour: int = 6) -> bytes:
    channels = {0: 1, 2: 3, 3: 1, 6: 4}[colour]
    row, packer = bytes(1 + width * bits * channels // 8), zlib.compressobj(9)
    packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    palette = chunk(b"PLTE", bytes(6)) if colour == 3 else b""
    return SIGNATURE + header(width, height, bits, colour) + palette + chunk(b"IDAT", packed) + END


def webp_canvas(side: int) -> bytes:
    """An animation of 8 x 8 pixels on a canvas of `side`."""
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "WEBP", lossless=True)
    size = struct.pack("<I", side - 1)[:3]
    frame = bytes(6) + struct.pack("<I", 7)[:3] * 2 + bytes(4) + stream.getvalue()[12:]
    parts = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + size * 2 + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    parts += b"ANMF" + struct.pack("<I", len(frame)) + frame
    return b"RIFF" + struct.pack("<I", 4 + len(parts)) + b"WEBP" + parts


def gif_bomb() -> bytes:
    return (
        b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b"," + bytes(4) + b"\xff" * 4 + b"\0\x02\x02D\x01\0;"
    )


def tiff_bomb() -> bytes:
    entries = [(256, 4, 60000), (257, 4, 60000), (258, 3, 8), (259, 3, 5), (262, 3, 1), (273, 4, 8), (279, 4, 4)]
    fields = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + fields + bytes(4)


def bmp_bomb() -> bytes:
    about = struct.pack("<IiiHHIIiiII", 40, 30000, 30000, 1, 8, 1, 8, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 14 + 40 + 8, 0, 0, 54) + about + bytes(8)


BOMBS: dict[str, Callable[[], bytes]] = {
    "flat.png": lambda: flat_png(9000, 9000),
    "palette.png": lambda: flat_png(9600, 9600, 8, 3),
    "deep.png": lambda: flat_png(6000, 6000, 16, 2),
    "one bit.png": lambda: flat_png(80_000, 80_000, 1, 0),
    "canvas.webp": lambda: webp_canvas(9000),
    "large canvas.webp": lambda: webp_canvas(16000),
    "screen.gif": gif_bomb,
    "strips.tif": tiff_bomb,
    "runs.bmp": bmp_bomb,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_does_not_become_a_large_picture(tmp_path: Path, name: str) -> None:
    data = BOMBS[name]()
    (tmp_path / name).write_bytes(data)
    tracemalloc.start()
    try:
        for read in (read_image, read_rgba, read_grey):
            with pytest.raises(BadInput, match=name):
                read(tmp_path / name)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(data) + (8 << 20)


def test_what_is_said_of_a_picture_that_is_packed_too_tightly(tmp_path: Path) -> None:
    data = flat_png(9000, 9000)
    (tmp_path / "a.png").write_bytes(data)
    says = rf"a\.png has {len(data)} bytes and would unpack to 324000000, more than 1000 for each: shrink it"
    with pytest.raises(BadInput, match=says):
        read_rgba(tmp_path / "a.png")


def test_masks_of_any_usual_size_are_read_however_empty_they_are(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "mask.png"), np.zeros((8192, 8192), np.uint8))
    assert read_grey(tmp_path / "mask.png").shape == (8192, 8192)
    cv2.imwrite(str(tmp_path / "cut-out.png"), np.zeros((4096, 4096, 4), np.uint8))
    assert read_rgba(tmp_path / "cut-out.png").nbytes == ALWAYS_ALLOWED
    assert MAX_PIXELS * 4 // MOST_PACKED < 500_000  # a picture of every allowed size needs no more than half a megabyte


def two_headers(first: tuple[int, int], second: tuple[int, int]) -> bytes:
    return SIGNATURE + header(*first) + header(*second) + BODY + END


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (two_headers((5, 6), (4096, 4096)), "two headers"),
        (two_headers((4096, 4096), (5, 6)), "two headers"),
        (
            SIGNATURE + header(5, 6) + chunk(b"zTXt", b"k\0\0" + LONG_TEXT) + BODY + END,
            "damaged",
        ),
        (
            SIGNATURE + header(5, 6) + chunk(b"iCCP", b"k\0\0" + LONG_TEXT) + BODY + END,
            "damaged",
        ),
        (
            SIGNATURE + header(5, 6) + chunk(b"iTXt", b"k\0\1\0\0\0" + LONG_TEXT) + BODY + END,
            "damaged",
        ),
        (SIGNATURE + header(5, 6) + chunk(b"IDAT", zlib.compress(bytes(1 << 27), 9)) + END, "more image data"),
    ],
)
def test_a_png_that_is_not_what_it_says_is_refused_before_it_is_decoded(tmp_path: Path, data: bytes, says: str) -> None:
    (tmp_path / "odd.png").write_bytes(data)
    with pytest.raises(BadInput, match=rf"odd\.png has .*{says}"):
        decode(tmp_path / "odd.png", MAX_PIXELS)


def test_text_that_expands_after_the_pixels_takes_no_memory(tmp_path: Path) -> None:
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(1 << 28), 9))
    (tmp_path / "late.png").write_bytes(SIGNATURE + header(5, 6) + BODY + text + END)
    tracemalloc.start()
    try:
        assert decode(tmp_path / "late.png", MAX_PIXELS).shape == (6, 5, 4)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_profile_and_texts_as_programs_write_them_change_nothing(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (40, 50, 3), np.uint8)
    about = PngImagePlugin.PngInfo()
    about.add_text("Comment", "words " * 1000, zip=True)
    Image.fromarray(noise).save(tmp_path / "a.png", pnginfo=about, icc_profile=bytes(range(256)) * 40)
    assert np.array_equal(read_image(tmp_path / "a.png"), noise)


def test_a_jpeg_of_a_thousand_scans_is_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    noise = np.random.default_rng(2).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(stream, "JPEG", progressive=True)
    data = stream.getvalue()
    at = data.rindex(b"\xff\xda")
    (tmp_path / "usual.jpg").write_bytes(data)
    assert read_image(tmp_path / "usual.jpg").shape == (64, 64, 3)
    (tmp_path / "scans.jpg").write_bytes(data[:at] + data[at:-2] * 1200 + data[-2:])
    with pytest.raises(BadInput, match=r"scans\.jpg has more than 1000 scans"):
        read_image(tmp_path / "scans.jpg")


def test_16_bits_are_rounded_in_every_row(tmp_path: Path) -> None:
    values = np.random.default_rng(3).integers(0, 65536, (150, 7, 4), np.uint16)
    cv2.imwrite(str(tmp_path / "deep.png"), values)
    wanted = np.rint(values[..., [2, 1, 0, 3]].astype(np.float64) * 255 / 65535).astype(np.uint8)
    assert np.array_equal(read_rgba(tmp_path / "deep.png"), wanted)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(BadInput, match=r"pipe\.png is a pipe, not a file"):
        read_image(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    with pytest.raises(BadInput, match=r"zero\.png is a device"):
        read_grey(tmp_path / "zero.png")
