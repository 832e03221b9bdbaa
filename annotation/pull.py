"""Pulling a round: keep what the server has as it came, read it, decide, merge labels and cut-outs into the set.

First everything that was updated since the last pull is kept (`raw.py`), then what changed is merged from there. Cut off
anywhere, the same command does the rest; what was merged is not merged twice.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

from occset.annotation.merging import Merging, Options, Pulled
from occset.annotation.raw import Raw, State, read_state, write_state
from occset.annotation.samples import find_project, marker_of
from occset.annotation.studio import Studio
from occset.dataset import OcclusionSet
from occset.errors import OccsetError
from occset.locks import only_writer
from occset.rounds.ledger import read_round

Progress = Callable[[int, int], None]
_SLACK = 10  # tasks of this many seconds before the newest are read again: a server may finish one it began earlier


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
            state.seen, state.merged = None, {}
        raw = Raw(data.path, ledger.setup.number)
        pulled = Pulled(ledger.setup.number, studio.project_url(project), ledger)
        _download(data.path, studio, raw, state, pulled, progress)
        Merging(data, studio, raw, state, pulled, marker, options).run()
    return pulled


def _download(root: Path, studio: Studio, raw: Raw, state: State, pulled: Pulled, progress: Progress | None) -> None:
    """Keep what was updated since the last pull; the state moves on once all of it is kept."""
    newest = state.seen
    for task in studio.tasks(state.project, since=_earlier(state.seen), results=True):
        pulled.read += 1
        pulled.kept += raw.keep(state.project, task)
        newest = max(newest or "", task["updated_at"])
        if progress:
            progress(pulled.read, max(pulled.read, len(pulled.ledger.rows)))
    state.seen = newest
    write_state(root, pulled.number, state)


def _earlier(moment: str | None) -> str | None:
    if moment is None:
        return None
    return (datetime.datetime.fromisoformat(moment) - datetime.timedelta(seconds=_SLACK)).isoformat()
