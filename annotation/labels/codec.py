"""Label Studio's two ways to write a mask: the run-length code of a brush, and the PNG of a bitmask.

A brush (`<BrushLabels>`, `value.rle`) holds RGBA as thi.ng's rle-pack writes it; its alpha is the mask. What the browser
and the SDK write has four equal channels. A bitmask (`<BitmaskLabels>`, `value.imageDataURL`) is a PNG of black pixels
on nothing, of the size of the picture; there too, alpha is the mask. Both are drawn with soft edges, and any alpha above
0 is shown: what is read here is alpha, 0..255, and `occset.pictures.masks.harden` makes it binary.
"""

from __future__ import annotations

import base64
import io
from types import ModuleType
from typing import Any

import numpy as np

from occset.support.errors import BadInput, MissingExtra

MAX_PIXELS = 1 << 26
"""The largest height x width of a mask that is written or read."""

_PREFIX = "data:image/png;base64,"
_AGAIN = "export the task again, or label it again"


def encode_brush(mask: np.ndarray) -> list[int]:
    """Mask to the code of a brush: byte for byte what the SDK's `mask2rle` writes.

    Args:
        mask: (H, W) uint8, 0 or 255, or alpha 0..255; at most `MAX_PIXELS`.

    Returns:
        Numbers 0..255, ready for JSON: `value.rle` beside `"format": "rle"`.

    Raises:
        BadInput: another shape or type, no pixel or too many, or a mask of 0 and 1.
        MissingExtra: numba is not installed.
    """
    _check_mask(mask)
    loops = _load_loops()
    flat = np.ascontiguousarray(mask).reshape(-1)
    ends = np.append(np.flatnonzero(flat[1:] != flat[:-1]) + 1, flat.size)
    header = (4 * flat.size << 21 | 7 << 16 | 0x237F) << 3  # 8 bits a value, lengths of 3, 4, 8 and 16 bits
    runs = ends.size + 4 * flat.size // 65536  # a longer run is written in parts
    code = np.empty(9 + runs * loops.LONGEST_RUN_BITS // 8, np.uint8)
    code[:7] = np.frombuffer(header.to_bytes(7), np.uint8)
    return list(code[: loops.pack(flat, ends, code)].tobytes())


def decode_brush(code: list[int] | np.ndarray, height: int, width: int) -> np.ndarray:
    """Code of a brush to its alpha, (H, W) uint8 0..255.

    Any widths of the runs' lengths are read. After the last run there may be up to 8 bits of 0: the browser fills up the
    last byte, and the SDK adds a whole one where it is full.

    Args:
        code: `value.rle`, whole numbers 0..255, as a list or an array (M,).
        height: of the picture, `original_height`.
        width: of the picture, `original_width`; height x width is at most `MAX_PIXELS`.

    Raises:
        BadInput: not such numbers, not H x W x 4 values of 8 bits, cut off, too long, or a size out of range.
        MissingExtra: numba is not installed.
    """
    _check_size(height, width)
    loops = _load_loops()
    most = (loops.HEADER_BITS + 4 * height * width * loops.LONGEST_RUN_BITS) // 8 + 2
    data = _to_bytes(code, most)
    values, word = int.from_bytes(data[:4]), (data[4] >> 3) + 1
    if word != 8:
        raise BadInput(f"a brush of {word}-bit values is not one of Label Studio's, which have 8: {_AGAIN}")
    if values != 4 * height * width:
        raise BadInput(
            f"a brush of {values} values was given for {width} x {height} pixels of 4: it is another picture's, or the "
            f"size is; {_AGAIN}"
        )
    bits = 8 * len(data)
    data.extend(bytes(5))  # the loop looks five bytes ahead
    alpha = np.empty(height * width, np.uint8)
    state = loops.unpack(np.frombuffer(data, np.uint8), bits, alpha)
    if state != loops.WHOLE:
        fault = {
            loops.CUT_OFF: "is cut off",
            loops.TOO_LONG: "has a run beyond the last pixel",
            loops.TRAILING: "goes on after the last pixel",
        }[state]
        raise BadInput(f"a brush of {width} x {height} pixels {fault}: {_AGAIN}")
    return alpha.reshape(height, width)


def encode_bitmask(mask: np.ndarray) -> str:
    """Mask to the URL of a bitmask: a PNG, black with the mask as its alpha.

    Args:
        mask: (H, W) uint8, 0 or 255, or alpha 0..255; at most `MAX_PIXELS`.

    Returns:
        `data:image/png;base64,...`, for `value.imageDataURL`.

    Raises:
        BadInput: as `encode_brush`.
    """
    from occset.pictures.images import encode_png

    _check_mask(mask)
    rgba = np.zeros((*mask.shape, 4), np.uint8)
    rgba[:, :, 3] = mask
    return _PREFIX + base64.b64encode(encode_png(rgba)).decode("ascii")


def decode_bitmask(url: str, height: int, width: int) -> np.ndarray:
    """URL of a bitmask to its alpha, (H, W) uint8 0..255.

    Nothing is fetched: the browser would show any address, but writes the picture itself.

    Args:
        url: `value.imageDataURL`, a PNG with transparency as `data:image/png;base64,...`.
        height: of the picture, `original_height`.
        width: of the picture, `original_width`; height x width is at most `MAX_PIXELS`.

    Raises:
        BadInput: not such a URL, too long, damaged, of another size, without transparency, or a size out of range.
    """
    from occset.pictures.png_chunks import check_png

    _check_size(height, width)
    data = _to_png(url, 9 * height * width + (1 << 16))  # 16-bit RGBA that cannot be packed takes 8 bytes a pixel
    size = check_png(data, "the PNG of a bitmask")  # nothing is decoded before this is known
    if size != (width, height):
        raise BadInput(f"a bitmask of {size[0]} x {size[1]} was given for {width} x {height} pixels: {_AGAIN}")
    alpha = _alpha_of(data)
    if alpha.shape != (height, width):
        raise BadInput(f"the PNG of a bitmask holds another size than its header says: {_AGAIN}")
    return alpha


def _alpha_of(png: bytes) -> np.ndarray:
    from PIL import Image

    if png[24] == 16:
        return _alpha_of_16_bits(png)
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
            image.load()
            if image.has_transparency_data:
                return np.array(image.convert("RGBA").getchannel("A"))
    except Exception as error:  # OSError for truncation, SyntaxError and zlib.error for damage, and more
        raise BadInput(f"the PNG of a bitmask is truncated or damaged ({error}): {_AGAIN}") from error
    raise BadInput("a bitmask without transparency would cover the whole picture: write the mask with encode_bitmask")


def _alpha_of_16_bits(png: bytes) -> np.ndarray:
    """Pillow would take the upper bytes only, so that 255 of 65535 and 0 are one."""
    from pathlib import Path

    from occset.pictures.decoding import decode_bytes
    from occset.pictures.mask_reading import alpha_of

    where = "the PNG of a bitmask"
    alpha = alpha_of(decode_bytes(png, Path(where), MAX_PIXELS), where).values
    if 0 < alpha.max() <= 257:
        raise BadInput(
            f"{where} has an alpha of at most {alpha.max()} of 65535, which nobody saw in Label Studio: write it with "
            "encode_bitmask, and label the task again"
        )
    return ((alpha.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def _check_mask(mask: np.ndarray) -> None:
    if not isinstance(mask, np.ndarray) or mask.ndim != 2 or mask.dtype != np.uint8:
        what = f"{mask.shape} {mask.dtype}" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise BadInput(f"a mask for Label Studio is (H, W) uint8, this is {what}: convert it to 0 and 255")
    _check_size(*mask.shape)
    if mask.max() == 1:
        raise BadInput("a mask of 0 and 1 would be invisible in Label Studio: multiply it by 255")


def _check_size(height: int, width: int) -> None:
    for side in (height, width):
        if not isinstance(side, int) or isinstance(side, bool):
            raise BadInput(f"a size is a whole number of pixels, not {side!r:.40}: give height and width as integers")
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise BadInput(f"{width} x {height} pixels are none or more than {MAX_PIXELS}: label a smaller copy")


def _to_bytes(code: Any, most: int) -> bytearray:
    """Numbers 0..255 as bytes, seven at least."""
    wrong = BadInput(f"a brush's code is a list of whole numbers 0..255, this is something else: {_AGAIN}")
    if not isinstance(code, list) and not (isinstance(code, np.ndarray) and code.ndim == 1):
        raise wrong
    if not 7 <= len(code) <= most:
        raise BadInput(f"a brush's code of {len(code)} numbers is too short or too long for its picture: {_AGAIN}")
    if isinstance(code, np.ndarray):
        if code.dtype.kind not in "iu" or code.min() < 0 or code.max() > 255:
            raise wrong
        return bytearray(code.astype(np.uint8).tobytes())
    if list(map(type, code)).count(int) != len(code):  # bytearray would take bools too
        raise wrong
    try:
        return bytearray(code)
    except ValueError as error:
        raise wrong from error


def _to_png(url: Any, most: int) -> bytes:
    """What a data URL holds, if it begins as a PNG does."""
    if not isinstance(url, str) or not url.startswith(_PREFIX):
        what = repr(url[:30]) if isinstance(url, str) else type(url).__name__
        raise BadInput(f"a bitmask is a PNG as {_PREFIX}..., not {what}: {_AGAIN}")
    if len(url) > len(_PREFIX) + 4 * most // 3:
        raise BadInput(f"a bitmask of {len(url)} characters is too long for its picture: {_AGAIN}")
    try:
        data = base64.b64decode(url[len(_PREFIX) :], validate=True)
    except ValueError as error:
        raise BadInput(f"the PNG of a bitmask is no base64 ({error}): {_AGAIN}") from error
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR" or len(data) < 33:
        raise BadInput(f"what a bitmask holds is no PNG: {_AGAIN}")
    return data


def _load_loops() -> ModuleType:
    try:
        from occset.annotation.labels import codec_loops
    except ModuleNotFoundError as error:
        if error.name != "numba":
            raise
        raise MissingExtra("numba", "annotate", "reading and writing brushes") from error
    return codec_loops
