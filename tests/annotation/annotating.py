"""An annotator that knows the truth, draws it with an unsteady hand, and gives it to Label Studio through its API.

Regions are made by Label Studio's own encoder, so that what is pulled was not written by the code that reads it.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import cv2
import numpy as np

from occset.annotation.labels.resizing import reduce
from occset.annotation.push.task_names import key_of, marker_of, side_of
from occset.rounds.ledger import Ledger
from occset.rounds.simulated import wobbled


class Oval:
    """A model that finds an oval."""

    name, weights_hash, size = "oval", "0" * 64, 64

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        mask = np.full((64, 64), 0.05, np.float32)
        cv2.ellipse(mask, (32, 35), (17, 23), 0, 0, 360, 0.95, -1)
        return np.repeat(mask[None], len(images), 0)


class Server(Protocol):
    """What is needed to ask a running Label Studio."""

    @property
    def url(self) -> str:
        """Its address."""

    @property
    def token(self) -> str:
        """Of the user who asks."""


def call(server: Server, method: str, path: str, content: Any = None) -> Any:
    """Ask the server's API as its user."""
    body = None if content is None else json.dumps(content).encode()
    headers = {"Authorization": f"Token {server.token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{server.url}{path}", body, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as response:
        text = response.read()
    return json.loads(text) if text.strip() else None


def tasks_of(server: Server, project: int) -> list[dict[str, Any]]:
    """All tasks of a project with their annotations."""
    return call(server, "GET", f"/api/tasks/?project={project}&fields=all&page_size=1000&resolve_uri=false")["tasks"]


def brush(mask: np.ndarray, label: str, region: str) -> dict[str, Any]:
    """A brush region (H, W) uint8 as Label Studio's own encoder writes it."""
    from label_studio_sdk.converter.brush import mask2rle

    height, width = mask.shape
    return {
        "id": region,
        "type": "brushlabels",
        "from_name": "brush",
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": {"format": "rle", "rle": [int(v) for v in mask2rle(mask)], "brushlabels": [label]},
    }


def choice(name: str, value: str, region: str | None = None) -> dict[str, Any]:
    """A choice; of a region where its id is given."""
    found = {"type": "choices", "from_name": name, "to_name": "image", "value": {"choices": [value]}}
    return {**found, "id": region or name}


def submit(server: Server, task: int, result: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Submit an annotation; `completed_by` names another user."""
    return call(server, "POST", f"/api/tasks/{task}/annotations/", {"result": result, "lead_time": 12.5, **more})


def annotate_round(
    server: Server,
    project: int,
    ledger: Ledger,
    truth: Callable[[dict[str, Any]], np.ndarray],
    wobble: float = 1.5,
    seed: int = 0,
    ids: Iterable[str] | None = None,
    occluder: Callable[[dict[str, Any]], tuple[np.ndarray, str] | None] | None = None,
    **more: Any,
) -> dict[str, np.ndarray]:
    """Draw what is true of each sample of a round, and submit it.

    Args:
        truth: of a row of the ledger: (height, width) uint8 0/255 at the face's own size.
        wobble: of the hand, pixels of what the annotator sees.
        ids: only these.
        occluder: of a row: mask at the face's own size and category, or None.

    Returns:
        What was drawn of each, at the size the annotator saw.
    """
    marker = marker_of(ledger)
    rows: dict[str, Any] = {key_of(marker, row["id"]): row for row in ledger.rows.to_dict("records")}
    wanted = None if ids is None else set(ids)
    drawn = {}
    for task in tasks_of(server, project):
        row = rows[task["data"]["key"]]
        if wanted is not None and row["id"] not in wanted:
            continue
        side = side_of(row)
        mask = reduce(truth(row), side, side)
        if wobble:
            mask = wobbled(mask, wobble, np.random.default_rng([seed, int(task["data"]["key"], 16)]))
        result = [brush(mask, "face", "one")]
        if occluder and (worn := occluder(row)):
            result += [brush(reduce(worn[0], side, side), "occluder", "two"), choice("category", worn[1], "two")]
        submit(server, task["id"], result, **more)
        drawn[row["id"]] = mask
    return drawn
