from __future__ import annotations

import cv2
import numpy as np
import pytest

from occset.checks.label_doubts import Fit, doubts_of_fit, doubts_of_shape, fit_of


def oval(right: int = 0, down: int = 0, size: int = 256) -> np.ndarray:
    """A face-like mask, 100 pixels wide at 256, moved by whole pixels."""
    mask = np.zeros((size, size), np.uint8)
    cv2.ellipse(mask, (128 + right, 140 + down), (50, 70), 0, 0, 360, 255, -1)
    return mask


@pytest.mark.parametrize(("right", "down"), [(0, 0), (6, 0), (-5, 4), (0, -12), (38, 0)])
def test_the_shift_is_found_to_the_pixel(right: int, down: int) -> None:
    fit = fit_of(oval(), oval(right, down))
    width = 101
    assert (round(fit.right * width), round(fit.down * width)) == (right, down)
    assert fit.best == pytest.approx(1, abs=1e-5)
    union, both = oval() | oval(right, down), oval() & oval(right, down)
    assert fit.iou == pytest.approx((both > 0).sum() / (union > 0).sum(), abs=1e-5)


def test_a_shift_beyond_reach_is_not_taken_for_one_round_the_corner() -> None:
    small = np.zeros((64, 64), np.uint8)
    small[2:8, 2:8] = 255
    fit = fit_of(small, np.roll(small, (-5, -5), (0, 1)))  # at the other border: 59 pixels away, not 5
    assert fit.best < 0.5


def test_a_label_that_fits_is_not_doubted() -> None:
    assert doubts_of_fit(fit_of(oval(), oval())) == []
    assert doubts_of_fit(fit_of(oval(), oval(1, 1))) == []  # one per cent of the width


def test_a_shifted_label_is_told_which_way() -> None:
    (said,) = doubts_of_fit(fit_of(oval(), oval(5, 0)))
    assert "5% too far to the left (of its width)" in said and "too far up" not in said
    (said,) = doubts_of_fit(fit_of(oval(), oval(-4, -6)))
    assert "4% too far to the right, 6% too far down" in said


def test_a_label_of_another_photo_is_told() -> None:
    other = np.zeros((256, 256), np.uint8)
    cv2.ellipse(other, (120, 120), (80, 60), 30, 0, 360, 255, -1)
    (said,) = doubts_of_fit(fit_of(oval(), other))
    assert "is it of another photo" in said


def test_a_source_of_another_convention_is_not_doubted_face_by_face() -> None:
    fit = Fit(0.80, 0.81, 0.0, 0.01)
    assert doubts_of_fit(fit, usual=0.96) != []
    assert doubts_of_fit(fit, usual=0.84) == []
    assert doubts_of_fit(Fit(0.70, 0.71, 0.0, 0.01), usual=0.84) != []


def test_an_empty_label_and_an_empty_view_are_figures_too() -> None:
    nothing = np.zeros((64, 64), np.uint8)
    assert fit_of(nothing, nothing).iou == 1 and fit_of(nothing, oval(size=64) | 255).iou == 0
    assert fit_of(oval(), np.zeros((256, 256), np.uint8)).iou == 0


def test_odd_shapes_are_told() -> None:
    assert doubts_of_shape(oval()) == []
    assert doubts_of_shape(np.zeros((64, 64), np.uint8)) == ["its label is empty"]
    assert "100% of the picture" in doubts_of_shape(np.full((64, 64), 255, np.uint8))[0]
    assert "inverted" in doubts_of_shape(255 - oval())[0]
    holes = oval()
    holes[120:140, 110:130] = 0
    assert doubts_of_shape(holes) == ["its label has holes of 4% of its area"]
    open_mouth = oval()
    open_mouth[200:, 120:136] = 0  # cut in from the border of the label is no hole
    assert doubts_of_shape(open_mouth) == []
    torn = np.zeros((256, 256), np.uint8)
    torn[60:200:12, 60:200:12] = 255
    assert "144 pieces" in doubts_of_shape(torn)[-1]
