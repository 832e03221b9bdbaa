"""The annotator that knows the truth."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from occset.mining.signals import iou
from occset.pictures.masks import read_mask
from occset.rounds.simulated import annotate, wobbled


@pytest.fixture
def disc() -> np.ndarray:
    mask = np.zeros((128, 128), np.uint8)
    cv2.circle(mask, (64, 64), 40, 255, -1)
    return mask


def test_a_steady_hand_draws_the_truth(disc: np.ndarray, tmp_path: Path) -> None:
    assert annotate(["fa", "fb"], lambda face: disc, tmp_path / "out") == 2
    for face in ("fa", "fb"):
        assert np.array_equal(read_mask(tmp_path / "out" / f"{face}.png"), disc)


def test_an_unsteady_hand_moves_the_outline_by_about_what_was_asked(disc: np.ndarray, tmp_path: Path) -> None:
    annotate(["fa", "fb"], lambda face: disc, tmp_path / "one", wobble=2.0, seed=3)
    annotate(["fb"], lambda face: disc, tmp_path / "two", wobble=2.0, seed=3)
    annotate(["fa"], lambda face: disc, tmp_path / "three", wobble=2.0, seed=4)
    drawn = {name: read_mask(tmp_path / name) for name in ("one/fa.png", "one/fb.png", "two/fb.png", "three/fa.png")}
    assert np.array_equal(drawn["one/fb.png"], drawn["two/fb.png"])  # whichever others are drawn
    assert not np.array_equal(drawn["one/fa.png"], drawn["one/fb.png"])
    assert not np.array_equal(drawn["one/fa.png"], drawn["three/fa.png"])
    for mask in drawn.values():
        assert 0.85 < iou(mask, disc) < 0.98
    distance = cv2.distanceTransform(255 - cv2.Canny(disc, 50, 150), cv2.DIST_L2, 5)
    moved = distance[cv2.Canny(drawn["one/fa.png"], 50, 150) > 0]
    assert 1.0 < np.sqrt((moved**2).mean()) < 3.5


def test_a_mask_is_never_wobbled_away() -> None:
    dot = np.zeros((64, 64), np.uint8)
    dot[30, 30] = 255
    for seed in range(5):
        assert wobbled(dot, 8.0, np.random.default_rng(seed)).any()
