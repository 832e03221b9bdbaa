"""Hats that sit on the forehead of the face template: beanie, cap, bucket, brimmed, hard hat, Santa hat, crown."""

from __future__ import annotations

import cv2
import numpy as np

from occset.models.builtin.occluders.canvas import Canvas, DrawnOccluder, curve, mirrored, oval
from occset.models.builtin.occluders.shading import (
    cloth,
    draw_light,
    folds,
    gloss,
    lambert,
    puffed,
    round_shade,
    speckle,
)
from occset.models.builtin.textures.fields import fractal_noise, smoothstep
from occset.models.builtin.textures.palettes import pick

_BOX = (6.0, -72.0, 250.0, 112.0)
_COLOURS = "1c1d21 23324f 7c2430 8f8f8a d8d2c4 3d5240 c2a06a 4e342a b5523b 2e6b74 e0b43c f1efe9 6d4f78"


def _dome(canvas: Canvas, half: float, top: float, base: float, sag: float, square: float = 2.2) -> np.ndarray:
    """Mask of the crown of a hat: half width, top and base y, how far the base sags in the middle."""
    t = np.linspace(0, np.pi / 2, 14)
    right = np.stack([128 + half * np.sin(t) ** (2 / square), base - (base - top) * np.cos(t) ** (2 / square)], -1)
    low = np.array([(128 + half * u, base + sag * (1 - u * u)) for u in np.linspace(1, -1, 21)])
    return canvas.polygon(np.concatenate([right, low, mirrored(right)]))


def _fabric(rng: np.random.Generator, canvas: Canvas, printed: float = 0.3) -> np.ndarray:
    """A plain colour (3,) or a print (H, W, 3)."""
    return cloth(rng, canvas, 80) if rng.random() < printed else pick(rng, _COLOURS)


def _beanie(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    knitted = cloth(rng, canvas, 70, ("knit",))
    half, top = rng.uniform(70, 77), rng.uniform(-26, -4)
    if rng.random() < 0.5:
        pompom = canvas.polygon(oval((128 + rng.uniform(-4, 4), top - 9), 21, 19))
        fluff = canvas.soft(pompom, 2.5)
        tuft = np.minimum(
            fluff, (255 * smoothstep(0.2, 0.45, fractal_noise(rng, canvas.shape, (60, 80), 2))).astype(np.uint8)
        )
        canvas.paint(
            np.maximum(pompom // 2 + pompom // 4, tuft),
            knitted.mean((0, 1)) * 1.1,
            round_shade(canvas, pompom, 20, light) * speckle(rng, canvas, 0.3),
        )
    dome = _dome(canvas, half, top, 78, 6)
    x, _ = canvas.grid()
    ribs = 1 + 0.16 * np.sin((x - 128) * 2 * np.pi / rng.uniform(5, 9)) * rng.choice([0.0, 1.0])
    canvas.paint(dome, knitted, round_shade(canvas, dome, 60, light) * ribs)
    height = rng.uniform(20, 30)
    cuff_line = [(128 + half * u, 82 + 7 * (1 - u * u) - height / 2) for u in np.linspace(-1.03, 1.03, 15)]
    cuff = canvas.stroke(np.array(cuff_line), height)
    cuff = np.minimum(
        cuff,
        canvas.polygon(
            np.array([(128 - half - 4, -20), (128 + half + 4, -20), (128 + half + 4, 110), (128 - half - 4, 110)])
        ),
    )
    canvas.darken(canvas.soft(cuff, 2), 0.4, (0, -2))
    ribs = 1 + 0.22 * np.sin((x - 128) * 2 * np.pi / 5)
    canvas.paint(
        cuff, knitted if rng.random() < 0.6 else pick(rng, _COLOURS), round_shade(canvas, cuff, 9, light) * ribs
    )


def _cap(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    colour, visor_colour = _fabric(rng, canvas, 0.2), pick(rng, _COLOURS)
    dome = _dome(canvas, rng.uniform(69, 74), rng.uniform(-22, -8), 66, 4, 2.4)
    canvas.paint(dome, colour, round_shade(canvas, dome, 62, light) * folds(rng, canvas, light, (3, 4), 3))
    for u in (0.0, -0.62, 0.62):
        seam = curve([(128 + 8 * u, -16), (128 + 58 * u, 14), (128 + 92 * u, 64)])
        canvas.darken(np.minimum(canvas.soft(canvas.stroke(seam, 1.0), 0.5), dome), 0.4)
    button = canvas.ellipse((128, -14), 6, 3)
    canvas.paint(button, visor_colour, round_shade(canvas, button, 3, light))
    _badge(rng, canvas)
    low, wide = rng.uniform(86, 98), rng.uniform(66, 74)
    rim = [(128 - wide, 62), (128 - wide * 0.8, 53), (128, 47), (128 + wide * 0.8, 53), (128 + wide, 62)]
    edge = [
        (128 + wide + 2, 74),
        (128 + wide * 0.7, low - 6),
        (128, low),
        (128 - wide * 0.7, low - 6),
        (128 - wide - 2, 74),
    ]
    visor = canvas.polygon(curve(np.array(rim + edge, np.float32), closed=True))
    canvas.darken(canvas.soft(visor, 3), 0.45, (0, -3))
    _, y = canvas.grid()
    canvas.paint(
        visor,
        visor_colour if rng.random() < 0.5 else colour,
        round_shade(canvas, visor, 12, light, 0.7) * (1.1 - 0.35 * smoothstep(60, low, y)),
    )
    for shrink in (0.95, 0.86, 0.77):
        line = curve((np.array(edge, np.float32) - (128, 56)) * shrink + (128, 56))
        canvas.darken(np.minimum(canvas.stroke(line, 0.7), visor), 0.3)


def _badge(rng: np.random.Generator, canvas: Canvas) -> None:
    """A disc, star, bar or nothing on the front."""
    kind, colour = rng.integers(4), pick(rng, "f4f2ea d8a93c c8352e 2d5ea8 1c1d21")
    centre = np.array([128, 24], np.float32)
    if kind == 0:
        canvas.paint(canvas.ellipse((128, 24), 15, 15), colour)
        canvas.paint(canvas.ellipse((128, 24), 10, 10), pick(rng, _COLOURS))
    elif kind == 1:
        t = np.arange(10) * np.pi / 5 - np.pi / 2
        canvas.paint(
            canvas.polygon(centre + np.stack([np.cos(t), np.sin(t)], -1) * np.where(np.arange(10) % 2, 7, 17)[:, None]),
            colour,
        )
    elif kind == 2:
        strokes = (
            ((112, 36), (112, 12), (128, 28), (144, 12), (144, 36)),
            ((142, 14), (116, 14), (116, 36), (142, 36)),
        )
        canvas.paint(canvas.stroke(np.array(strokes[rng.integers(2)]), 6), colour)


def _bucket(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    colour = _fabric(rng, canvas, 0.55)
    crown = np.array(
        [(78, -22), (98, -29), (128, -31), (158, -29), (178, -22), (194, 48), (128, 58), (62, 48)], np.float32
    )
    mask = canvas.polygon(crown)
    canvas.paint(mask, colour, round_shade(canvas, mask, 45, light) * folds(rng, canvas, light, (4, 5), 4))
    low, wide = rng.uniform(78, 90), rng.uniform(88, 100)
    brim = np.array(
        [
            (62, 42),
            (128, 52),
            (194, 42),
            (128 + wide, low - 12),
            (128 + wide * 0.6, low),
            (128, low + 5),
            (128 - wide * 0.6, low),
            (128 - wide, low - 12),
        ],
        np.float32,
    )
    mask = canvas.polygon(np.concatenate([curve(brim[:3]), curve(brim[3:])]))
    canvas.darken(canvas.soft(mask, 2), 0.35)
    canvas.paint(mask, colour, round_shade(canvas, mask, 8, light, 0.6) * folds(rng, canvas, light, (4, 9), 4) * 0.95)
    for share in np.linspace(0.2, 0.9, 5):
        line = curve(brim[[0, 1, 2]] * (1 - share) + brim[[7, 5, 3]] * share)
        canvas.darken(np.minimum(canvas.stroke(line, 0.7), mask), 0.3)


def _brimmed(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    """Fedora or straw hat: dented crown, ribbon, wide brim seen from slightly above."""
    straw = rng.random() < 0.45
    x, y = canvas.grid()
    if straw:
        colour = np.broadcast_to(pick(rng, "d9b978 e6cf9a c49a5a"), (*canvas.shape, 3))
        plait = 1 + 0.16 * np.sin(x * 2.1) * np.sin(y * 2.1) + 0.07 * np.sin((x + y) * 4)
    else:
        colour, plait = np.broadcast_to(pick(rng, _COLOURS), (*canvas.shape, 3)), speckle(rng, canvas, 0.08)
    wide = rng.uniform(98, 116)
    brim = canvas.polygon(oval((128, 64), wide, rng.uniform(17, 23)))
    canvas.paint(brim, colour, round_shade(canvas, brim, 14, light, 0.5) * plait)
    dent = rng.uniform(2, 12)
    crown = np.array(
        [
            (66, 58),
            (70, 14),
            (84, -24),
            (108, -34),
            (128, -34 + dent),
            (148, -34),
            (172, -24),
            (186, 14),
            (190, 58),
            (128, 67),
        ],
        np.float32,
    )
    mask = canvas.polygon(np.concatenate([curve(crown[:9]), curve(crown[8:]), curve(crown[[9, 0]])]))
    canvas.darken(canvas.soft(mask, 4), 0.5)
    canvas.paint(mask, colour, round_shade(canvas, mask, 48, light) * folds(rng, canvas, light, (2, 3), 5) * plait)
    band_line = np.array([(128 + 62 * u, 46 + 9 * (1 - u * u)) for u in np.linspace(-1, 1, 15)])
    band = np.minimum(canvas.stroke(band_line, rng.uniform(11, 19)), mask)
    canvas.paint(band, pick(rng, "17171a 5b2330 20324f 6b4a2c e9e4d6"), round_shade(canvas, mask, 48, light))


def _hard_hat(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    colour = pick(rng, "f2c230 f2c230 ef7d22 f3f3ef d23a30 2c66b0 3f9a55", rest=0.04)
    dome = _dome(canvas, rng.uniform(74, 80), rng.uniform(-32, -20), 62, 4, 2.3)
    normal = puffed(canvas, dome, 70)
    canvas.paint(dome, colour, lambert(normal, light))
    for u in (-0.34, 0.0, 0.34):
        ridge = curve([(128 + 30 * u, -28), (128 + 84 * u, 10), (128 + 98 * u, 56)])
        width = 13 if u == 0 else 6
        mask = np.minimum(canvas.stroke(ridge, width), dome)
        canvas.darken(canvas.soft(mask, 1.5), 0.25, (1.5, 1))
        canvas.paint(mask, colour * 1.05, round_shade(canvas, mask, width / 2, light) * 0.97)
    canvas.shine((gloss(normal, light, 25) * dome).astype(np.uint8), 0.7)
    rim = np.array(
        [(44, 62), (60, 55), (128, 58), (196, 55), (212, 62), (198, 76), (164, 86), (128, 89), (92, 86), (58, 76)],
        np.float32,
    )
    mask = canvas.polygon(curve(rim, closed=True))
    canvas.darken(canvas.soft(mask, 2.5), 0.4)
    canvas.paint(mask, colour, round_shade(canvas, mask, 8, light))


def _santa(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    colour = pick(rng, "b3161f c8202a 8f1420 1f6b3a 27487f", rest=0.04)
    lean = rng.choice([-1, 1])
    cone = np.array(
        [
            (-68, 66),
            (-56, 22),
            (-24, -22),
            (22, -44),
            (58, -40),
            (84, -12),
            (92, 20),
            (80, 22),
            (64, 0),
            (56, 18),
            (62, 40),
            (68, 66),
            (0, 72),
        ],
        np.float32,
    )
    outline = curve(cone * np.array((lean, 1)) + np.array((128, 0)), closed=True)
    mask = canvas.polygon(outline)
    canvas.paint(
        mask,
        colour,
        round_shade(canvas, mask, 40, light) * folds(rng, canvas, light, (4, 5), 6) * speckle(rng, canvas, 0.1),
    )
    band_line = np.array([(128 + 72 * u, 64 + 9 * (1 - u * u)) for u in np.linspace(-1, 1, 15)])
    for piece in (canvas.stroke(band_line, rng.uniform(22, 28)), canvas.ellipse((128 + lean * 86, 28), 15, 15)):
        ragged = canvas.soft(piece, 1.6)
        wool = (fractal_noise(rng, canvas.shape, (45, 60), 3) - 0.5) * 150 + ragged
        mask = np.where(ragged > 8, np.clip((wool - 100) * 4, 0, 255), 0).astype(np.uint8)
        canvas.paint(mask, (0.96, 0.95, 0.93), round_shade(canvas, piece, 11, light) * speckle(rng, canvas, 0.14, 2.5))


def _crown(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    metal = pick(rng, "d9a834 e0b84e c9ccd2 c98f5a", rest=0.04)
    peaks, low, tall = int(rng.choice([5, 7])), rng.uniform(66, 80), rng.uniform(-18, 4)
    u = np.linspace(-1, 1, 2 * peaks - 1)
    spikes = [(128 + 70 * v, (tall if i % 2 == 0 else 34) + 8 * (1 - v * v)) for i, v in enumerate(u)]
    base = [(128 + 66 * v, low + 9 * (1 - v * v)) for v in np.linspace(1, -1, 15)]
    mask = canvas.polygon(np.array(spikes + base, np.float32))
    x, _ = canvas.grid()
    normal = puffed(canvas, mask, 5)
    canvas.paint(
        mask, metal, lambert(normal, light) * (1.1 - 0.5 * ((x - 128) / 75) ** 2) * (1 + 0.15 * np.sin((x + 20) * 0.16))
    )
    canvas.shine((gloss(normal, light, 10) * mask).astype(np.uint8), 0.5)
    gems = [((px, py - 2), 5.0) for px, py in spikes[::2]]
    gems += [((128 + 58 * v, low - 14 + 9 * (1 - v * v)), rng.uniform(5, 8)) for v in np.linspace(-0.85, 0.85, peaks)]
    for at, radius in gems:
        gem = canvas.ellipse(at, radius, radius)
        canvas.darken(canvas.soft(gem, 1.0), 0.4)
        canvas.paint(
            gem, pick(rng, "b3122e 1f5fb3 1f8a5a f0ece0 7a2f9a", hue=0.05), round_shade(canvas, gem, radius, light)
        )
        canvas.shine(canvas.soft(canvas.ellipse((at[0] - 1.5, at[1] - 1.8), 1.4, 1.4), 0.4), 0.8)
    for line in (low - 3, low - 25):
        edge = np.array([(128 + 67 * v, line + 9 * (1 - v * v)) for v in np.linspace(-1, 1, 15)])
        canvas.darken(cv2.min(canvas.stroke(edge, 1.5), mask), 0.35)


_STYLES = {
    "beanie": _beanie,
    "cap": _cap,
    "bucket": _bucket,
    "brimmed": _brimmed,
    "hard": _hard_hat,
    "santa": _santa,
    "crown": _crown,
}


def hat(rng: np.random.Generator, size: int) -> DrawnOccluder:
    """One of seven kinds of hat."""
    canvas = Canvas(_BOX, size)
    style = str(rng.choice(list(_STYLES), p=[0.26, 0.24, 0.14, 0.16, 0.08, 0.06, 0.06]))
    _STYLES[style](rng, canvas, draw_light(rng))
    return canvas.finish("hat", anchored=True)
