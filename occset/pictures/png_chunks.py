"""The chunks of a PNG, held against each other before any decoder sees them.

Decoders differ in which of two headers they believe, so a size that was checked in one may not be the size that is
decoded. Here a PNG has one header, at its beginning; the frames of an animation lie on its canvas; and there is not more
image data than its pixels can need.
"""

from __future__ import annotations

from collections.abc import Iterator

from occset.support.errors import BadInput

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_SPARE = 1 << 16  # bytes of image data beyond twice the pixels' own


def check_png(data: bytes, what: str) -> tuple[int, int]:
    """Width and height of a PNG whose chunks agree with each other; one that was cut off passes, its decoder tells.

    Args:
        data: the file, which begins with `SIGNATURE`.
        what: its name, which errors begin with.

    Raises:
        BadInput: no header at the beginning, a second one, a frame that lies beyond the canvas, or too much image data.
    """
    remedy = "save it again with another program, or remove it"
    chunks = _chunks(data)
    kind, header = next(chunks, (b"", b""))
    if kind != b"IHDR" or len(header) != 13:
        raise BadInput(f"{what} has a damaged header (a PNG begins with IHDR): {remedy}")
    width, height, bits = int.from_bytes(header[:4]), int.from_bytes(header[4:8]), header[8]
    room = 2 * height * (1 + (width * bits * _CHANNELS.get(header[9], 4) + 7) // 8) + _SPARE
    for kind, content in chunks:
        if kind == b"IHDR":
            raise BadInput(f"{what} has two headers, so that its size is not known: {remedy}")
        if kind == b"fcTL" and len(content) >= 20:
            across, down, left, top = (int.from_bytes(content[at : at + 4]) for at in (4, 8, 12, 16))
            if left + across > width or top + down > height:
                raise BadInput(f"{what} has a frame that lies beyond its {width} x {height} pixels: {remedy}")
        if kind == b"IDAT":
            room -= len(content)
            if room < 0:
                raise BadInput(f"{what} has more image data than {width} x {height} pixels can need: {remedy}")
    return width, height


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Type and content of each chunk up to the end of the picture, the last one perhaps cut off."""
    view, at = memoryview(data), len(SIGNATURE)
    while at + 8 <= len(data):
        size, kind = int.from_bytes(view[at : at + 4]), bytes(view[at + 4 : at + 8])
        yield kind, view[at + 8 : at + 8 + size]
        if kind == b"IEND":
            return
        at += size + 12
