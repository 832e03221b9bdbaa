from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from occset.composition import compose

PICTURE = arrays(np.uint8, (6, 5, 3))
SOFT = arrays(np.uint8, (6, 5))
MASK = arrays(np.uint8, (6, 5), elements=st.sampled_from([0, 255]))


@given(PICTURE, PICTURE, SOFT, MASK)
def test_eq2_holds_in_exact_arithmetic(
    face: np.ndarray, occluder: np.ndarray, alpha: np.ndarray, mask: np.ndarray
) -> None:
    sample = compose.compose(face, mask, occluder, alpha)
    for y in range(6):
        for x in range(5):
            a, m = int(alpha[y, x]), int(mask[y, x])
            assert int(sample.face_soft[y, x]) == (m * (255 - a) + 127) // 255
            for c in range(3):
                expected = (int(face[y, x, c]) * (255 - a) + int(occluder[y, x, c]) * a + 127) // 255
                assert int(sample.image[y, x, c]) == expected


def test_eq2_without_dividing_is_exact_for_every_pair_of_values() -> None:
    values, alphas = np.meshgrid(np.arange(256), np.arange(256))
    face, alpha = values.astype(np.uint8), alphas.astype(np.uint8)
    assert np.array_equal(compose.cover(face, alpha), (values * (255 - alphas) + 127) // 255)
    for occluder in (0, 1, 127, 254, 255):
        expected = (values * (255 - alphas) + occluder * alphas + 127) // 255
        found = compose.blend(np.dstack([face] * 3), np.full((256, 256, 3), occluder, np.uint8), alpha)
        assert np.array_equal(found, np.dstack([expected] * 3))


@given(PICTURE, PICTURE, PICTURE, SOFT, SOFT)
def test_stacking_two_layers_is_close_to_blending_twice(
    face: np.ndarray, lower: np.ndarray, upper: np.ndarray, low_alpha: np.ndarray, up_alpha: np.ndarray
) -> None:
    colour, alpha = compose.stack([(lower, low_alpha), (upper, up_alpha)], (6, 5))
    once = compose.blend(face, colour, alpha).astype(int)
    twice = compose.blend(compose.blend(face, lower, low_alpha), upper, up_alpha).astype(int)
    assert np.abs(once - twice).max() <= 2  # three roundings apart


@settings(max_examples=30)
@given(PICTURE, PICTURE, SOFT, SOFT)
def test_stacking_is_exact_to_the_rounding(
    lower: np.ndarray, upper: np.ndarray, low_alpha: np.ndarray, up_alpha: np.ndarray
) -> None:
    colour, alpha = compose.stack([(lower, low_alpha), (upper, up_alpha)], (6, 5))
    for y in range(6):
        for x in range(5):
            below = int(low_alpha[y, x]) * (255 - int(up_alpha[y, x]))
            above = int(up_alpha[y, x]) * 255
            assert int(alpha[y, x]) == (below + above + 127) // 255
            total = max(below + above, 1)
            for c in range(3):
                mixed = int(lower[y, x, c]) * below + int(upper[y, x, c]) * above
                assert int(colour[y, x, c]) == (mixed + total // 2) // total


@settings(max_examples=30)
@given(PICTURE, PICTURE, SOFT)
def test_an_opaque_layer_hides_those_below(lower: np.ndarray, upper: np.ndarray, low_alpha: np.ndarray) -> None:
    opaque = np.full((6, 5), 255, np.uint8)
    colour, alpha = compose.stack([(lower, low_alpha), (upper, opaque)], (6, 5))
    assert np.array_equal(colour, upper)
    assert alpha.min() == 255


def test_no_layer_hides_nothing() -> None:
    _, alpha = compose.stack([], (4, 3))
    assert alpha.shape == (4, 3)
    assert not alpha.any()


def test_a_label_that_does_not_fit_is_noticed() -> None:
    good = compose.compose(
        np.zeros((4, 4, 3), np.uint8),
        np.full((4, 4), 255, np.uint8),
        np.ones((4, 4, 3), np.uint8),
        np.eye(4, dtype=np.uint8) * 255,
    )
    shifted = np.roll(good.alpha, 1, axis=0)
    bad = compose.Sample(good.image, good.clean, good.occluder, shifted, good.clean_mask, good.face_soft)
    with pytest.raises(AssertionError):
        compose.assert_fits(bad)


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="one height and width"):
        compose.compose(*(np.zeros(s, np.uint8) for s in [(4, 4, 3), (4, 4), (5, 4, 3), (4, 4)]))


def test_hidden_share() -> None:
    mask = np.zeros((10, 10), np.uint8)
    mask[:, :5] = 255
    alpha = np.zeros((10, 10), np.uint8)
    alpha[:2] = 128
    alpha[2:4] = 127
    assert compose.hidden_share(mask, alpha) == pytest.approx(0.2)
    assert compose.hidden_share(np.zeros_like(mask), alpha) == 0
