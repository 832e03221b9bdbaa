"""Other things that come between a camera and a face: balls, balloons, cameras, magnifiers, gifts, fans, bats."""

from __future__ import annotations

import numpy as np

from occset.models.builtin.occluders.canvas import Canvas, DrawnOccluder, curve, oval, rounded
from occset.models.builtin.occluders.shading import cloth, draw_light, gloss, lambert, puffed, round_shade, speckle
from occset.models.builtin.textures.fields import smoothstep
from occset.models.builtin.textures.palettes import mix, pick

_BRIGHT = "d9303a 2d6ac0 f2b82a 3f9a55 e8782a a04fb0 f4f2ea 1d1e22 f28ab0 2aa0a8"


def _ball(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    mask = canvas.ellipse((65, 65), 58, 58)
    x, y = canvas.grid()
    u, v = (x - 65) / 58, (y - 65) / 58
    w = np.sqrt(np.maximum(1 - u * u - v * v, 0))
    normal = np.stack([u, v, w], -1).astype(np.float32)
    kind = rng.choice(["basketball", "football", "beach", "tennis"])
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0].astype(np.float32)
    a, b, c = np.moveaxis(normal @ turn, -1, 0)
    if kind == "basketball":
        seam = np.min(
            [np.abs(a), np.abs(b), np.abs(np.hypot(a - 1.1, c) - 0.72), np.abs(np.hypot(a + 1.1, c) - 0.72)], 0
        )
        colour = mix(np.array([0.08, 0.06, 0.05]), pick(rng, "d0702a c05a22 8a3a1c"), smoothstep(0.015, 0.035, seam))
    elif kind == "football":
        golden = (1 + 5**0.5) / 2
        corners = np.array(
            [p for s in (1, -1) for t in (golden, -golden) for p in ((0, s, t), (s, t, 0), (t, 0, s))], np.float32
        )
        closeness = np.sort(np.stack([a, b, c], -1) @ (corners / np.linalg.norm(corners[0])).T, -1)
        patch = smoothstep(0.925, 0.935, closeness[..., -1])
        seam = smoothstep(0.012, 0.004, closeness[..., -1] - closeness[..., -2]) * (1 - patch)
        colour = mix(
            pick(rng, "f4f2ea f4f2ea f2e08a"), pick(rng, "17181b 17181b 23418a b3222a"), np.maximum(patch, 0.6 * seam)
        )
    elif kind == "beach":
        slice_ = np.floor((np.arctan2(a, b) / (2 * np.pi) + 0.5) * 6).astype(int) % 6
        table = np.array([pick(rng, _BRIGHT) if i % 2 else np.array([0.96, 0.95, 0.92]) for i in range(6)], np.float32)
        colour = mix(table[slice_], np.array([0.96, 0.95, 0.92]), smoothstep(0.94, 0.95, np.abs(c)))
    else:
        seam = np.abs(a * a - b * b - 0.75 * c)
        fuzz = speckle(rng, canvas, 0.18, 1.2)
        colour = (
            mix(pick(rng, "cde03a d8e24a b8d040"), np.array([0.95, 0.95, 0.9]), smoothstep(0.12, 0.07, seam))
            * fuzz[..., None]
        )
    canvas.paint(mask, colour, lambert(normal, light, 0.35) * (0.75 + 0.25 * w))
    canvas.shine((gloss(normal, light, 20) * mask).astype(np.uint8), 0.12 if kind == "tennis" else 0.4)


def _balloon(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    colour = pick(rng, _BRIGHT)
    canvas.paint(canvas.stroke(curve([(65, 122), (60, 132), (68, 142), (62, 152)]), 1.2), (0.9, 0.9, 0.88))
    half = np.array([(65, 2), (96, 10), (112, 42), (104, 78), (82, 108), (68, 120), (65, 121)], np.float32)
    mask = canvas.polygon(curve(np.concatenate([half, (half[1:-1] * (-1, 1) + (130, 0))[::-1]]), closed=True))
    knot = canvas.polygon(np.array([(65, 118), (72, 128), (58, 128)], np.float32))
    canvas.paint(knot, colour, 0.8)
    normal = puffed(canvas, mask, 48)
    canvas.paint(mask, colour, lambert(normal, light, 0.45), rng.uniform(0.9, 1.0))
    canvas.shine((gloss(normal, light, 40) * mask).astype(np.uint8), 0.85)
    canvas.shine(canvas.soft(canvas.ellipse((88, 92), 5, 12, 35), 3), 0.2)


def _camera(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    body_colour, grip = pick(rng, "1d1e21 1d1e21 8f9297 c9c4b8"), pick(rng, "26272a 5a3a26 1a1a1c 7c2a30")
    top = canvas.polygon(np.array([(44, 14), (86, 14), (94, 32), (36, 32)], np.float32))
    canvas.paint(top, body_colour, round_shade(canvas, top, 5, light))
    shutter = canvas.polygon(rounded(104, 22, 120, 34, 3))
    canvas.paint(shutter, (0.7, 0.71, 0.73), round_shade(canvas, shutter, 3, light))
    body = canvas.polygon(rounded(-4, 30, 134, 116, 9))
    canvas.paint(body, body_colour, round_shade(canvas, body, 8, light))
    _, y = canvas.grid()
    canvas.paint(
        np.minimum(body, (255 * ((y > 48) & (y < 104))).astype(np.uint8)), grip, speckle(rng, canvas, 0.25, 1.4)
    )
    for radius, tone in ((40, 0.12), (36, 0.3), (33, 0.1), (27, 0.2), (24, 0.04)):
        ring = canvas.ellipse((65, 76), radius, radius)
        canvas.paint(ring, (tone, tone, tone * 1.05), round_shade(canvas, ring, 4, light))
    glass = canvas.ellipse((65, 76), 19, 19)
    normal = puffed(canvas, glass, 19)
    canvas.paint(glass, pick(rng, "1a2a55 2a1a4a 123a4a"), lambert(normal, -light * (1, 1, -1)))
    canvas.shine(canvas.soft(canvas.ellipse((58, 68), 6, 4, -40), 1.2), 0.8)
    canvas.shine(canvas.soft(canvas.ellipse((72, 84), 3, 2, -40), 0.8), 0.5)
    flash = canvas.polygon(rounded(8, 36, 30, 45, 2))
    canvas.paint(flash, (0.93, 0.94, 0.9), round_shade(canvas, flash, 3, light))


def _magnifier(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    wood = pick(rng, "5a3420 1d1e21 8a4b2a 2d3f6b")
    handle = canvas.stroke(np.array([(92, 92), (132, 134)]), rng.uniform(11, 15))
    canvas.paint(handle, wood, round_shade(canvas, handle, 6, light))
    glass = canvas.ellipse((56, 56), 46, 46)
    canvas.paint(glass, (0.85, 0.92, 0.97), 1.0, rng.uniform(0.15, 0.35))
    x, y = canvas.grid()
    streak = smoothstep(0, 3, (x + y) - 80) * smoothstep(17, 14, (x + y) - 80) * glass
    canvas.paint(streak.astype(np.uint8), (1, 1, 1), 1.0, 0.4)
    ring = canvas.stroke(oval((56, 56), 48, 48), rng.uniform(7, 11), closed=True)
    normal = puffed(canvas, ring, 5)
    canvas.paint(ring, pick(rng, "c9a24b b8bcc2 2a2b2e 8a4b2a"), lambert(normal, light))
    canvas.shine((gloss(normal, light, 14) * ring).astype(np.uint8), 0.5)


def _gift(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    paper = cloth(rng, canvas, 80) if rng.random() < 0.6 else pick(rng, _BRIGHT)
    ribbon = pick(rng, "c8202a d8b04a f4f2ea 2d6ac0 3f9a55")
    for box, dark in (((8, 48, 122, 138), 0.95), ((2, 28, 128, 56), 1.05)):
        mask = canvas.polygon(rounded(*box, 3))
        canvas.darken(canvas.soft(mask, 2), 0.4, (0, 1))
        canvas.paint(mask, paper, round_shade(canvas, mask, 4, light) * dark)
        band = np.minimum(canvas.stroke(np.array([(65, box[1] - 2), (65, box[3] + 2)]), 15), mask)
        canvas.paint(band, ribbon, round_shade(canvas, band, 5, light, 0.6) * dark)
    for side in (-1, 1):
        loop = curve(
            np.array([(65, 28), (65 + side * 20, 4), (65 + side * 44, 6), (65 + side * 36, 26)], np.float32),
            closed=True,
        )
        mask = canvas.polygon(loop)
        canvas.paint(mask, ribbon, round_shade(canvas, mask, 9, light))
        canvas.darken(canvas.soft(canvas.ellipse((65 + side * 26, 17), 9, 5, side * -20), 1.5), 0.45)
    knot = canvas.polygon(rounded(55, 18, 75, 34, 6))
    canvas.paint(knot, ribbon, round_shade(canvas, knot, 7, light) * 1.05)


def _fan(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    """A folding fan: pleated paper between an outer and an inner arc."""
    x, y = canvas.grid()
    angle, reach = np.arctan2(y - 128, x - 65), np.hypot(x - 65, y - 128)
    t = np.linspace(-np.pi * 0.93, -np.pi * 0.07, 40)
    arc = np.stack([np.cos(t), np.sin(t)], -1)
    for stick in arc[::3]:
        canvas.paint(
            canvas.stroke(np.array([(65, 128), (65, 128) + stick * 60]), 3), pick(rng, "8a5a30 c9a070 2a1a14"), 0.9
        )
    leaf = canvas.polygon(np.concatenate([arc * 122, arc[::-1] * 48]) * (0.62, 1) + (65, 128))
    pleats = 1 + 0.2 * np.sign(np.sin(angle * 34)) * np.abs(np.sin(angle * 34)) ** 0.4
    paper = (
        cloth(rng, canvas, 110, ("floral", "waves", "gradient", "leaves", "paisley"))
        if rng.random() < 0.75
        else pick(rng, _BRIGHT)
    )
    canvas.paint(leaf, paper, pleats * (0.9 + 0.15 * smoothstep(40, 120, reach)))
    edge = canvas.stroke(arc * 119 * (0.62, 1) + (65, 128), 3)
    canvas.paint(np.minimum(edge, leaf), pick(rng, "d8b04a 1d1e22 f4f2ea c8202a"))
    canvas.paint(canvas.ellipse((65, 128), 5, 5), (0.75, 0.65, 0.35))


def _bat(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    """A table-tennis bat, with or without its ball."""
    handle = canvas.polygon(np.array([(57, 96), (73, 96), (76, 146), (54, 146)], np.float32))
    canvas.paint(handle, pick(rng, "c9965a b07a40 8a5a30"), round_shade(canvas, handle, 8, light))
    wood = canvas.polygon(np.concatenate([oval((65, 52), 50, 52)[:], [(110, 60)]])[:64])
    neck = canvas.polygon(np.array([(34, 90), (96, 90), (73, 112), (57, 112)], np.float32))
    canvas.paint(np.maximum(wood, neck), (0.8, 0.62, 0.4), 0.95)
    y = canvas.grid()[1]
    rubber = np.minimum(canvas.ellipse((65, 52), 48, 50), (255 * (y < 92)).astype(np.uint8))
    canvas.paint(
        rubber,
        pick(rng, "b3222a b3222a 1d1e22 2d4fa0 2f7a4a"),
        round_shade(canvas, rubber, 4, light) * speckle(rng, canvas, 0.06),
    )
    if rng.random() < 0.6:
        at = (float(rng.uniform(40, 92)), float(rng.uniform(26, 70)))
        ball = canvas.ellipse(at, 15, 15)
        canvas.darken(canvas.soft(ball, 3), 0.35, (2, 3))
        canvas.paint(ball, pick(rng, "f6f4ee f28a2a"), round_shade(canvas, ball, 15, light))


_KINDS = (_ball, _ball, _balloon, _camera, _magnifier, _gift, _fan, _bat)


def thing(rng: np.random.Generator, size: int) -> DrawnOccluder:
    """One of seven other things; category "object"."""
    canvas = Canvas((-22, -14, 152, 160), size, rng.uniform(-15, 15))
    _KINDS[rng.integers(len(_KINDS))](rng, canvas, draw_light(rng))
    return canvas.finish("object")
