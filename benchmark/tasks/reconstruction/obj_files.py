"""Reads the Wavefront OBJ files of strangers: vertices, their colours, triangles, and 68 landmarks beside them.

Read are ``v x y z [r g b]`` and ``f``, whose corners are numbers from 1, or from the end where they are negative; ``v/t/n``
stands for ``v``, and polygons are fans of triangles. All else is passed over: no material is opened, and nothing is run.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from occset.support.errors import BadInput
from occset.support.reading import read_file

MOST_BYTES = 128 << 20
MOST_VERTICES, MOST_TRIANGLES, MOST_CORNERS = 500_000, 1_000_000, 64
_FARTHEST = 1e6
_REMEDY = "write it again, or remove it"
LANDMARKS = 68


class Mesh(NamedTuple):
    """What an OBJ file holds.

    Attributes:
        vertices: (V, 3) float64.
        colours: (V, 3) float64 on 0..1; None where not every vertex has one.
        triangles: (T, 3) int64, vertices from 0.
    """

    vertices: np.ndarray
    colours: np.ndarray | None
    triangles: np.ndarray


def read_obj(path: Path) -> Mesh:
    """Read a mesh.

    Raises:
        BadInput: it is no text, holds no triangle, too much, a number that is none or not finite, or a corner that is no
            vertex; names the file and the line.
    """
    rows: list[list[str]] = []
    fans: list[list[int]] = []
    count = 0
    for number, line in enumerate(_text(path).splitlines(), 1):
        kind, *words = line.split() or [""]
        if kind == "v":
            if len(words) not in (3, 4, 6, 7) or len(rows) == MOST_VERTICES:
                raise BadInput(f"{path}, line {number}: a vertex is 'v x y z' or 'v x y z r g b', {_most()}: {_REMEDY}")
            rows.append(words)
        elif kind == "f":
            corners = [_corner(word, len(rows), f"{path}, line {number}") for word in words]
            count += len(corners) - 2
            if not 3 <= len(corners) <= MOST_CORNERS or count > MOST_TRIANGLES:
                raise BadInput(f"{path}, line {number}: a face has 3 to {MOST_CORNERS} corners, {_most()}: {_REMEDY}")
            fans.append(corners)
    if not fans:
        raise BadInput(f"{path}: holds no triangle ({len(rows)} vertices): {_REMEDY}")
    triangles = np.array([(fan[0], b, c) for fan in fans for b, c in pairwise(fan[1:])], np.int64)
    if triangles.max() >= len(rows):
        raise BadInput(f"{path}: a face names vertex {triangles.max() + 1}, there are {len(rows)}: {_REMEDY}")
    vertices = _numbers([row[:3] for row in rows], f"{path}: its vertices")
    coloured = all(len(row) >= 6 for row in rows)
    colours = _numbers([row[-3:] for row in rows], f"{path}: its colours") if coloured else None
    if colours is not None and not (colours.min() >= 0 and colours.max() <= 1):
        raise BadInput(f"{path}: the colours of its vertices must be on 0..1, not up to {colours.max():g}: {_REMEDY}")
    return Mesh(vertices, colours, triangles)


def read_landmark_vertices(path: Path, vertices: int) -> np.ndarray:
    """68 whole numbers, vertices from 0 in the iBUG order, (68,) int64.

    Raises:
        BadInput: there are others, or one is no vertex.
    """
    words = _text(path).split()
    if len(words) != LANDMARKS or not all(word.isdecimal() and len(word) < 10 for word in words):
        raise BadInput(
            f"{path}: must hold {LANDMARKS} whole numbers, the landmarks' vertices counted from 0: {_REMEDY}"
        )
    found = np.array([int(word) for word in words])
    if found.max() >= vertices:
        raise BadInput(f"{path}: names vertex {found.max()}, but a mesh has {vertices}, from 0: {_REMEDY}")
    return found


def read_landmark_places(path: Path) -> np.ndarray:
    """68 rows of x y z in the axes of the mesh, (68, 3) float64.

    Raises:
        BadInput: there are others, or a number is none or not finite.
    """
    rows = [line.split() for line in _text(path).splitlines() if line.strip()]
    if len(rows) != LANDMARKS or any(len(row) != 3 for row in rows):
        raise BadInput(f"{path}: must hold {LANDMARKS} rows of x y z: {_REMEDY}")
    return _numbers(rows, str(path))


def _text(path: Path) -> str:
    data = read_file(path, MOST_BYTES)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: is not text: {_REMEDY}") from error


def _corner(word: str, count: int, where: str) -> int:
    text = word.partition("/")[0]
    digits = text.removeprefix("-")
    if not digits.isdecimal() or not digits.isascii() or len(digits) > 9 or int(digits) == 0:
        raise BadInput(f"{where}: '{word[:40]}' is no corner of a face: {_REMEDY}")
    number = int(text)
    if number < -count:
        raise BadInput(f"{where}: corner {number} lies before the first of {count} vertices: {_REMEDY}")
    return number - 1 if number > 0 else count + number


def _numbers(rows: list[list[str]], where: str) -> np.ndarray:
    try:
        found = np.array(rows, np.float64) if rows else np.zeros((0, 3))
    except ValueError as error:
        raise BadInput(f"{where} hold what is no number ({str(error)[:80]}): {_REMEDY}") from error
    if not (np.abs(found) <= _FARTHEST).all():
        raise BadInput(f"{where} hold NaN, infinity or numbers beyond {_FARTHEST:g}: {_REMEDY}")
    return found


def _most() -> str:
    return f"of at most {MOST_VERTICES} vertices and {MOST_TRIANGLES} triangles in a file"
