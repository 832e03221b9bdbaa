"""The vertex on a face's other half that lies where a vertex would be in a mirror."""

from __future__ import annotations

import torch
from torch import Tensor

_ROWS = 1024  # vertices compared with all others at once; bounds the memory


def nearest_mirror(mean: Tensor) -> Tensor:
    """For each vertex of (V, 3) the nearest one to its mirror image in the plane x = 0, (V,) int64."""
    image = mean * mean.new_tensor([-1.0, 1.0, 1.0])
    return nearest(image, mean)


def nearest(points: Tensor, among: Tensor) -> Tensor:
    """For each of (N, 3) points the index of the nearest of (M, 3), (N,) int64; the first of several."""
    found = [
        torch.cdist(part, among, compute_mode="donot_use_mm_for_euclid_dist").argmin(1) for part in points.split(_ROWS)
    ]
    return torch.cat(found) if found else torch.zeros(0, dtype=torch.int64)
