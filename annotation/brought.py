"""Occluders that annotators drew: cut out of the photo with soft edges, and put into the set's table."""

from __future__ import annotations

from typing import Any

import pandas as pd

from occset import records
from occset.annotation.cutouts import cut_outs
from occset.annotation.deciding import Decision
from occset.dataset import OcclusionSet
from occset.errors import OccsetError
from occset.recipes import named_items, read_recipes
from occset.rounds.versions import Label
from occset.splits import split_items
from occset.updating import frozen_cutouts, frozen_files

SOURCE = "label-studio"


def bring_occluders(
    data: OcclusionSet, number: int, decisions: dict[str, Decision], labels: dict[str, Label]
) -> tuple[int, list[tuple[str, str]]]:
    """Add the cut-outs of a round's labels; they have the split of their face, its licence, annotator and lead time.

    What an earlier pull of the same round cut out of these faces goes, where no recipe or snapshot names it: the
    annotator has drawn it anew. Honeypots bring none: their occluders are the set's own.

    Args:
        data: the set, which the caller holds.
        number: of the round.
        decisions, labels: of the samples that were merged now, by face.

    Returns:
        How many are new, and the faces of which something could not be cut out, and why.
    """
    faces = [face for face in labels if face in set(data.faces["id"])]
    rows: list[dict[str, Any]] = []
    problems: list[tuple[str, str]] = []
    for face in faces:
        best = decisions[face].best
        if best is None or not best.occluders:
            continue
        try:
            found, left_out = _cut(data, face, decisions[face])
        except OccsetError as error:
            problems.append((face, str(error)))
            continue
        problems += [(face, reason) for reason in left_out]
        for item in found:
            row = data.store_occluder(item, SOURCE, face)
            names = ", ".join(labels[face].annotators)
            rows.append({**row, "round": number, "annotator": names or "unknown", "lead_time": labels[face].lead_time})
    stale = _stale(data, number, set(faces), {row["id"] for row in rows})
    added = _replace(data, stale, rows)
    data.note()
    return added, problems


def _replace(data: OcclusionSet, stale: set[str], rows: list[dict[str, Any]]) -> int:
    """Take rows out of the table and put others in, with their splits, in one write: cut off, it is as it was."""
    held = data.occluders
    fresh = [row for row in rows if row["id"] not in set(held["id"])]
    if not (stale or fresh):
        return 0
    held = held[~held["id"].isin(list(stale))]
    added = pd.DataFrame(fresh, columns=records.OCCLUDERS.names).drop_duplicates("id")
    table = pd.concat([held, added], ignore_index=True) if len(held) and fresh else added if fresh else held
    faces = zip(data.faces["id"], data.faces["split"], strict=True)
    splits = {face: split for face, split in faces if isinstance(split, str)}
    data.write("occluders", split_items(table, splits))
    return len(added)


def _cut(data: OcclusionSet, face: str, decision: Decision) -> tuple[list[Any], list[str]]:
    row = data.face_row(face)
    assert decision.best is not None
    points = data.face_landmarks(face)
    return cut_outs(data.load_image(face), decision.best.occluders, points, face, row["licence"])


def _stale(data: OcclusionSet, number: int, faces: set[str], kept: set[str]) -> set[str]:
    table = data.occluders
    mine = table[table["source"].eq(SOURCE) & table["round"].eq(number) & table["face"].isin(list(faces))]
    gone = set(mine["id"]) - kept
    if gone:
        named = {item for path in frozen_files(data.path) for item in named_items(read_recipes(path))["occluders"]}
        frozen = frozen_cutouts(data.path)
        column = records.FILES_OF["occluders"]
        paths = dict(zip(mine["id"], mine[column], strict=True))
        gone = {one for one in gone if one not in named and paths[one] not in frozen}
    return gone
