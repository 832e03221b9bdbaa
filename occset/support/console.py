"""What the command line prints: tables or JSON on standard output, progress and errors on standard error."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from occset.support.progress import Lines


def print_table(rows: Sequence[dict[str, Any]], title: str = "", as_json: bool = False) -> None:
    """Print rows that share their keys as a table, or as a JSON list. Text is shown as it is, never as markup."""
    if as_json:
        print_json(list(rows))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(printable(title)) if title else None, title_justify="left")
    if rows:
        for key in rows[0]:
            numeric = all(isinstance(row[key], int | float) for row in rows)
            table.add_column(Text(str(key)), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row.values()))
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    console.print(table)


def print_json(value: Any) -> None:
    """Print JSON on standard output; a number that is none (NaN) becomes null, which every reader knows."""
    print(json.dumps(_jsonable(value), indent=2, default=str))


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _jsonable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return printable(str(value))


def printable(text: str) -> str:
    """Text for a terminal: control characters and broken Unicode, which names of files may hold, are spelt out."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)
    return shown.encode("utf-8", "backslashreplace").decode()


def say(text: str) -> None:
    """One line for the person at the terminal, on standard error, so that standard output stays clean."""
    print(printable(text), file=sys.stderr, flush=True)


def partly(said: str, why: str) -> NoReturn:
    """Say the last line of a verb that did its work, but not all of it or with findings, and end it with status 1.

    Args:
        said: what was done.
        why: the reason of the status, as a half sentence.
    """
    import typer

    say(f"{said} (exit status 1: {why})")
    raise typer.Exit(1)


@contextmanager
def no_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """What takes the place of `progress_bar` where nobody looks."""
    yield lambda done, total: None


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Progress on standard error: a bar on a terminal, else a line every half minute.

    All long work of all verbs runs within one. Yields a function that takes (done, all); what cannot count need not call it.
    """
    if not sys.stderr.isatty():
        with Lines(printable(what), say) as lines:
            yield lines.report
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
