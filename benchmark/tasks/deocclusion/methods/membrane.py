"""Seamless filling: carries a mismatch at a hole's border smoothly into the hole.

Pasting g where f is missing is seamless if the mismatch f - g, known outside the hole, continues into it as a
membrane u:

    laplace u = 0 in the hole,    u = f - g around it

(Poisson blending, Perez et al. 2003), and g + u is pasted. At the picture's edge the membrane is free.
"""

from __future__ import annotations

import cv2
import numpy as np

SWEEPS = 24  # Jacobi sweeps a level; a pyramid spreads the border's values, so that a few are enough

_NEIGHBOURS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4


def membrane(values: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Continue `values` smoothly into the hole.

    Args:
        values: (H, W, C) float32; what stands in the hole is not used.
        hole: (H, W) bool.

    Returns:
        (H, W, C) float32: `values` outside the hole, the membrane inside; zero if everything is hole.
    """
    if not hole.any():
        return values.astype(np.float32)
    known = ~hole
    values = np.where(known[..., None], values, 0).astype(np.float32)
    if not known.any():
        return values
    return _relax(values, known)


def _relax(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    if known.all():
        return values
    height, width = known.shape
    if min(height, width) > 2:
        # Half the size, the mean of what is known; solved there, it is where the sweeps start here.
        size = ((width + 1) // 2, (height + 1) // 2)
        share = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        small = _planes(cv2.resize(values, size, interpolation=cv2.INTER_AREA))
        small = small / np.maximum(share, 1e-6)[..., None]
        coarse = _relax(np.where((share > 0)[..., None], small, 0).astype(np.float32), share > 0)
        start = _planes(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR))
    else:
        start = np.broadcast_to(values[known].mean(axis=0), values.shape)
    fixed = known[..., None]
    field = np.where(fixed, values, start).astype(np.float32)
    for _ in range(SWEEPS):
        field = np.where(fixed, values, _planes(cv2.filter2D(field, -1, _NEIGHBOURS, borderType=cv2.BORDER_REPLICATE)))
    return field


def _planes(array: np.ndarray) -> np.ndarray:
    """OpenCV drops a last axis of one."""
    return array if array.ndim == 3 else array[..., None]
