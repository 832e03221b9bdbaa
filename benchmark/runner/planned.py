"""The result that a method would get: its names, hashes and revision, and whether that very result is there already."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from occset import __version__
from occset.benchmark.fingerprints import fingerprint, is_ours, source_hash
from occset.benchmark.methods.interfaces import Learns
from occset.benchmark.protocols.frozen import Protocol
from occset.benchmark.protocols.hashing import data_hash
from occset.benchmark.results.files import read_result
from occset.benchmark.results.result import Result
from occset.benchmark.runner import worker
from occset.benchmark.runner.training_faces import TrainSplit
from occset.benchmark.runner.worker import Entry
from occset.benchmark.tasks.definition import BenchTask
from occset.benchmark.tasks.opening import answers_for, is_control, open_method, refuse_unfit
from occset.benchmark.tasks.registry import task_named
from occset.dataset.occlusion_set import OcclusionSet
from occset.support.errors import OccsetError
from occset.support.references import load

Opened = tuple[str, Any]
"""What a user typed, and the method it names."""

Judges = Mapping[str, Any]
"""For each judge of a task, by key: its network's file, or why there is none, or None."""


def open_all(specs: Sequence[str | Opened], task: BenchTask) -> list[Opened]:
    """Open methods, each once.

    Args:
        specs: as `occset.benchmark.tasks.opening.open_method` takes them, or methods opened already.
        task: what they are to do.

    Raises:
        OccsetError: a method cannot be opened, asks for what only the built-in controls are given, or two share a name.
    """
    opened: list[Opened] = []
    for spec in specs:
        if isinstance(spec, str) and spec in [said for said, _ in opened]:
            continue
        said, method = (spec, open_method(spec, task)) if isinstance(spec, str) else spec
        if answers_for(said, method, task) == ():
            refuse_unfit(method, said, task)
        twin = next((other for other, known in opened if known.name == method.name), None)
        if twin is not None:
            raise OccsetError(
                f"two methods are both called '{method.name}', {twin} and {said}: give one of them another `name`"
            )
        opened.append((said, method))
    return opened


def find_judges(task: BenchTask, files: Mapping[str, Path | None]) -> dict[str, Any]:
    """Look for the networks of a task's judges, as `Judges`.

    Args:
        task: whose judges.
        files: by the key of a judge, the file that a user names; others are looked for where they usually are.

    Raises:
        OccsetError: a file that is named cannot be used.
    """
    return {kind.key: load(kind.find)(files.get(kind.key)) for kind in task.judges}


def absent_controls(data: OcclusionSet, protocol: Protocol) -> dict[str, str]:
    """Controls of a protocol's task that its faces give nothing to, and why; see `Methods.needs` of a task."""
    absent: dict[str, str] = {}
    needs = task_named(protocol.rule.task).methods.needs
    for face in sorted({recipe.face for recipe in protocol.recipes}) if needs else ():
        lacking = {name for name, begin in needs.items() if name not in absent and not _holds(data, face, begin)}
        absent |= {name: f"the truth of face {face}, and maybe others', has no '{needs[name]}'" for name in lacking}
        if len(absent) == len(needs):
            break
    return absent


def _holds(data: OcclusionSet, face: str, begin: str) -> bool:
    return any(name.startswith(begin) for name in data.load_truth(face))


def result_head(data: OcclusionSet, protocol: Protocol, limit: int | None, judges: Judges) -> Result:
    """What all results of a run share; the method's part is still blank.

    Args:
        data: the set.
        protocol: of this set.
        limit: number of samples; all when None or when there are no more.
        judges: see `Judges`; those that the task does not have are passed over.
    """
    task = task_named(protocol.rule.task)
    limit = None if limit is None or limit >= len(protocol.recipes) else limit
    head = Result(
        data=data.head["name"],
        data_version=data.head["version"],
        data_hash=data_hash(data, protocol.recipes, task.samples.truth),
        protocol=protocol.rule.name,
        protocol_hash=protocol.hash,
        resolution=protocol.rule.size,
        limit=limit,
        samples=len(protocol.recipes) if limit is None else limit,
        method="",
        method_reference="",
        revision="",
        given=[],
        control=False,
        code_version=__version__,
        seed=None,
        created="",
        id_missing=task.words.no_identity,
        metric_version=task.metric_version,
        task=task.name,
    )
    for kind in task.judges:
        found = judges.get(kind.key) or kind.missing
        head.judged_by(kind.key, found if isinstance(found, str) else {"file": found.sha256, "name": found.path.name})
    return head


def make_entry(opened: Opened, head: Result, train: TrainSplit, out: Path) -> Entry:
    """The result that a method would get, not yet computed."""
    spec, method = opened
    task = task_named(head.task)
    result = replace(
        head,
        method=method.name,
        method_reference=_reference(spec),
        revision=_revision(spec, method, train),
        given=list(method.given),
        control=is_control(spec, method, task),
        seed=_seed(method),
        weights_hash=weights_of(method),
        citations=[str(line) for line in getattr(method, "citations", [])],
        trained=dict(getattr(method, "trained", {})),
    )
    return Entry(method, result, out, worker.BATCH, answers_for(spec, method, task))


def weights_of(method: Any) -> str | None:
    """The `weights_hash` that a method states, as text."""
    stated = getattr(method, "weights_hash", None)
    return None if stated is None else str(stated)


def finished(entry: Entry) -> Result | None:
    """The result that is there already, if it was made from the same things.

    Raises:
        BadInput: there is one, and it cannot be read; names file and remedy.
    """
    path = entry.folder / f"{entry.result.stem}.result.json"
    if not path.exists():
        return None
    found, asked = read_result(path), entry.result
    told_apart = ("samples", "arcface", "judges", "given", "control", "seed", "method_reference")
    same = all(getattr(found, what) == getattr(asked, what) for what in told_apart)
    learns = isinstance(entry.method, Learns)  # its weights come of the train split, which its revision names
    return found if same and (learns or found.weights_hash == asked.weights_hash) else None


def forget_parts(entry: Entry) -> None:
    """Remove the unfinished batches of this result, those of other weights or another ArcFace file included."""
    for folder in entry.parts.parent.glob(f"{entry.result.stem}-*"):
        shutil.rmtree(folder, ignore_errors=True)


def _reference(spec: str) -> str:
    """How the method was named, without the folders of this machine."""
    kind, colon, rest = spec.partition(":")
    return f"{kind}:{Path(rest).name}" if colon and kind in ("onnx", "predictions") else spec


def _revision(spec: str, method: Any, train: TrainSplit) -> str:
    """What makes this method differ from an earlier one of its name: version, source, or what it was trained on.

    What a network of ours states stands for its weights alone, so its sources count beside it; an outsider's word is taken.
    """
    stated = getattr(method, "revision", None)
    parts = [__version__, fingerprint(method)] if is_ours(method) else []
    parts += [str(stated)] if stated else []
    parts = parts or [source_hash(method, spec)]
    if isinstance(method, Learns):
        parts.append(f"train-{train.fingerprint[:8]}")
    return "+".join(parts)


def _seed(method: Any) -> int | None:
    stated = getattr(method, "seed", None)
    return stated if isinstance(stated, int) and not isinstance(stated, bool) else None
