"""The cells of a table: which figures its results have, with their intervals and ranks."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from occset.benchmark.results.result import Result
from occset.benchmark.statistics import Interval, Rank, mean_interval, mean_intervals, ranks
from occset.benchmark.tasks.definition import BenchTask
from occset.benchmark.tasks.metric import Metric
from occset.benchmark.tasks.registry import task_named

NEVER_RANKED = "nobody is ranked by it"


@dataclass(frozen=True)
class Cell:
    """A mean with its 95 % interval and rank; `mean` is None where `reason` says why there is no figure."""

    mean: float | None
    low: float | None
    high: float | None
    rank: int | None
    reason: str = ""


def metrics_of(result: Result) -> dict[str, Metric]:
    """The figures that a result has, by the columns of its metric version; as they are where the version is not known."""
    task = task_named(result.task)
    if result.metric_version in task.columns:
        return task.metrics_in(result.metric_version)
    silent = [column for kind in task.judges if not result.judge(kind.key) for column in kind.columns]
    found = task.metrics_among([*result.scores.columns, *silent])
    return found if any(task.judge_of(metric) is None for metric in found.values()) else {}


def common_file(results: list[Result], key: str) -> str | None:
    """Hash of the file that a judge had in most results; what it says by another file cannot stand beside that."""
    used = Counter(judge["file"] for judge in (result.judge(key) for result in results) if judge)
    return min(used, key=lambda f: (-used[f], f)) if used else None


def cells_of(
    results: list[Result],
    faces: pd.Series,
    task: BenchTask,
    files: dict[str, str | None],
    metrics: dict[str, Metric],
) -> list[dict[str, Cell]]:
    """For each result its cell of each metric over the samples that index `faces`."""
    found: list[dict[str, Cell]] = [{} for _ in results]
    scores = [scores_of(result, faces.index) for result in results]
    for metric in metrics.values():
        values = [values_of(*one, metric, task, files) for one in zip(results, scores, strict=True)]
        scored = _can_be_scored(values, faces) if metric.key in task.optional else faces
        ranked = {
            str(at): column
            for at, (result, column) in enumerate(zip(results, values, strict=True))
            if isinstance(column, pd.DataFrame) and not result.unranked and metric.ranked
        }
        by_row = ranks(
            {at: column["value"] for at, column in ranked.items()},
            scored,
            higher_is_better=metric.higher_is_better,
            weights=None if metric.ratio is None else {at: column["weight"] for at, column in ranked.items()},
        )
        for at, (column, interval) in enumerate(zip(values, _intervals(values, scored), strict=True)):
            why = results[at].unranked or ("" if metric.ranked else NEVER_RANKED)
            found[at][metric.key] = _cell(column, interval, by_row.get(str(at)), why)
    return found


def _can_be_scored(values: list[pd.DataFrame | str], faces: pd.Series) -> pd.Series:
    """The samples, of those that index `faces`, for which anybody has a value: others have nothing to be held against."""
    known = [column.index for column in values if isinstance(column, pd.DataFrame)]
    return faces[faces.index.isin(pd.Index([]).append(known))]


def _intervals(columns: list[pd.DataFrame | str], faces: pd.Series) -> list[Interval | None]:
    """The interval of each column that has values; columns with every sample share one computation."""
    found: list[Interval | None] = [None] * len(columns)
    whole: dict[int, pd.DataFrame] = {}
    for at, column in enumerate(columns):
        if isinstance(column, str) or column.empty:
            continue
        if len(column) == len(faces):
            whole[at] = column.loc[faces.index]
        else:
            found[at] = mean_interval(column["value"], faces.loc[column.index], weights=column.get("weight"))
    if whole:
        values, weights = (
            [column[what].to_numpy() for column in whole.values() if what in column] for what in ("value", "weight")
        )
        below = np.stack(weights, axis=1) if weights else None
        intervals = mean_intervals(np.stack(values, axis=1), faces, weights=below)
        found = [dict(zip(whole, intervals, strict=True)).get(at, one) for at, one in enumerate(found)]
    return found


def scores_of(result: Result, samples: pd.Index) -> pd.DataFrame:
    """All scores of those of the samples that a result has, indexed by sample, for `values_of`."""
    scores = result.scores.set_index("sample")
    return scores[scores.index.isin(samples)]


def values_of(
    result: Result, scores: pd.DataFrame, metric: Metric, task: BenchTask, files: dict[str, str | None]
) -> pd.DataFrame | str:
    """`value` and, of a pooled figure, `weight` of the samples that are scored, or why there are none."""
    kind = task.judge_of(metric)
    if kind is not None:
        judge = result.judge(kind.key)
        if judge is None:
            return result.why_no(kind.key)
        if judge["file"] != files[kind.key]:
            return f"scored with another {kind.network} file ({judge['file'][:12]}) than the rest of the table"
    if metric.key in task.optional:
        scores = scores.dropna(subset=[metric.key])
        if scores.empty:
            return task.optional[metric.key]
    columns = {"value": metric.values(scores), "weight": metric.weights(scores)}
    return pd.DataFrame({what: column for what, column in columns.items() if column is not None})


def _cell(column: pd.DataFrame | str, interval: Interval | None, rank: Rank | None, unranked: str) -> Cell:
    if interval is None:
        return Cell(None, None, None, None, column if isinstance(column, str) else "none of these samples is scored")
    known = not math.isnan(interval.low)  # NaN where a single face leaves the interval unknown
    low, high = (interval.low, interval.high) if known else (None, None)
    if rank is None:
        return Cell(interval.mean, low, high, None, unranked)
    return Cell(interval.mean, low, high, rank.rank, rank.reason)
