"""Pictures of a batch of meshes, differentiable in vertices, colours, light and pose, silhouettes included.

Conventions are those of `camera` (perspective, the camera at the origin looking along -z, pixel centres at integers),
`lighting` (order-2 harmonics in the camera's axes) and `rasteriser`. Vertices are lit and their colours spread over the
triangles; silhouettes are blended by `antialias`. The background is black.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from occset.models.rendering import camera, lighting
from occset.models.rendering.antialias import blend, blends
from occset.models.rendering.normals import normals_and_facing
from occset.models.rendering.rasteriser import visible_faces
from occset.models.rendering.topology import topology


class Rendered(NamedTuple):
    """Pictures of side S.

    Attributes:
        image: (B, 3, S, S), 0..1 where the light is not too strong; black behind the mesh.
        mask: (B, S, S), the share of a pixel that the mesh covers, 0..1.
        depth: (B, S, S), millimetres from the camera's plane to what the pixel's centre sees, 0 for nothing.
        face: (B, S, S) int64, the triangle that the pixel's centre sees, -1 for none.
    """

    image: Tensor
    mask: Tensor
    depth: Tensor
    face: Tensor


def render(
    vertices: Tensor,
    triangles: Tensor,
    colours: Tensor,
    pose: Tensor,
    light: Tensor,
    size: int,
    focal: float | Tensor,
    face: Tensor | None = None,
    cull: bool = True,
    renderer: str = "torch",
) -> Rendered:
    """Draw a batch of meshes that share their triangles.

    Args:
        vertices: (B, V, 3) head millimetres.
        triangles: (T, 3) int, counter-clockwise seen from outside.
        colours: (B, V, 3) albedo, 0..1.
        pose: (B, 6) pitch, yaw, roll in radians and translation in millimetres.
        light: (B, 9), or (B, 9, 3) for coloured light.
        size: side of the pictures, pixels.
        focal: in pixels; a number or (B, 1).
        face: (B, S, S), what an earlier picture of the mesh saw: visibility is taken from it instead of found anew, for
            small steps of a fit.
        cull: leave out triangles that face away.
        renderer: "torch", or "nvdiffrast" where that is installed.

    Raises:
        ValueError: shapes do not fit, or there is no renderer of that name.
        OccsetError: nvdiffrast is asked for and not installed.
    """
    _check(vertices, colours, pose, size, face)
    mesh = topology(triangles, vertices.shape[1])
    batch, count, _ = vertices.shape
    seen_from_camera = camera.to_camera(vertices, pose)
    screen = camera.project(seen_from_camera, focal, size, size)
    normals, facing = normals_and_facing(seen_from_camera.transpose(0, 1).contiguous(), mesh)
    shaded = lighting.shade(colours, normals.transpose(0, 1), light.to(normals.dtype))
    if face is None:
        face = visible_faces(screen.detach(), mesh.triangles, size, size, cull)
    rows = torch.cat((screen, shaded), -1).reshape(batch * count, 6)
    drawn = (face >= 0).reshape(-1).nonzero()[:, 0]
    first = drawn // (size * size) * count
    corners = mesh.triangles[face.reshape(-1)[drawn]] + first[:, None]
    values = rows.index_select(0, corners.reshape(-1)).view(-1, 3, 6)
    weights, distance = _weights(values[..., :3], drawn % size, drawn // size % size)
    colour = (values[..., 3:] * weights[..., None]).sum(1)
    pictures = torch.cat((colour, torch.ones_like(colour[:, :1])), -1)
    pictures = pictures.new_zeros(batch * size * size, 4).index_copy(0, drawn, pictures)
    depth = distance.new_zeros(batch * size * size).index_copy(0, drawn, distance).view(batch, size, size)
    found = blends(screen.transpose(0, 1), facing, mesh, face, depth.detach(), cull)
    pictures = blend(pictures, found).view(batch, size, size, 4)
    return Rendered(pictures[..., :3].permute(0, 3, 1, 2), pictures[..., 3], depth, face)


def project(points: Tensor, pose: Tensor, size: int, focal: float | Tensor) -> Tensor:
    """Where points of the head (B, N, 3), millimetres, lie in a picture of side ``size``: (B, N, 2) pixels."""
    return camera.project(camera.to_camera(points, pose), focal, size, size)[..., :2]


def _weights(corners: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Perspective-correct weights (P, 3) and distance (P,) of pixels in triangles (P, 3, 3), see `barycentrics`."""
    ax, bx, cx = (corners[..., 0] - x[:, None].to(corners.dtype)).unbind(-1)
    ay, by, cy = (corners[..., 1] - y[:, None].to(corners.dtype)).unbind(-1)
    screen = torch.stack((bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx), -1)
    area = screen.sum(-1, keepdim=True)
    flat = area.abs() < 1e-9
    screen = torch.where(flat, 1 / 3, screen / torch.where(flat, 1.0, area))
    weight = screen / corners[..., 2]
    total = weight.sum(-1, keepdim=True)
    return weight / total, 1 / total[:, 0]


def _check(vertices: Tensor, colours: Tensor, pose: Tensor, size: int, face: Tensor | None) -> None:
    batch = len(vertices)
    if vertices.ndim != 3 or vertices.shape[-1] != 3:
        raise ValueError(f"vertices must be (B, V, 3), not {tuple(vertices.shape)}")
    if colours.shape != vertices.shape:
        raise ValueError(f"colours must be {tuple(vertices.shape)} like the vertices, not {tuple(colours.shape)}")
    if pose.shape != (batch, 6):
        raise ValueError(f"pose must be ({batch}, 6), not {tuple(pose.shape)}")
    if face is not None and face.shape != (batch, size, size):
        raise ValueError(f"face must be ({batch}, {size}, {size}), not {tuple(face.shape)}")
