"""What a result says: what was run, on what, with what, when; and the names of its files."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from occset.benchmark.tasks.registry import OF_OLD_FILES, task_named
from occset.support.errors import OccsetError

SCHEMA_VERSION = 1
JSON_SUFFIX = ".result.json"

MADE = "composite"
"""Which picture of a sample is a method's own; others, such as "input" and "truth", are common to all."""

_IDENTITY = "id"  # the judge whose entries have names of their own, from when there was no other


@dataclass
class Result:
    """One method on one protocol.

    Attributes:
        data: name of the dataset.
        data_version: its version.
        data_hash: hash of what the protocol's recipes are rendered from.
        protocol: name of the protocol.
        protocol_hash: hash of its recipes.
        resolution: side in pixels at which was scored.
        limit: only the first so many samples were run; None = all.
        samples: number of samples scored.
        method: the name shown in tables; may hold any characters.
        method_reference: what opens it again ("module:attr", "onnx:FILE", ...).
        revision: which version of the method.
        given: what it was given besides the picture, e.g. ["mask"]; empty = automatic; ["ids"] = made elsewhere.
        control: a built-in method of known rank, never ranked.
        code_version: version of occset.
        seed: the method's own `seed`, where it has one that is a whole number; None = it states none.
        created: time in ISO 8601, UTC.
        machine: what it ran on (free keys; see `occset.benchmark.runner.machine`).
        times: seconds by stage (free keys).
        weights_hash: sha256 of the method's weights; None = has none.
        arcface: {"file": sha256, "name": ...} of the model behind the `id` column, or None; see `judge`.
        id_missing: why there is no `id` column; None where there is one.
        citations: what to cite for the method.
        notes: what a reader should know of the run, such as "returned 128 x 128, resized to the protocol's resolution".
        metric_version: of the conventions of the task.
        schema_version: of this file.
        scores_sha256: of the Parquet; filled in when written.
        task: what was done, a name of `occset.benchmark.tasks.registry.TASKS`; files of the oldest task do not hold it.
        judges: of further judges, by key: as `arcface`, or {"missing": why there is none}; files without any do not hold it.
        trained: what the method states of its training, see `occset.benchmark.methods.interfaces`; files of methods that
            state nothing do not hold it.
        path: the JSON, where it was read or written.
    """

    data: str
    data_version: str
    data_hash: str
    protocol: str
    protocol_hash: str
    resolution: int
    limit: int | None
    samples: int
    method: str
    method_reference: str
    revision: str
    given: list[str]
    control: bool
    code_version: str
    seed: int | None
    created: str
    machine: dict[str, Any] = field(default_factory=dict)
    times: dict[str, float] = field(default_factory=dict)
    weights_hash: str | None = None
    arcface: dict[str, str] | None = None
    id_missing: str | None = None
    citations: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    metric_version: int = 1
    schema_version: int = SCHEMA_VERSION
    scores_sha256: str = ""
    task: str = OF_OLD_FILES
    judges: dict[str, dict[str, str]] = field(default_factory=dict)
    trained: dict[str, Any] = field(default_factory=dict)
    path: Path | None = field(default=None, compare=False, repr=False)

    @property
    def automatic(self) -> bool:
        """Whether the method saw nothing but the occluded picture; not known, so False, of pictures made elsewhere."""
        return not self.given

    @property
    def unranked(self) -> str:
        """Why the method has no rank; "" where it has one."""
        return "controls are not ranked" if self.control else str(self.trained.get("unranked", ""))

    @property
    def mark(self) -> str:
        """What a reader must know of it: "control", or what it was given, and why it has no rank."""
        if self.control or not self.unranked:
            return self._given
        return f"{self._given}, {self.unranked}"

    @property
    def _given(self) -> str:
        """ "control", "made elsewhere", "automatic", or what it was given."""
        if self.control:
            return "control"
        for what, words in task_named(self.task).words.marks.items():
            if what in self.given:
                return words
        if self.automatic:
            return "automatic"
        # stored predictions ask for sample ids; what their maker saw cannot be known here
        return "made elsewhere" if self.given == ["ids"] else f"given {', '.join(self.given)}"

    def judge(self, key: str) -> dict[str, str] | None:
        """{"file": sha256, "name": ...} of the network that gave a judge's columns; None where they are missing."""
        if key == _IDENTITY:
            return self.arcface
        found = self.judges.get(key)
        return found if found and "file" in found else None

    def why_no(self, key: str) -> str:
        """Why a judge's columns are missing."""
        why = self.id_missing if key == _IDENTITY else self.judges.get(key, {}).get("missing")
        return why or "no reason was recorded"

    def judged_by(self, key: str, found: dict[str, str] | str) -> None:
        """Note which network gave a judge's columns, or why none did."""
        if key == _IDENTITY:
            self.arcface, self.id_missing = (None, found) if isinstance(found, str) else (found, None)
        else:
            self.judges = {**self.judges, key: {"missing": found} if isinstance(found, str) else found}

    @property
    def stem(self) -> str:
        """File name without suffix: readable, safe for any method name, and different for whatever must not collide."""
        what = [self.data_hash, self.protocol_hash, self.resolution, self.limit, self.method, self.revision]
        key = _short_hash([*what, self.metric_version])
        return f"{safe_name(self.data)}-{safe_name(self.protocol)}-{safe_name(self.method)}-{key}"

    @property
    def shared_stem(self) -> str:
        """The same without the method, for pictures common to all methods."""
        what = [self.data_hash, self.protocol_hash, self.resolution]
        return f"{safe_name(self.data)}-{safe_name(self.protocol)}-{_short_hash(what)}"

    @property
    def scores(self) -> pd.DataFrame:
        """One row a sample: `sample`, `face`, `type` and the metric columns; read once.

        Raises:
            BadInput: the Parquet is missing, is not the one the JSON was written with, or lacks columns.
        """
        if not hasattr(self, "_scores"):
            if self.path is None:
                raise OccsetError(f"the result of '{self.method}' was never written: call write_result first")
            from occset.benchmark.results.files import read_scores

            self._scores = read_scores(self, self.path)
        return self._scores


def picture_path(folder: Path, result: Result, sample: str, what: str = MADE) -> Path:
    """Where a picture of a sample lies.

    Args:
        folder: the folder of the result's JSON.
        result: whose protocol (and, for `MADE`, method) it belongs to.
        sample: sample id.
        what: `MADE`, what the method made, or the name of one that is common to all methods.
    """
    name = f"{safe_name(sample)}.png"
    if what == MADE:
        return Path(folder) / f"{result.stem}.pictures" / name
    return Path(folder) / f"{result.shared_stem}.pictures" / what / name


def worst_folder(folder: Path) -> Path:
    """Where the pictures of worst cases lie, laid out as those in the folder of the results itself."""
    return Path(folder) / "worst"


def worst_samples(result: Result, most: int) -> list[str]:
    """Ids of at most ``most`` samples of a result by its task's headline metric, the worst first; those without it last.

    Raises:
        BadInput, OccsetError: as `Result.scores`.
    """
    from occset.benchmark.tasks.registry import task_named

    task = task_named(result.task)
    metric = task.metrics[task.headline]
    values, weights = metric.values(result.scores), metric.weights(result.scores)
    if weights is not None:
        values = values / weights.where(weights > 0)
    order = values.sort_values(ascending=metric.higher_is_better, kind="stable", na_position="last").index[:most]
    return [str(sample) for sample in result.scores.loc[order, "sample"]]


def safe_name(name: str) -> str:
    """A file name part for any text: what is not a letter, digit, dot, underscore or hyphen becomes a hyphen.

    A name that had to be changed gets a short hash, so that different names stay different.
    """
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:48].strip("-.")
    return slug if slug and slug == name else f"{slug or 'x'}-{_short_hash(name, 6)}"


def _short_hash(what: Any, length: int = 10) -> str:
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:length]
