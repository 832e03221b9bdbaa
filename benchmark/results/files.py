"""A result: one JSON and one per-image Parquet for each protocol x method x revision.

Layout of a results folder, any depth of folders above the files:

    <stem>.result.json           what was run, on what, with what, when; the hash of the Parquet
    <stem>.scores.parquet        one row a sample: sample, face, type, then a column for each metric
    <stem>.pictures/             what was made of a few samples, <sample>.png at the protocol's resolution
    <shared stem>.pictures/      {input,truth,...}/<sample>.png of the same samples, common to all methods

What is made and what is common is the task's to say; "input" and "truth" are always among the latter.

The JSON is written last and taken away first, so a process killed at any moment leaves a whole result or none.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd

from occset.benchmark.results.checks import check_scores, check_types
from occset.benchmark.results.result import JSON_SUFFIX, SCHEMA_VERSION, Result
from occset.benchmark.tasks.registry import OF_OLD_FILES, TASKS
from occset.support.errors import BadInput, OccsetError
from occset.support.files import write_atomic
from occset.support.parquet_files import read_frame
from occset.support.reading import read_file, read_json

SCORES_SUFFIX = ".scores.parquet"


def write_result(result: Result, scores: pd.DataFrame, folder: Path) -> Path:
    """Write a result and its per-image scores; an older result of the same stem is replaced.

    Args:
        result: what was run; its `scores_sha256` and `path` are filled in.
        scores: one row a sample: `sample`, `face`, `type`, every column of the task, and those of each judge
            that the result names.
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
        ("lacks", known.keys() - {"notes", "task", "judges", "trained"} - found.keys()),
        ("has an unknown entry", found.keys() - known.keys()),
    ):
        if names:
            raise BadInput(f"{path}: {what} {', '.join(sorted(names))}: {remedy}")
    check_types(found, known, str(path), remedy)
    if found.get("task", OF_OLD_FILES) not in TASKS:
        raise BadInput(f"{path}: its task is '{found['task']}', this occset knows {', '.join(TASKS)}: upgrade occset")
    return Result(**found, path=path)


def load_results(folder: Path, broken: dict[Path, str] | None = None) -> list[Result]:
    """All results below a folder, sorted by path.

    Args:
        folder: searched in depth.
        broken: takes the files that cannot be used, scores included, and why; None refuses them all.

    Raises:
        BadInput: there is no such folder, it holds no result, or one cannot be read and nobody takes it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BadInput(f"{folder}: there is no such folder: run  occset bench  first or name another folder")
    results, paths = [], sorted(folder.rglob(f"*{JSON_SUFFIX}"))
    if not paths:
        raise BadInput(f"{folder}: holds no result (*{JSON_SUFFIX}): run  occset bench  first or name another folder")
    for path in paths:
        try:
            result = read_result(path)
            if broken is not None:
                _ = result.scores  # what is wrong with them is told now
            results.append(result)
        except BadInput as error:
            if broken is None:
                raise
            broken[path] = str(error)
    return results


def _as_dict(result: Result) -> dict[str, Any]:
    left_out = {"path"}  # and what older files do not have, so that they stay as they were
    left_out |= {"task"} if result.task == OF_OLD_FILES else set()
    left_out |= {name for name in ("judges", "trained") if not getattr(result, name)}
    return {f.name: getattr(result, f.name) for f in dataclasses.fields(result) if f.name not in left_out}


def _scores_path(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(JSON_SUFFIX) + SCORES_SUFFIX)


def read_scores(result: Result, path: Path) -> pd.DataFrame:
    """The scores beside a result's JSON, held against what it promises.

    Raises:
        BadInput: the Parquet is missing, is not the one the JSON was written with, or lacks columns.
    """
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
