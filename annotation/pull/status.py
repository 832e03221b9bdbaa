"""How far the labelling of a round has come, as Label Studio knows it."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from occset.annotation.api.studio import Studio
from occset.annotation.push.task_names import find_project, key_of, marker_of
from occset.dataset.occlusion_set import OcclusionSet
from occset.rounds.ledger import read_round


@dataclass
class Status:
    """One round; the numbers are of tasks.

    Attributes:
        number: of the round.
        picks, decided: samples in its ledger, and those whose label was pulled.
        pushed: tasks in its project; the next four add up to it.
        labelled: have all the annotations they need.
        partly: have some, and wait for another annotator.
        skipped: were skipped and have no annotation.
        waiting: nobody has submitted anything.
        drafts: somebody has begun and not submitted; counted among the others too.
        url: of the project, "" where the round was not pushed.
        annotators: one row each: annotator, labelled, skipped, and median_lead_time in seconds, None where unknown.
    """

    number: int
    picks: int
    decided: int
    pushed: int = 0
    labelled: int = 0
    partly: int = 0
    skipped: int = 0
    waiting: int = 0
    drafts: int = 0
    url: str = ""
    annotators: list[dict[str, Any]] = field(default_factory=list)


def status(data: OcclusionSet, studio: Studio, number: int | None = None) -> Status:
    """How far a round of a set has come; the latest one where no number is given.

    Raises:
        LostConnection: the server stopped answering.
        OccsetError: there is no such round.
    """
    ledger = read_round(data.path, number)
    marker = marker_of(ledger)
    found = Status(ledger.setup.number, len(ledger.rows), int(ledger.rows["decision"].notna().sum()))
    project = find_project(studio, marker)
    if project is None:
        return found
    found.url = studio.project_url(project["id"])
    keys = {key_of(marker, name) for name in ledger.rows["id"]}
    tasks = {
        task["id"]: task
        for task in studio.tasks(project["id"])
        if isinstance(key := task["data"].get("key"), str) and key in keys
    }
    found.pushed = len(tasks)
    seconds: dict[int, list[float]] = defaultdict(list)
    skips: dict[int, int] = defaultdict(int)
    for task in tasks.values():
        _count(found, task, seconds, skips)
    names = studio.users() if seconds or skips else {}
    for person in sorted(seconds.keys() | skips.keys()):
        times = [time for time in seconds[person] if time > 0]
        row = {"annotator": names.get(person, f"annotator-{person}"), "labelled": len(seconds[person])}
        found.annotators.append(
            {**row, "skipped": skips[person], "median_lead_time": statistics.median(times) if times else None}
        )
    return found


def _count(found: Status, task: dict[str, Any], seconds: dict[int, list[float]], skips: dict[int, int]) -> None:
    annotations = [one for one in task.get("annotations") or [] if isinstance(one, dict)]
    found.drafts += bool(task.get("drafts"))
    submitted = 0
    for annotation in annotations:
        person = annotation.get("completed_by")
        person = person.get("id") if isinstance(person, dict) else person
        person = person if type(person) is int else 0
        if annotation.get("was_cancelled"):
            skips[person] += 1
        else:
            submitted += 1
            lead_time = annotation.get("lead_time")
            seconds[person].append(float(lead_time) if isinstance(lead_time, int | float) else 0.0)
    overlap = task.get("overlap")
    if submitted and submitted >= (overlap if isinstance(overlap, int) else 1):
        found.labelled += 1
    elif submitted:
        found.partly += 1
    elif annotations:
        found.skipped += 1
    else:
        found.waiting += 1
