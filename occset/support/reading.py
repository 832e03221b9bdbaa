"""Files that a stranger may have made: read only where they are files, of a size, and JSON only where it is sound.

A pipe would be waited for without an end and a device read without one; nested JSON ends in a `RecursionError` here or in
whoever walks it later; a number of 5000 digits or an infinity is met where nobody expects it. Everything that is read
whole goes through `read_file`, and all JSON through `parse_json`.
"""

from __future__ import annotations

import array
import collections
import errno
import itertools
import json
import math
import os
import re
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NoReturn

from occset.support.errors import BadInput

MOST_BYTES = 1 << 30
"""Of a file that is read whole, unless less is asked for."""

MOST_JSON = 32 << 20
"""Bytes of a JSON file, unless more is asked for; what it holds takes up to thirty times as much memory."""

MOST_DEPTH = 64
"""Levels of lists and objects in a JSON; ours and those of sources have less than ten."""

_PART = 1 << 20  # bytes
_MOST_DIGITS = 300  # of a whole number: one of fewer can still become a float
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_TEXT = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_EXTREME = re.compile(rf"[eE]\+?\d{{3}}|\d{{{_MOST_DIGITS}}}")
_TOKEN = re.compile(rf"{_TEXT}|[\[\]{{}}]", re.DOTALL)
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))
_NO_STRUCTURE = bytes(set(range(256)) - set(b'[]{}"'))
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")


_followed: ContextVar[dict[Path, bytes] | None] = ContextVar("_followed", default=None)


@contextmanager
def followed() -> Iterator[dict[Path, bytes]]:
    """Within ``with``: the files that are read whole, each with its bytes, in the order in which they are first read."""
    files: dict[Path, bytes] = {}
    token = _followed.set(files)
    try:
        yield files
    finally:
        _followed.reset(token)


def read_file(path: Path | str, most: int = MOST_BYTES) -> bytes:
    """All bytes of a regular file, which may be reached through a link.

    Args:
        path: the file.
        most: bytes.

    Raises:
        OSError: it is missing, is a folder, or may not be read.
        BadInput: it is a pipe, a socket or a device, or has more bytes than `most`; names the file and what to do.
    """
    path = Path(path)
    _check_kind(path, path.stat().st_mode)  # before it is opened: opening may already do something to a device
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(handle, "rb") as stream:  # noqa: PTH123 - of a handle
        _check_kind(path, os.fstat(handle).st_mode)  # it may have been replaced meanwhile
        size = os.fstat(handle).st_size
        data = stream.read(size + 1) if size <= most else b""  # room is made for as much as is asked for
        if len(data) > size:  # it grows, or it is a file whose size the system does not know
            data += stream.read(min(most, _PART))
    size = max(size, len(data))
    if size > most:
        raise BadInput(f"{path} has {size} bytes, more than the limit of {most}: make it smaller or remove it")
    files = _followed.get()
    if files is not None:
        files.setdefault(path, data)
    return data


def _check_kind(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise BadInput(f"{path} is {kind}, not a file: remove it, or put a copy of the file there")


def read_json(path: Path | str, most: int = MOST_JSON, **options: Any) -> Any:
    """What a JSON file holds.

    Args:
        path: the file.
        most: bytes.
        options: of `parse_json`.

    Raises:
        OSError, BadInput: as `read_file`.
        ValueError: as `parse_json`.
    """
    return parse_json(read_file(path, most), **options)


def parse_json(
    data: bytes | str,
    *,
    any_number: bool = False,
    prune: bool = False,
    whole_characters: bool = False,
    without: Collection[str] = (),
) -> Any:
    """What a JSON text holds, as `json.loads` gives it, and a reason in one line where it is not sound.

    Args:
        data: text, or bytes in UTF-8, with or without a byte order mark.
        any_number: NaN and infinities, which Python writes though JSON has none, are read as such.
        prune: what lies deeper than `MOST_DEPTH` becomes null, instead of an error.
        whole_characters: half of a surrogate pair, which no file can be written with, is an error.
        without: keys of objects that are left out.

    Raises:
        ValueError: no JSON, no UTF-8, nested deeper than `MOST_DEPTH`, a key twice in an object, NaN, an infinity, a
            number too large for a float, or more digits than 300. Never `RecursionError`.
        TypeError: neither text nor bytes.
    """
    if not isinstance(data, str | bytes):
        raise TypeError(f"JSON is text or bytes, not {type(data).__name__}")
    text = data.removeprefix("\ufeff") if isinstance(data, str) else data.decode("utf-8-sig")
    if _depth(text) > MOST_DEPTH:
        if not prune:
            raise ValueError(f"its lists and objects are nested deeper than {MOST_DEPTH} levels")
        text = _pruned(text)

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            (twice, _), *_ = collections.Counter(key for key, _ in pairs).most_common(1)
            raise ValueError(f"the key {twice[:40]!r} is there twice in an object")
        for key in without:
            found.pop(key, None)
        return found

    # asking for each number costs more than the parsing, so only a text that may hold an extreme one is asked
    numbers: dict[str, Any] = {} if any_number else {"parse_constant": _refuse}
    if not any_number and _EXTREME.search(text):
        numbers |= {"parse_int": _whole, "parse_float": _finite}
    try:
        found = json.loads(text, object_pairs_hook=object_of, **numbers)
    except RecursionError:  # its caller is deep down already
        raise ValueError("its lists and objects are nested too deep") from None
    if whole_characters and _HALF_CHARACTER.search(text):
        _check_characters(found)
    return found


def _depth(text: str) -> int:
    """How deep brackets lie in each other, those inside strings left aside. In C, but for a loop over no more than them."""
    data = text.encode("utf-8", "surrogatepass")
    if b'"' in data:
        plain = data.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _NO_STRUCTURE)
        data = re.sub(rb'"[^"]*"', b"", plain)
    steps = array.array("b", data.translate(_STEPS, _NO_BRACKET))
    return max(itertools.accumulate(steps), default=0)


def _pruned(text: str) -> str:
    """The text with null for each list or object below `MOST_DEPTH`."""
    parts, depth, kept, cut = [], 0, 0, -1
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in "[{":
            depth += 1
            if depth == MOST_DEPTH + 1:
                cut = match.start()
        elif token in "]}":
            if depth == MOST_DEPTH + 1 and cut >= 0:
                parts += [text[kept:cut], "null"]
                kept, cut = match.end(), -1
            depth -= 1
    return "".join([*parts, text[kept : cut if cut >= 0 else len(text)]])


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits is too large")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"the number {digits[:40]} is too large")
    return value


def _check_characters(found: Any) -> None:
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("a text in it holds half of a character") from error
