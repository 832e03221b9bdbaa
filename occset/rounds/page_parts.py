"""What the page of a round is made of: text that is never markup, tables, a histogram, and how figures are written."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from occset.support.console import printable

LONGEST = 220
"""Characters of a text that the page shows."""

DASH = "\u2013"


class Safe(str):
    """Markup made here; any other string is a stranger's and gets escaped."""

    __slots__ = ()


def text(value: Any) -> Safe:
    """A value as HTML: escaped, on one line, cut where it is long; markup made here stays."""
    if isinstance(value, Safe):
        return value
    words = printable(" ".join(str(value).split()))
    return Safe(html.escape(words if len(words) <= LONGEST else words[: LONGEST - 1] + "…", quote=True))


def attribute(value: str) -> Safe:
    """A value as an attribute holds it, whole."""
    return Safe(html.escape(value, quote=True))


def join(parts: Iterable[str]) -> Safe:
    """Parts one after the other, each as `text` gives it."""
    return Safe("".join(text(part) for part in parts))


def hint(words: str) -> Safe:
    """A sentence that explains what stands near it."""
    return Safe(f'<p class="hint">{text(words)}</p>\n')


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        key: of the row's value.
        title: its heading.
        write: gives the text of a value that is not None.
        numeric: whether it is written to the right and sorted as a number.
        hint: what the heading means, in words.
        optional: whether it is left out where no row has a value.
    """

    key: str
    title: str
    write: Callable[[Any], str] = text
    numeric: bool = True
    hint: str = ""
    optional: bool = False


def table(columns: Sequence[Column], rows: Sequence[dict[str, Any]], caption: str, most: int = 300) -> Safe:
    """A table that the page's script makes sortable; it says how many rows it leaves out beyond ``most``."""
    columns = [c for c in columns if not c.optional or any(row.get(c.key) is not None for row in rows)]
    head = join(_heading(column) for column in columns)
    body = join(
        Safe(f"<tr>{join(_cell(column, row.get(column.key), first) for first, column in _first(columns))}</tr>\n")
        for row in rows[:most]
    )
    left_out = len(rows) - most
    note = f'<p class="hint">{left_out} more rows are left out here; --json has them all.</p>' if left_out > 0 else ""
    return Safe(
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text(caption)}"><table class="sortable">'
        f"<caption>{text(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>{note}\n"
    )


def _first(columns: Sequence[Column]) -> Iterable[tuple[bool, Column]]:
    return ((at == 0, column) for at, column in enumerate(columns))


def _heading(column: Column) -> Safe:
    kind = ' class="number"' if column.numeric else ""
    hint = f' title="{text(column.hint)}"' if column.hint else ""
    return Safe(f'<th scope="col"{kind}{hint}>{text(column.title)}</th>')


def _cell(column: Column, value: Any, first: bool) -> Safe:
    shown = DASH if value is None else column.write(value)
    kind = ' class="number"' if column.numeric else ""
    key = f' data-sort="{"" if value is None else float(value):}"' if column.numeric else ""
    return Safe(f'<th scope="row">{text(shown)}</th>' if first else f"<td{kind}{key}>{text(shown)}</td>")


def overlap(value: float) -> str:
    """An IoU, so that only 1 itself is written 1.000."""
    return "1.000" if value == 1 else f"{min(value, 0.999):.3f}"


def percent(value: float) -> str:
    """A share in percent."""
    return f"{100 * value:.0f} %"


def change(value: float) -> str:
    """A change in percent, with its sign."""
    return f"{100 * value:+.1f} %".replace("-", "\u2212")  # a true minus sign


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def histogram(values: Sequence[float], low: float, mark: float, name: str) -> Safe:
    """How often which IoU, in steps of 0.02 from ``low`` to 1, as SVG; a line stands at ``mark``.

    Args:
        values: at least one, each from ``low`` to 1.
        low: where the axis starts, below 1, a multiple of 0.02.
        mark: what counts as changed lies to the left of it.
        name: of what is counted.
    """
    steps = round((1 - low) / 0.02)
    counts, edges = np.histogram(values, bins=steps, range=(low, 1.0))
    width, height, left, bottom, top = 320, 130, 14, 104, 18
    span = width - 2 * left
    unit, tall = span / steps, (bottom - top) / max(int(counts.max()), 1)
    bars = []
    for at, (count, edge) in enumerate(zip(counts.tolist(), edges.tolist(), strict=False)):
        if not count:
            continue
        x, y = left + at * unit, bottom - count * tall
        bars.append(
            f'<rect x="{x + 0.1 * unit:.2f}" y="{y:.2f}" width="{0.8 * unit:.2f}" height="{count * tall:.2f}">'
            f"<title>{edge:.2f} to {edges[at + 1]:.2f}: {count}</title></rect>"
        )
        if steps <= 25:  # else the figures would run into each other
            bars.append(f'<text x="{x + unit / 2:.2f}" y="{y - 3:.2f}">{count}</text>')
    ticks = "".join(
        f'<text class="tick" x="{left + share * span:.2f}" y="{bottom + 15}">{low + share * (1 - low):.2f}</text>'
        for share in (0.0, 0.5, 1.0)
    )
    there = left + (mark - low) / (1 - low) * span
    line = f'<line class="mark" x1="{there:.2f}" x2="{there:.2f}" y1="4" y2="{bottom}"/>' if mark > low else ""
    words = f"{name}: {len(values)} labels, IoU {overlap(min(values))} to {overlap(max(values))}"
    return Safe(
        f'<figure class="histogram"><svg viewBox="0 0 {width} {height}" role="img" aria-label="{text(words)}">'
        f'<line class="axis" x1="{left}" x2="{width - left}" y1="{bottom}" y2="{bottom}"/>{"".join(bars)}{line}{ticks}'
        f"</svg><figcaption>{text(name)}, {len(values)} labels</figcaption></figure>"
    )
