"""The page: one HTML file that asks for nothing from outside.

All figures travel in one JSON block; `page.js` builds the page from it and writes names as text, never as markup.
A content security policy allows exactly this style and this script, by their hashes, and pictures inside the file.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from occset.benchmark.leaderboards.cells import Cell
from occset.benchmark.leaderboards.tables import ALL, Row, Table
from occset.benchmark.results.cost import COSTS
from occset.benchmark.results.result import MADE, Result, picture_path
from occset.benchmark.tasks.definition import BenchTask
from occset.benchmark.tasks.registry import all_tasks, task_named
from occset.dataset.recipes import MAX_SIZE
from occset.pictures.images import read_image
from occset.support import pages
from occset.support.errors import BadInput, UnsafePath
from occset.support.files import safe_join

PICTURES = 8
"""Samples whose pictures go into the page, for each table."""

WEBP_QUALITY = 82


def page_html(tables: list[Table], broken: dict[Path, str] | None = None) -> str:
    """The whole page.

    Args:
        tables: what it shows.
        broken: takes the pictures that cannot be used or are missing, and why; the page goes without them. None refuses
            those that are there and cannot be used.

    Raises:
        BadInput: a picture beside the results cannot be read and nobody takes it; names the file.
        UnsafePath: one is a link to a file elsewhere, likewise.
    """
    tasks = [task for task in all_tasks() if any(table.task.name == task.name for table in tables)]
    data = {
        "tasks": {task.name: _task(task) for task in tasks},
        "all": ALL,
        "tables": [_table(table, broken) for table in tables],
    }
    words = {
        "title": tasks[0].words.title if len(tasks) == 1 else "Face occlusion leaderboard",
        "lead": " ".join(task.words.lead for task in tasks),
        "data": embed_json(data),
    }
    return pages.fill("occset.benchmark.leaderboards", words)


def _task(task: BenchTask) -> dict[str, Any]:
    return {
        "metrics": [
            {
                "key": m.key,
                "label": m.label,
                "unit": m.unit,
                "digits": m.digits,
                "higher": m.higher_is_better,
                "primary": m.group == "primary",
                "definition": m.definition,
            }
            for m in task.metrics.values()
        ],
        "kinds": task.words.kinds,
        "bounds": dict(task.words.bounds),
        "given": task.words.given,
        "pictures": list(task.words.pictures.items()),
        "conventions": list(task.words.conventions),
    }


def embed_json(data: Any) -> str:
    """JSON that is safe inside a script element: no "<" can close it, no line separator can break it."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _table(table: Table, broken: dict[Path, str] | None) -> dict[str, Any]:
    return {
        "task": table.task.name,
        "title": table.title,
        "facts": table.facts,
        "notes": table.notes,
        "metrics": list(table.metrics),
        "headline": table.headline.key,
        "types": [{"name": name, "count": count} for name, count in table.types.items()],
        "rows": [_row(row) for row in table.rows],
        "pictures": _pictures(table, broken),
    }


def _row(row: Row) -> dict[str, Any]:
    result = row.result
    facts = {
        "opened by": result.method_reference,
        "weights": result.weights_hash[:12] if result.weights_hash else "none",
        "code": result.code_version,
        "seed": "" if result.seed is None else str(result.seed),
        "run": result.created,
        "trained on": str(result.trained.get("on", "")),
        **{cost.label: cost.of(result) for cost in COSTS},
        "note": "; ".join(result.notes),
        "cite": "; ".join(result.citations),
    }
    return {
        "method": result.method,
        "revision": result.revision,
        "mark": result.mark,
        "kind": "control" if result.control else "automatic" if result.automatic else "given",
        "role": row.role,
        "facts": {key: value for key, value in facts.items() if value},
        "cells": {kind: {key: _cell(cell) for key, cell in cells.items()} for kind, cells in row.cells.items()},
    }


def _cell(cell: Cell) -> list[Any]:
    """[mean, low, high, rank, reason], numbers at the precision anyone could read."""
    return [
        *(None if v is None else float(f"{v:.6g}") for v in (cell.mean, cell.low, cell.high)),
        cell.rank,
        cell.reason,
    ]


def _pictures(table: Table, broken: dict[Path, str] | None) -> list[dict[str, Any]]:
    """Samples that have all shared pictures beside the results, at most `PICTURES`, each with what the methods made."""
    found: list[dict[str, Any]] = []
    for row in table.rows:
        for sample, kind in row.result.scores[["sample", "type"]].itertuples(index=False):
            if len(found) == PICTURES:
                return found
            if any(picture["sample"] == sample for picture in found):
                continue
            shared = {what: _data_uri(row, sample, what, broken) for what in table.task.words.pictures}
            if None in shared.values():
                continue
            methods = {str(at): _data_uri(other, sample, MADE, broken) for at, other in enumerate(table.rows)}
            methods = {at: uri for at, uri in methods.items() if uri}
            found.append({"sample": sample, "type": kind, **shared, "methods": methods})
    return found


def stored_picture(
    result: Result, sample: str, what: str = MADE, broken: dict[Path, str] | None = None
) -> np.ndarray | None:
    """A picture beside a result, (H, W, 3) uint8 RGB; None where there is none, or it cannot be used and `broken` takes it.

    Raises:
        BadInput: it cannot be read, and `broken` is None; names the file.
        UnsafePath: it is a link to a file elsewhere, and `broken` is None.
    """
    if result.path is None:
        return None
    folder = result.path.parent
    path = picture_path(folder, result, sample, what)
    try:
        if path.is_file():
            # what is published lies among the results: no link of a stranger's leads to another picture of this machine
            return read_image(safe_join(folder, str(path.relative_to(folder))), MAX_SIZE**2)
        if broken is not None and _was_kept(result, sample, what):
            again = f"delete {result.path.name} and run the bench again"
            broken[path] = f"{path}: is not there, though other pictures of this sample are: {again}"
    except (BadInput, UnsafePath) as error:
        if broken is None:
            raise
        broken[path] = str(error)
    return None


def _data_uri(row: Row, sample: str, what: str, broken: dict[Path, str] | None) -> str | None:
    image = stored_picture(row.result, sample, what, broken)
    if image is None:
        return None
    done, data = cv2.imencode(".webp", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY])
    if not done:
        raise RuntimeError(f"OpenCV could not encode the picture {what} of {sample} as WebP")
    return "data:image/webp;base64," + base64.b64encode(data.tobytes()).decode()


def _was_kept(result: Result, sample: str, what: str) -> bool:
    """Whether the bench kept this picture: a run keeps all pictures of a sample or none, and who passes a result on may
    leave the whole folder of a method out."""
    folder = result.path.parent if result.path else Path()
    made = picture_path(folder, result, sample, MADE)
    if what == MADE and not (made.parent.is_dir() and (result.scores["sample"] == sample).any()):
        return False
    known = (*task_named(result.task).words.pictures, MADE)
    return any(picture_path(folder, result, sample, other).is_file() for other in known)
