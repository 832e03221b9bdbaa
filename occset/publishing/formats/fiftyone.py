"""FiftyOneDataset: faces, cut-outs and textures with their fields, masks and cut-outs by path; read by FiftyOne offline.

out/metadata.json  samples.json
    data/ID.jpg                          pictures
    fields/face.detections/ID.png        the visible face, in its box
    fields/occluders.detections/ID.png   where a cut-out lies on the face that it was cut from, in its box
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from occset.dataset.records import FILES_OF, TAG, tags_of
from occset.pictures.masks import write_mask
from occset.publishing.formats.contents import Contents, Tick, about, cutouts_in_place, suffix_of_file
from occset.publishing.formats.fiftyone_layout import Entry, Region, View, documents, folder_of, place
from occset.support.files import write_atomic

FACE, OCCLUDERS = "face", "occluders"
KINDS = {"faces": "face", "occluders": "cut-out", "textures": "texture"}
"""What a sample is, by the table of the set that it comes from."""

VIEWS = tuple(View(f"only {KINDS[table]}s", f"The {table} of the set.", {"kind": KINDS[table]}) for table in KINDS)


def write(contents: Contents, out: Path, tick: Tick) -> list[str]:
    """Write the layout; see `occset.publishing.formats.export.FORMATS`."""
    entries = []
    for table in KINDS:
        for row in getattr(contents, table):
            file = f"data/{row['id']}{suffix_of_file(row[FILES_OF[table]])}"
            contents.copy(table, row, out / file)
            entry = entry_of(table, row, file)
            if table == "faces":
                face = region_of(out, FACE, row["id"], "face", contents.mask(row))
                pieces = [piece_of(out, piece, mask) for piece, mask in cutouts_in_place(contents, row)]
                entry = entry.showing(**{FACE: [face], OCCLUDERS: pieces})
            entries.append(entry)
            tick()
    head = contents.data.head
    info = {"version": str(head["version"]), "content_hash": contents.data.content_hash()}
    views = [view for view in VIEWS if any(entry.told["kind"] == view.match["kind"] for entry in entries)]
    metadata, samples = documents(str(head["name"]), entries, views, info, {FACE: ["face"]})
    write_atomic(out / "samples.json", samples)
    write_atomic(out / "metadata.json", metadata)
    return [
        f"{len(entries)} samples, {len(contents.faces)} of them faces with masks by path",
        f"fiftyone.Dataset.from_dir('{out}', dataset_type=fiftyone.types.FiftyOneDataset)  reads it",
    ]


def entry_of(table: str, row: Mapping[str, Any], file: str) -> Entry:
    """What is said of an item of a set, without its masks.

    Args:
        table: "faces", "occluders" or "textures".
        row: of it, plain, see `occset.publishing.formats.contents.plain`.
        file: of its picture.
    """
    told = about(table, dict(row))
    points = told.pop("landmarks", None)
    del told["width"], told["height"]
    if "round" in told:
        told["round"] = _whole(told["round"])
    if table == "faces":
        told["flags"] = [
            f"{name}: {value}" for name, value in sorted(told["flags"].items()) if not name.startswith(TAG)
        ]
        told["verdict"] = row["verdict"]
    verdict = (row["verdict"],) if table == "faces" and row["verdict"] else ()
    return Entry(
        id=row["id"],
        file=file,
        size=(int(row["height"]), int(row["width"])),
        tags=(*verdict, *sorted(tags_of(row) if table == "faces" else ())),
        told={"item": told.pop("id"), "kind": KINDS[table], **told, "split": row["split"] or "excluded"},
        points={} if points is None else {"landmarks": np.asarray(points, np.float64)},
    )


def region_of(
    out: Path, field: str, name: str, label: str, mask: np.ndarray, told: Mapping[str, Any] | None = None
) -> Region:
    """A mask (H, W) uint8 0/255 of a picture, whose box is written below ``out`` unless it is there.

    Args:
        out: the folder of the layout.
        field: of the samples.
        name: of the file, unlike all others of the field.
        label: what the mask is.
        mask: as large as the picture.
        told: more about it.
    """
    x, y, w, h = place(mask)
    file = f"{folder_of(field)}/{name}.png"
    if not (out / file).exists():
        write_mask(out / file, mask[y : y + h, x : x + w])
    return Region(label, (x, y, w, h), file, told or {})


def piece_of(out: Path, row: Mapping[str, Any], mask: np.ndarray) -> Region:
    """Where a cut-out lies on its face, by its row and a mask (H, W) of the face; see `region_of`."""
    told = {"cutout": row["id"], "annotator": row["annotator"], "round": _whole(row["round"])}
    return region_of(out, OCCLUDERS, row["id"], row["category"], mask, told)


def _whole(value: float | None) -> int | None:
    """A number of a column with nulls, which pandas keeps as a float."""
    return None if value is None else int(value)
