"""What triangles alone tell of a mesh: which of them meet at a vertex and which at an edge. Found once for each tensor."""

from __future__ import annotations

import weakref
from typing import NamedTuple

import torch
from torch import Tensor


class Topology(NamedTuple):
    """Neighbourhoods of a mesh of V vertices, T triangles, E edges.

    Attributes:
        triangles: (T, 3) int64, contiguous.
        corners: (3 T,) int64, ``3 * triangle + corner``, those of the first vertex first.
        starts: (V,) int64, where each vertex's corners begin in `corners`.
        edges: (E, 2) int64 vertices, in the order in which the edge's first triangle runs along it.
        edge_faces: (E, 2) int64, the one or two triangles of an edge; T where there is no second.
    """

    triangles: Tensor
    corners: Tensor
    starts: Tensor
    edges: Tensor
    edge_faces: Tensor


_KNOWN: dict[int, tuple[weakref.ref[Tensor], int, Topology]] = {}
_MOST_KNOWN = 16


def topology(triangles: Tensor, count: int) -> Topology:
    """The neighbourhoods of (T, 3) triangles of a mesh with ``count`` vertices; the same tensor is looked at once.

    Raises:
        ValueError: triangles are not (T, 3) indices of vertices.
    """
    known = _KNOWN.get(id(triangles))
    if known and known[0]() is triangles and known[1] == triangles._version and len(known[2].starts) == count:
        return known[2]
    if triangles.ndim != 2 or triangles.shape[1] != 3 or triangles.is_floating_point():
        raise ValueError(f"triangles must be (T, 3) integers, not {tuple(triangles.shape)} {triangles.dtype}")
    if len(triangles) and not 0 <= int(triangles.min()) <= int(triangles.max()) < count:
        raise ValueError(f"triangles must name vertices 0..{count - 1}")
    found = _found(triangles.long().contiguous(), count)
    for key in [key for key, (tensor, _, _) in _KNOWN.items() if tensor() is None]:
        del _KNOWN[key]
    while len(_KNOWN) >= _MOST_KNOWN:
        del _KNOWN[next(iter(_KNOWN))]
    _KNOWN[id(triangles)] = (weakref.ref(triangles), triangles._version, found)
    return found


def _found(triangles: Tensor, count: int) -> Topology:
    flat = triangles.reshape(-1)
    corners = torch.argsort(flat, stable=True)
    starts = torch.bincount(flat, minlength=count).cumsum(0)
    starts = torch.cat((starts.new_zeros(1), starts[:-1]))
    first = torch.cat((triangles[:, 0], triangles[:, 1], triangles[:, 2]))
    second = torch.cat((triangles[:, 1], triangles[:, 2], triangles[:, 0]))
    face = torch.arange(len(triangles), device=triangles.device).repeat(3)
    # an edge stands twice in a closed mesh, each time in the direction of its triangle
    order = torch.argsort(torch.minimum(first, second) * count + torch.maximum(first, second), stable=True)
    first, second, face = first[order], second[order], face[order]
    key = torch.minimum(first, second) * count + torch.maximum(first, second)
    _, number, times = torch.unique_consecutive(key, return_inverse=True, return_counts=True)
    begin = torch.cat((times.new_zeros(1), times.cumsum(0)[:-1])) if len(times) else times
    pair = (times == 2)[number]
    # two triangles that run along it in the same direction are no neighbours on one side of a surface
    partner = torch.where(pair, begin[number] * 2 + 1 - torch.arange(len(key), device=key.device), 0)
    pair &= first == second[partner]
    is_first = torch.arange(len(key), device=key.device) == begin[number]
    keep = is_first | ~pair  # where three triangles or more meet, the edge is the border of each
    other = torch.where(pair, face[partner], len(triangles))
    edges = torch.stack((first, second), -1)[keep]
    return Topology(triangles, corners, starts, edges, torch.stack((face, other), -1)[keep])
