"""Scarves wound over chin and mouth, and bandanas tied over the nose."""

from __future__ import annotations

import numpy as np

from occset.models.builtin.occluders.canvas import Canvas, DrawnOccluder, curve, mirrored
from occset.models.builtin.occluders.shading import cloth, draw_light, folds, lambert, normals, round_shade, speckle
from occset.models.builtin.textures.fields import smoothstep
from occset.models.builtin.textures.palettes import pick

_BOX = (14.0, 122.0, 242.0, 300.0)


def _fringe(rng: np.random.Generator, canvas: Canvas, left: float, right: float, y: float, colour: np.ndarray) -> None:
    for x in np.arange(left + 2, right - 1, 3.4):
        thread = curve([(x, y - 3), (x + rng.normal(0, 1), y + 7), (x + rng.normal(0, 2.5), y + rng.uniform(12, 17))])
        canvas.paint(canvas.stroke(thread, 2.0), colour, rng.uniform(0.7, 1.1))


def _wound(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    """Two to four thick turns, each over the one below, and often a hanging end."""
    colour = cloth(rng, canvas, rng.uniform(50, 90), ("knit", "knit", "plaid", "stripes", "tweed", "floral", "dots"))
    crease = folds(rng, canvas, light, (7, 3), 6)
    turns = int(rng.integers(2, 5))
    top, pitch = rng.uniform(158, 174), rng.uniform(19, 26)
    if rng.random() < 0.6:
        at, wide = 128 + rng.choice([-1, 1]) * rng.uniform(10, 38), rng.uniform(17, 24)
        end = canvas.polygon(
            np.array([(at - wide * 0.7, top + 30), (at + wide * 0.7, top + 30), (at + wide, 270), (at - wide, 270)])
        )
        _fringe(rng, canvas, at - wide, at + wide, 270, colour.mean((0, 1)))
        canvas.paint(end, colour, round_shade(canvas, end, 12, light) * folds(rng, canvas, light, (3, 9), 5))
    for turn in range(turns - 1, -1, -1):
        sag, tilt = rng.uniform(10, 18), rng.uniform(-5, 5)
        width = rng.uniform(1.15, 1.5) * pitch
        y = top + turn * pitch + width / 2 - 4
        half = 78 + 3 * turn
        line = [(128 + half * u, y - sag * u * u * 0.9 + tilt * u) for u in np.linspace(-1, 1, 13)]
        band = canvas.stroke(np.array(line), width)
        canvas.darken(canvas.soft(band, 3), 0.55, (0, 2.5))
        across = (canvas.grid()[0] - 128) / 90
        canvas.paint(band, colour, round_shade(canvas, band, width * 0.5, light) * crease * (1.05 - 0.45 * across**2))


def _bandana(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    """A triangle of printed cloth from the nose to below the chin."""
    top, low = rng.uniform(138, 150), rng.uniform(246, 280)
    right = np.array(
        [
            (128, top),
            (146, top + 3),
            (172, top + 10),
            (200, top + 4),
            (198, top + 28),
            (178, 205),
            (150, low - 22),
            (128, low),
        ],
        np.float32,
    )
    outline = np.concatenate([curve(right), mirrored(curve(right))])
    mask = canvas.polygon(outline)
    colour = cloth(
        rng, canvas, rng.uniform(70, 120), ("paisley", "paisley", "dots", "camouflage", "floral", "plaid", "denim")
    )
    x, y = canvas.grid()
    fan = (
        np.sin(np.arctan2(x - 128, y - top + 60) * rng.uniform(14, 22) + rng.uniform(0, 6))
        * 2.2
        * smoothstep(top, low, y)
    )
    nose = 9 * np.exp(-(((x - 128) / 15) ** 2) - ((y - 152) / 24) ** 2)
    height = (fan + nose - (x - 128) ** 2 / 190) * canvas.scale
    canvas.paint(
        mask,
        colour,
        lambert(normals(height), light) * folds(rng, canvas, light, (5, 5), 4) * speckle(rng, canvas, 0.05),
    )
    hem = curve(right[:4] + np.array((0, 2.5), np.float32))
    for line in (hem, mirrored(hem)):
        canvas.darken(np.minimum(canvas.stroke(line, 0.8), mask), 0.4)


def _gaiter(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    """A stretchy tube up to the nose, gathered at the neck."""
    top = rng.uniform(138, 152)
    right = np.array(
        [(128, top), (150, top + 4), (194, top + 16), (192, 190), (174, 226), (168, 250), (174, 276), (128, 284)],
        np.float32,
    )
    mask = canvas.polygon(np.concatenate([curve(right), mirrored(curve(right))]))
    colour = cloth(rng, canvas, 110) if rng.random() < 0.5 else pick(rng, "1d1f23 26395a 5b6068 7c2a30 3f5a44 c9b48c")
    x, y = canvas.grid()
    gather = np.sin(y / rng.uniform(3, 5) + 1.5 * np.sin(x / 20)) * 2.2 * smoothstep(212, 245, y)
    nose = 9 * np.exp(-(((x - 128) / 15) ** 2) - ((y - 154) / 24) ** 2)
    height = (gather + nose - (x - 128) ** 2 / 180) * canvas.scale
    canvas.paint(mask, colour, lambert(normals(height), light) * folds(rng, canvas, light, (6, 4), 5))
    edge = curve(right[:3] + np.array((0, 3), np.float32))
    for line in (edge, mirrored(edge)):
        canvas.darken(np.minimum(canvas.stroke(line, 0.9), mask), 0.35)


_STYLES = {"wound": _wound, "bandana": _bandana, "gaiter": _gaiter}


def scarf(rng: np.random.Generator, size: int) -> DrawnOccluder:
    """A wound scarf, a bandana or a neck gaiter."""
    canvas = Canvas(_BOX, size)
    _STYLES[str(rng.choice(list(_STYLES), p=[0.55, 0.25, 0.2]))](rng, canvas, draw_light(rng))
    return canvas.finish("scarf", anchored=True)
