"""Agreement and consensus against values worked out by hand, and STAPLE against a slow one written pixel by pixel."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from occset.annotation.labels.agreement import (
    Pair,
    consensus,
    majority,
    pairs,
    score_annotators,
    staple,
)
from occset.annotation.labels.outlines import boundary_distance, hausdorff95
from occset.mining.signals import iou
from occset.support.errors import BadInput

EMPTY = np.zeros((30, 40), np.uint8)
small_masks = arrays(np.uint8, (7, 9), elements=st.sampled_from([0, 255]))


def block(rows: slice, columns: slice, shape: tuple[int, int] = (30, 40)) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    mask[rows, columns] = 255
    return mask


def square(size: int, inset: int = 0, side: int = 40) -> np.ndarray:
    part = slice(inset, inset + size)
    return block(part, part, (side, side))


def disc(x: int, y: int, radius: int, side: int = 100) -> np.ndarray:
    return cv2.circle(np.zeros((side, side), np.uint8), (x, y), radius, 255, -1)


def answer(truth: np.ndarray, sensitivity: float, specificity: float, rng: np.random.Generator) -> np.ndarray:
    right = rng.random(truth.shape) < np.where(truth > 0, sensitivity, specificity)
    return np.where(right, truth, 255 - truth).astype(np.uint8)


def slow_staple(masks: Sequence[np.ndarray], rounds: int) -> tuple[list[float], list[float], list[float]]:
    """W of each pixel, p and q, by loops over pixels and products of chances, nothing restricted or tabulated."""
    columns = [[int(value) // 255 for value in mask.ravel()] for mask in masks]
    pixels = list(zip(*columns, strict=True))
    annotators = range(len(masks))
    prior = sum(map(sum, pixels)) / (len(pixels) * len(masks))
    p, q = [0.99 for _ in annotators], [0.99 for _ in annotators]
    for _ in range(rounds):
        weights = []
        for pixel in pixels:
            on, off = prior, 1 - prior
            for k in annotators:
                on *= p[k] if pixel[k] else 1 - p[k]
                off *= 1 - q[k] if pixel[k] else q[k]
            weights.append(on / (on + off))
        total = sum(weights)
        for k in annotators:
            p[k] = sum(w for w, pixel in zip(weights, pixels, strict=True) if pixel[k]) / total
            rest = sum(1 - w for w, pixel in zip(weights, pixels, strict=True) if not pixel[k])
            q[k] = rest / (len(pixels) - total)
    return weights, p, q


def test_distance_is_the_mean_of_the_directed_means() -> None:
    small, large = square(3, 11), square(5, 10)
    # 8 pixels of the inner outline are 1 away; of the outer one's 16 the corners are the root of 2 away, the others 1
    assert boundary_distance(small, large) == pytest.approx((1 + (12 + 4 * math.sqrt(2)) / 16) / 2, abs=1e-6)
    assert boundary_distance(square(9, 5), square(9, 5)) == 0


def test_the_inside_of_a_hole_has_an_outline_too() -> None:
    whole = square(9, 5)
    holed = whole.copy()
    holed[9, 9] = 0  # its four neighbours are 3 away from the outline of 32 pixels
    assert boundary_distance(whole, holed) == pytest.approx(4 * 3 / 36 / 2, abs=1e-6)


def test_95th_percentile_is_of_the_directed_distances() -> None:
    line = block(slice(5, 6), slice(0, 10))
    dotted = line.copy()
    dotted[15, 3] = 255
    # 11 distances, 10 of 0 and one of 10: the 95th percentile lies at place 9.5 of 0 to 10; back, all are 0
    assert hausdorff95(line, dotted) == hausdorff95(dotted, line) == pytest.approx(5)
    assert boundary_distance(line, dotted) == pytest.approx(10 / 11 / 2, abs=1e-6)


def test_a_mask_ends_at_the_border() -> None:
    full, short = block(slice(0, 10), slice(0, 10), (10, 10)), block(slice(0, 10), slice(0, 9), (10, 10))
    assert boundary_distance(full, short) == pytest.approx((10 / 36 + 8 / 34) / 2, abs=1e-6)
    assert boundary_distance(full, full) == 0


@pytest.mark.parametrize("distance", [boundary_distance, hausdorff95])
def test_an_empty_mask_is_a_diagonal_away(distance: Callable[[np.ndarray, np.ndarray], float]) -> None:
    some = block(slice(3, 9), slice(3, 9))
    assert distance(EMPTY, EMPTY) == 0
    assert distance(some, EMPTY) == distance(EMPTY, some) == 50


@given(a=small_masks, b=small_masks)
@settings(max_examples=60, deadline=None)
def test_distance_is_symmetric_and_zero_for_the_same(a: np.ndarray, b: np.ndarray) -> None:
    for distance in (boundary_distance, hausdorff95):
        assert distance(a, b) == distance(b, a) >= 0
        assert distance(a, a) == 0
        assert distance(a[::-1, ::-1], b[::-1, ::-1]) == pytest.approx(distance(a, b), abs=1e-5)
    assert (boundary_distance(a, b) == 0) == np.array_equal(*(mask > inner(mask) for mask in (a, b)))


def inner(mask: np.ndarray) -> np.ndarray:
    """The pixels of a mask with four neighbours in it, by shifts."""
    wide = np.pad(mask, 1)
    return wide[1:-1, 1:-1] & wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]


def test_pairs_are_sorted_by_name() -> None:
    masks = {"zoe": square(4), "anna": square(2), "max": square(4)}
    found = pairs(masks)
    assert [(pair.one, pair.other) for pair in found] == [("anna", "max"), ("anna", "zoe"), ("max", "zoe")]
    assert found[2] == Pair("max", "zoe", 1.0, 0.0)
    assert found[0].iou == 4 / 16
    assert found[0].distance == boundary_distance(masks["anna"], masks["max"])
    assert pairs({"anna": square(4)}) == pairs({}) == []


def test_majority_of_three_counts_votes_and_nothing_else() -> None:
    rng = np.random.default_rng(1)
    masks = [np.where(rng.random((20, 20)) < 0.5, np.uint8(255), np.uint8(0)) for _ in range(3)]
    assert np.array_equal(majority(masks) > 0, sum((mask > 0).astype(int) for mask in masks) >= 2)


def test_of_two_the_outline_runs_halfway() -> None:
    # a ring of 6 pixels between the squares: three of it stay; a corner of it is farther from the inner square
    expected = square(16, 12)
    expected[[12, 12, 27, 27], [12, 27, 12, 27]] = 0
    for masks in ([square(22, 9), square(10, 15)], [square(10, 15), square(22, 9)]):
        assert np.array_equal(majority(masks), expected)


def test_what_lies_exactly_halfway_is_off() -> None:
    # both leave the picture at three sides: there is no notch at the border
    narrow, wide = block(slice(0, 30), slice(0, 20)), block(slice(0, 30), slice(0, 23))
    assert np.array_equal(majority([narrow, wide]), block(slice(0, 30), slice(0, 21)))  # 20 on, 21 halfway, 22 off


def test_a_tie_of_four_is_not_moved_by_how_far_off_the_outlier_is() -> None:
    masks = [block(slice(0, 81), slice(0, end), (81, 90)) for end in (10, 12, 16, 70)]
    assert np.count_nonzero(majority(masks)[40]) == 14
    assert np.count_nonzero(majority([*masks[:3], masks[2]])[40]) == 14


def test_a_mark_of_one_of_two_stays_only_where_it_is_deeper_than_the_other_is_far() -> None:
    face = disc(50, 50, 40)
    holed, spotted = face & ~disc(50, 50, 8), face | disc(96, 96, 3)
    assert np.array_equal(majority([face, holed]), face)
    assert np.array_equal(majority([face, spotted]), face)
    opened = face & ~disc(50, 15, 20)  # a bay at the outline stays in part
    assert iou(opened, face) < iou(opened, majority([face, opened])) < 1


def test_an_empty_mask_and_another_give_nothing() -> None:
    some, full = block(slice(3, 20), slice(3, 20)), EMPTY + 255
    assert not majority([EMPTY, some]).any()
    assert not majority([EMPTY, EMPTY]).any()
    assert not majority([EMPTY, full]).any()
    assert majority([some, full]).all()


def test_staple_is_that_of_plain_loops() -> None:
    rng = np.random.default_rng(3)
    truth = np.where(rng.random((24, 20)) < 0.4, np.uint8(255), np.uint8(0))
    masks = [answer(truth, *quality, rng) for quality in ((0.95, 0.8), (0.8, 0.9), (0.6, 0.7), (0.9, 0.97))]
    for rounds in (1, 2, 40):
        found = staple(masks, tolerance=0, most_iterations=rounds)
        weights, p, q = slow_staple(masks, rounds)
        assert found.iterations == rounds
        assert found.probability.ravel() == pytest.approx(weights, abs=1e-6)
        assert found.sensitivity == pytest.approx(p, abs=1e-8)
        assert found.specificity == pytest.approx(q, abs=1e-8)
        assert np.array_equal(found.mask.ravel() > 0, np.array(weights) > 0.5)
    settled = staple(masks)
    assert settled.iterations < 500
    assert settled.sensitivity == pytest.approx(slow_staple(masks, 300)[1], abs=1e-4)


def test_staple_recovers_how_good_each_annotator_is() -> None:
    rng = np.random.default_rng(4)
    truth = np.where(rng.random((160, 160)) < 0.4, np.uint8(255), np.uint8(0))
    qualities = [(0.95, 0.9), (0.85, 0.97), (0.9, 0.92), (0.7, 0.6), (0.8, 0.88)]
    found = staple([answer(truth, *quality, rng) for quality in qualities])
    for figures in zip(found.sensitivity, found.specificity, qualities, strict=True):
        assert figures[:2] == pytest.approx(figures[2], abs=0.02)


def test_staple_beats_the_best_annotator_and_the_majority_when_one_is_bad() -> None:
    rng = np.random.default_rng(5)
    truth = np.where(rng.random((160, 160)) < 0.5, np.uint8(255), np.uint8(0))
    masks = [answer(truth, *quality, rng) for quality in ((0.95, 0.95), (0.9, 0.9), (0.9, 0.9), (0.4, 0.5))]
    found = iou(staple(masks).mask, truth)
    assert found > max(iou(mask, truth) for mask in masks) + 0.02
    assert found > iou(majority(masks), truth) + 0.02


def test_staple_does_not_see_how_wide_the_background_is() -> None:
    masks = [disc(50, 50, 30), disc(52, 50, 29), disc(50, 49, 31) | disc(78, 50, 8)]
    near = staple(masks)
    far = staple([np.pad(mask, 300) for mask in masks])
    assert np.array_equal(far.mask, np.pad(near.mask, 300))
    assert (near.sensitivity, near.specificity) == (far.sensitivity, far.specificity)
    assert not near.mask[50, 82:].any()  # what one added alone


def test_staple_looks_at_the_box_of_all_masks_and_an_eighth_around_it() -> None:
    found = staple([square(8, 16), square(8, 16), square(16, 12)])
    assert np.array_equal(found.mask, square(8, 16))
    # of the 20 x 20 pixels looked at, 336 are off, and the third annotator says so of 144
    assert found.specificity == pytest.approx((1, 1, 144 / 336), abs=1e-4)
    assert np.array_equal(found.probability > 0, square(20, 10) > 0)


def test_staple_of_the_same_masks_is_that_mask() -> None:
    for mask in (EMPTY, EMPTY + 255, block(slice(3, 9), slice(3, 9))):
        found = staple([mask] * 3)
        assert np.array_equal(found.mask, mask)
        assert np.array_equal(found.probability, mask / np.float32(255))
        assert found.sensitivity == found.specificity == (1, 1, 1)


def test_staple_refuses_what_it_cannot_decide() -> None:
    mask = block(slice(3, 9), slice(3, 9))
    for count in (1, 2, 13):
        with pytest.raises(BadInput, match=f"not {count}: take the majority"):
            staple([mask] * count)
    assert np.array_equal(staple([mask] * 11 + [EMPTY]).mask, mask)


@given(masks=st.lists(small_masks, min_size=1, max_size=5), rule=st.sampled_from(["staple", "majority"]))
@settings(max_examples=80, deadline=None)
def test_a_consensus_keeps_what_all_agree_on_and_has_no_first_annotator(masks: list[np.ndarray], rule: str) -> None:
    named = {f"annotator {number}": mask for number, mask in enumerate(masks)}
    found = consensus(named, rule)
    turned = consensus(dict(reversed(named.items())), rule)
    assert np.array_equal(found.mask, turned.mask) and found.pairs == turned.pairs
    assert found.mask.dtype == np.uint8 and set(np.unique(found.mask)) <= {0, 255}
    assert (found.mask >= np.bitwise_and.reduce(masks)).all()
    assert (found.mask <= np.bitwise_or.reduce(masks)).all()


def test_consensus_tells_the_mean_of_the_pairs() -> None:
    masks = {"anna": square(4), "max": square(4), "zoe": square(2)}
    found = consensus(masks)
    assert found.agreement == pytest.approx((1 + 4 / 16 + 4 / 16) / 3)
    assert found.distance == pytest.approx(2 * boundary_distance(square(4), square(2)) / 3)
    assert found.pairs == pairs(masks)
    assert np.array_equal(found.mask, square(4))


def test_consensus_of_one_and_of_two() -> None:
    one, two = square(22, 9), square(10, 15)
    alone = consensus({"anna": one})
    assert np.array_equal(alone.mask, one) and alone.mask is not one
    assert (alone.agreement, alone.distance, alone.pairs) == (None, None, [])
    both = consensus({"anna": one, "max": two})
    assert np.array_equal(both.mask, majority([one, two]))
    assert both.agreement == 100 / 484


def test_bad_input_is_named() -> None:
    masks = {"anna": square(4), "max": square(4, side=41)}
    for refuse in (pairs, consensus):
        with pytest.raises(BadInput, match="anna 40 x 40, max 41 x 41"):
            refuse(masks)
    with pytest.raises(BadInput, match="mask 1 40 x 40, mask 2 41 x 41"):
        majority(list(masks.values()))
    with pytest.raises(BadInput, match=r"anna: .* this one also 1:"):
        consensus({"anna": square(4) // 255, "max": square(4)})
    with pytest.raises(BadInput, match="no mask"):
        consensus({})
    with pytest.raises(BadInput, match="no rule is called 'mean'"):
        consensus({"anna": square(4)}, "mean")


def test_annotators_are_scored_against_the_truth() -> None:
    truth = block(slice(0, 10), slice(0, 10))
    half, double = block(slice(0, 10), slice(0, 5)), block(slice(0, 10), slice(0, 20))
    rows = score_annotators([("zoe", double, truth), ("anna", half, truth), ("zoe", truth, truth)])
    assert [row["annotator"] for row in rows] == ["anna", "zoe"]
    anna, zoe = rows
    assert (anna["count"], anna["iou"], anna["lowest_iou"]) == (1, 0.5, 0.5)
    assert (anna["precision"], anna["recall"]) == (1, 0.5)
    assert anna["distance"] == boundary_distance(half, truth)
    assert (zoe["count"], zoe["iou"], zoe["lowest_iou"]) == (2, 0.75, 0.5)
    assert (zoe["precision"], zoe["recall"]) == (0.75, 1)
    assert zoe["distance"] == boundary_distance(double, truth) / 2


def test_scores_where_nothing_is_marked_or_nothing_is_there() -> None:
    some = square(5)
    (right,) = score_annotators([("anna", some * 0, some * 0)])
    assert (right["iou"], right["precision"], right["recall"], right["distance"]) == (1, 1, 1, 0)
    for mask, truth in ((some * 0, some), (some, some * 0)):
        (wrong,) = score_annotators([("anna", mask, truth)])
        assert (wrong["iou"], wrong["precision"], wrong["recall"]) == (0, 0, 0)
        assert wrong["distance"] == pytest.approx(math.hypot(40, 40))
    with pytest.raises(BadInput, match="anna 40 x 40, the truth of anna 41 x 41"):
        score_annotators([("anna", some, square(5, side=41))])
    assert score_annotators([]) == []
