"""What a Parquet file says of its sizes, in its footer and before each page; no column is read.

pyarrow ends the whole process on some damaged footers that are looked into, so they are read here: Thrift's compact
protocol, of which whole numbers, texts, lists and structures are kept. See
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift and
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_DEPTH = 16  # of structures and lists in each other; Parquet has seven
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_CODECS = ("uncompressed", "snappy", "gzip", "lzo", "brotli", "lz4", "zstd", "lz4_raw")
_FIXED, _TEXT = 7, 6  # types
_WIDTHS = {0: 1, 1: 4, 2: 8, 3: 12, 4: 4, 5: 8, _TEXT: 0}  # bytes of a value of each type but `_FIXED`


@dataclass(frozen=True)
class Part:
    """The pages of one column in one group of rows.

    Attributes:
        name: of the column, its levels joined by dots.
        width: bytes of a value; 0 for texts.
        codec: by which pages are packed.
        values: that are stated.
        begin, end: of its pages in the file.
    """

    name: str
    width: int
    codec: str
    values: int
    begin: int
    end: int


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes:
        kind: 0 data, 1 index, 2 dictionary, 3 data of version 2.
        values: of a data page, nulls and empty lists included; entries of a dictionary.
        encoding: of its values, a number of Parquet.
        unpacked: bytes once decompressed.
        begin, end: where its content lies in the file.
    """

    kind: int
    values: int
    encoding: int
    unpacked: int
    begin: int
    end: int


def read_footer(data: bytes) -> tuple[int, list[Part]]:
    """Number of rows of a Parquet file, and the parts of its columns.

    Raises:
        ValueError: it is no Parquet file, or its footer is damaged.
    """
    size = int.from_bytes(data[-8:-4], "little")
    if len(data) < 12 or data[:4] != b"PAR1" or data[-4:] != b"PAR1" or size > len(data) - 12:
        raise ValueError("it does not begin and end as a Parquet file does")
    footer = _Reader(data, len(data) - 8 - size, len(data) - 8).structure(0)
    rows, groups = _number(footer, 3), _list(footer, 4)
    widths = [_width(leaf) for leaf in _list(footer, 2) if not (isinstance(leaf, dict) and leaf.get(5))]
    if rows < 0 or sum(_number(group, 3) for group in groups) != rows or any(_number(g, 3) < 0 for g in groups):
        raise ValueError("its parts do not add up to its rows")
    parts = []
    for group in groups:
        columns = _list(group, 1)
        if len(columns) != len(widths):
            raise ValueError("a part of it has other columns than the whole")
        parts += [_part(column, width, len(data)) for column, width in zip(columns, widths, strict=True)]
    return rows, parts


def _width(leaf: Any) -> int:
    kind = _number(leaf, 1)
    return max(0, _number(leaf, 2)) if kind == _FIXED else _WIDTHS.get(kind, 0)


def _part(column: Any, width: int, end: int) -> Part:
    about = column.get(3) if isinstance(column, dict) else None
    codec, values, packed, begin = (_number(about, field) for field in (4, 5, 7, 9))
    dictionary = about.get(11) if isinstance(about, dict) else None
    if begin == values == 0:  # a column without a row has no page of data, and nothing of it is read
        begin, packed = 4, 0
    elif isinstance(dictionary, int) and 0 < dictionary < begin:
        begin = dictionary
    name = b".".join(level for level in _list(about, 3) if isinstance(level, bytes)).decode(errors="replace")
    if values < 0 or packed < 0 or begin < 4 or begin + packed > end:
        raise ValueError(f"the column {name[:80]!r} lies outside it")
    return Part(name, width, _CODECS[codec] if 0 <= codec < len(_CODECS) else "unknown", values, begin, begin + packed)


def read_pages(data: bytes, part: Part) -> Iterator[Page]:
    """The pages of a part of a column.

    Raises:
        ValueError: a header is none, or its sizes are negative or beyond the part.
    """
    at = part.begin
    while at < part.end:
        page = _page(data, at, part.end)
        yield page
        at = page.end


def _page(data: bytes, at: int, end: int) -> Page:
    reader = _Reader(data, at, end)
    found = reader.structure(0)
    kind, unpacked, packed = (_number(found, field) for field in (1, 2, 3))
    values = encoding = 0
    if kind in (0, 2, 3):
        about = found.get({0: 5, 2: 7, 3: 8}[kind])
        values, encoding = _number(about, 1), _number(about, 4 if kind == 3 else 2)
    if min(unpacked, packed, values) < 0 or reader.at + packed > end:
        raise ValueError("the size of a page is out of range")
    return Page(kind, values, encoding, unpacked, reader.at, reader.at + packed)


def _number(found: Any, field: int) -> int:
    value = found.get(field) if isinstance(found, dict) else None
    if not isinstance(value, int):
        raise ValueError("a header lacks a number")
    return value


def _list(found: Any, field: int) -> list[Any]:
    value = found.get(field) if isinstance(found, dict) else None
    if not isinstance(value, list):
        raise ValueError("a header lacks a list")
    return value


class _Reader:
    """Walks over one structure of Thrift."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self.data, self.at, self.end = data, at, end

    def structure(self, depth: int) -> dict[int, Any]:
        """Values by number of the field."""
        if depth > _DEPTH:
            raise ValueError("a header is nested too deep")
        found: dict[int, Any] = {}
        field = 0
        while kind := self._byte():
            field = field + (kind >> 4) if kind >> 4 else self._signed()
            found[field] = self._value(kind & 15, depth, in_list=False)
        return found

    def _value(self, kind: int, depth: int, in_list: bool) -> Any:
        if kind in (_TRUE, _FALSE):
            return bool(self._byte()) if in_list else kind == _TRUE
        if kind == _BYTE:
            return self._byte()
        if kind in (_I16, _I32, _I64):
            return self._signed()
        if kind == _DOUBLE:
            return self._bytes(8)
        if kind == _BINARY:
            return self._bytes(self._unsigned())
        if kind in (_LIST, _SET):
            head = self._byte()
            count = head >> 4 if head >> 4 < 15 else self._unsigned()
            return self._values(count, (head & 15,), depth)
        if kind == _MAP:
            count = self._unsigned()
            kinds = self._byte() if count else 0
            return self._values(count, (kinds >> 4, kinds & 15), depth)
        if kind == _STRUCT:
            return self.structure(depth + 1)
        raise ValueError("a header is damaged")

    def _values(self, count: int, kinds: tuple[int, ...], depth: int) -> list[Any]:
        if count > self.end - self.at:  # each takes a byte at least
            raise ValueError("a header is cut off")
        if depth > _DEPTH:
            raise ValueError("a header is nested too deep")
        return [self._value(kind, depth + 1, in_list=True) for _ in range(count) for kind in kinds]

    def _byte(self) -> int:
        return self._bytes(1)[0]

    def _bytes(self, count: int) -> bytes:
        if count > self.end - self.at:
            raise ValueError("a header is cut off")
        self.at += count
        return self.data[self.at - count : self.at]

    def _unsigned(self) -> int:
        value = shift = 0
        while (byte := self._byte()) >= 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
            if shift > 63:
                raise ValueError("a number of a header is too long")
        return value | byte << shift

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
