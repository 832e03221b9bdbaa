"""What a pixel of a mesh shows on the mesh's other half: a face hidden on one side is seen on the other."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from occset.models.rendering import camera
from occset.models.rendering.normals import normals_and_facing
from occset.models.rendering.rasteriser import Raster, barycentrics, interpolate
from occset.models.rendering.topology import topology

LEAST_FACING = 0.25
"""Cosine of the angle between a normal and the way to the camera, below which skin is seen too much from the side."""

_SURE = 0.99


class Mirrored(NamedTuple):
    """Of B pictures of side S.

    Attributes:
        texture: (B, 3, S, S) 0..1, the colour at the mirrored place of what each pixel sees; 0 where that is not known.
        valid: (B, 1, S, S) 0 or 1, where it is known.
    """

    texture: Tensor
    valid: Tensor


@torch.no_grad()
def mirrored(
    picture: Tensor,
    visible: Tensor,
    vertices: Tensor,
    triangles: Tensor,
    mirror: Tensor,
    pose: Tensor,
    focal: float,
    face: Tensor,
    middle: tuple[float, float] = (0.0, 0.0),
) -> Mirrored:
    """Look up every pixel of a mesh at the same place of the mesh's other half.

    Each vertex is told where its mirror vertex lies in the picture and whether that one faces the camera; spread over the
    triangles this is, for each pixel, the place to look at. Of the picture nothing is read but what is visible: the
    lookup weighs the four pixels around a place by their visibility, and counts only where all of them are seen.

    Args:
        picture: (B, 3, S, S) 0..1.
        visible: (B, 1, S, S) 0 or 1, where the picture may be looked at.
        vertices: (B, V, 3) head millimetres.
        triangles: (T, 3) int64.
        mirror: (V,) int64, the vertex at the same place of the other half.
        pose: (B, 6), see `render`.
        focal: in pixels.
        face: (B, S, S) int64, the triangle that each pixel sees, -1 for none, see `render`.
        middle: pixels from the picture's middle to what the camera looks at, see `render`.
    """
    size = picture.shape[-1]
    seen_from_camera = camera.to_camera(vertices, pose)
    screen = camera.project(seen_from_camera, focal, size, size, middle)
    mesh = topology(triangles, vertices.shape[1])
    normals, _ = normals_and_facing(seen_from_camera.transpose(0, 1).contiguous(), mesh)
    towards = -(normals.transpose(0, 1) * F.normalize(seen_from_camera, dim=-1)).sum(-1, keepdim=True)
    told = torch.cat((screen[..., :2], (towards > LEAST_FACING).to(screen.dtype)), -1)[:, mirror]
    raster = Raster(face, *barycentrics(screen, triangles, face))
    where = interpolate(told, triangles, raster)
    grid = where[..., :2] * (2 / (size - 1)) - 1  # pixel centres at integers, the outermost ones at -1 and 1
    shown = torch.cat((picture * visible, visible), 1)
    found = F.grid_sample(shown, grid, mode="bilinear", padding_mode="zeros", align_corners=True)
    known = (face >= 0) & (where[..., 2] > _SURE) & (found[:, 3] > _SURE)
    valid = known[:, None].to(picture.dtype)
    return Mirrored(found[:, :3] / found[:, 3:].clamp_min(_SURE) * valid, valid)
