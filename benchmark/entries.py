"""Which result a method would get: its names, hashes and revision, and whether that very result is there already."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from occset import __version__
from occset.benchmark import methods, scoring
from occset.benchmark.methods.protocols import Deoccluder, Learns, Segmenter
from occset.benchmark.methods.registry import is_control, is_ours, is_told_the_face, open_method, refuse_unfit
from occset.benchmark.protocols import Protocol, data_hash
from occset.benchmark.results import Result, read_result
from occset.benchmark.scoring import Entry
from occset.benchmark.sources import source_hash
from occset.benchmark.tasks import DEOCCLUSION, TASKS
from occset.benchmark.training_faces import TrainSplit
from occset.dataset.occlusion_set import OcclusionSet
from occset.models.arcface import ArcFaceFile
from occset.support.errors import OccsetError

METHODS = Path(methods.__file__).parent
"""Folder of the sources of the built-in methods."""

Opened = tuple[str, Deoccluder | Segmenter]
"""What a user typed, and the method it names."""


def open_all(specs: Sequence[str | Opened], task: str = DEOCCLUSION) -> list[Opened]:
    """Open methods, each once.

    Args:
        specs: as `occset.benchmark.methods.registry.open_method` takes them, or methods opened already.
        task: what they are to do.

    Raises:
        OccsetError: a method cannot be opened, asks for what only the built-in controls are given, or two share a name.
    """
    opened: list[Opened] = []
    for spec in specs:
        if isinstance(spec, str) and spec in [said for said, _ in opened]:
            continue
        said, method = (spec, open_method(spec, task)) if isinstance(spec, str) else spec
        if not (is_control(said, method) or is_told_the_face(said, method)):
            refuse_unfit(method, said, task)
        twin = next((other for other, known in opened if known.name == method.name), None)
        if twin is not None:
            raise OccsetError(
                f"two methods are both called '{method.name}', {twin} and {said}: give one of them another `name`"
            )
        opened.append((said, method))
    return opened


def result_head(
    data: OcclusionSet, protocol: Protocol, limit: int | None, arcface: ArcFaceFile | None, id_missing: str | None
) -> Result:
    """What all results of a run share; the method's part is still blank.

    Args:
        data: the set.
        protocol: of this set.
        limit: number of samples; all when None or when there are no more.
        arcface: the identity network, or None.
        id_missing: why there is none.
    """
    task = TASKS[protocol.rule.task]
    if not task.identity:
        arcface, id_missing = None, "masks show nobody"
    limit = None if limit is None or limit >= len(protocol.recipes) else limit
    return Result(
        data=data.head["name"],
        data_version=data.head["version"],
        data_hash=data_hash(data, protocol.recipes),
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
        arcface=None if arcface is None else {"file": arcface.sha256, "name": arcface.path.name},
        id_missing=None if arcface else id_missing or "no ArcFace file was given",
        metric_version=task.metric_version,
        task=task.name,
    )


def make_entry(opened: Opened, head: Result, train: TrainSplit, out: Path) -> Entry:
    """The result that a method would get, not yet computed."""
    spec, method = opened
    result = replace(
        head,
        method=method.name,
        method_reference=_reference(spec),
        revision=_revision(spec, method, train),
        given=list(method.given),
        control=is_control(spec, method),
        seed=_seed(method),
        weights_hash=weights_of(method),
        citations=[str(line) for line in getattr(method, "citations", [])],
    )
    return Entry(method, result, out, scoring.BATCH)


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
    told_apart = ("samples", "arcface", "given", "control", "seed", "method_reference")
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
    """What makes this method differ from an earlier one of its name: version, source, or what it was trained on."""
    stated = getattr(method, "revision", None)
    ours = f"{__version__}+{_hash_of_sources(METHODS)}" if is_ours(spec) else ""
    parts = [ours or (str(stated) if stated else source_hash(method, spec))]
    if isinstance(method, Learns):
        parts.append(f"train-{train.fingerprint[:8]}")
    return "+".join(parts)


@cache
def _hash_of_sources(folder: Path) -> str:
    """Short hash of the modules in a folder, read once: methods share code, so an edit to any of them counts for all."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        source = path.read_bytes()
        digest.update(f"{path.name} {len(source)}\n".encode() + source)
    return digest.hexdigest()[:8]


def _seed(method: Any) -> int | None:
    stated = getattr(method, "seed", None)
    return stated if isinstance(stated, int) and not isinstance(stated, bool) else None
