"""What lies between two states of a set, and which version number follows from it.

MAJOR where a record was changed or is lost, MINOR where records were added and those before stayed as they were, PATCH
where the same records were packed anew. A state is a set's folder, or one of its ``snapshots/VERSION``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from occset.dataset.frozen import frozen_files
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import hash_recipes, read_recipes
from occset.dataset.records import TABLES, read_note, read_table
from occset.pictures.masks import decode_rle
from occset.support.errors import BadInput, OccsetError

SNAPSHOT = "snapshot.json"
_NAMES = {"faces": "source_id", "occluders": "source_id", "textures": "source_id"}
_PACKING = ("name", "sources", "grouping")
"""Entries of a set's note that are no record; other ones there mean another packing."""


@dataclass(frozen=True)
class State:
    """One state of a set.

    Attributes:
        path, version: where it lies, and what it calls itself.
        tables: rows by id, for each table; arrays as lists, nulls as None.
        recipes: hash of each recipe file and protocol by its path; None for a snapshot, which has none.
        packing: what else its note says.
    """

    path: Path
    version: str
    tables: dict[str, dict[str, dict[str, Any]]]
    recipes: dict[str, str] | None
    packing: str


@dataclass(frozen=True)
class Change:
    """One record or recipe file that differs.

    Attributes:
        what: "added", "changed" or "lost".
        table: it belongs to; "recipes" for files of them.
        id, name: of the record, and its name in its source.
        how: which columns changed, for masks with their IoU; "" else.
    """

    what: str
    table: str
    id: str
    name: str
    how: str = ""


def is_state(path: Path) -> bool:
    """Whether a folder is a set or a snapshot of one."""
    return (path / "occset.json").is_file() or (path / SNAPSHOT).is_file()


def read_state(path: Path) -> State:
    """Read a set or a snapshot.

    Raises:
        OccsetError: it is neither.
        BadInput: a table, a note or a recipe file is broken.
    """
    if (path / SNAPSHOT).is_file():
        note = read_note(path / SNAPSHOT)
        frames = {name: read_table(path / f"{name}.parquet", schema) for name, schema in TABLES.items()}
        return State(path, str(note.get("version", "1")), _rows(frames), None, "")
    data = OcclusionSet(path)
    recipes = {file.relative_to(path).as_posix(): hash_recipes(read_recipes(file)) for file in frozen_files(data.path)}
    packing = json.dumps({name: data.head.get(name) for name in _PACKING}, sort_keys=True)
    return State(
        path, str(data.head["version"]), _rows({name: getattr(data, name) for name in TABLES}), recipes, packing
    )


def _rows(frames: dict[str, pd.DataFrame]) -> dict[str, dict[str, dict[str, Any]]]:
    found = {}
    for name, frame in frames.items():
        rows = pa.Table.from_pandas(frame[TABLES[name].names], schema=TABLES[name], preserve_index=False).to_pylist()
        found[name] = {row["id"]: row for row in rows}
    return found


def changes(before: State, after: State) -> list[Change]:
    """All that differs between two states, by table and id."""
    found = [change for table in TABLES for change in _of_table(table, before.tables[table], after.tables[table])]
    if before.recipes is not None and after.recipes is not None:
        found += list(_of_files(before.recipes, after.recipes))
    return found


def _of_table(table: str, old: dict[str, dict[str, Any]], new: dict[str, dict[str, Any]]) -> Iterator[Change]:
    for key in sorted({*old, *new}):
        row = new.get(key) or old[key]
        name = str(row[_NAMES[table]])
        if key not in old:
            yield Change("added", table, key, name)
        elif key not in new:
            yield Change("lost", table, key, name)
        elif old[key] != new[key]:
            columns = [column for column in TABLES[table].names if old[key][column] != new[key][column]]
            yield Change("changed", table, key, name, ", ".join(_how(c, old[key], new[key]) for c in columns))


def _of_files(old: dict[str, str], new: dict[str, str]) -> Iterator[Change]:
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            what = "added" if name not in old else "lost" if name not in new else "changed"
            yield Change(what, "recipes", (new.get(name) or old[name])[:16], name)


def _how(column: str, old: dict[str, Any], new: dict[str, Any]) -> str:
    if column in ("split", "verdict", "category", "licence"):
        return f"{column} {old[column]} -> {new[column]}"
    if column != "mask" or old["mask"] is None or new["mask"] is None:
        return column
    try:
        a, b = (decode_rle(row["mask"], row["height"], row["width"]) > 0 for row in (old, new))
    except BadInput:
        return column
    together = np.count_nonzero(a | b) if a.shape == b.shape else 0
    return f"mask (IoU {np.count_nonzero(a & b) / together:.3f})" if together else column


def part_that_rises(before: State, after: State, found: list[Change]) -> str:
    """Which part of a version number rises: "major", "minor", "patch", or "" where nothing differs."""
    kinds = {change.what for change in found}
    if kinds & {"changed", "lost"}:
        return "major"
    if kinds:
        return "minor"
    return "patch" if before.packing and after.packing and before.packing != after.packing else ""


def next_version(version: str, part: str) -> str:
    """The version number that follows.

    Args:
        version: up to three whole numbers, "1" or "1.4" or "1.4.2".
        part: "major", "minor", "patch", or "" for none.

    Raises:
        OccsetError: the version is no such number.

    >>> next_version("1", "minor"), next_version("1.4.2", "major"), next_version("1.4", "patch")
    ('1.1.0', '2.0.0', '1.4.1')
    """
    parts = version.split(".")
    if len(parts) > 3 or not all(one.isdecimal() and one.isascii() and len(one) < 10 for one in parts):
        raise OccsetError(
            f"the version '{version}' is no number such as 1 or 1.4.2, so that none follows: the part that rises is the "
            f"{part or 'none'} one; name it with  occset snapshot SET --version ..."
        )
    numbers = [*(int(one) for one in parts), 0, 0][:3]
    at = {"major": 0, "minor": 1, "patch": 2}.get(part)
    if at is None:
        return version
    return ".".join(str(n) for n in (*numbers[:at], numbers[at] + 1, *([0] * (2 - at))))
