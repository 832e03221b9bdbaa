from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from occset.models.builtin.occluders import CATEGORIES, WEIGHTS, category_of, draw_occluder
from occset.models.builtin.occluders.canvas import FACE_POINTS, Canvas, DrawnOccluder, curve, mirrored, oval, rounded
from occset.models.builtin.occluders.hand_pose import GESTURES, place, pose
from occset.models.builtin.occluders.shading import lambert, normals

ANCHORED = {"sunglasses", "spectacles", "mask", "hair", "hat", "scarf"}


def first_of(category: str, count: int) -> list[int]:
    return [index for index in range(3000) if category_of(index) == category][:count]


def alpha_at(drawn: DrawnOccluder, point: int) -> int:
    x, y = np.round(drawn.landmarks[point]).astype(int)
    height, width = drawn.rgba.shape[:2]
    return int(drawn.rgba[y, x, 3]) if 0 <= x < width and 0 <= y < height else 0


def test_shares_and_variety() -> None:
    assert Counter(category_of(index) for index in range(100)) == Counter(WEIGHTS)
    assert category_of(137) == category_of(37)
    assert len({category_of(index) for index in range(40)}) >= 9
    assert len(CATEGORIES) >= 9


def test_same_arguments_give_the_same_bytes_in_another_process() -> None:
    code = (
        "import hashlib; from occset.models.builtin.occluders import draw_occluder\n"
        "print(hashlib.sha256(b''.join(draw_occluder(i, 4, 96).rgba.tobytes() for i in range(30))).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = hashlib.sha256(b"".join(draw_occluder(i, 4, 96).rgba.tobytes() for i in range(30))).hexdigest()
    assert other.stdout.strip() == here


def test_torch_is_not_needed() -> None:
    code = (
        "import sys, occset.models.builtin.source, occset.models.builtin.occluders; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_2000_are_all_different() -> None:
    hashes = {hashlib.sha256(draw_occluder(index, size=64).rgba.tobytes()).digest() for index in range(2000)}
    assert len(hashes) == 2000


def test_another_seed_gives_other_pictures() -> None:
    assert draw_occluder(2, 0).rgba.tobytes() != draw_occluder(2, 1).rgba.tobytes()


@pytest.mark.parametrize("category", CATEGORIES)
def test_cut_out_is_whole_and_soft_edged(category: str) -> None:
    for index in first_of(category, 6):
        drawn = draw_occluder(index, 2)
        assert drawn.category == category
        rgba, alpha = drawn.rgba, drawn.rgba[..., 3]
        assert rgba.dtype == np.uint8 and rgba.ndim == 3 and rgba.shape[2] == 4
        assert (alpha > 200).sum() > 150, index
        assert ((alpha > 20) & (alpha < 235)).sum() > 60, f"{index}: the edge is not soft"
        border = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
        assert border.max() <= 40, f"{index}: cut off by its canvas"
        rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
        assert max(rows[0], len(alpha) - 1 - rows[-1], columns[0], alpha.shape[1] - 1 - columns[-1]) <= 2
        assert (drawn.landmarks is not None) == (category in ANCHORED)


def test_colour_continues_under_transparent_pixels() -> None:
    """No dark fringe: what is transparent has the colour of the nearest visible pixel."""
    for index in range(25):
        rgba = draw_occluder(index).rgba
        visible = {tuple(colour) for colour in rgba[rgba[..., 3] > 7][:, :3].tolist()}
        assert all(tuple(colour) in visible for colour in rgba[rgba[..., 3] == 0][:, :3].tolist()), index


def test_landmarks_are_the_face_template_moved_by_whole_pixels() -> None:
    for size in (256, 512):
        drawn = draw_occluder(first_of("mask", 1)[0], size=size)
        expected = (FACE_POINTS + 0.5) * size / 256 - 0.5
        offset = expected - drawn.landmarks
        assert np.abs(offset - offset[0]).max() < 1e-3
        assert np.abs(offset - offset.round()).max() < 1e-3


def test_sunglasses_hide_the_eyes_and_spectacles_do_not() -> None:
    for index in first_of("sunglasses", 25):
        drawn = draw_occluder(index)
        assert alpha_at(drawn, 0) > 127 and alpha_at(drawn, 1) > 127, index
        assert alpha_at(drawn, 2) < 20, index
        assert 115 <= drawn.rgba.shape[1] <= 160, index
    for index in first_of("spectacles", 25):
        drawn = draw_occluder(index)
        for eye in (0, 1):
            x, y = np.round(drawn.landmarks[eye]).astype(int)
            assert np.median(drawn.rgba[y - 4 : y + 5, x - 6 : x + 7, 3]) < 100, index
        assert drawn.rgba[..., 3].max() > 200, index


def test_masks_hide_nose_and_mouth_but_not_the_eyes() -> None:
    for index in first_of("mask", 25):
        drawn = draw_occluder(index)
        assert all(alpha_at(drawn, point) > 230 for point in (2, 3, 4)), index
        assert alpha_at(drawn, 0) == 0 and alpha_at(drawn, 1) == 0, index


def test_hats_and_hair_lie_above_the_eyes_and_scarves_below() -> None:
    for category, side in (("hat", -1), ("hair", -1), ("scarf", 1)):
        for index in first_of(category, 12):
            drawn = draw_occluder(index)
            rows = np.nonzero(drawn.rgba[..., 3] > 127)[0]
            eyes = drawn.landmarks[:2, 1].mean()
            assert side * (rows.mean() - eyes) > 15, (category, index)


def test_the_size_scales_the_cut_out() -> None:
    for category in ("cup", "sunglasses"):
        index = first_of(category, 1)[0]
        small, large = draw_occluder(index, size=128).rgba, draw_occluder(index, size=256).rgba
        assert abs(large.shape[0] - 2 * small.shape[0]) <= 10 and abs(large.shape[1] - 2 * small.shape[1]) <= 10


def test_canvas_puts_a_disc_where_it_says() -> None:
    canvas = Canvas((0, 0, 40, 40), 256)
    canvas.paint(canvas.ellipse((20, 12), 8, 8), (1.0, 0.5, 0.0))
    drawn = canvas.finish("object", anchored=True)
    at = FACE_POINTS[0] - drawn.landmarks[0]  # what was cropped away
    rows, columns = np.nonzero(drawn.rgba[..., 3] > 127)
    assert abs(columns.mean() + at[0] - 20) < 0.1 and abs(rows.mean() + at[1] - 12) < 0.1
    assert np.pi * 8**2 <= len(rows) <= np.pi * 8.5**2
    assert drawn.rgba[len(drawn.rgba) // 2, drawn.rgba.shape[1] // 2].tolist() == [255, 128, 0, 255]


def test_canvas_lays_layers_over_each_other() -> None:
    canvas = Canvas((0, 0, 20, 20), 256)
    everything = np.full(canvas.shape, 255, np.uint8)
    canvas.paint(everything, (1, 0, 0))
    canvas.paint(everything, (0, 0, 1), opacity=0.5)
    assert np.allclose(canvas.colour[5, 5], (0.5, 0, 0.5), atol=0.01) and np.allclose(canvas.alpha, 1)
    canvas.darken(everything, 0.5)
    assert np.allclose(canvas.colour[5, 5], (0.25, 0, 0.25), atol=0.01)
    canvas.erase(everything, 0.25)
    assert np.allclose(canvas.alpha, 0.75) and np.allclose(canvas.colour[5, 5] / canvas.alpha[5, 5], (0.25, 0, 0.25))
    canvas.shine(everything, 1.0)
    assert np.allclose(canvas.colour[5, 5], 0.75, atol=1e-6)


def test_a_turned_canvas_knows_where_its_pixels_are() -> None:
    canvas = Canvas((10, 20, 90, 70), 256, angle=25)
    x, y = canvas.grid()
    at = canvas.pixels(np.array([[40.0, 50.0]]))[0]
    column, row = np.round(at).astype(int)
    assert abs(x[row, column] - 40) < 0.6 and abs(y[row, column] - 50) < 0.6


def test_outlines() -> None:
    assert np.allclose(np.hypot(*(oval((3, 4), 5, 5) - (3, 4)).T), 5, atol=1e-5)
    box = rounded(0, 0, 20, 10, 3)
    assert box.min(0).tolist() == [0, 0] and box.max(0).tolist() == [20, 10]
    line = curve([(0, 0), (4, 8), (10, 0)])
    assert line[0].tolist() == [0, 0] and line[8].tolist() == [4, 8] and line[-1].tolist() == [10, 0]
    assert mirrored(np.array([[130, 1], [140, 2]])).tolist() == [[116, 2], [126, 1]]


def test_light_is_brighter_on_the_side_it_comes_from() -> None:
    x = np.arange(41, dtype=np.float32) - 20
    dome = -(x[None] ** 2 + x[:, None] ** 2) / 40
    light = np.array([0.6, 0.0, 0.8], np.float32)
    shade = lambert(normals(dome), light)
    assert shade[20, 20] == pytest.approx(1, abs=1e-3)
    assert shade[20, 30] > shade[20, 20] > shade[20, 10]


@pytest.mark.parametrize("gesture", sorted(GESTURES))
def test_hands_have_five_fingers_and_turn_over(gesture: str) -> None:
    palm, back = (pose(np.random.default_rng(0), gesture, side, 30) for side in (False, True))
    tips = [bone for bone in palm if bone.kind == "tip"]
    assert len(tips) == 5
    for one, other in zip(tips, (bone for bone in back if bone.kind == "tip"), strict=True):
        assert np.allclose(one.end * (1, 1, -1), other.end)
        assert np.linalg.norm(one.dorsal) == pytest.approx(1)


def test_place_scales_mirrors_and_points_up() -> None:
    bones, turned = (pose(np.random.default_rng(0), "flat", False, 30) for _ in range(2))
    place(turned, 0, mirror=True, scale=0.5)
    assert np.allclose(turned[-1].end, bones[-1].end * (-0.5, -0.5, 0.5))
    assert turned[-1].r0 == bones[-1].r0 / 2
