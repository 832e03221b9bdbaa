"""Listing the tasks of a project while annotators go on working, without skipping one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from occset.annotation.api.address import iso_time
from occset.support.errors import BadInput, OccsetError

PAGE = 100
"""How many tasks are read at once."""

MOST_TASKS = 1_000_000
"""How many tasks a project may list before its server is taken for one that never ends."""

_OVERLAP = 10  # see Listing.read

Filters = list[dict[str, Any]]


class Listing:
    """The tasks of one project; `ask` sends a query and returns the answer, an object."""

    def __init__(
        self, ask: Callable[[dict[str, Any]], dict[str, Any]], where: str, project: int, results: bool
    ) -> None:
        self._ask, self._where, self._project, self._results = ask, where, project, results

    def read(self, since: str | None) -> Iterator[dict[str, Any]]:
        """Tasks that were updated at or after a moment, oldest update first; see `Studio.tasks`.

        There are no numbered pages, since a task that is updated moves to the end of the list, and what moves up would
        be skipped: each request asks for what was updated at or after a moment that is surely not behind the last page.
        """
        start, operator, count = since, "greater_or_equal", 0
        seen: set[tuple[int, str]] = set()
        while True:
            filters = [_moment(operator, start)] if start else []
            page, total = self._page(filters, "tasks:updated_at")
            fresh = [task for task in page if (task["id"], task["updated_at"]) not in seen]
            yield from fresh
            count += len(fresh)
            if total <= len(page):
                return
            # the server reads the tasks after it has sorted their ids: some may have changed in between and claim to be
            # newer than the page's end, but hardly the last ten all at once
            reached = min((task["updated_at"] for task in page[-_OVERLAP:]), default="")
            if not reached or count > MOST_TASKS or (start and reached < start):
                raise self._endless()
            seen = {(task["id"], task["updated_at"]) for task in page}
            if reached == start:  # more tasks share this moment than fit a page
                for task in self._tasks_of_moment(reached):
                    if (task["id"], task["updated_at"]) not in seen:
                        count += 1
                        yield task
                operator = "greater"
            else:
                start, operator = reached, "greater_or_equal"

    def _tasks_of_moment(self, moment: str) -> Iterator[dict[str, Any]]:
        """Tasks that were updated at one moment, by id, which never changes."""
        both = [_moment("greater_or_equal", moment), _moment("less_or_equal", moment)]
        last, total = 0, 1
        page: list[dict[str, Any]] = []
        while total > len(page):
            above = {"filter": "filter:tasks:id", "operator": "greater", "type": "Number", "value": last}
            page, total = self._page([*both, above], "tasks:id")
            if total > len(page) and (not page or page[-1]["id"] <= last):
                raise self._endless()
            yield from page
            last = page[-1]["id"] if page else last

    def _endless(self) -> OccsetError:
        return OccsetError(
            f"{self._where}: the list of tasks of project {self._project} never ends or is out of order: is it Label "
            "Studio? Run the same command again"
        )

    def _page(self, filters: Filters, order: str) -> tuple[list[dict[str, Any]], int]:
        query = {"filters": {"conjunction": "and", "items": filters}, "ordering": [order]}
        params = {
            "project": self._project,
            "query": json.dumps(query),
            "fields": "all" if self._results else "task_only",
            "page_size": PAGE,
            "resolve_uri": "false",  # the addresses as we wrote them
        }
        answer = self._ask(params)
        tasks, total = answer.get("tasks"), answer.get("total")
        if not isinstance(tasks, list) or type(total) is not int or not all(map(_is_task, tasks)):
            raise OccsetError(f"{self._where}: answered with something that is no list of tasks: is it Label Studio?")
        return [normal(task) for task in tasks], total


def _moment(operator: str, moment: str) -> dict[str, Any]:
    return {"filter": "filter:tasks:updated_at", "operator": operator, "type": "Datetime", "value": moment}


def _is_task(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and type(value.get("id")) is int
        and isinstance(value.get("data"), dict)
        and isinstance(value.get("updated_at"), str)
    )


def normal(task: dict[str, Any]) -> dict[str, Any]:
    """A task whose times, and those of what belongs to it, have one spelling; what is no time stays as it is.

    Raises:
        OccsetError: the task's own time of update is none.
    """
    if isinstance(text := task.get("updated_at"), str) and _spelled(text) is None:
        raise OccsetError(f"task {task.get('id')}: updated at {text[:40]!r}, which is no time: is it Label Studio?")
    parts = {key: [_times(part) for part in value] for key, value in task.items() if isinstance(value, list)}
    return _times({**task, **parts})


def _times(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    texts = {key: text for key, text in value.items() if key.endswith("_at") and isinstance(text, str)}
    return {**value, **{key: _spelled(text) or text for key, text in texts.items()}}


def _spelled(text: str) -> str | None:
    try:
        return iso_time(text)
    except BadInput:
        return None
