"""Vertices and faces of Wavefront OBJ files; materials, groups and everything else in them are passed over."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from occset.support.errors import BadInput
from occset.support.reading import read_file

MOST_BYTES = 256 << 20
"""Of a file."""


def read_obj(path: Path, with_faces: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Read a mesh.

    Args:
        path: the file.
        with_faces: leave them out for meshes that are known to share another one's.

    Returns:
        (V, 3) float64 vertices, and (T, 3) int64 triangles; faces of more corners are cut into a fan.

    Raises:
        BadInput: no such file, or a number, a vertex or an index that cannot be; names the file.
    """
    try:
        lines = read_file(path, MOST_BYTES).splitlines()
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}): check the path") from error
    try:
        rows = [line.split()[1:4] for line in lines if line.startswith((b"v ", b"v\t"))]
        vertices = np.array(rows, dtype=np.float64).reshape(-1, 3)
        triangles = np.array(_fans(lines, len(vertices)) if with_faces else [], dtype=np.int64).reshape(-1, 3)
    except ValueError as error:
        raise BadInput(f"{path}: is not a sound OBJ file ({str(error)[:120]}): copy the file again") from error
    if not len(vertices) or not np.isfinite(vertices).all():
        raise BadInput(f"{path}: holds no vertices, or some that are not finite: copy the file again")
    return vertices, triangles


def _fans(lines: list[bytes], count: int) -> list[tuple[int, int, int]]:
    found = []
    for line in lines:
        if not line.startswith((b"f ", b"f\t")):
            continue
        corners = [int(word.split(b"/", 1)[0]) for word in line.split()[1:]]
        corners = [each - 1 if each > 0 else count + each for each in corners]  # negative ones count from the end
        if len(corners) < 3 or min(corners) < 0 or max(corners) >= count:
            raise ValueError(f"a face names a vertex that is not there: {line[:60].decode('latin-1')}")
        found += [(corners[0], corners[k], corners[k + 1]) for k in range(1, len(corners) - 1)]
    return found
