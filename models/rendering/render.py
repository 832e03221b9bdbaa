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
from occset.support.errors import UnknownName

RENDERERS = ("torch", "nvdiffrast")


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
    middle: tuple[float, float] = (0.0, 0.0),
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
            small steps of a fit; nvdiffrast finds it anew in any case.
        cull: leave out triangles that face away.
        renderer: "torch", or "nvdiffrast" where that is installed.
        middle: pixels from the picture's middle to what the camera looks at, see `camera.project`.

    Raises:
        ValueError: shapes do not fit, or there is no renderer of that name.
        OccsetError: nvdiffrast is asked for and not installed.
    """
    _check(vertices, colours, pose, size, face)
    if renderer not in RENDERERS:
        raise ValueError(f"renderer must be one of {', '.join(RENDERERS)}, not '{renderer}'")
    mesh = topology(triangles, vertices.shape[1])
    batch = len(vertices)
    seen_from_camera = camera.to_camera(vertices, pose)
    screen = camera.project(seen_from_camera, focal, size, size, middle)
    normals, facing = normals_and_facing(seen_from_camera.transpose(0, 1).contiguous(), mesh)
    shaded = lighting.shade(colours, normals.transpose(0, 1), light.to(normals.dtype))
    if renderer == "nvdiffrast":
        from occset.models.rendering.nvdiffrast import draw

        drawn = draw(screen, shaded, mesh.triangles, facing, size, cull)
        return _rendered(drawn.pictures, drawn.distance, drawn.face)
    if face is None:
        face = visible_faces(screen.detach(), mesh.triangles, size, size, cull)
    seen = (face >= 0).reshape(-1).nonzero()[:, 0]
    pixels, distance = _spread(screen, shaded, mesh.triangles, face, seen)
    pictures = pixels.new_zeros(batch * size * size, 4).index_copy(0, seen, pixels)
    depth = distance.new_zeros(batch * size * size).index_copy(0, seen, distance).view(batch, size, size)
    found = blends(screen.transpose(0, 1), facing, mesh, face, depth.detach(), cull)
    return _rendered(blend(pictures, found).view(batch, size, size, 4), depth, face)


def checked_renderer(name: str) -> str:
    """The name of a renderer that can be used here.

    Raises:
        UnknownName: there is none of that name; suggests the nearest.
        OccsetError: it is not installed; says how to get it.
    """
    if name not in RENDERERS:
        raise UnknownName("renderer", name, RENDERERS)
    if name == "nvdiffrast":
        from occset.models.rendering.nvdiffrast import library

        library()
    return name


def _rendered(pictures: Tensor, depth: Tensor, face: Tensor) -> Rendered:
    return Rendered(pictures[..., :3].permute(0, 3, 1, 2), pictures[..., 3], depth, face)


def project(points: Tensor, pose: Tensor, size: int, focal: float | Tensor) -> Tensor:
    """Where points of the head (B, N, 3), millimetres, lie in a picture of side ``size``: (B, N, 2) pixels."""
    return camera.project(camera.to_camera(points, pose), focal, size, size)[..., :2]


def _spread(screen: Tensor, shaded: Tensor, triangles: Tensor, face: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """What the drawn pixels (P,) see: colour and a one (P, 4), and distance (P,); the weights are those of `barycentrics`.

    Each number of each corner is an array of its own, which is several times as fast as working on rows of three.
    """
    size, count = face.shape[-1], screen.shape[1]
    seen = triangles.index_select(0, face.reshape(-1).index_select(0, drawn))
    seen = seen + (drawn // (size * size) * count)[:, None]
    corners = [seen[:, k].contiguous() for k in range(3)]
    at = ([each.reshape(-1).index_select(0, corner) for corner in corners] for each in screen.unbind(-1))
    x, y, distance = at
    column, row = (drawn % size).to(screen.dtype), (drawn // size % size).to(screen.dtype)
    (ax, bx, cx), (ay, by, cy) = [each - column for each in x], [each - row for each in y]
    areas = (bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx)
    # a triangle thinner than the snapping can have no area at all here: its middle is as good as any point
    flat = (areas[0] + areas[1] + areas[2]).abs() < 1e-9
    weights = [torch.where(flat, 1.0, area) / each for area, each in zip(areas, distance, strict=True)]
    inverse = 1 / (weights[0] + weights[1] + weights[2])
    whole = torch.where(flat, 3.0, areas[0] + areas[1] + areas[2])
    weights = [weight * inverse for weight in weights]
    colours = []
    for channel in shaded.unbind(-1):
        a, b, c = (channel.reshape(-1).index_select(0, corner) for corner in corners)
        colours.append(weights[0] * a + weights[1] * b + weights[2] * c)
    return torch.stack((*colours, torch.ones_like(inverse)), -1), whole * inverse


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
