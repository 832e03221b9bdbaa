"""Confidence intervals that resample faces, and ranks built on them.

Samples of one face are not independent (the same skin, light and pose come back), so a bootstrap draws *faces* with
replacement and every drawn face brings all of its samples. Two methods are compared on the same samples: the interval
is of the mean of the differences, each replicate using one draw for both. A method's rank is 1 + the number of methods
significantly better, that is, whose interval of the difference excludes zero. Intervals are percentile intervals; the
same seed gives the same numbers, whatever the order of the rows.

A pooled figure is a sum over samples divided by another one. Its weights are what each sample adds below the line; a mean
is the pooled figure whose weights are all 1. Where the weights of a draw add up to 0, so does what is above: it counts as 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from occset.support.errors import OccsetError

REPLICATES, LEVEL = 2000, 0.95
_CHUNK = 4_000_000  # weights held as float64 at once: some 30 MB
_ROUNDING = 1e-12  # differences below are of the summation, not of the methods


@dataclass(frozen=True)
class Interval:
    """A mean, or a pooled figure, with its confidence interval.

    `low` and `high` are NaN where fewer than two faces leave them unknown.
    """

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside, so that a difference counts as significant."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Rank:
    """1 + the number of methods significantly better; None with the reason where there is no rank."""

    rank: int | None
    reason: str = ""


def mean_interval(
    values: np.ndarray | pd.Series,
    faces: np.ndarray | pd.Series,
    n: int = REPLICATES,
    level: float = LEVEL,
    seed: int = 0,
    weights: np.ndarray | pd.Series | None = None,
) -> Interval:
    """Mean over samples with a bootstrap interval that resamples faces.

    Args:
        values: (N,) one finite value a sample.
        faces: (N,) the face each sample shows.
        n: number of bootstrap replicates.
        level: confidence, 0..1.
        seed: of the draws.
        weights: (N,) of a pooled figure, what each sample adds below the line; None of a mean.

    Raises:
        OccsetError: no values, lengths that differ, or a value that is not finite.
    """
    below = None if weights is None else np.asarray(weights, dtype=np.float64)[..., None]
    return mean_intervals(np.asarray(values, dtype=np.float64)[..., None], faces, n, level, seed, below)[0]


def mean_intervals(
    values: np.ndarray,
    faces: np.ndarray | pd.Series,
    n: int = REPLICATES,
    level: float = LEVEL,
    seed: int = 0,
    weights: np.ndarray | None = None,
) -> list[Interval]:
    """`mean_interval` of each column, in one go.

    Args:
        values: (N, M) finite values, one row a sample.
        faces: (N,) the face each sample shows.
        n: number of bootstrap replicates.
        level: confidence, 0..1.
        seed: of the draws.
        weights: (N, M) of pooled figures, see `mean_interval`; None of means.

    Raises:
        OccsetError: no values, lengths that differ, or a value that is not finite.
    """
    array, face_ids = np.asarray(values, dtype=np.float64), np.asarray(faces)
    if array.ndim != 2 or array.shape[:1] != face_ids.shape or not array.size:
        raise OccsetError(f"{len(array)} values came with {len(face_ids)} faces; give one face for each value")
    bad = ~np.isfinite(array)
    if bad.any():
        raise OccsetError(f"{bad.sum()} of {array.size} values are not finite; score the samples again")
    drawn = _bootstrap_means(array, face_ids, n, seed, weights)
    seen = [float(column.mean()) for column in array.T] if weights is None else _ratios(array, weights)
    return [_interval(mean, column, level) for mean, column in zip(seen, drawn.T, strict=True)]


def _ratios(values: np.ndarray, weights: np.ndarray) -> list[float]:
    """The pooled figure of each column."""
    return [float(above / below) if below else 0.0 for above, below in zip(values.sum(0), weights.sum(0), strict=True)]


def paired_difference(
    a: pd.Series, b: pd.Series, faces: pd.Series, n: int = REPLICATES, level: float = LEVEL, seed: int = 0
) -> Interval:
    """Interval of the mean of a - b over the same samples.

    Args:
        a: values of one method, indexed by sample.
        b: values of the other, indexed by sample, in any order.
        faces: the face of each sample, indexed by sample.
        n: number of bootstrap replicates.
        level: confidence, 0..1.
        seed: of the draws.

    Raises:
        OccsetError: a sample that only one of them has, a sample twice, or one without a face; named.
    """
    for what, series in (("the first", a), ("the second", b)):
        if series.index.has_duplicates:
            raise OccsetError(f"{what} has sample '{series.index[series.index.duplicated()][0]}' twice; keep one value")
    _refuse_missing(a.index.difference(b.index), "the second method")
    _refuse_missing(b.index.difference(a.index), "the first method")
    _refuse_missing(a.index.difference(faces.index), "the list of faces")
    order = a.index.sort_values()
    return mean_interval(a.loc[order] - b.loc[order], faces.loc[order], n, level, seed)


def group_difference(
    values: pd.Series,
    faces: pd.Series,
    first: pd.Series,
    second: pd.Series,
    n: int = REPLICATES,
    level: float = LEVEL,
    seed: int = 0,
) -> Interval:
    """Interval of the mean of some samples less the mean of others, which may show the same faces.

    Args:
        values: (N,) one finite value a sample.
        faces: (N,) the face each sample shows.
        first, second: (N,) bool, the samples of either group.
        n: number of bootstrap replicates.
        level: confidence, 0..1.
        seed: of the draws.

    Raises:
        OccsetError: a group has no sample.
    """
    groups = np.stack([np.asarray(first, np.float64), np.asarray(second, np.float64)], axis=1)
    if not groups.any(axis=0).all():
        raise OccsetError("a group has no sample: compare groups that have some")
    above = groups * np.asarray(values, np.float64)[:, None]
    one, other = _ratios(above, groups)
    means = _bootstrap_means(above, np.asarray(faces), n, seed, groups)
    return _interval(one - other, means[:, 0] - means[:, 1], level)


def ranks(
    table: Mapping[str, pd.Series],
    faces: pd.Series,
    *,
    higher_is_better: bool,
    n: int = REPLICATES,
    level: float = LEVEL,
    seed: int = 0,
    weights: Mapping[str, pd.Series] | None = None,
) -> dict[str, Rank]:
    """Rank methods on one metric.

    Args:
        table: for each method its values indexed by sample. A method lacks a sample when the index does or the value is NaN.
        faces: the face of every sample of the protocol, indexed by sample; these samples are the cells that a rank needs.
        higher_is_better: direction of the metric.
        n: number of bootstrap replicates.
        level: confidence of each paired interval, 0..1.
        seed: of the draws.
        weights: of a pooled figure, for each method what its samples add below the line; None of a mean.

    Returns:
        A `Rank` for each method, in the order of `table`.
    """
    aligned, whole, better_than = _compared(table, faces, higher_is_better, n, level, seed, weights)
    found = {method: Rank(1 + int(count)) for method, count in zip(whole, better_than.sum(axis=0), strict=True)}
    return {
        method: found.get(method) or _no_rank(values, faces.index.sort_values()) for method, values in aligned.items()
    }


def significantly_better(
    table: Mapping[str, pd.Series],
    faces: pd.Series,
    *,
    higher_is_better: bool,
    n: int = REPLICATES,
    level: float = LEVEL,
    seed: int = 0,
    weights: Mapping[str, pd.Series] | None = None,
) -> set[tuple[str, str]]:
    """The comparisons behind `ranks`, which takes the same: (a, b) for each a that is significantly better than b.

    Methods that lack a sample are not among them.
    """
    _, whole, better_than = _compared(table, faces, higher_is_better, n, level, seed, weights)
    return {(whole[i], whole[j]) for i, j in zip(*np.nonzero(better_than), strict=True)}


def _compared(
    table: Mapping[str, pd.Series],
    faces: pd.Series,
    higher_is_better: bool,
    n: int,
    level: float,
    seed: int,
    weights: Mapping[str, pd.Series] | None,
) -> tuple[dict[str, np.ndarray], list[str], np.ndarray]:
    """The values of each method by sample, the methods that have all of them, and which of those are better than which."""
    order = faces.index.sort_values()
    aligned = {method: values.reindex(order).to_numpy(np.float64) for method, values in table.items()}
    whole = [method for method, values in aligned.items() if np.isfinite(values).all()]
    below = None if weights is None else [weights[m].reindex(order).to_numpy(np.float64) for m in whole]
    better_than = _significantly_better([aligned[m] for m in whole], faces.loc[order].to_numpy(), n, level, seed, below)
    return aligned, whole, better_than if higher_is_better else better_than.T


def _significantly_better(
    columns: list[np.ndarray],
    faces: np.ndarray,
    n: int,
    level: float,
    seed: int,
    weights: list[np.ndarray] | None = None,
) -> np.ndarray:
    """(M, M) bool: entry i, j says that the interval of column i - column j lies above zero."""
    if not columns:
        return np.zeros((0, 0), dtype=bool)
    values = np.stack(columns, axis=1)
    below = None if weights is None else np.stack(weights, axis=1)
    means = _bootstrap_means(values, faces, n, seed, below)
    better = np.zeros((len(columns), len(columns)), dtype=bool)
    for i in range(len(columns)):
        for j in range(len(columns)):
            same = np.array_equal(values[:, i], values[:, j])
            if not (same and (below is None or np.array_equal(below[:, i], below[:, j]))):
                better[i, j] = _interval(0.0, means[:, i] - means[:, j], level).low > _ROUNDING
    return better


def _bootstrap_means(
    values: np.ndarray, faces: np.ndarray, n: int, seed: int, below: np.ndarray | None = None
) -> np.ndarray:
    """(n, M) means of (N, M) values in n draws of faces with replacement; NaN where there are fewer than two faces.

    With weights (N, M) below the line, pooled figures.
    """
    _, at, counts = np.unique(faces, return_inverse=True, return_counts=True)
    if len(counts) < 2:
        return np.full((n, values.shape[1]), np.nan)
    sums = np.zeros((len(counts), values.shape[1]))
    np.add.at(sums, at, values)
    sums_below = np.zeros_like(sums)
    if below is not None:
        np.add.at(sums_below, at, below)
    drawn = _draws(len(counts), n, seed)
    means = np.empty((n, values.shape[1]))
    rows = max(1, _CHUNK // len(counts))
    for start in range(0, n, rows):
        weights = drawn[start : start + rows].astype(np.float64)
        if below is None:
            means[start : start + rows] = (weights @ sums) / (weights @ counts)[:, None]
        else:
            total = weights @ sums_below
            means[start : start + rows] = np.divide(weights @ sums, total, out=np.zeros_like(total), where=total > 0)
    return means


@lru_cache(maxsize=8)
def _draws(faces: int, n: int, seed: int) -> np.ndarray:
    """(n, F) uint16: how often each of F faces comes up when F are drawn with replacement.

    Kept, since a leaderboard asks for the same draws for each of its columns.
    """
    rng = np.random.default_rng(seed)
    drawn = np.empty((n, faces), dtype=np.uint16)
    rows = max(1, _CHUNK // faces)
    for start in range(0, n, rows):
        stop = min(n, start + rows)
        drawn[start:stop] = rng.multinomial(faces, np.full(faces, 1 / faces), size=stop - start)
    drawn.flags.writeable = False
    return drawn


def _interval(mean: float, means: np.ndarray, level: float) -> Interval:
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(mean, float(low), float(high))


def _refuse_missing(missing: pd.Index, where: str) -> None:
    if len(missing):
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise OccsetError(f"sample '{missing[0]}'{more} is missing in {where}; compare methods on the same samples")


def _no_rank(values: np.ndarray, samples: pd.Index) -> Rank:
    missing = samples[~np.isfinite(values)]
    return Rank(None, f"{len(missing)} of {len(samples)} samples are not scored, e.g. {missing[0]}")
