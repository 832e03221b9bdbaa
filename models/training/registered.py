"""Training a network of the registry on a set, from the first sample to a checkpoint that can be used."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from occset import __version__
from occset.dataset.occlusion_set import OcclusionSet
from occset.models.registry import Network, find
from occset.models.training.checkpoints import NAME, Weights
from occset.models.training.engine import final_networks, fit
from occset.models.training.presets import NetworkPreset
from occset.models.training.starting import RELEASED
from occset.models.training.task import Task
from occset.models.weight_files import SPENT, save_weights, spent
from occset.support import references as registry
from occset.support.errors import OccsetError
from occset.support.files import write_atomic
from occset.support.interrupts import word_of
from occset.support.reading import read_json

WEIGHTS = "weights"
"""Folder, inside that of a training, of the finished checkpoint."""

ON_THE_WAY = "at"
"""Folder, inside that of a training, of those that were kept on the way: one for each mark of the preset, such as 240s."""

log = logging.getLogger("occset")


class NetworkTask(Task, Protocol):
    """A task of the engine that ends with weights to keep."""

    keeps: str
    """Which of its networks is saved for use. What is needed to build it again beside the preset stands in ``about``, a
    dictionary of plain values that a task may have."""

    origin: str
    """One sentence: what the first weights are."""

    def __init__(
        self, data: OcclusionSet, preset: Any, seed: int = 0, start: str | Path | None = None, options: Any = None
    ) -> None:
        """Build the networks and look up what they are trained on.

        Args:
            data: the set.
            preset: of the network's own kind, fitted to the set.
            seed: of the first weights and of the samples.
            start: see `occset.models.training.starting.start_from`; None for the network's usual start.
            options: of the network's own kind; None for the defaults.

        Raises:
            OccsetError: nothing to train on, or a file that does not fit.
        """
        ...

    @staticmethod
    def count_faces(data: OcclusionSet) -> int:
        """How many faces of a set it can be trained on.

        Raises:
            OccsetError: there are none; says which are needed.
        """
        ...


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    Attributes:
        weights: folder of the checkpoint; None when it was interrupted.
        metrics: of the last validation; empty for sets without labelled faces in "val".
        step: of how many were to do, `steps`.
        seconds: this run took, and samples a second.
        name: of the network.
        out: folder of the training.
        signal: that stopped it, if one did.
    """

    weights: Path | None
    metrics: dict[str, float]
    step: int
    steps: int
    seconds: float
    samples_per_second: float
    name: str
    out: Path = Path()
    signal: int | None = None

    @property
    def sentence(self) -> str:
        """What was reached, in one line."""
        if self.weights is None:
            return (
                f"{self.name} was {word_of(self.signal)} after step {self.step} of {self.steps}, which {self.out} keeps: "
                "run the same command again and it goes on from there"
            )
        reached = ", ".join(f"{name} {value:.4f}" for name, value in self.metrics.items()) or "no faces to validate on"
        return (
            f"{self.name}: step {self.step} of {self.steps}, validation {reached}; {self.seconds:.0f} s, "
            f"{self.samples_per_second:.1f} samples/s; weights in {self.weights}"
        )


def train(
    name: str,
    data: OcclusionSet | str | Path,
    preset: str | NetworkPreset = "demo",
    out: str | Path | None = None,
    *,
    seed: int = 0,
    epochs: int | None = None,
    start: str | Path | None = None,
    workers: int | None = None,
    accelerator: str = "auto",
    devices: int | str = "auto",
    num_nodes: int = 1,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] = log.info,
    **options: Any,
) -> Trained:
    """Train a network, or go on with a training that was interrupted.

    Args:
        name: one of `occset.models.list()`.
        data: the set, or its folder; its splits "train" and, for validation, "val" are used, never "test".
        preset: one of the network's presets, by name or as an object.
        out: folder of the training: its checkpoints, its log, and at the end its weights; runs/NAME by default.
        seed: of everything that is drawn.
        epochs: instead of the preset's.
        start: a checkpoint of the network to start from, the folder of a training, or the word "released".
        workers: processes that make samples.
        accelerator, devices, num_nodes: as Lightning Fabric takes them.
        progress: called with (done, all) in steps.
        say: takes lines for the user; the logger "occset" by default.
        options: what this network takes besides, such as ``encoder_weights`` of "ns".

    Returns:
        What was reached; its `weights` are what `occset.models.load` takes.

    Raises:
        UnknownName: no network or preset is called so.
        OccsetError: nothing to train on, ``out`` holds another training, or the network has no such option.

    >>> from dataclasses import replace
    >>> import occset.models
    >>> from occset.models.segmentation.presets import PRESETS
    >>> demo = PRESETS["demo"]
    >>> quick = replace(demo, training=replace(demo.training, batch=4, epoch_size=8))
    >>> done = occset.models.train("ns", "my-set", preset=quick, out="runs/ns", epochs=1, workers=0, say=str)
    >>> done.step
    2
    >>> network = occset.models.load("ns", done.weights)
    """
    network = find(name)
    chosen: NetworkPreset = network.preset(preset) if isinstance(preset, str) else preset
    own = make_options(network, options)
    data = data if isinstance(data, OcclusionSet) else OcclusionSet(data)
    out = Path(out) if out is not None else Path("runs") / name
    make: type[NetworkTask] = registry.load(network.task)
    faces = make.count_faces(data)
    chosen = chosen.fitted(faces, epochs)
    task = make(data, chosen, seed, start, own)
    say(f"{task.origin}; {faces} faces, {chosen.training.steps} steps of {chosen.training.batch}")
    fresh = not (out / NAME).is_file()
    told = chosen.to_dict()
    about = {
        **told,
        "network": {**told["network"], **getattr(task, "about", {})},
        "data": {"name": data.head["name"], "content_hash": data.content_hash(), "faces": faces},
        "seed": seed,
        "origin": task.origin,
        "code_version": __version__,
    }

    def keep(mark: float, step: int, networks: Weights) -> None:
        folder = out / ON_THE_WAY / f"{mark:g}s"
        so_far = {**about["network"].get("budget", {}), "samples": step * chosen.training.batch}
        so_far_about = {**about, "network": {**about["network"], "budget": so_far}}
        save_weights(networks[task.keeps], folder, so_far_about, name)
        write_atomic(folder / SPENT, json.dumps({"processor": mark}).encode())

    outcome = fit(
        task, chosen.training, out, seed=seed, workers=workers, accelerator=accelerator, devices=devices,
        num_nodes=num_nodes, progress=progress, say=say, kept=keep,
    )  # fmt: skip
    seconds = _spent(out, outcome.seconds, fresh) if outcome.rank == 0 else outcome.seconds
    weights = None
    if not outcome.interrupted:
        weights = out / WEIGHTS
        if outcome.rank == 0:
            save_weights(final_networks(out)[task.keeps], weights, {**about, "validation": outcome.metrics}, name)
            taken = {"seconds": round(seconds), "processor": float(f"{outcome.processor:.4g}")}
            if (before := samples_before(name, start)) is not None:
                taken["samples"] = before + chosen.training.steps * chosen.training.batch
            # beside the weights and not in them: the same training gives the same bytes, however long it took
            write_atomic(weights / SPENT, json.dumps(taken).encode())
    steps = chosen.training.steps
    return Trained(
        weights, outcome.metrics, outcome.step, steps, outcome.seconds, outcome.samples_per_second, name, out,
        outcome.signal,
    )  # fmt: skip


def _spent(out: Path, seconds: float, fresh: bool) -> float:
    """Seconds that all runs of a training took together; kept beside its checkpoint.

    A run that was killed, rather than told to stop, is not counted.
    """
    note = out / SPENT
    try:
        before = 0.0 if fresh else float(read_json(note)["seconds"])
    except (OSError, ValueError, KeyError, TypeError):  # of an earlier version, or nobody's business any more
        before = 0.0
    write_atomic(note, json.dumps({"seconds": before + seconds}).encode())
    return before + seconds


def samples_before(name: str, start: Path | str | None) -> int | None:
    """Samples that a network saw before it starts from a checkpoint; None where nobody wrote them down.

    Args:
        name: of the network.
        start: as for `train`; None where it starts from scratch.
    """
    if start is None:
        return 0
    path = find(name).released if str(start) == RELEASED else Path(start)
    seen = spent(path / WEIGHTS if (path / NAME).is_file() else path, "samples")
    return None if seen is None else round(seen)


def make_options(network: Network, values: dict[str, Any]) -> Any:
    """The network's own options from named values; None for a network that has none.

    Raises:
        OccsetError: it has no option of that name.
    """
    make = registry.load(network.options) if network.options else None
    known = list(make.__dataclass_fields__) if make else []
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise OccsetError(
            f"training {network.title} takes no {unknown[0]}: what it takes besides the common options is "
            f"{', '.join(known) or 'nothing'}"
        )
    return make(**values) if make else None
