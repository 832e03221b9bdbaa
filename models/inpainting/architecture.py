"""Which generator and which discriminator NG is: what has to be known to build them again. Loads no torch until then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from occset.support.errors import OccsetError

if TYPE_CHECKING:
    from occset.models.inpainting.discriminator import Discriminator
    from occset.models.inpainting.generator import Generator

INPUTS: Mapping[str, int] = {"noisy": 3, "render": 3, "hidden": 1, "linear": 3, "mirrored": 3, "valid": 1}
"""What a generator may be given, by name, and its channels, in the order in which they are stacked.

- noisy: In, the picture with noise where the face is hidden, 0..1 elsewhere;
- render: Im, the rendered face, 0..1;
- hidden: Mo, 0..1;
- linear: the linear face fitted to what shows, 0..1;
- mirrored, valid: the face's texture seen from the mesh's other side, 0..1, and where there is one, 0..1.
"""

PAPER_INPUTS = ("noisy", "render", "hidden")

MOST_SIDE, MOST_CHANNELS, MOST_BLOCKS = 2048, 2048, 32
"""Of a network: a file of weights says what is built, and may be a stranger's."""
_MOST_LINEAR = 512


@dataclass(frozen=True)
class Architecture:
    """A generator: stem, trunk (encoder, bottleneck with attention, decoder with skip connections), head.

    Two of them whose ``widths``, ``blocks``, ``decoder_blocks`` and ``attention`` are the same have the same trunk, whatever
    their size, unshuffling and inputs: see `Generator.grow_from`.

    Attributes:
        size: side in pixels of the pictures it was trained on.
        unshuffle: the stem folds squares of this side into channels, the head unfolds them; 1 works at full resolution.
        widths: channels by level, each level with half the sides of the one before; the last one is the bottleneck.
        blocks: gated residual blocks by level of the encoder, those of the bottleneck last.
        decoder_blocks: the same for the decoder, which has one level less; the finest first.
        attention: heads of the self-attention in the bottleneck's middle; 0 for none.
        inputs: names of `INPUTS`, in their order.
        residual_on: inputs of three channels that the outcome is a residual on, in logits; of several the network mixes
            one base, place by place. () for none.
        linear_size, linear_axes: side and number of axes of the `occset.models.linear_face.basis.LinearFace` that comes
            with the network where "linear" is among its inputs.
    """

    size: int = 128
    unshuffle: int = 2
    widths: tuple[int, ...] = (32, 64, 128)
    blocks: tuple[int, ...] = (1, 2, 4)
    decoder_blocks: tuple[int, ...] = (1, 2)
    attention: int = 4
    inputs: tuple[str, ...] = PAPER_INPUTS
    residual_on: tuple[str, ...] = ()
    linear_size: int = 64
    linear_axes: int = 160

    def __post_init__(self) -> None:
        """Refuse what cannot be built.

        Raises:
            OccsetError: names the field and its range.
        """
        for name in ("widths", "blocks", "decoder_blocks", "inputs", "residual_on"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # lists, where it comes from a file
        levels = len(self.widths)
        self._require("widths", levels >= 1 and all(0 < w <= MOST_CHANNELS for w in self.widths), "one a level")
        self._require("blocks", _counts(self.blocks, levels), "one number a level")
        self._require("decoder_blocks", _counts(self.decoder_blocks, levels - 1), "one number a level but the last")
        self._require("unshuffle", 1 <= self.unshuffle <= 16, "in 1..16")
        self._require(
            "size", 0 < self.size <= MOST_SIDE and self.size % self.stride == 0, f"a multiple of {self.stride}"
        )
        self._require("attention", 0 <= self.attention <= 64, "in 0..64")
        self._require(
            "attention", not self.attention or self.widths[-1] % self.attention == 0, "a divisor of the last width"
        )
        known = [name for name in INPUTS if name in self.inputs]
        self._require("inputs", bool(known) and list(self.inputs) == known, f"among {', '.join(INPUTS)}, in this order")
        fits = all(name in self.inputs and INPUTS[name] == 3 for name in self.residual_on)
        self._require(
            "residual_on", fits and len(set(self.residual_on)) == len(self.residual_on), "pictures among inputs"
        )

        self._require("linear_size", 1 <= self.linear_size <= _MOST_LINEAR, f"in 1..{_MOST_LINEAR}")
        self._require("linear_axes", 1 <= self.linear_axes <= _MOST_LINEAR, f"in 1..{_MOST_LINEAR}")

    def _require(self, name: str, holds: bool, range_: str) -> None:
        if not holds:
            raise OccsetError(f"a generator's {name} is {getattr(self, name)!r}, it must be {range_}")

    @property
    def stride(self) -> int:
        """Sides of what goes in are multiples of it."""
        return int(self.unshuffle * 2 ** (len(self.widths) - 1))

    @property
    def channels(self) -> int:
        """Of what goes in."""
        return sum(INPUTS[name] for name in self.inputs)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, which ``Architecture(**values)`` takes."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    def build(self) -> Generator:
        """The generator with random weights: (B, `channels`, H, W) float in, (B, 3, H, W) float on 0..1 out."""
        from occset.models.inpainting.generator import Generator

        return Generator(self)


@dataclass(frozen=True)
class DiscriminatorArchitecture:
    """A discriminator of VGG's shape: levels of two convolutions, each with half the sides of the last, two dense layers.

    Attributes:
        size: side in pixels of what it judges; `unshuffle` times a power of 2 times the last level's side.
        unshuffle: squares of this side are folded into channels first.
        widths: channels by level.
        dense: width of the hidden dense layer.
    """

    size: int = 128
    unshuffle: int = 2
    widths: tuple[int, ...] = (32, 64, 128, 128)
    dense: int = 100

    def __post_init__(self) -> None:
        """Refuse what cannot be built.

        Raises:
            OccsetError: names the field and its range.
        """
        object.__setattr__(self, "widths", tuple(self.widths))
        if not self.widths or not all(0 < width <= MOST_CHANNELS for width in (*self.widths, self.dense)):
            raise OccsetError(f"a discriminator has 1 to {MOST_CHANNELS} channels a level: {self}")
        step = self.unshuffle * 2 ** len(self.widths)
        if not 1 <= self.unshuffle <= 16 or not 0 < self.size <= MOST_SIDE or self.size % step:
            raise OccsetError(f"the side of what this discriminator judges is a multiple of {step}: {self}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, which ``DiscriminatorArchitecture(**values)`` takes."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    def build(self) -> Discriminator:
        """The discriminator with random weights: (B, 3, size, size) float on 0..1 in, logits and features out."""
        from occset.models.inpainting.discriminator import Discriminator

        return Discriminator(self)


def _counts(values: tuple[int, ...], length: int) -> bool:
    return len(values) == length and all(isinstance(v, int) and 0 <= v <= MOST_BLOCKS for v in values)


ARCHITECTURES: Mapping[str, Architecture] = {
    "demo": Architecture(128, 4, (32, 64), (1, 2), (1,)),
    "laptop": Architecture(),
    "laptop-256": Architecture(256, 4),
    "fast": Architecture(256, 2, (64, 128, 256), (1, 2, 6), (1, 2), 8),
    "paper": Architecture(256, 1, (64, 128, 256), (1, 2, 6), (1, 2), 1),
}
"""Generators by the name of their preset.

- demo: narrow, shows that it works;
- laptop: 3.5 million parameters at a grid of 64, 32 and 16;
- laptop-256: the same trunk at 256 px, which goes on from it;
- fast: one modern GPU;
- paper: full resolution; the text gives no widths, these are those of gated inpainting's usual generators.
"""

DISCRIMINATORS: Mapping[str, DiscriminatorArchitecture] = {
    "demo": DiscriminatorArchitecture(128, 4, (32, 64, 64), 64),
    "laptop": DiscriminatorArchitecture(),
    "laptop-256": DiscriminatorArchitecture(256, 4),
    "fast": DiscriminatorArchitecture(256, 2, (64, 128, 256, 256, 256)),
    "paper": DiscriminatorArchitecture(256, 1, (64, 128, 256, 512, 512), 1024),
}
"""Discriminators by the name of their preset."""
