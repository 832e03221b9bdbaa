"""How fast the torch rasteriser is: a head-like mesh of 35,000 vertices and 70,000 triangles at 224 px, one thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.speed.row import row

VERTICES, TRIANGLES, SIDE = 35_000, 70_000, 224
LIMIT_MS = 60.0
_PEER_TRIANGLES = 4_000  # the plain loop is timed on so many and scaled up
_REPEATS = 7


def bumpy_head(columns: int = 189, rows: int = 188) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) float32 in pixels and mm of distance, and triangles (T, 3), of a bumpy ball filling the picture."""
    polar, turn = np.meshgrid(np.linspace(0.02, np.pi - 0.02, rows), np.linspace(0, 2 * np.pi, columns), indexing="ij")
    radius = 100 + 3 * np.sin(9 * polar) * np.sin(7 * turn)
    x, y, z = radius * np.sin(polar) * np.sin(turn), radius * np.cos(polar), radius * np.sin(polar) * np.cos(turn)
    middle = (SIDE - 1) / 2
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    triangles = np.concatenate((np.stack((a, b, c), -1).reshape(-1, 3), np.stack((b, d, c), -1).reshape(-1, 3)))
    return np.stack((middle + x, middle - y, 600 - z), -1).reshape(-1, 3).astype(np.float32), triangles


def plain_loop(vertices: np.ndarray, triangles: np.ndarray, height: int, width: int) -> np.ndarray:
    """(height, width) index of the nearest triangle, -1 for none: one triangle at a time through a NumPy z-buffer."""
    face = np.full((height, width), -1, np.int64)
    buffer = np.full((height, width), np.inf)
    for number, corners in enumerate(vertices[triangles].astype(np.float64)):
        (ax, ay), (bx, by), (cx, cy) = corners[:, :2]
        left, top = np.maximum(np.ceil(corners[:, :2].min(0)), 0).astype(int)
        right, bottom = np.minimum(np.floor(corners[:, :2].max(0)), (width - 1, height - 1)).astype(int)
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if left > right or top > bottom or area == 0:
            continue
        y, x = np.mgrid[top : bottom + 1, left : right + 1]
        u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
        v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
        w = 1 - u - v
        depth = 1 / (u / corners[0, 2] + v / corners[1, 2] + w / corners[2, 2])
        part = (slice(top, bottom + 1), slice(left, right + 1))
        nearer = (u >= 0) & (v >= 0) & (w >= 0) & (depth < buffer[part])
        buffer[part] = np.where(nearer, depth, buffer[part])
        face[part] = np.where(nearer, number, face[part])
    return face


def _best_ms(work: Callable[[], Any], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e3)
    return min(times)


def measure() -> list[dict[str, Any]]:
    """Time the forward pass (best of seven after one to warm up) beside its budget and beside a plain loop.

    Returns:
        Two rows, see `experiments.speed.row`: against the budget of 60 ms, and against the plain NumPy loop, timed on a
        part of the triangles and scaled up.
    """
    import torch

    from occset.models.rendering.rasteriser import rasterise

    threads = torch.get_num_threads()
    points, triangles = bumpy_head()
    vertices, faces = torch.from_numpy(points)[None], torch.from_numpy(triangles)
    torch.set_num_threads(1)
    try:
        rasterise(vertices, faces, SIDE, SIDE)
        ours = _best_ms(lambda: rasterise(vertices, faces, SIDE, SIDE), _REPEATS)
    finally:
        torch.set_num_threads(threads)
    part = triangles[:: len(triangles) // _PEER_TRIANGLES]
    peer = _best_ms(lambda: plain_loop(points, part, SIDE, SIDE), 1) * len(triangles) / len(part)
    name = f"rasterise {len(points)} vertices, {len(triangles)} triangles at {SIDE} px, one thread"
    return [
        row(f"{name} / the budget", ours, LIMIT_MS, f"at most {LIMIT_MS:g} ms", ours <= LIMIT_MS),
        row(f"{name} / a plain NumPy loop", ours, peer),
    ]


if __name__ == "__main__":
    for line in measure():
        print(line)
