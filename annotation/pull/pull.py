"""Pulling a round: keep what the server has as it came, read it, decide, merge labels and cut-outs into the set.

First everything that was updated since the last pull is kept (`raw.py`), then what changed is merged from there. Cut off
anywhere, the same command does the rest; what was merged is not merged twice.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from occset.annotation.api.studio import Studio
from occset.annotation.pull.merging import Merging, Options, Pulled
from occset.annotation.pull.raw_tasks import Raw, State, read_state, write_state
from occset.annotation.push.task_names import find_project, marker_of
from occset.dataset.occlusion_set import OcclusionSet
from occset.rounds.ledger import read_round
from occset.support.errors import OccsetError
from occset.support.locks import only_writer

Progress = Callable[[int, int], None]


def pull(
    data: OcclusionSet,
    studio: Studio,
    number: int | None = None,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Pulled:
    """Bring the labels of a round from Label Studio into the set.

    Raises:
        OccsetError: no such round or project, or another process writes to the set.
        LostConnection: the server stopped answering; what came is kept, and nothing was merged.
    """
    options = options or Options()
    with only_writer(data.path):
        data.refresh()
        ledger = read_round(data.path, number)
        marker = marker_of(ledger)
        found = find_project(studio, marker)
        if found is None:
            raise OccsetError(
                f"{studio.url}: has no project of round {ledger.setup.number} of {data.path}: run  occset annotate push "
                f"{data.path} --round {ledger.setup.number}"
            )
        project = int(found["id"])
        state = read_state(data.path, ledger.setup.number, studio.url, project)
        if options.everything:
            state.tasks, state.merged = {}, {}
        raw = Raw(data.path, ledger.setup.number)
        pulled = Pulled(ledger.setup.number, studio.project_url(project), ledger)
        for other in studio.find_projects(marker):
            if other["id"] != project and other.get("task_number"):
                pulled.refused.append(
                    (f"project {other['id']}", "has tasks of the same round and is not read: delete it")
                )
        live = _download(data.path, studio, raw, state, pulled, progress)
        Merging(data, studio, raw, state, pulled, marker, options, live).run()
    return pulled


def _download(
    root: Path, studio: Studio, raw: Raw, state: State, pulled: Pulled, progress: Progress | None
) -> set[int]:
    """Keep what was updated since the last pull; the state moves on once all of it is kept.

    All tasks are listed without what was drawn, and what differs from what is kept is read from the oldest of them on:
    so nothing is missed where a clock was set back, a file of ours was lost, or a task was deleted.

    Returns:
        Numbers of the tasks that the project has.
    """
    listed = {task["id"]: task["updated_at"] for task in studio.tasks(state.project, results=False)}
    fresh = {
        number: updated
        for number, updated in listed.items()
        if state.tasks.get(str(number)) != [updated, raw.version(state.project, number)]
    }
    if fresh:
        for task in studio.tasks(state.project, since=min(fresh.values()), results=True):
            pulled.read += 1
            try:
                pulled.kept += raw.keep(state.project, task)
            except RecursionError:
                pulled.refused.append(
                    (f"task {task['id']}", "is nested too deeply to be kept: delete it on the server")
                )
                continue
            state.tasks[str(task["id"])] = [task["updated_at"], raw.version(state.project, task["id"])]
            if progress:
                progress(pulled.read, max(pulled.read, len(fresh)))
    state.tasks = {str(number): state.tasks[str(number)] for number in listed if str(number) in state.tasks}
    write_state(root, pulled.number, state)
    return set(listed)
