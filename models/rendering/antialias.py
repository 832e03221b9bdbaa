"""Anti-aliased silhouettes whose coverage carries gradients to the vertices.

In the manner of the anti-aliasing of nvdiffrast (Laine et al. 2020, section 3.6), with the edges as the starting point
instead of the pixels, because on a dense mesh the triangle of a silhouette is often too thin to be seen by any pixel.
Each silhouette edge is followed over the rows and the columns of pixel centres that it crosses. Where it passes between
a pixel that sees the mesh and its neighbour that sees what lies behind, at a distance t (0..1) from the first one's
centre, the first is blended with ``1/2 - t`` of the second, or the second with ``t - 1/2`` of the first. Crossings of
rows count with the square of the sine of the edge's slope and those of columns with that of the cosine: the sum of the
mask then changes like the area that the mesh covers, for an edge of any slope.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from occset.models.rendering.rasteriser import SUBPIXELS
from occset.models.rendering.topology import Topology


class Blends(NamedTuple):
    """Pixels that mix with a neighbour: K pairs, indices into pictures that are laid end to end, (B * H * W).

    Attributes:
        target: (K,) int64, the pixel that changes.
        source: (K,) int64, its neighbour.
        amount: (K,) 0..1/2, the share of the neighbour, differentiable.
    """

    target: Tensor
    source: Tensor
    amount: Tensor


class _Crossings(NamedTuple):
    edge: Tensor  # (K,) which edge
    line: Tensor  # (K,) the row or column of pixel centres that it crosses
    near: Tensor  # (K,) pixel on the side of the mesh, index into the pictures
    far: Tensor  # (K,) its neighbour on the other side
    near_place: Tensor  # (K,) of the first, along the line
    side: Tensor  # (K,) +1 where the neighbour lies at the higher place, else -1


def blends(screen: Tensor, facing: Tensor, mesh: Topology, face: Tensor, depth: Tensor, cull: bool) -> Blends:
    """Find where silhouettes pass between two pixels, and how much of one shows in the other.

    Args:
        screen: (V, B, 3) pixel x, pixel y, distance.
        facing: (T, B), which triangles face the camera.
        mesh: of the triangles.
        face: (B, H, W), what each pixel sees, -1 for nothing.
        depth: (B, H, W), distance to it.
        cull: whether triangles that face away are left out.
    """
    with torch.no_grad():
        edge, mesh_number, turn = _silhouettes(facing, mesh, cull)
    ends = screen[mesh.edges[edge], mesh_number[:, None]]  # (N, 2, 3)
    with torch.no_grad():
        good = (ends[..., 2] > 0).all(-1) & ends.isfinite().all(-1).all(-1)
        good &= (ends[..., :2].abs() < 2.0**20).all(-1).all(-1)
        deepest = torch.where(face >= 0, depth, torch.inf).reshape(-1)
        parts = [_crossings(ends, turn, good, mesh_number, deepest, face.shape, axis) for axis in (0, 1)]
    targets, sources, amounts = [], [], []
    for axis, part in enumerate(parts):
        a, b = ends[part.edge].unbind(1)
        step = b[:, :2] - a[:, :2]
        share = (part.line - a[:, 1 - axis]) / step[:, 1 - axis]
        place = a[:, axis] + share * step[:, axis]
        weight = step[:, 1 - axis] ** 2 / (step**2).sum(-1)
        beyond = (place - part.near_place) * part.side - 0.5  # how far the mesh reaches over the border of its pixel
        outward = beyond.detach() > 0
        targets.append(torch.where(outward, part.far, part.near))
        sources.append(torch.where(outward, part.near, part.far))
        amounts.append(weight * torch.where(outward, beyond, -beyond))
    return Blends(torch.cat(targets), torch.cat(sources), torch.cat(amounts))


def blend(pictures: Tensor, found: Blends) -> Tensor:
    """Mix neighbours: pictures (N, C) of all pixels laid end to end; each pixel stays a mean of itself and neighbours."""
    total = pictures.new_zeros(len(pictures)).index_add(0, found.target, found.amount)
    share = found.amount / total.clamp_min(1)[found.target]  # a pixel that is nearly all border gives itself up at most
    change = share[:, None] * (pictures[found.source] - pictures[found.target])
    return pictures.index_add(0, found.target, change)


def _silhouettes(facing: Tensor, mesh: Topology, cull: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Edge, mesh of the batch, and +1 where the edge runs with the mesh on its left (y up), else -1; (N,) each."""
    padded = torch.cat((facing, facing.new_zeros(1, facing.shape[1])))
    first, second = padded[mesh.edge_faces[:, 0]], padded[mesh.edge_faces[:, 1]]
    border = first != second
    if not cull:
        border = border | (mesh.edge_faces[:, 1] == len(facing))[:, None]
    edge, mesh_number = border.nonzero(as_tuple=True)
    return edge, mesh_number, torch.where(first[edge, mesh_number], 1.0, -1.0)


def _crossings(
    ends: Tensor, turn: Tensor, good: Tensor, mesh_number: Tensor, depth: Tensor, shape: torch.Size, axis: int
) -> _Crossings:
    """Where edges (N, 2, 3) cross rows between two columns (axis 0), or columns between two rows (axis 1)."""
    _, height, width = shape
    across, along = (width, height) if axis == 0 else (height, width)
    # the corners that the rasteriser asked, so that the pixel on the mesh's side is one that sees it
    a, b = ((ends[:, k, :2].double() * SUBPIXELS).round() / SUBPIXELS for k in range(2))
    low, high = torch.minimum(a, b)[:, 1 - axis], torch.maximum(a, b)[:, 1 - axis]
    first = low.ceil().clamp_min(0)
    count = torch.where(good, torch.minimum(high.ceil(), high.new_tensor(along)) - first, 0).clamp_min(0).long()
    edge = torch.repeat_interleave(count)
    line = first[edge] + (torch.arange(len(edge), device=ends.device) - (count.cumsum(0) - count)[edge])
    a, b, step = a[edge], b[edge], (b - a)[edge]
    share = (line - a[:, 1 - axis]) / step[:, 1 - axis]
    place = a[:, axis] + share * step[:, axis]
    # (dy, -dx) points from the edge into the mesh, which lies on its left
    inward = turn[edge] * (step[:, 1] if axis == 0 else -step[:, 0])
    near = torch.where(inward > 0, place.ceil(), place.floor())
    side = torch.where(inward > 0, -1.0, 1.0)
    far = near + side
    inverse = 1 / ends[edge, :, 2].double()
    distance = 1 / (inverse[:, 0] + share * (inverse[:, 1] - inverse[:, 0]))
    keep = (torch.minimum(near, far) >= 0) & (torch.maximum(near, far) < across)
    keep = keep.nonzero()[:, 0]
    stride, stride_line = (1, width) if axis == 0 else (width, 1)
    offset = mesh_number[edge[keep]] * (height * width) + line[keep].long() * stride_line
    at_near, at_far = (offset + each[keep].long() * stride for each in (near, far))
    seen = (depth[at_near] < depth[at_far]) & (distance[keep] < depth[at_far])
    keep, at_near, at_far = keep[seen], at_near[seen], at_far[seen]
    chosen = _outermost(torch.minimum(at_near, at_far), ((place - near) * side)[keep])
    keep = keep[chosen]
    line, near, side = (each[keep].to(ends.dtype) for each in (line, near, side))
    return _Crossings(edge[keep], line, at_near[chosen], at_far[chosen], near, side)


def _outermost(pair: Tensor, reach: Tensor) -> Tensor:
    """Of several edges between the same two pixels the one that reaches furthest out: indices."""
    order = torch.argsort(reach, descending=True, stable=True)
    order = order[torch.argsort(pair[order], stable=True)]
    sorted_pair = pair[order]
    first = torch.ones_like(sorted_pair, dtype=torch.bool)
    first[1:] = sorted_pair[1:] != sorted_pair[:-1]
    return order[first]
