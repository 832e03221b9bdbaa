"""FaceOcc's layout: ``internet/CATEGORY/ID.png`` with alpha and ``texture/CATEGORY_ID.png``; faces beside them, as
``images/ID.jpg`` with ``masks/ID.png``.

``about.csv`` says of each file what the layout has no place for.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from occset.pictures.masks import write_mask
from occset.publishing.formats.contents import Contents, Tick, about, folder_name, suffix_of_file
from occset.support.files import write_atomic

ABOUT = "about.csv"


def write(contents: Contents, out: Path, tick: Tick) -> list[str]:
    """Write pictures, masks, cut-outs and textures; see `occset.publishing.formats.export.FORMATS`."""
    told: list[tuple[str, dict[str, Any]]] = []
    renamed: set[str] = set()
    for row in contents.faces:
        file = f"images/{row['id']}{suffix_of_file(row['image'])}"
        contents.copy("faces", row, out / file)
        mask = out / "masks" / f"{row['id']}.png"
        if not mask.exists():
            write_mask(mask, contents.mask(row))
        told.append((file, about("faces", row)))
        tick()
    for row in contents.occluders:
        folder = folder_name(row["category"])
        renamed |= {row["category"]} if folder != row["category"] else set()
        file = f"internet/{folder}/{row['id']}.png"
        contents.copy("occluders", row, out / file)
        told.append((file, about("occluders", row)))
        tick()
    for row in contents.textures:
        first = folder_name(row["category"]).replace("_", "-")  # what follows the first _ is no category any more
        renamed |= {row["category"]} if first != row["category"] else set()
        file = f"texture/{first}_{row['id']}.png"
        contents.copy("textures", row, out / file)
        told.append((file, about("textures", row)))
        tick()
    write_atomic(out / ABOUT, _table(told).encode())
    said = [f"{len(contents.occluders)} cut-outs, {len(contents.textures)} textures and {len(contents.faces)} faces"]
    if renamed:
        said.append(f"categories that cannot be folders were spelt otherwise ({len(renamed)}); {ABOUT} has their names")
    if contents.occluders or contents.textures:
        said.append(f"occset new SET --occluders 'faceocc:{out}?crop=no' --textures faceocc:{out}  reads them again")
    if contents.faces:
        said.append(f"occset new SET --faces image-masks:{out}  reads the faces again")
    return said


def _table(told: list[tuple[str, dict[str, Any]]]) -> str:
    """The rows as CSV, each text quoted, lists and objects as JSON."""
    columns = list(dict.fromkeys(name for _, row in told for name in row))
    sink = io.StringIO()
    writer = csv.writer(sink, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow(["file", *columns])
    for file, row in told:
        writer.writerow([file, *(_cell(row.get(name)) for name in columns)])
    return sink.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else value
