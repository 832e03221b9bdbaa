"""From signals to a choice: one score from all of them, then K faces that are hard and unlike each other, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from occset.mining.signals import SIGNALS, sentence

WEIGHTS = {
    "entropy": 2.0,
    "instability": 1.0,
    "label_disagreement": 2.0,
    "fragments": 0.5,
    "render_disagreement": 1.0,
}
"""What each signal weighs in the score: doubled, what told planted errors and hard samples best (train faces, 64 px)."""

POWER = 4
"""Of the mean of ranks. Above 1 a face that is extreme in one signal comes before one that is middling in all: a wrong label
shows in one signal alone where the model is sure of itself."""

POOL = 1.5
"""The choice is made among this many times as many faces as are wanted, the highest scores: more of them would make it
more diverse, and less hard."""


def ranks(table: pd.DataFrame) -> pd.DataFrame:
    """Rank of each signal within the table, 0 (least) .. 1 (most), ties in the middle, NaN where the signal is."""
    columns = {}
    for signal in SIGNALS:
        known = int(table[signal].notna().sum())
        place = table[signal].rank(method="average") - 1
        columns[signal] = place / (known - 1) if known > 1 else place + 0.5
    return pd.DataFrame(columns, index=table.index)


def score(table: pd.DataFrame, weights: Mapping[str, float] = WEIGHTS) -> pd.Series:
    """Weighted power mean, `POWER`, of the `ranks` of the signals that a face has, 0..1."""
    placed = ranks(table)
    weight = placed.notna() * pd.Series({signal: float(weights.get(signal, 0.0)) for signal in SIGNALS})
    mean = (placed.fillna(0.0) ** POWER * weight).sum(axis=1) / weight.sum(axis=1)
    return mean ** (1 / POWER)


def choose(
    table: pd.DataFrame,
    features: np.ndarray,
    count: int,
    pool: float = POOL,
    weights: Mapping[str, float] = WEIGHTS,
    leave_out: Iterable[str] = (),
) -> pd.DataFrame:
    """Choose faces: k-centre greedy on features among the highest scores.

    The first is the highest score; each further one is the face of the pool that lies furthest from all chosen so far.
    Equal ones go by score, then by id, so that the order of rows changes nothing.

    Args:
        table: `id`, the signals, `pieces`, `holes`.
        features: (N, D), one row a face; compared in standard deviations of the table's faces.
        count: how many; fewer when there are no more.
        pool: see `POOL`.
        weights: see `WEIGHTS`.
        leave_out: ids that are not chosen; the others are ranked against them all the same.

    Returns:
        The chosen rows, in the order of the choice, with `rank` (1, 2, ...), `score` and its place among all, `place`,
        the `distance` to those before, the leading `signal`, and the `reason`.
    """
    table = table.reset_index(drop=True)
    placed = ranks(table)
    table["score"] = score(table, weights)
    order = table.sort_values(["score", "id"], ascending=[False, True]).index.to_numpy()
    table.loc[order, "place"] = np.arange(1, len(order) + 1)
    order = order[~table.loc[order, "id"].isin(list(leave_out)).to_numpy()]
    count = min(count, len(order))
    candidates = order[: max(count, int(np.ceil(pool * count)))]
    picked, distances = _k_centre(_standardised(features)[candidates], count)
    chosen = table.loc[candidates[picked]].copy()
    chosen["place"] = chosen["place"].astype("int32")
    chosen.insert(0, "rank", np.arange(1, count + 1, dtype=np.int32))
    chosen["distance"] = distances
    rows: Any = chosen.to_dict("records")
    told = [
        _told(row, placed.loc[index].dropna().to_dict(), weights, len(table))
        for index, row in zip(chosen.index, rows, strict=True)
    ]
    chosen["signal"] = [signal for signal, _ in told]
    chosen["reason"] = [reason for _, reason in told]
    return chosen.reset_index(drop=True)


def _standardised(features: np.ndarray) -> np.ndarray:
    values = np.asarray(features, np.float64).reshape(len(features), -1)
    spread = values.std(axis=0) if len(values) else np.ones(values.shape[1])
    usable = spread > 1e-9
    return (values[:, usable] - values[:, usable].mean(axis=0)) / spread[usable] if len(values) else values


def _k_centre(points: np.ndarray, count: int) -> tuple[list[int], list[float]]:
    """Greedy k-centre from the first of (N, D) points: indices, and each one's distance to those before (first: 0)."""
    if not count:
        return [], []
    picked, distances = [0], [0.0]
    nearest = np.linalg.norm(points - points[0], axis=1)
    free = np.ones(len(points), bool)
    free[0] = False
    while len(picked) < count:
        furthest = int(np.argmax(np.where(free, nearest, -1.0)))  # of equal ones the first, which scores highest
        picked.append(furthest)
        distances.append(float(nearest[furthest]))
        free[furthest] = False
        nearest = np.minimum(nearest, np.linalg.norm(points - points[furthest], axis=1))
    return picked, distances


def _told(row: dict[str, Any], placed: dict[str, float], weights: Mapping[str, float], total: int) -> tuple[str, str]:
    """The leading signal of a chosen face, and the reason in words: its two strongest signals and how it was chosen."""
    strongest = sorted(placed, key=lambda s: (-placed[s] * (weights.get(s, 0.0) > 0), SIGNALS.index(s)))
    said = [sentence(signal, row) for signal in strongest[:2] if signal == strongest[0] or placed[signal] >= 0.75]
    first = "the hardest of all" if row["place"] == 1 else "the hardest that may be chosen"
    how = first if row["rank"] == 1 else f"unlike those before it (distance {row['distance']:.1f})"
    return strongest[0], f"{'; '.join(said)}; score {row['score']:.2f}, {row['place']} of {total}; {how}"
