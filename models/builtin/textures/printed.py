"""Prints: dots, floral, leaves, paisley, waves, gradient. Each draws (n, n, 3) float32 RGB 0..1."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from occset.models.builtin.textures.fields import bend, fractal_noise, grid, smoothstep, turned, value_noise
from occset.models.builtin.textures.palettes import cloth_palette, mix, ramp

_FRACTION_BITS = 4  # cv2 takes 1/16 pixels


def _fill(picture: np.ndarray, points: np.ndarray, colour: np.ndarray) -> None:
    """Fill the polygon `points` (n, 2), in pixels, of the uint8 `picture` with an RGB 0..1 colour."""
    fixed = np.round(points * 2**_FRACTION_BITS).astype(np.int32)
    cv2.fillPoly(picture, [fixed], (colour * 255).tolist(), cv2.LINE_AA, _FRACTION_BITS)


def _line(picture: np.ndarray, points: np.ndarray, colour: np.ndarray, width: float) -> None:
    fixed = np.round(points * 2**_FRACTION_BITS).astype(np.int32)
    cv2.polylines(picture, [fixed], False, (colour * 255).tolist(), max(1, round(width)), cv2.LINE_AA, _FRACTION_BITS)


def _scatter(rng: np.random.Generator, size: int, across: float, jitter: float) -> Iterator[tuple[np.ndarray, float]]:
    """Places (x, y) in pixels on a staggered lattice in random order, and the pitch of the lattice in pixels."""
    pitch = size / across
    count = int(across) + 3
    row, column = np.divmod(rng.permutation(count * count), count)
    places = np.stack([column + 0.5 * (row % 2) - 1, row - 1.0], -1) * pitch
    places += rng.uniform(-1, 1, places.shape) * jitter * pitch
    for place in places:
        yield place, pitch


def _plain(size: int, colour: np.ndarray) -> np.ndarray:
    return np.full((size, size, 3), np.round(colour * 255), np.uint8)


def _cloth(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """The uint8 print as float, with a weak weave and uneven light."""
    size = picture.shape[0]
    weave = 0.94 + 0.12 * value_noise(rng, (size, size), (size / 3, size / 3))
    light = 0.9 + 0.2 * value_noise(rng, (size, size), (3, 3))
    return picture.astype(np.float32) / 255 * (weave * light)[..., None]


def dots(rng: np.random.Generator, size: int) -> np.ndarray:
    """Polka dots: staggered, of one size or several, one colour or several, discs or rings."""
    colours = cloth_palette(rng, 4)
    picture = _plain(size, colours[0])
    kinds, spread = int(rng.integers(1, 4)), rng.choice([0.0, 0.4])
    fill, ring = rng.uniform(0.18, 0.38), rng.random() < 0.25
    for (x, y), pitch in _scatter(rng, size, rng.uniform(5, 14), rng.choice([0.0, 0.0, 0.25])):
        radius = pitch * fill * (1 + spread * rng.uniform(-1, 1))
        colour = (colours[1 + rng.integers(kinds)] * 255).tolist()
        centre = (round(x * 16), round(y * 16))
        cv2.circle(
            picture, centre, round(radius * 16), colour, max(1, int(pitch * 0.1)) if ring else -1, cv2.LINE_AA, 4
        )
    return _cloth(rng, picture)


def _petals(centre: np.ndarray, radius: float, count: int, turn: float, sharp: float) -> np.ndarray:
    """Outline (n, 2) of a flower of `count` petals."""
    angle = np.linspace(0, 2 * np.pi, 24 * count // 2 + 1)
    reach = radius * (0.55 + 0.45 * np.abs(np.cos(count * angle / 2)) ** sharp)
    return centre + reach[:, None] * np.stack([np.cos(angle + turn), np.sin(angle + turn)], -1)


def _leaf(base: np.ndarray, length: float, angle: float, slim: float) -> np.ndarray:
    """Outline (n, 2) of a pointed leaf from `base`."""
    t = np.linspace(0, 1, 14)
    half = slim * length * np.sin(np.pi * t**0.8)
    local = np.concatenate([np.stack([t * length, half], -1), np.stack([t * length, -half], -1)[::-1]])
    c, s = np.cos(angle), np.sin(angle)
    return base + local @ np.array([[c, s], [-s, c]])


def floral(rng: np.random.Generator, size: int) -> np.ndarray:
    """Flowers of a few colours with leaves between."""
    ground, green, *petals = cloth_palette(rng, 5)
    heart = np.array([0.95, 0.8, 0.35], np.float32) * rng.uniform(0.7, 1)
    picture = _plain(size, ground)
    count, sharp = int(rng.integers(4, 9)), rng.uniform(0.4, 1.3)
    for place, pitch in _scatter(rng, size, rng.uniform(4, 9), 0.35):
        turn = rng.uniform(0, 2 * np.pi)
        for lean in (0.0, 2.2):
            _fill(picture, _leaf(place, pitch * 0.75, turn + lean, 0.16), green * rng.uniform(0.75, 1.0))
        radius = pitch * rng.uniform(0.28, 0.5)
        colour = petals[rng.integers(len(petals))]
        _fill(picture, _petals(place, radius, count, turn, sharp), colour)
        _fill(picture, _petals(place, radius * 0.6, count, turn, sharp), colour * 0.82)
        _fill(picture, _petals(place, radius * 0.26, 8, turn, 0.1), heart)
    return _cloth(rng, picture)


def leaves(rng: np.random.Generator, size: int) -> np.ndarray:
    """Overlapping leaves with veins."""
    colours = cloth_palette(rng, 5)
    picture = _plain(size, colours[0] * 0.6)
    slim, lean = rng.uniform(0.14, 0.3), rng.uniform(0, 2 * np.pi)
    spread = rng.choice([0.3, np.pi])
    for place, pitch in _scatter(rng, size, rng.uniform(4, 8), 0.4):
        angle, length = lean + rng.uniform(-spread, spread), pitch * rng.uniform(1.0, 1.5)
        colour = colours[1 + rng.integers(4)] * rng.uniform(0.8, 1.05)
        _fill(picture, _leaf(place, length, angle, slim), colour.clip(0, 1))
        along = np.array([np.cos(angle), np.sin(angle)])
        vein = colour * 0.72
        _line(picture, np.stack([place, place + along * length]), vein, size / 200)
        for t in (0.25, 0.42, 0.6, 0.77):
            for side in (-0.8, 0.8):
                reach = slim * length * np.sin(np.pi * t) * 1.05
                tip = np.array([np.cos(angle + side), np.sin(angle + side)]) * reach
                _line(picture, np.stack([place + along * length * t, place + along * length * t + tip]), vein, 1)
    return _cloth(rng, picture)


def _drop(place: np.ndarray, radius: float, angle: float, curl: float) -> np.ndarray:
    """Outline (n, 2) of a paisley drop: a disc whose tip is drawn out and curled."""
    t = np.linspace(-np.pi, np.pi, 40)
    pull = np.exp(-((np.abs(t) - np.pi) ** 2) * 3)
    x, y = np.cos(t) - 1.3 * pull, np.sin(t) * (1 - 0.4 * pull) + curl * pull
    c, s = np.cos(angle), np.sin(angle)
    return place + radius * np.stack([c * x - s * y, s * x + c * y], -1)


def paisley(rng: np.random.Generator, size: int) -> np.ndarray:
    """Curled drops, nested and edged with beads, dots between."""
    colours = cloth_palette(rng, 5)
    picture = _plain(size, colours[0])
    curl, whirl = rng.uniform(0.5, 1.1), rng.choice([0.4, np.pi])
    for place, pitch in _scatter(rng, size, rng.uniform(3, 6), 0.08):
        angle, side = rng.uniform(-whirl, whirl), rng.choice([-1, 1])
        radius = pitch * 0.34
        for bead in _drop(place, radius * 1.18, angle, curl * side)[::2]:
            cv2.circle(
                picture, (round(bead[0]), round(bead[1])), max(1, int(pitch * 0.03)), (colours[4] * 255).tolist(), -1
            )
        for step, inner in enumerate((1.0, 0.78, 0.52, 0.26)):
            _fill(picture, _drop(place, radius * inner, angle, curl * side), colours[1 + (step + 1) % 4])
        dot = (round(place[0] + pitch * 0.5), round(place[1]))
        cv2.circle(picture, dot, max(1, int(pitch * 0.06)), (colours[2] * 255).tolist(), -1, cv2.LINE_AA)
    return _cloth(rng, picture)


def waves(rng: np.random.Generator, size: int) -> np.ndarray:
    """Overlapping scales of concentric arcs, row over row."""
    x, y = bend(rng, *grid(size), amount=rng.uniform(0, 0.015))
    across, rings = rng.uniform(4, 10), int(rng.integers(3, 6))
    colours = cloth_palette(rng, 4)
    index: np.ndarray = np.zeros((size, size), int)
    rise = rng.uniform(0.4, 0.6)
    lowest = np.floor((y * across + 0.56) / rise)  # the last row whose scales reach this pixel lies on top
    for above in (3, 2, 1, 0):
        row = lowest - above
        dx = (x * across + 0.5 * (row % 2)) % 1 - 0.5
        dy = y * across - row * rise
        distance = np.hypot(dx, dy) * 2
        index = np.where(distance < 1.12, 1 + np.floor(distance / 1.12 * rings).astype(int), index)
    shade = 0.85 + 0.2 * value_noise(rng, (size, size), (4, 4))
    return colours[index % len(colours)] * shade[..., None]


def gradient(rng: np.random.Generator, size: int) -> np.ndarray:
    """Colours that run into each other, straight, round or cloudy, as dyed cloth."""
    x, y = grid(size)
    style = rng.choice(["straight", "round", "cloudy"])
    if style == "straight":
        value = turned(x - 0.5, y - 0.5, rng.uniform(0, 2 * np.pi))[0] * 0.8 + 0.5
    elif style == "round":
        value = np.hypot(x - rng.uniform(0.2, 0.8), y - rng.uniform(0.2, 0.8)) * rng.uniform(1, 2.4)
        value = np.abs((value + 1) % 2 - 1)
    else:
        value = fractal_noise(rng, (size, size), (2, 2), 3)
    value = value + rng.uniform(0, 0.35) * (fractal_noise(rng, (size, size), (4, 4), 4) - 0.5)
    picture = ramp(cloth_palette(rng, int(rng.integers(2, 6))), np.clip(value, 0, 1).astype(np.float32))
    if rng.random() < 0.4:
        sheen = smoothstep(0.4, 1.0, np.sin(turned(x, y, rng.uniform(0, np.pi))[0] * rng.uniform(8, 30)))
        picture = mix(picture, np.ones(3, np.float32), 0.18 * sheen)
    return picture
