from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from occset.pictures.images import encode_png
from occset.pictures.png_chunks import SIGNATURE, check_png
from occset.support.errors import BadInput


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def header(width: int, height: int, bits: int = 8, colour: int = 6) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))


def frame(width: int, height: int, left: int = 0, top: int = 0) -> bytes:
    return chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, width, height, left, top, 1, 10, 0, 0))


BODY = chunk(b"IDAT", zlib.compress(bytes(6 * (1 + 5 * 4))))
END = chunk(b"IEND", b"")


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "I;16"])
def test_what_programs_write_passes_whatever_its_kind(mode: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
    image = Image.fromarray(noise).convert("L" if mode == "I;16" else mode)
    stream = io.BytesIO()
    (image.convert("I;16") if mode == "I;16" else image).save(stream, "PNG", compress_level=0)  # larger than its pixels
    assert check_png(stream.getvalue(), "a.png") == (90, 70)
    assert check_png(encode_png(noise) + b"bytes after the end", "a.png") == (90, 70)
    assert check_png(stream.getvalue()[:-40], "a.png") == (90, 70)  # its decoder says that it was cut off


def test_an_animation_on_its_canvas_passes() -> None:
    parts = header(5, 6) + chunk(b"acTL", struct.pack(">II", 2, 0)) + frame(5, 6) + BODY + frame(2, 2, 3, 4)
    assert check_png(SIGNATURE + parts + END, "a.png") == (5, 6)


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        (b"", "a damaged header"),
        (chunk(b"tEXt", b"a\0b") + header(5, 6) + BODY, "a damaged header"),
        (chunk(b"IHDR", bytes(12)) + BODY, "a damaged header"),
        (header(5, 6) + header(9000, 9000) + BODY, "two headers"),
        (header(9000, 9000) + header(5, 6) + BODY, "two headers"),
        (header(5, 6) + header(5, 6) + BODY, "two headers"),
        (header(5, 6) + BODY + header(9000, 9000), "two headers"),
        (header(5, 6) + frame(9000, 9000) + BODY, "a frame that lies beyond its 5 x 6 pixels"),
        (header(5, 6) + BODY + frame(1, 1, 5, 0), "a frame that lies beyond"),
        (header(5, 6) + BODY + frame(1, 1, 0, 1 << 31), "a frame that lies beyond"),
        (header(5, 6) + chunk(b"IDAT", bytes(70_000)), "more image data than 5 x 6 pixels can need"),
        (header(5, 6) + chunk(b"IDAT", bytes(6_000)) * 12, "more image data"),
    ],
)
def test_chunks_that_do_not_agree_are_refused_by_name(parts: bytes, says: str) -> None:
    with pytest.raises(BadInput, match=rf"^odd\.png has {says}.*remove it"):
        check_png(SIGNATURE + parts + END, "odd.png")
