"""The tasks of the bench, a line each."""

from __future__ import annotations

from occset.benchmark.tasks.definition import BenchTask
from occset.support.references import look_up

TASKS: dict[str, str] = {
    "deocclusion": "occset.benchmark.tasks.deocclusion:TASK",
    "segmentation": "occset.benchmark.tasks.segmentation:TASK",
    "reconstruction": "occset.benchmark.tasks.reconstruction:TASK",
    "wild": "occset.benchmark.tasks.wild:TASK",
}
"""Every task by the name that rules and results use; the first is meant where a name could be of several."""

OF_OLD_FILES = "deocclusion"
"""The task of results and protocols that name none: they were written when there was no other."""


def task_named(name: str) -> BenchTask:
    """The task of a name.

    Raises:
        UnknownName: there is none.
    """
    found: BenchTask = look_up("task", name, TASKS)
    return found


def all_tasks() -> list[BenchTask]:
    """Every task, in the order of the registry."""
    return [task_named(name) for name in TASKS]
