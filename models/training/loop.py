"""The steps of a training in one of its processes, with what comes between them: validation, logs, checkpoints."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from occset.models.training import checkpoints
from occset.models.training.board import Board
from occset.models.training.journal import Journal, Marks
from occset.models.training.loading import Batch, batch_indices, batches
from occset.models.training.networks import Networks
from occset.models.training.presets import TrainingPreset
from occset.models.training.processes.interrupts import Interrupts
from occset.models.training.processes.layout import Layout, Team
from occset.models.training.processes.precision import resolve
from occset.models.training.task import Task
from occset.models.training.trouble import snapshot
from occset.support.errors import OccsetError

Kept = Callable[[float, int, checkpoints.Weights], None]


class Training:
    """A training in one process, on from its checkpoint where there is one.

    Args:
        task: its networks are trained in place.
        preset: how to train.
        out: folder of the checkpoint.
        seed: of the training.
        layout: devices, and which of the processes this is.
        say: takes lines for the person.
        kept: see `occset.models.training.engine.fit`.

    Raises:
        OccsetError: the checkpoint belongs to another training, or cannot be read.
    """

    def __init__(
        self,
        task: Task,
        preset: TrainingPreset,
        out: Path,
        seed: int,
        layout: Layout,
        say: Callable[[str], None],
        kept: Kept | None = None,
    ) -> None:
        import lightning_fabric

        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # we say ourselves where it runs
        self.task, self.preset, self.out, self.seed, self.layout, self.say = task, preset, out, seed, layout, say
        self.precision = resolve(preset.precision, layout.accelerator)
        named: Any = self.precision  # Fabric lists the names it takes
        self.fabric = lightning_fabric.Fabric(
            accelerator=layout.accelerator,
            devices=layout.devices,
            num_nodes=layout.nodes,
            strategy="ddp" if layout.world > 1 else "auto",
            precision=named,
        )
        self.fabric.launch()
        self.team = Team(layout.rank, layout.world)
        self.path = out / checkpoints.NAME
        self._origin = checkpoints.origin_of(task)
        state: checkpoints.Checkpoint | None = self.team.tell(self._stored)
        self.networks = Networks(task, preset, self.fabric, state, self.path)
        self.step = state.step if state else 0
        self.metrics: dict[str, float] = state.metrics if state else {}
        self._validated = state.validated if state else -1
        self._saved = self.step if state else -1
        self.journal = Journal()
        self.marks, self.kept = Marks(preset.marks, state.processor if state else 0.0), kept
        self._passed: float | None = None
        self.board = Board(out if layout.rank == 0 else None, self.step, say)

    def _stored(self) -> checkpoints.Checkpoint | None:
        if not self.path.exists():
            return None
        state = checkpoints.load(self.path)
        checkpoints.refuse_another(self.path, state, self.task.name, self.preset, self.seed, self._origin)
        return state

    @property
    def saved(self) -> int:
        """The step of the last checkpoint; 0 where there is none."""
        return max(self._saved, 0)

    def samples_per_second(self) -> float:
        """Of the last steps, all processes together."""
        return self.journal.steps_per_second() * self.preset.batch

    def run(self, workers: int, interrupts: Interrupts, progress: Callable[[int, int], None] | None) -> bool:
        """Train to the end; returns whether it was interrupted before."""
        preset, team = self.preset, self.team
        self._announce(workers)
        pin = self.fabric.device.type == "cuda"
        data = batches(self.task.samples, preset, self.step, team.rank, team.world, workers, pin)
        stopping = team.any([interrupts.asked])[0]
        try:
            while True:
                if not stopping and self._is_due():
                    self._validate()
                    self._save()
                if stopping or self.step == preset.steps:
                    break
                self._take_step(data)
                stopping = self._agree(interrupts.asked)
                self._keep()
                if progress is not None:
                    progress(self.step, preset.steps)
                if self.step % preset.checkpoint_every == 0 and not self._is_due():
                    self._save()
            if self._saved != self.step:
                self._save()
        finally:
            data.close()
            self.board.close()
        return self.step < preset.steps

    def _announce(self, workers: int) -> None:
        layout = self.layout
        where = f"{layout.world} x {layout.accelerator}" if layout.world > 1 else layout.accelerator
        self.say(
            f"training {self.task.name}: {self.preset.steps} steps of {self.preset.batch} samples on {where}, "
            f"{self.precision}, loader processes: {workers}"
            + (f", going on after step {self.step}" if self.step else "")
        )

    def _take_step(self, data: Iterator[Batch]) -> None:
        started = time.perf_counter()
        batch = self.fabric.to_device(next(data))
        torch.manual_seed(_mix(self.seed, self.step, self.team.rank))
        before = time.process_time()  # making samples is nobody's own affair, and does not count
        for network, total, parts in self.networks.step(batch, self.step):
            self.journal.note(self.step, network, total, parts)
        self.step += 1
        self._passed = self.marks.took((time.process_time() - before) * self.team.world)
        self.journal.took(time.perf_counter() - started)

    def _keep(self) -> None:
        """Hand over the weights where the last step passed a mark."""
        if self._passed is not None and self.kept is not None and self.team.rank == 0:
            state = self.networks.state()
            self.kept(self._passed, self.step, {**state["networks"], **state["averages"]})

    def _agree(self, asked: bool) -> bool:
        """Whether all processes stop here; looks at the losses: on a CPU always, else before anything is written."""
        preset = self.preset
        logs = self.step % preset.log_every == 0 or self.step == preset.steps
        saves = self.step % preset.checkpoint_every == 0 or self.step % preset.steps_per_epoch == 0
        look = logs or saves or asked or self.fabric.device.type == "cpu"
        trouble = self.journal.look() if look else None
        stopping, failed = self.team.any([asked, trouble is not None])
        if failed:
            raise OccsetError(self.team.first(None if trouble is None else self._told(trouble)))
        if logs:
            means, rates = self.team.mean(self.journal.means()), self.networks.rates(self.step - 1)
            alike = len(set(rates.values())) == 1
            named = {"learning_rate" if alike else f"{name}/learning_rate": rate for name, rate in rates.items()}
            self.board.scalars({**means, **named, "samples_per_second": self.samples_per_second()}, self.step)
        return stopping

    def _told(self, trouble: snapshot.Trouble) -> str:
        """What is wrong and what to do about it; the samples of that step are kept beside the checkpoint."""
        team, seed = self.team, self.seed
        places = batch_indices(self.preset, trouble.step, team.rank, team.world)
        folder = (
            self.out
            / snapshot.FOLDER
            / (f"step-{trouble.step + 1}" + (f"-process-{team.rank}" if team.world > 1 else ""))
        )
        about = {"task": self.task.name, "preset": self.preset.to_dict(), "seed": seed, "checkpoint": self.saved}
        said = snapshot.report(trouble, self.task, places, folder, about)
        kept = f"{self.path} still holds step {self.saved}" if self.saved else "there is no checkpoint yet"
        return (
            f"{said}. The same command comes to this step again ({kept}); to get past it, run in another folder with a "
            "smaller learning_rate, with clip or in 32-true"
        )

    def _is_due(self) -> bool:
        """Whether the step is the last of an epoch that ends with a validation which has not taken place."""
        epoch, rest = divmod(self.step, self.preset.steps_per_epoch)
        ends = self.step > 0 and rest == 0 and self._validated != self.step
        return ends and (epoch % self.preset.validate_every == 0 or self.step == self.preset.steps)

    def _validate(self) -> None:
        self.metrics = self.team.tell(self._figures)
        self._validated = self.step

    def _figures(self) -> dict[str, float]:
        """What the task finds; logged and said."""
        with self.networks.shown() as networks:
            found = {name: float(value) for name, value in self.task.validate(networks).items()}
            pictures = self.task.pictures(networks)
        self.board.scalars({f"validation/{name}": value for name, value in found.items()}, self.step)
        self.board.pictures(pictures, self.step)
        figures = ", ".join(f"{name} {value:.4g}" for name, value in found.items())
        epoch = self.step // self.preset.steps_per_epoch
        self.say(f"epoch {epoch}/{self.preset.epochs}: {figures} ({self.samples_per_second():.1f} samples/s)")
        return found

    def _save(self) -> None:
        self.team.tell(lambda: checkpoints.save(self.out, self._state()))
        self._saved = self.step

    def _state(self) -> checkpoints.Checkpoint:
        return checkpoints.Checkpoint(
            self.task.name,
            self.preset,
            self.seed,
            self.step,
            **self.networks.state(),
            validated=self._validated,
            metrics=self.metrics,
            origin=self._origin,
            processor=self.marks.seconds,
        )


def _mix(seed: int, step: int, rank: int) -> int:
    """One number of 63 bits for (seed, step, process)."""
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)[0] >> np.uint64(1))
