"""Results to tables: what may stand side by side, means with intervals, ranks.

Only results on the same data, protocol, resolution, limit, metric version and task share a table. Every figure is computed
over all samples and again over the samples of each type. Controls are shown and never ranked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from occset.benchmark.leaderboards.agreement import agreement_notes
from occset.benchmark.leaderboards.cells import Cell, cells_of, common_file, metrics_of
from occset.benchmark.results.cost import budget_notes
from occset.benchmark.results.files import load_results
from occset.benchmark.results.result import Result
from occset.benchmark.tasks.definition import BenchTask
from occset.benchmark.tasks.metric import Metric
from occset.benchmark.tasks.registry import task_named
from occset.support.errors import BadInput

ALL = "all"
"""The pseudo type that stands for every sample."""


@dataclass(frozen=True)
class Row:
    """One method: `cells[type][metric key]`."""

    result: Result
    cells: dict[str, dict[str, Cell]]

    @property
    def role(self) -> str:
        """ "floor", "ceiling" or ""."""
        return task_named(self.result.task).methods.roles.get(self.result.method, "") if self.result.control else ""


@dataclass(frozen=True)
class Table:
    """Rows that may be compared.

    Attributes:
        rows: methods, best first by the task's headline metric, then controls.
        types: number of samples by type, `ALL` first; other types only where there are two or more; then the task's bins,
            which are no types, and which split the same samples in another way.
        faces: number of different faces.
        notes: sentences a reader must know.
        metrics: the figures of its metric version, by key.
    """

    rows: list[Row]
    types: dict[str, int]
    faces: int
    notes: list[str]
    metrics: dict[str, Metric]

    @property
    def headline(self) -> Metric:
        """The metric that orders the rows: the task's, or the first there is."""
        return self.metrics.get(self.task.headline) or next(iter(self.metrics.values()))

    def primary(self) -> list[Metric]:
        """The metrics that rank methods."""
        return [metric for metric in self.metrics.values() if metric.group == "primary"]

    @property
    def about(self) -> Result:
        """A result whose data, protocol, resolution and limit are the table's."""
        return self.rows[0].result

    @property
    def task(self) -> BenchTask:
        """What its methods do."""
        return task_named(self.about.task)

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


def read_tables(folders: Sequence[Path], broken: dict[Path, str] | None = None) -> list[Table]:
    """Tables of all results below some folders, ordered by protocol, data, resolution and limit.

    Args:
        folders: of results; one that is found twice counts once.
        broken: takes the files that cannot be used, and why; None refuses them all.

    Raises:
        BadInput: there is no result that can be used, or one that cannot and nobody takes it; names the file.
    """
    groups: dict[tuple, list[Result]] = {}
    strange: Counter[int] = Counter()
    found = {(result.path or folder).resolve(): result for folder in folders for result in load_results(folder, broken)}
    for result in found.values():
        if metrics_of(result):
            groups.setdefault(_key(result), []).append(result)
        else:
            strange[result.metric_version] += 1
    unknown = [f"{n} results of metric version {v}, of which this occset knows no column" for v, n in strange.items()]
    if not groups and broken and not unknown:
        raise BadInput(f"{next(iter(broken.values()))} (no result is left to show)")
    if not groups:
        where = ", ".join(str(folder) for folder in folders)
        raise BadInput(f"{where}: holds only {' and '.join(unknown)}: upgrade occset, or run the bench again")
    keys = sorted(groups, key=str)
    tables = [_make_table(groups[key], [_why_apart(key, other) for other in keys if other != key]) for key in keys]
    # names alone: where a file lies is nobody's business who reads a page
    unknown += [f"{path.name}, which cannot be read" for path in broken or ()]
    tables[0].notes.extend(f"Left out of this page: {what}." for what in unknown)
    return tables


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


def _binned(results: list[Result], samples: pd.DataFrame, task: BenchTask) -> dict[str, pd.DataFrame]:
    """The samples of each bin of a task, by its name; of empty bins none, nor where results have no such column."""
    bins = task.bins
    if bins is None or any(bins.column not in result.scores for result in results):
        return {}
    values = pd.concat([result.scores.set_index("sample")[bins.column] for result in results])
    values = values[~values.index.duplicated()].loc[samples.index]
    found = {name: samples[(values > low) & (values <= high)] for name, low, high in bins.names()}
    return {name: chosen for name, chosen in found.items() if len(chosen)}


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
    task = task_named(kept[0].task)
    files = {kind.key: common_file(kept, kind.key) for kind in task.judges}
    metrics = {key: m for key, m in metrics_of(kept[0]).items() if all(key in metrics_of(other) for other in kept)}
    notes += budget_notes(kept)
    notes += agreement_notes(kept, samples["face"], task, files, metrics)
    cells: list[dict[str, dict[str, Cell]]] = [{} for _ in kept]
    chosen_by = {ALL: samples} | {kind: samples[samples["type"] == kind] for kind in types if kind != ALL}
    binned = _binned(kept, samples, task)
    types |= {name: len(chosen) for name, chosen in binned.items()}
    for kind, chosen in (chosen_by | binned).items():
        for row, found in zip(cells, cells_of(kept, chosen["face"], task, files, metrics), strict=True):
            row[kind] = found
    rows = [Row(result, found) for result, found in zip(kept, cells, strict=True)]
    table = Table(rows, types, samples["face"].nunique(), notes, metrics)
    first = table.headline
    sign = -1 if first.higher_is_better else 1
    rows.sort(
        key=lambda r: (
            r.result.control,
            sign * (r.cells[ALL][first.key].mean or 0.0),
            r.result.method,
            r.result.revision,
        )
    )
    return table
