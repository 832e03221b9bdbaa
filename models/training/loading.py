"""Batches from worker processes: which samples make a step depends on nothing but the step.

The workers start once and serve the whole rest of the training. Every process of a distributed training takes its slice of
the step's batch, so that neither the number of workers nor that of processes changes what a step learns from.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from occset.models.training.presets import TrainingPreset
from occset.models.training.task import Samples
from occset.support.errors import OccsetError
from occset.support.interrupts import shielded
from occset.support.pools.processes import Failed, leave_with_parent, quiet_start

Batch = dict[str, torch.Tensor]

_PATIENCE_S = 60.0  # of a worker that was told to end, whose training has ended it by then


class WorkerDied(OccsetError):
    """A worker process is gone that was to make samples."""


def batch_indices(preset: TrainingPreset, step: int, rank: int = 0, world: int = 1) -> list[tuple[int, int]]:
    """The (epoch, index) of each sample that process ``rank`` of ``world`` sees in a step."""
    share = preset.batch // world
    epoch, place = divmod(step, preset.steps_per_epoch)
    first = place * preset.batch + rank * share
    return [(epoch, first + i) for i in range(share)]


class Steps(Sampler[list[tuple[int, int]]]):
    """The samples of every step from ``start`` to the end of the training."""

    def __init__(self, preset: TrainingPreset, start: int, rank: int, world: int) -> None:
        self.preset, self.start, self.rank, self.world = preset, start, rank, world

    def __len__(self) -> int:
        """Steps that are left."""
        return self.preset.steps - self.start

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """The (epoch, index) pairs of one step after the other."""
        for step in range(self.start, self.preset.steps):
            yield batch_indices(self.preset, step, self.rank, self.world)


@dataclass(frozen=True)
class _Batches(Dataset[Any]):
    """Makes whole batches; a user's mistake travels back as a value, since torch would turn it into another error."""

    samples: Samples

    def __getitems__(self, indices: list[tuple[int, int]]) -> Batch | Failed:
        try:
            return stack([self.samples(epoch, index) for epoch, index in indices])
        except OccsetError as error:
            return Failed(type(error), str(error))


def stack(samples: list[dict[str, np.ndarray]]) -> Batch:
    """Samples stacked along a new first axis.

    Raises:
        OccsetError: they do not have the same names, shapes and kinds of numbers.
    """
    first = {name: (np.shape(value), np.asarray(value).dtype) for name, value in samples[0].items()}
    for sample in samples[1:]:
        other = {name: (np.shape(value), np.asarray(value).dtype) for name, value in sample.items()}
        if other != first:
            raise OccsetError(f"the samples of a batch differ, {first} and {other}: make them of one shape and kind")
    return {name: torch.from_numpy(np.stack([sample[name] for sample in samples])) for name in first}


def _as_it_is(batch: Any) -> Any:
    return batch


def _start_worker(_: int) -> None:
    import cv2

    cv2.setNumThreads(1)  # torch's own thread is set by its worker loop
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the training process says when to stop
    signal.signal(signal.SIGTERM, _leave_later)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    threading.Thread(target=leave_with_parent, daemon=True).start()


def _leave_later(*_: object) -> None:
    """What a batch system sends to all processes lets the training end its step first, which needs its batch."""
    timer = threading.Timer(_PATIENCE_S, os._exit, (1,))
    timer.daemon = True
    timer.start()


def batches(
    samples: Samples,
    preset: TrainingPreset,
    start: int,
    rank: int = 0,
    world: int = 1,
    workers: int = 0,
    pin: bool = False,
) -> Generator[Batch, None, None]:
    """Yield the batch of each step from ``start`` to the end: this process's (batch / world, ...) share.

    Args:
        samples: picklable where ``workers`` is above 0.
        preset: says how many samples make a step and an epoch.
        start: the first step, 0 for a fresh training.
        rank: this process, 0 .. world - 1.
        world: processes that share a batch.
        workers: processes that make samples; 0 makes them here.
        pin: put the batches into memory that an accelerator can copy from by itself.

    Raises:
        OccsetError: what ``samples`` raised, in whichever process; or a worker process died.
    """
    steps = Steps(preset, start, rank, world)
    loader: DataLoader[Any] = DataLoader(
        _Batches(samples),
        batch_sampler=steps,
        num_workers=workers,
        collate_fn=_as_it_is,
        worker_init_fn=_start_worker,
        pin_memory=pin,
        prefetch_factor=4 if workers else None,
        multiprocessing_context=multiprocessing.get_context("spawn") if workers else None,  # fork would copy threads
        generator=torch.Generator(),  # else the loader would draw from the generator that dropout draws from
    )
    found = None
    try:
        with told_of_deaths():
            with quiet_start(1):
                found = iter(loader)
            for batch in found:
                if isinstance(batch, Failed):
                    raise batch.error()
                yield batch
    finally:
        _end(found)


def _end(found: Any) -> None:
    """End the workers here and now, and not whenever the loader is collected, where no error could be caught.

    Meanwhile no signal is heard: torch would raise the end of a worker wherever we are, which now is what we wait for.
    """
    shut_down = getattr(found, "_shutdown_workers", None)  # of iterators that have workers
    if shut_down is None:
        return
    in_main = threading.current_thread() is threading.main_thread() and hasattr(signal, "SIGCHLD")
    before = signal.signal(signal.SIGCHLD, signal.SIG_DFL) if in_main else None
    try:
        with shielded():
            shut_down()
    finally:
        if before is not None:
            signal.signal(signal.SIGCHLD, before)


@contextmanager
def told_of_deaths() -> Iterator[None]:
    """Turn torch's news of a worker that was killed, which can come at any moment, into one of our errors.

    Raises:
        WorkerDied: says what to do.
    """
    try:
        yield
    except (RuntimeError, EOFError, ConnectionError) as error:
        # a connection breaks where a batch was on its way; what a sample raised says "Caught"
        own = "Caught" in str(error) or (isinstance(error, RuntimeError) and "DataLoader worker (pid" not in str(error))
        if own:
            raise
        raise WorkerDied(
            "a worker process died, killed or out of memory: run again, it goes on from the last checkpoint; try fewer "
            "workers (and a script of your own must start its work below  if __name__ == '__main__':)"
        ) from error
