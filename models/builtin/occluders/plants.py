"""Leaves and flowers."""

from __future__ import annotations

import numpy as np

from occset.models.builtin.occluders.canvas import Canvas, DrawnOccluder, curve, oval
from occset.models.builtin.occluders.shading import draw_light, folds, round_shade, speckle
from occset.models.builtin.textures.fields import fractal_noise
from occset.models.builtin.textures.palettes import mix, pick

_GREENS = "3f7a34 2f6b34 5a8f3a 6fa04a 2a5a40 8aa83a"
_AUTUMN = "c8702a b8402a d9a03a 8a4a26 a83028"
_PETALS = "e8486a f2c03a f6f2ea c83a4a a06ad0 f28a3a f4a8c0 5a7ad0 d94fa0"


def _blade(base: np.ndarray, angle: float, length: float, wide: float, full: float = 0.8) -> np.ndarray:
    """Outline (n, 2) of a leaf or petal from `base`; `full` below 1 puts its widest part nearer to the base."""
    t = np.linspace(0, 1, 20)
    half = wide * np.sin(np.pi * t**full)
    local = np.concatenate([np.stack([t * length, half], -1), np.stack([t * length, -half], -1)[::-1]])
    c, s = np.cos(angle), np.sin(angle)
    return (base + local @ np.array([[c, s], [-s, c]])).astype(np.float32)


def _green(rng: np.random.Generator, canvas: Canvas) -> np.ndarray:
    table = _GREENS if rng.random() < 0.7 else _AUTUMN
    return mix(pick(rng, table), pick(rng, table), fractal_noise(rng, canvas.shape, (4, 4), 3))


def _veins(
    canvas: Canvas, mask: np.ndarray, base: np.ndarray, angle: float, length: float, wide: float, lift: float
) -> None:
    along, veins = np.array([np.cos(angle), np.sin(angle)]), np.zeros(canvas.shape, np.uint8)
    veins = np.maximum(veins, canvas.stroke(np.stack([base, base + along * length]), 1.8))
    for t in np.linspace(0.12, 0.82, 7):
        for side in (-0.75, 0.75):
            way = np.array([np.cos(angle + side), np.sin(angle + side)])
            start = base + along * length * t
            tip = start + way * wide * 1.3 * np.sin(np.pi * t**0.8) + along * 6
            veins = np.maximum(veins, canvas.stroke(curve(np.stack([start, start + way * wide * 0.5, tip])), 0.8))
    veins = np.minimum(veins, mask)
    canvas.darken(canvas.soft(veins, 0.7), 0.3, (0.6, 0.8))
    canvas.shine(veins, lift)


def _simple(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    wide, base = rng.uniform(22, 38), np.array([70.0, 132.0])
    canvas.paint(canvas.stroke(curve([(70, 132), (71, 142), (75, 152)]), 3.5), pick(rng, _GREENS), 0.8)
    mask = canvas.polygon(_blade(base, -np.pi / 2, 124, wide, rng.uniform(0.65, 0.9)))
    x, _ = canvas.grid()
    canvas.paint(
        mask,
        _green(rng, canvas),
        round_shade(canvas, mask, wide, light, 0.5)
        * np.where(x < 70, 1.06, 0.94)
        * folds(rng, canvas, light, (6, 4), 3),
    )
    _veins(canvas, mask, base, -np.pi / 2, 122, wide, 0.3)


def _maple(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    right = [
        (0, 0),
        (9, 17),
        (19, 12),
        (12, 44),
        (27, 28),
        (30, 36),
        (46, 33),
        (41, 48),
        (48, 52),
        (24, 72),
        (27, 80),
        (3, 76),
    ]
    half = np.array(right, np.float32) * (rng.uniform(1.25, 1.45), 1.38)
    outline = np.concatenate([half, (half * (-1, 1))[::-1]]) + np.array((70, 10), np.float32)
    canvas.paint(canvas.stroke(curve([(70, 112), (71, 132), (66, 150)]), 3), pick(rng, _AUTUMN), 0.75)
    mask = canvas.polygon(outline)
    canvas.paint(
        mask, _green(rng, canvas), round_shade(canvas, mask, 9, light, 0.7) * folds(rng, canvas, light, (6, 6), 4)
    )
    veins = [
        canvas.stroke(np.array([(70, 112), tip]), 1.4) for tip in ((70, 16), (120, 62), (20, 62), (100, 108), (40, 108))
    ]
    veins = np.minimum(np.max(veins, 0), mask)
    canvas.darken(canvas.soft(veins, 0.7), 0.3, (0.6, 0.8))
    canvas.shine(veins, 0.35)


def _fern(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    green, bow = pick(rng, _GREENS), rng.uniform(-22, 22)
    spine = curve([(70, 152), (70 + bow * 0.4, 100), (70 + bow * 0.6, 50), (70 + bow, 4)])
    canvas.paint(canvas.stroke(spine, 2.6), green, 0.7)
    for i in range(3, len(spine) - 1):
        share = i / len(spine)
        way = np.arctan2(*(spine[i] - spine[i - 1])[::-1])
        for side in (-1, 1):
            reach = 50 * (1 - share) ** 0.7 + 6
            mask = canvas.polygon(_blade(spine[i], way + side * 0.95, reach, 2.2 + reach * 0.1))
            canvas.darken(canvas.soft(mask, 1), 0.25)
            canvas.paint(mask, green, round_shade(canvas, mask, 4, light) * rng.uniform(0.85, 1.1))


def _monstera(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    half = np.array([(70, 14), (98, 18), (124, 44), (132, 78), (120, 112), (94, 130), (78, 124), (70, 108)], np.float32)
    mask = canvas.polygon(curve(np.concatenate([half, (half[1:-1] * (-1, 1) + (140, 0))[::-1]]), closed=True))
    cuts = [
        canvas.polygon(_blade(np.array([70 + s * 15, y + 12.0]), a if s > 0 else np.pi - a, 70, 4.5))
        for s in (-1, 1)
        for y, a in ((44, -0.45), (66, -0.15), (88, 0.2))
    ]
    mask = np.minimum(mask, 255 - np.max(cuts, 0))
    canvas.paint(canvas.stroke(curve([(70, 108), (71, 130), (76, 152)]), 3.5), (0.3, 0.45, 0.2), 0.9)
    canvas.paint(
        mask,
        _green(rng, canvas) * 0.95,
        round_shade(canvas, mask, 10, light, 0.6) * folds(rng, canvas, light, (5, 5), 3),
    )
    canvas.shine(np.minimum(canvas.stroke(np.array([(70, 16), (70, 110)]), 1.8), mask), 0.35)


_LEAVES = (_simple, _maple, _fern, _monstera)


def leaf(rng: np.random.Generator, size: int) -> DrawnOccluder:
    """A simple, maple, fern or monstera leaf, green or autumnal."""
    canvas = Canvas((-14, -8, 154, 164), size, rng.uniform(-15, 15))
    _LEAVES[rng.integers(len(_LEAVES))](rng, canvas, draw_light(rng))
    return canvas.finish("leaf")


def _ring(
    rng: np.random.Generator,
    canvas: Canvas,
    light: np.ndarray,
    colour: np.ndarray,
    count: int,
    reach: float,
    wide: float,
    full: float,
) -> None:
    """Petals around (70, 58), each over its neighbour, darker towards the heart."""
    x, y = canvas.grid()
    depth = 0.62 + 0.42 * np.clip(np.hypot(x - 70, y - 58) / reach, 0, 1)
    turn = rng.uniform(0, 6.3)
    for i in range(count):
        angle = turn + 2 * np.pi * i / count + rng.normal(0, 0.05)
        mask = canvas.polygon(_blade(np.array([70.0, 58.0]), angle, reach * rng.uniform(0.93, 1.05), wide, full))
        canvas.darken(canvas.soft(mask, 1.6), 0.3)
        canvas.paint(mask, colour, round_shade(canvas, mask, wide, light, 0.6) * depth * rng.uniform(0.94, 1.05))


def _stem(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    green = pick(rng, _GREENS)
    stem = canvas.stroke(curve([(70, 60), (70 + rng.uniform(-4, 4), 110), (70 + rng.uniform(-8, 8), 168)]), 4.5)
    canvas.paint(stem, green, round_shade(canvas, stem, 2.2, light))
    for side in (-1, 1)[: int(rng.integers(1, 3))]:
        angle = -np.pi / 2 + side * rng.uniform(0.6, 1.1)
        mask = canvas.polygon(_blade(np.array([70.0, 140.0]), angle, 44, 9))
        canvas.paint(mask, green, round_shade(canvas, mask, 9, light) * 0.95)


def flower(rng: np.random.Generator, size: int) -> DrawnOccluder:
    """A daisy, sunflower, five-petalled blossom, rose or tulip on a stem."""
    canvas = Canvas((-2, -12, 142, 176), size, rng.uniform(-15, 15))
    light = draw_light(rng)
    _stem(rng, canvas, light)
    colour = pick(rng, _PETALS)
    kind = rng.choice(["daisy", "sunflower", "blossom", "rose", "tulip"])
    heart = 0.0
    if kind == "daisy":
        _ring(rng, canvas, light, colour, int(rng.integers(13, 20)), 56, 8, 1.2)
        heart, centre = 14, pick(rng, "f2c03a e8a82a")
    elif kind == "sunflower":
        for reach in (62, 54):
            _ring(rng, canvas, light, pick(rng, "f2b82a efc63a"), 17, reach, 8.5, 0.9)
        heart, centre = 26, pick(rng, "4a2c16 5a3a1c")
    elif kind == "blossom":
        _ring(rng, canvas, light, colour, 5, 54, 25, 1.25)
        heart, centre = 10, pick(rng, "f2d04a f6f2ea")
    elif kind == "rose":
        for count, reach, wide in ((6, 54, 27), (5, 44, 23), (5, 33, 18), (4, 22, 13), (3, 12, 8)):
            _ring(rng, canvas, light, colour, count, reach, wide, 1.5)
    else:
        for angle, shade in ((-0.5, 0.75), (0.5, 0.75), (0.0, 0.9), (-0.24, 1.0), (0.24, 1.05)):
            mask = canvas.polygon(_blade(np.array([70.0, 92.0]), -np.pi / 2 + angle, 82, 21, 0.62))
            canvas.darken(canvas.soft(mask, 1.5), 0.25)
            canvas.paint(
                mask, colour, round_shade(canvas, mask, 18, light, 0.7) * shade * folds(rng, canvas, light, (2, 10), 2)
            )
    if heart:
        mask = canvas.polygon(oval((70, 58), heart, heart))
        canvas.darken(canvas.soft(mask, 2), 0.35)
        canvas.paint(mask, centre, round_shade(canvas, mask, heart, light) * speckle(rng, canvas, 0.35, 1.6))
    return canvas.finish("flower")
