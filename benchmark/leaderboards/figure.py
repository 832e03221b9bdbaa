"""A figure for a paper from result files (Fig. 7): a row a sample, with input, what each method made of it, and truth.

For reconstruction this is the paper's Figure 5: each method's render over the photo. Controls are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from occset.benchmark.leaderboards.bars import bars
from occset.benchmark.leaderboards.page import stored_picture
from occset.benchmark.leaderboards.tables import Row, Table
from occset.benchmark.results.result import safe_name
from occset.pictures.images import write_png

ROWS = 8
"""Samples in a figure at most; the bench keeps no more pictures."""

_GAP, _HEAD = 4, 22
_FONT, _SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.45
_INK = (0, 0, 0)


def write_figures(tables: Sequence[Table], out_dir: Path, broken: dict[Path, str] | None = None) -> dict[str, Path]:
    """Write the figure of each table that has pictures, and bars by type (Fig. 9); those that cannot be used `broken` takes.

    Returns:
        The paths, by their names.

    Raises:
        BadInput: a picture cannot be read, and `broken` is None; names the file.
    """
    written = {}
    for number, table in enumerate(tables, 1):
        picture = figure(table, broken)
        if picture is not None:
            path = Path(out_dir) / f"figure-{number}-{safe_name(table.about.protocol)}.png"
            write_png(path, picture)
            written[path.name] = path
        for word, keys in table.task.agreeing.items():
            drawn = bars(table, keys)
            if drawn is not None:
                path = Path(out_dir) / f"figure-{number}-{safe_name(table.about.protocol)}-{safe_name(word)}.png"
                write_png(path, drawn)
                written[path.name] = path
    return written


def figure(table: Table, broken: dict[Path, str] | None = None) -> np.ndarray | None:
    """The grid of a table, (H, W, 3) uint8 RGB on white: input, methods from the best, truth; None without pictures.

    A cell is left white where a method has no picture of a sample.
    """
    methods = [row for row in table.rows if not row.result.control]
    lines = [line for line in (_line(table, methods, sample, broken) for sample in _samples(table)) if line][:ROWS]
    if not lines or not methods:
        return None
    side = table.about.resolution
    words = table.task.words
    names = [*words.before, *(row.result.method for row in methods), *words.after]
    step = side + _GAP
    sheet = np.full((_HEAD + len(lines) * step - _GAP, len(names) * step - _GAP, 3), 255, np.uint8)
    for across, name in enumerate(names):
        _write(sheet, name, across * step, side)
        for down, line in enumerate(lines):
            picture = line[across]
            if picture is not None:
                top, left = _HEAD + down * step, across * step
                sheet[top : top + side, left : left + side] = picture
    return sheet


def _samples(table: Table) -> list[str]:
    """Every sample of a table, in the order of its results."""
    return list(dict.fromkeys(sample for row in table.rows for sample in row.result.scores["sample"]))


def _line(
    table: Table, methods: Sequence[Row], sample: str, broken: dict[Path, str] | None
) -> list[np.ndarray | None] | None:
    """The pictures of a sample in the order of the columns; None unless there are all shared ones and a method's."""
    side = table.about.resolution
    words = table.task.words
    shared = {what: _first(table.rows, sample, what, broken) for what in words.pictures}
    made = [stored_picture(row.result, sample, broken=broken) for row in methods]
    line = [*(shared[what] for what in words.before), *made, *(shared[what] for what in words.after)]
    if any(picture is None for picture in shared.values()) or all(picture is None for picture in made):
        return None
    return [None if picture is None or picture.shape != (side, side, 3) else picture for picture in line]


def _first(rows: Sequence[Row], sample: str, what: str, broken: dict[Path, str] | None) -> np.ndarray | None:
    made = (stored_picture(row.result, sample, what, broken) for row in rows)
    return next((picture for picture in made if picture is not None), None)


def _write(sheet: np.ndarray, name: str, left: int, width: int) -> None:
    """A column's head in the middle above it, shortened until it fits; the font has ASCII alone."""
    text = name.encode("ascii", "replace").decode()
    while len(text) > 1 and cv2.getTextSize(text, _FONT, _SCALE, 1)[0][0] > width:
        text = text[:-1]
    across = (width - cv2.getTextSize(text, _FONT, _SCALE, 1)[0][0]) // 2
    cv2.putText(sheet, text, (left + max(0, across), _HEAD - 7), _FONT, _SCALE, _INK, 1, cv2.LINE_AA)
