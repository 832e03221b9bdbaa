"""A project of grey faces for a curator in a browser, and what the server keeps of the labels."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from occset.annotation.labels.codec import decode_brush, encode_brush
from occset.annotation.push.project import figures, instruction, labelling_config
from tests.annotation.annotating import call
from tests.annotation.conftest import RunningStudio

SIDE = 512


def grey_face() -> tuple[np.ndarray, np.ndarray]:
    """A grey picture with a lighter oval, and the oval as the face mask with a hole."""
    picture = np.full((SIDE, SIDE, 3), 70, np.uint8)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(picture, (256, 260), (130, 170), 0, 0, 360, (150, 150, 150), -1)
    cv2.ellipse(mask, (256, 260), (130, 170), 0, 0, 360, 255, -1)
    cv2.circle(mask, (256, 340), 30, 0, -1)
    return picture, mask


def make_project(server: RunningStudio, notes: Sequence[str]) -> dict[str, Any]:
    """A project with our labelling page and a pre-labelled task for each of the notes; its number and its tasks."""
    picture, mask = grey_face()
    folder = Path(server.document_root) / "browser"
    folder.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(folder / "face.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
    for name, file in figures().items():
        shutil.copy(file, folder / name)
    about = {
        "title": "browser, round 1",
        "label_config": labelling_config(),
        "expert_instruction": instruction({name: f"/data/local-files/?d=browser/{name}" for name in figures()}),
        "show_instruction": True,
    }
    number = call(server, "POST", "/api/projects/", about)["id"]
    storage = {"project": number, "path": str(folder), "use_blob_urls": True}
    call(server, "POST", "/api/storages/localfiles/", storage)
    size = {"original_width": SIDE, "original_height": SIDE, "image_rotation": 0}
    tags = {"type": "brushlabels", "from_name": "brush", "to_name": "image"}
    value = {"format": "rle", "rle": encode_brush(mask), "brushlabels": ["face"]}
    prediction = {"model_version": "ns-test", "score": 0.9, "result": [{"id": "pre", **tags, **size, "value": value}]}
    data = {"image": "/data/local-files/?d=browser/face.jpg", "key": "0" * 16}
    tasks = [
        {"data": {**data, "note": note, "place": f"Face {place} of {len(notes)}"}, "predictions": [prediction]}
        for place, note in enumerate(notes, 1)
    ]
    made = call(server, "POST", f"/api/projects/{number}/import?return_task_ids=true", tasks)
    return {"number": number, "tasks": made["task_ids"]}


def annotation_of(server: RunningStudio, task: int) -> dict[str, Any]:
    """A task's only annotation, as the server sends it."""
    (annotation,) = call(server, "GET", f"/api/tasks/{task}/")["annotations"]
    return annotation


def result_of(server: RunningStudio, annotation: int) -> list[dict[str, Any]]:
    """What the server keeps of an annotation."""
    return call(server, "GET", f"/api/annotations/{annotation}/")["result"]


def brushes(result: list[dict[str, Any]]) -> list[tuple[str, np.ndarray]]:
    """Label and alpha of each region of the brush, in the order of the result."""
    found = []
    for region in result:
        if region["type"] == "brushlabels":
            assert region["value"]["format"] == "rle"
            alpha = decode_brush(region["value"]["rle"], region["original_height"], region["original_width"])
            found.append((region["value"]["brushlabels"][0], alpha))
    return found


def inside(mask: np.ndarray, margin: int) -> np.ndarray:
    """What of a mask is farther than `margin` from its edge, bool."""
    return cv2.erode(mask, np.ones((2 * margin + 1,) * 2, np.uint8)) > 0


def line(points: list[tuple[int, int]], width: int) -> np.ndarray:
    """What a round brush of `width` picture pixels paints along `points`, (H, W) uint8."""
    drawn = np.zeros((SIDE, SIDE), np.uint8)
    cv2.polylines(drawn, [np.array(points, np.int32)], False, 255, width)
    return drawn
