"""A source that was judged anew: known faces whose mask or flags changed, and the cut-outs harvested from them.

What a frozen protocol or a recipe file names never changes under it: such an update is refused by name. A label that a
round brought stays, whatever its source says; a source that says something new of such a face is refused by name too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from occset.dataset.frozen import frozen_cutouts, frozen_files
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import named_items, read_recipes
from occset.dataset.replacing import rewrite_faces
from occset.rounds.ledger import corrections
from occset.support.files import safe_join

_CUTOUT = re.compile(r"^o[0-9a-f]{15}\.png$")


@dataclass
class Update:
    """A face of the set as its source gives it now: its row, and the rows of what is harvested from it."""

    row: dict[str, Any]
    harvested: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Outcome:
    """How many faces were updated, how many cut-outs came new, and which updates were refused, by name, and why."""

    updated: int = 0
    harvested: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)


def is_changed(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether a source gives a face of the set, once added under the same name, another mask or other flags."""
    if any(old[c] != new[c] for c in ("source", "source_id")):
        return False
    return any((old[c] if isinstance(old[c], str) else None) != new[c] for c in ("mask", "flags"))


def apply_updates(data: OcclusionSet, updates: list[Update], produced: dict[str, set[str]]) -> Outcome:
    """Write new masks and flags, and replace what was harvested from the faces, except where a recipe needs the old.

    Masks that a round brought stay; so do the cut-outs of annotators, which no source harvests.

    Cut-outs come first and faces last: as long as a face is as it was, running again does all of it again. All
    pictures of the import must have their rows by now, since files without one are removed.

    Args:
        data: the set; nobody else writes to it.
        updates: faces that `is_changed`.
        produced: for each face the ids of all cut-outs that the source harvests from it now.

    Raises:
        BadInput: a recipe file, a snapshot or a ledger of the set cannot be read.
    """
    outcome = Outcome()
    if not updates:
        return outcome
    harvested = data.occluders[data.occluders["face"].notna() & data.occluders["annotator"].isna()]
    of_face: Any = harvested.groupby("face")["id"].agg(set).to_dict()
    updates = _keep_corrections(data, updates, produced, of_face, outcome)
    frozen = frozen_cutouts(data.path)
    named = {path: named_items(read_recipes(path)) for path in frozen_files(data.path)}
    accepted: list[Update] = []
    gone: set[str] = set()
    for update in updates:
        face = update.row["id"]
        stale = of_face.get(face, set()) - produced.get(face, set())
        needed_by = [p for p, items in named.items() if face in items["faces"] or stale & items["occluders"]]
        if needed_by:
            outcome.refused.append((update.row["source_id"], _refusal(data.path, face, needed_by)))
        else:
            accepted.append(update)
            gone |= stale
    if gone:
        data.write("occluders", data.occluders[~data.occluders["id"].isin(list(gone))])
    outcome.harvested = data.add_rows("occluders", [row for update in accepted for row in update.harvested])
    _remove_loose_cutouts(data, frozen)
    outcome.updated = len(accepted)
    if accepted:
        rewrite_faces(data, [update.row for update in accepted])
    return outcome


def _keep_corrections(
    data: OcclusionSet,
    updates: list[Update],
    produced: dict[str, set[str]],
    of_face: dict[str, set[str]],
    outcome: Outcome,
) -> list[Update]:
    """The updates without the masks of faces that a round labelled, those with nothing else to say left out."""
    corrected = corrections(data.path)
    kept = []
    for update in updates:
        face = update.row["id"]
        if face not in corrected:
            kept.append(update)
        elif update.row["mask"] not in corrected[face].replaced:
            message = (
                f"face {face} was labelled in round {corrected[face].round}, and its source has another mask for it now; "
                "it stays as it was: label it in another round, or make a new set to take the source's"
            )
            outcome.refused.append((update.row["source_id"], message))
        else:
            held = data.face_row(face)
            row = {**update.row, "mask": held["mask"]}
            if is_changed(held, row) or of_face.get(face, set()) != produced.get(face, set()):
                kept.append(Update(row, update.harvested))
    return kept


def _refusal(root: Path, face: str, files: list[Path]) -> str:
    names = ", ".join(str(path.relative_to(root)) for path in files)
    return (
        f"face {face} has another mask or other flags now, but {names} names it or what was cut from it; it stays as it "
        "was: make a new set, or delete what names it to freeze it anew"
    )


def _remove_loose_cutouts(data: OcclusionSet, frozen: set[str]) -> None:
    """Remove cut-outs without a row, neither now nor in a snapshot."""
    held = frozen | set(data.occluders["cutout"])
    for path in data.path.glob("cutouts/*/*.png"):
        relative = path.relative_to(data.path).as_posix()
        if _CUTOUT.match(path.name) and relative not in held:
            safe_join(data.path, relative).unlink(missing_ok=True)
