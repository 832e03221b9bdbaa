"""What lies between two folders of results: which were added, which are lost, which changed, and by how much."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from occset.benchmark.results.files import load_results
from occset.benchmark.results.result import Result
from occset.benchmark.tasks.registry import task_named

_WHY = {
    "data": "data_hash", "protocol": "protocol_hash", "metrics": "metric_version", "revision": "revision",
    "weights": "weights_hash", "seed": "seed", "what it was given": "given", "scores": "scores_sha256",
}  # fmt: skip
"""In words, and the entry of a result that says it; times and machines change no result."""


def compare(before: Path, after: Path) -> list[dict[str, Any]]:
    """Compare two folders of results; of several revisions of a method the latest counts.

    Returns:
        One row for each result that differs: "what" ("added", "changed", "lost"), "protocol", "data", "method", "metric"
        (that orders its table), its mean "before" and "after" (None where there is none), and "other", what else it is.

    Raises:
        BadInput: one of the folders is missing or empty, or a result is broken.
    """
    old, new = (_latest(load_results(folder)) for folder in (before, after))
    rows = []
    for key in sorted({*old, *new}, key=str):
        one, other = old.get(key), new.get(key)
        if one is not None and other is not None:
            why = [name for name, entry in _WHY.items() if getattr(one, entry) != getattr(other, entry)]
            if why:
                rows.append(_row("changed", one, other, ", ".join(why)))
        else:
            rows.append(_row("lost" if other is None else "added", one, other, ""))
    return rows


def _latest(results: list[Result]) -> dict[tuple[Any, ...], Result]:
    found: dict[tuple[Any, ...], Result] = {}
    for result in sorted(results, key=lambda r: (r.created, r.stem)):
        found[result.task, result.data, result.protocol, result.resolution, result.limit, result.method] = result
    return found


def _row(what: str, one: Result | None, other: Result | None, why: str) -> dict[str, Any]:
    some = other or one
    assert some is not None
    metric = task_named(some.task).metrics[task_named(some.task).headline]
    known = {"protocol": some.protocol, "data": some.data, "method": some.method, "metric": metric.label}
    return {"what": what, **known, "before": _mean(one), "after": _mean(other), "other": why}


def _mean(result: Result | None) -> float | None:
    if result is None:
        return None
    metric = task_named(result.task).metrics[task_named(result.task).headline]
    if not set(metric.needs) <= set(result.scores):
        return None
    values, weights = metric.values(result.scores), metric.weights(result.scores)
    return float(values.mean()) if weights is None else float(values.sum() / weights.sum())
