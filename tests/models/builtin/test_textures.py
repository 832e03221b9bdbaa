from __future__ import annotations

import hashlib

import imagehash
import numpy as np
import pytest
from PIL import Image

from occset.models.builtin.textures import FAMILIES, draw_texture
from occset.models.builtin.textures.fields import cells, fractal_noise, smoothstep
from occset.models.builtin.textures.palettes import from_hex, from_hsv, mix, to_hsv


def test_shape_range_and_family() -> None:
    image, family = draw_texture(0, size=96)
    assert image.shape == (96, 96, 3) and image.dtype == np.uint8
    assert family == FAMILIES[0]
    assert draw_texture(len(FAMILIES) + 3, size=32)[1] == FAMILIES[3]


def test_same_arguments_give_the_same_bytes() -> None:
    for index in range(len(FAMILIES)):
        first, second = draw_texture(index, 5, 64)[0], draw_texture(index, 5, 64)[0]
        assert first.tobytes() == second.tobytes()
        assert first.tobytes() != draw_texture(index, 6, 64)[0].tobytes()


def test_800_are_all_different() -> None:
    assert len(FAMILIES) >= 10
    hashes = {hashlib.sha256(draw_texture(index, size=48)[0].tobytes()).digest() for index in range(800)}
    assert len(hashes) == 800


def test_200_look_different() -> None:
    hashes = [str(imagehash.phash(Image.fromarray(draw_texture(index, size=128)[0]))) for index in range(200)]
    assert len(set(hashes)) == 200


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_shows_a_pattern_that_can_be_seen(family: str) -> None:
    for index in range(4):
        image, name = draw_texture(index, 1, 64, family=family)
        assert name == family
        assert image.std(axis=(0, 1)).max() > 2.5, index
        assert np.quantile(image, 0.95) > 60, index  # none is black all over


def test_the_size_changes_the_sampling_but_not_the_pattern() -> None:
    """Families without noise per pixel look the same at two sizes."""
    index = FAMILIES.index("stripes")
    small = np.asarray(Image.fromarray(draw_texture(index, size=128)[0]).resize((32, 32), Image.Resampling.BOX), float)
    large = np.asarray(Image.fromarray(draw_texture(index, size=256)[0]).resize((32, 32), Image.Resampling.BOX), float)
    assert np.abs(small - large).mean() < 8


def test_hsv_round_trip_and_known_hue() -> None:
    colours = from_hex("ff0000 00ff00 808080 123456")
    assert np.allclose(to_hsv(colours)[1], (1 / 3, 1, 1), atol=1e-4)
    assert np.abs(from_hsv(to_hsv(colours)) - colours).max() < 1e-3


def test_mix_takes_each_side_at_the_ends() -> None:
    below, above = np.zeros(3, np.float32), np.array([1.0, 0.5, 0.25], np.float32)
    mixed = mix(below, above, np.array([[0.0, 1.0, 0.5]], np.float32))
    assert np.allclose(mixed[0], [[0, 0, 0], [1, 0.5, 0.25], [0.5, 0.25, 0.125]])


def test_smoothstep_rises_and_falls() -> None:
    at = np.array([-1.0, 0.0, 0.5, 1.0, 2.0])
    assert smoothstep(0, 1, at).tolist() == [0, 0, 0.5, 1, 1]
    assert smoothstep(1, 0, at).tolist() == [1, 1, 0.5, 0, 0]


def test_cells_are_numbered_from_zero_and_separated_by_borders() -> None:
    labels, border = cells(np.random.default_rng(0), 64, 4)
    assert sorted(np.unique(labels)) == list(range(16))
    changes = labels[:, 1:] != labels[:, :-1]
    assert border[:, 1:][changes].max() == 0 and border.max() > 0.2


def test_noise_is_stretched_to_the_full_range() -> None:
    field = fractal_noise(np.random.default_rng(3), (40, 60), (3, 3))
    assert field.shape == (40, 60) and field.min() == 0 and field.max() == 1
