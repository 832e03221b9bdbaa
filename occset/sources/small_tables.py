"""The one reader of small tables that people write: judgements, errata, ids, who is who.

They come from editors and spreadsheets: with a byte order mark, in UTF-16, with commas, semicolons or tabs, quotes, blanks
round the cells, and with numbers that lost or gained leading zeros. Where ids are numbers, they are read as numbers
(00001 is 1, and so is 00001.jpg), and what a table says of something that is not there is told, not dropped.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from occset.support.errors import BadInput
from occset.support.reading import read_file

_MOST_BYTES = 64 << 20
_SEPARATORS = ",;\t"
_NUMBER = re.compile(r"([0-9]{1,18})(\.(jpe?g|png))?", re.IGNORECASE)
_SHOWN = 3

T = TypeVar("T")


@dataclass(frozen=True)
class Entry(Generic[T]):
    """What a row says of an id: the id as it is written, the line of the file, and the value."""

    id: str
    line: int
    value: T


class IdTable(Generic[T]):
    """Rows by id, where numbers are numbers.

    Args:
        path: of the file, for messages.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._entries: dict[str, Entry[T]] = {}

    def add(self, written: str, line: int, value: T) -> None:
        """Add a row.

        Raises:
            BadInput: it has no id, or its id was there before; names file and line.
        """
        if not written:
            raise BadInput(f"{self.path}, line {line}: there is no id: fill it in, or remove the line")
        known = self._entries.get(plain_id(written))
        if known is not None:
            also = f", as {known.id} in line {known.line}" if known.id != written else ""
            raise BadInput(f"{self.path}, line {line}: {written} is there twice{also}: keep one")
        self._entries[plain_id(written)] = Entry(written, line, value)

    def values(self) -> dict[str, T]:
        """Values by `plain_id`."""
        return {key: entry.value for key, entry in self._entries.items()}

    def lost(self, known: Iterable[str], what: str) -> str:
        """A sentence on the rows whose id none of `known` has, "" where there are none; `what` is what has no such id."""
        ids = {plain_id(name) for name in known}
        lost = [entry for key, entry in self._entries.items() if key not in ids]
        return told_lost(str(self.path), lost, len(self._entries), what)


def told_lost(where: str, lost: list[Entry[T]], total: int, what: str) -> str:
    """A sentence that names rows without anything of their id: how many, and the first few with their lines."""
    if not lost:
        return ""
    some = ", ".join(f"{entry.id} (line {entry.line})" for entry in lost[:_SHOWN])
    more = ", ..." if len(lost) > _SHOWN else ""
    return f"{where}: {len(lost)} of {total} rows name no {what}: {some}{more}: correct them, or remove the rows"


def plain_id(written: str) -> str:
    """An id as it is compared: a number, or a picture's name that is one, without leading zeros; else as it is."""
    written = written.strip()
    match = _NUMBER.fullmatch(written)
    return str(int(match[1])) if match else written


def read_text(path: Path, columns: str = "") -> str:
    """A text file in UTF-8 or UTF-16, without its byte order mark.

    Raises:
        BadInput: missing, too large, or in another encoding; `columns` is what the file should hold.
    """
    try:
        data = read_file(path, _MOST_BYTES)
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except FileNotFoundError as error:
        wanted = f"write a CSV with the columns {columns}" if columns else "name a file that does"
        raise BadInput(f"{path} does not exist: {wanted}") from error
    except (OSError, UnicodeError) as error:
        raise BadInput(f"{path} cannot be read ({error}): save it as text in UTF-8") from error


def read_cells(path: Path, columns: str = "") -> Iterator[tuple[int, list[str]]]:
    """Cells of each row that has any, without surrounding blanks, with the number of its line.

    The separator is the first of comma, semicolon and tab that the first line has the most of.

    Raises:
        BadInput: as `read_text`, or quotes that do not close.
    """
    text = read_text(path, columns)
    first, _, rest = text.partition("\n")
    skipped = 0
    separator = max(_SEPARATORS, key=first.count)
    if re.fullmatch(r"\s*\"?sep=.\"?\s*", first):  # what Excel writes to tell itself
        separator, text, skipped = first.strip().strip('"')[-1], rest, 1
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield reader.line_num + skipped, cells
    except csv.Error as error:
        raise BadInput(f"{path}, line {reader.line_num + skipped}: {error}: close or remove the quotes") from error


def read_table(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a table with a heading, by its names in small letters, each with the number of its line.

    Missing cells are "". Cells beyond the heading belong to its last column, where a separator was not quoted.

    Raises:
        BadInput: as `read_cells`, or without one of `columns`.
    """
    rows = read_cells(path, ",".join(columns))
    _, heading = next(rows, (0, []))
    names = [name.lower() for name in heading]
    missing = [name for name in columns if name not in names]
    if missing:
        raise BadInput(f"{path} has no column {' and no column '.join(missing)}: its first line is {','.join(columns)}")
    for line, cells in rows:
        last = len(names) - 1
        cells = [*cells[:last], ", ".join(filter(None, cells[last:]))]
        yield line, dict(zip(names, cells + [""] * (len(names) - len(cells)), strict=True))


def read_ids(path: Path, headings: Container[str] = ("id", "source_id")) -> list[Entry[None]]:
    """Ids of a file: one a line, or the column of a table whose heading is one of `headings`, else its first.

    Raises:
        BadInput: as `read_cells`.
    """
    rows = list(read_cells(path))
    at = 0
    if rows:
        named = [i for i, name in enumerate(rows[0][1]) if name.lower() in headings]
        at, rows = (named[0], rows[1:]) if named else (0, rows)
    return [Entry(cells[at], line, None) for line, cells in rows if len(cells) > at and cells[at]]
