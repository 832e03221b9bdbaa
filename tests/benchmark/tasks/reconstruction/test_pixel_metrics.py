"""Eq. 6 on pictures of a few pixels, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from occset.benchmark.tasks.reconstruction.pixel_metrics import WORST, pixel_metrics

FACE = np.array([[255, 255, 0], [255, 255, 0]], np.uint8)
CLEAN = np.full((2, 3, 3), 51, np.uint8)  # 0.2


def of(render: np.ndarray, mask: np.ndarray, face: np.ndarray = FACE) -> dict[str, float]:
    return pixel_metrics(render, mask, CLEAN, face)


def test_the_norm_is_over_channels_and_the_mean_over_covered_pixels_of_the_face() -> None:
    render = CLEAN.copy()
    render[0, 0] = (51 + 51, 51, 51)  # 0.2 off in one channel
    render[0, 1] = (51 + 102, 51 + 102, 51 + 51)  # 0.4, 0.4, 0.2: a distance of 0.6
    render[0, 2] = 255  # not face
    render[1] = 255  # not covered
    mask = np.array([[255, 255, 255], [0, 127, 255]], np.uint8)
    found = of(render, mask)
    assert found["lpix"] == pytest.approx((0.2 + 0.6) / 2)
    assert found["coverage"] == 0.5
    black = np.sqrt(3) * 0.2  # both pixels that are left out, though the render holds white there
    assert found["lpix_face"] == pytest.approx((0.2 + 0.6 + 2 * black) / 4)


def test_who_covers_nothing_of_the_face_gets_the_worst_there_is() -> None:
    beside = np.array([[0, 0, 255], [0, 0, 255]], np.uint8)
    found = of(CLEAN, beside)
    assert found["lpix"] == WORST == pytest.approx(1.7320508)
    assert found["coverage"] == 0
    assert found["lpix_face"] == pytest.approx(np.sqrt(3) * 0.2)
    white = pixel_metrics(np.zeros_like(CLEAN), FACE, np.full_like(CLEAN, 255), FACE)
    assert white["lpix"] == WORST, "black for white is as bad"


def test_a_right_render_of_one_pixel_is_right_and_covers_little() -> None:
    mask = np.zeros_like(FACE)
    mask[0, 0] = 128
    found = of(CLEAN, mask)
    assert (found["lpix"], found["coverage"]) == (0, 0.25)
    assert found["lpix_face"] == pytest.approx(0.75 * np.sqrt(3) * 0.2)


def test_a_picture_without_a_face_has_a_finite_answer() -> None:
    assert of(CLEAN, FACE, np.zeros_like(FACE)) == {"lpix": WORST, "coverage": 0.0, "lpix_face": WORST}
