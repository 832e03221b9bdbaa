"""Tables as Markdown (for people) and CSV (for programs)."""

from __future__ import annotations

import csv
import html
import io
import re

from occset.benchmark.leaderboards.cells import Cell
from occset.benchmark.leaderboards.tables import ALL, Row, Table
from occset.benchmark.results.cost import COSTS, Cost
from occset.benchmark.tasks.metric import Metric
from occset.benchmark.tasks.parts import JudgeKind
from occset.benchmark.tasks.registry import all_tasks


def to_markdown(tables: list[Table]) -> str:
    """Every table with the primary columns, each cell as mean, interval and rank, then what the columns mean."""
    lines = ["# Leaderboard", ""]
    for table in tables:
        lines += [f"## {_escape(table.title)}", "", _escape(table.facts) + ".", ""]
        lines += [f"> {_escape(note)}\n" for note in table.notes]
        lines += _markdown_rows(table)
        lines += [f"- {reason}" for reason in _reasons(table)]
        lines.append("")
    tasks = [task for task in all_tasks() if any(table.task.name == task.name for table in tables)]
    for task in tasks:
        lines += ["## Columns" if len(tasks) == 1 else f"## Columns of {task.name}", ""]
        shown = {metric.key: metric for table in tables if table.task.name == task.name for metric in table.primary()}
        lines += [f"- **{_escape(m.label)}** ({_arrow(m)}): {_escape(m.definition)}" for m in shown.values()]
        costs = {cost.key: cost for table in tables if table.task.name == task.name for cost in _costs(table)}
        lines += [f"- **{cost.label}**: {cost.definition}" for cost in costs.values()]
        lines += [""] if task is not tasks[-1] else []
    lines += [
        "",
        "In brackets: the 95 % interval of a bootstrap that resamples faces. #: rank, 1 + the number of methods "
        "significantly better in a paired comparison; controls, and methods trained on other data, are not ranked.",
        "",
    ]
    return "\n".join(lines)


def to_csv(tables: list[Table]) -> str:
    """One row for each table, type of sample and method; four columns (mean, low, high, rank) for each metric.

    Metrics of all tasks that have a table stand side by side; those of other tasks than the row's are empty.
    """
    buffer = io.StringIO()
    metrics = list(dict.fromkeys(key for table in tables for key in table.metrics))
    heads = [f"{key}{suffix}" for key in metrics for suffix in ("", "_low", "_high", "_rank")]
    about = ["data", "data_hash", "protocol", "protocol_hash", "resolution", "limit", "metric_version"]
    judges = list({kind.key: kind for task in all_tasks() for kind in task.judges}.values())
    writer = csv.writer(buffer, lineterminator="\n")
    costs = [cost for cost in COSTS if any(cost in _costs(table) for table in tables)]
    heads += [f"trained_{cost.key}" for cost in costs]
    writer.writerow(
        [*about, "type", "samples", "method", "revision", "mark", *(f"{kind.key}_missing" for kind in judges), *heads]
    )
    for table in tables:
        for kind, count in table.types.items():
            for row in table.rows:
                result = row.result
                shared = ["" if getattr(result, name) is None else getattr(result, name) for name in about]
                cells = [row.cells[kind].get(key) for key in metrics]
                figures = [_plain(v) for c in cells for v in ((c.mean, c.low, c.high, c.rank) if c else (None,) * 4)]
                named = [
                    kind,
                    count,
                    result.method,
                    result.revision,
                    result.mark,
                    *(_why_missing(row.cells[kind], judge) for judge in judges),
                ]
                stated = [_plain(result.trained.get(cost.key)) for cost in costs]
                writer.writerow([*(_inert(value) for value in (*shared, *named)), *figures, *stated])
    return buffer.getvalue()


def _why_missing(cells: dict[str, Cell], judge: JudgeKind) -> str:
    """Why a judge's figures have no value."""
    missing = [cells[column].reason for column in judge.columns if column in cells and cells[column].mean is None]
    return missing[0] if missing else ""


def _markdown_rows(table: Table) -> list[str]:
    costs = _costs(table)
    heads = [*(f"{m.label} {_arrow(m)}" for m in table.primary()), *(cost.label for cost in costs)]
    lines = ["| Method | Input | " + " | ".join(heads) + " |", "|---|---|" + "---:|" * len(heads)]
    for row in table.rows:
        cells = [_cell(row.cells[ALL][m.key], m) for m in table.primary()]
        cells += [cost.of(row.result) for cost in costs]
        mark = f"{row.result.mark}, {row.role}" if row.role else row.result.mark
        lines.append(f"| {_name(row)} | {_escape(mark)} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _costs(table: Table) -> list[Cost]:
    """The columns of cost that any of its methods states."""
    return [cost for cost in COSTS if any(cost.of(row.result) for row in table.rows)]


def _reasons(table: Table) -> list[str]:
    """Why a figure or a rank is missing, method by method."""
    found = []
    for row in table.rows:
        reasons = {
            cell.reason
            for metric in table.primary()
            if (cell := row.cells[ALL][metric.key]).reason and (cell.mean is None or not row.result.control)
        }
        found += [f"{_name(row)}: {_escape(reason)}" for reason in sorted(reasons)]
    return found


def _cell(cell: Cell, metric: Metric) -> str:
    if cell.mean is None:
        return "-"
    text = f"{cell.mean:.{metric.digits}f}"
    if cell.low is not None and cell.high is not None:
        text += f" ({cell.low:.{metric.digits}f} to {cell.high:.{metric.digits}f})"
    return text + (f" #{cell.rank}" if cell.rank else "")


def _name(row: Row) -> str:
    return _escape(f"{row.result.method} {row.result.revision}".strip())


def _arrow(metric: Metric) -> str:
    return "↑" if metric.higher_is_better else "↓"


def _escape(text: str) -> str:
    """Text that neither Markdown nor the HTML it allows reads as anything but text."""
    return re.sub(r"([\\`*_\[\]|#])", r"\\\1", html.escape(text, quote=False)).replace("\n", " ")


def _inert(value: object) -> object:
    """A cell that no spreadsheet takes for a formula: text that begins like one gets an apostrophe in front."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _plain(value: float | int | None) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
