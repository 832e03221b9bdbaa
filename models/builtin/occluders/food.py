"""Food held to the mouth: ice cream, apple, doughnut, burger, pizza, banana, lollipop, watermelon, biscuit."""

from __future__ import annotations

import numpy as np

from occset.models.builtin.occluders.canvas import Canvas, DrawnOccluder, curve, oval
from occset.models.builtin.occluders.shading import draw_light, gloss, lambert, puffed, round_shade, speckle
from occset.models.builtin.textures.fields import fractal_noise, smoothstep
from occset.models.builtin.textures.palettes import mix, pick

_ICES = "f6e6c3 f2a7b8 7b4a2d b7d9a8 f4f0e6 e86f7a c9a5d9 f2c04d"
_CRUMB = "c98d4a b9783a d9a45c"


def _scatter(
    rng: np.random.Generator, canvas: Canvas, inside: np.ndarray, count: int, length: float, table: str
) -> None:
    """Sprinkles: short bright lines within a mask."""
    rows, columns = np.nonzero(inside[::4, ::4] > 200)
    if not len(rows):
        return
    x, y = canvas.grid()
    for pick_at in rng.integers(0, len(rows), count):
        r, c = rows[pick_at] * 4, columns[pick_at] * 4
        at, turn = np.array([x[r, c], y[r, c]]), rng.uniform(0, np.pi)
        line = np.array([at, at + length * np.array([np.cos(turn), np.sin(turn)])])
        canvas.paint(np.minimum(canvas.stroke(line, 1.7), inside), pick(rng, table))


def _ice_cream(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    x, y = canvas.grid()
    cone = canvas.polygon(np.array([(28, 62), (92, 62), (62, 138), (58, 138)], np.float32))
    lines = np.minimum(np.abs(np.sin((x + y * 0.55) * 0.32)), np.abs(np.sin((x - y * 0.55) * 0.32)))
    canvas.paint(
        cone,
        pick(rng, "c98d4a d9a860 b5793a"),
        round_shade(canvas, cone, 30, light) * (0.75 + 0.3 * smoothstep(0.05, 0.3, lines)),
    )
    scoops = [(60, 46, 36)] if rng.random() < 0.5 else [(60, 48, 34), (60, 14, 28)]
    for cx, cy, radius in scoops:
        t = np.linspace(0, 2 * np.pi, 60)
        drip = radius * (1 + 0.05 * np.sin(t * 9 + rng.uniform(0, 6))) + 5 * (np.sin(t) > 0.2) * (1 + np.sin(t * 7))
        mask = canvas.polygon(np.stack([cx + drip * np.cos(t), cy + drip * 0.85 * np.sin(t)], -1))
        canvas.darken(canvas.soft(mask, 3), 0.35, (0, 2))
        bumps = 0.92 + 0.16 * fractal_noise(rng, canvas.shape, (14, 14), 3)
        canvas.paint(mask, pick(rng, _ICES), round_shade(canvas, mask, radius * 0.8, light) * bumps)
        if rng.random() < 0.5:
            _scatter(rng, canvas, mask, 28, 4.5, "e03a3a f2c04d 3a7fd0 4fae5a f48ab0 f4f4f2")


def _apple(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    half = np.array([(60, 26), (78, 18), (98, 26), (106, 52), (98, 84), (80, 106), (66, 108), (60, 104)], np.float32)
    mask = canvas.polygon(curve(np.concatenate([half, (half[1:-1] * (-1, 1) + (120, 0))[::-1]]), closed=True))
    normal = puffed(canvas, mask, 46)
    _, y = canvas.grid()
    streaks = fractal_noise(rng, canvas.shape, (2.5, 26), 3)
    colour = mix(
        pick(rng, "c0202a a81d24 7fae3a d8b83a"),
        pick(rng, "e8a23a d9c24a c8352e"),
        0.5 * streaks * smoothstep(110, 20, y),
    )
    canvas.paint(mask, colour, lambert(normal, light, 0.3))
    canvas.shine((gloss(normal, light, 30) * mask).astype(np.uint8), 0.7)
    canvas.darken(canvas.soft(canvas.ellipse((60, 27), 13, 4), 2.5), 0.55)
    canvas.paint(canvas.stroke(curve([(60, 29), (61, 16), (66, 6)]), 3.6), (0.32, 0.2, 0.1))
    leaf = canvas.polygon(curve(np.array([(63, 16), (74, 4), (92, 6), (82, 17)], np.float32), closed=True))
    canvas.paint(leaf, pick(rng, "4f8a3a 3a7a30"), round_shade(canvas, leaf, 6, light))
    if rng.random() < 0.4:
        side = rng.choice([16, 104])
        bite = np.max([canvas.ellipse((side, 56 + dy), 17, 14) for dy in (-12, 0, 12)], 0)
        wider = np.minimum(np.max([canvas.ellipse((side, 56 + dy), 23, 19) for dy in (-12, 0, 12)], 0), mask)
        canvas.paint(wider, (0.96, 0.9, 0.7), speckle(rng, canvas, 0.06))
        canvas.erase(np.minimum(bite, canvas.soft(bite, 0.5)))


def _doughnut(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    dough, hole = canvas.ellipse((60, 60), 54, 52), canvas.ellipse((60, 58), 16, 15)
    ring = np.minimum(dough, 255 - hole)
    canvas.paint(ring, pick(rng, _CRUMB), round_shade(canvas, ring, 19, light, 0.9) * speckle(rng, canvas, 0.05))
    t = np.linspace(0, 2 * np.pi, 90)
    wavy = 46 + 3 * np.sin(t * 7 + rng.uniform(0, 6)) + 2 * np.sin(t * 12)
    icing = canvas.polygon(np.stack([60 + wavy * np.cos(t), 58 + wavy * 0.96 * np.sin(t)], -1))
    icing = np.minimum(icing, 255 - canvas.ellipse((60, 58), 20, 19))
    normal = puffed(canvas, icing, 14)
    canvas.darken(np.minimum(canvas.soft(icing, 1.5), ring), 0.3)
    canvas.paint(icing, pick(rng, "f2a0b8 5a2f1c f6efe0 a8d8e0 c9a5d9 8a4a26"), lambert(normal, light))
    canvas.shine((gloss(normal, light, 25) * icing).astype(np.uint8), 0.5)
    if rng.random() < 0.75:
        _scatter(rng, canvas, icing, 60, 5, "e03a3a f2c04d 3a7fd0 4fae5a f4f4f2 f48ab0")


def _burger(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    bun = pick(rng, "c98238 d9964a b8702c")
    wave = np.array([(u, 76 + 5 * np.sin(u * rng.uniform(0.22, 0.3))) for u in np.linspace(4, 116, 30)])
    layers = [
        (canvas.polygon(oval((60, 98), 52, 17, power=3)), bun, 12),
        (canvas.stroke(np.array([(12, 86), (108, 86)]), 16), pick(rng, "5a3018 4a2613"), 8),
        (
            canvas.polygon(
                np.array([(8, 74), (112, 74), (96, 84), (80, 95), (64, 80), (34, 92), (20, 78)], np.float32)
            ),
            pick(rng, "f2b632 f7c94a"),
            3,
        ),
        (canvas.stroke(np.array([(16, 72), (104, 72)]), 8), pick(rng, "c8352e d9483a"), 4),
        (canvas.stroke(wave - (0, 10), 8), pick(rng, "6fae3a 8fc04a"), 3),
    ]
    for mask, colour, rim in layers:
        canvas.darken(canvas.soft(mask, 2), 0.4)
        canvas.paint(mask, colour, round_shade(canvas, mask, rim, light) * speckle(rng, canvas, 0.12))
    top = canvas.polygon(
        np.concatenate([oval((60, 58), 56, 46)[32:], [(116, 60), (104, 66), (16, 66), (4, 60)]]).astype(np.float32)
    )
    canvas.darken(canvas.soft(top, 2), 0.45, (0, 2))
    normal = puffed(canvas, top, 38)
    canvas.paint(top, bun, lambert(normal, light))
    canvas.shine((gloss(normal, light, 14) * top).astype(np.uint8), 0.3)
    _scatter(rng, canvas, np.minimum(top, canvas.ellipse((60, 36), 40, 22)), 34, 2.6, "f6e8c3 f2dfb0")


def _pizza(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    slice_ = canvas.polygon(np.array([(8, 22), (60, 10), (112, 22), (64, 134), (58, 134)], np.float32))
    cheese = mix(
        pick(rng, "f2c458 efb644"),
        pick(rng, "d9702e c85a26"),
        smoothstep(0.5, 0.8, fractal_noise(rng, canvas.shape, (8, 8), 3)),
    )
    canvas.paint(slice_, cheese, round_shade(canvas, slice_, 4, light))
    for _ in range(int(rng.integers(5, 9))):
        at = (rng.uniform(28, 92), rng.uniform(34, 100))
        disc = np.minimum(canvas.ellipse(at, 11, 10.5), slice_)
        canvas.darken(canvas.soft(disc, 1.2), 0.3)
        canvas.paint(
            disc, pick(rng, "b8302a a52a22 c8483a"), round_shade(canvas, disc, 3, light) * speckle(rng, canvas, 0.15)
        )
    _scatter(rng, canvas, slice_, int(rng.integers(8, 24)), 6, "3f7a34 2c2a28 5a9a44")
    crust = canvas.stroke(curve([(8, 22), (32, 13), (60, 10), (88, 13), (112, 22)]), 15)
    canvas.paint(
        crust,
        pick(rng, _CRUMB),
        round_shade(canvas, crust, 8, light) * (0.8 + 0.35 * fractal_noise(rng, canvas.shape, (12, 12), 3)),
    )


def _banana(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    outer = curve([(14, 14), (18, 62), (50, 104), (104, 116), (114, 112)])
    inner = curve([(114, 108), (84, 90), (52, 66), (34, 34), (26, 10)])
    mask = canvas.polygon(np.concatenate([outer, inner]))
    _, y = canvas.grid()
    canvas.paint(
        mask,
        mix(pick(rng, "f2cf3a efd65a e2c93c"), pick(rng, "9a8a2a a8b84a"), 0.7 * smoothstep(40, 12, y)),
        round_shade(canvas, mask, 14, light) * speckle(rng, canvas, 0.03),
    )
    canvas.darken(
        np.minimum(canvas.soft(canvas.stroke(curve([(22, 14), (30, 56), (56, 86), (110, 111)]), 1.8), 0.7), mask), 0.3
    )
    _scatter(rng, canvas, mask, int(rng.integers(4, 22)), 2.0, "5a3a1a 7a5224")
    for end in (((12, 16), (10, 4), (24, 2), (28, 14)), ((108, 106), (118, 106), (118, 114), (108, 118))):
        canvas.paint(canvas.polygon(np.array(end, np.float32)), (0.3, 0.22, 0.1))


def _lollipop(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    canvas.paint(canvas.stroke(np.array([(60, 60), (60, 140)]), 5), (0.94, 0.93, 0.9), 0.95)
    disc = canvas.ellipse((60, 46), 42, 42)
    x, y = canvas.grid()
    swirl = np.arctan2(y - 46, x - 60) * rng.integers(2, 6) + np.hypot(x - 60, y - 46) * rng.uniform(0.1, 0.22)
    normal = puffed(canvas, disc, 22)
    canvas.paint(
        disc,
        mix(pick(rng, _ICES), pick(rng, "e03a4a f28a2a 3a8fd0 5aae4a d94f9a"), smoothstep(-0.15, 0.15, np.sin(swirl))),
        lambert(normal, light),
    )
    canvas.shine((gloss(normal, light, 30) * disc).astype(np.uint8), 0.7)


def _watermelon(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    x, y = canvas.grid()
    distance = np.hypot(x - 60, y - 20)
    half = canvas.polygon(np.array([(60 + 58 * np.cos(t), 20 + 58 * np.sin(t)) for t in np.linspace(0, np.pi, 40)]))
    colour = mix(pick(rng, "d9303a e2484e"), np.array([0.93, 0.95, 0.8]), smoothstep(46, 49, distance))
    colour = mix(colour, pick(rng, "2f6b34 3f8a3f"), smoothstep(51.5, 53, distance))
    canvas.paint(half, colour, speckle(rng, canvas, 0.07) * round_shade(canvas, half, 3, light))
    for t in np.linspace(0.35, np.pi - 0.35, int(rng.integers(5, 9))):
        reach = rng.uniform(24, 38)
        seed = canvas.ellipse((60 + reach * np.cos(t), 20 + reach * np.sin(t)), 4, 2.3, np.rad2deg(t))
        canvas.paint(seed, (0.1, 0.06, 0.05))


def _biscuit(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    t = np.linspace(0, 2 * np.pi, 80)
    edge = 46 + 2 * np.sin(t * 5 + rng.uniform(0, 6)) + rng.normal(0, 0.4, 80)
    mask = canvas.polygon(np.stack([60 + edge * np.cos(t), 60 + edge * np.sin(t)], -1))
    crumb = 0.85 + 0.3 * fractal_noise(rng, canvas.shape, (16, 16), 4)
    canvas.paint(mask, pick(rng, "c98d4a b9783a 8a5a30 d9b070"), round_shade(canvas, mask, 10, light) * crumb)
    for _ in range(int(rng.integers(9, 17))):
        turn, reach = rng.uniform(0, 6.3), 40 * np.sqrt(rng.uniform(0, 1))
        chip = canvas.polygon(
            oval(
                (60 + reach * np.cos(turn), 60 + reach * np.sin(turn)),
                rng.uniform(3.5, 6.5),
                rng.uniform(3, 5.5),
                rng.uniform(0, 180),
                3,
            )
        )
        canvas.darken(canvas.soft(chip, 1), 0.35)
        canvas.paint(chip, pick(rng, "3a2015 4a2a1a 2a1710"), round_shade(canvas, chip, 3, light))


_KINDS = (_ice_cream, _apple, _doughnut, _burger, _pizza, _banana, _lollipop, _watermelon, _biscuit)


def food(rng: np.random.Generator, size: int) -> DrawnOccluder:
    """One of nine things to eat."""
    canvas = Canvas((-12, -28, 132, 150), size, rng.uniform(-12, 12))
    _KINDS[rng.integers(len(_KINDS))](rng, canvas, draw_light(rng))
    return canvas.finish("food")
