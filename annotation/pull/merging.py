"""From the kept tasks of a round to the set: read, decide on each sample, merge what is decided."""

from __future__ import annotations

import json
from collections.abc import Container
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from occset.annotation.api.address import iso_time
from occset.annotation.api.studio import LostConnection, Studio
from occset.annotation.labels.agreement import score_annotators
from occset.annotation.labels.resizing import enlarge, reduce
from occset.annotation.labels.task_reader import Reading, key_of_task, read_task
from occset.annotation.pull.decision import FARTHEST, LEAST_AGREEMENT, Decision, Rule, decide
from occset.annotation.pull.drawn_occluders import bring_occluders
from occset.annotation.pull.raw_tasks import Raw, State, digest, write_state
from occset.annotation.push.task_names import key_of, side_of
from occset.dataset.occlusion_set import OcclusionSet
from occset.pictures.masks import decode_rle
from occset.rounds.closing import Gate, merge
from occset.rounds.ledger import Ledger, ledger_path
from occset.rounds.versions import Label
from occset.support.console import printable
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
        refused: what cannot be used, by task or face, and why; the rest is merged.
        discussion: samples that people should talk about: id, reason, url.
        annotators: one row an annotator who met honeypots, see `occset.annotation.labels.agreement.score_annotators`.
        ledger: as it is now.
    """

    number: int
    url: str
    ledger: Ledger
    read: int = 0
    kept: int = 0
    merged: int = 0
    changed: int = 0
    occluders: int = 0
    waiting: list[str] = field(default_factory=list)
    requeued: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
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
    """

    rule: Rule = "staple"
    least: float = LEAST_AGREEMENT
    farthest: float = FARTHEST
    finish: bool = False
    everything: bool = False


def _own_size(row: dict[str, Any], drawn: np.ndarray) -> np.ndarray:
    """A drawn mask at the size of its sample; the label so far where, as the annotator saw it, nothing of it changed."""
    height, width = int(row["height"]), int(row["width"])
    if isinstance(row["label_before"], str):
        before = decode_rle(row["label_before"], height, width)
        if np.array_equal(reduce(before, *drawn.shape), drawn):
            return before
    return enlarge(drawn, height, width)


def _unforeseen(error: Exception) -> str:
    """What a reader did not expect, in one line; the text of an error may hold the whole task."""
    return (
        f"cannot be read ({type(error).__name__}: {printable(str(error))[:200]}): delete the annotation or label it again, "
        "and report this error, which nobody foresaw"
    )


class Merging:
    """From the kept tasks to the set."""

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
        rows: Any = pulled.ledger.rows.to_dict("records")
        self.rows: dict[str, dict[str, Any]] = {key_of(marker, row["id"]): row for row in rows}
        self.gate = Gate(data, pulled.ledger)
        self.names = studio.users()
        self.labels: dict[str, Label] = {}
        self.decisions: dict[str, Decision] = {}
        self.answers: list[tuple[str, np.ndarray, np.ndarray]] = []
        self.held_back: set[str] = set()

    def run(self) -> None:
        """Decide on each sample, and write what was decided."""
        merged_from: dict[str, str] = {}
        for key, tasks in self._tasks_by_key().items():
            row, words = self.rows[key], digest(tasks)
            is_merged = self.state.merged.get(key) == words and row["decision"] in (
                "labelled",
                "corrected",
                "confirmed",
            )
            if is_merged and row["arm"] != "honeypot":  # honeypots give every pull its annotators' scores
                continue
            decision = self._decide(row, tasks)
            if decision is None or decision.mask is None or is_merged:
                continue
            if self._is_outdated(row, decision) or self._take(row, decision):
                merged_from[key] = words
        pulled, options = self.pulled, self.options
        closing = merge(self.data, pulled.ledger, self.labels, options.finish, self.held_back)
        pulled.ledger, pulled.merged, pulled.changed = closing.ledger, closing.merged, closing.changed
        pulled.waiting = closing.ledger.waiting
        pulled.occluders, left_out, unread = bring_occluders(self.data, pulled.number, self.decisions, self.labels)
        for face in unread:  # the next pull tries again
            merged_from.pop(key_of(self.marker, face), None)
        pulled.refused += left_out
        pulled.annotators = score_annotators(self.answers)
        self._write_notes()
        self.state.merged |= merged_from
        write_state(self.data.path, pulled.number, self.state)

    def _tasks_by_key(self) -> dict[str, list[dict[str, Any]]]:
        """The latest version of each kept task, by the sample that it is of; foreign ones are refused."""
        found: dict[str, list[dict[str, Any]]] = {}
        for number in self.raw.tasks(self.state.project):
            if number not in self.live:  # deleted on the server: what was said there is taken back
                continue
            try:
                task = self.raw.load(self.state.project, number)
                key = key_of_task(task, self.rows.keys(), self.marker, self.studio.url)
            except OccsetError as error:
                self.pulled.refused.append((f"task {number}", str(error)))
            except Exception as error:  # one task of which nobody foresaw what is in it must not stop the others
                self.pulled.refused.append((f"task {number}", _unforeseen(error)))
            else:
                found.setdefault(key, []).append(task)
        return found

    def _decide(self, row: dict[str, Any], tasks: list[dict[str, Any]]) -> Decision | None:
        """What becomes of a sample, None where its labels cannot be used."""
        readings: dict[int, Reading] = {}
        problems: list[str] = []
        for task in tasks:
            try:
                read, broken = read_task(task, side_of(row))
            except OccsetError as error:
                read, broken = [], [str(error)]
            except Exception as error:  # as above
                read, broken = [], [f"task {task.get('id')}: {_unforeseen(error)}"]
            problems += broken
            # where a lost connection left two tasks of one sample, their annotations are taken together
            for one in read:
                known = readings.get(one.annotator)
                if known is None or (one.updated, one.annotation) > (known.updated, known.annotation):
                    readings[one.annotator] = one
        self.pulled.refused += [(row["id"], problem) for problem in problems]
        if problems:
            self.held_back.add(row["id"])
            return None
        overlap = max(n if type(n) is int and 1 <= n <= 1000 else 1 for n in (task.get("overlap") for task in tasks))
        options = self.options
        decision = decide(
            list(readings.values()), self.names, overlap, options.rule, options.least, options.farthest, options.finish
        )
        url = f"{self.pulled.url}?task={tasks[0]['id']}"
        if decision.discuss:
            self.pulled.discussion.append({"id": row["id"], "reason": decision.discuss, "url": url})
        if decision.wanted > overlap and not options.finish:
            self._requeue(row, tasks[-1]["id"], decision)
        if row["arm"] == "honeypot":
            self._score(row, readings)
        return decision

    def _requeue(self, row: dict[str, Any], task: int, decision: Decision) -> None:
        try:
            self.studio.requeue(task, decision.wanted, f"Please label this anew: {decision.discuss}"[:300])
        except LostConnection:
            raise
        except OccsetError as error:  # deleted a moment ago, say
            self.pulled.refused.append((row["id"], str(error)))
        else:
            self.pulled.requeued.append(row["id"])

    def _is_outdated(self, row: dict[str, Any], decision: Decision) -> bool:
        """Whether the ledger has a later label, one from a folder, say: only newer words replace a label."""
        known = row["labelled"]
        if self.options.everything or not isinstance(known, str) or not isinstance(row["label_after"], str):
            return False
        try:
            return iso_time(decision.labelled) < iso_time(known)
        except BadInput:
            return False

    def _score(self, row: dict[str, Any], readings: dict[int, Reading]) -> None:
        height, width = int(row["height"]), int(row["width"])
        truth = decode_rle(row["label_before"], height, width)
        for reading in readings.values():
            if not reading.skipped and reading.face.any():
                name = self.names.get(reading.annotator, f"annotator-{reading.annotator}")
                self.answers.append((name, enlarge(reading.face, height, width), truth))

    def _take(self, row: dict[str, Any], decision: Decision) -> bool:
        """Let a decided label through the gate of the round; returns whether it passed."""
        assert decision.mask is not None
        where = f"annotation {', '.join(map(str, decision.annotations))}"
        try:
            self.gate.check_pick(row["id"], where)
        except OccsetError as error:  # nothing that an annotator could mend
            remedy = "in Label Studio: delete the annotation, or end the round with --finish"
            self.pulled.refused.append((row["id"], f"{error} ({remedy})"))
            return False
        try:
            counts = self.gate.let_in(row["id"], _own_size(row, decision.mask), where)
        except OccsetError as error:
            self.pulled.refused.append((row["id"], str(error)))
            self.held_back.add(row["id"])
            return False
        origin = f"label studio, project {self.state.project}, {where}"
        self.labels[row["id"]] = Label(
            counts, decision.labelled, decision.names, decision.lead_time, decision.agreement, origin
        )
        self.decisions[row["id"]] = decision
        return True

    def _write_notes(self) -> None:
        """What the round's report shows beside the ledger: what to talk about, and each annotator's own scores."""
        for name, rows in (("discussion", self.pulled.discussion), ("annotators", self.pulled.annotators)):
            path = ledger_path(self.data.path, self.pulled.number).with_name(f"{name}.json")
            if rows or path.is_file():
                write_atomic(path, (json.dumps(rows, indent=1) + "\n").encode())
