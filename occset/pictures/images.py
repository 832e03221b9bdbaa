"""Pictures: RGB in that order, uint8, upright, whatever the file holds; read, written, hashed, shrunk.

What is read how, is in `occset.pictures.decoding`. What changes pixels here is integer arithmetic, the same everywhere.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

import cv2
import numpy as np

from occset.pictures.decoding import decode, decode_data, read_bytes, read_header
from occset.support.errors import BadInput
from occset.support.files import write_atomic

MAX_PIXELS = 100_000_000
_PNG_LEVEL = 3  # the knee for 512 px faces: 16 ms and 306 kB; level 6 takes 42 ms for 292 kB


def read_image(path: Path | str, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a picture as (H, W, 3) uint8 RGB, upright; transparency is dropped, grey becomes three equal channels.

    Args:
        path: a JPEG, PNG, WebP, BMP, TIFF, AVIF or HEIC file, told by its content.
        max_pixels: largest width x height that gets decoded.

    Raises:
        BadInput: missing, unreadable, not a picture, truncated, damaged, or too large; names file and remedy.
    """
    image = decode(path, max_pixels)
    if image.ndim == 2:
        return np.repeat(image[:, :, None], 3, axis=2)
    return image if image.shape[2] == 3 else np.ascontiguousarray(image[:, :, :3])


def read_rgba(path: Path | str, max_pixels: int = MAX_PIXELS, need_alpha: bool = False) -> np.ndarray:
    """Read a picture as (H, W, 4) uint8, straight alpha; 255 everywhere where the file has no transparency.

    Raises:
        BadInput: as `read_image`; and with `need_alpha`, where the file has no transparency.
    """
    image = decode(path, max_pixels)
    if image.ndim == 3 and image.shape[2] == 4:
        return image
    if need_alpha:
        raise BadInput(f"{path} has no transparency: cut it out and save it as a PNG with alpha, or remove it")
    return _opaque(image)


def rgba_of(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """As `read_rgba`, of bytes that are no file's.

    Args:
        data: of a picture, as a file would hold them.
        name: how errors call it, such as "the photo".
        max_pixels: largest width x height that gets decoded.

    Raises:
        BadInput: as `read_image`.
    """
    image = decode_data(data, Path(name), max_pixels)
    return image if image.ndim == 3 and image.shape[2] == 4 else _opaque(image)


def _opaque(image: np.ndarray) -> np.ndarray:
    colour = np.repeat(image[:, :, None], 3, axis=2) if image.ndim == 2 else image
    return np.dstack([colour, np.full(colour.shape[:2], 255, np.uint8)])


def read_grey(path: Path | str, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a picture as (H, W) uint8; colour becomes ``(77 R + 150 G + 29 B + 128) >> 8``, transparency is dropped.

    Raises:
        BadInput: as `read_image`.
    """
    image = decode(path, max_pixels)
    if image.ndim == 2:
        return image
    red, green, blue = (image[:, :, channel].astype(np.uint32) for channel in range(3))
    return ((77 * red + 150 * green + 29 * blue + 128) >> 8).astype(np.uint8)


def is_plain_rgb(path: Path | str) -> bool:
    """Whether any decoder gives the array of `read_image`: a JPEG or PNG, 8-bit RGB, upright, without transparency.

    Such a file can be copied as it is. Reads the header only.

    Raises:
        BadInput: missing, unreadable, or not a picture.
    """
    path = Path(path)
    header = read_header(read_bytes(path), path)
    is_rgb = header.mode == "RGB" and header.bits == 8 and not header.has_alpha
    return is_rgb and header.format in ("JPEG", "PNG") and header.orientation == 1


def encode_png(array: np.ndarray) -> bytes:
    """Encode (H, W), (H, W, 3) RGB or (H, W, 4) RGBA uint8 as PNG; the same array gives the same bytes.

    Raises:
        ValueError: another shape or type.
    """
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise ValueError(f"a picture is uint8 (H, W), (H, W, 3) or (H, W, 4), not {array.dtype} {array.shape}")
    if 0 in array.shape:
        raise ValueError(f"a picture has at least one pixel, not shape {array.shape}")
    if array.ndim == 3:
        array = cv2.cvtColor(array, cv2.COLOR_RGB2BGR if array.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
    done, encoded = cv2.imencode(".png", array, [cv2.IMWRITE_PNG_COMPRESSION, _PNG_LEVEL])
    if not done:
        raise ValueError(f"OpenCV cannot encode an array of shape {array.shape}")
    return encoded.tobytes()


def write_png(path: Path | str, array: np.ndarray) -> None:
    """Write a picture as PNG, whole or not at all.

    Raises:
        NoSpace: the disk is full or the folder cannot be written.
        ValueError: as `encode_png`.
    """
    write_atomic(path, encode_png(array))


def pixel_hash(array: np.ndarray) -> str:
    """SHA-256 of an array's shape, type and values: equal for equal pixels, whatever file they came from."""
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape}".encode())
    digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def extend_colour(rgba: np.ndarray, alpha_at_least: int = 128) -> np.ndarray:
    """Give every pixel with too little alpha the colour of the nearest pixel that has enough.

    Interpolating straight alpha mixes the colours of hidden pixels into the edge; what lies there is often black.
    If no pixel has enough alpha, those with the most alpha are the ones to copy from.

    Args:
        rgba: (H, W, 4) uint8, straight alpha.
        alpha_at_least: 1..255, the least alpha whose colour is trusted.

    Returns:
        (H, W, 4) uint8, alpha as it was.
    """
    trusted = rgba[:, :, 3] >= min(alpha_at_least, int(rgba[:, :, 3].max()))
    if trusted.all():
        return rgba.copy()
    # labels number the zero pixels of the map, so the trusted ones are the zeros
    _, labels = cv2.distanceTransformWithLabels(
        np.where(trusted, 0, 255).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    colours = np.zeros((labels.max() + 1, 3), np.uint8)
    colours[labels[trusted]] = rgba[:, :, :3][trusted]
    return np.dstack([colours[labels], rgba[:, :, 3]])


def _box_average(image: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Mean of blocks of `rows` x `columns` pixels, rounded half up, in integers."""
    if rows == columns == 1:
        return image
    if rows == columns == 2:  # OpenCV's own is the same in integers, (a + b + c + d + 2) // 4, and ten times as fast
        return cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)
    area = rows * columns
    wide = np.uint16 if area <= 256 else np.uint32  # 256 * 255 + 128 still fits 16 bits
    total = functools.reduce(np.add, (image[i::rows].astype(wide) for i in range(rows)))
    total = functools.reduce(np.add, (total[:, i::columns] for i in range(columns)))
    return ((total + area // 2) // area).astype(np.uint8)


def shrink(image: np.ndarray, size: int | tuple[int, int]) -> np.ndarray:
    """Resize to the working size with the same bits on every machine.

    A whole factor is a box average. Otherwise the picture is first stretched to the next multiple of the wanted size
    (`INTER_LINEAR_EXACT`, fixed point) and then averaged, so that every pixel counts and nothing aliases. Enlarging is
    `INTER_LINEAR_EXACT` alone.

    Args:
        image: (H, W), (H, W, 3) or (H, W, 4) uint8.
        size: the side of a square, or (height, width).

    Returns:
        uint8 of the wanted size and as many channels.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if height < 1 or width < 1:
        raise ValueError(f"a picture cannot be {height} x {width} pixels")
    rows, columns = -(-image.shape[0] // height), -(-image.shape[1] // width)
    wanted = (width * columns, height * rows)
    if image.shape[1::-1] != wanted:
        image = cv2.resize(image, wanted, interpolation=cv2.INTER_LINEAR_EXACT)
    return _box_average(image, rows, columns)
