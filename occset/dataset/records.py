"""The tables of a set: which columns each has, and how they are read and written.

pandas in, pandas out; on disk Parquet with the schema given here, so that an empty table has its types too.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from occset.support.errors import BadInput
from occset.support.files import write_atomic
from occset.support.parquet_files import read_parquet
from occset.support.reading import parse_json, read_file, read_json

MACHINE = "mask_origin"
"""Flag of a face whose mask a model made: which one, see `occset.mining.machine_masks`."""

TAG = "tag:"
"""Beginning of the flags of a face that are tags, which people gave it; the rest of the name is the tag."""

SCHEMA_VERSION = 1

_ALWAYS_UNPACKED, _UNPACKED_PER_BYTE = 64 << 20, 100  # bytes of all arrays of an archive

_POINTS = pa.list_(pa.float32())

FACES = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("source_id", pa.string()),
        ("image", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("mask", pa.string()),  # COCO RLE counts over (height, width); null where nobody labelled it
        ("landmarks", _POINTS),  # x0, y0, x1, y1, ... in pixels of the image; null where unknown
        ("landmarks_source", pa.string()),
        ("identity", pa.string()),
        ("group", pa.string()),  # who belongs together when splitting
        ("split", pa.string()),
        ("flags", pa.string()),  # JSON object of short strings
        ("truth", pa.string()),  # path of an .npz with what else is known of a rendered face
        ("verdict", pa.string()),  # why an annotator wants the face out, one of VERDICTS; null for one that may be used
        ("licence", pa.string()),
        ("sha256", pa.string()),  # of the decoded pixels
        ("phash", pa.string()),
    ]
)
OCCLUDERS = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("source_id", pa.string()),
        ("cutout", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("category", pa.string()),
        ("landmarks", _POINTS),
        ("face", pa.string()),  # id of the face it was cut from
        ("round", pa.int32()),
        ("annotator", pa.string()),
        ("lead_time", pa.float64()),  # seconds of labelling; null for what no annotator drew
        ("split", pa.string()),
        ("licence", pa.string()),
        ("sha256", pa.string()),
        ("phash", pa.string()),  # over white, the same for its mirror image
    ]
)
TEXTURES = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("source_id", pa.string()),
        ("path", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("category", pa.string()),
        ("split", pa.string()),
        ("licence", pa.string()),
        ("sha256", pa.string()),
        ("phash", pa.string()),
    ]
)
TABLES = {"faces": FACES, "occluders": OCCLUDERS, "textures": TEXTURES}
VERDICTS = ("unusable", "skipped", "discuss")
"""What an annotator can say of a face instead of labelling it: it cannot be used, it was passed over, it must be talked
about."""
SPARSE = {"verdict", "quality", "comment"}
"""Columns that are in a file only where one of their cells is set: whoever does not use them has the files of before."""
LATER = {"lead_time", *SPARSE}
"""Columns that sets of before do not have; they are read as nulls, and a null in them is no part of the content."""
FILES_OF = {"faces": "image", "occluders": "cutout", "textures": "path"}
"""The column of each table that holds the path of the picture."""


def empty(schema: pa.Schema) -> pd.DataFrame:
    """A table without rows and with the schema's types."""
    return schema.empty_table().to_pandas()


def read_table(path: Path, schema: pa.Schema) -> pd.DataFrame:
    """Read a Parquet table and hold it to its schema.

    Raises:
        BadInput: the file is broken, or lacks a column; names the file and what to do.
    """
    try:
        table = read_parquet(path, schema.names)
        for name in LATER.intersection(schema.names).difference(table.column_names):
            table = table.append_column(name, pa.nulls(len(table), schema.field(name).type))
        missing = [name for name in schema.names if name not in table.column_names]
        frame = None if missing else table.select(schema.names).cast(schema).to_pandas()
    except FileNotFoundError:
        return empty(schema)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadInput(
            f"{path}: not a readable Parquet file ({error}): restore it from a snapshot or a copy"
        ) from error
    if frame is None:
        raise BadInput(f"{path}: lacks the columns {', '.join(missing)}: was it written by another version of occset?")
    if frame["id"].isna().any() or frame["id"].duplicated().any():
        raise BadInput(f"{path}: two rows share an id, or one has none: restore it from a snapshot or a copy")
    return frame


def to_bytes(frame: pd.DataFrame, schema: pa.Schema, metadata: dict[str, str] | None = None) -> bytes:
    """A table as the bytes of a Parquet file; the same rows give the same bytes."""
    unused = [name for name in schema.names if name in SPARSE and frame[name].isna().all()]
    for name in unused:
        schema = schema.remove(schema.get_field_index(name))
    table = pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False)
    table = table.replace_schema_metadata({k.encode(): v.encode() for k, v in (metadata or {}).items()})
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()


def write_table(path: Path, frame: pd.DataFrame, schema: pa.Schema, metadata: dict[str, str] | None = None) -> None:
    """Write a table as Parquet, atomically."""
    write_atomic(path, to_bytes(frame, schema, metadata))


def content_hash(tables: dict[str, pd.DataFrame]) -> str:
    """Hash over all rows of tables, by id: 64 hex digits, the same whichever version of pandas holds them."""
    digest = hashlib.sha256()
    for name, frame in tables.items():
        rows = pa.Table.from_pandas(frame[TABLES[name].names], schema=TABLES[name], preserve_index=False).to_pylist()
        for row in sorted(rows, key=lambda row: row["id"]):
            known = {column: cell for column, cell in row.items() if cell is not None or column not in LATER}
            digest.update(json.dumps({"table": name, **known}, sort_keys=True).encode())
    return digest.hexdigest()


def read_note(path: Path) -> dict[str, Any]:
    """Read a JSON object that occset wrote.

    Raises:
        BadInput: missing, or no JSON object.
    """
    try:
        note = read_json(path, any_number=True)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: not readable JSON ({error}): restore it from a copy") from error
    if not isinstance(note, dict):
        raise BadInput(f"{path}: not a JSON object: restore it from a copy")
    return note


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of an ``.npz`` by name; nothing in it is unpickled.

    Raises:
        BadInput: missing or broken.
    """
    try:
        data = read_file(path)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:  # which reads no more of an entry than it says there is
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > max(_ALWAYS_UNPACKED, _UNPACKED_PER_BYTE * len(data)):
            raise BadInput(f"{path} has {len(data)} bytes and would unpack to {unpacked}: remove it and import again")
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            return dict(stored)
    except (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise BadInput(
            f"{path}: not a readable .npz file ({error}): restore it, or remove it and import again"
        ) from error


def pack_points(points: np.ndarray | None) -> list[float] | None:
    """(N, 2) points to the flat list of a table cell; None stays None."""
    return None if points is None else [float(v) for v in np.asarray(points, np.float32).ravel()]


def unpack_points(cell: object) -> np.ndarray | None:
    """A table cell to (N, 2) float64 points; a null stays None."""
    if cell is None or (isinstance(cell, float) and np.isnan(cell)):
        return None
    return np.asarray(cell, np.float64).reshape(-1, 2)


def flags_of(row: Mapping[str, Any]) -> dict[str, str]:
    """The flags of a face, from its row.

    Raises:
        BadInput: they are no JSON object.
    """
    return _flags(row["flags"]) if isinstance(row["flags"], str) else {}


def with_flag(row: Mapping[str, Any], name: str, value: str | None) -> str:
    """The cell of a face's flags with one of them set, or without it where the value is None."""
    flags = {key: known for key, known in flags_of(row).items() if key != name}
    return json.dumps(flags if value is None else {**flags, name: value}, sort_keys=True)


def tags_of(row: Mapping[str, Any]) -> set[str]:
    """The tags that people gave a face, from its row; raises `BadInput` as `flags_of` does."""
    return {name.removeprefix(TAG) for name in flags_of(row) if name.startswith(TAG)}


def with_tags(row: Mapping[str, Any], tags: Iterable[str]) -> str | None:
    """The cell of a face's flags with these tags and no others; null where nothing is left and nothing was."""
    flags = {name: value for name, value in flags_of(row).items() if not name.startswith(TAG)}
    flags |= {TAG + tag: "yes" for tag in tags}
    return json.dumps(flags, sort_keys=True) if flags or isinstance(row["flags"], str) else None


def flag_of(frame: pd.DataFrame, name: str) -> pd.Series:
    """One flag of each face as a column of strings, "" where it is not set.

    Raises:
        BadInput: the flags of a face are no JSON object.
    """
    return frame["flags"].map(lambda cell: _flags(cell).get(name, "") if isinstance(cell, str) and cell else "")


def _flags(cell: str) -> dict[str, Any]:
    try:
        found = parse_json(cell)
        if isinstance(found, dict):
            return found
        reason = "no object"
    except (TypeError, ValueError) as error:
        reason = str(error)
    raise BadInput(
        f"the flags {cell!r:.60} of a face are not a JSON object ({reason}): restore faces.parquet from a snapshot or a copy"
    )
