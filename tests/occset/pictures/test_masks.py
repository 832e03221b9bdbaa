from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from occset.pictures import masks
from occset.support.errors import BadInput

SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 40))
BINARY = SHAPES.flatmap(lambda shape: arrays(np.uint8, shape, elements=st.sampled_from([0, 255])))


@given(BINARY)
def test_rle_and_back_is_exact(mask: np.ndarray) -> None:
    counts = masks.encode_rle(mask)
    assert masks.run_total(counts) == mask.size
    back = masks.decode_rle(counts, *mask.shape)
    assert back.dtype == np.uint8
    assert np.array_equal(back, mask)


@given(arrays(np.uint8, (9, 7)))
def test_hardening_is_at_127(soft: np.ndarray) -> None:
    assert np.array_equal(masks.harden(soft) > 0, soft > 127)
    assert set(np.unique(masks.harden(soft))) <= {0, 255}


def test_rle_of_another_size_is_refused() -> None:
    counts = masks.encode_rle(np.full((4, 6), 255, np.uint8))
    with pytest.raises(BadInput, match="24 pixels was given for a mask of 5 x 5"):
        masks.decode_rle(counts, 5, 5)


def test_long_runs_keep_their_sum() -> None:
    mask = np.zeros((1024, 1024), np.uint8)
    mask[100:900, 3:1000] = 255
    assert masks.run_total(masks.encode_rle(mask)) == 1024 * 1024


def slow_total(counts: str) -> int | None:
    """The sum of the runs, digit by digit; None where the code is none."""
    runs: list[int] = []
    value, shift = 0, 0
    for character in counts:
        digit = ord(character) - 48
        if not 0 <= digit < 64 or shift > 30:
            return None
        value |= (digit & 0x1F) << shift
        shift += 5
        if digit & 0x20:
            continue
        value -= (digit & 0x10) << (shift - 4)
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value, shift = 0, 0
    return None if shift or any(run < 0 for run in runs) else sum(runs)


@given(st.text(st.characters(min_codepoint=46, max_codepoint=113), max_size=24) | st.text(max_size=6))
def test_any_text_has_its_sum_or_is_refused(counts: str) -> None:
    expected = slow_total(counts)
    if expected is None:
        with pytest.raises(BadInput, match="RLE"):
            masks.run_total(counts)
    else:
        assert masks.run_total(counts) == expected


def test_sums_beyond_64_bits_are_exact() -> None:
    counts = "oooooo?" * 60_000  # runs that grow by 17179869183 each
    assert slow_total(counts) == masks.run_total(counts) > 2**63


def test_sides_may_be_floats_as_a_column_with_a_hole_gives_them() -> None:
    mask = np.zeros((4, 6), np.uint8)
    mask[1:3, 2:] = 255
    assert np.array_equal(masks.decode_rle(masks.encode_rle(mask), 4.0, 6.0), mask)  # type: ignore[arg-type]


def test_png_and_back_is_exact(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    mask = (rng.random((31, 17)) > 0.5).astype(np.uint8) * 255
    masks.write_mask(tmp_path / "m.png", mask)
    assert np.array_equal(masks.read_mask(tmp_path / "m.png"), mask)


def test_a_mask_of_ones_is_read_as_a_mask(tmp_path: Path) -> None:
    masks.write_mask(tmp_path / "m.png", np.eye(5, dtype=np.uint8))
    assert np.array_equal(masks.read_mask(tmp_path / "m.png"), np.eye(5, dtype=np.uint8) * 255)


def test_a_grey_value_names_file_and_remedy(tmp_path: Path) -> None:
    mask = np.zeros((5, 5), np.uint8)
    mask[2, 2] = 130
    masks.write_mask(tmp_path / "blurred.png", mask)
    with pytest.raises(BadInput, match=r"blurred\.png.*130.*PNG"):
        masks.read_mask(tmp_path / "blurred.png")


def test_shrinking_keeps_more_than_half() -> None:
    mask = np.zeros((4, 4), np.uint8)
    mask[:2, :2] = 255
    mask[0, 2] = 255  # a quarter of its block
    mask[2:, 0] = 255  # half of its block: 127.5 rounds to 128
    assert masks.shrink_mask(mask, 2).tolist() == [[255, 0], [255, 0]]


@given(BINARY)
def test_coco_and_back_is_exact_and_is_json(mask: np.ndarray) -> None:
    segmentation = json.loads(json.dumps(masks.to_coco(mask)))
    assert segmentation["size"] == list(mask.shape)
    assert np.array_equal(masks.from_coco(segmentation), mask)
    as_bytes = {"size": mask.shape, "counts": segmentation["counts"].encode()}
    assert np.array_equal(masks.from_coco(as_bytes), mask)


def test_a_polygon_is_not_taken_for_a_mask() -> None:
    with pytest.raises(BadInput, match="frPyObjects"):
        masks.from_coco({"size": [4, 4], "counts": [3, 5, 8]})


def test_a_soft_mask_comes_back_as_it_was(tmp_path: Path) -> None:
    soft = np.arange(256, dtype=np.uint8).reshape(16, 16)
    masks.write_mask(tmp_path / "soft.png", soft)
    assert np.array_equal(masks.read_soft_mask(tmp_path / "soft.png"), soft)
