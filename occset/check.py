"""`occset check`: read everything again and say what does not hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from occset import images, records
from occset.dataset import OcclusionSet
from occset.duplicates import near_pairs
from occset.errors import OccsetError
from occset.files import safe_join
from occset.masks import decode_rle
from occset.pool import default_workers, map_chunks
from occset.recipes import hash_recipes, read_metadata, read_recipes

_CHUNK = 32


@dataclass(frozen=True)
class Finding:
    """One thing that was found: `level` is "error" (the set must not be used so) or "warning"."""

    level: str
    where: str
    message: str


def check(
    data: OcclusionSet, workers: int | None = None, progress: Callable[[int, int], None] | None = None
) -> list[Finding]:
    """Check files, hashes, masks, duplicates, leaks between splits and frozen protocols.

    Returns:
        All findings, errors first; an empty list means that everything holds.
    """
    jobs: list[tuple[str, list[dict[str, Any]]]] = []
    for table in records.TABLES:
        rows = getattr(data, table).to_dict("records")
        jobs += [(table, rows[i : i + _CHUNK]) for i in range(0, len(rows), _CHUNK)]
    found: list[Finding] = []
    done, total = 0, sum(len(rows) for _, rows in jobs)
    for some, (_, rows) in zip(
        map_chunks(partial(_make_checker, data.path), jobs, workers or default_workers()), jobs, strict=True
    ):
        found += some
        done += len(rows)
        if progress:
            progress(done, total)
    found += _check_splits(data) + _check_duplicates(data) + _check_references(data) + _check_recipe_files(data)
    return sorted(found, key=lambda f: (f.level != "error", f.where, f.message))


def _make_checker(root: Path) -> Callable[[tuple[str, list[dict[str, Any]]]], list[Finding]]:
    def run(job: tuple[str, list[dict[str, Any]]]) -> list[Finding]:
        table, rows = job
        found = []
        for row in rows:
            try:
                found += [Finding("error", f"{table} {row['id']}", m) for m in _check_row(root, table, row)]
            except OccsetError as error:
                found.append(Finding("error", f"{table} {row['id']}", str(error)))
        return found

    return run


def _check_row(root: Path, table: str, row: dict[str, Any]) -> list[str]:
    path = safe_join(root, row[records.FILES_OF[table]])
    picture = images.read_rgba(path) if table == "occluders" else images.read_image(path)
    found = []
    if picture.shape[:2] != (row["height"], row["width"]):
        found.append(
            f"{path}: is {picture.shape[1]} x {picture.shape[0]}, the table says {row['width']} x {row['height']}"
        )
    elif images.pixel_hash(picture) != row["sha256"]:
        found.append(f"{path}: its pixels are not those that were added: restore the file, or remove the row")
    if table == "faces":
        if isinstance(row["mask"], str) and not decode_rle(row["mask"], row["height"], row["width"]).any():
            found.append(f"{path}: its face mask is empty: label it again")
        points = records.unpack_points(row["landmarks"])
        if points is not None and not np.isfinite(points).all():
            found.append(f"{path}: its landmarks are not finite numbers")
        if isinstance(row["truth"], str) and not safe_join(root, row["truth"]).is_file():
            found.append(f"{root / row['truth']}: missing: restore it")
    if table == "occluders" and not picture[..., 3].any():
        found.append(f"{path}: nothing of it is opaque")
    return found


def _check_splits(data: OcclusionSet) -> list[Finding]:
    found = []
    for table in records.TABLES:
        frame = getattr(data, table)
        missing = frame["split"].isna().sum()
        if missing:
            found.append(Finding("error", table, f"{missing} rows have no split: an import was cut off; run it again"))
    for group, splits in data.faces.dropna(subset=["group"]).groupby("group")["split"]:
        used = sorted(set(splits.dropna()) - {"excluded"})
        if len(used) > 1:
            found.append(
                Finding("error", f"group {group}", f"one person (or picture) lies in {' and '.join(used)}: a leak")
            )
    by_face = dict(zip(data.faces["id"], data.faces["split"], strict=True))
    harvested = data.occluders[data.occluders["face"].notna()]
    for row in harvested.to_dict("records"):
        if row["face"] in by_face and row["split"] not in (by_face[row["face"]], "excluded", None):
            found.append(
                Finding(
                    "error",
                    f"occluders {row['id']}",
                    f"split {row['split']}, but its face is in {by_face[row['face']]}: a leak",
                )
            )
    return found


def _check_duplicates(data: OcclusionSet) -> list[Finding]:
    faces = data.faces.reset_index(drop=True)
    found = []
    for i, j, bits in near_pairs(list(faces["phash"])):
        names = f"{faces['source_id'][i]} and {faces['source_id'][j]}"
        pair = {faces["split"][i], faces["split"][j]} - {"excluded"}
        level = "error" if len(pair) > 1 else "warning"
        where = f"faces {faces['id'][i]}, {faces['id'][j]}"
        found.append(Finding(level, where, f"{names} look the same ({bits} of 64 bits differ)"))
    return found


def _check_references(data: OcclusionSet) -> list[Finding]:
    faces = set(data.faces["id"])
    orphans = data.occluders[data.occluders["face"].notna() & ~data.occluders["face"].isin(list(faces))]
    return [Finding("warning", f"occluders {i}", "the face it was cut from is not in the set") for i in orphans["id"]]


def _check_recipe_files(data: OcclusionSet) -> list[Finding]:
    found = []
    ids = {"faces": set(data.faces["id"]), "occluders": set(data.occluders["id"]), "textures": set(data.textures["id"])}
    test_faces = set(data.faces.loc[data.faces["split"] == "test", "id"])
    for path in sorted([*data.path.glob("recipes/*.parquet"), *data.path.glob("protocols/*.parquet")]):
        where = str(path.relative_to(data.path))
        try:
            recipes, note = read_recipes(path), read_metadata(path)
        except OccsetError as error:
            found.append(Finding("error", where, str(error)))
            continue
        if "hash" in note and note["hash"] != hash_recipes(recipes):
            found.append(Finding("error", where, "its recipes are not those that were frozen: restore the file"))
        layers = pd.DataFrame(
            [(layer.occluder, layer.texture) for r in recipes for layer in r.layers], columns=["o", "t"]
        )
        lost = {
            "faces": {r.face for r in recipes} - ids["faces"],
            "occluders": set(layers["o"]) - ids["occluders"],
            "textures": set(layers["t"].dropna()) - ids["textures"],
        }
        found += [
            Finding("error", where, f"names {kind} that are not in the set: {sorted(x)[:3]}")
            for kind, x in lost.items()
            if x
        ]
        if path.parent.name == "protocols" and {r.face for r in recipes} - test_faces - lost["faces"]:
            found.append(Finding("error", where, "uses faces that are not in the test split: a leak"))
    return found
