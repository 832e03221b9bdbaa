"""What goes on beyond the face of that which hides it, on pictures painted by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from occset.models.deocclusion.beyond import beyond_the_face

SIDE = 256
SKIN, WALL, MASK = (214, 168, 140), (90, 110, 90), (40, 60, 170)


def ellipse(centre: tuple[int, int], axes: tuple[int, int]) -> np.ndarray:
    return cv2.ellipse(np.zeros((SIDE, SIDE), np.uint8), centre, axes, 0, 0, 360, 1, -1) > 0


@pytest.fixture
def whole() -> np.ndarray:
    return ellipse((128, 128), (66, 90))


def painted(*layers: tuple[np.ndarray, tuple[int, int, int]]) -> np.ndarray:
    """Layers over a wall, with the noise of a camera."""
    picture = np.full((SIDE, SIDE, 3), WALL, np.float32)
    for where, colour in layers:
        picture[where] = colour
    noise = np.random.default_rng(5).normal(0, 6, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def found(picture: np.ndarray, occluder: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return beyond_the_face(picture, occluder & whole, whole, whole & ~occluder)


def test_the_rim_of_a_mask_is_found_and_the_wall_is_not(whole: np.ndarray) -> None:
    mask = ellipse((128, 184), (78, 54))
    beyond = found(painted((whole, SKIN), (mask, MASK)), mask, whole)
    rim = mask & ~whole
    near = cv2.dilate((mask & whole).astype(np.uint8), np.ones((41, 41))) > 0  # farther away it is not looked for
    assert (beyond & rim & near).sum() > 0.95 * (rim & near).sum()
    assert not (beyond & whole).any()
    too_much = beyond & ~(cv2.dilate(mask.astype(np.uint8), np.ones((13, 13))) > 0)
    assert too_much.sum() < 0.02 * rim.sum()


def test_what_a_strap_encloses_goes_with_it(whole: np.ndarray) -> None:
    mask = ellipse((128, 184), (70, 48))
    strap = (ellipse((68, 168), (22, 20)) & ~ellipse((68, 168), (15, 13))) & ~whole
    beyond = found(painted((whole, SKIN), (mask | strap, MASK)), mask | strap, whole)
    enclosed = ellipse((68, 168), (12, 10)) & ~whole
    assert (beyond & strap).sum() > 0.9 * strap.sum() and beyond[enclosed].mean() > 0.9


def test_what_hides_the_upper_half_or_a_strip_beside_the_cheek_stays_as_it_is(whole: np.ndarray) -> None:
    fringe = ellipse((128, 40), (90, 50))
    assert not found(painted((whole, SKIN), (fringe, MASK)), fringe, whole).any()
    strand = np.zeros((SIDE, SIDE), bool)
    strand[60:250, 40:76] = True
    assert (strand & whole).sum() > 0 and not found(painted((whole, SKIN), (strand, MASK)), strand, whole).any()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_nothing_is_beyond_what_hides_nothing_or_the_whole_picture(share: float) -> None:
    every = np.full((SIDE, SIDE), bool(share))
    picture = painted((every, MASK))
    assert not beyond_the_face(picture, every, every, ~every).any()


def test_it_answers_alike_every_time(whole: np.ndarray) -> None:
    mask = ellipse((128, 184), (78, 54))
    picture = painted((whole, SKIN), (mask, MASK))
    assert np.array_equal(found(picture, mask, whole), found(picture, mask, whole))
