"""Meshes on disk: PLY, binary, and OBJ, text; both with a colour for each vertex."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from occset.support.files import write_atomic

SUFFIXES = (".ply", ".obj")


def write_mesh(path: Path, vertices: np.ndarray, colours: np.ndarray, triangles: np.ndarray) -> None:
    """Write a mesh; its suffix says how.

    Args:
        path: with a suffix of `SUFFIXES`.
        vertices: (V, 3) millimetres, x to the picture's right, y up, z out of the face.
        colours: (V, 3) uint8 RGB.
        triangles: (T, 3) int, from 0, counter-clockwise seen from outside.

    Raises:
        ValueError: another suffix.
    """
    if path.suffix not in SUFFIXES:
        raise ValueError(f"meshes are written as {' or '.join(SUFFIXES)}, not {path.suffix}")
    make = _ply if path.suffix == ".ply" else _obj
    write_atomic(path, make(vertices.astype(np.float32), colours.astype(np.uint8), triangles.astype(np.int32)))


def _ply(vertices: np.ndarray, colours: np.ndarray, triangles: np.ndarray) -> bytes:
    header = (
        "ply\nformat binary_little_endian 1.0\ncomment units are millimetres\n"
        f"element vertex {len(vertices)}\nproperty float x\nproperty float y\nproperty float z\n"
        "property uchar red\nproperty uchar green\nproperty uchar blue\n"
        f"element face {len(triangles)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    points = np.empty(len(vertices), [("at", "<f4", 3), ("rgb", "u1", 3)])
    points["at"], points["rgb"] = vertices, colours
    faces = np.empty(len(triangles), [("n", "u1"), ("corners", "<i4", 3)])
    faces["n"], faces["corners"] = 3, triangles
    return header.encode() + points.tobytes() + faces.tobytes()


def _obj(vertices: np.ndarray, colours: np.ndarray, triangles: np.ndarray) -> bytes:
    lines = ["# units are millimetres; after each vertex its colour, 0..1"]
    lines += [
        f"v {x:.4f} {y:.4f} {z:.4f} {r / 255:.4f} {g / 255:.4f} {b / 255:.4f}"
        for (x, y, z), (r, g, b) in zip(vertices, colours, strict=True)
    ]
    lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in triangles]
    return ("\n".join(lines) + "\n").encode()
