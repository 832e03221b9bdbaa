"""The bench: runs methods on a protocol, batch by batch, resumable, and writes one result each."""

from __future__ import annotations

import contextlib
import pickle
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from occset.benchmark.methods.interfaces import Learns
from occset.benchmark.protocols.frozen import Protocol
from occset.benchmark.results.checks import check_scores
from occset.benchmark.results.files import write_result
from occset.benchmark.results.result import Result
from occset.benchmark.runner import worker
from occset.benchmark.runner.machine import describe_machine
from occset.benchmark.runner.planned import (
    Judges,
    Opened,
    finished,
    forget_parts,
    make_entry,
    open_all,
    result_head,
    weights_of,
)
from occset.benchmark.runner.training_faces import TrainSplit
from occset.benchmark.runner.worker import Entry, Outcome, Scorer, Work
from occset.benchmark.runner.worst_pictures import keep_worst, lacking
from occset.benchmark.tasks.definition import BenchTask
from occset.benchmark.tasks.registry import task_named
from occset.dataset.occlusion_set import OcclusionSet
from occset.support.errors import BadInput, BrokenMethod, MissingExtra, OccsetError
from occset.support.locks import clear_temporaries, only_writer
from occset.support.pools.processes import default_workers, map_chunks
from occset.support.references import load


@dataclass
class Run:
    """What a bench run did.

    Attributes:
        results: one for each method that has every sample, in the order asked for.
        reused: names of those whose result was there already.
        broken: why the others have none, by name.
        notes: what the user should know, those of the results included, such as predictions that had to be resized.
    """

    results: list[Result] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def run(
    data: OcclusionSet,
    protocol: Protocol,
    specs: Sequence[str | Opened],
    out: Path,
    *,
    limit: int | None = None,
    judges: Judges | None = None,
    learn_from: OcclusionSet | None = None,
    workers: int | None = None,
    worst: int = 0,
    progress: Callable[[int, int], None] | None = None,
    estimate: Callable[[float], None] | None = None,
) -> Run:
    """Run methods on the first ``limit`` samples of a protocol.

    Args:
        data: the set.
        protocol: of this set.
        specs: methods as `occset.benchmark.tasks.opening.open_method` takes them, or pairs of a name and a method
            that is open already.
        out: folder of the results.
        limit: number of samples; all when None.
        judges: for each judge of the task, by key, its network's file, or why there is none: {"id": ArcFaceFile(...)}.
        learn_from: the set whose train faces methods learn from; ``data`` itself when None.
        workers: processes.
        worst: of so many worst samples of each method the pictures are kept, besides those that always are.
        progress: called with (done, all), counted in batches x methods, and then in methods whose worst samples lack
            pictures.
        estimate: called once, after the first batch, with the seconds that the others will take, judged by it.

    Returns:
        Results, and what went wrong with whom. A method that breaks does not stop the others.

    Raises:
        OccsetError: a method cannot be opened or asks for the truth, two share a name, the set lacks what the protocol
            names, or another bench is writing to ``out``.
        MissingExtra: there is a judge's file, but nothing to run it with.
    """
    # fixed before any method is opened, since a method may change the current directory
    files = {
        key: replace(found, path=found.path.absolute())
        for key, found in (judges or {}).items()
        if found and not isinstance(found, str)
    }
    out, data = Path(out).resolve(), data if data.path.is_absolute() else OcclusionSet(data.path.resolve())
    task = task_named(protocol.rule.task)
    opened = open_all(specs, task)
    train = TrainSplit(learn_from or data, protocol.rule.size, need_landmarks=task.samples.landmarks)
    head = result_head(data, protocol, limit, judges or {})
    entries = [make_entry(one, head, train, out) for one in opened]
    for kind in task.judges:
        if kind.key in files:
            load(kind.load)(files[kind.key])  # what is wrong with it is told here, and not as the death of a worker
    batches = [protocol.recipes[: head.samples][i : i + worker.BATCH] for i in range(0, head.samples, worker.BATCH)]
    with only_writer(out) as held:
        clear_temporaries(out, held)
        done = _run_all(data, task, entries, batches, train, files, workers or default_workers(), progress, estimate)
        if worst:
            _keep_worst(data, task, protocol, entries, worst, train, done, progress)
        clear_temporaries(out, held)  # of workers of a killed run that were still dying when this one began
    return done


def _keep_worst(
    data: OcclusionSet,
    task: BenchTask,
    protocol: Protocol,
    entries: Sequence[Entry],
    most: int,
    train: TrainSplit,
    done: Run,
    progress: Callable[[int, int], None] | None,
) -> None:
    found = {result.method: result for result in done.results}
    todo = [(entry, found[entry.method.name]) for entry in entries if entry.method.name in found]
    todo = [(entry, result) for entry, result in todo if lacking(entry, result, most)]
    for at, (entry, result) in enumerate(todo):
        if progress:
            progress(at, len(todo))
        fitting = Run()  # apart, since what breaks here has its result
        if result.method in done.reused:
            _fit([entry], train, fitting)
        why = fitting.broken.get(result.method)
        try:
            if why is None:
                keep_worst(data, task, protocol.recipes, entry, result, lacking(entry, result, most))
        except (BrokenMethod, MissingExtra) as error:
            why = str(error)
        if why is not None:
            done.notes.append(f"no pictures of {result.method}'s worst samples: {why}")
    if progress and todo:
        progress(len(todo), len(todo))


def _run_all(
    data: OcclusionSet,
    task: BenchTask,
    entries: list[Entry],
    batches: list[Any],
    train: TrainSplit,
    judges: Judges,
    workers: int,
    progress: Callable[[int, int], None] | None,
    estimate: Callable[[float], None] | None,
) -> Run:
    found = {entry.method.name: result for entry in entries if (result := finished(entry)) is not None}
    done = Run(reused=list(found))
    lacking = [entry for entry in entries if entry.method.name not in found]
    fit_seconds = _fit(lacking, train, done)
    running = [entry for entry in lacking if entry.method.name not in done.broken]
    _work(partial(Scorer, data, task, running, judges), running, batches, workers, done, progress, estimate)
    for entry in running:
        if entry.method.name not in done.broken:
            try:
                found[entry.method.name] = _finish(
                    entry, len(batches), fit_seconds.get(entry.method.name, 0.0), workers
                )
            except BadInput as error:  # a finished batch was damaged; what the others have is whole
                forget_parts(entry)
                done.broken[entry.method.name] = f"{error}: run again"
    done.results = [found[entry.method.name] for entry in entries if entry.method.name in found]
    done.notes += [f"{result.method} {note}" for result in done.results for note in result.notes]
    _tidy(entries)
    return done


def _tidy(entries: Sequence[Entry]) -> None:
    """Leave nothing of what was unfinished: neither of methods that broke, nor of a run killed just before it tidied up."""
    for entry in entries:
        forget_parts(entry)
        shutil.rmtree(entry.shared, ignore_errors=True)
        with contextlib.suppress(OSError):  # not there, or in use by another run
            entry.shared.parent.rmdir()


def _fit(entries: Sequence[Entry], train: TrainSplit, done: Run) -> dict[str, float]:
    seconds = {}
    for entry in entries:
        name = entry.method.name
        if isinstance(entry.method, Learns):
            started = time.perf_counter()
            try:
                entry.method.fit(train)
            except (BrokenMethod, MissingExtra) as error:
                done.broken[name] = str(error)
            except OccsetError:
                raise  # a train face cannot be read
            except (Exception, SystemExit) as error:  # an outsider's code may fail in any way
                done.broken[name] = f"{name} raised {type(error).__name__} in fit: {error}"
            entry.result.weights_hash = weights_of(entry.method)
            seconds[name] = time.perf_counter() - started
    return seconds


def _work(
    make: Callable[[], Scorer],
    entries: list[Entry],
    batches: list[Any],
    workers: int,
    done: Run,
    progress: Callable[[int, int], None] | None,
    estimate: Callable[[float], None] | None,
) -> None:
    def lacks(entry: Entry, number: int) -> bool:
        return not entry.part(number).exists()

    todo = [
        Work(number, recipes, tuple(i for i, e in enumerate(entries) if lacks(e, number)))
        for number, recipes in enumerate(batches)
    ]
    total = len(entries) * len(batches)
    finished = total - sum(len(work.entries) for work in todo)
    todo = [work for work in todo if work.entries]
    if workers > 1 and not _picklable(entries):
        done.notes.append("a method cannot be sent to other processes: everything ran in one")
        workers = 1
    if progress:
        progress(finished, total)
    outcome: Outcome
    for outcome, work in zip(map_chunks(make, todo, workers), todo, strict=True):
        finished += len(work.entries)
        if estimate and work is todo[0]:
            each = outcome.seconds / len(work.entries)
            estimate(each * (total - finished) / min(workers, len(todo)))
        for i, why in outcome.broken.items():
            done.broken.setdefault(entries[i].method.name, why)
        if progress:
            progress(finished, total)


def _picklable(entries: Sequence[Entry]) -> bool:
    try:
        pickle.loads(pickle.dumps(entries))
    except (Exception, SystemExit):  # anything may go wrong in an outsider's __reduce__
        return False
    return True


def _finish(entry: Entry, batches: int, fit_seconds: float, workers: int) -> Result:
    """Write a method's result from its finished batches.

    Raises:
        BadInput: a batch cannot be read, or all of them together do not fit the result; names the file or folder.
    """
    parts = [worker.read_part(entry.part(number)) for number in range(batches)]
    scores = pd.concat([part.rows for part in parts], ignore_index=True)
    check_scores(scores, entry.result, f"the finished batches of '{entry.method.name}' in {entry.parts}", BadInput)
    sizes = sorted({part.resized_from for part in parts if part.resized_from})
    result = replace(
        entry.result,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=describe_machine(workers),
        times={
            "method": round(float(np.sum([part.seconds for part in parts])), 3),
            "fit": round(fit_seconds, 3),
        },
        notes=[f"returned {width} x {height}, resized to the protocol's resolution" for height, width in sizes],
    )
    worker.publish_pictures(entry)
    write_result(result, scores, entry.folder)
    return result
