"""Scalar fields that patterns are made of: noise, cells, shading. All are float32 and (H, W) unless said otherwise."""

from __future__ import annotations

import cv2
import numpy as np


def grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates x and y of pixel centres, each (size, size), 0..1 across the picture."""
    line = (np.arange(size, dtype=np.float32) + 0.5) / size
    x, y = np.meshgrid(line, line)
    return x, y


def value_noise(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[float, float]) -> np.ndarray:
    """Smooth random field of `shape`, about 0..1, with `cells` = (down, across) bumps over the picture."""
    rows, columns = (max(2, round(c) + 1) for c in cells)
    lattice = rng.random((rows, columns), dtype=np.float32)
    return cv2.resize(lattice, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)


def fractal_noise(
    rng: np.random.Generator, shape: tuple[int, int], cells: tuple[float, float], octaves: int = 4, gain: float = 0.5
) -> np.ndarray:
    """Sum of `octaves` value noises, each twice as fine and `gain` times as strong, stretched to exactly 0..1."""
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        fine = 2**octave
        total += gain**octave * value_noise(rng, shape, (cells[0] * fine, cells[1] * fine))
    return stretch(total)


def stretch(field: np.ndarray) -> np.ndarray:
    """Shift and scale a field to 0..1 (a constant field becomes 0)."""
    low, high = float(field.min()), float(field.max())
    return (field - low) / max(high - low, 1e-6)


def smoothstep(low: float, high: float, value: np.ndarray) -> np.ndarray:
    """0 below `low`, 1 above `high`, 3t^2 - 2t^3 between; `low` > `high` gives the falling edge."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def cells(rng: np.random.Generator, size: int, across: int, jitter: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    """Voronoi cells around jittered lattice points.

    Returns:
        labels: (size, size) int32, one number a cell, from 0.
        border: (size, size) float32, distance to the next cell in cell widths, 0 on the border.
    """
    at = (np.stack(np.meshgrid(np.arange(across), np.arange(across)), -1).reshape(-1, 2) + 0.5) / across
    at = at + rng.uniform(-0.5, 0.5, at.shape) * jitter / across
    seeds = np.full((size, size), 255, np.uint8)
    column, row = np.clip((at * size).astype(int), 0, size - 1).T
    seeds[row, column] = 0
    _, labels = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    labels = labels - 1
    inside = np.full((size, size), 255, np.uint8)
    inside[:, 1:][labels[:, 1:] != labels[:, :-1]] = 0
    inside[1:][labels[1:] != labels[:-1]] = 0
    border = cv2.distanceTransform(inside, cv2.DIST_L2, 5) * (across / size)
    return labels, border


def relief(height: np.ndarray, depth: float, light: tuple[float, float] = (-0.6, -0.8)) -> np.ndarray:
    """Light factor about 1 of a bumpy surface: the slope of `height` (in pixels, times `depth`) towards `light`."""
    height = height.astype(np.float32)
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
    return np.clip(1.0 + depth * (slope_x * light[0] + slope_y * light[1]) * -1.0, 0.3, 1.6)


def bend(
    rng: np.random.Generator, x: np.ndarray, y: np.ndarray, amount: float, bumps: float = 3
) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates displaced by smooth noise of up to `amount`, so that straight patterns hang like cloth."""
    shape = (x.shape[0], x.shape[1])
    dx = value_noise(rng, shape, (bumps, bumps)) - 0.5
    dy = value_noise(rng, shape, (bumps, bumps)) - 0.5
    return x + 2 * amount * dx, y + 2 * amount * dy


def turned(x: np.ndarray, y: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates rotated by `angle` radians."""
    c, s = float(np.cos(angle)), float(np.sin(angle))
    return c * x + s * y, -s * x + c * y
