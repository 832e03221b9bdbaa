"""Typed presets: everything about a training that is no matter of taste of the machine it runs on.

A preset, a seed and a task say which weights come out; the number of workers and where checkpoints go do not belong here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, Protocol, get_args

from occset.support.errors import OccsetError

Plan = Literal["constant", "cosine", "drop"]
Precision = Literal["32-true", "bf16-mixed", "16-mixed", "auto"]

FOR_EACH_NETWORK = (
    "learning_rate",
    "betas",
    "weight_decay",
    "warmup",
    "plan",
    "drop_at",
    "drop_to",
    "clip",
    "ema",
    "freeze_normalisation",
)
"""Fields that a network of a task can have another value of, see `TrainingPreset.networks`."""

HARMLESS = ("validate_every", "checkpoint_every", "log_every", "marks")
"""Fields that a training may be continued with another value of: they change what is written, not what is learned."""


@dataclass(frozen=True)
class TrainingPreset:
    """How long, how fast and in which precision a task is trained.

    Attributes:
        name: what the command line calls it.
        batch: samples a step, over all processes together.
        epochs: how often ``epoch_size`` samples are drawn.
        epoch_size: samples an epoch, a multiple of ``batch``.
        learning_rate: the highest one of the plan.
        betas: of Adam.
        weight_decay: decoupled (AdamW) where it is above 0; plain Adam where it is 0. Biases and the parameters of
            normalisations are never decayed.
        warmup: steps over which the learning rate rises linearly to its height.
        plan: what follows: "constant"; "cosine", half a wave down to 0 at the last step; or "drop", once, to
            ``drop_to`` of the height after ``drop_at`` of all steps.
        drop_at: 0..1, share of all steps.
        drop_to: 0..1, share of the height.
        precision: as Fabric names it; weights are 32 bit in all of them. "auto" is "bf16-mixed" where that pays,
            else "32-true".
        clip: largest norm of a network's gradient, or None for no clipping.
        ema: decay of the moving average of the weights, below 1, or None for no average.
        channels_last: keep the networks' weights in the channels-last layout.
        freeze_normalisation: batch normalisations use the statistics they came with and do not renew them.
        validate_every: epochs between validations.
        checkpoint_every: steps between checkpoints; a killed training loses no more than these.
        log_every: steps between lines of the log.
        marks: processor seconds, of all threads, after which the weights are kept as they are then, and again whenever these
            have doubled: 60, 120, 240, ... None keeps none.
        networks: what else holds for single networks of the task, by name: values of `FOR_EACH_NETWORK` instead of those
            above, and ``every``: the network steps in each ``every``-th step only, the last of so many (1 where it is not
            given). So a discriminator that is to step twice for each step of the generator leaves the generator with
            ``{"generator": {"every": 2}}``; each of its steps sees samples of its own.

    Raises:
        OccsetError: a value that makes no sense, named with its range.
    """

    name: str
    batch: int
    epochs: int
    epoch_size: int
    learning_rate: float
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    warmup: int = 0
    plan: Plan = "constant"
    drop_at: float = 0.5
    drop_to: float = 0.2
    precision: Precision = "32-true"
    clip: float | None = None
    ema: float | None = None
    channels_last: bool = True
    freeze_normalisation: bool = False
    validate_every: int = 1
    checkpoint_every: int = 200
    log_every: int = 20
    marks: float | None = None
    networks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        object.__setattr__(self, "betas", tuple(self.betas))  # a list where it comes from a file
        object.__setattr__(self, "networks", {name: _tupled(own) for name, own in self.networks.items()})
        for name in ("batch", "epochs", "epoch_size", "validate_every", "checkpoint_every", "log_every"):
            self._require(name, _is_count(getattr(self, name), 1), "a whole number of at least 1")
        self._require("warmup", _is_count(self.warmup, 0), "a whole number of at least 0")
        self._require("learning_rate", 0 < self.learning_rate < math.inf, "above 0")
        self._require("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0")
        self._require("betas", len(self.betas) == 2 and all(0 <= b < 1 for b in self.betas), "two numbers in 0..1")
        self._require("plan", self.plan in get_args(Plan), f"one of {', '.join(get_args(Plan))}")
        self._require("precision", self.precision in get_args(Precision), f"one of {', '.join(get_args(Precision))}")
        self._require("drop_at", 0 <= self.drop_at <= 1, "in 0..1")
        self._require("drop_to", 0 < self.drop_to <= 1, "above 0 and at most 1")
        self._require("clip", self.clip is None or 0 < self.clip < math.inf, "above 0, or None")
        self._require("marks", self.marks is None or 0 < self.marks < math.inf, "above 0, or None")
        self._require("ema", self.ema is None or 0 < self.ema < 1, "between 0 and 1, or None")
        if self.epoch_size % self.batch:
            below = self.epoch_size - self.epoch_size % self.batch
            nearest = " or ".join(str(size) for size in (below, below + self.batch) if size)
            raise OccsetError(
                f"preset {self.name}: epoch_size {self.epoch_size} is no multiple of batch {self.batch}: use {nearest}"
            )
        for network in self.networks:
            self.of(network)

    def of(self, network: str) -> TrainingPreset:
        """The preset as it holds for one network of the task.

        Raises:
            OccsetError: it names a field that holds for all of them, or a value that makes no sense.
        """
        own = {key: value for key, value in self.networks.get(network, {}).items() if key != "every"}
        unknown = sorted(set(own) - set(FOR_EACH_NETWORK))
        if unknown:
            raise OccsetError(
                f"preset {self.name}: {unknown[0]} cannot be set for the network {network} alone: what can is "
                f"{', '.join(FOR_EACH_NETWORK)}, every"
            )
        every = self.every(network)
        self._require(f"every of {network}", _is_count(every, 1), "a whole number of at least 1", every)
        return replace(self, networks={}, name=f"{self.name}, network {network}" if own else self.name, **own)

    def every(self, network: str) -> int:
        """A network steps in each so-manieth step, the last of so many."""
        found: int = self.networks.get(network, {}).get("every", 1)
        return found

    def _require(self, name: str, holds: bool, range_: str, value: Any = None) -> None:
        if not holds:
            found = getattr(self, name, value)
            raise OccsetError(f"preset {self.name}: {name} is {found!r}, it must be {range_}")

    @property
    def steps_per_epoch(self) -> int:
        """Steps that one epoch takes."""
        return self.epoch_size // self.batch

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return self.epochs * self.steps_per_epoch

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a checkpoint; without ``networks`` and ``marks`` where there are none."""
        values = {**asdict(self), "betas": list(self.betas)}
        networks = {
            name: {key: list(value) if key == "betas" else value for key, value in own.items()}
            for name, own in values.pop("networks").items()
        }
        if values["marks"] is None:  # as they stood before there were any
            del values["marks"]
        return {**values, "networks": networks} if networks else values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingPreset:
        """The preset that ``to_dict`` wrote.

        Raises:
            OccsetError: a field is missing, unknown, or has a value that makes no sense.
        """
        known = {one.name for one in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise OccsetError(
                f"a training preset has no {', '.join(unknown)}: its fields are {', '.join(sorted(known))}"
            )
        try:
            return cls(**values)
        except TypeError as error:
            raise OccsetError(f"this is no training preset: {error}") from error


class NetworkPreset(Protocol):
    """Everything about a training of one network but its data and its seed: the engine's part, and the network's own."""

    @property
    def training(self) -> TrainingPreset:
        """The engine's part."""
        ...

    @property
    def says(self) -> str:
        """One line for lists."""
        ...

    def fitted(self, faces: int, epochs: int | None = None) -> NetworkPreset:
        """The preset for a set of so many faces, with another number of epochs where one is given."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the metadata of weights: "network", which it is built from again, "training", and others."""
        ...


def fitted(training: TrainingPreset, faces: int, epochs: int | None, epoch_is_set: bool) -> TrainingPreset:
    """A preset for a set of so many faces.

    Args:
        training: the preset.
        faces: of the set.
        epochs: instead of the preset's; None leaves them.
        epoch_is_set: an epoch has as many samples as there are faces, in whole batches.
    """
    if epoch_is_set:
        training = replace(training, epoch_size=max(1, faces // training.batch) * training.batch)
    return training if epochs is None else replace(training, epochs=epochs)


def _tupled(own: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a network with ``betas`` as the preset holds them, whatever file they come from."""
    return {key: tuple(value) if key == "betas" else value for key, value in own.items()}


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def learning_rate(preset: TrainingPreset, step: int) -> float:
    """The learning rate of a step: a pure function, so that a resumed training needs no scheduler's state.

    Args:
        preset: says height, warm-up and plan.
        step: 0 for the first step, below ``preset.steps``.
    """
    height = preset.learning_rate
    if step < preset.warmup:
        return height * (step + 1) / preset.warmup
    if preset.plan == "cosine":
        way = (step - preset.warmup) / max(1, preset.steps - preset.warmup)
        return height * 0.5 * (1 + math.cos(math.pi * min(1.0, way)))
    if preset.plan == "drop" and step >= preset.drop_at * preset.steps:
        return height * preset.drop_to
    return height
