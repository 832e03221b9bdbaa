"""What surrounds a built-in face: ears, shoulders and clothes, the background."""

from __future__ import annotations

import cv2
import numpy as np

from occset.models.builtin.chart import noise


def grid_triangles(rows: int, columns: int) -> np.ndarray:
    """(T, 3) two triangles a cell of a vertex grid, counter-clockwise seen from its front."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    return np.concatenate((np.stack((a, c, b), -1).reshape(-1, 3), np.stack((b, c, d), -1).reshape(-1, 3)))


def ears(width: float, size: float, flare: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two ears on a head ``width`` mm wide at each side: vertices (V, 3), triangles (T, 3), relief (V,) -1..1."""
    radius, turn = np.linspace(0.02, 1, 15), np.linspace(0, 2 * np.pi, 33)
    r, a = np.meshgrid(radius, turn)
    back = r * np.cos(a) * 15.5 * size * (1 + 0.18 * np.sin(a))
    up = r * np.sin(a) * 30 * size
    relief = 1.0 * np.exp(-(((r - 0.86) / 0.11) ** 2)) - 0.8 * np.exp(-(((r - 0.42) / 0.25) ** 2)) * (
        0.7 + 0.3 * np.cos(a)
    )
    relief += 0.5 * np.exp(-(((r - 0.62) / 0.09) ** 2)) * (np.cos(a - 0.4) > -0.2)
    relief *= np.where(up < -18 * size, 0.25, 1.0)
    out = (back + 13) * np.sin(flare) + 3.0 * relief
    lean = 0.18 * up
    triangles = grid_triangles(len(turn), len(radius))
    sides = []
    for sign in (-1, 1):
        sides.append(
            np.stack((sign * (width - 3 + out), up - 15, -14 - (back + 2) * np.cos(flare) - lean), -1).reshape(-1, 3)
        )
    count = len(sides[0])
    return np.concatenate(sides), np.concatenate((triangles, triangles[:, ::-1] + count)), np.tile(relief.ravel(), 2)


_Y = np.array([-20, -112, -132, -148, -162, -177, -197, -230, -420.0])
_WIDE = np.array([50, 59, 68, 92, 126, 160, 188, 204, 215.0])
_DEEP = np.array([42, 51, 53, 57, 65, 75, 88, 98, 112.0])


def torso(scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Neck and shoulders: vertices (V, 3) mm in head axes (before the body's own turn), triangles (T, 3)."""
    y = np.concatenate((np.linspace(-20, -260, 72), np.linspace(-266, -420, 12)))
    turn = np.linspace(-np.pi, np.pi, 72)
    height, angle = np.meshgrid(y, turn, indexing="ij")
    wide = np.interp(height, _Y[::-1], _WIDE[::-1])
    deep = np.interp(height, _Y[::-1], _DEEP[::-1])
    wide = 57 + (wide - 57) * scale
    x = wide * np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** 0.85
    z = -19 + deep * np.cos(angle) - 0.10 * (height + 112)
    # the shoulders slope down and the chest hangs lower in front
    height = height - 20 * np.clip(np.cos(angle), 0, 1) * np.clip((wide - 60) / 60, 0, 1)
    collar = 2.5 * np.exp(-(((np.abs(x) - 26 - 0.5 * (height + 178)) / 14) ** 2)) * (z > 0)
    return np.stack((x, height, z + collar), -1).reshape(-1, 3), grid_triangles(len(y), len(turn))


def cloth(x: np.ndarray, y: np.ndarray, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Clothes at body points (N,): linear RGB (N, 3) and whether cloth covers the point (N,) 0..1."""
    colour = _colour(draw, 0.02, 0.7)
    second = _colour(draw, 0.02, 0.8)
    kind, neck = draw.choice(4, p=(0.4, 0.22, 0.2, 0.18)), draw.choice(3, p=(0.45, 0.35, 0.2))
    edge = (-140.0 + 0.0022 * x * x, -182 + 0.9 * np.abs(x), -192 + 0.011 * x * x)[neck] + draw.uniform(-12, 6)
    edge = np.minimum(edge, -118.0) if neck else edge
    covered = np.clip((edge - y) / 1.6 + 0.5, 0, 1)
    pattern = np.zeros_like(x)
    if kind == 1:
        pattern = (np.sin(y * draw.uniform(0.25, 0.6) + draw.uniform(0, 6)) > draw.uniform(-0.2, 0.6)).astype(float)
    elif kind == 2:
        pattern = 0.5 * (np.sin(x * 0.35) > 0.3) + 0.5 * (np.sin(y * 0.35) > 0.3)
    elif kind == 3:  # an open jacket over a shirt
        pattern = (np.abs(x) > 22 + 0.42 * (-y - 130)).astype(float)
    weave = 1 + 0.05 * np.sin(x * 2.9) * np.sin(y * 2.7)
    hem = 1 - 0.35 * np.exp(-(((edge - y) / 3.5) ** 2))
    rgb = colour + (second - colour) * pattern[:, None]
    return rgb * (weave * hem)[:, None], covered


def _colour(draw: np.random.Generator, low: float, high: float) -> np.ndarray:
    """A random linear colour, greys as often as strong colours."""
    value = np.exp(draw.uniform(np.log(low), np.log(high)))
    hue = draw.uniform(0, 1, 3)
    hue = hue / hue.mean()
    return np.clip(value * (1 + draw.uniform(0, 0.9) * (hue - 1)), 0.01, 0.9)


def background(size: int, draw: np.random.Generator) -> np.ndarray:
    """(size, size, 3) float32 linear RGB behind the head: studio, blobs, lamps, wall, leaves, window, interior."""
    kind = draw.choice(7, p=(0.2, 0.18, 0.14, 0.12, 0.14, 0.1, 0.12))
    side = 256
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / (side - 1)
    one, two, three = (_colour(draw, 0.015, 0.75).astype(np.float32) for _ in range(3))
    if kind == 0:
        r = np.hypot(x - draw.uniform(0.2, 0.8), y - draw.uniform(0.1, 0.6))
        picture = one * (1.15 - 0.9 * np.clip(r, 0, 1.1))[..., None]
        picture = picture * (1 + 0.04 * noise(draw, side, (60,), (1,)))[..., None]
    elif kind == 1:
        mix = [noise(draw, side, (s, s * 2), (1, 1)) for s in (50, 34)]
        picture = one + (two - one) * _sigmoid(2.0 * mix[0])[..., None]
        picture = picture + (three - picture) * _sigmoid(3.0 * mix[1] - 2.5)[..., None]
    elif kind == 2:
        picture = _lamps(side, draw, one * 0.4)
    elif kind == 3:
        picture = _wall(side, x, y, draw, one, two)
    elif kind == 4:
        leaf = np.array([0.10, 0.19, 0.05], np.float32) * draw.uniform(0.4, 1.5, 3).astype(np.float32)
        grain = noise(draw, side, (draw.uniform(5, 16), 40), (1, 1.1))
        picture = leaf * np.exp(0.75 * np.clip(grain, -2.2, 2.0))[..., None]
        sky = _sigmoid(4 * noise(draw, side, (30, 70), (0.7, 1)) + 5 * (0.35 - y) - 2.0)[..., None]
        picture = picture + (np.array([0.75, 0.85, 0.9], np.float32) - picture) * sky
        picture = cv2.GaussianBlur(picture, (0, 0), draw.uniform(1.5, 4.5))
    elif kind == 5:
        edge = _sigmoid((x - draw.uniform(0.2, 0.8) + 0.1 * (y - 0.5)) * draw.choice((-1, 1)) * 30)
        picture = one * 0.6 + (np.maximum(two, 0.3) - one * 0.6) * edge[..., None]
        bars = _sigmoid((np.abs(np.mod(y * draw.uniform(1.5, 4), 1) - 0.5) - 0.46) * 60)
        picture = picture * (1 - 0.55 * edge * bars)[..., None]
        picture = cv2.GaussianBlur(picture, (0, 0), draw.uniform(1.5, 5))
    else:
        picture = np.broadcast_to(one, (side, side, 3)).copy()
        for _ in range(draw.integers(5, 14)):
            at, far = draw.uniform(0, side, 2), draw.uniform(20, 110, 2)
            first, last = (at - far / 2).astype(int), (at + far / 2).astype(int)
            cv2.rectangle(picture, first.tolist(), last.tolist(), _colour(draw, 0.02, 0.7).tolist(), -1)
        picture = cv2.GaussianBlur(picture, (0, 0), draw.uniform(4, 12))
    picture = cv2.resize(picture.astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture, 0.0, 1.2).astype(np.float32)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return (1 / (1 + np.exp(-np.clip(x, -30, 30)))).astype(np.float32)


def _lamps(side: int, draw: np.random.Generator, dark: np.ndarray) -> np.ndarray:
    """Out-of-focus lights before a dark scene."""
    picture = np.broadcast_to(dark * 0.6, (side, side, 3)).copy().astype(np.float32)
    picture *= (1 + 0.3 * noise(draw, side, (60,), (1,)))[..., None]
    for _ in range(draw.integers(14, 40)):
        disc = np.zeros((side, side), np.float32)
        at = draw.uniform(0, side, 2)
        cv2.circle(disc, at.astype(int).tolist(), int(draw.uniform(5, 20)), 1.0, -1, cv2.LINE_AA)
        picture += disc[..., None] * _colour(draw, 0.08, 0.6).astype(np.float32) * 0.8
    return cv2.GaussianBlur(np.clip(picture, 0, 1.2), (0, 0), draw.uniform(1.0, 3.0))


def _wall(
    side: int, x: np.ndarray, y: np.ndarray, draw: np.random.Generator, one: np.ndarray, two: np.ndarray
) -> np.ndarray:
    """Bricks, boards or plaster, slightly out of focus."""
    rows = draw.uniform(6, 14)
    if draw.random() < 0.5:
        row = np.floor(y * rows)
        u, v = np.mod(x * rows * 0.45 + 0.5 * np.mod(row, 2), 1), np.mod(y * rows, 1)
        joint = np.minimum(np.minimum(u, 1 - u) * 2.2, np.minimum(v, 1 - v)) < 0.07
        cell = np.sin(row * 12.9 + np.floor(x * rows * 0.45 + 0.5 * np.mod(row, 2)) * 78.2) * 0.12
    else:
        joint = np.abs(np.mod(x * rows * 0.6, 1) - 0.5) > 0.475
        cell = np.sin(np.floor(x * rows * 0.6 + 0.5) * 12.9) * 0.12
    grain = noise(draw, side, (2, 12), (0.5, 1))
    picture = one * (1 + cell + 0.09 * grain)[..., None]
    picture = np.where(joint[..., None], two * 0.5 + one * 0.3, picture).astype(np.float32)
    return cv2.GaussianBlur(picture, (0, 0), draw.uniform(0.8, 3.0)) * (1.1 - 0.5 * x * draw.choice((-1, 1)))[..., None]
