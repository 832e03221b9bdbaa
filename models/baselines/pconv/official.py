"""PConv as naoto0804 published it in PyTorch: pytorch-inpainting-with-partial-conv, the U-Net of its ``net.py``.

Ours expresses it, with windows of 7, 5 and 5 pixels. Its pictures have the mean and deviation of ImageNet, it answers such
pictures without a sigmoid, and a window's sum is divided by how much of it is known without the factor of its size, which
goes into the weights here: ``W / (channels k^2)``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from occset.models.baselines.official import COUNTER, SIZE, Layout, Source, named, plain, sized
from occset.models.baselines.pconv.network import PartialUNet
from occset.models.baselines.presets import Shape

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_NORM = ("weight", "bias", "running_mean", "running_var")
_MOST_LEVELS = 8  # sides of 256 pixels can be halved so often


class OfficialPConv(PartialUNet):
    """Levels of ``width`` channels, twice, four and eight times as many, and no more from the fourth on."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, width: int = 64, levels: int = 7) -> None:
        """Random weights; sides are multiples of 2 to the number of levels."""
        super().__init__(Shape(SIZE, 1, tuple(width * 2 ** min(i, 3) for i in range(levels))), windows=(7, 5, 5))
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(_DEVIATION)[:, None, None], persistent=False)

    def forward(self, picture: Tensor, hole: Tensor) -> dict[str, Tensor]:
        """Pictures (B, 3, H, W) on 0..1 and holes (B, 1, H, W), 1 = paint here, to "painted", (B, 3, H, W) on 0..1."""
        known = 1 - hole
        answer = self.painted((picture - self.mean) / self.deviation * known, known).float()
        return {"painted": (answer * self.deviation + self.mean).clamp(0, 1)}


def sizes(shapes: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """Width of the first level, and the number of levels."""
    first = shapes.get("enc_1.conv.conv2d.weight", (64,))
    levels = sum(name.startswith("enc_") and name.endswith(".conv2d.weight") for name in shapes)
    return {"width": sized(first[0] if first else 0, 64), "levels": sized(levels, 7, _MOST_LEVELS)}


def sources(width: int, levels: int) -> dict[str, Source]:
    """Where each tensor of `OfficialPConv` comes from."""
    found: dict[str, Source] = {}
    for level in range(levels):
        for ours, theirs in (("down", f"enc_{level + 1}"), ("up", f"dec_{level + 1}")):
            found[f"{ours}.{level}.convolution.weight"] = Source((f"{theirs}.conv.conv2d.weight",), _averaged)
            found[f"{ours}.{level}.bias"] = plain(f"{theirs}.conv.conv2d.bias")
        if level:
            found |= named(f"down_norm.{level}", f"enc_{level + 1}.bn", _NORM)
            found |= named(f"up_norm.{level - 1}", f"dec_{level + 1}.bn", _NORM)
    return found


def _averaged(weight: Tensor) -> Tensor:
    return weight.float() / weight[0].numel()


LAYOUTS = (
    Layout(
        name="naoto0804 PConvUNet",
        files="a snapshot of naoto0804's pytorch-inpainting-with-partial-conv, such as 1000000.pth",
        inside=("model",),
        sizes=sizes,
        build=OfficialPConv,
        sources=sources,
        unused=lambda name: ".mask2d." in name or name.endswith(COUNTER),  # windows of ones, which count what is known
    ),
)
"""Published files that can be imported."""
