"""``last.ckpt``: all that a training needs to go on as if it had never stopped.

Written whole or not at all, and read with ``weights_only``, so that a file from elsewhere cannot run code. No generator's
state is kept: the engine seeds every step by (seed, step, process).
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from occset.models.training.presets import HARMLESS, TrainingPreset
from occset.models.training.task import Task, frozen_of
from occset.support.errors import BadInput, NoSpace, OccsetError
from occset.support.files import atomic_path

NAME = "last.ckpt"
FORMAT = 1

Weights = dict[str, dict[str, torch.Tensor]]


@dataclass
class Checkpoint:
    """The state after ``step`` steps.

    Attributes:
        task: name of the task.
        preset: what it is trained with.
        seed: of the training.
        step: steps that are done.
        networks: state dict of each network.
        optimisers: state dict of each network's optimiser.
        averages: state dict of the moving average of each network that keeps one.
        scaler: state of the loss scaling of "16-mixed".
        validated: the step of the last validation, -1 before the first.
        metrics: what it found.
        versions: of the packages that wrote this.
        origin: what the task says it is made from, see `origin_of`; "" where it does not say.
        processor: seconds that the steps took so far, of all threads and processes.
    """

    task: str
    preset: TrainingPreset
    seed: int
    step: int
    networks: Weights
    optimisers: dict[str, dict[str, Any]]
    averages: Weights
    scaler: dict[str, Any]
    validated: int = -1
    metrics: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=lambda: versions())
    origin: str = ""
    processor: float = 0.0


def versions() -> dict[str, str]:
    """Of the packages that decide which numbers come out."""
    found = {}
    for name in ("occset", "torch", "lightning-fabric"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # such as a checkout that nobody installed
            found[name] = "unknown"
    return found


def save(folder: Path, state: Checkpoint) -> None:
    """Write ``folder/last.ckpt``, whole or not at all.

    Raises:
        NoSpace: the disk is full or closed; an older checkpoint stays.
        OccsetError: a weight is not finite; an older checkpoint stays.
    """
    for network, weights in state.networks.items():
        bad = [name for name, value in weights.items() if value.is_floating_point() and not value.isfinite().all()]
        if bad:
            raise OccsetError(
                f"step {state.step}: {bad[0]} of {network} is no longer finite: run again in another folder with a smaller "
                f"learning_rate, with clip or in 32-true; {folder / NAME} is still the one before"
            )
    values = {**vars(state), "preset": state.preset.to_dict(), "format": FORMAT}
    with atomic_path(folder / NAME) as temporary, temporary.open("wb") as stream:
        try:
            torch.save(values, stream)
        except RuntimeError as error:  # how torch tells that a write failed, whatever the system said
            raise NoSpace(f"cannot write {folder / NAME}: free some space there and run the command again") from error


def load(path: Path) -> Checkpoint:
    """Read a checkpoint into memory.

    Raises:
        BadInput: there is none, it is damaged, or of a format that this version does not know.
    """
    if not path.is_file():
        raise BadInput(f"{path}: there is no checkpoint: train first, or name the folder that a training wrote to")
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise BadInput(
            f"{path}: this is no checkpoint of ours, or a damaged one: move it away and train again"
        ) from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        found = values.get("format") if isinstance(values, dict) else None
        raise BadInput(
            f"{path}: a checkpoint of format {found}, this version reads {FORMAT}: use the version that wrote it"
        )
    del values["format"]
    try:
        return Checkpoint(**{**values, "preset": TrainingPreset.from_dict(values["preset"])})
    except (TypeError, KeyError) as error:
        raise BadInput(f"{path}: a checkpoint with missing parts: move it away and train again") from error


def refuse_another(
    path: Path, state: Checkpoint, task: str, preset: TrainingPreset, seed: int, origin: str = ""
) -> None:
    """Raise unless a checkpoint belongs to this training; an origin is compared where both sides say theirs.

    Raises:
        OccsetError: names each difference, and what to do.
    """
    differences = [] if state.task == task else [f"task {state.task} instead of {task}"]
    theirs, ours = vars(state.preset), vars(preset)
    differences += [f"{k} {theirs[k]} instead of {ours[k]}" for k in ours if k not in HARMLESS and theirs[k] != ours[k]]
    differences += [] if state.seed == seed else [f"seed {state.seed} instead of {seed}"]
    if state.origin and origin and state.origin != origin:
        differences.append(f"made from {state.origin} instead of {origin}")
    if differences:
        raise OccsetError(
            f"{path} belongs to another training ({'; '.join(differences)}): "
            "give the values it was started with, or choose another folder"
        )


def origin_of(task: Task) -> str:
    """What tells the trainings of a task apart: what it says it is made from, and the weights of its frozen networks."""
    frozen = [f"frozen {name} {short_hash(network.state_dict())}" for name, network in frozen_of(task).items()]
    return ", ".join(part for part in (getattr(task, "made_from", ""), *frozen) if part)


def short_hash(weights: Mapping[str, torch.Tensor]) -> str:
    """Twelve digits that tell the weights of a state dict apart."""
    digest = hashlib.sha256()
    for value in weights.values():
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:12]


def restore(path: Path, target: Any, values: Mapping[str, Any], what: str) -> None:
    """Load a state dict into a network or an optimiser.

    Raises:
        OccsetError: it is that of another one.
    """
    try:
        target.load_state_dict(values)
    except (RuntimeError, ValueError, KeyError) as error:
        raise OccsetError(
            f"{path}: its {what} does not fit: it was trained with another network, choose another folder ({error})"
        ) from error


def final_networks(folder: Path | str) -> Weights:
    """The state dict of each network, averaged where the training kept an average, from ``last.ckpt`` of a folder.

    Raises:
        BadInput: there is no checkpoint that can be read.
    """
    state = load(Path(folder) / NAME)
    return {**state.networks, **state.averages}
