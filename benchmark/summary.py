"""The table that `occset bench` prints: primary metrics with intervals, and ranks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from occset.benchmark.metrics import METRICS
from occset.benchmark.results import Result
from occset.benchmark.statistics import mean_interval, ranks

SHOWN = ("l1", "psnr", "ssim", "id")


def summary(results: Sequence[Result]) -> list[dict[str, Any]]:
    """One row a method, best L1 first; controls are shown without a rank.

    Args:
        results: of one protocol, on the same samples.

    Returns:
        Rows with the method, what it was given, its rank by L1, and for each metric its mean and 95 % interval.
    """
    if not results:
        return []
    faces = results[0].scores.set_index("sample")["face"]
    competing = {r.method: r.scores.set_index("sample")["l1"] for r in results if not r.control}
    ranked = ranks(competing, faces, higher_is_better=False) if competing else {}
    rows = []
    for result in sorted(results, key=lambda r: float(r.scores["l1"].mean())):
        place = ranked.get(result.method)
        row: dict[str, Any] = {
            "rank": place.rank if place else None,
            "method": result.method,
            "given": "control" if result.control else "true mask" if "mask" in result.given else "automatic",
        }
        for metric in SHOWN:
            if metric not in result.scores:
                row[METRICS[metric].label] = "none"
                continue
            interval = mean_interval(result.scores[metric], result.scores["face"])
            row[METRICS[metric].label] = f"{interval.mean:.4f} [{interval.low:.4f}, {interval.high:.4f}]"
        row["ms/image"] = round(1000 * result.times.get("method", 0.0) / max(result.samples, 1), 1)
        rows.append(row)
    return rows
