"""The one training loop, on Lightning Fabric: from a laptop's CPU to many nodes, resumable to the exact step.

Each step is seeded by (seed, step, process) and its samples by (seed, epoch, index), so a checkpoint need not hold the state
of any generator, and a training that was stopped anywhere ends with the weights of one that never was: bit for bit on the
same machine with as many threads, as far as the accelerator's own kernels repeat themselves.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import torch

from occset.models.training.checkpoints import final_networks
from occset.models.training.loading import WorkerDied, told_of_deaths
from occset.models.training.loop import Kept, Training
from occset.models.training.presets import TrainingPreset
from occset.models.training.processes.helpers import helpers
from occset.models.training.processes.interrupts import Interrupts
from occset.models.training.processes.layout import Layout, find_layout, leave
from occset.models.training.task import Task
from occset.support.errors import OccsetError
from occset.support.locks import clear_temporaries, only_writer
from occset.support.pools.processes import default_workers

log = logging.getLogger("occset")
__all__ = ["Outcome", "final_networks", "fit"]

Progress = Callable[[int, int], None]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """What became of a call of ``fit``.

    Attributes:
        step: steps that are done, earlier calls included.
        epochs: whole epochs that are done.
        metrics: what the last validation found.
        seconds: that this call took.
        samples_per_second: over the last 200 steps, all processes together; without starting up and validating.
        interrupted: it was stopped before the end and can go on.
        processor: seconds of all threads that the steps took, earlier calls included, without making samples and validating.
        signal: the signal that stopped it, where this process was told by one.
        rank: of this process; under torchrun each of them returns, and only process 0 should write what comes next.
    """

    step: int
    epochs: int
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    samples_per_second: float = 0.0
    interrupted: bool = False
    processor: float = 0.0
    signal: int | None = None
    rank: int = 0


def fit(
    task: Task,
    preset: TrainingPreset,
    out: Path | str,
    seed: int = 0,
    workers: int | None = None,
    accelerator: str = "auto",
    devices: int | str = "auto",
    num_nodes: int = 1,
    progress: Progress | None = None,
    say: Say = log.info,
    kept: Kept | None = None,
) -> Outcome:
    """Train a task's networks in place; go on where a training in ``out`` was stopped.

    Args:
        task: networks, samples and losses; picklable where several devices are used without torchrun.
        preset: how to train.
        out: folder of the checkpoint ``last.ckpt`` and of the logs; made if missing.
        seed: at least 0, of everything random in the training itself (the samples have their own).
        workers: processes that make samples, for each process that trains; 0 makes them in between; None as many as there
            are cores, or a quarter of them where the networks run on the CPU too.
        accelerator: "auto", "cpu", "gpu", or another that Fabric knows.
        devices: processes on this machine, one device each; "auto" for every GPU, or one process on a CPU.
        num_nodes: machines; more than one are started by torchrun, which tells the number by itself.
        progress: told (steps done, steps in all) after every step, in the first process.
        say: told a line about the start and one about each validation, in the first process; the logger "occset" by default.
        kept: given (mark in processor seconds, steps done, weights of each network, averaged where it is) where a mark of
            the preset is passed, in the first process.

    Raises:
        OccsetError: ``out`` holds another training, or is being written to; a loss or a weight is not finite; samples
            cannot be made; a process died; the disk is full. The last checkpoint stays whole.
        KeyboardInterrupt: on the second Ctrl-C; the first one, like SIGTERM, ends the step and returns.
    """
    out = Path(out)
    if seed < 0:
        raise OccsetError(f"seed is {seed}: give a whole number of at least 0")
    with ExitStack() as stack:
        interrupts = stack.enter_context(Interrupts())
        layout = find_layout(accelerator, devices, num_nodes)
        if preset.batch % layout.world:
            raise OccsetError(
                f"preset {preset.name}: a batch of {preset.batch} cannot be shared by {layout.world} processes: "
                "use a multiple of their number"
            )
        if layout.rank == 0:
            clear_temporaries(out, stack.enter_context(only_writer(out)))
        stack.enter_context(helpers(layout, _help, (task, preset, out, seed, workers, layout.accelerator)))
        return _train(task, preset, out, seed, workers, layout, interrupts, progress, say, kept)


def _help(task: Task, preset: TrainingPreset, out: Path, seed: int, workers: int | None, accelerator: str) -> None:
    """The same training in another process, which stops when the first one does."""
    _train(task, preset, out, seed, workers, find_layout(accelerator), Interrupts(), None, lambda _: None)


def _train(
    task: Task,
    preset: TrainingPreset,
    out: Path,
    seed: int,
    workers: int | None,
    layout: Layout,
    interrupts: Interrupts,
    progress: Progress | None,
    say: Say,
    kept: Kept | None = None,
) -> Outcome:
    started = time.perf_counter()
    if layout.rank:
        progress, say = None, lambda _: None
    if workers is None:
        cores = default_workers() // 4 if layout.accelerator == "cpu" else default_workers()
        workers = max(1, cores // layout.devices)
    try:
        with told_of_deaths(), torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
            training = Training(task, preset, out, seed, layout, say, kept)
            interrupted = training.run(workers, interrupts, progress)
            step = training.step
    except WorkerDied:
        if not interrupts.asked:
            raise
        interrupted, step = True, training.saved  # it got the same signal as we did, and did not wait for the step
    finally:
        leave()
    return Outcome(
        step=step,
        epochs=step // preset.steps_per_epoch,
        metrics=training.metrics,
        seconds=time.perf_counter() - started,
        samples_per_second=training.samples_per_second(),
        interrupted=interrupted,
        processor=training.marks.seconds,
        signal=interrupts.number if interrupted else None,
        rank=layout.rank,
    )
