"""The bootstrap against hand-worked cases, its coverage, and what clustering must do."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
import pandas as pd
import pytest

from occset.benchmark.statistics import Rank, group_difference, mean_interval, paired_difference, ranks
from occset.support.errors import OccsetError


def series(values: Collection[object], prefix: str = "s") -> pd.Series:
    return pd.Series(list(values), index=[f"{prefix}{i:03d}" for i in range(len(values))])


def test_two_faces_by_hand() -> None:
    # faces a (0, 0) and b (1, 1): a draw gives 0, 1/2 or 1 with chances 1/4, 1/2, 1/4
    found = mean_interval([0, 0, 1, 1], ["a", "a", "b", "b"])
    assert (found.mean, found.low, found.high) == (0.5, 0.0, 1.0)
    narrow = mean_interval([0, 0, 1, 1], ["a", "a", "b", "b"], level=0.4)
    assert (narrow.low, narrow.high) == (0.5, 0.5)


def test_faces_weigh_by_their_samples() -> None:
    # face a has one sample (0), face b three (1): the draw a, b gives 3/4, not 1/2
    found = mean_interval([0, 1, 1, 1], ["a", "b", "b", "b"], level=0.4)
    assert (found.mean, found.low, found.high) == (0.75, 0.75, 0.75)


def test_matches_the_normal_interval_where_faces_have_one_sample() -> None:
    values = np.random.default_rng(3).normal(5, 2, 400)
    found = mean_interval(values, np.arange(400), n=8000)
    half = 1.96 * values.std() / math.sqrt(400)
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_copies_of_each_faces_samples_do_not_shrink_the_interval() -> None:
    values = np.random.default_rng(0).normal(0, 1, 50)
    once = mean_interval(values, np.arange(50))
    many = mean_interval(np.repeat(values, 20), np.repeat(np.arange(50), 20))
    assert many.low == pytest.approx(once.low, abs=1e-12)
    assert many.high == pytest.approx(once.high, abs=1e-12)
    naive = mean_interval(np.repeat(values, 20), np.arange(1000))
    assert naive.high - naive.low < 0.3 * (many.high - many.low), "taking copies for faces would shrink it"


def test_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    faces = np.repeat(np.arange(60), 3)
    hits = 0
    for trial in range(300):
        values = np.repeat(rng.normal(0, 1, 60), 3) + rng.normal(0, 0.5, 180)  # samples of a face share most of it
        found = mean_interval(values, faces, n=400, seed=trial)
        hits += found.low <= 0 <= found.high
    assert 0.90 <= hits / 300 <= 0.985


def test_the_order_of_rows_does_not_matter_and_the_seed_does() -> None:
    rng = np.random.default_rng(2)
    a, b = series(rng.normal(size=60)), series(rng.normal(size=60))
    faces = pd.Series(rng.integers(0, 20, 60).astype(str), index=a.index)
    first = paired_difference(a, b, faces)
    shuffled = rng.permutation(60)
    assert paired_difference(a.iloc[shuffled], b, faces.iloc[shuffled[::-1]]) == first
    assert paired_difference(a, b, faces, seed=1) != first


def test_pairing_finds_what_two_intervals_hide() -> None:
    rng = np.random.default_rng(4)
    hard = rng.normal(0, 5, 100)  # how hard a sample is, common to both methods
    a, b = series(hard + 0.2), series(hard + rng.normal(0, 0.1, 100))
    faces = series(np.arange(100))
    one, other = mean_interval(a, faces), mean_interval(b, faces)
    assert one.low < other.high and other.low < one.high, "the two intervals overlap"
    difference = paired_difference(a, b, faces)
    assert difference.excludes_zero
    assert difference.mean == pytest.approx((a - b).mean())


def test_mismatched_samples_are_refused_by_name() -> None:
    a, b = series([1, 2, 3]), series([1, 2])
    faces = series(["x", "y", "z"])
    with pytest.raises(OccsetError, match="'s002' is missing in the second method"):
        paired_difference(a, b, faces)
    with pytest.raises(OccsetError, match="'s002' is missing in the first method"):
        paired_difference(b, a, faces)
    with pytest.raises(OccsetError, match="'s001' and 1 more is missing in the list of faces"):
        paired_difference(a, a, faces.iloc[:1])
    with pytest.raises(OccsetError, match="'s000' twice"):
        paired_difference(pd.concat([a, a.iloc[:1]]), a, faces)


@pytest.mark.parametrize(("values", "faces"), [([], []), ([1.0], ["a", "b"])])
def test_lengths_that_do_not_fit(values: list[float], faces: list[str]) -> None:
    with pytest.raises(OccsetError, match="give one face for each value"):
        mean_interval(values, faces)


def test_values_that_are_not_finite() -> None:
    with pytest.raises(OccsetError, match="1 of 2 values are not finite"):
        mean_interval([1.0, math.nan], ["a", "b"])


def test_one_face_has_no_interval_and_nothing_is_significant() -> None:
    found = mean_interval([1.0, 2.0], ["a", "a"])
    assert found.mean == 1.5 and math.isnan(found.low) and math.isnan(found.high)
    assert not found.excludes_zero
    assert ranks({"p": series([9, 9]), "q": series([1, 1])}, series(["a", "a"]), higher_is_better=True) == {
        "p": Rank(1),
        "q": Rank(1),
    }


def test_ranks_share_a_place_where_the_difference_is_not_significant() -> None:
    rng = np.random.default_rng(5)
    base = rng.normal(0, 1, 200)
    table = {
        "worst": series(base - 3),
        "best": series(base),
        "second": series(base - 1 + rng.normal(0, 0.5, 200)),
        "second too": series(base - 1 + rng.normal(0, 0.5, 200)),
    }
    faces = series(np.arange(200) // 2)
    found = ranks(table, faces, higher_is_better=True)
    assert {k: v.rank for k, v in found.items()} == {"worst": 4, "best": 1, "second": 2, "second too": 2}
    assert list(found) == list(table)
    turned = ranks(table, faces, higher_is_better=False)
    assert {k: v.rank for k, v in turned.items()} == {"worst": 1, "best": 4, "second": 2, "second too": 2}


def test_ranks_agree_with_the_paired_intervals() -> None:
    rng = np.random.default_rng(6)
    table = {f"m{i}": series(rng.normal(i * 0.12, 1, 80)) for i in range(5)}
    faces = series(rng.integers(0, 30, 80))
    found = ranks(table, faces, higher_is_better=True)
    for name, values in table.items():
        better = [other for other in table if other != name and paired_difference(table[other], values, faces).low > 0]
        assert found[name].rank == 1 + len(better)


def test_equal_methods_tie_and_a_method_without_every_sample_gets_no_rank() -> None:
    values = series([1.0, 2.0, 3.0])
    table = {"one": values, "same": values.copy(), "short": values.iloc[:2] + 9, "hole": values.where(values != 2.0)}
    found = ranks(table, series(["a", "b", "c"]), higher_is_better=True)
    assert found["one"] == found["same"] == Rank(1)
    assert found["short"] == Rank(None, "1 of 3 samples are not scored, e.g. s002")
    assert found["hole"] == Rank(None, "1 of 3 samples are not scored, e.g. s001")


def test_no_methods_no_ranks() -> None:
    assert ranks({}, series(["a"]), higher_is_better=True) == {}


# -- pooled figures


def test_a_pooled_figure_divides_sums_and_resamples_faces_for_both() -> None:
    above, below = np.array([1.0, 9.0, 2.0, 0.0]), np.array([2.0, 10.0, 4.0, 0.0])
    faces = np.array(["a", "a", "b", "b"])
    found = mean_interval(above, faces, weights=below)
    assert found.mean == 12 / 16
    # two faces, drawn twice: both alike or one of each; face a alone is 10 / 12, face b alone 2 / 4
    assert (found.low, found.high) == (pytest.approx(2 / 4), pytest.approx(10 / 12))


def test_weights_of_one_make_a_mean() -> None:
    rng = np.random.default_rng(0)
    values, faces = rng.uniform(size=60), np.repeat(np.arange(20), 3)
    plain, weighted = mean_interval(values, faces), mean_interval(values, faces, weights=np.ones(60))
    assert weighted.mean == pytest.approx(plain.mean, abs=1e-14)
    assert (weighted.low, weighted.high) == (plain.low, plain.high)


def test_nothing_below_the_line_is_zero() -> None:
    found = mean_interval(np.zeros(6), np.arange(6), weights=np.zeros(6))
    assert (found.mean, found.low, found.high) == (0, 0, 0)


def test_pooled_ranks_compare_quotients_not_sums() -> None:
    rng = np.random.default_rng(1)
    samples = pd.Index([f"s{i}" for i in range(80)])
    faces = pd.Series([f"f{i // 2}" for i in range(80)], index=samples)
    below = pd.Series(rng.integers(500, 1000, 80), index=samples).astype(float)
    table = {"many": 0.5 * 4 * below, "good": 0.8 * below, "as good": 0.8 * below + rng.normal(0, 0.5, 80)}
    weights = {"many": 4 * below, "good": below, "as good": below}
    found = ranks(table, faces, higher_is_better=True, weights=weights)
    assert {name: rank.rank for name, rank in found.items()} == {"many": 3, "good": 1, "as good": 1}
    same = ranks({"a": below, "b": below}, faces, higher_is_better=True, weights={"a": below, "b": 2 * below})
    assert (same["a"].rank, same["b"].rank) == (1, 2), "equal sums above are not equal figures"


def test_groups_of_samples_are_compared_in_the_same_draws_of_faces() -> None:
    rng = np.random.default_rng(0)
    faces = pd.Series(np.repeat(np.arange(40), 2))
    of_face = np.repeat(rng.normal(0, 1, 40), 2)  # what a face adds to both of its samples, and cancels
    first = pd.Series(np.tile([True, False], 40))
    values = pd.Series(of_face + np.where(first, 0.3, 0.0) + rng.normal(0, 0.1, 80))
    found = group_difference(values, faces, first, ~first)
    assert found.mean == pytest.approx(values[first].mean() - values[~first].mean())
    assert found.excludes_zero and found.high - found.low < 0.15
    back = group_difference(values, faces, ~first, first)
    assert (back.low, back.high) == pytest.approx((-found.high, -found.low))
    apart = pd.Series(np.where(first, faces, faces + 40))  # of other faces each, the same figures tell nothing
    assert not group_difference(values, apart, first, ~first).excludes_zero
    with pytest.raises(OccsetError, match="a group has no sample"):
        group_difference(values, faces, first, first & ~first)
