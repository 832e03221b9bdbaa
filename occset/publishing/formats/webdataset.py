"""WebDataset: ``SPLIT-00000-of-00003.tar`` with the members ``KEY.image.jpg KEY.mask.png KEY.json`` of each face.

Cut-outs (``KEY.cutout.png``) and textures (``KEY.texture.png``) lie in shards of their own. ``index.json`` lists all shards
with counts and sha256.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from occset.pictures.images import encode_png
from occset.publishing.formats.contents import Contents, Tick, about, suffix_of_file
from occset.publishing.formats.shards import INDEX, index_of, json_member, write_tar
from occset.support.files import write_atomic
from occset.support.reading import read_file

A_SHARD = 1000
"""Samples of one tar."""

_PREFIX = {"faces": "", "occluders": "occluders-", "textures": "textures-"}


def write(contents: Contents, out: Path, tick: Tick) -> list[str]:
    """Write the shards and their index; see `occset.publishing.formats.export.FORMATS`."""
    index: dict[str, list[dict[str, Any]]] = {}
    for table, prefix in _PREFIX.items():
        for split in contents.splits:
            rows = contents.of_split(table, split)
            chunks = [rows[at : at + A_SHARD] for at in range(0, len(rows), A_SHARD)]
            written = {}
            for at, chunk in enumerate(chunks):
                path = out / f"{prefix}{split}-{at:05d}-of-{len(chunks):05d}.tar"
                if path.exists():  # whole, since it was renamed when it was
                    for _ in chunk:
                        tick()
                else:
                    write_tar(path, _samples(contents, table, chunk, tick))
                written[path] = len(chunk)
            if written:
                index[f"{prefix}{split}"] = index_of(written, out)
    write_atomic(out / INDEX, (json.dumps(index, indent=2) + "\n").encode())
    shards = sum(len(entries) for entries in index.values())
    return [
        f"{len(contents)} items in {shards} shards, listed in {INDEX}",
        "wds.WebDataset('train-00000-of-00001.tar', shardshuffle=False).decode('rgb8')  reads one",
    ]


def _samples(
    contents: Contents, table: str, rows: list[dict[str, Any]], tick: Tick
) -> Iterator[tuple[str, dict[str, bytes]]]:
    for row in rows:
        picture = read_file(contents.file(table, row))
        if table == "faces":
            members = {
                f"image{suffix_of_file(row['image'])}": picture,
                "mask.png": encode_png(contents.mask(row)),
            }
        else:
            members = {f"{table.removesuffix('s').replace('occluder', 'cutout')}.png": picture}
        yield row["id"], {**members, "json": json_member(about(table, row))}
        tick()
