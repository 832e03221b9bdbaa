"""The second renderer, for those who have it: nvdiffrast (Laine et al. 2020) behind the interface of `render`.

It draws on an NVIDIA GPU, in clip space: x and y over w run from -1 to 1 over the whole picture, w is the distance, and z
over w from -1 (near) to 1 (far). Its first row lies at y = -1; ours is the top one, so that y here runs down. It knows no
culling: each mesh of a batch is given the triangles that face the camera, in its "range mode".
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from occset.support.errors import OccsetError

NEAR, FAR = 10.0, 100_000.0
"""Millimetres from the camera between which there is something to see."""

MISSING = (
    "nvdiffrast is not installed: on a machine with an NVIDIA GPU install it from its makers' source "
    "(https://github.com/NVlabs/nvdiffrast; a package of that name on an index is not theirs), or use the renderer torch"
)


class Drawn(NamedTuple):
    """Pictures (B, H, W, 4) of colour and coverage, anti-aliased; distance (B, H, W), 0 for nothing; face (B, H, W)."""

    pictures: Tensor
    distance: Tensor
    face: Tensor


def draw(screen: Tensor, colours: Tensor, triangles: Tensor, facing: Tensor, size: int, cull: bool) -> Drawn:
    """Draw meshes whose vertices are lit already.

    Args:
        screen: (B, V, 3) pixel x, pixel y, distance.
        colours: (B, V, 3).
        triangles: (T, 3) int64.
        facing: (T, B) bool, which triangles face the camera.
        size: side of the pictures, pixels.
        cull: leave out those that do not.

    Raises:
        OccsetError: nvdiffrast is not installed, or the tensors are on no GPU.
    """
    rasteriser = library()
    _check_device(screen.device)
    batch, count, _ = screen.shape
    mesh, number = (facing if cull else torch.ones_like(facing)).T.nonzero(as_tuple=True)
    corners = (triangles[number] + mesh[:, None] * count).int().contiguous()
    many = torch.bincount(mesh, minlength=batch)
    ranges = torch.stack((many.cumsum(0) - many, many), -1).int().cpu()
    position = clip_space(screen, size).reshape(-1, 4).float().contiguous()
    distance = screen[..., 2:]
    values = torch.cat((colours, torch.ones_like(distance), distance), -1).reshape(-1, 5).float().contiguous()
    raster, _ = rasteriser.rasterize(_context(screen.device), position, corners, (size, size), ranges=ranges)
    seen, _ = rasteriser.interpolate(values, raster, corners)
    pictures = rasteriser.antialias(seen[..., :4].contiguous(), raster, position, corners)
    index = raster[..., 3].detach().long() - 1  # it counts from one, and zero is nothing
    face = torch.where(index >= 0, number[index.clamp_min(0)], -1) if len(number) else index
    return Drawn(pictures.to(screen.dtype), seen[..., 4].to(screen.dtype), face)


def clip_space(screen: Tensor, size: int) -> Tensor:
    """Pixels and distance (B, V, 3) to clip space (B, V, 4); pixel centres at integers, half a pixel of border around."""
    x, y, distance = screen.unbind(-1)
    depth = ((FAR + NEAR) * distance - 2 * FAR * NEAR) / (FAR - NEAR)
    across, down = (((2 * each + 1) / size - 1) * distance for each in (x, y))
    return torch.stack((across, down, depth, distance), -1)


def library() -> Any:
    """The package.

    Raises:
        OccsetError: it is not installed; says how to get it.
    """
    try:
        import nvdiffrast.torch
    except ImportError as missing:
        raise OccsetError(MISSING) from missing
    return nvdiffrast.torch


def _check_device(device: torch.device) -> None:
    if device.type != "cuda":
        raise OccsetError("nvdiffrast draws on an NVIDIA GPU only: choose the device cuda, or the renderer torch")


@lru_cache(maxsize=8)
def _context(device: torch.device) -> Any:
    return library().RasterizeCudaContext(device=device)
