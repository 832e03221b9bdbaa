from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occset.annotation.labels.resizing import enlarge, reduce
from occset.support.errors import BadInput


def _noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, (height, width), np.uint8) * np.uint8(255)


@pytest.mark.parametrize("size", [512, 513, 600, 700, 767, 1000, 1023, 1024, 1025, 1536, 2000, 4096])
def test_what_was_drawn_comes_back_bit_for_bit(size: int) -> None:
    drawn = _noise(512, 512)  # no two neighbours need to be alike
    own = enlarge(drawn, size, size)
    assert own.shape == (size, size) and own.dtype == np.uint8
    assert np.array_equal(reduce(own, 512, 512), drawn)


@given(small=st.integers(1, 90), more=st.integers(0, 200), wide=st.integers(1, 90), wider=st.integers(0, 200))
@settings(max_examples=200, deadline=None)
def test_any_ratio_is_exact(small: int, more: int, wide: int, wider: int) -> None:
    drawn = np.arange(small * wide).reshape(small, wide)  # each pixel has a value of its own
    assert np.array_equal(reduce(enlarge(drawn, small + more, wide + wider), small, wide), drawn)


def test_twice_the_size_doubles_each_pixel_and_so_agrees_with_the_copy_that_was_shown() -> None:
    drawn = _noise(6, 6)
    assert np.array_equal(enlarge(drawn, 12, 12), np.kron(drawn, np.ones((2, 2), np.uint8)))


@pytest.mark.parametrize("size", [700, 513, 1024])
def test_nothing_moves_to_one_side(size: int) -> None:
    drawn = _noise(512, 512)
    flipped = enlarge(drawn[:, ::-1], size, size)[:, ::-1]
    # only where a middle falls between two pixels one of them has to be taken
    assert (flipped != enlarge(drawn, size, size)).mean() < 0.005
    # the n-th pixel is taken from where the same part of the picture lies
    columns = enlarge(np.arange(512)[None, :], 1, size)[0]
    assert np.abs((columns + 0.5) / 512 - (np.arange(size) + 0.5) / size).max() <= 0.5 / 512 + 1e-12


def test_a_face_that_became_smaller_is_refused() -> None:
    with pytest.raises(BadInput, match="512 x 512 pixels does not fit a face of 300 x 600"):
        enlarge(_noise(512, 512), 600, 300)
    with pytest.raises(BadInput, match="does not fit"):
        reduce(_noise(300, 300), 512, 512)
