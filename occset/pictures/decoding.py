"""From a picture's bytes to upright uint8 pixels, or a clear error; `occset.pictures.images` is the door to it.

Sizes are checked in the header before anything is decoded: the pixels against a limit, and the bytes that they take
against those of the file, so that a small file does not become a large picture. JPEG and PNG are decoded by OpenCV,
whose version is pinned, so that everyone gets the same pixels; Pillow reads headers and the rarer kinds (palette, CMYK,
WebP, BMP, TIFF, and AVIF and HEIC where it or its plug-in can). Of several pages the first counts. Colour profiles are
ignored. 16-bit pictures become ``round(v * 255 / 65535)``.
"""

from __future__ import annotations

import importlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import BmpImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

from occset.pictures.png_chunks import SIGNATURE, check_png
from occset.support import reading
from occset.support.errors import BadInput

MOST_PACKED = 1000
"""Bytes of pixels for each byte of a file: more is a picture of one colour, or made to fill a memory."""
ALWAYS_ALLOWED = 64 << 20
"""Bytes of pixels that any file may have: 4096 x 4096 with transparency, or a mask of 8192 x 8192."""

_MOST_SCANS = 1000  # of a JPEG; each passes over the whole picture
_GREY = ("1", "L", "I", "I;16", "I;16B", "I;16L", "I;16N")
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_AVIF, _HEIC = (b"avif", b"avis"), (b"heic", b"heix", b"hevc", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1")
_MOST_BRANDS = 64  # bytes at the start of a file in which AVIF and HEIC tell what they are
_ORIENTATION = 0x0112  # the EXIF tag
_AGAIN = "download it again or remove it"


@dataclass(frozen=True)
class Header:
    """What a file says of itself before it is decoded."""

    format: str  # "JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF" or "HEIF"
    mode: str  # Pillow's: "RGB", "L", "P", "CMYK", "I;16", ...
    width: int
    height: int
    orientation: int  # EXIF, 1 = upright
    bits: int  # of one channel, 8 or 16
    has_alpha: bool


@dataclass(frozen=True)
class Stored:
    """A picture's values as the file holds them, upright.

    Attributes:
        pixels: (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or, of a file with 16 bits, uint16. A palette's
            indexes are its colours here.
        format: as `Header.format`.
        bits: of one value, 1, 2, 4, 8 or 16; fewer than 8 are stretched to 0..255. 8 for a palette's colours.
        indexes: how many indexes of a palette are used; 0 for a picture without one.
    """

    pixels: np.ndarray
    format: str
    bits: int
    indexes: int


def read_bytes(path: Path) -> bytes:
    """All bytes of a file.

    Raises:
        BadInput: missing, a folder, a pipe, a device, unreadable, or absurdly large.
    """
    try:
        return reading.read_file(path)
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist: download it or remove it from the list") from error
    except IsADirectoryError as error:
        raise BadInput(f"{path} is a folder, not a picture: name a file") from error
    except PermissionError as error:
        raise BadInput(f"{path} may not be read: change its permissions (chmod +r)") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}): {_AGAIN}") from error


def _open(data: bytes, path: Path) -> ImageFile.ImageFile:
    """Parse the header by the file's first bytes, not its name. Nothing is decoded yet."""
    # The plugins are called by themselves: Image.open would try every format there is, and refuses large
    # pictures without naming their size.
    stream = io.BytesIO(data)
    try:
        if data[:3] == b"\xff\xd8\xff":
            return JpegImagePlugin.JpegImageFile(stream)
        if data[:8] == SIGNATURE:
            check_png(data, str(path))
            return PngImagePlugin.PngImageFile(stream)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return WebPImagePlugin.WebPImageFile(stream)
        if data[:2] == b"BM":
            return BmpImagePlugin.BmpImageFile(stream)
        if data[:4] in _TIFF:
            return TiffImagePlugin.TiffImageFile(stream)
        if data[4:8] == b"ftyp":
            return _open_film_still(data, stream, path)
    except BadInput:
        raise
    except Exception as error:  # the plugins raise SyntaxError, ValueError, struct.error, OverflowError, ...
        raise BadInput(f"{path} has a damaged header ({error}): {_AGAIN}") from error
    what = "is empty" if not data else "is not a JPEG, PNG, WebP, BMP, TIFF, AVIF or HEIC picture"
    raise BadInput(f"{path} {what}: {_AGAIN}")


def _open_film_still(data: bytes, stream: io.BytesIO, path: Path) -> ImageFile.ImageFile:
    """Parse the header of an AVIF or HEIC, which are stills of video formats in one kind of box.

    Raises:
        BadInput: it is another film, or cannot be read here; says what to install.
    """
    brands = data[8 : min(_MOST_BRANDS, int.from_bytes(data[:4], "big"))]
    found = {brands[i : i + 4] for i in range(0, len(brands), 4)}
    convert = "or convert it to JPEG or PNG"
    if found & set(_AVIF):
        try:
            plugin: Any = importlib.import_module("PIL.AvifImagePlugin")  # since Pillow 11.3, and not in every build
        except ImportError:
            plugin = None
        if plugin is None or not plugin.SUPPORTED:
            raise BadInput(
                f"{path} is an AVIF, which Pillow cannot read here: run  pip install 'pillow>=11.3'  {convert}"
            )
        opened: ImageFile.ImageFile = plugin.AvifImageFile(stream)
        return opened
    if found & set(_HEIC):
        try:
            importlib.import_module("pillow_heif").register_heif_opener()
        except ImportError as error:
            raise BadInput(
                f"{path} is a HEIC, which needs a plug-in of Pillow: run  pip install pillow-heif  {convert}"
            ) from error
        still: Any = Image.OPEN["HEIF"][0]
        opened = still(stream, str(path))
        return opened
    raise BadInput(f"{path} is a film or of an unknown kind: convert it to JPEG or PNG")


def read_header(data: bytes, path: Path) -> Header:
    """Read the header of a file's bytes.

    Raises:
        BadInput: not a picture of a known kind, or a damaged header.
    """
    opened = _open(data, path)
    orientation = 1
    if opened.format == "TIFF":
        pass  # Pillow turns it upright when it decodes
    elif opened.format != "PNG" or "exif" in opened.info:  # asking a PNG without it would decode the whole picture
        try:
            orientation = int(opened.getexif().get(_ORIENTATION, 1))
        except Exception:  # a damaged EXIF block says nothing; the picture is as it is
            orientation = 1
    bits = 16 if (opened.format == "PNG" and data[24:25] == b"\x10") or opened.mode.startswith("I;16") else 8
    has_alpha = opened.mode in ("RGBA", "LA", "PA") or "transparency" in opened.info
    orientation = orientation if 1 <= orientation <= 8 else 1
    return Header(str(opened.format), opened.mode, *opened.size, orientation, bits, has_alpha)


def _check_size(data: bytes, header: Header, path: Path, max_pixels: int) -> None:
    width, height = header.width, header.height
    if width * height > max_pixels:
        raise BadInput(
            f"{path} is {width} x {height} pixels, more than the limit of {max_pixels} pixels: shrink it or remove it"
        )
    if width < 1 or height < 1:
        raise BadInput(f"{path} is {width} x {height} pixels: {_AGAIN}")
    channels = 4 if header.has_alpha else 1 if header.mode in _GREY else 3
    unpacked = width * height * channels * header.bits // 8
    if unpacked > max(ALWAYS_ALLOWED, MOST_PACKED * len(data)):
        raise BadInput(
            f"{path} has {len(data)} bytes and would unpack to {unpacked}, more than {MOST_PACKED} for each: shrink it or "
            "remove it"
        )
    if header.format == "JPEG" and data.count(b"\xff\xda") > _MOST_SCANS:
        raise BadInput(f"{path} has more than {_MOST_SCANS} scans: save it again with another program, or remove it")


def _is_whole(data: bytes, header: Header) -> bool:
    """Whether the file ends as its format must. OpenCV fills up a JPEG that was cut and says nothing."""
    if header.format == "JPEG":
        return data.rstrip(b"\0").endswith(b"\xff\xd9")
    return data.endswith(b"IEND\xaeB`\x82")


def _by_opencv(data: bytes, header: Header, path: Path) -> np.ndarray:
    """Decode to (H, W), (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or uint16, not yet turned upright."""
    if not _is_whole(data, header):
        _by_pillow(data, header, path)  # bytes after the end are harmless; Pillow raises where some are missing
    flags = cv2.IMREAD_UNCHANGED if header.format == "PNG" else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        decoded = None
    if decoded is None or decoded.shape[:2] != (header.height, header.width):
        raise BadInput(f"{path} is truncated or damaged: {_AGAIN}")
    if decoded.ndim == 2:
        return decoded
    return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB if decoded.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)


def _by_pillow(data: bytes, header: Header, path: Path) -> np.ndarray:
    """Decode to (H, W, 3) RGB or, where there is transparency, (H, W, 4) RGBA uint8, not yet turned upright.

    Grey of 16 bits is (H, W) uint16.
    """
    opened = _open(data, path)
    if opened.mode in ("I", "F"):
        raise BadInput(f"{path} has values of 32 bits, whose black and white are not said: save it with 8 or 16 bits")
    try:
        opened.load()
        if opened.mode.startswith("I;16"):
            return np.asarray(opened).astype(np.uint16)
        has_alpha = opened.mode in ("RGBA", "LA", "PA") or "transparency" in opened.info
        decoded = np.asarray(opened.convert("RGBA" if has_alpha else "RGB"))
    except Exception as error:  # OSError for truncation, SyntaxError and zlib.error for damage, and more
        raise BadInput(f"{path} is truncated or damaged ({error}): {_AGAIN}") from error
    turned = (header.width, header.height) if header.format == "TIFF" else ()  # by Pillow
    if decoded.shape[:2] not in ((header.height, header.width), turned):
        raise BadInput(f"{path} holds another size than its header says: {_AGAIN}")
    return decoded


def _to_8_bits(image: np.ndarray) -> np.ndarray:
    """uint16 to uint8, ``round(v * 255 / 65535)``; some rows at a time, so that no copy of four bytes a value is made."""
    small = np.empty(image.shape, np.uint8)
    for at in range(0, len(image), 64):
        small[at : at + 64] = (image[at : at + 64].astype(np.uint32) * 255 + 32767) // 65535
    return small


def _upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """Apply the EXIF orientation 1..8."""
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)  # transposed
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


def fits_opencv(header: Header) -> bool:
    """Whether OpenCV decodes the file to its exact values; the rest (palette, CMYK, colour keys, ...) is Pillow's."""
    if header.format == "JPEG":
        return header.mode in ("RGB", "L")
    if header.format == "PNG":
        return header.bits == 16 or header.mode == "RGBA" or (header.mode in ("RGB", "L") and not header.has_alpha)
    return False


def decode_stored(path: Path | str, max_pixels: int) -> Stored:
    """Decode any picture without rounding its values to 8 bits.

    Raises:
        BadInput: as `decode`.
    """
    path = Path(path)
    return decode_bytes(read_bytes(path), path, max_pixels)


def decode_bytes(data: bytes, path: Path, max_pixels: int) -> Stored:
    """Decode the bytes of a picture; `path` is how errors call it.

    Raises:
        BadInput: as `decode`.
    """
    header = read_header(data, path)
    _check_size(data, header, path, max_pixels)
    image = _by_opencv(data, header, path) if fits_opencv(header) else _by_pillow(data, header, path)
    has_palette = header.mode in ("P", "PA")
    bits = data[24] if header.format == "PNG" and not has_palette else 8
    indexes = len(np.unique(np.asarray(_open(data, path)))) if has_palette else 0
    return Stored(_upright(image, header.orientation), header.format, bits, indexes)


def decode_indexes(path: Path, max_pixels: int) -> np.ndarray:
    """A picture whose values are numbers of something: of a palette its indexes, (H, W) uint8, else as `decode_stored`.

    Raises:
        BadInput: as `decode`.
    """
    data = read_bytes(path)
    stored = decode_bytes(data, path, max_pixels)
    return np.asarray(_open(data, path)) if stored.indexes else stored.pixels


def decode(path: Path | str, max_pixels: int) -> np.ndarray:
    """Decode any picture to (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA uint8, upright.

    Raises:
        BadInput: missing, unreadable, not a picture, truncated, damaged, more than `max_pixels`, or packed too tightly.
    """
    path = Path(path)
    return decode_data(read_bytes(path), path, max_pixels)


def decode_data(data: bytes, path: Path, max_pixels: int) -> np.ndarray:
    """As `decode`, of bytes that are no file's; `path` is how errors call them."""
    image = decode_bytes(data, path, max_pixels).pixels
    return _to_8_bits(image) if image.dtype == np.uint16 else image
