"""Every metric of segmentation against an independent slow version, and torchmetrics and scikit-image where they agree."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from skimage.segmentation import find_boundaries
from torchmetrics.functional.classification import binary_jaccard_index, binary_precision, binary_recall

from occset.benchmark.tasks.segmentation.columns import COLUMNS, COUNTS, METRICS
from occset.benchmark.tasks.segmentation.scores import TOLERANCE, boundary, boundary_f, evaluate_masks
from occset.support.errors import OccsetError


def blob(seed: int, size: int = 40) -> np.ndarray:
    """A few discs and rectangles, some of which reach the border."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    mask = np.zeros((size, size), bool)
    for _ in range(3):
        cy, cx, r = [*rng.uniform(0, size, 2).tolist(), rng.uniform(3, size / 3)]
        mask |= (x - cx) ** 2 + (y - cy) ** 2 < r * r
    mask[: rng.integers(1, 6), : rng.integers(1, 20)] = True
    return np.where(mask, np.uint8(255), np.uint8(0))


def one(prediction: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    (row,) = evaluate_masks(prediction[None], truth[None], ["s"])
    return row


# -- slow versions, straight from the definitions


def slow_boundary(mask: np.ndarray) -> set[tuple[int, int]]:
    height, width = mask.shape
    found = set()
    for y in range(height):
        for x in range(width):
            near = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
            inside = [(i, j) for i, j in near if 0 <= i < height and 0 <= j < width]
            if mask[y, x] and any(not mask[i, j] for i, j in inside):
                found.add((y, x))
    return found


def slow_boundary_f(prediction: np.ndarray, truth: np.ndarray) -> float:
    found, wanted = slow_boundary(prediction), slow_boundary(truth)
    reach = max(1.0, 0.0075 * math.hypot(*truth.shape))

    def share(a: set, b: set) -> float:
        return sum(any(math.dist(p, q) <= reach for q in b) for p in a) / len(a)

    if not found or not wanted:
        return float(not found and not wanted)
    p, r = share(found, wanted), share(wanted, found)
    return 2 * p * r / (p + r) if p + r else 0.0


@pytest.mark.parametrize("seed", range(6))
def test_against_loops_over_pixels(seed: int) -> None:
    prediction, truth = blob(seed), blob(seed + 100)
    tp = fp = fn = 0
    for p, t in zip((prediction > 127).ravel().tolist(), (truth > 0).ravel().tolist(), strict=True):
        tp, fp, fn = tp + (p and t), fp + (p and not t), fn + (t and not p)
    row = one(prediction, truth)
    assert [row[key] for key in COUNTS] == [tp, fp, fn]
    assert row["iou"] == pytest.approx(tp / (tp + fp + fn), abs=1e-12)
    assert row["precision"] == pytest.approx(tp / (tp + fp), abs=1e-12)
    assert row["recall"] == pytest.approx(tp / (tp + fn), abs=1e-12)
    assert row["boundary_f"] == pytest.approx(slow_boundary_f(prediction, truth), abs=1e-12)


@pytest.mark.parametrize(("shape", "step"), [((160, 160), 1), ((160, 280), 2), ((40, 40), 1)])
def test_the_tolerance_grows_with_the_diagonal_and_is_a_pixel_at_least(shape: tuple[int, int], step: int) -> None:
    truth = np.zeros(shape, np.uint8)
    truth[10:30, 10:30] = 255
    assert int(max(1.0, TOLERANCE * math.hypot(*shape))) == step

    def moved(by: int) -> np.ndarray:
        return np.roll(truth, by, axis=1)

    assert boundary_f(moved(step), truth) == 1
    assert boundary_f(moved(step + 1), truth) < 1


@pytest.mark.parametrize("seed", range(4))
def test_against_torchmetrics_and_scikit_image(seed: int) -> None:
    prediction, truth = blob(seed), blob(seed + 50)
    row = one(prediction, truth)
    pair = torch.from_numpy(prediction > 0).long(), torch.from_numpy(truth > 0).long()
    for key, function in (("iou", binary_jaccard_index), ("precision", binary_precision), ("recall", binary_recall)):
        assert row[key] == pytest.approx(float(function(*pair)), abs=1e-6)
    np.testing.assert_array_equal(boundary(truth) > 0, find_boundaries(truth > 0, mode="inner", connectivity=1))


def test_pooled_figures_equal_torchmetrics_over_all_pixels() -> None:
    predictions, truths = np.stack([blob(i) for i in range(5)]), np.stack([blob(i + 9) for i in range(5)])
    scores = pd.DataFrame(evaluate_masks(predictions, truths, list("abcde")))
    pair = torch.from_numpy(predictions > 0).long(), torch.from_numpy(truths > 0).long()
    for key, function in (
        ("pooled_iou", binary_jaccard_index),
        ("pooled_precision", binary_precision),
        ("pooled_recall", binary_recall),
    ):
        pooled = METRICS[key].values(scores).sum() / METRICS[key].weights(scores).sum()
        assert pooled == pytest.approx(float(function(*pair)), abs=1e-6)


def test_by_hand() -> None:
    truth = np.zeros((20, 20), np.uint8)
    truth[5:15, 5:15] = 255  # 100 pixels
    prediction = np.zeros_like(truth)
    prediction[5:15, 5:10] = 255  # its left half
    row = one(prediction, truth)
    assert {key: row[key] for key in ("iou", "precision", "recall")} == {"iou": 0.5, "precision": 1.0, "recall": 0.5}
    # the tolerance is one pixel; of the half's 26 boundary pixels, 10 of the left edge and 5 a horizontal edge fit, the 6
    # inner ones of the right edge do not, but its second and last but one; of the truth's 36, all up to column 10 fit
    assert row["boundary_f"] == pytest.approx(slow_boundary_f(prediction, truth))
    p, r = (10 + 2 * 4 + 2) / 26, (10 + 2 * 5) / 36
    assert row["boundary_f"] == pytest.approx(2 * p * r / (p + r))


def test_a_soft_mask_is_face_above_127() -> None:
    truth = np.zeros((8, 8), np.uint8)
    truth[2:6, 2:6] = 255
    assert one(np.where(truth > 0, np.uint8(128), np.uint8(127)), truth)["iou"] == 1
    assert one(np.where(truth > 0, np.uint8(127), np.uint8(0)), truth)["iou"] == 0


EMPTY, FULL = np.zeros((10, 10), np.uint8), np.full((10, 10), 255, np.uint8)
SOME = np.zeros((10, 10), np.uint8)
SOME[3:7, 3:7] = 255


@pytest.mark.parametrize(
    ("prediction", "truth", "expected"),
    [
        (EMPTY, EMPTY, (1, 1, 1, 1)),
        (EMPTY, SOME, (0, 0, 0, 0)),
        (SOME, EMPTY, (0, 0, 0, 0)),
        (SOME, SOME, (1, 1, 1, 1)),
        (FULL, FULL, (1, 1, 1, 1)),  # neither has a boundary: the picture's border is none
        (FULL, SOME, (0.16, 0.16, 1, 0)),
    ],
)
def test_nothing_and_everything(prediction: np.ndarray, truth: np.ndarray, expected: tuple[float, ...]) -> None:
    row = one(prediction, truth)
    assert tuple(row[key] for key in ("iou", "precision", "recall", "boundary_f")) == pytest.approx(expected)


def test_columns_are_those_declared() -> None:
    assert tuple(one(SOME, SOME)) == COLUMNS
    assert {key for m in METRICS.values() if m.ratio for part in m.ratio for key in part} == set(COUNTS)


@pytest.mark.parametrize("wrong", [SOME[None].astype(float), SOME[None, :5], np.stack([SOME, SOME])])
def test_what_does_not_fit_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(OccsetError, match=r"predictions must be \(1, H, W\) uint8"):
        evaluate_masks(wrong, SOME[None], ["s"])
