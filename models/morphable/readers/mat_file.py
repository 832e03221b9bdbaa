"""Numeric arrays of MATLAB files of version 5 to 7, read without executing or trusting anything in them.

Of the format (MathWorks, "MAT-File Format", Level 5) only matrices of numbers are read: no cells, structures, objects or
functions. Sizes are checked against the bytes that are there before room is made for anything.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterator
from math import prod
from pathlib import Path

import numpy as np

from occset.support.errors import BadInput
from occset.support.reading import read_file

MOST_UNPACKED = 1 << 30
"""Bytes that all compressed arrays of a file may unpack to."""

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = {1: "a cell array", 2: "a structure", 3: "an object", 4: "text", 5: "a sparse matrix", 17: "an object"}
_NUMERIC = range(6, 16)  # classes of matrices of numbers
_MOST_ARRAYS, _MOST_DIMENSIONS, _MOST_ELEMENTS = 256, 8, 1 << 28


def read_mat(path: Path, names: Collection[str]) -> dict[str, np.ndarray]:
    """Read arrays of numbers by name.

    Args:
        path: a MATLAB file of version 5 to 7.
        names: what is wanted; arrays of other names are passed over.

    Returns:
        Those that are there, in the types and shapes they were stored in.

    Raises:
        BadInput: no such file, another format (7.3 is told by name), broken, or a wanted one is not a matrix of numbers.
    """
    try:
        data = read_file(path)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}): check the path") from error
    if data[:8] == b"\x89HDF\r\n\x1a\n" or data[512:520] == b"\x89HDF\r\n\x1a\n" or b"MATLAB 7.3" in data[:116]:
        raise BadInput(f"{path}: is a MATLAB 7.3 file (HDF5): open it there and save it again with  save -v7")
    if len(data) < _HEADER or data[126:128] not in (b"IM", b"MI"):
        raise BadInput(f"{path}: is not a MATLAB file of version 5 to 7: give the file as its makers share it")
    order = "<" if data[126:128] == b"IM" else ">"
    try:
        found: dict[str, np.ndarray] = {}
        for name, array in _arrays(memoryview(data)[_HEADER:], order):
            if name not in names:
                continue
            if isinstance(array, str):
                raise ValueError(f"'{name}' is {array}, not a matrix of numbers")
            if name in found:
                raise ValueError(f"'{name}' is there twice")
            found[name] = array
        return found
    except (ValueError, struct.error, zlib.error) as error:
        raise BadInput(f"{path}: is broken or not what it should be ({error}): copy the file again") from error


def _arrays(data: memoryview, order: str) -> Iterator[tuple[str, np.ndarray | str]]:
    """Name and array of each matrix, or what it is instead of numbers."""
    left = MOST_UNPACKED
    for count, (kind, content) in enumerate(_elements(data, order)):
        if count >= _MOST_ARRAYS:
            raise ValueError(f"more than {_MOST_ARRAYS} arrays")
        if kind == _COMPRESSED:
            unpacker = zlib.decompressobj()
            unpacked = unpacker.decompress(content, left + 1)
            left -= len(unpacked)
            if left < 0:
                raise ValueError(f"its arrays unpack to more than {MOST_UNPACKED} bytes")
            if not unpacker.eof:
                raise ValueError("a compressed array ends too early")
            kind, content = next(_elements(memoryview(unpacked), order), (0, content))
        if kind == _MATRIX:
            yield _matrix(content, order)


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Type and content of each element that lies in ``data``."""
    at = 0
    while at + 8 <= len(data):
        kind, size = struct.unpack(order + "II", data[at : at + 8])
        if kind >> 16:  # up to four bytes lie in the tag itself
            size, kind = kind >> 16, kind & 0xFFFF
            if size > 4:
                raise ValueError("a tag is damaged")
            yield kind, data[at + 4 : at + 4 + size]
            at += 8
            continue
        if size > len(data) - at - 8:
            raise ValueError("an array ends too early")
        yield kind, data[at + 8 : at + 8 + size]
        at += 8 + size + (-size % 8 if kind != _COMPRESSED else 0)


def _matrix(data: memoryview, order: str) -> tuple[str, np.ndarray | str]:
    parts = _elements(data, order)
    try:
        (_, flags), (_, sizes), (_, label) = next(parts), next(parts), next(parts)
    except StopIteration:
        raise ValueError("an array has no name or no size") from None
    name = bytes(label).decode("latin-1")[:64]
    (flag,) = struct.unpack(order + "I", flags[:4])
    kind = flag & 0xFF
    if kind not in _NUMERIC or flag & 0x0800:
        return name, _CLASSES.get(kind, "complex" if kind in _NUMERIC else "of another kind")
    shape = np.frombuffer(sizes, order + "i4").tolist()
    if not 2 <= len(shape) <= _MOST_DIMENSIONS or min(shape) < 0 or prod(shape) > _MOST_ELEMENTS:
        raise ValueError(f"'{name}' has the impossible shape {shape[:_MOST_DIMENSIONS]}")
    stored, values = next(parts, (0, data[:0]))
    if stored not in _TYPES:
        raise ValueError(f"'{name}' holds numbers of no known type")
    if len(values) != prod(shape) * np.dtype(_TYPES[stored]).itemsize:
        raise ValueError(f"'{name}' is {shape} and holds {len(values)} bytes")
    return name, np.frombuffer(values, order + _TYPES[stored]).reshape(shape, order="F")
