"""DeepFill-v2 as nipponjo published it in PyTorch: deepfillv2-pytorch, ``networks.py`` and ``networks_tf.py``.

The first is a version fine-tuned in PyTorch, the second holds the paper's own TensorFlow weights. Both are one network. Ours
has neither its further plain convolutions, nor the narrower ones within its levels, nor a refinement that is not told the
hole, so it stands here by itself, made of the same gated layers. What the two differ in:

- strided convolutions of the second see a pixel further to the right and below, as TensorFlow pads;
- the second does not add scores up along diagonals.

In both, patches that touch the hole enter the softmax with a score of 0 (ours are left out of it), what overlapping patches
give is divided by 4 everywhere, and a place of the coarser grid is known by its upper left pixel. The published code takes
the hole of the first picture of a batch for all of them; here each has its own.

The files of csqiangwen's DeepFillv2_Pytorch cannot be imported: its padding, rectifiers and normalisation are options of a
command line that the files do not tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from occset.models.baselines.deepfill_v2.attention import SHARPNESS, fuse
from occset.models.baselines.layers import Gated
from occset.models.baselines.losses import composite
from occset.models.baselines.official import Layout, Source, named, sized

_SOFT = 1e-4  # added to every square of a patch's norm
_DILATED = (2, 4, 8, 16)


class _Late(Gated):
    """A strided convolution of 3 x 3, whose windows begin at the pixel itself."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__(inside, outside, 3, 2)
        self.convolution.padding = (0, 0)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, (0, 1, 0, 1)))


class _Rectified(Gated):
    """With a plain rectifier instead of the exponential one."""

    def rectified(self, features: Tensor) -> Tensor:
        return F.relu(features)


class OfficialDeepFill(nn.Module):
    """Coarse, then refined along two ways. ``width`` are the channels after the first halving of the sides."""

    def __init__(self, width: int = 48, late: bool = False) -> None:
        """Random weights.

        Args:
            width: a multiple of 4.
            late: as TensorFlow pads, and without scores of neighbours.
        """
        super().__init__()
        half, double, quarter, self.late = width // 2, 2 * width, width // 4, late

        def halving(inside: int, outside: int) -> Gated:
            return _Late(inside, outside) if late else Gated(inside, outside, 3, 2)

        def dilated() -> list[Gated]:
            return [Gated(double, double, dilation=step) for step in _DILATED]

        def up(inside: int) -> list[nn.Module]:
            return [
                Gated(inside, double), Gated(double, double), nn.Upsample(scale_factor=2), Gated(double, width),
                Gated(width, width), nn.Upsample(scale_factor=2), Gated(width, half), Gated(half, quarter),
                nn.Conv2d(quarter, 3, 3, padding=1), nn.Tanh(),
            ]  # fmt: skip

        self.coarse = nn.Sequential(
            Gated(5, half, 5), halving(half, width), Gated(width, width), halving(width, double), Gated(double, double),
            Gated(double, double), *dilated(), *up(double),
        )  # fmt: skip
        self.plain = nn.Sequential(
            Gated(3, half, 5), halving(half, half), Gated(half, width), halving(width, width), Gated(width, double),
            Gated(double, double), *dilated(),
        )  # fmt: skip
        self.looking = nn.Sequential(
            Gated(3, half, 5), halving(half, half), Gated(half, width), halving(width, double), Gated(double, double),
            _Rectified(double, double),
        )  # fmt: skip
        self.looked = nn.Sequential(Gated(double, double), Gated(double, double))
        self.merged = nn.Sequential(*up(2 * double))

    def forward(self, picture: Tensor, hole: Tensor) -> dict[str, Tensor]:
        """Paint.

        Args:
            picture: (B, 3, H, W) on 0..1, sides multiples of 8; its values in the hole are not looked at.
            hole: (B, 1, H, W) of 0 and 1.

        Returns:
            "painted" and "coarse", (B, 3, H, W) on 0..1.
        """
        seen = (2 * picture - 1) * (1 - hole)
        coarse = self.coarse(torch.cat((seen, torch.ones_like(hole), hole), 1))
        filled = composite(coarse, seen, hole)
        copied = self.looked(attend(self.looking(filled), hole, fused=not self.late))
        answer = self.merged(torch.cat((self.plain(filled), copied), 1))
        return {"painted": (answer + 1) / 2, "coarse": (coarse + 1) / 2}


def attend(x: Tensor, hole: Tensor, fused: bool) -> Tensor:
    """The map put together from its known patches, as the published networks learned it.

        s(b, f) = < x_b, x_f > / sqrt( ||x_b||^2 + .0001 n ),   a(b, f) = k_b softmax_b( 10 k_b s(b, f) )

    n the numbers of a patch, k_b = 1 where a patch is known.

    Args:
        x: (B, C, h, w), sides even.
        hole: (B, 1, 4 h, 4 w) of 0 and 1.
        fused: add scores up along diagonals.

    Returns:
        (B, C, h, w).
    """
    height, width = x.shape[2:]
    windows = F.unfold(x[..., ::2, ::2].float(), 3, padding=1)
    known = (F.unfold(hole[..., ::8, ::8].float(), 3, padding=1).amax(1) == 0).float()[:, :, None]
    normed = windows / (windows.square().sum(1, keepdim=True) + _SOFT * windows.shape[1]).sqrt()
    scores = normed.transpose(1, 2) @ windows
    scores = fuse(scores, height // 2, width // 2) if fused else scores
    looks = torch.softmax(SHARPNESS * scores * known, 1) * known
    patches = F.unfold(x, 4, stride=2, padding=1)
    return F.fold(patches @ looks.to(patches.dtype), (height, width), 4, stride=2, padding=1) / 4


_STAGES = {
    "coarse": (
        "conv1", "conv2_downsample", "conv3", "conv4_downsample", "conv5", "conv6", "conv7_atrous", "conv8_atrous",
        "conv9_atrous", "conv10_atrous", "conv11", "conv12", "conv13_upsample.conv", "conv14", "conv15_upsample.conv",
        "conv16", "conv17",
    ),
    "plain": (
        "xconv1", "xconv2_downsample", "xconv3", "xconv4_downsample", "xconv5", "xconv6", "xconv7_atrous",
        "xconv8_atrous", "xconv9_atrous", "xconv10_atrous",
    ),
    "looking": ("pmconv1", "pmconv2_downsample", "pmconv3", "pmconv4_downsample", "pmconv5", "pmconv6"),
    "looked": ("pmconv9", "pmconv10"),
    "merged": (
        "allconv11", "allconv12", "allconv13_upsample.conv", "allconv14", "allconv15_upsample.conv", "allconv16",
        "allconv17",
    ),
}  # fmt: skip
"""Layers in order, as ``networks_tf.py`` calls them."""

_DOWN = ("down_block1.conv1_downsample", "down_block1.conv2", "down_block2.conv1_downsample", "down_block2.conv2")
_UP = ("up_block1.conv1_upsample.conv", "up_block1.conv2", "up_block2.conv1_upsample.conv", "up_block2.conv2")
_BLOCKS = {
    "coarse": tuple(
        f"stage1.{name}" for name in ("conv1", *_DOWN, *(f"conv_bn{i}" for i in range(1, 8)), *_UP, "conv_to_rgb")
    ),
    "plain": tuple(
        f"stage2.{name}" for name in (f"b1_{one}" for one in ("conv1", *_DOWN, *(f"conv_bn{i}" for i in range(1, 6))))
    ),
    "looking": tuple(f"stage2.b2_{name}" for name in ("conv1", *_DOWN, "conv_bn1")),
    "looked": ("stage2.b2_conv_bn4", "stage2.b2_conv_bn5"),
    "merged": tuple(f"stage2.{name}" for name in ("conv_bn6", "conv_bn7", *_UP, "conv_to_rgb")),
}
"""The same, as ``networks.py`` calls them."""


def sources(layers: Mapping[str, Sequence[str]]) -> dict[str, Source]:
    """Where each tensor of `OfficialDeepFill` comes from, by the names of its layers in order."""
    with torch.device("meta"):
        network = OfficialDeepFill()
    found: dict[str, Source] = {}
    for stage, names in layers.items():
        ours = [
            f"{stage}.{at}.convolution" if isinstance(layer, Gated) else f"{stage}.{at}"
            for at, layer in enumerate(getattr(network, stage))
            if isinstance(layer, Gated | nn.Conv2d)
        ]
        pairs = (named(mine, f"{theirs}.conv").items() for mine, theirs in zip(ours, names, strict=True))
        found |= dict(chain.from_iterable(pairs))
    return found


def _layout(name: str, first: str, late: bool, layers: Mapping[str, Sequence[str]]) -> Layout:
    def sizes(shapes: Mapping[str, Sequence[int]]) -> dict[str, int]:
        shape = shapes.get(f"{first}.conv.weight", (48,))
        told = shape[0] if shape else 0
        return {"width": sized(told, 48) if told % 4 == 0 else 48}

    return Layout(
        name=name,
        files=f"a .pth of nipponjo's deepfillv2-pytorch for {name.split()[1]}",
        inside=("G",),
        sizes=sizes,
        build=partial(OfficialDeepFill, late=late),
        sources=lambda width: sources(layers),
        unused=lambda name: False,
    )


LAYOUTS = (
    _layout("nipponjo networks.py", "stage1.conv1", False, _BLOCKS),
    _layout("nipponjo networks_tf.py", "conv1", True, _STAGES),
)
"""Published files that can be imported."""
