"""Occluders that annotators drew: cut out of the photo with soft edges, and put into the set's table."""

from __future__ import annotations

from typing import Any

import pandas as pd

from occset.annotation.labels.cutouts import cut_outs
from occset.annotation.labels.task_reader import Reading
from occset.annotation.pull.decision import Decision
from occset.dataset.occlusion_set import OcclusionSet
from occset.rounds.versions import Label
from occset.sources.items import OccluderItem
from occset.support.errors import BadInput, OccsetError

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
        How many are new; the faces of which only the label was taken, since something could not be cut out or changed,
        and why; and those of them of which something could not be read, whose cut-outs stay as they were.
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
        except Exception as error:  # whatever one drawing does to the cutting, it does to that face alone
            problems.append((face, f"cannot be cut out ({type(error).__name__}): draw it again"))
            unread.add(face)
            continue
        problems += [(face, reason) for reason in left_out]
        about = {"round": number, "annotator": decisions[face].best_name or "unknown", "lead_time": best.lead_time}
        for item in found:
            row = data.store_occluder(item, SOURCE, face)
            rows.setdefault(row["id"], {**row, **about})
    added, refused = _replace(data, number, set(faces) - unread, rows)
    data.note()
    half = [(face, f"its label was merged, but an occluder was not: {why}") for face, why in problems + refused]
    return added, half, unread


def _cut(data: OcclusionSet, face: str, best: Reading) -> tuple[list[OccluderItem], list[str]]:
    licence = data.face_row(face)["licence"]
    return cut_outs(data.load_image(face), best.occluders, data.face_landmarks(face), face, licence)


def _replace(
    data: OcclusionSet, number: int, faces: set[str], rows: dict[str, dict[str, Any]]
) -> tuple[int, list[tuple[str, str]]]:
    """Put rows into the table for what was drawn of the faces so far.

    Returns:
        How many are new, and the faces of those that stay as they were though they changed, and why.
    """
    held = data.occluders
    of_faces: Any = held[held["source"].eq(SOURCE) & held["face"].isin(list(faces))].to_dict("records")
    refused = []
    with data.replacing() as change:
        for old in sorted(of_faces, key=lambda row: row["id"]):
            new = rows.get(old["id"])
            if new is None:
                if old["round"] <= number and not change.is_frozen(old):
                    change.drop_cutouts([old["id"]])
            elif changes := _changes(old, new):
                try:
                    change.check_cutout(old, changes)
                    change.drop_cutouts([old["id"]])
                except BadInput as error:
                    refused.append((new["face"], str(error)))
        change.put_cutouts(rows.values(), split=True)
    return change.added, refused


def _changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What the same pixels of the same face were called or who drew them, before and now, where that differs."""
    if old["face"] != new["face"]:
        return []
    known = {name: None if pd.isna(old[name]) else old[name] for name in _DRAWN}
    return [f"{name} {known[name]} is now {new[name]}" for name in _DRAWN if known[name] != new[name]]
