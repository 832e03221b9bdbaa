"""The vertex on a face's other half that lies where a vertex would be in a mirror."""

from __future__ import annotations

import torch
from torch import Tensor

_ROWS = 256  # points compared at once, neighbours in height; bounds the memory
_WINDOW = 6.0  # millimetres above and below them in which the nearest one is looked for first


def nearest_mirror(mean: Tensor) -> Tensor:
    """For each vertex of (V, 3) the nearest one to its mirror image in the plane x = 0, (V,) int64."""
    image = mean * mean.new_tensor([-1.0, 1.0, 1.0])
    return nearest(image, mean)


def nearest(points: Tensor, among: Tensor) -> Tensor:
    """For each of (N, 3) points the index of the nearest of (M, 3), M > 0, as (N,) int64; one of several that are alike."""
    found = torch.zeros(len(points), dtype=torch.int64, device=points.device)
    order = torch.argsort(among[:, 1], stable=True)
    heights = among[order, 1].contiguous()
    for part in torch.argsort(points[:, 1], stable=True).split(_ROWS):
        height = points[part, 1]
        limits = torch.stack((height.min() - _WINDOW, height.max() + _WINDOW))
        first, last = torch.searchsorted(heights, limits).tolist()
        near = _nearest(points[part], among, order[first:last]) if last > first else None
        if near is None or (points[part] - among[near]).norm(dim=1).max() > _WINDOW:
            near = _nearest(points[part], among, order)  # what lies outside the window may be nearer
        found[part] = near
    return found


def _nearest(points: Tensor, among: Tensor, able: Tensor) -> Tensor:
    away = torch.cdist(points, among[able], compute_mode="donot_use_mm_for_euclid_dist")
    return able[away.argmin(1)]
