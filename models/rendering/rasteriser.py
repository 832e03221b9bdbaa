"""A vectorised z-buffer rasteriser in plain torch, on any device, differentiable in vertices and attributes.

Conventions: vertices are in pixels, ``x`` to the right, ``y`` down, pixel centres at integers, and their third number is
the distance to the camera (positive, nearer is smaller; whatever is not positive is not drawn). Corners snap to 1/256 of
a pixel for the question "which triangle does this pixel centre see?", so that the edge functions are exact integers and
two triangles that share an edge leave no hole between them. Barycentric coordinates are computed from the unsnapped
corners, corrected for perspective, and carry gradients to the vertices; which triangle is seen does not.

The speed comes from sorting triangles by the size of their bounding box: boxes of one size are tested as one block of
candidate pixels, and the nearest triangle of each pixel is found by one scatter of packed ``depth << 32 | index``.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

SUBPIXELS = 256
"""Corners are rounded to this many steps a pixel before the coverage test."""

_BOX_SIDES = (1, 2, 3, 4, 6, 8, 16, 32, 64, 128, 256)
_EXACT_FLOAT32_SIDE = 8  # (8 + 2 pixels) * 256 steps: products stay below 2**24, where float32 still counts exactly
_CANDIDATES = 1 << 20  # pixels tested at once; bounds the memory
_EMPTY = torch.iinfo(torch.int64).max


class Raster(NamedTuple):
    """What each pixel sees.

    Attributes:
        face: (B, H, W) int64, index of the nearest triangle, -1 where there is none.
        barycentric: (B, H, W, 3) weights of its corners, corrected for perspective, zeros where there is none.
        depth: (B, H, W) distance to the camera, 0 where there is none.
    """

    face: Tensor
    barycentric: Tensor
    depth: Tensor


def rasterise(vertices: Tensor, triangles: Tensor, height: int, width: int, cull: bool = False) -> Raster:
    """Draw a batch of meshes that share their triangles.

    Args:
        vertices: (B, V, 3) float, pixel x, pixel y, distance to the camera.
        triangles: (T, 3) int, corner indices.
        height: rows of the picture.
        width: columns of the picture.
        cull: leave out triangles whose corners run clockwise on the screen (y down), the back of a closed mesh
            wound counter-clockwise seen from outside.

    Raises:
        ValueError: shapes do not fit.
    """
    if vertices.ndim != 3 or vertices.shape[-1] != 3:
        raise ValueError(f"vertices must be (B, V, 3), not {tuple(vertices.shape)}")
    if triangles.ndim != 2 or triangles.shape[-1] != 3:
        raise ValueError(f"triangles must be (T, 3), not {tuple(triangles.shape)}")
    triangles = triangles.long()
    face = visible_faces(vertices, triangles, height, width, cull)
    barycentric, depth = barycentrics(vertices, triangles, face)
    return Raster(face, barycentric, depth)


def visible_faces(vertices: Tensor, triangles: Tensor, height: int, width: int, cull: bool = False) -> Tensor:
    """The index of the triangle (T, 3) that each pixel sees, (B, H, W) int64, -1 for none; see `rasterise`."""
    with torch.no_grad():
        seen = [_nearest(each, triangles, height, width, cull) for each in vertices.detach().float()]
    return torch.stack(seen).view(-1, height, width)


def barycentrics(vertices: Tensor, triangles: Tensor, face: Tensor) -> tuple[Tensor, Tensor]:
    """Perspective-correct weights (B, H, W, 3) and depth (B, H, W) of the triangles in ``face``, differentiable.

    With screen weights ``s`` and corner distances ``z``: ``b_k = (s_k / z_k) / sum_j (s_j / z_j)`` and
    ``depth = 1 / sum_j (s_j / z_j)``.
    """
    batch, height, width = face.shape
    where = (face >= 0).nonzero(as_tuple=True)
    corners = vertices[where[0][:, None], triangles[face[where]]]  # (P, 3, 3)
    point = torch.stack((where[2], where[1]), -1).to(vertices.dtype)
    (ax, ay), (bx, by), (cx, cy) = ((corners[:, k, :2] - point).unbind(-1) for k in range(3))
    screen = torch.stack((bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx), -1)
    area = screen.sum(-1, keepdim=True)
    # a triangle thinner than the snapping can have no area at all here: its middle is as good as any point
    flat = area.abs() < 1e-9
    screen = torch.where(flat, torch.full_like(screen, 1 / 3), screen / torch.where(flat, torch.ones_like(area), area))
    weight = screen / corners[..., 2]
    total = weight.sum(-1, keepdim=True)
    barycentric = vertices.new_zeros(batch, height, width, 3).index_put(where, weight / total)
    depth = vertices.new_zeros(batch, height, width).index_put(where, 1 / total[:, 0])
    return barycentric, depth


def interpolate(attributes: Tensor, triangles: Tensor, raster: Raster) -> Tensor:
    """Spread vertex attributes over the picture: ``sum_k b_k * attribute[corner k]``.

    Args:
        attributes: (B, V, C) or (V, C), one batch for all or one each.
        triangles: (T, 3), those that were drawn.
        raster: what `rasterise` returned.

    Returns:
        (B, H, W, C), zeros where nothing was drawn; gradients flow to attributes and, through the weights, to vertices.
    """
    if attributes.ndim == 2:
        attributes = attributes.expand(raster.face.shape[0], -1, -1)
    where = (raster.face >= 0).nonzero(as_tuple=True)
    corners = attributes[where[0][:, None], triangles.long()[raster.face[where]]]  # (P, 3, C)
    values = (corners * raster.barycentric[where][..., None].to(corners.dtype)).sum(1)
    return values.new_zeros(*raster.face.shape, attributes.shape[-1]).index_put(where, values)


def _nearest(vertices: Tensor, triangles: Tensor, height: int, width: int, cull: bool) -> Tensor:
    """(H * W,) int64 index of the nearest triangle for one mesh (V, 3), -1 for none."""
    snapped = (vertices[:, :2].clamp(-(2.0**20), 2.0**20) * SUBPIXELS).round()
    corner = [triangles[:, k].contiguous() for k in range(3)]
    # numbers that lie side by side are worked on many at a time: everything is a (T,) array of its own
    values = (snapped[:, 0].contiguous(), snapped[:, 1].contiguous(), vertices[:, 2].contiguous())
    x, y, distance = ([each.index_select(0, which) for which in corner] for each in values)
    first_x, across = _box(x, width)
    first_y, down = _box(y, height)
    drawn = (across > 0) & (down > 0)
    for each in distance:
        drawn &= (each > 0) & (each < torch.inf)
    if cull:
        # with y down, counter-clockwise as seen is a negative area
        drawn &= (x[1] - x[0]) * (y[2] - y[0]) <= (y[1] - y[0]) * (x[2] - x[0])
    buffer = torch.full((height * width,), _EMPTY, dtype=torch.int64, device=vertices.device)
    longest = torch.maximum(across, down)
    smaller = 0
    for side in (*_BOX_SIDES, max(height, width)):
        chosen = (drawn & (longest > smaller) & (longest <= side)).nonzero()[:, 0]
        smaller = max(smaller, side)
        for index in chosen.split(max(1, _CANDIDATES // (side * side))):
            if not len(index):
                continue
            exact = torch.float32 if side <= _EXACT_FLOAT32_SIDE else torch.float64
            box = [each.index_select(0, index) for each in (first_x, first_y, across, down)]
            # relative to the first pixel of the box the numbers are small, which keeps the products exact
            corners = [
                [(each.index_select(0, index) - start * SUBPIXELS).to(exact) for each in axis]
                for axis, start in ((x, box[0]), (y, box[1]))
            ]
            _draw(buffer, width, side, index, corners, box, [each.index_select(0, index) for each in distance], cull)
    return torch.where(buffer == _EMPTY, -1, buffer & 0xFFFFFFFF)


def _box(corners: list[Tensor], size: int) -> tuple[Tensor, Tensor]:
    """The first pixel centre within each triangle along one axis, and how many there are; NaN or less than one for none."""
    lowest = torch.minimum(torch.minimum(corners[0], corners[1]), corners[2]) / SUBPIXELS
    highest = torch.maximum(torch.maximum(corners[0], corners[1]), corners[2]) / SUBPIXELS
    first = lowest.ceil_().clamp_min_(0)
    return first, highest.floor_().clamp_max_(size - 1) - first + 1


def _draw(
    buffer: Tensor,
    width: int,
    side: int,
    index: Tensor,
    corners: list[list[Tensor]],
    box: list[Tensor],
    distance: list[Tensor],
    cull: bool,
) -> None:
    """Test ``side`` x ``side`` candidate pixels of each triangle and scatter the covered ones into ``buffer``."""
    (ax, bx, cx), (ay, by, cy) = corners
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    # on a screen with y down, counter-clockwise seen from the camera gives a negative area here
    sign = -area.sign()
    inside = ((sign > 0) if cull else (sign != 0)).expand(side, side, -1)
    steps = torch.arange(side, device=area.device)
    step = (steps * SUBPIXELS).to(area.dtype)[:, None]
    edges = []
    for px, py, qx, qy in ((bx, by, cx, cy), (cx, cy, ax, ay), (ax, ay, bx, by)):
        dx, dy = (qx - px) * sign, (qy - py) * sign
        # the edge function splits into a part of x and a part of y
        edge = (dy * (step - px))[None] - (dx * (step - py))[:, None]
        inside = inside & (edge >= 0)
        edges.append(edge)
    if side > 1:
        inside = inside & (steps[:, None] < box[2])[None] & (steps[:, None] < box[3])[:, None]
    row, column, which = inside.nonzero(as_tuple=True)
    flat = (row * side + column) * len(index) + which
    weights = [edge.reshape(-1).index_select(0, flat).float() for edge in edges]
    total = weights[0] + weights[1] + weights[2]
    shares = [weight / total / each.index_select(0, which) for weight, each in zip(weights, distance, strict=True)]
    depth = 1 / (shares[0] + shares[1] + shares[2])
    first = box[1].long() * width + box[0].long()
    pixel = first.index_select(0, which) + row * width + column
    # the bits of positive floats order like the floats, so one integer minimum finds the nearest triangle
    packed = (depth.view(torch.int32).long() << 32) | index.index_select(0, which)
    buffer.scatter_reduce_(0, pixel, packed, "amin")
