"""A Label Studio of a test's own making: the tasks of one round, with whatever annotators, or strangers, sent."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import Any, cast

import numpy as np

from occset.annotation.api.studio import Studio
from occset.annotation.labels.codec import encode_brush
from occset.annotation.push.task_names import key_of, marker_of
from occset.rounds.ledger import Ledger


class FakeStudio:
    """What a pull asks of a server, answered from memory."""

    url = "http://127.0.0.1:1"

    def __init__(self, ledger: Ledger, overlap: int = 1) -> None:
        self.marker = marker_of(ledger)
        self.by_id: dict[str, dict[str, Any]] = {}
        self.requeued: list[tuple[int, int]] = []
        self._numbers, self._seconds = itertools.count(100), itertools.count(1)
        folder = self.marker.replace(":", "-")
        for number, name in enumerate(sorted(ledger.rows["id"]), 1):
            key = key_of(self.marker, name)
            data = {"key": key, "image": f"/data/local-files/?d={folder}/{key}.jpg", "note": ""}
            task = {"id": number, "data": data, "annotations": [], "drafts": [], "overlap": overlap}
            self.by_id[name] = {**task, "updated_at": self._now()}

    def as_studio(self) -> Studio:
        """For the type checker."""
        return cast(Studio, self)

    def say(self, name: str, *result: dict[str, Any], by: int = 1, **more: Any) -> dict[str, Any]:
        """Submit an annotation of a sample."""
        task, now = self.by_id[name], self._now()
        annotation = {"id": next(self._numbers), "completed_by": by, "lead_time": 4.0, "was_cancelled": False}
        annotation |= {"updated_at": now, "result": list(result), "task": task["id"], **more}
        task["annotations"].append(annotation)
        task["updated_at"] = now
        return annotation

    def _now(self) -> str:
        seconds = next(self._seconds)
        return f"2030-01-01T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.000000Z"

    def project_url(self, project: int) -> str:
        return f"{self.url}/projects/{project}/data"

    def find_projects(self, marker: str) -> list[dict[str, Any]]:
        return [{"id": 1, "task_number": len(self.by_id)}] if marker == self.marker else []

    def users(self) -> dict[int, str]:
        return {1: "ann", 2: "bo", 3: "cy"}

    def tasks(self, project: int, since: str | None = None, results: bool = True) -> Iterator[dict[str, Any]]:
        for task in sorted(self.by_id.values(), key=lambda task: task["updated_at"]):
            if since is None or task["updated_at"] >= since:
                yield copy.copy(task)

    def requeue(self, task: int, overlap: int, note: str) -> None:
        self.requeued.append((task, overlap))


def painted(mask: np.ndarray, label: str = "face", region: str = "r1", origin: str = "manual") -> dict[str, Any]:
    """A brush region as the browser sends it; `origin` as "prediction" is a pre-label that nobody touched."""
    height, width = mask.shape
    return {
        "id": region, "type": "brushlabels", "from_name": "brush", "to_name": "image", "origin": origin,
        "original_width": width, "original_height": height, "image_rotation": 0,
        "value": {"format": "rle", "rle": encode_brush(mask), "brushlabels": [label]},
    }  # fmt: skip


def chosen(name: str, value: str, region: str | None = None) -> dict[str, Any]:
    """A choice; of a region where its id is given."""
    answer = {"id": region or name, "type": "choices", "from_name": name, "to_name": "image"}
    return {**answer, "value": {"choices": [value]}}


def written(words: str) -> dict[str, Any]:
    """A comment."""
    return {"id": "w", "type": "textarea", "from_name": "comment", "to_name": "image", "value": {"text": [words]}}
