"""The worst cases of each method, from result files alone: scores, types, and the pictures that were kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from occset.benchmark.results.files import load_results
from occset.benchmark.results.result import MADE, Result, picture_path, worst_folder, worst_samples
from occset.benchmark.tasks.registry import task_named
from occset.support.errors import OccsetError
from occset.support.files import safe_join

WORST = 50
"""Cases of a method on a protocol."""


def worst_cases(folder: Path, most: int = WORST) -> list[dict[str, Any]]:
    """The worst cases of all methods below a folder of results, those of the latest revision of each.

    Args:
        folder: of results.
        most: cases of a method on a protocol.

    Returns:
        One row a case, by protocol, method and how bad it is: "protocol", "data", "task", "method", "control", "sample",
        "face", "type", "worst" (1 is the worst of its method), "metric" (that orders), "scores" (all figures of the sample
        by name), and "pictures": name to path, of what is before, the method's own, and what is after; None where the bench
        did not keep it.

    Raises:
        BadInput: there is no such folder, it holds no result, or one cannot be read.
    """
    latest: dict[tuple[Any, ...], Result] = {}
    for result in sorted(load_results(folder), key=lambda r: (r.created, r.stem)):
        latest[result.task, result.data, result.protocol, result.resolution, result.limit, result.method] = result
    return [case for key in sorted(latest, key=str) for case in _of_result(latest[key], most)]


def _of_result(result: Result, most: int) -> list[dict[str, Any]]:
    task = task_named(result.task)
    metric = task.metrics[task.headline]
    rows: Any = result.scores.set_index("sample", drop=False).loc[worst_samples(result, most)].to_dict("records")
    about = {
        "protocol": result.protocol,
        "data": result.data,
        "task": result.task,
        "method": result.method,
        "control": result.control,
        "metric": metric.label,
    }
    return [
        {
            **about,
            "sample": str(row["sample"]),
            "face": str(row["face"]),
            "type": str(row["type"]),
            "worst": place,
            "scores": _figures(row),
            "pictures": _pictures(result, str(row["sample"])),
        }
        for place, row in enumerate(rows, start=1)
    ]


def _figures(row: dict[str, Any]) -> dict[str, float]:
    return {
        str(key): float(value)
        for key, value in row.items()
        if key not in ("sample", "face", "type") and not pd.isna(value) and not isinstance(value, str)
    }


def _pictures(result: Result, sample: str) -> dict[str, Path | None]:
    """What pages show of a sample, from left to right, as far as it was kept."""
    words = task_named(result.task).words
    names = {**dict(words.before), MADE: result.method, **dict(words.after)}
    assert result.path is not None
    folder = result.path.parent
    found: dict[str, Path | None] = {}
    for what, called in names.items():
        path = picture_path(folder, result, sample, what)
        if not path.is_file():
            path = picture_path(worst_folder(folder), result, sample, what)
        try:  # no link of a stranger's leads to another picture of this machine
            kept = safe_join(folder, str(path.relative_to(folder))) if path.is_file() else None
        except OccsetError:
            kept = None
        found[called] = kept
    return found
