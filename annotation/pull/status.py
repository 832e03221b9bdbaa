"""How far the labelling of a round has come, as Label Studio knows it."""

from __future__ import annotations

import statistics
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from occset.annotation.api.studio import Studio
from occset.annotation.labels.task_reader import key_of_task
from occset.annotation.push.task_names import find_project, key_of, marker_of
from occset.dataset.occlusion_set import OcclusionSet
from occset.rounds.ledger import read_round
from occset.support.errors import BadInput


@dataclass
class Status:
    """One round; the numbers are of samples, each of which is counted once.

    Attributes:
        number: of the round.
        picks, decided: samples in its ledger, and those whose label or verdict was pulled.
        pushed: samples in its project; the next five add up to it.
        labelled: as many annotators as are asked for have submitted it.
        partly: some have, and it waits for another.
        skipped: was skipped, and nobody has submitted it.
        drafts: nobody has submitted or skipped it, and somebody has begun.
        waiting: nobody has done anything.
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
    drafts: int = 0
    waiting: int = 0
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
    tasks: dict[str, list[dict[str, Any]]] = defaultdict(list)
    keys = {key_of(marker, name) for name in ledger.rows["id"]}
    for task in {task["id"]: task for task in studio.tasks(project["id"])}.values():
        with suppress(BadInput):  # a stranger's
            tasks[key_of_task(task, keys, marker, studio.url)].append(task)
    found.pushed = len(tasks)
    seconds: dict[int, list[float]] = defaultdict(list)
    skips: dict[int, int] = defaultdict(int)
    for of_sample in tasks.values():
        _count(found, of_sample, seconds, skips)
    names = studio.users() if seconds or skips else {}
    for person in sorted(seconds.keys() | skips.keys()):
        times = [time for time in seconds[person] if time > 0]
        row = {"annotator": names.get(person, f"annotator-{person}"), "labelled": len(seconds[person])}
        found.annotators.append(
            {**row, "skipped": skips[person], "median_lead_time": statistics.median(times) if times else None}
        )
    return found


def _count(found: Status, tasks: list[dict[str, Any]], seconds: dict[int, list[float]], skips: dict[int, int]) -> None:
    """Count one sample, once: a lost connection may have left two tasks of it, and an annotator may have two words."""
    latest: dict[int, dict[str, Any]] = {}
    for task in tasks:
        for annotation in task.get("annotations") or []:
            if not isinstance(annotation, dict):
                continue
            person = annotation.get("completed_by")
            person = person.get("id") if isinstance(person, dict) else person
            person = person if type(person) is int else 0
            if person not in latest or _moment(annotation) > _moment(latest[person]):
                latest[person] = annotation
    submitted = 0
    for person, annotation in latest.items():
        if annotation.get("was_cancelled"):
            skips[person] += 1
        else:
            submitted += 1
            lead_time = annotation.get("lead_time")
            seconds[person].append(float(lead_time) if isinstance(lead_time, int | float) else 0.0)
    overlap = max(n if isinstance(n, int) else 1 for n in (task.get("overlap") for task in tasks))
    if submitted >= max(overlap, 1):
        found.labelled += 1
    elif submitted:
        found.partly += 1
    elif latest:
        found.skipped += 1
    elif any(task.get("drafts") for task in tasks):
        found.drafts += 1
    else:
        found.waiting += 1


def _moment(annotation: dict[str, Any]) -> tuple[str, int]:
    updated, number = annotation.get("updated_at"), annotation.get("id")
    return updated if isinstance(updated, str) else "", number if isinstance(number, int) else 0
