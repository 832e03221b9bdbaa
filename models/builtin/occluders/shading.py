"""Light on drawn shapes: relief from outlines, folds, cloth. Shades are (H, W) factors about 1 on a colour."""

from __future__ import annotations

import cv2
import numpy as np

from occset.models.builtin.occluders.canvas import Canvas
from occset.models.builtin.textures import draw_texture
from occset.models.builtin.textures.fields import fractal_noise, value_noise
from occset.pictures.masks import THRESHOLD

CLOTHS = ("stripes", "plaid", "dots", "floral", "denim", "tweed", "paisley", "camouflage", "checks", "leaves", "waves")
"""Families of texture that garments and prints are made of."""


def draw_light(rng: np.random.Generator) -> np.ndarray:
    """A unit vector (3,) to the light: above, a little to one side, in front."""
    light = np.array([rng.uniform(-0.7, 0.7), rng.uniform(-0.8, -0.25), 0.9])
    return (light / np.linalg.norm(light)).astype(np.float32)


def lambert(normal: np.ndarray, light: np.ndarray, ambient: float = 0.4) -> np.ndarray:
    """Diffuse shade of unit normals (H, W, 3), scaled so that a surface that faces the viewer has 1."""
    facing = np.maximum(normal @ light, 0)
    return (ambient + (1 - ambient) * facing / light[2]).astype(np.float32)


def gloss(normal: np.ndarray, light: np.ndarray, sharpness: float = 30) -> np.ndarray:
    """Blinn highlight of unit normals (H, W, 3): (n . h)^sharpness, (H, W) 0..1."""
    half = light + np.array([0, 0, 1], np.float32)
    return np.maximum(normal @ (half / np.linalg.norm(half)), 0) ** sharpness


def blurred(field: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur by `sigma` pixels, done on a smaller picture where the blur is wide."""
    factor = 4 if sigma >= 8 else 2 if sigma >= 3 else 1
    if factor == 1:
        return cv2.GaussianBlur(field, (0, 0), sigma)
    small = cv2.resize(field, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / factor)
    return cv2.resize(small, (field.shape[1], field.shape[0]), interpolation=cv2.INTER_LINEAR)


def normals(height: np.ndarray) -> np.ndarray:
    """Unit normals (H, W, 3) of a height field in pixels; x right, y down, z to the viewer."""
    height = height.astype(np.float32)
    dx = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
    dy = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
    length = np.sqrt(dx * dx + dy * dy + 1)
    return np.stack([-dx / length, -dy / length, 1 / length], -1)


def puffed(canvas: Canvas, mask: np.ndarray, radius: float, flat: float = 1.0) -> np.ndarray:
    """Normals (H, W, 3) of the mask's shape blown up like a cushion whose rim is rounded over `radius` units.

    `flat` below 1 makes the rim shallower.
    """
    normal = np.zeros((*canvas.shape, 3), np.float32)
    normal[..., 2] = 1
    part = _around(mask)
    if mask[part].size:
        normal[part] = _cushion(canvas, mask[part], radius, flat)
    return normal


def round_shade(canvas: Canvas, mask: np.ndarray, radius: float, light: np.ndarray, flat: float = 1.0) -> np.ndarray:
    """Diffuse shade (H, W) of the cushion of `puffed`."""
    shade = np.ones(canvas.shape, np.float32)
    part = _around(mask)
    if mask[part].size:
        shade[part] = lambert(_cushion(canvas, mask[part], radius, flat), light)
    return shade


def _around(mask: np.ndarray) -> tuple[slice, slice]:
    """The box of a mask, two pixels wider."""
    x, y, w, h = cv2.boundingRect(mask)
    return (slice(max(y - 2, 0), y + h + 2), slice(max(x - 2, 0), x + w + 2)) if w else (slice(0), slice(0))


def _cushion(canvas: Canvas, mask: np.ndarray, radius: float, flat: float) -> np.ndarray:
    reach = radius * canvas.scale
    inside = cv2.distanceTransform((mask > THRESHOLD).astype(np.uint8), cv2.DIST_L2, 5)
    rim = 1 - np.clip(inside / reach, 0, 1)
    height = np.sqrt(1 - rim * rim) * reach * flat
    return normals(blurred(height, max(0.12 * reach, 0.8)))


def cylinder(across: np.ndarray, light: np.ndarray, roundness: float = 0.95) -> np.ndarray:
    """Diffuse shade of an upright cylinder; `across` is -1..1 from its left to its right edge, (H, W)."""
    nx = np.clip(across, -1, 1) * roundness
    return lambert(np.stack([nx, np.zeros_like(nx), np.sqrt(1 - nx * nx)], -1), light)


def folds(
    rng: np.random.Generator, canvas: Canvas, light: np.ndarray, cells: tuple[float, float], depth: float
) -> np.ndarray:
    """Shade of creased cloth: smooth bumps, `cells` = (down, across) of them over the canvas, `depth` units high."""
    coarse = ((canvas.shape[0] + 1) // 2, (canvas.shape[1] + 1) // 2)  # smooth, so half the resolution will do
    height = fractal_noise(rng, coarse, cells, 3, 0.45) * depth * canvas.scale / 2
    shade = lambert(normals(cv2.GaussianBlur(height, (0, 0), 0.7)), light)
    return cv2.resize(shade, canvas.shape[::-1], interpolation=cv2.INTER_LINEAR)


def speckle(rng: np.random.Generator, canvas: Canvas, strength: float, grain: float = 1.5) -> np.ndarray:
    """Shade of fine unevenness, 1 +- `strength`, with grains of `grain` units."""
    height, width = canvas.shape
    unit = grain * canvas.scale
    return 1 + strength * (2 * value_noise(rng, canvas.shape, (height / unit, width / unit)) - 1)


def cloth(rng: np.random.Generator, canvas: Canvas, tile: float = 90, families: tuple[str, ...] = CLOTHS) -> np.ndarray:
    """A textile over the whole canvas, (H, W, 3) RGB 0..1, one repeat `tile` units wide."""
    family = families[rng.integers(len(families))]
    patch, _ = draw_texture(int(rng.integers(2**31)), size=128, family=family)
    side = max(8, round(tile * canvas.scale))
    patch = cv2.resize(patch, (side, side), interpolation=cv2.INTER_AREA if side < 128 else cv2.INTER_CUBIC)
    patch = np.concatenate([patch, patch[:, ::-1]], 1)  # mirrored repeats join without a seam
    patch = np.concatenate([patch, patch[::-1]], 0)
    down, across = (-(-canvas.shape[i] // patch.shape[i]) for i in (0, 1))
    return np.tile(patch, (down, across, 1))[: canvas.shape[0], : canvas.shape[1]].astype(np.float32) / 255
