"""A coarse mesh out of some vertices of a fine one: seeds far from each other, and the dual of their cells.

Seeds are chosen one after the other, each with its mirror vertex, where the mesh is furthest from those there are, and
denser at eyes and mouth. Each vertex belongs to the seed that is nearest along the edges; where three cells meet in a
triangle, their seeds make one (the geodesic Delaunay triangulation).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

SEEDS = 2500
"""Vertices of the coarse mesh, but for those whose cells touch no three others."""

_DENSE_WITHIN = 14.0  # millimetres around eyes and mouth within which seeds lie closer
_BELOW_CHIN, _BEHIND_EARS = 15.0, 10.0  # millimetres beyond the jaw's landmarks that still belong to the front


class Coarse(NamedTuple):
    """Vertices (W,) of the fine mesh, triangles (S, 3) that count in them, the cell of each fine vertex (V,) or -1."""

    vertices: Tensor
    triangles: Tensor
    cells: Tensor


def decimate(mean: Tensor, triangles: Tensor, landmarks: Tensor, mirror: Tensor, seeds: int = SEEDS) -> Coarse:
    """Choose some ``seeds`` vertices of the front of the face, the landmarks among them.

    Args:
        mean: (V, 3) millimetres.
        triangles: (T, 3).
        landmarks: (68,).
        mirror: (V,), see `mirror.nearest_mirror`.
        seeds: how many; a mesh whose front has no more keeps them all.
    """
    mark = mean[landmarks]
    front = (mean[:, 1] > mark[8, 1] - _BELOW_CHIN) & (mean[:, 2] > mark[[0, 16], 2].mean() - _BEHIND_EARS)
    used = torch.zeros_like(front)
    used[triangles.reshape(-1)] = True
    front = (front & used).scatter(0, landmarks, True)
    inside = front[triangles].all(1)
    chosen = _far_apart(mean, front, landmarks, mirror, seeds)
    cells = _cells(mean, triangles[inside], chosen)
    cells = torch.where(front, cells, -1)
    meeting = cells[triangles[inside]]
    apart = (meeting[:, 0] != meeting[:, 1]) & (meeting[:, 1] != meeting[:, 2]) & (meeting[:, 2] != meeting[:, 0])
    meeting = meeting[apart & (meeting >= 0).all(1)]
    # the same three may meet twice: turned so that the smallest comes first they are alike
    turned = meeting.gather(1, (meeting.argmin(1)[:, None] + torch.arange(3)) % 3)
    return Coarse(chosen, torch.unique(turned, dim=0), cells)


def _far_apart(mean: Tensor, front: Tensor, landmarks: Tensor, mirror: Tensor, seeds: int) -> Tensor:
    """Sorted (W,) vertices: landmarks, then whichever is furthest from all chosen ones, with its mirror vertex."""
    able = front.nonzero()[:, 0]
    if len(able) <= seeds:
        return able
    points = mean[able]
    features = mean[landmarks[36:68]]
    weight = 1 + (-((torch.cdist(points, features).amin(1) / _DENSE_WITHIN) ** 2)).exp()
    place = torch.full((len(mean),), -1, dtype=torch.int64)
    place[able] = torch.arange(len(able))
    away = torch.full((len(able),), torch.inf)
    taken = torch.zeros(len(able), dtype=torch.bool)
    start = torch.cat((place[landmarks], place[mirror[landmarks]]))
    pending = start[start >= 0].unique()
    while int(taken.sum()) < seeds:
        taken[pending] = True
        away = torch.minimum(away, (torch.cdist(points, points[pending]) * weight[:, None]).amin(1))
        away[pending] = 0
        furthest = away.argmax()
        if away[furthest] <= 0:
            break
        pair = torch.stack((furthest, place[mirror[able[furthest]]]))
        pending = pair[pair >= 0].unique()
    return able[taken]


def _cells(mean: Tensor, triangles: Tensor, seeds: Tensor) -> Tensor:
    """(V,) the number of the seed that is nearest along the edges, -1 for what none reaches."""
    edges = torch.cat((triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]))
    edges = torch.unique(torch.cat((edges, edges.flip(1))), dim=0)
    source, target = edges.unbind(1)
    length = (mean[source] - mean[target]).norm(dim=1)
    away = torch.full((len(mean),), torch.inf)
    away[seeds] = 0
    cell = torch.full((len(mean),), -1, dtype=torch.int64)
    cell[seeds] = torch.arange(len(seeds))
    while True:
        through = away[source] + length
        nearer = away.scatter_reduce(0, target, through, "amin")
        better = (nearer[target] < away[target]) & (through == nearer[target])
        if not better.any():
            return cell
        cell[target[better]] = cell[source[better]]
        away = nearer
