"""The signals against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from occset.mining import signals
from occset.mining.signals import WARPS, Fragments, Warp, entropy, fragments, instability, iou, sentence


def square(side: int, top: int, left: int, size: int) -> np.ndarray:
    mask = np.zeros((side, side), np.uint8)
    mask[top : top + size, left : left + size] = 255
    return mask


def test_iou_by_hand() -> None:
    a, b = square(20, 0, 0, 4), square(20, 0, 2, 4)
    assert iou(a, b) == 8 / 24
    assert iou(a, a) == 1
    assert iou(a, square(20, 10, 10, 4)) == 0
    assert iou(a * 0, a * 0) == 1


def test_a_sure_mask_has_no_entropy_and_a_doubtful_area_has_its_bits() -> None:
    sure = np.where(square(100, 30, 30, 40) > 0, 1.0, 0.0).astype(np.float32)
    assert entropy(sure) < 1e-4
    bits = -(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25))
    # depth 1, 2, 3, 4 weigh 0.2 .. 0.8 in rings of 156, 148, 140 and 132 pixels, the 32 x 32 inside weigh 1
    total = 0.2 * 156 + 0.4 * 148 + 0.6 * 140 + 0.8 * 132 + 32 * 32
    for chance, weight in ((0.75, 25), (0.25, 25)):  # a bite that the model is not sure of counts like a doubtful face
        doubtful = sure.copy()
        doubtful[45:50, 45:50] = chance
        assert entropy(doubtful) == pytest.approx(weight * bits / total, rel=0.01)


def test_doubt_on_the_outline_and_outside_does_not_count() -> None:
    inside = square(100, 30, 30, 40) > 0
    chance = np.where(inside, 1.0, 0.4).astype(np.float32)
    assert entropy(chance) < 1e-4
    rim = np.where(square(100, 31, 31, 38) > 0, 1.0, np.where(inside, 0.6, 0.0)).astype(np.float32)
    everywhere = np.where(inside, 0.6, 0.0).astype(np.float32)
    assert entropy(rim) < 0.05 * entropy(everywhere)
    assert entropy(np.full((100, 100), 0.4, np.float32)) == pytest.approx(0.971, abs=1e-3)  # no face: the whole picture


def test_a_bay_is_doubted_too() -> None:
    face = np.where(square(100, 20, 20, 60) > 0, 1.0, 0.0).astype(np.float32)
    face[45:80, 40:60] = 0.45  # a bite from below, which the hull spans
    assert entropy(face) > 0.15
    assert entropy(np.where(face > 0.5, 1.0, 0.0).astype(np.float32)) < 1e-4


@pytest.mark.parametrize("warp", WARPS)
def test_a_mask_mapped_there_and_back_is_where_it_was(warp: Warp) -> None:
    mask = square(96, 20, 24, 50)  # off the middle, so that a mirror that is forgotten shows
    image = np.repeat(mask[..., None], 3, axis=2)
    moved = signals.warp_image(image, warp)
    assert iou(moved[..., 0] > 127, mask) < 0.95
    back, seen = signals.unwarp(moved[..., 0].astype(np.float32) / 255, warp)
    assert seen.mean() > 0.7
    assert iou((back > 0.5) & seen, (mask > 0) & seen) > 0.98


def test_instability_is_the_mean_of_what_changed() -> None:
    chance = square(40, 10, 10, 10).astype(np.float32) / 255
    everywhere = np.ones((40, 40), bool)
    half = square(40, 10, 10, 10).astype(np.float32) / 255
    half[15:] = 0
    assert instability(chance, [(chance, everywhere), (half, everywhere)]) == pytest.approx(0.25)
    upper = everywhere.copy()
    upper[15:] = False  # what differs was out of sight
    assert instability(chance, [(half, upper)]) == 0


def test_fragments_count_pieces_and_holes_and_their_area() -> None:
    mask = square(100, 20, 20, 40) > 0
    assert fragments(mask) == Fragments(0.0, 1, 0)
    bitten = mask.copy()
    bitten[40:60, 30:50] = False  # a bay
    assert fragments(bitten) == Fragments(400 / 1600, 1, 0)
    mask[30:40, 30:40] = False  # a hole of 100
    assert fragments(mask) == Fragments(100 / 1600, 1, 1)
    mask[80:90, 80:90] = True  # another piece, which widens the hull
    mask[58, 62] = True  # a speck
    found = fragments(mask)
    assert (found.pieces, found.holes) == (2, 1)
    assert 1 - 1500 / 2900 < found.share < 1 - 1500 / 3500
    assert fragments(mask & False) == Fragments(1.0, 0, 0)
    assert fragments(mask | True) == Fragments(0.0, 1, 0)


def test_a_bay_that_reaches_the_edge_is_no_hole() -> None:
    mask = np.ones((100, 100), bool)
    mask[40:60, :50] = False
    mask[:, 90:] = False
    assert fragments(mask).holes == 0


def test_two_holes_that_touch_at_a_corner_are_two() -> None:
    mask = np.ones((100, 100), bool)
    mask[30:40, 30:40] = mask[40:50, 40:50] = False
    assert fragments(mask) == (pytest.approx(200 / 10000), 1, 2)


def test_sentences_name_the_figure() -> None:
    row = {"entropy": 0.214, "instability": 0.184, "label_disagreement": 0.5, "render_disagreement": 0.25}
    assert "0.21 bits a pixel" in sentence("entropy", row)
    assert "18%" in sentence("instability", row)
    assert "50%" in sentence("label_disagreement", row)
    assert "25%" in sentence("render_disagreement", row)
    assert sentence("fragments", {"fragments": 0.3, "pieces": 2, "holes": 1}).endswith(
        "30% of its hull (2 piece(s), 1 hole(s))"
    )
    assert sentence("fragments", {"fragments": 1.0, "pieces": 0, "holes": 0}) == "no face was found"
