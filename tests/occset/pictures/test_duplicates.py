from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from occset.pictures.duplicates import (
    cutout_hash,
    groups_of,
    near_pairs,
    over_white,
    perceptual_hash,
    similar_pairs,
    unchained,
)


def photo(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (12, 12, 3), np.uint8)
    return cv2.resize(small, (256, 256), interpolation=cv2.INTER_CUBIC)


def apart(a: str, b: str) -> int:
    return (int(a, 16) ^ int(b, 16)).bit_count()


def test_a_copy_that_was_changed_a_little_is_near_and_another_picture_is_not() -> None:
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
def test_pairs_against_counting_bits(values: list[int], most: int) -> None:
    hashes = [f"{v:016x}" for v in values]
    slow = [(i, j, apart(hashes[i], hashes[j])) for i in range(len(hashes)) for j in range(i + 1, len(hashes))]
    assert sorted(near_pairs(hashes, most)) == [pair for pair in slow if pair[2] <= most]


def test_pairs_beyond_one_block() -> None:
    rng = np.random.default_rng(0)
    hashes = [f"{v:016x}" for v in rng.integers(0, 2**63, 1300)]
    hashes[1299] = hashes[3]
    hashes[600] = f"{int(hashes[599], 16) ^ 1:016x}"
    assert near_pairs(hashes) == [(3, 1299, 0), (599, 600, 1)]


def test_what_is_no_hash_is_near_to_nothing() -> None:
    assert near_pairs(["zz", None, "0" * 16, "", float("nan"), "0" * 16, "0" * 15]) == [(2, 5, 0)]
    assert near_pairs([]) == []


def test_a_long_chain_joins_only_what_is_nearer() -> None:
    chain = [(i, i + 1, 6 if i % 2 else 2) for i in range(30)]
    assert unchained(31, chain, largest=31) == chain
    assert unchained(31, chain, largest=30) == [pair for pair in chain if pair[2] == 2]
    assert unchained(9, [(i, i + 1, 0) for i in range(8)], largest=3) == [(i, i + 1, 0) for i in range(8)]
    assert unchained(2, []) == []


@given(st.lists(st.integers(0, 255), min_size=1, max_size=14), st.integers(1, 5), st.integers(1, 13))
def test_more_pictures_join_nothing_that_was_apart(values: list[int], largest: int, fewer: int) -> None:
    hashes = [f"{v:016x}" for v in values]
    before = unchained(len(hashes[:fewer]), near_pairs(hashes[:fewer], 3), largest)
    after = unchained(len(hashes), near_pairs(hashes, 3), largest)
    assert {pair for pair in after if pair[1] < fewer} <= set(before)


def test_a_cutout_over_white() -> None:
    rgba = np.array([[[10, 20, 30, 0], [10, 20, 30, 255], [0, 100, 255, 51]]], np.uint8)
    assert over_white(rgba).tolist() == [[[255, 255, 255], [10, 20, 30], [204, 224, 255]]]


@pytest.mark.real
def test_known_near_duplicates_of_faceocc(real_data: Path) -> None:
    from occset.sources.registry import open_source

    cutouts = open_source(f"faceocc:{real_data / 'occluders'}", "occluders")
    names = ["sunglasses/055", "sunglasses/094", "sunglasses/097", "sunglasses/040", "hand/107", "hand/064"]
    keys = {cutouts.read_occluder(key).name: key for key in cutouts.occluder_keys() if key[:-4].endswith(tuple(names))}
    hashes = [cutout_hash(cutouts.read_occluder(keys[name]).rgba) for name in names]
    assert [pair[:2] for pair in near_pairs(hashes)] == [(0, 1), (2, 3), (4, 5)]


def test_similar_pairs_and_labels() -> None:
    vectors = np.eye(4)[[0, 1, 0, 0]]
    assert similar_pairs(vectors, 0.5) == [(0, 2), (0, 3), (2, 3)]
    assert similar_pairs(vectors, 0.5, np.array([5, 5, 5, -1])) == [(0, 3), (2, 3)]
    assert similar_pairs(vectors, 0.5, np.array([-1, -1, -1, -1])) == [(0, 2), (0, 3), (2, 3)]


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [([], [0, 1, 2, 3]), ([(3, 1)], [0, 1, 2, 1]), ([(0, 1), (2, 3), (1, 2)], [0, 0, 0, 0])],
)
def test_groups(pairs: list[tuple[int, int]], expected: list[int]) -> None:
    assert groups_of(4, pairs) == expected


def test_a_long_chain_is_one_group() -> None:
    assert set(groups_of(5000, [(i, i + 1) for i in range(4999)])) == {0}


def test_a_cutout_and_its_mirror_image_share_a_hash() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        rgba = cv2.resize(rng.integers(0, 256, (6, 7, 4), np.uint8), (90, 70), interpolation=cv2.INTER_CUBIC)
        assert cutout_hash(rgba) == cutout_hash(np.ascontiguousarray(rgba[:, ::-1]))
        other = cv2.resize(rng.integers(0, 256, (6, 7, 4), np.uint8), (90, 70), interpolation=cv2.INTER_CUBIC)
        assert near_pairs([cutout_hash(rgba), cutout_hash(other)]) == []
