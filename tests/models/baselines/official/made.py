"""Made-up files with the names and shapes of those that makers of rivals published, thinner by a factor.

``*.txt`` beside this hold the names and shapes, a line each; values are sines, so that anybody makes the same ones.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

HERE = Path(__file__).parent
KEPT = (1, 3, 4, 5, 136)
"""Sizes that stay: of pictures, masks, landmarks and maps of one channel."""


def shapes(name: str, factor: int = 1) -> dict[str, tuple[int, ...]]:
    """Entries of a published file with their shapes, channels divided by a factor."""
    found = {}
    for line in (HERE / f"{name}.txt").read_text().splitlines():
        entry, *shape = line.split()
        sizes = [int(size) for size in shape]
        found[entry] = (*(thinner(size, factor) for size in sizes[:2]), *sizes[2:])
    return found


def thinner(size: int, factor: int) -> int:
    """A number of channels, of which three may be those of a picture, by the factor."""
    if factor == 1 or size in KEPT:
        return size
    return size // factor if size % factor == 0 else (size - 3) // factor + 3


def values(entry: str, shape: tuple[int, ...]) -> Tensor:
    """Sines that depend on the name, of a size that keeps a network's maps from growing."""
    count = math.prod(shape)
    wave = torch.sin(torch.arange(count, dtype=torch.float64) * 12.9898 + zlib.crc32(entry.encode()) % 1000)
    if entry.startswith("fc_landmark."):  # landmarks lie in the picture
        return ((0.5 + 0.3 * wave) if len(shape) == 1 else 0.005 * wave).view(shape).float()
    if len(shape) > 1:
        return (wave.view(shape) * 2 / math.sqrt(math.prod(shape[1:]))).float()
    if entry.endswith(("running_var", ".weight")):
        return (1 + 0.3 * wave).view(shape).float()
    return (0.5 if entry.endswith(("gamma", "alpha")) else 0.2) * (wave.view(shape) + 0.5).float()


def state(name: str, factor: int = 1) -> dict[str, Tensor]:
    """A state dict; singular vectors are what one step comes to, from a made-up one."""
    found: dict[str, Tensor] = {}
    for entry, shape in shapes(name, factor).items():
        if entry.endswith("num_batches_tracked"):
            found[entry] = torch.tensor(7)
        elif ".mask2d." in entry:
            found[entry] = (torch.ones if entry.endswith("weight") else torch.zeros)(shape)
        else:
            found[entry] = values(entry, shape)
    for entry in [entry for entry in found if entry.endswith(("weight_bar", "weight_orig"))]:
        stem = entry.rpartition("_")[0]
        flat = found[entry].flatten(1)
        right = F.normalize(flat.T @ F.normalize(found[f"{stem}_u"], dim=0), dim=0)
        found[f"{stem}_v"], found[f"{stem}_u"] = right, F.normalize(flat @ right, dim=0)
    return found


def picture(side: int) -> tuple[Tensor, Tensor]:
    """A picture (1, 3, side, side) of slow waves, and a hole (1, 1, side, side) across its middle."""
    y, x = torch.meshgrid(torch.linspace(0, 1, side), torch.linspace(0, 1, side), indexing="ij")
    waves = [0.5 + 0.45 * torch.sin(7 * x + 3 * y + shift) for shift in (0.0, 1.0, 2.0)]
    hole = torch.zeros(1, 1, side, side)
    hole[..., side // 4 : side // 2, side // 4 : -side // 8] = 1
    return torch.stack(waves)[None], hole


def seen(painted: Tensor) -> list[float]:
    """Five numbers of what was painted, in the hole and outside."""
    side = painted.shape[-1]
    places = ((0, 3, 3, 0), (0, 3, 4, 1), (0, 5, 4, 2), (0, 2, 6, 0), (0, 7, 1, 1))
    return [painted[b, c, side * y // 8, side * x // 8].item() for b, y, x, c in places]
