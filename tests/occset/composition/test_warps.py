from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from occset.composition import warps


def picture(height: int = 40, width: int = 60, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rgba = rng.integers(0, 256, (height, width, 4), dtype=np.uint8)
    rgba[..., 3] = 255
    return rgba


def slow_sample(rgba: np.ndarray, warp: Sequence[int], size: int) -> np.ndarray:
    """Bilinear sampling in exact fractions of 1/32 pixel, one pixel at a time; transparent outside."""
    a, b, c, d, e, f, p, q = warp
    out = np.zeros((size, size, 4))
    for y in range(size):
        for x in range(size):
            u = (a * x + b * y + c + p * (y - size // 2) ** 2 + 1024) // 2048 / 32
            v = (d * x + e * y + f + q * (x - size // 2) ** 2 + 1024) // 2048 / 32
            x0, y0 = int(np.floor(u)), int(np.floor(v))
            for dy in (0, 1):
                for dx in (0, 1):
                    weight = (u - x0 if dx else 1 - u + x0) * (v - y0 if dy else 1 - v + y0)
                    cy, cx = y0 + dy, x0 + dx
                    inside = 0 <= cy < rgba.shape[0] and 0 <= cx < rgba.shape[1]
                    value = rgba[np.clip(cy, 0, rgba.shape[0] - 1), np.clip(cx, 0, rgba.shape[1] - 1)].astype(float)
                    out[y, x] += weight * np.array([*value[:3], value[3] if inside else 0])
    return out


def test_identity_changes_nothing() -> None:
    rgba = picture(32, 32)
    warp = warps.warp_from_affine(np.array([[1.0, 0, 0], [0, 1, 0]]))
    assert np.array_equal(warps.apply(rgba, warp, 32), rgba)


@pytest.mark.parametrize("bend", [(0.0, 0.0), (0.004, -0.006)])
def test_against_a_slow_sampler(bend: tuple[float, ...]) -> None:
    rgba = picture(20, 26)
    matrix = np.array([[0.7, 0.3, -4.0], [-0.25, 0.8, 3.5]])
    warp = warps.warp_from_affine(matrix, bend)
    fast = warps.apply(rgba, warp, 36).astype(float)
    slow = slow_sample(rgba, warp, 36)
    assert np.abs(fast - slow).max() <= 1.0
    assert (fast[..., 3] == 0).any()  # outside
    assert (fast[..., 3] == 255).any()


def test_flip_mirrors() -> None:
    rgba = picture(16, 16)
    warp = warps.warp_from_affine(np.array([[1.0, 0, 0], [0, 1, 0]]))
    assert np.array_equal(warps.apply(rgba, warp, 16, flip=True), rgba[:, ::-1])


def test_shrinking_averages_instead_of_skipping() -> None:
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[::2, :, :3] = 255  # stripes one pixel wide
    rgba[..., 3] = 255
    small = warps.apply(rgba, warps.warp_from_affine(np.array([[4.0, 0, 1.5], [0, 4.0, 1.5]])), 16)
    assert np.abs(small[2:-2, 2:-2, :3].astype(int) - 128).max() <= 2


@pytest.mark.parametrize(("step", "expected"), [(0.5, 0), (1.9, 0), (2.0, 1), (3.9, 1), (4.0, 2), (1000.0, 6)])
def test_halvings(step: float, expected: int) -> None:
    assert warps.halvings(warps.warp_from_affine(np.array([[step, 0, 0], [0, step, 0]]))) == expected


def test_halve_is_the_rounded_mean() -> None:
    block = np.array([[[1], [2]], [[2], [2]]], np.uint8)
    assert warps.halve(block).tolist() == [[[2]]]
    assert warps.halve(np.full((3, 5, 4), 9, np.uint8)).shape == (2, 3, 4)


def test_soften_keeps_flat_parts_and_total() -> None:
    alpha = np.zeros((41, 41), np.uint8)
    alpha[10:30, 10:30] = 255
    soft = warps.soften(alpha, 2)
    assert soft[20, 20] == 255
    assert soft[0, 0] == 0
    assert 0 < soft[9, 20] < 255
    assert abs(int(soft.sum()) - int(alpha.sum())) < 0.01 * alpha.sum()
    assert warps.soften(alpha, 0) is alpha


@pytest.mark.parametrize("radius", [1, 2, 5])
@pytest.mark.parametrize(
    "place", [np.s_[20:23, 11:40], np.s_[0:9, 30:48], np.s_[:, :], np.s_[3:4, 2:3], np.s_[0:0, 0:0]]
)
def test_soften_is_two_box_filters_of_the_whole(radius: int, place: tuple[slice, slice]) -> None:
    alpha = np.zeros((48, 48), np.uint8)
    alpha[place] = np.random.default_rng(radius).integers(0, 256, alpha[place].shape)
    soft, side = alpha, 2 * radius + 1
    for _ in range(2):
        wide = np.pad(soft.astype(int), radius, mode="edge")
        total = sum(wide[y : y + 48, x : x + 48] for y in range(side) for x in range(side))
        soft = (total + side**2 // 2) // side**2
    assert np.array_equal(warps.soften(alpha, radius), soft)


def test_recolour() -> None:
    colour = np.array([[[100, 200, 10]]], np.uint8)
    assert warps.recolour(colour, (128, 512, 256), (1, 0, -20)).tolist() == [[[51, 255, 0]]]
    assert warps.recolour(colour, (256, 256, 256), (0, 0, 0)) is colour


def test_retexture_keeps_shading() -> None:
    colour = np.full((20, 20, 3), 100, np.uint8)
    colour[:, :10] = 60  # in shadow
    alpha = np.full((20, 20), 255, np.uint8)
    texture = np.full((8, 8, 3), (200, 100, 50), np.uint8)
    out = warps.retexture(colour, alpha, texture, (3, 5)).astype(float)
    assert out[0, 0, 0] / out[0, 15, 0] == pytest.approx(0.6, abs=0.02)
    assert out[0, 15, 0] / out[0, 15, 1] == pytest.approx(2, abs=0.02)


@given(arrays(np.uint8, (5, 7, 3)), arrays(np.uint8, (5, 7)), arrays(np.uint8, (3, 4, 3)))
@settings(max_examples=30)
def test_retexture_pixel_by_pixel(colour: np.ndarray, alpha: np.ndarray, texture: np.ndarray) -> None:
    luma = [[(77 * int(r) + 150 * int(g) + 29 * int(b) + 128) >> 8 for r, g, b in line] for line in colour]
    counted = [luma[y][x] for y in range(5) for x in range(7) if alpha[y, x] > 127]
    mean = max(sum(counted) // len(counted), 16) if counted else None
    out = warps.retexture(colour, alpha, texture, (2, 1))
    down, across = [1, 2, 2, 1, 0], [2, 3, 3, 2, 1, 0, 0]  # mirrored at the edges
    for y in range(5):
        for x in range(7):
            shade = 256 if mean is None else min(max((luma[y][x] * 256 + mean // 2) // mean, 128), 384)
            expected = [min((int(c) * shade + 128) >> 8, 255) for c in texture[down[y], across[x]]]
            assert out[y, x].tolist() == expected


@pytest.mark.parametrize("seed", range(40))
def test_the_box_that_is_sampled_holds_all_that_shows(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    rgba = rng.integers(0, 256, (*rng.integers(5, 300, 2), 4), np.uint8)
    rgba[..., 3] = 255  # up to its very edge
    turn, scale, around = rng.uniform(0, 2 * np.pi), np.exp(rng.uniform(-1.5, 3.5)), int(rng.integers(0, 9))
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0]])
    matrix[:, 2] = (np.array(rgba.shape[1::-1]) - matrix[:, :2] @ rng.uniform(-40, 100, (2, 2)).sum(1)) / 2
    warp = warps.warp_from_affine(matrix, tuple(rng.normal(0, 0.01 * scale, 2)))
    flip = bool(seed % 2)
    boxed = warps.apply(rgba, warp, 64, flip, around)
    monkeypatch.setattr(warps, "_reached", lambda *args: (slice(0, 64), slice(0, 64)))
    whole = warps.apply(rgba, warp, 64, flip)
    assert np.array_equal(boxed[..., 3], whole[..., 3])
    near = cv2.dilate((whole[..., 3] > 0).astype(np.uint8), np.ones((2 * around + 1, 2 * around + 1), np.uint8)) > 0
    assert np.array_equal(boxed[near], whole[near])
    if seed == 0:
        assert 0 < np.count_nonzero(boxed.any(-1)) < 64 * 64
