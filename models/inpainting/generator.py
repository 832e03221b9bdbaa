"""The generator of NG: which one is built, `Architecture` says.

stem    pixels folded into channels, a gated convolution
trunk   encoder, bottleneck with self-attention, decoder with skip connections: the same grid at 128 and at 256 px
head    a convolution, channels unfolded into pixels, a sigmoid
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from occset.models.inpainting.architecture import INPUTS, Architecture
from occset.models.inpainting.blocks import GatedConvolution, GatedResidual, SelfAttention, Up
from occset.models.linear_face.basis import LinearFace
from occset.support.errors import OccsetError

_LINEAR = "linear."

_GROWS = {"stem.convolution.weight": 1, "head.weight": 0, "head.bias": 0}
"""What grows with the inputs and the bases, and along which dimension; see `Generator.grow_from`."""

_EDGE = 0.01  # bases are kept this far from 0 and 1, where logits would be without bounds


class Generator(nn.Module):
    """Stacked inputs (B, channels, H, W) to pictures (B, 3, H, W) on 0..1; sides are multiples of `Architecture.stride`."""

    def __init__(self, architecture: Architecture) -> None:
        """Random weights; with a residual, what comes out is the base, or the mean of the bases."""
        super().__init__()
        self.architecture = architecture
        fold, width = architecture.unshuffle, architecture.widths[0]
        if "linear" in architecture.inputs:
            self.linear = LinearFace(architecture.linear_size, architecture.linear_axes)
        self.stem = GatedConvolution(architecture.channels * fold**2, width)
        self.trunk = Trunk(architecture)
        bases = len(architecture.residual_on)
        self.head = nn.Conv2d(width, (3 + (bases if bases > 1 else 0)) * fold**2, 3, padding=1)
        if bases:
            nn.init.zeros_(self.head.weight)
        else:
            nn.init.normal_(self.head.weight, std=0.02)
        self.head.bias.data.zero_()  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) float, see `stack`, to (B, 3, H, W) float32 on 0..1."""
        folded = F.pixel_unshuffle(2 * x - 1, self.architecture.unshuffle)
        folded = folded.contiguous(memory_format=torch.channels_last)
        answer = F.pixel_shuffle(self.head(self.trunk(self.stem(folded))), self.architecture.unshuffle).float()
        base = self._base(x, answer[:, 3:])
        return torch.sigmoid(answer[:, :3] if base is None else torch.logit(base) + answer[:, :3])

    def _base(self, x: Tensor, mixing: Tensor) -> Tensor | None:
        """What the answer is a residual on, (B, 3, H, W) in 0..1; several are mixed by the softmax of ``mixing``."""
        bases = [self.part(x, name).float().clamp(_EDGE, 1 - _EDGE) for name in self.architecture.residual_on]
        if not bases:
            return None
        if len(bases) == 1:
            return bases[0]
        shares = torch.softmax(mixing, 1)
        return torch.stack([share[:, None] * base for share, base in zip(shares.unbind(1), bases, strict=True)]).sum(0)

    def stack(self, parts: Mapping[str, Tensor]) -> Tensor:
        """The generator's input: (B, n, H, W) float each by its name in `INPUTS`, to (B, channels, H, W).

        Raises:
            OccsetError: one is missing or has another number of channels.
        """
        wanted = self.architecture.inputs
        for name in wanted:
            if name not in parts or parts[name].shape[1] != INPUTS[name]:
                found = tuple(parts[name].shape) if name in parts else "nothing"
                raise OccsetError(f"the generator takes {name} as (B, {INPUTS[name]}, H, W), and was given {found}")
        return torch.cat([parts[name] for name in wanted], 1)

    def part(self, x: Tensor, name: str) -> Tensor:
        """One of the inputs that were stacked, by its name."""
        before = self.architecture.inputs[: self.architecture.inputs.index(name)]
        start = sum(INPUTS[one] for one in before)
        return x[:, start : start + INPUTS[name]]

    def grow_from(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a generator that was given less: what is new starts without a say.

        The same trunk, and the same inputs in the same places before the new ones. Where it had one base and this one
        mixes several, all have the same share at first. One that folds squares of smaller sides into channels painted
        smaller pictures on the same grid: this one begins by painting them enlarged, each pixel as often as it must be.

        Args:
            state: its whole state dict.

        Raises:
            OccsetError: it is another kind of generator.
        """
        mine = self.state_dict()
        given = {name: value for name, value in state.items() if not name.startswith(_LINEAR)}
        given |= _refolded(given, self.architecture.unshuffle)
        odd = sorted(given.keys() ^ {name for name in mine if not name.startswith(_LINEAR)})
        for name in given.keys() & mine.keys():
            ours, theirs = list(mine[name].shape), list(given[name].shape)
            if name in _GROWS and len(theirs) == len(ours):  # along this dimension there may be less of it
                ours[_GROWS[name]] = min(ours[_GROWS[name]], theirs[_GROWS[name]])
            odd += [name] if ours != theirs else []
        if not odd and _fold_of(len(given["head.bias"])) != self.architecture.unshuffle:
            odd = ["head.bias"]
        if odd:
            raise OccsetError(f"these weights are of another generator than {self.architecture}: see {odd[0]}")
        for name, value in given.items():
            grown = torch.zeros_like(mine[name])
            grown[tuple(slice(length) for length in value.shape)] = value.to(grown.dtype)
            mine[name] = grown
        self.load_state_dict(mine)


class Trunk(nn.Module):
    """A U of gated residual blocks, (B, widths[0], H, W) to the same shape."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        widths, levels = architecture.widths, len(architecture.widths)
        self.encoder = nn.ModuleList(_row(widths[i], architecture.blocks[i]) for i in range(levels - 1))
        self.down = nn.ModuleList(GatedConvolution(widths[i], widths[i + 1], stride=2) for i in range(levels - 1))
        first, heads = (architecture.blocks[-1] + 1) // 2, architecture.attention
        self.before = _row(widths[-1], first)
        self.attention = SelfAttention(widths[-1], heads) if heads else nn.Identity()
        self.after = _row(widths[-1], architecture.blocks[-1] - first)
        self.up = nn.ModuleList(Up(widths[i + 1], widths[i]) for i in range(levels - 1))
        self.join = nn.ModuleList(GatedConvolution(2 * widths[i], widths[i], 1) for i in range(levels - 1))
        self.decoder = nn.ModuleList(_row(widths[i], architecture.decoder_blocks[i]) for i in range(levels - 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, widths[0], H, W) to the same shape."""
        skipped = []
        for blocks, down in zip(self.encoder, self.down, strict=True):
            x = blocks(x)
            skipped.append(x)
            x = down(x)
        x = self.after(self.attention(self.before(x)))
        for level in reversed(range(len(skipped))):
            x = self.join[level](torch.cat((self.up[level](x), skipped[level]), 1))
            x = self.decoder[level](x)
        return x


def _refolded(state: Mapping[str, Tensor], fold: int) -> dict[str, Tensor]:
    """Stem and head for squares of ``fold`` pixels, from those for squares of a side that divides it; else nothing.

    Channels are ordered as `torch.nn.functional.pixel_unshuffle` orders them: input, row, column.
    """
    if not {"stem.convolution.weight", "head.weight", "head.bias"} <= state.keys():
        return {}
    before = _fold_of(len(state["head.bias"]))
    if not before or fold <= before or fold % before:
        return {}
    times = fold // before

    def spread(values: Tensor) -> Tensor:
        """Along the first dimension."""
        squares = values.unflatten(0, (-1, before, before))
        return squares.repeat_interleave(times, 1).repeat_interleave(times, 2).flatten(0, 2)

    stem = spread(state["stem.convolution.weight"].transpose(0, 1)).transpose(0, 1) / times**2
    return {
        "stem.convolution.weight": stem,
        "head.weight": spread(state["head.weight"]),
        "head.bias": spread(state["head.bias"]),
    }


def _fold_of(outputs: int) -> int:
    """Side of the squares of a head with so many outputs: three of a picture, and two shares where bases are mixed."""
    for channels in (3, 5):
        side = math.isqrt(outputs // channels)
        if channels * side**2 == outputs:
            return side
    return 0


def _row(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(GatedResidual(channels) for _ in range(count)))
