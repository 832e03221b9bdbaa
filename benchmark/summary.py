"""The table that `occset bench` prints: primary metrics with intervals, and ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from occset.benchmark.metrics import METRICS
from occset.benchmark.results import Result
from occset.benchmark.statistics import mean_interval, ranks

SHOWN = ("l1", "psnr", "ssim", "id")


def figures(results: Sequence[Result]) -> list[dict[str, Any]]:
    """One dictionary a method, best L1 first; controls have no rank.

    Args:
        results: of one protocol, on the same samples.

    Returns:
        The method, its rank by L1 (None for controls), under "given" its mark (see `Result.mark`), milliseconds an image,
        and under each metric of `SHOWN` its mean and 95 % interval: ``{"mean": ..., "low": ..., "high": ...}``, None where
        it was not scored; an end of an interval that fewer than two faces leave unknown is None.
    """
    if not results:
        return []
    faces = results[0].scores.set_index("sample")["face"]
    competing = {r.method: r.scores.set_index("sample")["l1"] for r in results if not r.control}
    ranked = ranks(competing, faces, higher_is_better=False) if competing else {}
    return [
        {
            "rank": ranked[result.method].rank if result.method in ranked else None,
            "method": result.method,
            "given": result.mark,
            **{metric: _interval(result, metric) for metric in SHOWN},
            "ms_per_image": round(1000 * result.times.get("method", 0.0) / max(result.samples, 1), 1),
        }
        for result in sorted(results, key=lambda r: float(r.scores["l1"].mean()))
    ]


def _interval(result: Result, metric: str) -> dict[str, float | None] | None:
    if metric not in result.scores:
        return None
    interval = mean_interval(result.scores[metric], result.scores["face"])
    return {
        what: value if math.isfinite(value) else None
        for what, value in (("mean", interval.mean), ("low", interval.low), ("high", interval.high))
    }


def summary(results: Sequence[Result]) -> list[dict[str, Any]]:
    """The same as rows of text, for a table.

    Args:
        results: of one protocol, on the same samples.
    """
    rows = []
    for found in figures(results):
        row = {"rank": found["rank"], "method": found["method"], "given": found["given"]}
        row |= {METRICS[metric].label: _cell(metric, found[metric]) for metric in SHOWN}
        rows.append({**row, "ms/image": found["ms_per_image"]})
    return rows


def _cell(metric: str, found: dict[str, float | None] | None) -> str:
    if found is None:
        return "none"
    mean, low, high = (
        "?" if found[what] is None else f"{found[what]:.{METRICS[metric].digits}f}" for what in ("mean", "low", "high")
    )
    return f"{mean} [{low}, {high}]"
