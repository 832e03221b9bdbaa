"""LaFIn as its makers published it in PyTorch: YaN9-Y's lafin, ``InpaintingModel_gen.pth`` and ``landmark_detector.pth``.

It stands beside ours, whose layers do not express it: theirs has a MobileNet-v2 for its landmarks, plain and transposed
convolutions with instance normalisation, skip connections that are nought in the hole, and shows landmarks as single pixels.
What is hidden is white in what both networks see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from occset.models.baselines.lafin.landmarks import POINTS
from occset.models.baselines.official import COUNTER, Layout, Source, named, plain, sized
from occset.models.baselines.picnet.official import attention_sources, official_attention, shrunk

_BLOCKS = 7
_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Of MobileNet-v2 (Sandler et al. 2018, Table 2): expansion, channels, blocks, stride of the first of them."""
_FIRST, _LAST = 32, 1280


def _normalised(layer: nn.Module, channels: int) -> nn.Sequential:
    return nn.Sequential(layer, nn.InstanceNorm2d(channels), nn.ReLU())


class _Dilated(nn.Module):
    """``x + norm(second(act(norm(first(x)))))``, the first convolution dilated, borders mirrored."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=2, dilation=2, padding_mode="reflect")
        self.second = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")

    def forward(self, x: Tensor) -> Tensor:
        return x + F.instance_norm(self.second(F.relu(F.instance_norm(self.first(x)))))


class _Inverted(nn.Module):
    """A block of MobileNet-v2: wider, each channel by itself, narrower; with what came in where that fits."""

    def __init__(self, inside: int, outside: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inside * expansion
        each = [_small(wide, wide, 3, stride, groups=wide), nn.Conv2d(wide, outside, 1, bias=False)]
        self.ways = nn.Sequential(*([_small(inside, wide, 1)] if expansion > 1 else []), *each, nn.BatchNorm2d(outside))
        self.adds = stride == 1 and inside == outside

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.ways(x)
        return x + y if self.adds else y


def _small(inside: int, outside: int, window: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    layer = nn.Conv2d(inside, outside, window, stride, window // 2, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outside), nn.ReLU6())


class _Detector(nn.Module):
    """Pictures (B, 3, 256, 256) on 0..1 to landmarks (B, 68, 2), x and y in widths of the picture."""

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = [_small(3, _FIRST, 3, 2)]
        inside = _FIRST
        for expansion, outside, count, stride in _STAGES:
            for at in range(count):
                blocks.append(_Inverted(inside, outside, 1 if at else stride, expansion))
                inside = outside
        self.features = nn.Sequential(*blocks)
        self.last = _small(inside, _LAST, 1)
        self.early, self.late = nn.Conv2d(inside, 128, 1), nn.Conv2d(_LAST, 128, 1)
        self.whole, self.rectifier = nn.Conv2d(_LAST, 64, 1), nn.PReLU()
        self.dense = nn.Linear(128 + 128 + 64, 2 * POINTS)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        early = self.early(x).mean((2, 3))
        x = self.last(x)
        whole = self.rectifier(self.whole(x.mean((2, 3), keepdim=True)).flatten(1))
        found: Tensor = self.dense(torch.cat((early, self.late(x).mean((2, 3)), whole), 1))
        return found.unflatten(1, (POINTS, 2))


class OfficialLaFIn(nn.Module):
    """Landmarks, then a U with seven dilated blocks of four times ``width`` channels, and attention before the way up."""

    def __init__(self, width: int = 64) -> None:
        """Random weights."""
        super().__init__()
        double, deepest = 2 * width, 4 * width
        self.detector = _Detector()
        self.stem = _normalised(nn.Conv2d(4, width, 7, padding=3, padding_mode="reflect"), width)
        self.down = nn.ModuleList(
            _normalised(nn.Conv2d(before, after, 4, 2, 1), after)
            for before, after in ((width, double), (double, deepest))
        )
        self.middle = nn.Sequential(*(_Dilated(deepest) for _ in range(_BLOCKS)))
        self.attention = official_attention(deepest)
        self.up = nn.ModuleList(
            _normalised(nn.ConvTranspose2d(deepest, after, 4, 2, 1), after) for after in (double, width)
        )
        self.join = nn.ModuleList(_normalised(nn.Conv2d(both, both, 1), both) for both in (deepest, double))
        self.last = nn.Conv2d(double, 3, 7, padding=3, padding_mode="reflect")

    def forward(self, picture: Tensor, hole: Tensor) -> dict[str, Tensor]:
        """Paint.

        Args:
            picture: (B, 3, 256, 256) on 0..1; its values in the hole are not looked at.
            hole: (B, 1, 256, 256) of 0 and 1.

        Returns:
            "painted" (B, 3, 256, 256) on 0..1, "predicted" (B, 68, 2) in widths, and "map", (B, 1, 256, 256).
        """
        seen = picture * (1 - hole) + hole
        predicted = self.detector(seen)
        shown = pixels(predicted, picture.shape[-1])
        first = self.stem(torch.cat((seen, shown), 1))
        second = self.down[0](first)
        third = self.down[1](second)
        known = 1 - shrunk(hole, third.shape[-1])
        x = self.attention(self.middle(third), third, known)
        x = self.join[0](torch.cat((second * (1 - shrunk(hole, second.shape[-1])), self.up[0](x)), 1))
        x = self.join[1](torch.cat((first * (1 - hole), self.up[1](x)), 1))
        return {"painted": (torch.tanh(self.last(x)) + 1) / 2, "predicted": predicted, "map": shown}


def pixels(points: Tensor, size: int) -> Tensor:
    """Landmarks (B, N, 2) in widths as single pixels of 1 on a map (B, 1, size, size), cut to whole ones and kept inside."""
    at = (points * size).long().clamp(0, size - 1)
    shown = points.new_zeros(len(points), size * size)
    return shown.scatter(1, at[..., 1] * size + at[..., 0], 1.0).view(-1, 1, size, size)


def sizes(shapes: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """Width of the first level."""
    shape = shapes.get("encoder1.1.weight", (64,))
    return {"width": sized(shape[0] if shape else 0, 64)}


def sources(width: int) -> dict[str, Source]:
    """Where each tensor of `OfficialLaFIn` comes from."""
    layers = {"stem.0": "encoder1.1", "down.0.0": "encoder2.0", "down.1.0": "encoder3.0", "last": "decoder3.1"}
    layers |= {"up.0.0": "decoder1.0", "up.1.0": "decoder2.0", "join.0.0": "fushion1.0", "join.1.0": "fushion2.0"}
    for i in range(_BLOCKS):
        layers |= {f"middle.{i}.first": f"middle.{i}.conv_block.1", f"middle.{i}.second": f"middle.{i}.conv_block.5"}
    found: dict[str, Source] = {}
    for ours, theirs in layers.items():
        found |= named(ours, theirs)
    for ours, theirs in (("first", "conv1"), ("second", "conv2"), ("short", "bypass")):
        at = f"auto_attn.model.{theirs}"
        found[f"attention.join.{ours}.weight"] = Source(tuple(f"{at}.weight_{w}" for w in ("orig", "u", "v")), _normed)
        found[f"attention.join.{ours}.bias"] = plain(f"{at}.bias")
    return found | attention_sources("auto_attn") | _of_detector()


def _normed(weight: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """A weight over its largest singular value, by the two vectors that torch keeps of it."""
    return weight / (left @ (weight.flatten(1) @ right))


def _of_detector() -> dict[str, Source]:
    found: dict[str, Source] = {}

    def both(ours: str, theirs: str, convolution: int, norm: int, mine: tuple[str, str] = ("0", "1")) -> None:
        found.update(named(f"detector.{ours}.{mine[0]}", f"{theirs}.{convolution}", ("weight",)))
        names = ("weight", "bias", "running_mean", "running_var")
        found.update(named(f"detector.{ours}.{mine[1]}", f"{theirs}.{norm}", names))

    both("features.0", "features.0", 0, 1)
    at = 1
    for expansion, _, count, _ in _STAGES:
        for _ in range(count):
            ours, theirs = f"features.{at}.ways", f"features.{at}.conv"
            layers = 2 if expansion > 1 else 1  # before the last, each with a norm and a rectifier
            for layer in range(layers):
                both(f"{ours}.{layer}", theirs, 3 * layer, 3 * layer + 1)
            both(ours, theirs, 3 * layers, 3 * layers + 1, (str(layers), str(layers + 1)))
            at += 1
    both("last", "last_block", 0, 1)
    heads = {"early": "conv_node1", "late": "conv_node2", "whole": "conv1_after_mbnet", "dense": "fc_landmark"}
    for ours, theirs in heads.items():
        found |= named(f"detector.{ours}", theirs)
    return found | {"detector.rectifier.weight": plain("prelu.weight")}


LAYOUTS = (
    Layout(
        name="YaN9-Y lafin",
        files="both InpaintingModel_gen.pth and landmark_detector.pth of YaN9-Y's lafin",
        inside=("generator", "detector"),
        sizes=sizes,
        build=OfficialLaFIn,
        sources=sources,
        unused=lambda name: (
            name.endswith(COUNTER) or name.startswith(("auto_attn.model.model.", "auto_attn.model.shortcut."))
        ),
    ),
)
"""Published files that can be imported."""
