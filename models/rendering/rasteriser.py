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
    corners = snapped[triangles]  # (T, 3, 2)
    lowest, highest = corners.amin(1) / SUBPIXELS, corners.amax(1) / SUBPIXELS
    limit = vertices.new_tensor([width - 1, height - 1])
    first = lowest.ceil().clamp_min(0)
    last = torch.minimum(highest.floor(), limit)
    sides = (last - first + 1).long()  # (T, 2) pixels across and down
    distance = vertices[:, 2][triangles]
    drawn = (
        (sides > 0).all(-1) & (distance > 0).all(-1) & distance.isfinite().all(-1) & corners.isfinite().all(-1).all(-1)
    )
    if cull:
        (ux, uy), (vx, vy) = (corners[:, 1] - corners[:, 0]).unbind(-1), (corners[:, 2] - corners[:, 0]).unbind(-1)
        drawn &= ux * vy <= uy * vx  # with y down, counter-clockwise as seen is a negative area
    keep = drawn.nonzero()[:, 0]
    corners, first, sides, distance = corners[keep], first[keep], sides[keep], distance[keep]
    # relative to the first pixel of the box the numbers are small, which keeps the products exact
    corners = corners - first[:, None] * SUBPIXELS

    buffer = torch.full((height * width,), _EMPTY, dtype=torch.int64, device=vertices.device)
    longest = sides.amax(-1)
    smaller = 0
    for side in (*_BOX_SIDES, max(height, width)):
        chosen = ((longest > smaller) & (longest <= side)).nonzero()[:, 0]
        smaller = max(smaller, side)
        for part in chosen.split(max(1, _CANDIDATES // (side * side))):
            exact = torch.float32 if side <= _EXACT_FLOAT32_SIDE else torch.float64
            _draw(
                buffer, width, side, keep[part], corners[part].to(exact), first[part], sides[part], distance[part], cull
            )
    return torch.where(buffer == _EMPTY, -1, buffer & 0xFFFFFFFF)


def _draw(
    buffer: Tensor,
    width: int,
    side: int,
    index: Tensor,
    corners: Tensor,
    first: Tensor,
    sides: Tensor,
    distance: Tensor,
    cull: bool,
) -> None:
    """Test ``side`` x ``side`` candidate pixels of each triangle and scatter the covered ones into ``buffer``."""
    (ax, ay), (bx, by), (cx, cy) = (corners[:, k].unbind(-1) for k in range(3))
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    # on a screen with y down, counter-clockwise seen from the camera gives a negative area here
    sign = -area.sign()
    visible = sign > 0 if cull else sign != 0
    step = torch.arange(side, device=corners.device, dtype=corners.dtype) * SUBPIXELS
    inside = visible[:, None, None]
    edges = []
    for (px, py), (qx, qy) in (((bx, by), (cx, cy)), ((cx, cy), (ax, ay)), ((ax, ay), (bx, by))):
        dx, dy = (qx - px) * sign, (qy - py) * sign
        across = dy[:, None] * (step - px[:, None])  # the edge function splits into a part of x and a part of y
        down = dx[:, None] * (step - py[:, None])
        edge = across[:, None, :] - down[:, :, None]
        inside = inside & (edge >= 0)
        edges.append(edge)
    steps = torch.arange(side, device=corners.device)
    if side > 1:
        inside = inside & (steps < sides[:, :1])[:, None, :] & (steps < sides[:, 1:])[:, :, None]
    which, row, column = inside.nonzero(as_tuple=True)
    weight = torch.stack([edge[which, row, column] for edge in edges], -1).float()
    weight = weight / weight.sum(-1, keepdim=True)
    depth = 1 / (weight / distance[which]).sum(-1)
    x, y = first[which].long().unbind(-1)
    pixel = (y + row) * width + x + column
    # the bits of positive floats order like the floats, so one integer minimum finds the nearest triangle
    packed = (depth.view(torch.int32).long() << 32) | index[which]
    buffer.scatter_reduce_(0, pixel, packed, "amin")
