"""The table that `occset bench` prints: primary metrics with intervals, and ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from occset.benchmark.results.cost import COSTS
from occset.benchmark.results.result import Result
from occset.benchmark.statistics import mean_interval, ranks
from occset.benchmark.tasks.metric import Metric
from occset.benchmark.tasks.registry import task_named


def figures(results: Sequence[Result]) -> list[dict[str, Any]]:
    """One dictionary a method, best first by the task's headline metric (L1, IoU); controls have no rank.

    Args:
        results: of one protocol, on the same samples.

    Returns:
        The method, its rank by the headline metric (None for what has none), under "given" its mark (see `Result.mark`),
        milliseconds an image, and under each metric of the task's `shown` its mean and 95 % interval:
        ``{"mean": ..., "low": ..., "high": ...}``, None where it was not scored; an end of an interval that fewer than two
        faces leave unknown is None.
    """
    if not results:
        return []
    task = task_named(results[0].task)
    headline = task.metrics[task.headline]
    sign = -1 if headline.higher_is_better else 1
    faces = results[0].scores.set_index("sample")["face"]
    competing = {r.method: r.scores.set_index("sample")[headline.key] for r in results if not r.unranked}
    ranked = ranks(competing, faces, higher_is_better=headline.higher_is_better) if competing else {}
    return [
        {
            "rank": ranked[result.method].rank if result.method in ranked else None,
            "method": result.method,
            "given": result.mark,
            **{key: _interval(result, task.metrics[key]) for key in task.shown},
            "ms_per_image": round(1000 * result.times.get("method", 0.0) / max(result.samples, 1), 1),
            **({"trained": result.trained} if result.trained else {}),
        }
        for result in sorted(results, key=lambda r: sign * float(r.scores[headline.key].mean()))
    ]


def _interval(result: Result, metric: Metric) -> dict[str, float | None] | None:
    scores = result.scores
    if not set(metric.needs) <= set(scores):
        return None
    if metric.key in task_named(result.task).optional:
        scores = scores.dropna(subset=[metric.key])
        if scores.empty:
            return None
    interval = mean_interval(metric.values(scores), scores["face"], weights=metric.weights(scores))
    return {
        what: value if math.isfinite(value) else None
        for what, value in (("mean", interval.mean), ("low", interval.low), ("high", interval.high))
    }


def summary(results: Sequence[Result]) -> list[dict[str, Any]]:
    """The same as rows of text, for a table.

    Args:
        results: of one protocol, on the same samples.
    """
    if not results:
        return []
    rows = []
    task = task_named(results[0].task)
    costs = [cost for cost in COSTS if any(cost.of(result) for result in results)]
    by_name = {result.method: result for result in results}
    for found in figures(results):
        row = {"rank": found["rank"], "method": found["method"], "given": found["given"]}
        for key in task.shown:
            row[task.metrics[key].label] = _cell(task.metrics[key], found[key])
        row |= {"ms/image": found["ms_per_image"]}
        rows.append(row | {cost.label: cost.of(by_name[found["method"]]) for cost in costs})
    return rows


def _cell(metric: Metric, found: dict[str, float | None] | None) -> str:
    if found is None:
        return "none"
    mean, low, high = (
        "?" if found[what] is None else f"{found[what]:.{metric.digits}f}" for what in ("mean", "low", "high")
    )
    return f"{mean} [{low}, {high}]"
