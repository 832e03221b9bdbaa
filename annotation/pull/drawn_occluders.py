"""Occluders that annotators drew: cut out of the photo with soft edges, and put into the set's table."""

from __future__ import annotations

from typing import Any

import pandas as pd

from occset.annotation.labels.cutouts import cut_outs
from occset.annotation.labels.task_reader import Reading
from occset.annotation.pull.decision import Decision
from occset.dataset import records
from occset.dataset.frozen import frozen_cutouts, frozen_files
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import named_items, read_recipes
from occset.dataset.splits import split_items
from occset.rounds.versions import Label
from occset.sources.items import OccluderItem
from occset.support.errors import OccsetError
from occset.support.files import safe_join

SOURCE = "label-studio"
_DRAWN = ["category", "round", "annotator", "lead_time"]  # what may change while the pixels stay


def bring_occluders(
    data: OcclusionSet, number: int, decisions: dict[str, Decision], labels: dict[str, Label]
) -> tuple[int, list[tuple[str, str]], set[str]]:
    """Add the cut-outs of a round's labels; they have the split of their face, its licence, who drew them and how long.

    What this round or an earlier one cut out of these faces goes, with its picture, where no recipe or snapshot names
    it: the annotator has drawn it anew. Honeypots bring none: their occluders are the set's own.

    Args:
        data: the set, which the caller holds.
        number: of the round.
        decisions, labels: of the samples that were merged now, by face.

    Returns:
        How many are new; the faces of which something could not be cut out or changed, and why; and those of them of
        which something could not be read, whose cut-outs stay as they were.
    """
    held = set(data.faces["id"])
    faces = [face for face in labels if face in held]
    rows: dict[str, dict[str, Any]] = {}
    problems: list[tuple[str, str]] = []
    unread: set[str] = set()
    for face in faces:
        best = decisions[face].best
        if best is None or not best.occluders:
            continue
        try:
            found, left_out = _cut(data, face, best)
        except OccsetError as error:
            problems.append((face, str(error)))
            unread.add(face)
            continue
        problems += [(face, reason) for reason in left_out]
        about = {"round": number, "annotator": decisions[face].best_name or "unknown", "lead_time": best.lead_time}
        for item in found:
            row = data.store_occluder(item, SOURCE, face)
            rows.setdefault(row["id"], {**row, **about})
    added, refused = _replace(data, number, set(faces) - unread, rows)
    data.note()
    return added, problems + refused, unread


def _cut(data: OcclusionSet, face: str, best: Reading) -> tuple[list[OccluderItem], list[str]]:
    licence = data.face_row(face)["licence"]
    return cut_outs(data.load_image(face), best.occluders, data.face_landmarks(face), face, licence)


def _replace(
    data: OcclusionSet, number: int, faces: set[str], rows: dict[str, dict[str, Any]]
) -> tuple[int, list[tuple[str, str]]]:
    """Put rows into the table for what was drawn of the faces so far, in one write: cut off, it is as it was.

    Returns:
        How many are new, and the faces of those that stay as they were though they changed, and why.
    """
    held = data.occluders
    of_faces: Any = held[held["source"].eq(SOURCE) & held["face"].isin(list(faces))].to_dict("records")
    mine: dict[str, dict[str, Any]] = {row["id"]: row for row in of_faces}
    stale = {one for one, row in mine.items() if one not in rows and row["round"] <= number}
    changes = {one: _changes(row, rows[one]) for one, row in mine.items() if one in rows}
    changed = {one for one, told in changes.items() if told}
    named = _named(data, mine) if stale or changed else set()
    refused = [(rows[one]["face"], _refusal(mine[one], changes[one])) for one in sorted(changed & named)]
    fresh = rows.keys() - set(held["id"])
    gone, changed = stale - named, changed - named
    if gone or changed or fresh:
        kept = held[~held["id"].isin(list(gone | changed))]
        added = pd.DataFrame([rows[one] for one in rows if one in fresh | changed], columns=records.OCCLUDERS.names)
        tables = [table for table in (kept, added) if len(table)] or [kept]
        splits = zip(data.faces["id"], data.faces["split"], strict=True)
        face_splits = {face: split for face, split in splits if isinstance(split, str)}
        data.write("occluders", split_items(pd.concat(tables, ignore_index=True), face_splits))
    for path in {mine[one]["cutout"] for one in gone} - set(data.occluders["cutout"]):
        safe_join(data.path, path).unlink(missing_ok=True)
    return len(fresh), refused


def _changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What the same pixels of the same face were called or who drew them, before and now, where that differs."""
    if old["face"] != new["face"]:
        return []
    known = {name: None if pd.isna(old[name]) else old[name] for name in _DRAWN}
    return [f"{name} {known[name]} is now {new[name]}" for name in _DRAWN if known[name] != new[name]]


def _named(data: OcclusionSet, rows: dict[str, dict[str, Any]]) -> set[str]:
    """Those of the rows that a recipe file or a snapshot names."""
    items = {item for path in frozen_files(data.path) for item in named_items(read_recipes(path))["occluders"]}
    frozen = frozen_cutouts(data.path)
    return {one for one, row in rows.items() if one in items or row["cutout"] in frozen}


def _refusal(row: dict[str, Any], changes: list[str]) -> str:
    return (
        f"cut-out {row['id']} was drawn anew ({', '.join(changes)}), but a recipe file or a snapshot names it; it stays "
        "as it was: make a new set, or delete what names it and pull everything again"
    )
