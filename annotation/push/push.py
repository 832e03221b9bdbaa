"""Pushing a round: each sample that waits for a label becomes a task of the round's project, once.

What is already there is told by the samples' keys, never remembered here: so a push that was cut off anywhere, even with
the answer to a request, is finished by the same command. What was sent twice all the same is removed again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from occset.annotation.api.studio import LostConnection, Studio
from occset.annotation.labels.codec import decode_brush
from occset.annotation.labels.prelabel import to_prediction
from occset.annotation.labels.task_reader import key_of_task
from occset.annotation.push.first_guess import Guesses, Kind
from occset.annotation.push.round_project import make_project
from occset.annotation.push.task_names import find_project, key_of, marker_of, picture_of, places_of
from occset.annotation.push.task_pictures import Shelf, copy_of
from occset.dataset.occlusion_set import OcclusionSet
from occset.rounds.ledger import ledger_path, read_round
from occset.support.errors import BadInput, NoSpace, OccsetError
from occset.support.locks import only_writer
from occset.support.pools.processes import default_workers

Progress = Callable[[int, int], None]

BATCH = 50
"""Tasks of one request."""

LARGEST_REQUEST = 8 << 20
"""Bytes of one request, about; Label Studio takes 250 MB, what stands in front of it may take less."""

_ATTEMPTS = 4  # for a batch


@dataclass
class Pushed:
    """What a push did.

    Attributes:
        number: of the round.
        project: its number; None for a dry run that found none.
        url: where a person finds it, "" likewise.
        waiting: samples without a decision, which is what a push is about.
        new, already: of those, sent now (in a dry run: to be sent), and found there.
        removed: tasks that were there twice and had no annotation.
        skipped: samples that could not be sent, by id, and why.
        missing: samples that are not there although nothing was wrong with them; push again.
        honeypots: ids of those that wait and whose truth is known, which only the curator gets to know.
    """

    number: int
    project: int | None = None
    url: str = ""
    waiting: int = 0
    new: int = 0
    already: int = 0
    removed: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    honeypots: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)


def push(
    data: OcclusionSet,
    studio: Studio,
    number: int | None = None,
    model: Any = None,
    kind: Kind = "model",
    annotators: int = 1,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Pushed:
    """Send what waits for a label.

    Args:
        data: the set.
        studio: the server.
        number: of the round; the latest by default.
        model: as `occset.mining.model.open_model` gives it; None for no pre-labels of a model.
        kind: what is drawn already when a task is opened: what the model finds, the face's label so far, or nothing.
        annotators: for each sample; counts when the project is made.
        dry_run: change nothing, say what would be sent.
        progress: is called with samples done and samples in all.

    Raises:
        LostConnection: the server stopped answering; the same call goes on from there.
        OccsetError: no such round, another push of it runs, or somebody took the controls out of the project.
    """
    ledger = read_round(data.path, number)
    marker = marker_of(ledger)
    rows: Any = ledger.rows[ledger.rows["decision"].isna()].to_dict("records")
    waiting = {key_of(marker, row["id"]): row for row in rows}
    honeypots = [row["id"] for row in rows if row["arm"] == "honeypot"]
    pushed = Pushed(ledger.setup.number, waiting=len(waiting), honeypots=honeypots)
    if dry_run:
        project = find_project(studio, marker)
        there = _tasks_by_key(studio, project["id"], waiting, marker) if project else {}
        if project:
            pushed.project, pushed.url = project["id"], studio.project_url(project["id"])
        pushed.already, pushed.new = len(there), len(waiting) - len(there)
        return pushed
    with only_writer(ledger_path(data.path, ledger.setup.number).parent):
        pushed.project = make_project(data, studio, ledger, marker, annotators)
        pushed.url = studio.project_url(pushed.project)
        places = places_of(marker, ledger.rows["id"])
        _Push(data, studio, pushed, waiting, places, marker, model, kind, progress).run(pushed.project)
    return pushed


def _tasks_by_key(studio: Studio, project: int, keys: dict[str, Any], marker: str) -> dict[str, list[int]]:
    """Ids of the tasks of each key, lowest first; one that shows another picture is none of ours."""
    found: dict[str, set[int]] = {}
    for task in studio.tasks(project, results=False):
        with suppress(BadInput):
            found.setdefault(key_of_task(task, keys, marker, studio.url), set()).add(task["id"])
    return {key: sorted(ids) for key, ids in found.items()}


class _Push:
    """Sends the samples of a project that lack."""

    def __init__(
        self,
        data: OcclusionSet,
        studio: Studio,
        pushed: Pushed,
        waiting: dict[str, dict[str, Any]],
        places: dict[str, str],
        marker: str,
        model: Any,
        kind: Kind,
        progress: Progress | None,
    ) -> None:
        self.data, self.studio, self.pushed, self.waiting, self.marker = data, studio, pushed, waiting, marker
        self.places, self.model, self.progress = places, model, progress
        self.guesses = Guesses(data.path, pushed.number, model, kind)
        self.there: dict[str, list[int]] = {}

    def run(self, project: int) -> None:
        """Send, look whether all arrived once, remove what arrived twice."""
        self.there = _tasks_by_key(self.studio, project, self.waiting, self.marker)
        pushed = self.pushed
        pushed.already = len(self.there)
        wanted = [
            key for key in sorted(self.waiting) if key not in self.there
        ]  # the keys are random: so all arms are mixed
        self._tell(0)
        if wanted:
            shelf = Shelf(self.studio, project, self.marker)
            for tasks in self._batches(wanted, shelf):
                self.guesses.keep(task["data"]["key"] for task in tasks)
                self._send(project, tasks)
        if wanted or any(len(ids) > 1 for ids in self.there.values()):
            self.there = _tasks_by_key(self.studio, project, self.waiting, self.marker)
            self._remove_doubles(project)
        left_out = {name for name, _ in pushed.skipped}
        lacking = [row["id"] for key, row in self.waiting.items() if key not in self.there]
        pushed.missing = [name for name in lacking if name not in left_out]
        pushed.new = len(self.there) - pushed.already

    def _tell(self, done: int) -> None:
        if self.progress:
            self.progress(self.pushed.already + done, len(self.waiting))

    def _batches(self, keys: list[str], shelf: Shelf) -> Iterator[list[dict[str, Any]]]:
        """The tasks of the keys, in requests of no more than `BATCH` and about `LARGEST_REQUEST`."""
        tasks: list[dict[str, Any]] = []
        size = 0
        for done, (key, (task, jpeg, why)) in enumerate(zip(keys, self._made(keys), strict=True)):
            if task is None:
                self.pushed.skipped.append((self.waiting[key]["id"], why))
                continue
            task["data"]["image"] = shelf.place(key, jpeg)
            estimate = 1000 + sum(4 * len(region["value"]["rle"]) for region in _regions(task))
            if tasks and (len(tasks) == BATCH or size + estimate > LARGEST_REQUEST):
                yield tasks
                self._tell(done)
                tasks, size = [], 0
            tasks.append(task)
            size += estimate
        if tasks:
            yield tasks
        self._tell(len(keys))

    def _made(self, keys: list[str]) -> Iterator[tuple[dict[str, Any] | None, bytes, str]]:
        """Each key's task and picture, or None and why there is none, in order and some ahead of the sending.

        A model that was opened for one thread is asked from as many as there are cores; any other by one at a time.
        """

        def make(key: str) -> tuple[dict[str, Any] | None, bytes, str]:
            try:
                return *self._task(key, self.waiting[key]), ""
            except (LostConnection, NoSpace):
                raise
            except (OccsetError, OSError) as error:
                return None, b"", str(error)

        workers = default_workers() if getattr(self.model, "threads", None) == 1 else 1
        ahead: deque[Future[tuple[dict[str, Any] | None, bytes, str]]] = deque()
        with ThreadPoolExecutor(workers, "occset-push") as pool:
            try:
                for key in keys:
                    ahead.append(pool.submit(make, key))
                    if len(ahead) > BATCH + workers:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                pool.shutdown(cancel_futures=True)

    def _task(self, key: str, row: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """A task without the address of its picture, and the picture.

        Raises:
            BadInput: the picture cannot be read.
            UnknownName: the set has no such face any more.
        """
        jpeg, side = copy_of(picture_of(self.data, self.pushed.number, row))
        guess = self.guesses.make(key, row, jpeg, side)
        predictions = [] if guess is None else [to_prediction(guess, key)]
        told = {"image": "", "key": key, "note": "", "place": self.places[key]}
        task = {"data": told, "predictions": predictions}
        for region in _regions(task):  # the server takes anything
            if guess is None or not np.array_equal(decode_brush(region["value"]["rle"], side, side), guess.mask):
                raise BadInput(f"the pre-label of {row['id']} would not be read back as it is: push with no pre-labels")
        return task, jpeg

    def _send(self, project: int, tasks: list[dict[str, Any]]) -> None:
        """Add tasks; where the answer is lost, look which of them arrived and send the others."""
        for attempt in range(_ATTEMPTS):
            try:
                self.studio.import_tasks(project, tasks)
                return
            except LostConnection:
                if attempt == _ATTEMPTS - 1:
                    raise
            arrived = _tasks_by_key(self.studio, project, self.waiting, self.marker)
            tasks = [task for task in tasks if task["data"]["key"] not in arrived]
            if not tasks:
                return

    def _remove_doubles(self, project: int) -> None:
        """Of the tasks of one key keep all that somebody worked on, else the first."""
        double = [ids for ids in self.there.values() if len(ids) > 1]
        if not double:
            return
        worked_on = {task["id"] for task in self.studio.tasks(project) if task.get("annotations") or task.get("drafts")}
        doomed: list[int] = []
        for ids in double:
            idle = [number for number in ids if number not in worked_on]
            doomed += idle if len(idle) < len(ids) else idle[1:]
        for first in range(0, len(doomed), BATCH):
            self.studio.delete_tasks(project, doomed[first : first + BATCH])
        self.pushed.removed = len(doomed)


def _regions(task: dict[str, Any]) -> list[dict[str, Any]]:
    return [region for prediction in task["predictions"] for region in prediction["result"]]
