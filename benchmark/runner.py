"""The bench: runs methods on a protocol, batch by batch, resumable, and writes one result each."""

from __future__ import annotations

import hashlib
import inspect
import pickle
import platform
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

from occset import __version__
from occset.benchmark import scoring
from occset.benchmark.methods.protocols import Deoccluder, Learns
from occset.benchmark.methods.registry import BUILTIN, open_method
from occset.benchmark.protocols import Protocol, data_hash
from occset.benchmark.results import Result, read_result, write_result
from occset.benchmark.scoring import Entry, Outcome, Scorer, Task
from occset.benchmark.training_faces import TrainSplit
from occset.dataset import OcclusionSet
from occset.errors import BrokenMethod, OccsetError
from occset.files import clean_leftovers
from occset.models.arcface import ArcFaceFile
from occset.pool import default_workers, map_chunks

BATCH = 16
SEED = 0


@dataclass
class Run:
    """What a bench run did.

    Attributes:
        results: one for each method that has every sample, in the order asked for.
        reused: names of those whose result was there already.
        broken: why the others have none, by name.
        notes: what the user should know, such as predictions that had to be resized.
    """

    results: list[Result] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def run(
    data: OcclusionSet,
    protocol: Protocol,
    specs: Sequence[str],
    out: Path,
    *,
    limit: int | None = None,
    arcface: ArcFaceFile | None = None,
    id_missing: str | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Run:
    """Run methods on the first ``limit`` samples of a protocol.

    Args:
        data: the set.
        protocol: of this set.
        specs: methods as `occset.benchmark.methods.registry.open_method` takes them.
        out: folder of the results.
        limit: number of samples; all when None.
        arcface: the identity network, or None.
        id_missing: why there is none.
        workers: processes.
        progress: called with (done, all), counted in batches x methods.

    Returns:
        Results, and what went wrong with whom. A method that breaks does not stop the others.

    Raises:
        OccsetError: a method cannot be opened, or the set lacks what the protocol names.
    """
    recipes = protocol.recipes[:limit]
    limit = None if limit is None or limit >= len(protocol.recipes) else limit
    opened = [(spec, open_method(spec)) for spec in dict.fromkeys(specs)]
    clash = [m.name for i, (_, m) in enumerate(opened) if m.name in [n.name for _, n in opened[:i]]]
    if clash:
        raise OccsetError(f"two methods are both called '{clash[0]}': give one of them another `name`")
    train = TrainSplit(data, protocol.rule.size)
    head = _head(data, protocol, recipes, limit, arcface, id_missing)
    entries = [_entry(spec, method, head, train, out) for spec, method in opened]
    done = Run()
    results = {e.method.name: r for e in entries if (r := _finished(e)) is not None}
    done.reused = list(results)
    open_entries = [e for e in entries if e.method.name not in results]
    clean_leftovers(out)
    fit_seconds = _fit(open_entries, train, done)
    open_entries = [e for e in open_entries if e.method.name not in done.broken]
    batches = [recipes[i : i + BATCH] for i in range(0, len(recipes), BATCH)]
    _work(data, open_entries, batches, arcface, workers or default_workers(), done, progress)
    for entry in open_entries:
        if entry.method.name not in done.broken:
            results[entry.method.name] = _finish(entry, len(batches), fit_seconds, workers or default_workers())
    done.results = [results[m.name] for _, m in opened if m.name in results]
    for entry in entries:
        if entry.method.name in results:
            shutil.rmtree(entry.parts, ignore_errors=True)  # of a run that was killed just before it tidied up
    if (out / ".parts").is_dir() and not any((out / ".parts").iterdir()):
        (out / ".parts").rmdir()
    return done


def _head(
    data: OcclusionSet,
    protocol: Protocol,
    recipes: Sequence[Any],
    limit: int | None,
    arcface: ArcFaceFile | None,
    id_missing: str | None,
) -> Result:
    """What all results of a run share; the method's part is still blank."""
    return Result(
        data=data.head["name"],
        data_version=data.head["version"],
        data_hash=data_hash(data, protocol.recipes),
        protocol=protocol.rule.name,
        protocol_hash=protocol.hash,
        resolution=protocol.rule.size,
        limit=limit,
        samples=len(recipes),
        method="",
        method_reference="",
        revision="",
        given=[],
        control=False,
        code_version=__version__,
        seed=SEED,
        created="",
        arcface=None if arcface is None else {"file": arcface.sha256, "name": arcface.path.name},
        id_missing=None if arcface else id_missing or "no ArcFace file was given",
    )


def _entry(spec: str, method: Deoccluder, head: Result, train: TrainSplit, out: Path) -> Entry:
    result = replace(
        head,
        method=method.name,
        method_reference=_reference(spec),
        revision=_revision(spec, method, train),
        given=[what for what in method.given if what != "ids"],
        control=bool(getattr(method, "control", False)),
        weights_hash=getattr(method, "weights_hash", None),
        citations=list(getattr(method, "citations", [])),
    )
    # what is unfinished belongs to one ArcFace file too, or a resumed run would mix two
    key = hashlib.sha256(repr((result.stem, result.arcface, result.weights_hash)).encode()).hexdigest()[:12]
    return Entry(method, result, out / ".parts" / f"{result.stem}-{key}", out)


def _reference(spec: str) -> str:
    """How the method was named, without the folders of this machine."""
    kind, colon, rest = spec.partition(":")
    return f"{kind}:{Path(rest).name}" if colon and kind in ("onnx", "predictions") else spec


def _revision(spec: str, method: Deoccluder, train: TrainSplit) -> str:
    """What makes this method differ from an earlier one of its name: version, source, or what it was trained on."""
    stated = getattr(method, "revision", None)
    parts = [str(stated) if stated else __version__ if spec in BUILTIN else _source_hash(method)]
    if isinstance(method, Learns):
        parts.append(f"train-{train.fingerprint[:8]}")
    return "+".join(parts)


def _source_hash(method: Deoccluder) -> str:
    try:
        source = Path(inspect.getfile(type(method))).read_bytes()
    except (TypeError, OSError):
        return "unknown"
    return "source-" + hashlib.sha256(source).hexdigest()[:10]


def _finished(entry: Entry) -> Result | None:
    """The result that is there already, if it was made from the same things."""
    path = entry.folder / f"{entry.result.stem}.result.json"
    if not path.exists():
        return None
    found, asked = read_result(path), entry.result
    same = (found.samples, found.arcface, found.seed) == (asked.samples, asked.arcface, asked.seed)
    learns = isinstance(entry.method, Learns)  # its weights come of the train split, which its revision names
    return found if same and (learns or found.weights_hash == asked.weights_hash) else None


def _fit(entries: Sequence[Entry], train: TrainSplit, done: Run) -> dict[str, float]:
    seconds = {}
    for entry in entries:
        if isinstance(entry.method, Learns):
            started = time.perf_counter()
            try:
                entry.method.fit(train)
            except BrokenMethod as error:
                done.broken[entry.method.name] = str(error)
            except OccsetError:
                raise
            except Exception as error:  # an outsider's code may fail in any way
                done.broken[entry.method.name] = f"{entry.method.name} raised {type(error).__name__} in fit: {error}"
            entry.result.weights_hash = getattr(entry.method, "weights_hash", None)
            seconds[entry.method.name] = time.perf_counter() - started
    return seconds


def _work(
    data: OcclusionSet,
    entries: list[Entry],
    batches: list[Any],
    arcface: ArcFaceFile | None,
    workers: int,
    done: Run,
    progress: Callable[[int, int], None] | None,
) -> None:
    def lacks(entry: Entry, number: int) -> bool:
        return not (entry.parts / f"{number:06d}.parquet").exists()

    tasks = [
        Task(number, recipes, tuple(i for i, e in enumerate(entries) if lacks(e, number)))
        for number, recipes in enumerate(batches)
    ]
    total = len(entries) * len(batches)
    finished = total - sum(len(t.entries) for t in tasks)
    tasks = [t for t in tasks if t.entries]
    make = partial(Scorer, data, entries, arcface)
    if workers > 1 and not _picklable(entries):
        done.notes.append("a method cannot be sent to other processes: everything ran in one")
        workers = 1
    if progress:
        progress(finished, total)
    outcome: Outcome
    for outcome, task in zip(map_chunks(make, tasks, workers), tasks, strict=True):
        finished += len(task.entries)
        for i, why in outcome.broken.items():
            done.broken.setdefault(entries[i].method.name, why)
        for i, size in outcome.resized.items():
            note = f"{entries[i].method.name} returned {size[1]} x {size[0]}, resized to the protocol's resolution"
            if note not in done.notes:
                done.notes.append(note)
        if progress:
            progress(finished, total)


def _picklable(entries: Sequence[Entry]) -> bool:
    try:
        pickle.dumps(entries)
    except Exception:  # anything may go wrong in an outsider's __reduce__
        return False
    return True


def _finish(entry: Entry, batches: int, fit_seconds: dict[str, float], workers: int) -> Result:
    parts = [scoring.read_part(entry.parts / f"{number:06d}.parquet") for number in range(batches)]
    scores = pd.concat([frame for frame, _ in parts], ignore_index=True)
    result = replace(
        entry.result,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=_machine(workers),
        times={
            "method": round(float(np.sum([seconds for _, seconds in parts])), 3),
            "fit": round(fit_seconds.get(entry.method.name, 0.0), 3),
        },
    )
    write_result(result, scores, entry.folder)
    return result


def _machine(workers: int) -> dict[str, Any]:
    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "workers": workers,
    }
