"""PatchMatch: what repeats is continued, what is hidden does not count, the same picture gives the same answer."""

from __future__ import annotations

import numpy as np
import pytest

from occset.benchmark.tasks.deocclusion.methods import patchmatch
from occset.benchmark.tasks.deocclusion.methods.classical import Telea
from occset.benchmark.tasks.deocclusion.methods.patch_pyramid import HALF, PATCH, patches, pyramid
from occset.benchmark.tasks.deocclusion.methods.patchmatch import PatchMatch, inpaint


def weave(size: int = 160) -> np.ndarray:
    """A periodic texture with edges, of period 12 x 10."""
    y, x = np.mgrid[:size, :size]
    red = 128 + 90 * np.sin(2 * np.pi * x / 12) * np.cos(2 * np.pi * y / 10)
    green = np.where((x // 6 + y // 5) % 2, 220, 30)
    return np.stack([red, green, 255 - red], axis=-1).clip(0, 255).astype(np.uint8)


def oval(size: int = 160, height: int = 18, width: int = 40) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - size // 2
    return (x / width) ** 2 + (y / height) ** 2 <= 1


def error(out: np.ndarray, truth: np.ndarray, hole: np.ndarray) -> float:
    return float(np.abs(out[hole].astype(float) - truth[hole]).mean())


def hidden(truth: np.ndarray, hole: np.ndarray, colour: int = 20) -> np.ndarray:
    return np.where(hole[..., None], np.uint8(colour), truth)


def test_a_periodic_texture_is_recovered_where_telea_smears_it() -> None:
    truth, hole = weave(), oval()
    images, masks = hidden(truth, hole)[None], hole[None] * np.uint8(255)
    ours = PatchMatch().deocclude(images, masks)[0]
    assert error(ours, truth, hole) < 6
    assert error(Telea().deocclude(images, masks)[0], truth, hole) > 40
    np.testing.assert_array_equal(ours[~hole], truth[~hole])


def test_an_edge_is_continued_straight() -> None:
    truth = np.zeros((96, 96, 3), np.uint8)
    truth[:, 48:] = (230, 200, 40)
    hole = oval(96, 12, 12)
    out = inpaint(hidden(truth, hole), hole, np.random.default_rng(0))
    wrong = (np.abs(out.astype(int) - truth).max(axis=-1) > 60)[hole].mean()
    assert wrong < 0.1


def test_the_answer_does_not_depend_on_what_is_hidden_or_on_the_batch() -> None:
    truth, hole = weave(), oval()
    masks = np.stack([hole, hole]) * np.uint8(255)
    pair = PatchMatch().deocclude(np.stack([hidden(truth, hole, 20), hidden(truth, hole, 240)]), masks)
    np.testing.assert_array_equal(pair[0], pair[1])
    alone = PatchMatch().deocclude(hidden(truth, hole)[None], masks[:1])
    np.testing.assert_array_equal(alone[0], pair[0])


def test_random_search_is_used_beyond_the_exhaustive_levels_and_is_as_good(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, hole = weave(), oval()
    monkeypatch.setattr(patchmatch, "EXHAUSTIVE", 0)
    out = inpaint(hidden(truth, hole), hole, np.random.default_rng(0))
    assert error(out, truth, hole) < 12


def test_search_finds_nearly_the_distances_of_the_exhaustive_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    image = np.repeat(np.repeat(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8), 6, 0), 6, 1)
    level = pyramid(image, oval(96, 14, 20))[0]
    picture = level.image
    wanted = patches(picture, level.targets) @ level.axes
    _, best = patchmatch._search_all(level, wanted)
    monkeypatch.setattr(patchmatch, "EXHAUSTIVE", 0)
    field, found = None, best
    for _ in range(4):
        field, found = patchmatch._search(level, picture, field, rng)
    assert (found >= best * (1 - 1e-3) - 1).all()
    assert np.median(found) <= 1.3 * np.median(best) + 1


def test_sources_lie_outside_the_hole_and_targets_cover_it() -> None:
    hole = oval(96, 20, 30)
    hole[:5, :5] = True  # a hole in the corner, where no patch is centred
    for level in pyramid(weave(96), hole):
        height, width = level.hole.shape
        covered = np.zeros((height, width), bool)
        for y, x in zip(*np.divmod(level.targets, width), strict=True):
            covered[y - HALF : y + HALF + 1, x - HALF : x + HALF + 1] = True
        assert covered[level.hole].all()
        for y, x in zip(*np.divmod(np.flatnonzero(level.is_source), width), strict=True):
            patch = level.hole[y - HALF : y + HALF + 1, x - HALF : x + HALF + 1]
            assert patch.shape == (PATCH, PATCH)
            assert not patch.any()


def test_the_pyramid_never_mixes_the_hole_into_what_is_known() -> None:
    image = np.full((130, 131, 3), 80, np.uint8)  # odd sizes on the way down
    hole = oval(131, 25, 25)[:130]
    image[hole] = 255
    levels = pyramid(image, hole)
    assert [level.hole.shape for level in levels] == [(130, 131), (65, 66), (33, 33)]
    for level in levels:
        np.testing.assert_allclose(level.image[~level.hole], 80, atol=1e-3)


@pytest.mark.parametrize("hole", ["everything", "nothing", "half", "corner"])
def test_odd_holes_are_filled_without_complaint(hole: str) -> None:
    image = weave(64)
    mask = np.zeros((1, 64, 64), np.uint8)
    mask[0] = {"everything": 255, "nothing": 0}.get(hole, 0)
    if hole == "half":
        mask[0, :, 30:] = 255
    if hole == "corner":
        mask[0, :9, :9] = 255
    out = PatchMatch().deocclude(hidden(image, mask[0] > 0)[None], mask)
    np.testing.assert_array_equal(out[mask == 0], image[mask[0] == 0])
    if hole == "corner":
        assert error(out[0], image, mask[0] > 0) < 30


def test_a_picture_too_small_for_a_patch_falls_back_to_telea() -> None:
    image = np.full((1, 6, 6, 3), 90, np.uint8)
    mask = np.zeros((1, 6, 6), np.uint8)
    mask[0, 2:4, 2:4] = 255
    image[mask > 0] = 0
    np.testing.assert_array_equal(PatchMatch().deocclude(image, mask), Telea().deocclude(image, mask))
