"""Mugs, paper cups and glasses."""

from __future__ import annotations

import numpy as np

from occset.models.builtin.occluders.canvas import Canvas, DrawnOccluder, curve, oval, rounded
from occset.models.builtin.occluders.shading import (
    cloth,
    cylinder,
    draw_light,
    round_shade,
)
from occset.models.builtin.textures.fields import fractal_noise, smoothstep
from occset.models.builtin.textures.palettes import mix, pick, ramp

_GLAZES = "f2efe8 c8352e 2d5ea8 23324f e0b43c 4f8a6b 1d1e22 e8a0b4 7fb2c8 a4693f 6d4f78"


def cup(rng: np.random.Generator, size: int) -> DrawnOccluder:
    """A mug, a paper cup with lid and sleeve, or a glass with a drink."""
    canvas = Canvas((-36, -22, 140, 156), size, rng.uniform(-8, 8))
    style = rng.choice(["mug", "paper", "glass"], p=[0.45, 0.35, 0.2])
    {"mug": _mug, "paper": _paper_cup, "glass": _glass}[str(style)](rng, canvas, draw_light(rng))
    return canvas.finish("cup")


def _vessel(canvas: Canvas, top: float, bottom: float, upper: float, lower: float, bow: float) -> np.ndarray:
    """Outline of a round vessel about x = 52: half widths `upper` and `lower`, its rim and foot bowed by `bow`."""
    u = np.linspace(-1, 1, 17)
    rim = np.stack([52 + upper * u, top - bow * np.sqrt(1 - u * u)], -1)
    foot = np.stack([52 - lower * u, bottom + bow * np.sqrt(1 - u * u)], -1)
    return np.concatenate([rim, foot])


def _mug(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    upper, top, bottom = rng.uniform(38, 46), rng.uniform(8, 22), rng.uniform(98, 116)
    lower, bow = upper * rng.uniform(0.8, 1.0), rng.uniform(5, 9)
    glaze = pick(rng, _GLAZES)
    side = rng.choice([-1, 1])
    loop = curve(
        [
            (52 + side * (upper - 4), top + 18),
            (52 + side * (upper + 22), top + 16),
            (52 + side * (upper + 24), bottom - 28),
            (52 + side * (lower - 4), bottom - 18),
        ]
    )
    handle = canvas.stroke(loop, rng.uniform(8, 11))
    canvas.paint(handle, glaze, round_shade(canvas, handle, 5, light))
    body = canvas.polygon(_vessel(canvas, top, bottom, upper, lower, bow))
    x, y = canvas.grid()
    colour = _print(rng, canvas, glaze)
    canvas.paint(body, colour, cylinder((x - 52) / upper, light) * (1.05 - 0.15 * smoothstep(top, bottom, y)))
    streak = np.exp(-(((x - 52) / upper + np.sign(light[0]) * -0.55) ** 2) / 0.012)
    canvas.shine((streak * body).astype(np.uint8), rng.uniform(0.2, 0.5))
    rim = canvas.polygon(oval((52, top), upper, bow))
    canvas.paint(rim, np.minimum(glaze * 1.1 + 0.05, 1))
    inner = canvas.polygon(oval((52, top + 0.6), upper - 3, bow - 1.8))
    canvas.paint(
        inner, pick(rng, "4a2b17 6b4426 c08a52 2a1a10 8a3b1c"), 0.75 + 0.3 * smoothstep(top - bow, top + bow, y)
    )


def _print(rng: np.random.Generator, canvas: Canvas, glaze: np.ndarray) -> np.ndarray:
    """The glaze alone, with bands, a heart, or printed all over."""
    kind = rng.integers(4)
    x, y = canvas.grid()
    plain = np.broadcast_to(glaze, (*canvas.shape, 3))
    if kind == 0:
        return plain
    if kind == 1:
        return cloth(rng, canvas, 70)
    other = pick(rng, _GLAZES)
    if kind == 2:
        start = rng.uniform(30, 70)
        return mix(
            plain, other, (((y > start) & (y < start + 10)) | ((y > start + 14) & (y < start + 18))).astype(np.float32)
        )
    u, v = (x - 52) / 17, -(y - 58) / 17
    heart = (u * u + v * v - 1) ** 3 - u * u * v**3 < 0
    return mix(plain, pick(rng, "c8202a 1d1e22 f2efe8 d94f7a"), heart.astype(np.float32))


def _paper_cup(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    upper, lower, top, bottom = rng.uniform(36, 42), rng.uniform(25, 30), 16.0, rng.uniform(122, 138)
    paper = pick(rng, "f4f1ea f4f1ea 2b4d3c c8352e e8d7b8 23282e")
    x, y = canvas.grid()
    half = upper + (lower - upper) * (y - top) / (bottom - top)
    shade = cylinder((x - 52) / half, light)
    body = canvas.polygon(_vessel(canvas, top, bottom, upper, lower, 4))
    canvas.paint(body, paper, shade)
    start, end = rng.uniform(42, 54), rng.uniform(88, 104)
    sleeve = np.minimum(
        body, (255 * ((y - (x - 52) ** 2 * -0.003 > start) & (y - (x - 52) ** 2 * -0.003 < end))).astype(np.uint8)
    )
    wrap = cloth(rng, canvas, 70) if rng.random() < 0.3 else pick(rng, "a9794b b98a5c 8a5f3a 3a3d42")
    ribs = 1 + 0.06 * np.sin((x - 52) / half * 60)
    canvas.paint(sleeve, wrap, shade * ribs)
    canvas.paint(
        np.minimum(sleeve, canvas.ellipse((52, (start + end) / 2), 13, 13)),
        pick(rng, "f4f1ea 2b4d3c 6b3f23 d9a834"),
        shade,
    )
    lid = pick(rng, "f6f6f4 f6f6f4 26272a 6b4a33", rest=0.02)
    for low, high, wide in ((top + 3, top - 5, upper + 3), (top - 5, top - 14, upper - 3)):
        piece = canvas.polygon(rounded(52 - wide, high, 52 + wide, low, 3))
        canvas.darken(canvas.soft(piece, 1), 0.3, (0, 1.5))
        canvas.paint(piece, lid, cylinder((x - 52) / wide, light) * (1.1 - 0.2 * smoothstep(high, low, y)))


def _glass(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    upper, lower, top, bottom = rng.uniform(34, 40), rng.uniform(26, 34), 12.0, rng.uniform(112, 132)
    x, y = canvas.grid()
    across = (x - 52) / (upper + (lower - upper) * (y - top) / (bottom - top))
    body = canvas.polygon(_vessel(canvas, top, bottom, upper, lower, 5))
    canvas.paint(body, (0.86, 0.92, 0.95), 1.0, 0.35)
    level = rng.uniform(26, 48)
    drink = canvas.polygon(_vessel(canvas, level, bottom - 5, upper - 4, lower - 3.5, 5))
    colour = ramp(
        np.array(
            [pick(rng, "f2a33a 8a3b12 d9483a f2d04a e98aa0 7fb04a 5a2a1a"), pick(rng, "f7c65a c85a2a f08a5a f7e88a")]
        ),
        np.clip((y - level) / 90, 0, 1),
    )
    canvas.paint(
        drink, colour, cylinder(across, light, 0.7) * (0.95 + 0.1 * fractal_noise(rng, canvas.shape, (5, 5), 2)), 0.93
    )
    canvas.paint(canvas.ellipse((52, level), upper - 4, 4.5), np.minimum(colour * 1.15, 1), 1.0, 0.95)
    for _ in range(int(rng.integers(2, 5))):
        ice = canvas.polygon(oval(tuple(rng.uniform((36, level + 2), (68, level + 24))), 9, 8, rng.uniform(0, 90), 5))
        canvas.shine(np.minimum(ice, drink), 0.3)
        canvas.shine(canvas.stroke(oval((52, level), 8, 3)[:20], 0.8), 0.3)
    if rng.random() < 0.7:
        straw = np.array([(60, level + 30), (60 + rng.uniform(8, 16), -8)])
        canvas.paint(canvas.stroke(straw, 5), pick(rng, "e03a3a f4f4f2 2d9a8a e8a0b4"), 1.0)
    edge = smoothstep(0.82, 1.0, np.abs(across)) * 0.5 + np.exp(-((across + 0.6) ** 2) / 0.01) * 0.6
    canvas.shine((edge * body).clip(0, 255).astype(np.uint8), 0.7)
    canvas.paint(canvas.stroke(oval((52, top), upper, 5), 1.6, closed=True), (0.97, 0.99, 1.0), 1.0, 0.85)
