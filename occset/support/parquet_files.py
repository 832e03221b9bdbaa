"""Parquet that a stranger may have made: how much comes out of it is known before a column is read.

The rows, lists and sizes that a file's footer states may be untrue, and even a true one says nothing of a text that
stands in the dictionary once and in a million rows. So the headers of the pages themselves are added up: values, bytes
unpacked, and the longest text of a dictionary for each value that may be taken from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from occset.support.errors import BadInput
from occset.support.parquet_headers import Page, Part, read_footer, read_pages
from occset.support.reading import read_file

MOST_ROWS = 10_000_000
"""Of one file."""
FEW_ROWS = 100_000
"""As many rows may be there however small the file; beyond, each takes a byte at least, since no two ids are alike."""
MOST_IN_ROW = 1024
"""Values of one column for each row, on average: lists of points and of layers are shorter."""

_MOST_UNPACKED = 8 << 30  # bytes of the columns that are read, as they lie in memory
_ALWAYS_UNPACKED = 256 << 20
_UNPACKED_PER_BYTE = 100  # what our own tables come to is about ten
_MOST_DICTIONARY = 64 << 20
_DICTIONARY, _DATA = 2, (0, 3)  # kinds of pages
_BY_DICTIONARY, _BY_PREFIX = (2, 8), 7  # encodings


def read_parquet(path: Path, columns: Sequence[str] | None = None, data: bytes | None = None) -> pa.Table:
    """Read a Parquet file, or those of the named columns that it has, in the file's order of columns.

    Args:
        path: the file.
        columns: names of columns at the top; all when None.
        data: the file's bytes, where they were read already.

    Raises:
        OSError, ValueError, pa.ArrowException: it is missing, or no Parquet file.
        BadInput: it is a pipe or a device, or more would come out of it than a table of ours holds; says of what.
    """
    data = read_file(path) if data is None else data
    check_parquet(data, path, columns)
    file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
    for field in file.schema_arrow:
        _check_type(field.type, f"{path}: column {field.name}")
    names = [name for name in file.schema_arrow.names if columns is None or name in columns]
    if len(names) != len(set(names)):
        raise BadInput(f"{path}: two columns have one name: restore it from a copy")
    return file.read(columns=None if columns is None else names)


def read_frame(path: Path, data: bytes, remedy: str) -> pd.DataFrame:
    """All columns of a Parquet file whose bytes were read already, as pandas; what its writer says of pandas is left aside.

    Raises:
        BadInput: no Parquet file, or as `read_parquet`; names the file and the remedy.
    """
    try:
        return read_parquet(path, data=data).replace_schema_metadata(None).to_pandas()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadInput(f"{path}: not a readable Parquet file ({error}): {remedy}") from error


def read_parquet_notes(path: Path) -> tuple[list[str], dict[bytes, bytes]]:
    """Names of the columns of a Parquet file, and its key-value metadata; no column is read. Raises as `read_parquet`."""
    schema = pq.read_schema(pa.BufferReader(read_file(path)))
    return schema.names, dict(schema.metadata or {})


def check_parquet(data: bytes, path: Path, columns: Sequence[str] | None) -> None:
    """Look at the sizes of a Parquet file, before anything else reads it.

    Args:
        data: the file's bytes.
        path: its name, for messages.
        columns: names of columns at the top that are to be read; all when None.

    Raises:
        ValueError: it is no Parquet file.
        BadInput: more would come out of it than `read_parquet` allows.
    """
    rows, parts = read_footer(data)
    most = min(MOST_ROWS, max(FEW_ROWS, len(data)))
    if rows > most:
        raise BadInput(f"{path}: {rows} rows in {len(data)} bytes, more than {most}: split it into several files")
    room = min(_MOST_UNPACKED, max(_ALWAYS_UNPACKED, _UNPACKED_PER_BYTE * len(data)))
    values: dict[str, int] = {}
    for part in parts:
        if columns is not None and part.name.partition(".")[0] not in columns:
            continue
        count, size = _measure(part, data, f"{path}: column {part.name}")
        values[part.name] = values.get(part.name, 0) + max(count, part.values)
        if values[part.name] > MOST_IN_ROW * max(rows, 64):
            raise BadInput(
                f"{path}: column {part.name} holds {values[part.name]} values in {rows} rows, more than {MOST_IN_ROW} for "
                "each: shorten its lists, or restore it from a copy"
            )
        room -= size
        if room < 0:
            raise BadInput(
                f"{path} has {len(data)} bytes and would unpack to more than {_UNPACKED_PER_BYTE} for each: "
                "split it into several files, or restore it from a copy"
            )


def _check_type(kind: pa.DataType, where: str) -> None:
    """Refuse what pads each row: a list of a fixed length takes its room even where there is none."""
    if pa.types.is_fixed_size_list(kind) and kind.list_size > MOST_IN_ROW:
        raise BadInput(f"{where} has lists of {kind.list_size}, more than {MOST_IN_ROW}: restore it from a copy")
    for at in range(kind.num_fields):
        _check_type(kind.field(at).type, where)


def _measure(part: Part, data: bytes, where: str) -> tuple[int, int]:
    """Values of a part of a column, and the most bytes that they take in memory, by the headers of its pages."""
    count, size, longest = 0, 0, 0
    for page in read_pages(data, part):
        size += page.unpacked
        if page.kind == _DICTIONARY and part.width == 0:
            longest = max(longest, _longest(page, part, data, where))
        elif page.kind in _DATA:
            count += page.values
            by_entry = (
                longest if page.encoding in _BY_DICTIONARY else page.unpacked if page.encoding == _BY_PREFIX else 0
            )
            size += page.values * max(part.width, by_entry, 1)
    return count, size


def _longest(page: Page, part: Part, data: bytes, where: str) -> int:
    """Bytes of the longest text of a dictionary; of one that cannot be looked into, its whole size."""
    if page.unpacked > _MOST_DICTIONARY:
        raise BadInput(f"{where} has a dictionary of {page.unpacked} bytes: restore it from a copy")
    packed = data[page.begin : page.end]
    try:
        if part.codec != "uncompressed":
            packed = pa.Codec(part.codec).decompress(packed, page.unpacked).to_pybytes()
    except (pa.ArrowException, OSError, ValueError):
        return page.unpacked
    at, longest = 0, 0
    while at + 4 <= len(packed):
        size = int.from_bytes(packed[at : at + 4], "little")
        longest, at = max(longest, size), at + 4 + size
    return min(longest, page.unpacked)
