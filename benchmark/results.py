"""A result: one JSON and one per-image Parquet for each protocol x method x revision.

Layout of a results folder, any depth of folders above the files:

    <stem>.result.json           what was run, on what, with what, when; the hash of the Parquet
    <stem>.scores.parquet        one row a sample: sample, face, type, then a column for each metric
    <stem>.pictures/             what was made of a few samples, <sample>.png at the protocol's resolution
    <shared stem>.pictures/      {input,truth,hole}/<sample>.png of the same samples, common to all methods

Of de-occlusion these are composites; of segmentation the input with all that is not called face darkened, and no hole.

The JSON is written last and taken away first, so a process killed at any moment leaves a whole result or none.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from occset.benchmark.metrics import METRIC_VERSION
from occset.benchmark.result_checks import check_scores, check_types
from occset.benchmark.tasks import DEOCCLUSION, TASKS
from occset.support.errors import BadInput, OccsetError
from occset.support.files import write_atomic
from occset.support.parquet_files import read_frame
from occset.support.reading import read_file, read_json

SCHEMA_VERSION = 1
JSON_SUFFIX, SCORES_SUFFIX = ".result.json", ".scores.parquet"

Picture = Literal["composite", "input", "truth", "hole"]


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
        machine: what it ran on (free keys; see `occset.benchmark.machine`).
        times: seconds by stage (free keys).
        weights_hash: sha256 of the method's weights; None = has none.
        arcface: {"file": sha256, "name": ...} of the model behind the `id` column, or None.
        id_missing: why there is no `id` column; None where there is one.
        citations: what to cite for the method.
        notes: what a reader should know of the run, such as "returned 128 x 128, resized to the protocol's resolution".
        metric_version: of the conventions.
        schema_version: of this file.
        scores_sha256: of the Parquet; filled in when written.
        task: what was done, a name of `occset.benchmark.tasks.TASKS`; files of de-occlusion do not hold it.
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
    metric_version: int = METRIC_VERSION
    schema_version: int = SCHEMA_VERSION
    scores_sha256: str = ""
    task: str = DEOCCLUSION
    path: Path | None = field(default=None, compare=False, repr=False)

    @property
    def automatic(self) -> bool:
        """Whether the method saw nothing but the occluded picture; not known, so False, of pictures made elsewhere."""
        return not self.given

    @property
    def mark(self) -> str:
        """What a reader must know of it: "control", "given the true mask", "made elsewhere" or "automatic"."""
        if self.control:
            return "control"
        if "mask" in self.given:
            return "given the true mask"
        if self.task != DEOCCLUSION and "face" in self.given:
            return "given the data set's own mask"
        if self.automatic:
            return "automatic"
        # stored predictions ask for sample ids; what their maker saw cannot be known here
        return "made elsewhere" if self.given == ["ids"] else f"given {', '.join(self.given)}"

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
            self._scores = _read_scores(self, self.path)
        return self._scores


def write_result(result: Result, scores: pd.DataFrame, folder: Path) -> Path:
    """Write a result and its per-image scores; an older result of the same stem is replaced.

    Args:
        result: what was run; its `scores_sha256` and `path` are filled in.
        scores: one row a sample: `sample`, `face`, `type`, every column of the task, and `id` exactly if
            `result.arcface` is set.
        folder: made if absent.

    Returns:
        Path of the JSON.

    Raises:
        OccsetError: rows or columns that do not fit the result, or a value that is not finite; names it.
    """
    check_scores(scores, result, f"the scores of '{result.method}'", OccsetError)
    path = Path(folder) / f"{result.stem}{JSON_SUFFIX}"
    buffer = io.BytesIO()
    scores.reset_index(drop=True).to_parquet(buffer, index=False)
    result.scores_sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
    result.path = path
    text = json.dumps(_as_dict(result), indent=2, ensure_ascii=False, allow_nan=False)
    path.unlink(missing_ok=True)
    write_atomic(_scores_path(path), buffer.getvalue())
    write_atomic(path, (text + "\n").encode())
    result._scores = scores.reset_index(drop=True).copy()  # type: ignore[attr-defined]
    return path


def read_result(path: Path) -> Result:
    """Read the JSON of a result strictly; the scores are read when asked for.

    Raises:
        BadInput: not JSON, another schema, or a missing, unknown or mistyped entry; names file, entry and remedy.
    """
    path = Path(path)
    remedy = "delete it and run the bench again"
    try:
        found = read_json(path, whole_characters=True)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}): check that it exists and may be read") from error
    except ValueError as error:
        raise BadInput(f"{path}: is not valid JSON ({error}): {remedy}") from error
    if not isinstance(found, dict) or "schema_version" not in found:
        raise BadInput(f"{path}: is not a result file: {remedy}")
    if found["schema_version"] != SCHEMA_VERSION:
        raise BadInput(
            f"{path}: has schema version {found['schema_version']}, this occset reads {SCHEMA_VERSION}: "
            "use the occset that wrote it or run the bench again"
        )
    # these came later than the rest, and are not asked of files that were written before
    known = {f.name: str(f.type) for f in dataclasses.fields(Result) if f.name != "path"}
    for what, names in (
        ("lacks", known.keys() - {"notes", "task"} - found.keys()),
        ("has an unknown entry", found.keys() - known.keys()),
    ):
        if names:
            raise BadInput(f"{path}: {what} {', '.join(sorted(names))}: {remedy}")
    check_types(found, known, str(path), remedy)
    if found.get("task", DEOCCLUSION) not in TASKS:
        raise BadInput(f"{path}: its task is '{found['task']}', this occset knows {', '.join(TASKS)}: upgrade occset")
    return Result(**found, path=path)


def load_results(folder: Path) -> list[Result]:
    """All results below a folder, sorted by path.

    Raises:
        BadInput: there is no such folder, it holds no result, or one cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BadInput(f"{folder}: there is no such folder: run  occset bench  first or name another folder")
    results = [read_result(path) for path in sorted(folder.rglob(f"*{JSON_SUFFIX}"))]
    if not results:
        raise BadInput(f"{folder}: holds no result (*{JSON_SUFFIX}): run  occset bench  first or name another folder")
    return results


def picture_path(folder: Path, result: Result, sample: str, what: Picture = "composite") -> Path:
    """Where a picture of a sample lies.

    Args:
        folder: the folder of the result's JSON.
        result: whose protocol (and, for "composite", method) it belongs to.
        sample: sample id.
        what: "composite" (what the method made), or "input", "truth", "hole" (shared by all methods).
    """
    name = f"{safe_name(sample)}.png"
    if what == "composite":
        return Path(folder) / f"{result.stem}.pictures" / name
    return Path(folder) / f"{result.shared_stem}.pictures" / what / name


def safe_name(name: str) -> str:
    """A file name part for any text: what is not a letter, digit, dot, underscore or hyphen becomes a hyphen.

    A name that had to be changed gets a short hash, so that different names stay different.
    """
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:48].strip("-.")
    return slug if slug and slug == name else f"{slug or 'x'}-{_short_hash(name, 6)}"


def _short_hash(what: Any, length: int = 10) -> str:
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:length]


def _as_dict(result: Result) -> dict[str, Any]:
    left_out = ("path", "task") if result.task == DEOCCLUSION else ("path",)  # files of de-occlusion stay as they were
    return {f.name: getattr(result, f.name) for f in dataclasses.fields(result) if f.name not in left_out}


def _scores_path(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(JSON_SUFFIX) + SCORES_SUFFIX)


def _read_scores(result: Result, path: Path) -> pd.DataFrame:
    file = _scores_path(path)
    remedy = f"delete {path.name} beside it and run the bench again"
    try:
        data = read_file(file)
    except OSError as error:
        raise BadInput(f"{file}: cannot be read ({error.strerror}): {remedy}") from error
    if hashlib.sha256(data).hexdigest() != result.scores_sha256:
        raise BadInput(f"{file}: is not the file that the result was written with: {remedy}")
    scores = read_frame(file, data, remedy)
    check_scores(scores, result, str(file), BadInput, remedy)
    return scores
