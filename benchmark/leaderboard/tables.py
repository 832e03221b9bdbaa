"""Results to tables: what may stand side by side, means with intervals, ranks.

Only results on the same data, protocol, resolution, limit, metric version and task share a table. Every figure is computed
over all samples and again over the samples of each type. Controls are shown and never ranked.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from occset.benchmark.metrics import Metric
from occset.benchmark.results import Result, load_results
from occset.benchmark.statistics import Interval, Rank, mean_interval, mean_intervals, ranks
from occset.benchmark.tasks import TASKS, BenchTask

ALL = "all"
"""The pseudo type that stands for every sample."""


@dataclass(frozen=True)
class Cell:
    """A mean with its 95 % interval and rank; `mean` is None where `reason` says why there is no figure."""

    mean: float | None
    low: float | None
    high: float | None
    rank: int | None
    reason: str = ""


@dataclass(frozen=True)
class Row:
    """One method: `cells[type][metric key]`."""

    result: Result
    cells: dict[str, dict[str, Cell]]

    @property
    def role(self) -> str:
        """ "floor", "ceiling" or ""."""
        return TASKS[self.result.task].roles.get(self.result.method, "") if self.result.control else ""


@dataclass(frozen=True)
class Table:
    """Rows that may be compared.

    Attributes:
        rows: methods, best first by the task's headline metric, then controls.
        types: number of samples by type, `ALL` first; other types only where there are two or more.
        faces: number of different faces.
        notes: sentences a reader must know.
    """

    rows: list[Row]
    types: dict[str, int]
    faces: int
    notes: list[str]

    @property
    def about(self) -> Result:
        """A result whose data, protocol, resolution and limit are the table's."""
        return self.rows[0].result

    @property
    def task(self) -> BenchTask:
        """What its methods do."""
        return TASKS[self.about.task]

    @property
    def title(self) -> str:
        """For example "sunglasses, 256 px, first 200 samples of builtin"."""
        about = self.about
        samples = f"{self.types[ALL]} samples" if about.limit is None else f"first {self.types[ALL]} samples"
        return f"{about.protocol}, {about.resolution} px, {samples} of {about.data}"

    @property
    def facts(self) -> str:
        """Hashes and versions, one line."""
        about = self.about
        return (
            f"data {about.data} {about.data_version} ({about.data_hash[:12]}), protocol {about.protocol} "
            f"({about.protocol_hash[:12]}), {self.faces} faces, metric version {about.metric_version}"
        )


def read_tables(folder: Path) -> list[Table]:
    """Tables of all results below a folder, ordered by protocol, data, resolution and limit.

    Raises:
        BadInput: there is no result, or one that cannot be read; names the file.
    """
    groups: dict[tuple, list[Result]] = {}
    for result in load_results(folder):
        groups.setdefault(_key(result), []).append(result)
    keys = sorted(groups, key=str)
    return [_make_table(groups[key], [_why_apart(key, other) for other in keys if other != key]) for key in keys]


def _key(result: Result) -> tuple:
    limit = -1 if result.limit is None else result.limit
    what = (result.protocol, result.data, result.data_hash, result.protocol_hash)
    return (*what, result.resolution, limit, result.metric_version, result.task)


def _why_apart(key: tuple, other: tuple) -> str:
    """Words for why two tables of one protocol are two; "" for tables of different protocols."""
    if key[0] != other[0]:
        return ""
    parts = (
        "protocol",
        "dataset",
        "data (hash)",
        "recipes (hash)",
        "resolution",
        "number of samples",
        "metric version",
        "task",
    )
    differing = [part for part, a, b in zip(parts, key, other, strict=True) if a != b]
    limit = "all samples" if other[5] < 0 else f"the first {other[5]} samples"
    table = f"the table of {limit} of {other[1]} at {other[4]} px"
    return f"Not comparable with {table}: another {', another '.join(differing)}."


def _make_table(results: list[Result], apart: list[str]) -> Table:
    notes = [note for note in apart if note]
    newest: dict[tuple[str, str], Result] = {}
    for result in sorted(results, key=lambda r: r.created):
        newest[result.method, result.revision] = result
    if len(newest) < len(results):
        notes.append(f"{len(results) - len(newest)} older results of the same method and revision are left out.")
    kept = list(newest.values())
    samples = (
        pd.concat([r.scores[["sample", "face", "type"]] for r in kept]).drop_duplicates("sample").set_index("sample")
    )
    counts = samples["type"].value_counts().sort_index()
    types = {ALL: len(samples)} | ({str(t): int(c) for t, c in counts.items()} if len(counts) > 1 else {})
    arcface = _common_arcface(kept)
    cells: list[dict[str, dict[str, Cell]]] = [{} for _ in kept]
    for kind in types:
        chosen = samples if kind == ALL else samples[samples["type"] == kind]
        for row, found in zip(cells, _cells(kept, chosen["face"], arcface), strict=True):
            row[kind] = found
    rows = [Row(result, found) for result, found in zip(kept, cells, strict=True)]
    first = TASKS[kept[0].task].metrics[TASKS[kept[0].task].headline]
    sign = -1 if first.higher_is_better else 1
    rows.sort(
        key=lambda r: (
            r.result.control,
            sign * (r.cells[ALL][first.key].mean or 0.0),
            r.result.method,
            r.result.revision,
        )
    )
    return Table(rows, types, samples["face"].nunique(), notes)


def _common_arcface(results: list[Result]) -> str | None:
    """Hash of the ArcFace file most results used; cosines of another file cannot stand beside them."""
    used = Counter(r.arcface["file"] for r in results if r.arcface)
    return min(used, key=lambda f: (-used[f], f)) if used else None


def _cells(results: list[Result], faces: pd.Series, arcface: str | None) -> list[dict[str, Cell]]:
    """For each result its cell of each metric over the samples that index `faces`."""
    found: list[dict[str, Cell]] = [{} for _ in results]
    for metric in TASKS[results[0].task].metrics.values():
        values = [_values(result, metric, faces.index, arcface) for result in results]
        ranked = {
            str(at): column
            for at, (result, column) in enumerate(zip(results, values, strict=True))
            if isinstance(column, pd.DataFrame) and not result.control
        }
        by_row = ranks(
            {at: column["value"] for at, column in ranked.items()},
            faces,
            higher_is_better=metric.higher_is_better,
            weights=None if metric.ratio is None else {at: column["weight"] for at, column in ranked.items()},
        )
        for at, (column, interval) in enumerate(zip(values, _intervals(values, faces), strict=True)):
            found[at][metric.key] = _cell(column, interval, by_row.get(str(at)))
    return found


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


def _values(result: Result, metric: Metric, samples: pd.Index, arcface: str | None) -> pd.DataFrame | str:
    """`value` and, of a pooled figure, `weight` of the samples that are scored, or why there are none."""
    if metric.key == "id":
        if result.arcface is None:
            return result.id_missing or "no reason was recorded"
        if result.arcface["file"] != arcface:
            return f"scored with another ArcFace file ({result.arcface['file'][:12]}) than the rest of the table"
    scores = result.scores.set_index("sample")
    scores = scores[scores.index.isin(samples)]
    columns = {"value": metric.values(scores), "weight": metric.weights(scores)}
    return pd.DataFrame({what: column for what, column in columns.items() if column is not None})


def _cell(column: pd.DataFrame | str, interval: Interval | None, rank: Rank | None) -> Cell:
    if interval is None:
        return Cell(None, None, None, None, column if isinstance(column, str) else "none of these samples is scored")
    known = not math.isnan(interval.low)  # NaN where a single face leaves the interval unknown
    low, high = (interval.low, interval.high) if known else (None, None)
    if rank is None:
        return Cell(interval.mean, low, high, None, "controls are not ranked")
    return Cell(interval.mean, low, high, rank.rank, rank.reason)
