"""A source that was judged anew: known faces whose mask or flags changed, and the cut-outs harvested from them.

What may be replaced is decided by `occset.dataset.replacing`: not what a recipe names, nor a label that a round brought.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import MACHINE, flags_of, tags_of, with_flag, with_tags
from occset.rounds.ledger import corrections
from occset.support.errors import BadInput

_REPLACED = ("mask", "flags")


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


def with_what_was_added(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """A face as its source gives it now, with the tags that people gave it, and with the mask that a model gave it as long
    as the source has none."""
    if tags := tags_of(old):
        new = {**new, "flags": with_tags(new, tags)}
    origin = flags_of(old).get(MACHINE)
    if origin is None or new["mask"] is not None:
        return new
    return {**new, "mask": old["mask"], "flags": with_flag(new, MACHINE, origin)}


def is_changed(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether a source gives a face of the set, once added under the same name, another mask or other flags."""
    if any(old[c] != new[c] for c in ("source", "source_id")):
        return False
    return any((old[c] if isinstance(old[c], str) else None) != new[c] for c in _REPLACED)


def apply_updates(data: OcclusionSet, updates: list[Update], produced: dict[str, set[str]]) -> Outcome:
    """Write new masks and flags, and replace what was harvested from the faces, except where a recipe needs the old.

    Masks that a round brought stay; so do the cut-outs of annotators, which no source harvests. All pictures of the
    import must have their rows by now, since files without one are removed.

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
    with data.replacing(corrections(data.path)) as change:
        change.load()
        change.sweep()
        for update in updates:
            face = update.row["id"]
            before, now = of_face.get(face, set()), produced.get(face, set())
            try:
                row = change.source_row(update.row)
                if before == now and not is_changed(data.face_row(face), row):
                    continue  # all that is new is a mask which a round replaced
                change.check_source(face, before - now)
            except BadInput as error:
                outcome.refused.append((update.row["source_id"], str(error)))
                continue
            change.drop_cutouts(before - now)
            change.put_cutouts(update.harvested)
            change.put_faces([{name: row[name] for name in ("id", *_REPLACED)}])
            outcome.updated += 1
    outcome.harvested = change.added
    return outcome
