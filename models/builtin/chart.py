"""The chart as a texture: where paint goes, in pixels and millimetres.

A texture covers chart p -110..110 mm and q 90..-130 mm (rows run down) in `SIDE` x `SIDE` pixels.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from occset.models.morphable.head import EYE_HALF, EYE_X, lids, lip_edges, mouth_gap, mouth_line, smoothstep

SIDE = 512
HALF, TOP = 110.0, 90.0
SCALE = SIDE / (2 * HALF)  # pixels a millimetre


def to_texture(p: np.ndarray | float, q: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Chart millimetres to texture pixels (column, row), pixel centres at integers."""
    return (np.asarray(p) + HALF) * SCALE - 0.5, (TOP - np.asarray(q)) * SCALE - 0.5


@lru_cache(maxsize=1)
def chart_grid() -> tuple[np.ndarray, np.ndarray]:
    """p and q of every texture pixel, each (S, S) float32."""
    centre = (np.arange(SIDE) + 0.5) / SCALE
    p, q = np.meshgrid(centre - HALF, TOP - centre)
    return p.astype(np.float32), q.astype(np.float32)


@lru_cache(maxsize=1)
def openings() -> np.ndarray:
    """(S, S, 4) float32: inside of the eyes, inside of the mouth, depth under the upper lid (mm / 10), red of the lips."""
    p, q = chart_grid()
    upper, lower = lids(p)
    eyes = smoothstep(np.minimum(upper - q, q - lower), -0.25, 0.25) * (np.abs(np.abs(p) - EYE_X) < EYE_HALF)
    gap = mouth_gap(p)
    mouth = smoothstep(gap - np.abs(q - mouth_line(p)), -0.2, 0.3) * (gap > 0.15)
    top, bottom = lip_edges(p)
    lips = smoothstep(np.minimum(top - q, q - bottom), -0.7, 0.9) * (np.abs(p) < 25.5)
    return np.stack((eyes, mouth, np.clip((upper - q) / 10, -1, 1), lips), -1).astype(np.float32)


def stroke(canvas: np.ndarray, p: np.ndarray, q: np.ndarray, value: float, thickness: int) -> None:
    """Draw one antialiased chart curve (uint8 or float canvas)."""
    column, row = to_texture(np.asarray(p, float), np.asarray(q, float))
    points = np.round(np.stack((column, row), -1) * 16).astype(np.int32)
    cv2.polylines(canvas, [points], False, value, thickness, cv2.LINE_AA, 4)


def noise(draw: np.random.Generator, side: int, scales: tuple[float, ...], weights: tuple[float, ...]) -> np.ndarray:
    """(side, side) float32 smooth noise, zero mean, unit deviation: a sum of blurred white noises (pixels)."""
    total = np.zeros((side, side), np.float32)
    for scale, weight in zip(scales, weights, strict=True):
        small = max(4, int(side / max(scale, 1)))
        layer = draw.standard_normal((small, small), dtype=np.float32)
        total += weight * cv2.resize(layer, (side, side), interpolation=cv2.INTER_CUBIC)
    return (total - total.mean()) / total.std()
