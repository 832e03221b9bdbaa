"""Training NS on a set, from the first sample to a checkpoint that can be used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from occset import __version__
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.usable import usable_faces
from occset.models.segmentation.presets import SegmentationPreset, open_preset
from occset.models.segmentation.task import PLAYER, SegmentationTask
from occset.models.training.engine import final_networks, fit
from occset.models.weight_files import save_weights
from occset.support.errors import OccsetError

WEIGHTS = "weights"
"""Folder, inside that of a training, of the finished checkpoint."""


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    Attributes:
        weights: folder of the checkpoint; None when it was interrupted.
        metrics: of the last validation; empty for sets without labelled faces in "val".
        step: of how many were to do, `steps`.
        seconds: this run took, and samples a second.
    """

    weights: Path | None
    metrics: dict[str, float]
    step: int
    steps: int
    seconds: float
    samples_per_second: float

    @property
    def sentence(self) -> str:
        """What was reached, in one line."""
        reached = ", ".join(f"{name} {value:.4f}" for name, value in self.metrics.items()) or "no faces to validate on"
        where = f"weights in {self.weights}" if self.weights else "interrupted: run it again and it goes on from here"
        return (
            f"ns: step {self.step} of {self.steps}, validation {reached}; {self.seconds:.0f} s, "
            f"{self.samples_per_second:.1f} samples/s; {where}"
        )


def train(
    data: OcclusionSet,
    preset: str | SegmentationPreset,
    out: Path,
    seed: int = 0,
    epochs: int | None = None,
    start: Path | None = None,
    encoder_weights: Path | None = None,
    workers: int | None = None,
    accelerator: str = "auto",
    devices: int | str = "auto",
    num_nodes: int = 1,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] = print,
) -> Trained:
    """Train NS, or go on with a training that was interrupted.

    Args:
        data: the set; its splits "train" and, for validation, "val" are used, never "test".
        preset: a name of `occset.models.segmentation.presets.PRESETS`, or a preset.
        out: folder of the training: its checkpoints, its log, and at the end its weights.
        seed: of everything that is drawn.
        epochs: instead of the preset's.
        start: a checkpoint of NS to start from.
        encoder_weights: a file of ImageNet weights for the encoder.
        workers: processes that make samples.
        accelerator, devices, num_nodes: as Lightning Fabric takes them.
        progress: called with (done, all) in steps.
        say: takes lines for the user.

    Raises:
        OccsetError: nothing to train on, or ``out`` holds another training.
    """
    chosen = open_preset(preset) if isinstance(preset, str) else preset
    faces = len(usable_faces(data, "train"))
    if not faces:
        raise OccsetError(
            f"{data.path}: no labelled face in the split 'train': add faces from celebamask-hq or builtin"
        )
    chosen = chosen.fitted(faces, epochs)
    task = SegmentationTask(data, chosen, seed, start, encoder_weights)
    say(f"{task.origin}; {faces} faces, {chosen.training.steps} steps of {chosen.training.batch}")
    outcome = fit(
        task, chosen.training, out, seed=seed, workers=workers, accelerator=accelerator, devices=devices,
        num_nodes=num_nodes, progress=progress, say=say,
    )  # fmt: skip
    weights = None
    if not outcome.interrupted:
        weights = out / WEIGHTS
        if outcome.rank == 0:
            about = {
                **chosen.to_dict(),
                "data": {"name": data.head["name"], "content_hash": data.content_hash(), "faces": faces},
                "seed": seed,
                "origin": task.origin,
                "validation": outcome.metrics,
                "code_version": __version__,
            }
            save_weights(final_networks(out)[PLAYER], weights, about, "ns")
    return Trained(
        weights, outcome.metrics, outcome.step, chosen.training.steps, outcome.seconds, outcome.samples_per_second
    )
