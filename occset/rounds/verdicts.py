"""Verdicts: faces that annotators called unusable, skipped or want to discuss, and taking this back.

The set's table says which faces are out (`verdict`), and `occset.dataset.usable` keeps them from being used; the round's
ledger says why, who and when, and its versions keep all that was ever said.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from occset.dataset.occlusion_set import OcclusionSet
from occset.rounds.closing import merge
from occset.rounds.ledger import Ledger, list_rounds, read_round
from occset.rounds.versions import REVOKED, Label
from occset.support.errors import OccsetError, UnknownName
from occset.support.locks import only_writer


@dataclass(frozen=True)
class Revoked:
    """A verdict that was taken back: the face, the round it came in, what it was, and by whom."""

    face: str
    round: int
    verdict: str
    annotators: tuple[str, ...] = ()


def find_face(data: OcclusionSet, name: str) -> str:
    """The id of the face that is called so, begins so, or has this name in its source.

    Raises:
        UnknownName: no face, or more than one.
    """
    ids = data.faces["id"]
    if ids.eq(name).any():
        return name
    hits = list(ids[ids.str.startswith(name) | data.faces["source_id"].eq(name)]) if name else []
    if len(hits) != 1:
        raise UnknownName("face", name, hits[:5] or list(ids)[:5])
    return str(hits[0])


def revoke(data: OcclusionSet, name: str) -> Revoked:
    """Take back a verdict: the face is used again, with the label that it has. Cut off anywhere, the same call does it.

    Args:
        data: the set.
        name: see `find_face`.

    Raises:
        UnknownName: no face, or more than one, is called so.
        OccsetError: nobody took the face out, or another process writes to the set.
    """
    with only_writer(data.path):
        data.refresh()
        face = find_face(data, name)
        found = _latest(data, face)
        if found is None:
            raise OccsetError(
                f"{data.path}: nobody called {face} unusable, skipped it or wants to discuss it: it is in use"
            )
        ledger, row = found
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        merge(data, ledger, {face: Label(None, now, origin="occset round revoke", verdict=REVOKED)})
    return Revoked(
        face, ledger.setup.number, row["verdict"], tuple(() if row["annotators"] is None else row["annotators"])
    )


def _latest(data: OcclusionSet, face: str) -> tuple[Ledger, dict[str, Any]] | None:
    """The latest round with a verdict on the face, and its row there; None where it was taken back or there is none."""
    for number in reversed(list_rounds(data.path)):
        ledger = read_round(data.path, number)
        rows: Any = ledger.rows[ledger.rows["id"].eq(face) & ledger.rows["arm"].ne("honeypot")].to_dict("records")
        if rows and isinstance(rows[0]["verdict"], str):
            return ledger, rows[0]
        if rows and isinstance(rows[0]["decision"], str) and rows[0]["decision"] != "missing":
            return None  # this round labelled it, or took the verdict back
    return None
