"""Hugging Face ``imagefolder``: a folder that is a data set repository, with the configurations faces, occluders, textures.

``CONFIG/SPLIT/metadata.parquet`` names the files of each row: ``file_name`` becomes the column ``image``, and
``mask_file_name`` the column ``mask``. Recipe files of the set make the configuration ``recipes``.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from occset.dataset.frozen import frozen_files
from occset.pictures.masks import write_mask
from occset.publishing.card import card_text, own_words
from occset.publishing.facts import facts_of
from occset.publishing.formats.contents import Contents, Tick, about, suffix_of_file
from occset.publishing.front_matter import front_matter
from occset.support.files import copy_atomic, write_atomic

_FILES = {"faces": "image", "occluders": "cutout", "textures": "path"}
_POINTS = pa.list_(pa.list_(pa.float32()))
_COLUMNS = {
    "file_name": pa.string(), "mask_file_name": pa.string(), "id": pa.string(), "source": pa.string(),
    "source_id": pa.string(), "split": pa.string(), "width": pa.int32(), "height": pa.int32(), "identity": pa.string(),
    "group": pa.string(), "category": pa.string(), "face": pa.string(), "round": pa.int32(), "annotator": pa.string(),
    "licence": pa.string(), "sha256": pa.string(), "landmarks": _POINTS, "landmarks_source": pa.string(),
    "flags": pa.string(),
}  # fmt: skip


def write(contents: Contents, out: Path, tick: Tick) -> list[str]:
    """Write the repository; see `occset.publishing.formats.export.FORMATS`."""
    configs: list[dict[str, Any]] = []
    own = own_words(contents.data)  # what cannot be published is told before anything is written
    for table in _FILES:
        files = []
        for split in contents.splits:
            rows = contents.of_split(table, split)
            if rows:
                _write_split(contents, table, rows, out / table / split, tick)
                files.append({"split": _hub_split(split), "path": f"{table}/{split}/**"})
        if files:
            configs.append({"config_name": table, "data_files": files, "drop_labels": True})
    if configs:
        configs[0]["default"] = True
    recipes = frozen_files(contents.data.path)
    for path in recipes:
        copy_atomic(path, out / "recipes" / path.name)
    if recipes:
        configs.append({"config_name": "recipes", "data_files": [{"split": "train", "path": "recipes/*.parquet"}]})
    write_atomic(out / "README.md", readme(contents, configs, own).encode("utf-8", "backslashreplace"))
    return [
        f"{len(contents)} items in the configurations {', '.join(one['config_name'] for one in configs)}",
        f"datasets.load_dataset('{out}', '{configs[0]['config_name']}')  reads it",
    ]


def readme(contents: Contents, configs: list[dict[str, Any]], own: str) -> str:
    """The page of the repository, with its makers' words."""
    return front_matter(contents.data, configs) + "\n" + card_text(facts_of(contents.data, workers=1), own)


def _write_split(contents: Contents, table: str, rows: list[dict[str, Any]], folder: Path, tick: Tick) -> None:
    told = []
    for row in rows:
        file = f"pictures/{row['id']}{suffix_of_file(row[_FILES[table]])}"
        contents.copy(table, row, folder / file)
        entry = {"file_name": file, **about(table, row)}
        if table == "faces":
            entry |= {"mask_file_name": f"masks/{row['id']}.png", "flags": json.dumps(entry["flags"], sort_keys=True)}
            if not (folder / entry["mask_file_name"]).exists():
                write_mask(folder / entry["mask_file_name"], contents.mask(row))
        told.append(entry)
        tick()
    schema = pa.schema([(name, kind) for name, kind in _COLUMNS.items() if name in told[0]])
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(told, schema=schema), sink, compression="zstd")
    write_atomic(folder / "metadata.parquet", sink.getvalue())


def _hub_split(split: str) -> str:
    return {"val": "validation"}.get(split, split)
