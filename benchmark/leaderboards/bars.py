"""Bars by type of sample from result files (Fig. 9): what several judges say of each method, between floor and ceiling.

A panel for each figure that a task's `agreeing` names together. Bars begin at the floor, so that their length is what a
method recovered; whiskers are 95 % intervals. The floor is a dashed line with a band for its interval, the ceiling a solid
one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import cv2
import numpy as np

from occset.benchmark.leaderboards.cells import Cell
from occset.benchmark.leaderboards.tables import Row, Table
from occset.benchmark.statistics import group_difference
from occset.benchmark.tasks.metric import Metric
from occset.benchmark.tasks.registry import task_named

_COLOURS = (
    (31, 119, 180),
    (255, 127, 14),
    (44, 160, 44),
    (214, 39, 40),
    (148, 103, 189),
    (140, 86, 75),
    (227, 119, 194),
)
_BAR, _GAP, _LEFT, _RIGHT, _PANEL, _TOP, _BOTTOM, _LINE = 22, 34, 64, 16, 240, 30, 30, 20
_FONT, _SCALE, _INK, _PALE = cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), (225, 225, 225)
_TICKS = 5


def bars(table: Table, keys: Sequence[str]) -> np.ndarray | None:
    """A panel for each figure, (H, W, 3) uint8 RGB on white; None where no figure or fewer than two types can be drawn.

    Args:
        table: of results.
        keys: of its figures.
    """
    types = types_of(table)
    methods = [row for row in table.rows if not row.result.control]
    metrics = [table.metrics[key] for key in keys if key in table.metrics]
    metrics = [metric for metric in metrics if _scale(table, methods, types, metric) is not None]
    if len(types) < 2 or not methods or not metrics:
        return None
    width = _LEFT + len(types) * (len(methods) * _BAR + _GAP) + _RIGHT
    legend = _legend([_in_words(row, types, metrics) for row in methods], max(width, 420), table)
    width = legend.shape[1]
    return np.vstack([legend, *(_panel(table, methods, types, metric, width) for metric in metrics)])


def ticks_of(low: float, high: float) -> tuple[list[float], int]:
    """Round values of an axis, multiples of 1, 2 or 5 of a power of ten, and the decimals that they need."""
    least = (high - low) / _TICKS
    power = math.floor(math.log10(least))
    step = next(factor * 10.0**power for factor in (1, 2, 5, 10) if factor * 10.0**power >= least)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [at * step for at in range(first, last + 1)], max(0, -math.floor(math.log10(step) + 1e-9))


def order_of_types(row: Row, key: str) -> str:
    """Types of a method's samples from the best, such as "sunglasses > mask ~ both".

    ">" where the interval of the difference, in draws of faces, excludes zero; else "~".
    """
    scores = row.result.scores
    means = scores.groupby("type", sort=False)[key].mean()
    if not task_named(row.result.task).metrics[key].higher_is_better:
        means = -means
    ordered = [str(kind) for kind in means.sort_values(ascending=False, kind="stable").index]
    said = ordered[:1]
    for better, worse in pairwise(ordered):
        gap = group_difference(scores[key], scores["face"], scores["type"] == better, scores["type"] == worse)
        said += [">" if gap.excludes_zero else "~", worse]
    return " ".join(said)


def _in_words(row: Row, types: Sequence[str], metrics: Sequence[Metric]) -> str:
    """A method, and the order of its types by each figure that it has for all of them."""
    said = [
        f"{metric.label}: {order_of_types(row, metric.key)}"
        for metric in metrics
        if metric.ratio is None and all(_cell(row, kind, metric) for kind in types)
    ]
    return "   ".join([row.result.method, *said])


def types_of(table: Table) -> list[str]:
    """The types of its samples, in the order in which a protocol brings them."""
    return list(dict.fromkeys(table.about.scores["type"]))


def _bound(table: Table, role: str) -> Row | None:
    return next((row for row in table.rows if row.role == role), None)


def _scale(table: Table, methods: Sequence[Row], types: Sequence[str], metric: Metric) -> tuple[float, float] | None:
    """The least and the greatest value of a panel; None where the floor or all methods have none."""
    floor, ceiling = _bound(table, "floor"), _bound(table, "ceiling")
    cells = [_cell(row, kind, metric) for row in methods for kind in types]
    base = [_cell(floor, kind, metric) for kind in types]
    if not any(cells) or not all(base):
        return None
    known = [cell for cell in (*cells, *base, *(_cell(ceiling, kind, metric) for kind in types)) if cell]
    values = [v for cell in known for v in (cell.mean, cell.low, cell.high) if v is not None]
    margin = 0.04 * (max(values) - min(values)) or 0.01
    return min(values) - margin, max(values) + margin


def _cell(row: Row | None, kind: str, metric: Metric) -> Cell | None:
    """The cell of a type that has a value; a table of a single type has no cells but those of all samples."""
    cell = row.cells.get(kind, {}).get(metric.key) if row else None
    return cell if cell and cell.mean is not None else None


def _panel(table: Table, methods: Sequence[Row], types: Sequence[str], metric: Metric, width: int) -> np.ndarray:
    low, high = _scale(table, methods, types, metric) or (0.0, 1.0)
    sheet = np.full((_TOP + _PANEL + _BOTTOM, width, 3), 255, np.uint8)

    def y(value: float) -> int:
        return round(_TOP + _PANEL * (high - value) / (high - low))

    ticks, digits = ticks_of(low, high)
    for value in ticks:
        cv2.line(sheet, (_LEFT, y(value)), (width - _RIGHT, y(value)), _PALE, 1)
        _write(sheet, f"{value:.{digits}f}", _LEFT - 6, y(value) + 4, "right")
    _write(sheet, f"{metric.label} {'(higher is better)' if metric.higher_is_better else ''}", _LEFT, _TOP - 10, "left")
    floor, ceiling = _bound(table, "floor"), _bound(table, "ceiling")
    step = len(methods) * _BAR + _GAP
    for at, kind in enumerate(types):
        left = _LEFT + at * step + _GAP // 2
        span = (left - 6, left + len(methods) * _BAR + 6)
        base = _cell(floor, kind, metric)
        top = _cell(ceiling, kind, metric)
        assert base is not None and base.mean is not None  # a panel without a floor is not drawn
        if base.low is not None and base.high is not None:
            cv2.rectangle(sheet, (span[0], y(base.high)), (span[1], y(base.low)), _PALE, -1)
        for number, row in enumerate(methods):
            _draw_bar(sheet, _cell(row, kind, metric), left + number * _BAR, y, base.mean, _colour(number))
        for across in range(*span, 8):
            cv2.line(sheet, (across, y(base.mean)), (min(across + 4, span[1]), y(base.mean)), _INK, 1)
        if top is not None and top.mean is not None:
            cv2.line(sheet, (span[0], y(top.mean)), (span[1], y(top.mean)), _INK, 1)
        _write(sheet, kind, (span[0] + span[1]) // 2, _TOP + _PANEL + 18, "middle")
    return sheet


def _draw_bar(
    sheet: np.ndarray,
    cell: Cell | None,
    left: int,
    y: Callable[[float], int],
    base: float,
    colour: tuple[int, int, int],
) -> None:
    if cell is None or cell.mean is None:
        return
    cv2.rectangle(sheet, (left + 2, y(cell.mean)), (left + _BAR - 3, y(base)), colour, -1)
    if cell.low is not None and cell.high is not None:
        middle = left + _BAR // 2
        cv2.line(sheet, (middle, y(cell.low)), (middle, y(cell.high)), _INK, 1)
        for value in (cell.low, cell.high):
            cv2.line(sheet, (middle - 3, y(value)), (middle + 3, y(value)), _INK, 1)


def _legend(names: Sequence[str], width: int, table: Table) -> np.ndarray:
    """The table's title, what the lines are, and the colour of each method, a line each."""
    bounds = ", ".join(
        f"{line}: {table.task.words.bounds[role]}" for role, line in (("floor", "dashed"), ("ceiling", "solid"))
    )
    texts = [table.title, f"{bounds}; bars begin at the floor, 95 % intervals"]
    longest = max(cv2.getTextSize(_ascii(text), _FONT, _SCALE, 1)[0][0] for text in (*texts, *names))
    sheet = np.full((_LINE * (len(texts) + len(names)) + 8, max(width, longest + 48), 3), 255, np.uint8)
    for at, text in enumerate(texts):
        _write(sheet, text, 8, _LINE * (at + 1), "left")
    for at, name in enumerate(names):
        bottom = _LINE * (len(texts) + at + 1)
        cv2.rectangle(sheet, (8, bottom - 11), (20, bottom + 1), _colour(at), -1)
        _write(sheet, name, 28, bottom, "left")
    return sheet


def _colour(number: int) -> tuple[int, int, int]:
    """Colours that come back after the last are darker each time."""
    red, green, blue = _COLOURS[number % len(_COLOURS)]
    darker = 1 + number // len(_COLOURS)
    return red // darker, green // darker, blue // darker


def _write(sheet: np.ndarray, text: str, across: int, bottom: int, side: str) -> None:
    shown = _ascii(text)
    width = cv2.getTextSize(shown, _FONT, _SCALE, 1)[0][0]
    left = across - {"left": 0, "middle": width // 2, "right": width}[side]
    cv2.putText(sheet, shown, (max(0, left), bottom), _FONT, _SCALE, _INK, 1, cv2.LINE_AA)


def _ascii(text: str) -> str:
    """What the font has."""
    return text.encode("ascii", "replace").decode()
