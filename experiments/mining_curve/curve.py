"""From points to the curve: share of the gap that was closed, mean and spread over seeds, a table and a drawing."""

from __future__ import annotations

import html
from typing import Any

import numpy as np


def summarise(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row an arm and number of labels: mean and spread over seeds.

    Args:
        points: `seed`, `arm`, `labels`, `iou`, `errors_found`, `hard_found`; every seed has the arms "none" and "all".

    Returns:
        Rows with `arm`, `labels`, `seeds`, `iou` and `iou_sd` (over seeds, n - 1; 0 for one), `closed` and `closed_sd`,
        the share of the seed's gap between "none" and "all" that was closed, and `found`, planted faces among the picks.
    """
    ends = {arm: {p["seed"]: p["iou"] for p in points if p["arm"] == arm} for arm in ("none", "all")}
    groups: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for point in points:
        groups.setdefault((point["arm"], point["labels"]), []).append(point)
    order = {"none": 0, "random": 1, "mined": 2, "all": 3}
    rows = []
    for (arm, labels), group in sorted(groups.items(), key=lambda g: (order[g[0][0]], g[0][1])):
        closed = []
        for point in group:
            low, high = ends["none"][point["seed"]], ends["all"][point["seed"]]
            closed.append((point["iou"] - low) / (high - low) if high != low else 0.0)
        ious = [point["iou"] for point in group]
        rows.append(
            {
                "arm": arm,
                "labels": labels,
                "seeds": len(group),
                "iou": float(np.mean(ious)),
                "iou_sd": _spread(ious),
                "closed": float(np.mean(closed)),
                "closed_sd": _spread(closed),
                "found": float(np.mean([point["errors_found"] + point["hard_found"] for point in group])),
            }
        )
    return rows


def advantage(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each number of labels: the share of the gap closed by each arm and how many times as much mining closes."""
    by_arm = {arm: {row["labels"]: row["closed"] for row in rows if row["arm"] == arm} for arm in ("mined", "random")}
    found = []
    for labels in sorted(by_arm["mined"].keys() & by_arm["random"].keys()):
        mined, random = by_arm["mined"][labels], by_arm["random"][labels]
        ratio = mined / random if random > 0 else None
        found.append({"labels": labels, "mined": mined, "random": random, "times": ratio})
    return found


def _spread(values: list[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 640, 400, 70, 40, 20, 60
_COLOURS = {"mined": "#0b6e99", "random": "#b4541a"}


def draw(rows: list[dict[str, Any]], title: str) -> str:
    """The curve as SVG: IoU against labels, both arms with their spread, the two ends as dashed lines."""
    ends = {row["arm"]: row for row in rows if row["arm"] in ("none", "all")}
    arms = {arm: [row for row in rows if row["arm"] == arm] for arm in _COLOURS}
    lows = [row["iou"] - row["iou_sd"] for row in rows]
    highs = [row["iou"] + row["iou_sd"] for row in rows]
    pad = 0.05 * (max(highs) - min(lows)) or 0.01
    low, high = min(lows) - pad, max(highs) + pad
    most = max((row["labels"] for arm in arms.values() for row in arm), default=1)

    def x(labels: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * labels / most

    def y(iou: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - iou) / (high - low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="22" font-size="14">{html.escape(title)}</text>',
    ]
    for tick in np.linspace(low + pad, high - pad, 5):
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="#e4e4e4"/>'
        )
        parts.append(f'<text x="{_LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:.3f}</text>')
    for labels in sorted({0, *(row["labels"] for arm in arms.values() for row in arm)}):
        parts.append(f'<text x="{x(labels):.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{labels}</text>')
    for arm, row in ends.items():
        words = "no label" if arm == "none" else f"all {row['labels']} labels"
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(row["iou"]):.1f}" y2="{y(row["iou"]):.1f}" stroke="#777" '
            f'stroke-dasharray="5 4"/><text x="{_WIDTH - _RIGHT}" y="{y(row["iou"]) - 5:.1f}" text-anchor="end" '
            f'fill="#555">{words}</text>'
        )
    start = [ends["none"]] if "none" in ends else []
    for place, (arm, colour) in enumerate(_COLOURS.items()):
        line = [*start, *arms[arm]]
        path = " ".join(f"{x(row['labels']):.1f},{y(row['iou']):.1f}" for row in line)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for row in arms[arm]:
            at, top, bottom = x(row["labels"]), y(row["iou"] + row["iou_sd"]), y(row["iou"] - row["iou_sd"])
            parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{top:.1f}" y2="{bottom:.1f}" stroke="{colour}"/>')
            parts.append(f'<circle cx="{at:.1f}" cy="{y(row["iou"]):.1f}" r="4" fill="{colour}"/>')
        parts.append(
            f'<text x="{_LEFT + 12 + 90 * place}" y="{_TOP + 14}" fill="{colour}" font-weight="bold">{arm}</text>'
        )
    parts.append(
        f'<text x="{(_LEFT + _WIDTH) / 2:.0f}" y="{_HEIGHT - 18}" text-anchor="middle">labels that a person gave</text>'
        f'<text x="16" y="{_HEIGHT / 2:.0f}" text-anchor="middle" transform="rotate(-90 16 {_HEIGHT / 2:.0f})">'
        "IoU on the fixed test protocol</text></svg>"
    )
    return "\n".join(parts) + "\n"
