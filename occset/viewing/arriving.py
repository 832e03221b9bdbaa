"""Labels that come without having been asked for: what a curator mended where it was seen, in FiftyOne's App, say.

A face that the open round picked is merged there, as its label from anywhere would be. All others go into a round of their
own, which is opened and closed at once, so that its ledger and versions say who changed what, when and from where. The same
gate lets labels in as lets those of Label Studio: what it refuses changes nothing, and comes again the next time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from occset.dataset.occlusion_set import OcclusionSet
from occset.rounds.closing import Closing, Gate, merge
from occset.rounds.ledger import Ledger, list_rounds, note_time, read_round, write_round
from occset.rounds.opening import chosen_ledger
from occset.rounds.versions import Label
from occset.support.errors import BadInput, OccsetError


@dataclass(frozen=True)
class Arrived:
    """What came for a face: a mask or a verdict.

    Attributes:
        mask: (H, W) uint8, 0 or 255, at the face's own size; None for a verdict.
        labelled: when, ISO 8601 in UTC.
        annotators: who.
        verdict: one of `occset.dataset.records.VERDICTS`, `occset.rounds.versions.REVOKED`, or None for a mask.
        comment: what was said of it.
        where: where it comes from, for the history and for messages.
    """

    mask: np.ndarray | None
    labelled: str
    annotators: tuple[str, ...] = ()
    verdict: str | None = None
    comment: str | None = None
    where: str = ""


@dataclass
class TakenIn:
    """What became of it.

    Attributes:
        rounds: numbers of those that took something in.
        taken: faces whose label or verdict was taken.
        merged, changed, excluded: as in `occset.rounds.closing.Closing`, of all rounds together.
        refused: faces that stay as they were, and why.
    """

    rounds: list[int] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    merged: int = 0
    changed: int = 0
    excluded: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)

    def _add(self, number: int, labels: Mapping[str, Label], closing: Closing) -> None:
        self.rounds.append(number)
        self.taken += sorted(labels)
        self.merged += closing.merged
        self.changed += closing.changed
        self.excluded += closing.excluded


def take_in(data: OcclusionSet, arrived: Mapping[str, Arrived], reason: str, confirmed: Sequence[str] = ()) -> TakenIn:
    """Merge labels and verdicts that came; cut off anywhere, the same call does the rest.

    Args:
        data: the set, which the caller holds and has read anew.
        arrived: by face.
        reason: why they were picked, for the ledger of their round.
        confirmed: faces whose mask is taken although it is doubted, see `occset.rounds.closing.Gate`.

    Raises:
        OccsetError: a face is confirmed for which nothing came.
        BadInput: a ledger or a recipe file of the set is broken.
    """
    if lost := set(confirmed) - set(arrived):
        raise OccsetError(
            f"--confirm {min(lost)}: no mask of that face came: take the id from the message that held it back"
        )
    done = TakenIn()
    known = list_rounds(data.path)
    latest = read_round(data.path, known[-1]) if known else None
    is_open = latest is not None and latest.is_open
    picked = set(latest.rows["id"]) & set(arrived) if latest is not None and is_open else set()
    if latest is not None and picked:
        labels = _let_in(data, latest, {face: arrived[face] for face in sorted(picked)}, confirmed, done)
        if labels:  # of a round of ours that was cut off nothing waits, as below
            finish = bool(latest.rows["reason"].eq(reason).all())
            done._add(latest.setup.number, labels, merge(data, latest, labels, finish))
    others = {face: arrived[face] for face in sorted(set(arrived) - picked)}
    if latest is not None and is_open and read_round(data.path, latest.setup.number).is_open:  # nothing ended it above
        done.refused += [(face, _must_wait(data, latest.setup.number)) for face in others]
    elif others:
        _take_in_a_round(data, (known[-1] if known else 0) + 1, others, reason, confirmed, done)
    return done


def _must_wait(data: OcclusionSet, number: int) -> str:
    return (
        f"round {number} is open and has not picked it: end it with  occset annotate pull {data.path} --finish  or  "
        f"occset round close {data.path} --labels DIR --finish  , then pull again"
    )


def _take_in_a_round(
    data: OcclusionSet,
    number: int,
    arrived: Mapping[str, Arrived],
    reason: str,
    confirmed: Sequence[str],
    done: TakenIn,
) -> None:
    """Open a round of what the gate lets in, and close it."""
    unknown = [face for face in arrived if face not in set(data.faces["id"])]
    done.refused += [(face, "no face of the set is called so any more") for face in unknown]
    asked = {face: one for face, one in arrived.items() if face not in unknown}
    if not asked:
        return
    labels = _let_in(data, chosen_ledger(data, number, list(asked), reason), asked, confirmed, done)
    if not labels:
        return
    ledger = chosen_ledger(data, number, list(labels), reason)
    write_round(data.path, ledger)
    note_time(data.path, number, "opened")
    done._add(number, labels, merge(data, ledger, labels, finish=True))


def _let_in(
    data: OcclusionSet, ledger: Ledger, arrived: Mapping[str, Arrived], confirmed: Sequence[str], done: TakenIn
) -> dict[str, Label]:
    """The labels that pass the gate of a round; the others are noted as refused."""
    gate = Gate(data, ledger, set(confirmed) & set(arrived))
    labels = {}
    for face, one in arrived.items():
        try:
            gate.check_pick(face, one.where, verdict=one.mask is None)
            counts = None if one.mask is None else gate.let_in(face, one.mask, one.where)
        except BadInput as error:
            done.refused.append((face, str(error)))
            continue
        labels[face] = Label(
            counts,
            one.labelled,
            one.annotators,
            origin=one.where,
            verdict=one.verdict,
            comment=one.comment,
        )
    return labels
