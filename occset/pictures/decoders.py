"""Which decoder makes the pixels of a file, and of which version: two that differ may differ by a bit here and there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import PIL
from PIL import features

from occset.pictures.decoding import decode_bytes, fits_opencv, read_header
from occset.pictures.images import MAX_PIXELS, pixel_hash
from occset.support.errors import BadInput

_LIBRARIES = {"JPEG": "JPEG", "PNG": "PNG"}  # how OpenCV's build tells of its libraries


@cache
def opencv_library(format: str) -> str:
    """The library by which OpenCV decodes a format, such as "libjpeg-turbo 3.1.0-70"; "" where its build does not say.

    >>> opencv_library("GIF")
    ''
    """
    line = re.search(rf"^\s*{_LIBRARIES.get(format, ' ')}:\s+(.+)$", cv2.getBuildInformation(), re.MULTILINE)
    found = re.search(r"(\S+) \(ver ([\w.-]+)\)", line[1]) if line else None
    name = Path(found[1]).name.partition(".so")[0].removeprefix("build-") if found else ""
    return f"{name} {found[2]}" if found else ""


@cache
def pillow_library() -> str:
    """The JPEG library that Pillow was built with."""
    version = features.version("libjpeg_turbo") or features.version("jpg")
    return f"libjpeg-turbo {version}" if features.check_feature("libjpeg_turbo") else f"libjpeg {version}"


def decoder_of(data: bytes, path: Path) -> str:
    """The decoder of a picture's bytes, such as "OpenCV 4.12.0 (libjpeg-turbo 3.1.0-70)".

    Raises:
        BadInput: they are no picture.
    """
    header = read_header(data, path)
    if fits_opencv(header):
        library = opencv_library(header.format)
        return f"OpenCV {cv2.__version__}" + (f" ({library})" if library else "")
    return f"Pillow {PIL.__version__} ({pillow_library()})"


def pixels_of(data: bytes, path: Path) -> tuple[str, str]:
    """The hash of a picture's pixels, see `occset.pictures.images.pixel_hash`, and its decoder; "" where it is none."""
    try:
        stored = decode_bytes(data, path, MAX_PIXELS)
        return pixel_hash(np.ascontiguousarray(stored.pixels)), decoder_of(data, path)
    except BadInput:
        return "", ""
