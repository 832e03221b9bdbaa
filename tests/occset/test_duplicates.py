from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from occset.duplicates import groups_of, near_pairs, perceptual_hash, similar_pairs


def photo(seed):
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (12, 12, 3), np.uint8)
    return cv2.resize(small, (256, 256), interpolation=cv2.INTER_CUBIC)


def apart(a, b):
    return (int(a, 16) ^ int(b, 16)).bit_count()


def test_a_copy_that_was_changed_a_little_is_near_and_another_picture_is_not():
    image = photo(0)
    own = perceptual_hash(image)
    assert len(own) == 16
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])
    jpeg = cv2.imdecode(data, cv2.IMREAD_COLOR)
    small = cv2.resize(image, (128, 128), interpolation=cv2.INTER_AREA)
    brighter = np.clip(image * 0.9 + 20, 0, 255).astype(np.uint8)
    for copy in (jpeg, small, brighter):
        assert apart(own, perceptual_hash(copy)) <= 6
    assert min(apart(own, perceptual_hash(photo(seed))) for seed in range(1, 30)) > 10


@given(st.lists(st.integers(0, 2**64 - 1), max_size=12), st.integers(0, 64))
def test_pairs_against_counting_bits(values, most):
    hashes = [f"{v:016x}" for v in values]
    slow = [(i, j, apart(hashes[i], hashes[j])) for i in range(len(hashes)) for j in range(i + 1, len(hashes))]
    assert sorted(near_pairs(hashes, most)) == [pair for pair in slow if pair[2] <= most]


def test_pairs_beyond_one_block():
    rng = np.random.default_rng(0)
    hashes = [f"{v:016x}" for v in rng.integers(0, 2**63, 1300)]
    hashes[1299] = hashes[3]
    hashes[600] = f"{int(hashes[599], 16) ^ 1:016x}"
    assert near_pairs(hashes) == [(3, 1299, 0), (599, 600, 1)]


def test_what_is_no_hash_is_near_to_nothing():
    assert near_pairs(["zz", None, "0" * 16, "", float("nan"), "0" * 16, "0" * 15]) == [(2, 5, 0)]
    assert near_pairs([]) == []


def test_similar_pairs_and_labels():
    vectors = np.eye(4)[[0, 1, 0, 0]]
    assert similar_pairs(vectors, 0.5) == [(0, 2), (0, 3), (2, 3)]
    assert similar_pairs(vectors, 0.5, np.array([5, 5, 5, -1])) == [(0, 3), (2, 3)]
    assert similar_pairs(vectors, 0.5, np.array([-1, -1, -1, -1])) == [(0, 2), (0, 3), (2, 3)]


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [([], [0, 1, 2, 3]), ([(3, 1)], [0, 1, 2, 1]), ([(0, 1), (2, 3), (1, 2)], [0, 0, 0, 0])],
)
def test_groups(pairs, expected):
    assert groups_of(4, pairs) == expected


def test_a_long_chain_is_one_group():
    assert set(groups_of(5000, [(i, i + 1) for i in range(4999)])) == {0}
