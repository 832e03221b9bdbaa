"""What the entries and the scores of a result must look like, checked on writing and on reading."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from occset.benchmark.tasks.definition import BenchTask
from occset.benchmark.tasks.registry import task_named
from occset.support.errors import BadInput, OccsetError

if TYPE_CHECKING:
    from occset.benchmark.results.result import Result

KEYS = ("sample", "face", "type")
"""Columns of the scores that are not metrics: sample id, face id, type of sample."""

_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "bool": (bool,),
    "int | None": (int, type(None)),
    "str | None": (str, type(None)),
    "dict[str, str] | None": (dict, type(None)),
    "dict[str, Any]": (dict,),
    "dict[str, dict[str, str]]": (dict,),
    "dict[str, float]": (dict,),
    "list[str]": (list,),
}

_OF_ELEMENTS: dict[str, tuple[type, ...]] = {
    "dict[str, dict[str, str]]": (dict,),
    "dict[str, str] | None": (str,),
    "dict[str, float]": (int, float),
    "list[str]": (str,),
}

_ARCFACE = ("file", "name")

_TRAINED: dict[str, tuple[type, ...]] = {
    "on": (str,),
    "unranked": (str,),
    **dict.fromkeys(("parameters", "macs", "samples", "seconds", "processor"), (int, float)),
}


def check_types(found: Mapping[str, Any], kinds: Mapping[str, str], where: str, remedy: str) -> None:
    """Hold the entries of a result's JSON against their types.

    Args:
        found: entries by name.
        kinds: the types they must have, as `Result` writes them; those that `found` lacks are passed over.
        where: the file, for messages.
        remedy: what to do, for messages.

    Raises:
        BadInput: an entry is of another type, one of its elements is, or ``arcface`` does not say which file.
    """
    for name in kinds.keys() & found.keys():
        kind, value = kinds[name], found[name]
        if not _is(value, _TYPES[kind]):
            raise BadInput(f"{where}: {name} must be {kind}, not {value!r}: {remedy}")
        elements = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for element in elements if kind in _OF_ELEMENTS else ():
            if not _is(element, _OF_ELEMENTS[kind]):
                raise BadInput(f"{where}: {name} must be {kind}, but holds {element!r}: {remedy}")
    for key, judge in found.get("judges", {}).items():
        if not (set(judge) == {"missing"} or set(_ARCFACE) <= set(judge)) or not all(
            _is(v, (str,)) for v in judge.values()
        ):
            raise BadInput(f"{where}: judges.{key} must hold a file and its name, or why it is missing: {remedy}")
    for key, stated in found.get("trained", {}).items():
        if key not in _TRAINED or not _is(stated, _TRAINED[key]):
            raise BadInput(f"{where}: trained.{key} is {stated!r}: it holds {', '.join(_TRAINED)}: {remedy}")
    lacking = [key for key in _ARCFACE if found["arcface"] is not None and key not in found["arcface"]]
    if lacking:
        raise BadInput(f"{where}: arcface lacks {' and '.join(lacking)}: {remedy}")


def _is(value: Any, types: tuple[type, ...]) -> bool:
    # a bool is an int to isinstance, but not to whoever wrote the file
    return isinstance(value, types) and (bool in types or not isinstance(value, bool))


def check_scores(
    scores: pd.DataFrame, result: Result, where: str, error: type[OccsetError], remedy: str = "run the bench again"
) -> None:
    """Hold all scores of a result against what it promises.

    Args:
        scores: one row a sample.
        result: whose they are.
        where: the file, for messages.
        error: what to raise.
        remedy: what to do about samples that are missing, for the message.

    Raises:
        OccsetError: rows or columns that do not fit the result, or a value that is not finite; names it.
    """
    if (result.arcface is None) == (result.id_missing is None):
        raise error(f"{where}: a result has either arcface or a reason in id_missing, not both or neither")
    check_rows(scores, result, task_named(result.task), where, error)
    if len(scores) != result.samples or scores["sample"].duplicated().any():
        raise error(
            f"{where}: {scores['sample'].nunique()} samples in {len(scores)} rows, but {result.samples} were promised: "
            f"{remedy}"
        )


def check_rows(rows: pd.DataFrame, result: Result, task: BenchTask, where: str, error: type[OccsetError]) -> None:
    """Hold some rows of a result's scores against the columns of its metric version.

    Of a version that this occset does not know, any columns will do, beside those that say what was scored. Optional ones
    may hold NaN.

    Raises:
        OccsetError: a column is missing or not known, or a value is not finite; names column and sample.
    """
    found = list(rows.columns)
    columns = task.columns.get(result.metric_version)
    judged = {
        column: bool(result.judge(kind.key))
        for kind in task.judges
        for column in (kind.columns if columns is None else task.judge_columns(kind, result.metric_version))
        if columns is not None or column in found
    }
    if columns is None:
        columns = tuple(key for key in found if key not in (*KEYS, *judged))
    metrics = [*columns, *(column for column, there in judged.items() if there)]
    _check_columns(found, [*KEYS, *metrics], {*columns, *task.metrics, *judged}, where, error)
    for key in metrics:
        fits = _may_be_missing if key in task.optional else math.isfinite
        bad = ~rows[key].map(lambda value, fits=fits: isinstance(value, numbers.Real) and fits(value)).astype(bool)
        if bad.any():
            raise error(f"{where}: {key} of sample '{rows['sample'][bad].iloc[0]}' is not finite: score it again")


def _may_be_missing(value: float) -> bool:
    return math.isfinite(value) or math.isnan(value)


def _check_columns(
    found: Sequence[str], needed: Sequence[str], metrics: set[str], where: str, error: type[OccsetError]
) -> None:
    missing, unknown = [k for k in needed if k not in found], [k for k in found if k not in {*KEYS, *metrics}]
    extra = [k for k in found if k in metrics and k not in needed]
    for what, names in (("lacks", missing), ("has an unknown column", unknown), ("should not have", extra)):
        if names:
            raise error(f"{where}: {what} {', '.join(names)}; write the columns of its metric version")
