"""PICNet as its makers published it in PyTorch: lyndonzheng's Pluralistic-Inpainting, ``*_net_E.pth`` and ``*_net_G.pth``.

It stands beside ours, whose layers do not express it: theirs begins with a block at full resolution, doubles by transposed
convolutions with instance normalisation, paints at four scales of which each is shown to the next, and has spectral norm in
all blocks. That norm is fixed once a network is trained, and goes into the weights here. One fixed draw paints, as in ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from occset.models.baselines.layers import ShortLongAttention
from occset.models.baselines.official import SIZE, Layout, Source, named, plain, sized
from occset.models.baselines.picnet.gaussians import fixed_noise

SLOPE, ATTENTION_SLOPE = 0.1, 0.01
_LEVELS, _DEPTH = 5, 6  # halvings, and blocks before the prior
_MOST = 4  # times the first level's channels
_ATTENDS = 1  # the doubling after which is attended; from here on it also paints


class OfficialBlock(nn.Module):
    """``short(x) + second(act(first(act(x))))``, the short way a convolution in any case."""

    def __init__(self, inside: int, outside: int, hidden: int, slope: float = SLOPE, halved: bool = False) -> None:
        """Random weights."""
        super().__init__()
        self.slope, self.halved = slope, halved
        self.first = nn.Conv2d(inside, hidden, 3, padding=1)
        self.second = nn.Conv2d(hidden, outside, 3, padding=1)
        self.short = nn.Conv2d(inside, outside, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inside, H, W) to (B, outside, H, W), or half the sides."""
        y = self.first(F.leaky_relu(x, self.slope))
        y = self.short(x) + self.second(F.leaky_relu(y, self.slope))
        return F.avg_pool2d(y, 2) if self.halved else y


class _Stem(nn.Module):
    """The first halving, whose short way is averaged before its convolution."""

    def __init__(self, outside: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, outside, 3, padding=1)
        self.second = nn.Conv2d(outside, outside, 3, padding=1)
        self.short = nn.Conv2d(3, outside, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.avg_pool2d(self.second(F.leaky_relu(self.first(x), SLOPE)), 2)
        short: Tensor = self.short(F.avg_pool2d(x, 2))
        return y + short


class _Doubling(nn.Module):
    """Normalised, twice the sides by transposed convolutions."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        twice = partial(nn.ConvTranspose2d, kernel_size=3, stride=2, padding=1, output_padding=1)
        self.norms = nn.ModuleList(nn.InstanceNorm2d(width, affine=True) for width in (inside, outside))
        self.first = nn.Conv2d(inside, outside, 3, padding=1)
        self.second, self.short = twice(outside, outside), twice(inside, outside)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(F.leaky_relu(self.norms[0](x), SLOPE))
        short: Tensor = self.short(x)
        return short + self.second(F.leaky_relu(self.norms[1](y), SLOPE))


def official_attention(channels: int) -> ShortLongAttention:
    """Our layer with the published block at its end."""
    layer = ShortLongAttention(channels, channels)
    layer.join = OfficialBlock(2 * channels, channels, channels, ATTENTION_SLOPE)
    return layer


class OfficialPICNet(nn.Module):
    """Five halvings, a code of 8 x 8 places at 256 pixels, and five doublings."""

    noise: Tensor

    def __init__(self, width: int = 32, code: int = 128) -> None:
        """Random weights.

        Args:
            width: channels of the first level; there are twice as many at the second, and four times from the third on.
            code: channels of what is drawn.
        """
        super().__init__()
        widths = [width * min(2**level, _MOST) for level in range(_LEVELS)]
        deepest = widths[-1]
        self.stem = _Stem(width)
        self.down = nn.ModuleList(
            OfficialBlock(widths[i], widths[i + 1], widths[i], halved=True) for i in range(_LEVELS - 1)
        )
        self.inferred = nn.Sequential(*(OfficialBlock(deepest, deepest, deepest) for _ in range(_DEPTH)))
        self.prior = OfficialBlock(deepest, 2 * code, deepest)
        self.into = OfficialBlock(code, deepest, deepest)
        self.up, self.paint = nn.ModuleList(), nn.ModuleList()
        inside = deepest
        for level, outside in enumerate(reversed(widths)):
            self.up.append(_Doubling(inside, outside))
            inside = outside
            if level >= _ATTENDS:
                self.paint.append(nn.Conv2d(outside, 3, 3))
                inside += 3
        self.attention = official_attention(widths[-1 - _ATTENDS])
        self.register_buffer("noise", fixed_noise(code, SIZE >> _LEVELS), persistent=False)

    def forward(self, picture: Tensor, hole: Tensor, noise: Tensor | None = None) -> dict[str, Tensor]:
        """Paint along the generative path.

        Args:
            picture: (B, 3, 256, 256) on 0..1; its values in the hole are not looked at.
            hole: (B, 1, 256, 256) of 0 and 1.
            noise: (1, code, 8, 8) standard normal, instead of the one fixed draw.

        Returns:
            "painted", (B, 3, 256, 256) on 0..1.
        """
        seen = [self.stem((2 * picture - 1) * (1 - hole))]
        for down in self.down:
            seen.append(down(seen[-1]))
        mean, raw = self.prior(self.inferred(seen[-1])).chunk(2, 1)
        drawn = mean + F.softplus(raw) * (self.noise if noise is None else noise).to(mean)
        x = seen[-1] + self.into(drawn)
        painted = x
        for level, up in enumerate(self.up):
            x = up(x)
            if level == _ATTENDS:
                x = self.attention(x, seen[2], shrunk(1 - hole, x.shape[-1]))
            if level >= _ATTENDS:
                y = F.pad(F.leaky_relu(x, SLOPE), (1, 1, 1, 1), mode="reflect")
                painted = torch.tanh(self.paint[level - _ATTENDS](y))
                x = torch.cat((x, painted), 1)
        return {"painted": (painted + 1) / 2}


def shrunk(mask: Tensor, side: int) -> Tensor:
    """A mask (B, 1, S, S) at a coarser grid as the published code has it: bilinear, corners on corners."""
    return F.interpolate(mask, size=(side, side), mode="bilinear", align_corners=True)


def sizes(shapes: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """Width of the first level, and channels of the code."""
    width = shapes.get("block0.conv1.module.weight_bar", (32,))
    code = shapes.get("prior.conv2.module.weight_bar", (256,))
    return {"width": sized(width[0] if width else 0, 32), "code": sized(code[0] // 2 if code else 0, 128)}


def sources(width: int, code: int) -> dict[str, Source]:
    """Where each tensor of `OfficialPICNet` comes from."""
    blocks = {"stem": "block0", "prior": "prior", "into": "generator", "attention.join": "attn1.model"}
    blocks |= {f"down.{i}": f"encoder{i}" for i in range(_LEVELS - 1)}
    blocks |= {f"inferred.{i}": f"infer_prior{i}" for i in range(_DEPTH)}
    blocks |= {f"up.{i}": f"decoder{i}" for i in range(_LEVELS)}
    found: dict[str, Source] = {}
    for ours, theirs in blocks.items():
        for mine, layer in (("first", "conv1"), ("second", "conv2"), ("short", "bypass")):
            found |= _spectral(f"{ours}.{mine}", f"{theirs}.{layer}.module")
    for i in range(_LEVELS):
        found |= named(f"up.{i}.norms.0", f"decoder{i}.model.0") | named(f"up.{i}.norms.1", f"decoder{i}.model.3")
        if i >= _ATTENDS:
            found |= _spectral(f"paint.{i - _ATTENDS}", f"out{i}.conv1.module")
    return found | attention_sources("attn1")


def attention_sources(theirs: str) -> dict[str, Source]:
    """Of the attention but for its last block."""
    scales = {"short_scale": "gamma", "long_scale": "alpha"}
    return named("attention.query", f"{theirs}.query_conv") | {
        f"attention.{mine}": Source((f"{theirs}.{name}",), lambda value: value.reshape(()))
        for mine, name in scales.items()
    }


def _spectral(ours: str, theirs: str) -> dict[str, Source]:
    entries = tuple(f"{theirs}.weight_{what}" for what in ("bar", "u"))
    return {f"{ours}.weight": Source(entries, _normed), f"{ours}.bias": plain(f"{theirs}.bias")}


def _normed(weight: Tensor, left: Tensor) -> Tensor:
    """A weight over its largest singular value, found from the stored vector by one step, as each of their passes does."""
    flat = weight.float().flatten(1)
    right = F.normalize(flat.T @ left.float(), dim=0, eps=1e-12)
    largest: Tensor = torch.linalg.vector_norm(flat @ right)
    return weight.float() / largest


def _unused(name: str) -> bool:
    """The posterior, which only training needs; and each block's layers by the names that its ways have for them."""
    known: Any = (".model.", ".shortcut.", ".weight_v")
    return name.startswith("posterior.") or any(part in f".{name}" for part in known)


LAYOUTS = (
    Layout(
        name="lyndonzheng Pluralistic",
        files="both latest_net_E.pth and latest_net_G.pth of lyndonzheng's Pluralistic-Inpainting",
        inside=(),
        sizes=sizes,
        build=OfficialPICNet,
        sources=sources,
        unused=_unused,
    ),
)
"""Published files that can be imported."""
