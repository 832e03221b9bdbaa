"""The folder of a published set, which holds no picture: what lies where, and reading it.

published.json           what it is, where its items come from, the sha256 of all other files
README.md, croissant.json
recipes/NAME-00000-of-00003.parquet   recipes as `occset.dataset.recipes` has them, and the hash of each sample's pixels
faces.parquet, occluders.parquet, textures.parquet   what the recipes name: where it comes from and the hash of its pixels
files.parquet            the files of the sources that these were read from
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from occset.dataset.recipes import SCHEMA, Recipe, from_rows, hash_recipes
from occset.dataset.records import read_note, to_bytes
from occset.support.errors import BadInput, OccsetError
from occset.support.files import sha256_file, write_atomic
from occset.support.parquet_files import read_parquet

NOTE = "published.json"
VERSION = 1
"""Of this layout."""

_ITEM = [("id", pa.string()), ("source", pa.string()), ("source_id", pa.string())]
_FROM = [
    ("key", pa.string()),  # by which its source is asked for it; null where its source was not at hand
    ("place", pa.int32()),  # which of the sources of published.json
    ("files", pa.list_(pa.string())),  # that it was read from, as files.parquet calls them
    ("width", pa.int32()),
    ("height", pa.int32()),
    ("split", pa.string()),
    ("licence", pa.string()),
    ("sha256", pa.string()),  # of the decoded pixels
]
TABLES = {
    "faces": pa.schema(
        [
            *_ITEM,
            *_FROM,
            ("mask", pa.string()),  # COCO RLE counts over (height, width); null where terms keep it with the source
            ("mask_from", pa.string()),  # "source", "round" or "model"
            ("mask_sha256", pa.string()),  # of the mask's pixels, 0 and 255
        ]
    ),
    "occluders": pa.schema([*_ITEM, ("category", pa.string()), ("face", pa.string()), *_FROM]),
    "textures": pa.schema([*_ITEM, ("category", pa.string()), *_FROM]),
}
FILES = pa.schema(
    [
        ("place", pa.int32()),
        ("file", pa.string()),  # its path below the folder of its source, with /
        ("bytes", pa.int64()),
        ("sha256", pa.string()),  # of its bytes
        ("pixels", pa.string()),  # hash of its decoded pixels, null for what is no picture
        ("decoder", pa.string()),  # that gave them, and its version
    ]
)
RECIPES = SCHEMA.append(pa.field("pixels", pa.string()))
"""`pixels` is `occset.publishing.published.samples.sample_hash`."""

_ID = re.compile(r"[fot][0-9a-f]{15}")
_AGAIN = "download it again"
_MAY_LACK = {"key", "mask", "face", "pixels", "decoder", "split", "licence", "category"}
_RECIPE_FILE = re.compile(r"recipes/[A-Za-z0-9_][\w.-]*\.parquet")


@dataclass(frozen=True)
class Published:
    """A published set that was read.

    Attributes:
        folder: where it lies.
        note: what published.json says.
        items: rows of `TABLES` by table and id.
        files: rows of `FILES` by (place, file).
        recipes: paths of the recipe files.
    """

    folder: Path
    note: dict[str, Any]
    items: dict[str, dict[str, dict[str, Any]]]
    files: dict[tuple[int, str], dict[str, Any]]
    recipes: list[Path]


def write_rows(path: Path, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    """Write a table, whole or not at all; the same rows give the same bytes."""
    write_atomic(path, to_bytes(pd.DataFrame(rows, columns=schema.names), schema))


def read_rows(path: Path, schema: pa.Schema) -> list[dict[str, Any]]:
    """The rows of a table that a stranger may have made.

    Raises:
        BadInput: missing, broken, another table, or a cell that must be there is not.
    """
    try:
        table = read_parquet(path, schema.names)
        if lost := [name for name in schema.names if name not in table.column_names]:
            raise BadInput(f"{path}: lacks the columns {', '.join(lost)}: {_AGAIN}")
        table = table.select(schema.names).cast(schema)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadInput(f"{path}: not a readable Parquet file ({error}): {_AGAIN}") from error
    for name in schema.names:
        if name not in _MAY_LACK and table[name].null_count:
            raise BadInput(f"{path}: a cell of {name} is empty: {_AGAIN}")
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def read_published(folder: Path) -> Published:
    """Read a published set and hold its files against their hashes.

    Raises:
        OccsetError: there is none, it is not finished, or a newer occset wrote it.
        BadInput: a file is missing, broken or another one than was published; names it.
    """
    if not (folder / NOTE).is_file():
        raise OccsetError(
            f"{folder}: no published set here ({NOTE} is missing): give a folder that occset publish wrote"
        )
    note = read_note(folder / NOTE)
    if note.get("layout") != VERSION:
        raise OccsetError(
            f"{folder / NOTE}: written by another occset (layout {note.get('layout')!r:.20}): upgrade occset"
        )
    if note.get("finished") is not True:
        raise OccsetError(f"{folder}: its publishing was cut off: run the same  occset publish  again")
    files = note.get("files")
    if not isinstance(files, dict) or not all(isinstance(digest, str) for digest in files.values()):
        raise BadInput(f"{folder / NOTE}: lacks its list of files: {_AGAIN}")
    tables = {f"{name}.parquet" for name in (*TABLES, "files")}
    recipes = sorted(name for name in files if _RECIPE_FILE.fullmatch(name))
    if not recipes or not tables <= files.keys():
        raise BadInput(f"{folder / NOTE}: does not list the tables and recipes: {_AGAIN}")
    for name in (*sorted(tables), *recipes):
        _check_file(folder / name, files[name])
    items = {table: _items(folder / f"{table}.parquet", table) for table in TABLES}
    rows = read_rows(folder / "files.parquet", FILES)
    return Published(
        folder, note, items, {(row["place"], row["file"]): row for row in rows}, [folder / name for name in recipes]
    )


def _check_file(path: Path, digest: str) -> None:
    try:
        found = sha256_file(path) if path.is_file() else ""
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}): change its permissions") from error
    if found != digest:
        is_there = "is not the file that was published" if found else "is missing"
        raise BadInput(f"{path} {is_there} (sha256): {_AGAIN}")


def _items(path: Path, table: str) -> dict[str, dict[str, Any]]:
    found = {}
    for row in read_rows(path, TABLES[table]):
        if not _ID.fullmatch(row["id"]) or row["id"][1:] != row["sha256"][:15] or row["id"][0] != table[0]:
            raise BadInput(f"{path}: the id {row['id']!r:.40} does not fit its pixels: {_AGAIN}")
        found[row["id"]] = row
    return found


class PublishedRecipes:
    """The recipes of one file, and the hash of each one's sample."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            BadInput: missing, broken, or no recipe file.
        """
        self.path = path
        self._rows = read_rows(path, RECIPES)

    def __len__(self) -> int:
        """How many."""
        return len(self._rows)

    def read(self, start: int = 0, stop: int | None = None) -> list[tuple[Recipe, str]]:
        """A range of them, each with its hash.

        Raises:
            BadInput: a row is no recipe, or does not match its id.
        """
        rows = self._rows[start:stop]
        try:
            return list(zip(from_rows(rows), (str(row["pixels"]) for row in rows), strict=True))
        except BadInput as error:
            raise BadInput(f"{self.path}: {error}") from error


def about_recipes(path: Path) -> Mapping[str, Any]:
    """How many recipes a file holds, and the hash of their list."""
    recipes = [recipe for recipe, _ in PublishedRecipes(path).read()]
    return {"recipes": len(recipes), "hash": hash_recipes(recipes)}
