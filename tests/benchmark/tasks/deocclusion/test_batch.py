from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from occset.benchmark.tasks.deocclusion.batch import render_batch
from occset.composition.footprint import footprint_of
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe
from occset.pictures.masks import encode_rle
from occset.samples.draw import Drawer, Plan
from occset.samples.render import Renderer
from occset.support.errors import BadInput

Copy = Callable[[str], OcclusionSet]


def slow_footprint(alpha: np.ndarray) -> np.ndarray:
    """Every pixel with a trace of alpha paints a disc; row by row, the disc's half width is a rounded square root."""
    height, width = alpha.shape
    radius = max(1, round(width / 100))
    out = np.zeros((height, width), np.uint8)
    for y, x in zip(*np.nonzero(alpha), strict=True):
        for dy in range(-radius, radius + 1):
            half = round((radius**2 - dy**2) ** 0.5)
            if 0 <= y + dy < height:
                out[y + dy, max(0, x - half) : x + half + 1] = 255
    return out


@pytest.fixture(scope="module")
def recipes(plain_set: OcclusionSet) -> list[Recipe]:
    drawer = Drawer(plain_set, Plan(split="test", size=96), seed=5)
    return [drawer.draw(index) for index in range(6)]


@pytest.mark.parametrize("size", [20, 64, 128, 256, 400])
def test_the_footprint_is_any_trace_of_alpha_grown_by_a_hundredth_of_the_width(size: int) -> None:
    rng = np.random.default_rng(size)
    alpha = np.where(rng.random((size, size)) < 0.003, rng.integers(1, 256, (size, size)), 0).astype(np.uint8)
    alpha[0, 0], alpha[size - 1, size // 2] = 1, 255  # on the border, and the faintest trace
    assert np.array_equal(footprint_of(alpha), slow_footprint(alpha))


def test_the_footprint_at_256_pixels_reaches_three_pixels_out() -> None:
    alpha = np.zeros((256, 256), np.uint8)
    alpha[100, 100] = 1
    grown = footprint_of(alpha)
    assert np.flatnonzero(grown[100]).tolist() == list(range(97, 104))
    assert np.flatnonzero(grown[:, 100]).tolist() == list(range(97, 104))
    assert not grown[97, 97], "a disc, not a square"


def test_an_occluder_without_alpha_leaves_no_footprint() -> None:
    assert not footprint_of(np.zeros((64, 64), np.uint8)).any()


def test_the_hole_is_the_part_of_the_footprint_on_the_clean_face(
    plain_set: OcclusionSet, recipes: list[Recipe]
) -> None:
    renderer = Renderer(plain_set)
    batch = render_batch(renderer, recipes)
    for i, recipe in enumerate(recipes):
        sample = renderer.render(recipe)
        expected = np.where((slow_footprint(sample.alpha) > 0) & (sample.clean_mask > 0), 255, 0)
        assert np.array_equal(batch.holes[i], expected)
        assert np.array_equal(batch.footprints[i], slow_footprint(sample.alpha))
        assert np.array_equal(batch.images[i], sample.image)
        assert np.array_equal(batch.truths[i], sample.clean)
        assert not (batch.holes[i] & ~batch.footprints[i]).any()
        outside = batch.footprints[i] == 0
        assert np.array_equal(batch.images[i][outside], batch.truths[i][outside]), "the footprint covers every change"
    assert batch.ids == [r.sample for r in recipes]
    assert batch.faces == [r.face for r in recipes]
    assert batch.types == [r.type for r in recipes]


def test_points_are_those_of_the_truth_at_the_size_of_the_sample(
    plain_set: OcclusionSet, recipes: list[Recipe]
) -> None:
    batch = render_batch(Renderer(plain_set), recipes)
    stored = plain_set.face_landmarks(recipes[0].face)
    assert stored is not None
    assert batch.points.shape == (6, 5, 2)
    assert np.allclose(batch.points[0], (stored + 0.5) * 96 / 256 - 0.5)


def test_an_empty_hole_names_the_sample(copy_set: Copy, recipes: list[Recipe]) -> None:
    data = copy_set("set")
    mask = np.zeros((256, 256), np.uint8)
    cv2.rectangle(mask, (0, 0), (6, 6), 255, -1)  # a face far from where anything is put
    faces = data.faces.copy()
    faces.loc[faces["id"] == recipes[1].face, "mask"] = encode_rle(mask)
    data.write("faces", faces)
    with pytest.raises(BadInput, match=f"sample {recipes[1].sample}.*empty"):
        render_batch(Renderer(OcclusionSet(data.path)), recipes[1:2])


def test_a_face_without_landmarks_names_the_sample(copy_set: Copy, recipes: list[Recipe]) -> None:
    data = copy_set("set")
    faces = data.faces.copy()
    faces["landmarks"] = faces["landmarks"].where(faces["id"] != recipes[0].face, None)
    data.write("faces", faces)
    with pytest.raises(BadInput, match=f"sample {recipes[0].sample}.*landmarks"):
        render_batch(Renderer(OcclusionSet(data.path)), recipes[:1])


def test_a_lost_cutout_is_named(copy_set: Copy, recipes: list[Recipe]) -> None:
    data = copy_set("set")
    occluder = recipes[0].layers[0].occluder
    next(Path(data.path).rglob(f"{occluder}.png")).unlink()
    with pytest.raises(BadInput, match=occluder):
        render_batch(Renderer(OcclusionSet(data.path)), [replace(recipes[0])])
