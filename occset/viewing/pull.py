"""From edits in the App to the set: masks and verdicts through the gate and the history of rounds, tags as flags."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import VERDICTS, tags_of, with_tags
from occset.pictures.masks import encode_rle
from occset.rounds.versions import REVOKED
from occset.support.errors import BadInput
from occset.support.locks import only_writer
from occset.viewing.arriving import Arrived, take_in
from occset.viewing.edits import Edit, LaidOut, Seen, edits_of
from occset.viewing.workspace import Workspace

REASON = "edited in FiftyOne"


@dataclass
class Pulled:
    """What a pull did.

    Attributes:
        edited: faces of which something was edited and not brought before.
        rounds: numbers of those that took something in.
        merged: labels that went into them.
        changed: faces of the set that have another label than before.
        excluded: faces that came to have a verdict against them.
        tagged: faces of the set that have other tags than before.
        refused: what stays as it was, by face, and why; it stays in the App too.
    """

    edited: int = 0
    rounds: list[int] = field(default_factory=list)
    merged: int = 0
    changed: int = 0
    excluded: int = 0
    tagged: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)


def pull(
    data: OcclusionSet,
    workspace: Workspace,
    seen: Sequence[Seen],
    annotators: Sequence[str] = (),
    confirmed: Sequence[str] = (),
) -> Pulled:
    """Bring what was edited into the set; cut off anywhere, the same call does the rest.

    Args:
        data: the set.
        workspace: where it was laid out.
        seen: the faces as they are in the App now.
        annotators: who edited.
        confirmed: faces whose mask is taken although it is doubted.

    Raises:
        OccsetError: another process writes to the set, or a face is confirmed of which no mask was edited.
        BadInput: the note of what was laid out, a ledger or a recipe file is broken.
    """
    done = Pulled()
    with only_writer(data.path):
        data.refresh()
        laid_out = workspace.laid_out()
        sizes = {row["id"]: (int(row["height"]), int(row["width"])) for row in _rows(data)}
        edits = edits_of(seen, laid_out, sizes)
        done.refused += edits.refused
        done.edited = len(edits.faces) + len(edits.refused)
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        arrived = {}
        for face, edit in edits.faces.items():
            try:
                if one := _arrived(data, face, edit, laid_out[face], now, tuple(annotators)):
                    arrived[face] = one
            except BadInput as error:
                done.refused.append((face, str(error)))
        taken = take_in(data, arrived, REASON, confirmed)
        done.rounds, done.merged, done.changed = taken.rounds, taken.merged, taken.changed
        done.excluded = taken.excluded
        done.refused += taken.refused
        data.refresh()
        _bring_tags(data, edits.faces, done)
        workspace.take_over({face: _as_it_is(data, face, laid_out[face], edit) for face, edit in edits.faces.items()})
    return done


def _rows(data: OcclusionSet) -> Any:
    return data.faces.to_dict("records")


def _arrived(
    data: OcclusionSet, face: str, edit: Edit, before: LaidOut, now: str, annotators: tuple[str, ...]
) -> Arrived | None:
    """What of an edit goes into a round; None where nothing does, or the set has it already.

    Raises:
        BadInput: the face has another label than was laid out, or a verdict that keeps its mask out.
    """
    row = data.face_row(face)
    held = row["mask"] if isinstance(row["mask"], str) else None
    verdict = row["verdict"] if isinstance(row["verdict"], str) else None
    where = f"FiftyOne, face {face}"
    comment = f"tags: {', '.join(edit.tags)}" if edit.tags else None
    if edit.changed_verdict and edit.verdict is not None:
        return None if edit.verdict == verdict else Arrived(None, now, annotators, edit.verdict, comment, where)
    if edit.mask is not None and encode_rle(edit.mask) != held:
        if edit.verdict is not None:
            raise BadInput(
                f"{where}: has the tag '{edit.verdict}', so its mask waits: remove the tag in the App, pull again"
            )
        if held != before.mask:
            raise BadInput(
                f"{where}: its label came from elsewhere since the App showed it: look at both, and edit it anew after  "
                f"occset view {data.path} --fresh"
            )
        return Arrived(edit.mask, now, annotators, None, comment, where)
    if edit.changed_verdict and verdict is not None:
        return Arrived(None, now, annotators, REVOKED, comment, where)
    return None


def _bring_tags(data: OcclusionSet, edits: dict[str, Edit], done: Pulled) -> None:
    """Tags become flags, in one write, of the faces whose label may change; the others are named."""
    with data.replacing() as change:
        change.load()
        for face, edit in edits.items():
            row = data.face_row(face)
            if edit.tags is None or set(edit.tags) == tags_of(row):
                continue
            try:
                change.check_label(face, f"FiftyOne, tags of face {face}")
            except BadInput as error:
                done.refused.append((face, str(error)))
                continue
            change.put_faces([{"id": face, "flags": with_tags(row, edit.tags)}])
            done.tagged += 1
    if done.tagged:
        data.note()


def _as_it_is(data: OcclusionSet, face: str, before: LaidOut, edit: Edit) -> LaidOut:
    """What counts as laid out after a pull: all that the set has now of what was edited, so that it comes no more."""
    row = data.face_row(face)
    held = row["mask"] if isinstance(row["mask"], str) else None
    mask = held if edit.mask is not None and encode_rle(edit.mask) == held else before.mask
    verdict = row["verdict"] if isinstance(row["verdict"], str) else None
    came = edit.changed_verdict and verdict == edit.verdict
    tags = (
        tags_of(row) if edit.tags is not None and set(edit.tags) == tags_of(row) else set(before.tags) - set(VERDICTS)
    )
    verdicts = {edit.verdict} if came else set(before.tags) & set(VERDICTS)
    return LaidOut(mask, tuple(sorted(one for one in (*tags, *verdicts) if one)))
