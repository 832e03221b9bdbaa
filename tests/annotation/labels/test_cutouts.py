from __future__ import annotations

import cv2
import numpy as np
import pytest

from occset.annotation.labels.cutouts import cut_outs
from occset.annotation.labels.task_reader import Occluder
from occset.pictures.landmarks import template
from occset.rounds.simulated import wobbled
from occset.sources.harvest import LEAST_SIDE
from occset.sources.items import OccluderItem
from occset.support.errors import BadInput

SKIN, THING = (215, 165, 140), (40, 60, 130)


def _photo(size: int = 512, centre: tuple[float, float] = (0.45, 0.6)) -> tuple[np.ndarray, np.ndarray]:
    """Skin with a dark thing on it, sharp to half a pixel: photo and true mask."""
    rows, columns = np.indices((size, size)) / size
    depth = 0.12 - np.hypot(columns - centre[0], (rows - centre[1]) * 0.8)
    share = np.clip(depth * size + 0.5, 0, 1)[:, :, None]
    noise = np.random.default_rng(0).normal(0, 3, (size, size, 3))
    image = np.array(SKIN) * (1 - share) + np.array(THING) * share + noise
    return np.clip(image, 0, 255).astype(np.uint8), (share[:, :, 0] > 0.5) * np.uint8(255)


def _spread(item: OccluderItem, landmarks: np.ndarray, size: int) -> np.ndarray:
    """A cut-out back at its place in the photo, (size, size, 4)."""
    assert item.landmarks is not None
    x, y = np.round((landmarks - item.landmarks)[0]).astype(int)
    whole = np.zeros((size, size, 4), np.uint8)
    whole[y : y + item.rgba.shape[0], x : x + item.rgba.shape[1]] = item.rgba
    return whole


def _widened(mask: np.ndarray, by: int) -> np.ndarray:
    return cv2.dilate(mask, np.ones((2 * by + 1, 2 * by + 1), np.uint8))


def _narrowed(mask: np.ndarray, by: int) -> np.ndarray:
    return cv2.erode(mask, np.ones((2 * by + 1, 2 * by + 1), np.uint8))


def test_inside_is_opaque_outside_nothing_and_the_edge_soft() -> None:
    image, mask = _photo()
    points = template(512)
    (item,), left_out = cut_outs(image, [Occluder(mask, "cup")], points, "f1", "terms")
    assert (item.name, item.category, item.licence, item.from_face) == ("f1-cup", "cup", "terms", "f1")
    assert left_out == []
    assert np.array_equal(points - item.landmarks, np.broadcast_to((points - item.landmarks)[0], (5, 2)))
    whole = _spread(item, points, 512)
    alpha = whole[:, :, 3]
    assert (alpha[_narrowed(mask, 10) > 0] == 255).all()
    assert not alpha[_widened(mask, 7) == 0].any()
    assert ((alpha > 20) & (alpha < 235)).sum() > 100
    assert item.rgba.shape[0] < 512 and item.rgba.shape[1] < 512  # cropped
    assert not item.rgba[[0, -1], :, 3].any() and not item.rgba[:, [0, -1], 3].any()  # with a margin


@pytest.mark.parametrize("category", ["cup", "hair", "sunglasses"])
@pytest.mark.parametrize("wide", [0, 3])
def test_a_wobbling_hand_that_draws_too_wide_leaves_no_halo_of_skin(category: str, wide: int) -> None:
    image, mask = _photo()
    drawn = wobbled(_widened(mask, wide), 0.7, np.random.default_rng(2))
    assert (drawn > 0).sum() > 1.01 * (mask > 0).sum() or not wide
    (item,), _ = cut_outs(image, [Occluder(drawn, category)], template(512), "f", "")
    seen = item.rgba[item.rgba[:, :, 3] >= 128][:, :3].astype(int)
    skin = np.abs(seen - np.array(SKIN)).max(axis=1) < np.abs(seen - np.array(THING)).max(axis=1)
    assert skin.mean() < 0.01
    alpha = _spread(item, template(512), 512)[:, :, 3]
    overlap = ((alpha > 127) & (mask > 0)).sum() / ((alpha > 127) | (mask > 0)).sum()
    assert overlap > 0.96


def test_a_thin_thing_of_two_colours_keeps_its_frame() -> None:
    """Lenses with a frame that is like neither them nor the skin."""
    image, _ = _photo(centre=(5, 5))
    mask = np.zeros((512, 512), np.uint8)
    cv2.ellipse(mask, (200, 240), (60, 40), 0, 0, 360, 255, -1)
    image[mask > 0] = (20, 20, 25)
    frame = (mask > 0) & (_narrowed(mask, 2) == 0)
    image[frame] = (200, 30, 40)
    (item,), _ = cut_outs(image, [Occluder(mask, "sunglasses")], template(512), "f", "")
    alpha = _spread(item, template(512), 512)[:, :, 3]
    assert (alpha[frame] > 127).mean() > 0.8


def test_a_strap_thinner_than_the_rim_stays_whole() -> None:
    image, _ = _photo(centre=(5, 5))
    mask = np.zeros((512, 512), np.uint8)
    cv2.line(mask, (60, 200), (400, 420), 255, 6)
    image[mask > 0] = THING
    (item,), _ = cut_outs(image, [Occluder(mask, "mask")], template(512), "f", "")
    alpha = _spread(item, template(512), 512)[:, :, 3]
    assert (alpha[_narrowed(mask, 1) > 0] > 127).all()


@pytest.mark.parametrize("size", [700, 1024])
def test_edges_of_a_larger_photo_have_no_steps_of_the_smaller_mask(size: int) -> None:
    image, truth = _photo(size)
    _, drawn = _photo(512)
    points = template(size)
    (item,), _ = cut_outs(image, [Occluder(drawn, "cup")], points, "f", "")
    alpha = _spread(item, points, size)[:, :, 3]
    gap = cv2.distanceTransform((_widened(truth, 1) == _narrowed(truth, 1)).astype(np.uint8), cv2.DIST_L2, 5)
    assert gap[(alpha > 127) != (truth > 0)].max(initial=0) <= 1.5


def test_softness_comes_from_the_photo_not_from_the_brush() -> None:
    image, mask = _photo()
    stroke = cv2.GaussianBlur(_widened(mask, 1), (0, 0), 2.0)
    (hard,), _ = cut_outs(image, [Occluder(np.where(stroke > 127, 255, 0).astype(np.uint8), "cup")], None, "f", "")
    (soft,), _ = cut_outs(image, [Occluder(stroke, "cup")], None, "f", "")
    assert np.array_equal(hard.rgba, soft.rgba)
    assert soft.landmarks is None


def test_colours_under_the_soft_edge_come_from_inside() -> None:
    image, mask = _photo()
    (item,), _ = cut_outs(image, [Occluder(_widened(mask, 2), "cup")], template(512), "f", "")
    edge = (item.rgba[:, :, 3] > 0) & (item.rgba[:, :, 3] < 200)
    assert edge.any() and np.abs(item.rgba[edge][:, :3].astype(int) - np.array(THING)).max() < 60


def test_what_touches_the_border_is_opaque_up_to_it() -> None:
    image, mask = _photo(centre=(0.02, 0.9))
    assert mask[:, 0].any() and mask[-1].any()
    (item,), _ = cut_outs(image, [Occluder(mask, "hand")], template(512), "f", "")
    alpha = _spread(item, template(512), 512)[:, :, 3]
    assert (alpha[470:490, 0] == 255).all()


def test_small_empty_and_crumbled_ones_are_left_out_with_the_reason() -> None:
    image, mask = _photo()
    small, crumbs = np.zeros_like(mask), np.zeros_like(mask)
    small[100 : 100 + LEAST_SIDE // 2, 100:200] = 255
    for x, y in np.random.default_rng(0).permutation(np.argwhere(crumbs[::40, ::40] == 0))[:60] * 40:
        cv2.circle(crumbs, (int(x), int(y)), 6, 255, -1)
    occluders = [
        Occluder(np.full_like(mask, 127), "hair"),
        Occluder(small, "food"),
        Occluder(crumbs, "hat"),
        Occluder(mask, "cup"),
    ]
    items, left_out = cut_outs(image, occluders, template(512), "f", "")
    assert [item.name for item in items] == ["f-cup"]
    assert left_out == [
        "f-hair: left out, nothing of it shows",
        "f-food: left out, a side of it is below 32 pixels, the least of a cut-out; what it hides of the face is hidden all "
        "the same",
        "f-hat: left out, it is scattered in crumbs",
    ]


def test_what_cannot_belong_together_is_refused() -> None:
    image, mask = _photo(256)
    with pytest.raises(BadInput, match="f-cup: its mask is larger than the photo"):
        cut_outs(image, [Occluder(np.zeros((512, 512), np.uint8), "cup")], None, "f", "")
    with pytest.raises(BadInput, match="landmarks span no face"):
        cut_outs(image, [Occluder(mask, "cup")], np.zeros((5, 2)), "f", "")


def test_twice_the_same() -> None:
    image, mask = _photo()
    first, second = (cut_outs(image, [Occluder(mask, "hair")], template(512), "f", "")[0][0] for _ in range(2))
    assert np.array_equal(first.rgba, second.rgba)
