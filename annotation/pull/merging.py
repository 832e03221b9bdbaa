"""From the kept tasks of a round to the set: read, decide on each sample, merge what is decided."""

from __future__ import annotations

import json
from collections.abc import Container
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from occset.annotation.api.address import iso_time
from occset.annotation.api.studio import LostConnection, Studio
from occset.annotation.labels.resizing import enlarge, reduce
from occset.annotation.pull.annotators import annotators_of
from occset.annotation.pull.decision import FARTHEST, LEAST_AGREEMENT, Decision, Rule, decide
from occset.annotation.pull.drawn_occluders import bring_occluders
from occset.annotation.pull.raw_tasks import Raw, State, write_state
from occset.annotation.pull.samples import Sample, read_samples
from occset.annotation.push.sent_prelabels import read_sent
from occset.annotation.push.task_names import key_of
from occset.dataset.occlusion_set import OcclusionSet
from occset.pictures.masks import decode_rle
from occset.rounds.closing import Gate, merge
from occset.rounds.ledger import MERGED, Ledger, ledger_path
from occset.rounds.versions import Label
from occset.support.errors import BadInput, OccsetError
from occset.support.files import write_atomic


@dataclass
class Pulled:
    """What a pull did.

    Attributes:
        number: of the round.
        url: of the project.
        read, kept: tasks that came, and those that were new or changed.
        merged: labels that went into the ledger now.
        changed: faces of the set that have another label than before.
        occluders: cut-outs that came new.
        waiting: picks without a decision.
        requeued: samples for which another annotator is asked.
        excluded: faces of the set that came to have a verdict against them, so that they are used no more.
        refused: what cannot be used, by task or face, and why; the rest is merged.
        halves: faces among these of which the label was merged, and an occluder was not.
        doubts: what was taken and may not be meant, by face, with the remedy.
        discussion: samples that got no label, since people should talk about them or a verdict stands: id, reason, url.
        annotators: one row an annotator, see `occset.annotation.pull.annotators.annotators_of`.
        ledger: as it is now.
    """

    number: int
    url: str
    ledger: Ledger
    read: int = 0
    kept: int = 0
    merged: int = 0
    changed: int = 0
    excluded: int = 0
    occluders: int = 0
    waiting: list[str] = field(default_factory=list)
    requeued: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    halves: list[str] = field(default_factory=list)
    doubts: list[tuple[str, str]] = field(default_factory=list)
    discussion: list[dict[str, Any]] = field(default_factory=list)
    annotators: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it, without the ledger."""
        return {key: value for key, value in asdict(self).items() if key != "ledger"}


@dataclass(frozen=True)
class Options:
    """How labels are taken.

    Attributes:
        rule: of the consensus of several annotators.
        least, farthest: what agreeing means, see `occset.annotation.pull.decision.decide`.
        finish: take what is there, and call the rest missing, so that the round ends.
        everything: read the whole project and merge all of it again.
        confirmed: faces whose label is taken although it is doubted, see `occset.rounds.closing.Gate`.
    """

    rule: Rule = "staple"
    least: float = LEAST_AGREEMENT
    farthest: float = FARTHEST
    finish: bool = False
    everything: bool = False
    confirmed: tuple[str, ...] = ()


def _own_size(row: dict[str, Any], drawn: np.ndarray) -> np.ndarray:
    """A drawn mask at the size of its sample; the label so far where, as the annotator saw it, nothing of it changed."""
    height, width = int(row["height"]), int(row["width"])
    if isinstance(row["label_before"], str):
        before = decode_rle(row["label_before"], height, width)
        if np.array_equal(reduce(before, *drawn.shape), drawn):
            return before
    return enlarge(drawn, height, width)


class Merging:
    """From the kept tasks to the set: each sample is read, decided on, let through the round's gate, and written."""

    def __init__(
        self,
        data: OcclusionSet,
        studio: Studio,
        raw: Raw,
        state: State,
        pulled: Pulled,
        marker: str,
        options: Options,
        live: Container[int],
    ) -> None:
        self.data, self.studio, self.raw, self.state = data, studio, raw, state
        self.pulled, self.marker, self.options, self.live = pulled, marker, options, live
        self.gate = Gate(data, pulled.ledger, options.confirmed)
        self.names = studio.users()
        self.labels: dict[str, Label] = {}
        self.decisions: dict[str, Decision] = {}
        self.merged_from: dict[str, str] = {}
        self.held_back: set[str] = set()

    def run(self) -> None:
        """Decide on each sample, and write what was decided."""
        rows: Any = self.pulled.ledger.rows.to_dict("records")
        by_key = {key_of(self.marker, row["id"]): row for row in rows}
        samples, refused = read_samples(self.raw, self.state.project, self.live, by_key, self.marker, self.studio.url)
        self.pulled.refused += refused
        for sample in samples:
            self._merge(sample)
        self.pulled.annotators = annotators_of(samples, self.names, read_sent(self.data.path, self.pulled.number))
        self._write()

    def _merge(self, sample: Sample) -> None:
        """Take what was said of a sample, unless it was taken before, cannot be read or waits for more."""
        was_taken = self.state.merged.get(key_of(self.marker, sample.id)) == sample.words
        if was_taken and sample.row["decision"] in (*MERGED, "revoked"):
            return
        if sample.problems:
            self.pulled.refused += [(sample.id, problem) for problem in sample.problems]
            self.held_back.add(sample.id)
            return
        options = self.options
        decision = decide(
            sample.readings, self.names, sample.overlap, options.rule, options.least, options.farthest, options.finish
        )
        if self._is_outdated(sample.row, decision):
            self.merged_from[key_of(self.marker, sample.id)] = sample.words
            return
        if decision.discuss:
            url = f"{self.pulled.url}?task={sample.task}"
            self.pulled.discussion.append({"id": sample.id, "reason": decision.discuss, "url": url})
        if decision.wanted > sample.overlap and not options.finish:
            self._requeue(sample, decision)
        if decision.mask is None and not decision.verdict:
            return
        if was_taken and sample.row["decision"] == "excluded":
            return
        label = self._label(sample.row, decision)
        if label is None:
            return
        self.labels[sample.id], self.decisions[sample.id] = label, decision
        if sample.row["arm"] != "honeypot":
            self.pulled.doubts += [(sample.id, doubt) for one in sample.readings for doubt in one.doubts]
        self.merged_from[key_of(self.marker, sample.id)] = sample.words

    def _is_outdated(self, row: dict[str, Any], decision: Decision) -> bool:
        """Whether the ledger has a later word, from a folder or of the curator, say: only newer ones replace it."""
        known = row["labelled"]
        is_revoked = row["decision"] == "revoked"  # which reading all again does not undo
        if not isinstance(known, str) or not (isinstance(row["label_after"], str) or is_revoked):
            return False
        if self.options.everything and not is_revoked:
            return False
        try:
            return iso_time(decision.labelled) < iso_time(known)
        except BadInput:
            return False

    def _requeue(self, sample: Sample, decision: Decision) -> None:
        try:
            note = f"Please label this anew: {decision.discuss}"[:300]
            self.studio.requeue(sample.last_task, decision.wanted, note)
        except LostConnection:
            raise
        except OccsetError as error:  # deleted a moment ago, say
            self.pulled.refused.append((sample.id, str(error)))
        else:
            self.pulled.requeued.append(sample.id)

    def _label(self, row: dict[str, Any], decision: Decision) -> Label | None:
        """What goes into the ledger, None where the round's gate refuses it."""
        where = f"annotation {', '.join(map(str, decision.annotations))}"
        try:
            self.gate.check_pick(row["id"], where, verdict=bool(decision.verdict))
        except OccsetError as error:  # nothing that an annotator could mend
            remedy = "in Label Studio: delete the annotation, or end the round with --finish"
            self.pulled.refused.append((row["id"], f"{error} ({remedy})"))
            return None
        counts = None
        try:
            if decision.mask is not None:
                counts = self.gate.let_in(row["id"], _own_size(row, decision.mask), where)
        except OccsetError as error:
            self.pulled.refused.append((row["id"], str(error)))
            self.held_back.add(row["id"])
            return None
        return Label(
            counts,
            decision.labelled,
            decision.names,
            decision.lead_time,
            decision.agreement,
            f"label studio, project {self.state.project}, {where}",
            decision.verdict or None,
            decision.quality,
            decision.comment or None,
        )

    def _write(self) -> None:
        """Labels and verdicts first, then cut-outs, then what a report shows beside the ledger, and the state last."""
        pulled = self.pulled
        closing = merge(self.data, pulled.ledger, self.labels, self.options.finish, self.held_back)
        pulled.ledger, pulled.merged, pulled.changed = closing.ledger, closing.merged, closing.changed
        pulled.excluded, pulled.waiting = closing.excluded, closing.ledger.waiting
        masks = {face: label for face, label in self.labels.items() if label.counts is not None}
        pulled.occluders, halves, unread = bring_occluders(self.data, pulled.number, self.decisions, masks)
        pulled.refused += halves
        pulled.halves = list(dict.fromkeys(face for face, _ in halves))
        for name, rows in (("discussion", pulled.discussion), ("annotators", pulled.annotators)):
            path = ledger_path(self.data.path, pulled.number).with_name(f"{name}.json")
            if rows or path.is_file():
                write_atomic(path, (json.dumps(rows, indent=1) + "\n").encode())
        for face in unread:  # the next pull tries again
            self.merged_from.pop(key_of(self.marker, face), None)
        self.state.merged |= self.merged_from
        write_state(self.data.path, pulled.number, self.state)
