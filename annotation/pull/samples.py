"""The samples of a round as annotators left them: from kept tasks to readings. What a stranger sent stops nothing else."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from occset.annotation.labels.task_reader import Reading, key_of_task, read_task
from occset.annotation.pull.raw_tasks import Raw, digest
from occset.annotation.push.task_names import side_of
from occset.support.errors import OccsetError

_MOST_ANNOTATORS = 1000  # that a task may ask for


@dataclass
class Sample:
    """One sample of a round, and what was said of it.

    Attributes:
        row: of the round's ledger.
        task: number of its first task, which a person can open.
        last_task: number of the one that is asked for more annotators.
        words: what identifies all that was said, see `digest`.
        overlap: how many annotators the server asks for.
        readings: the latest of each annotator.
        problems: what cannot be read, and why; there is no label while there are some.
    """

    row: dict[str, Any]
    task: int
    last_task: int
    words: str
    overlap: int
    readings: list[Reading] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Of the face or honeypot."""
        return str(self.row["id"])

    @property
    def is_honeypot(self) -> bool:
        """Whether its truth is known."""
        return bool(self.row["arm"] == "honeypot")


def read_samples(
    raw: Raw,
    project: int,
    live: Container[int],
    rows: Mapping[str, dict[str, Any]],
    marker: str,
    url: str,
) -> tuple[list[Sample], list[tuple[str, str]]]:
    """All samples of a round that have kept tasks.

    Args:
        raw: the kept tasks.
        project: of the round.
        live: numbers of the tasks that the server still has; what was said in others is taken back.
        rows: of the ledger, by key.
        marker: of the round.
        url: of the server.

    Returns:
        The samples, and the tasks that are none of ours or cannot be read at all, and why.
    """
    tasks: dict[str, list[dict[str, Any]]] = {}
    refused: list[tuple[str, str]] = []
    for number in raw.tasks(project):
        if number not in live:
            continue
        try:
            task = raw.load(project, number)
            tasks.setdefault(key_of_task(task, rows.keys(), marker, url), []).append(task)
        except OccsetError as error:
            refused.append((f"task {number}", str(error)))
        except Exception as error:
            refused.append((f"task {number}", _unforeseen(number, error)))
    return [_read_safely(rows[key], of_key) for key, of_key in tasks.items()], refused


def _read_safely(row: dict[str, Any], tasks: list[dict[str, Any]]) -> Sample:
    try:
        return _read(row, tasks)
    except Exception as error:
        first, last = tasks[0]["id"], tasks[-1]["id"]
        return Sample(row, first, last, "", 1, problems=[_unforeseen(first, error)])


def _read(row: dict[str, Any], tasks: list[dict[str, Any]]) -> Sample:
    """Where a lost connection left two tasks of one sample, their annotations are taken together."""
    asked = (task.get("overlap") for task in tasks)
    overlap = max(n if type(n) is int and 1 <= n <= _MOST_ANNOTATORS else 1 for n in asked)
    sample = Sample(row, tasks[0]["id"], tasks[-1]["id"], digest(tasks), overlap)
    latest: dict[int, Reading] = {}
    for task in tasks:
        for one in _readings(task, side_of(row), sample.problems):
            known = latest.get(one.annotator)
            if known is None or (one.updated, one.annotation) > (known.updated, known.annotation):
                latest[one.annotator] = one
    sample.readings = list(latest.values())
    return sample


def _readings(task: dict[str, Any], side: int, problems: list[str]) -> Iterator[Reading]:
    try:
        readings, broken = read_task(task, side)
    except OccsetError as error:
        readings, broken = [], [str(error)]
    except Exception as error:
        readings, broken = [], [_unforeseen(task["id"], error)]
    problems += broken
    yield from readings


def _unforeseen(number: int, error: Exception) -> str:
    """A reader's own failure refuses that task by name and nothing else."""
    return f"task {number}: cannot be read ({type(error).__name__}): delete it on the server and push it again"
