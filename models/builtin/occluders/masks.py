"""Masks over nose, mouth and chin: surgical, folded respirator (KN95), cup respirator, cloth."""

from __future__ import annotations

import cv2
import numpy as np

from occset.models.builtin.occluders.canvas import Canvas, DrawnOccluder, curve, mirrored, oval, rounded
from occset.models.builtin.occluders.shading import cloth, draw_light, folds, lambert, normals, round_shade, speckle
from occset.models.builtin.textures.fields import smoothstep
from occset.models.builtin.textures.palettes import pick

_BOX = (34.0, 120.0, 222.0, 242.0)


def _face_relief(canvas: Canvas, ridge: float) -> np.ndarray:
    """Height in pixels of cloth stretched over nose and cheeks; `ridge` units is how far the nose lifts it."""
    x, y = canvas.grid()
    cheeks = -((x - 128) ** 2) / 170
    nose = ridge * np.exp(-(((x - 128) / 16) ** 2)) * np.exp(-(((y - 155) / 26) ** 2))
    chin = 5 * np.exp(-(((x - 128) / 26) ** 2) - ((y - 212) / 16) ** 2)
    return (cheeks + nose + chin) * canvas.scale


def _outline(rng: np.random.Generator, top: float, cheek: float, chin: float, corner: float) -> np.ndarray:
    """Closed outline: nose bridge at y = `top`, side edges at 128 +- `cheek`, chin at y = `chin`."""
    wiggle = rng.uniform(-2, 2, 2)
    right = [
        (128, top),
        (142, top + 3 + wiggle[0]),
        (164, top + 13),
        (128 + cheek, corner),
        (128 + cheek - 2, corner + 24),
        (128 + cheek * 0.72, chin - 16 + wiggle[1]),
        (128 + 22, chin - 4),
        (128, chin),
    ]
    half = np.array(right, np.float32)
    return curve(np.concatenate([half, mirrored(half[1:-1])]), closed=True)


def _loops(rng: np.random.Generator, canvas: Canvas, cheek: float, top: float, low: float) -> None:
    """Elastic bands from the corners to where the ears are."""
    colour = pick(rng, "f4f4f2 f4f4f2 dfe3e6 2a2a2d", rest=0.03)
    reach, width = rng.uniform(12, 19), rng.uniform(1.5, 2.6)
    right = curve(
        [
            (128 + cheek - 4, top + 3),
            (128 + cheek + reach, top - 6),
            (128 + cheek + reach + 1, top + 14),
            (128 + cheek - 6, low),
        ]
    )
    for band in (right, mirrored(right)):
        mask = canvas.stroke(band, width)
        canvas.paint(mask, colour, round_shade(canvas, mask, width * 0.5, draw_light(rng)))


def _surgical(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    cheek, corner = rng.uniform(60, 66), rng.uniform(152, 157)
    chin = rng.uniform(224, 231)
    _loops(rng, canvas, cheek, corner, corner + 38)
    mask = canvas.polygon(_outline(rng, rng.uniform(132, 137), cheek, chin, corner))
    base = pick(rng, "8fc3df 8fc3df a8d3e6 f3f5f5 f3f5f5 26282b e9a9bd 9ed3bd b9aed6 6fa9cf")
    height = _face_relief(canvas, rng.uniform(5, 9))
    x, y = canvas.grid()
    bow = (x - 128) ** 2 / 900  # pleats hang: higher at the sides
    for line in np.linspace(160, chin - 20, 4)[: int(rng.integers(3, 5))]:
        at = y + bow * rng.uniform(0.6, 1.1) - line - rng.uniform(-2, 2)
        inside = smoothstep(cheek + 1, cheek - 8, np.abs(x - 128))
        height += canvas.scale * 2.4 * inside * smoothstep(-9, 0, at) * smoothstep(0.8, -0.2, at)
    shade = lambert(normals(cv2.GaussianBlur(height, (0, 0), 1.0)), light) * folds(rng, canvas, light, (5, 6), 2.2)
    canvas.paint(mask, base, shade * speckle(rng, canvas, 0.03))
    hem = np.minimum(mask, 255 - cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=max(1, int(2 * canvas.scale))))
    canvas.paint(hem, np.minimum(base * 1.12, 1), shade * 0.98, 0.8)
    wire = curve([(104, 151), (116, 143), (128, 140), (140, 143), (152, 151)])
    canvas.shine(canvas.soft(canvas.stroke(wire, 2.5), 0.6), 0.25)
    canvas.darken(canvas.soft(canvas.stroke(wire + np.array((0, 2.5), np.float32), 1.2), 0.6), 0.18)


def _folded(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    """KN95: two stiff halves that meet in a ridge, welded edges, small print."""
    cheek, corner, chin = rng.uniform(60, 65), rng.uniform(156, 162), rng.uniform(228, 234)
    _loops(rng, canvas, cheek, corner, corner + 30)
    half = [
        (128, 128),
        (138, 134),
        (160, 150),
        (128 + cheek, corner),
        (128 + cheek - 1, corner + 25),
        (158, 214),
        (128, chin),
    ]
    right = np.array(half, np.float32)
    outline = np.concatenate([curve(right), mirrored(curve(right))])
    mask = canvas.polygon(outline)
    base = pick(rng, "f5f5f3 f5f5f3 f5f5f3 2a2c30 c9ced4 d9c7b8 98b4c8", rest=0.04)
    x, _ = canvas.grid()
    side = np.clip((x - 128) / 5, -1, 1) * 0.33 + (x - 128) / 160
    shade = lambert(np.stack([side, np.full_like(x, 0.05), np.sqrt(1 - np.minimum(side**2, 0.9))], -1), light)
    canvas.paint(mask, base, shade * folds(rng, canvas, light, (4, 5), 1.5) * speckle(rng, canvas, 0.02))
    canvas.darken(canvas.soft(canvas.stroke(np.array([(128, 128), (128, chin)]), 1.2), 0.4), 0.3)
    canvas.shine(canvas.soft(canvas.stroke(np.array([(126.6, 130), (126.6, chin)]), 1.0), 0.4), 0.4)
    middle = np.array([128, 182], np.float32)
    weld = canvas.stroke((outline - middle) * 0.93 + middle, 0.9, closed=True)
    canvas.darken(np.minimum(weld, mask), 0.22)
    for sign in (-1, 1):  # nose clip
        clip = np.array([(128 + sign * 2, 139), (128 + sign * 24, 152)], np.float32)
        canvas.paint(canvas.stroke(clip, 4), np.minimum(base * 0.92 + 0.02, 1), 1.0)
        canvas.shine(canvas.stroke(clip - (0, 1), 1), 0.5)
    if rng.random() < 0.5:
        for row in range(3):
            word = np.array([(162, 186 + 5 * row), (162 + rng.uniform(6, 16), 184 + 5 * row)])
            canvas.darken(canvas.stroke(word, 1.1), 0.45)


def _cup(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    """Moulded respirator: a dome with ribs, head straps and often a valve."""
    strap = pick(rng, "e2c14d f1efe8 3a3a3c 4d83b5")
    for sign in (-1, 1):
        for start, end in (
            ((128 + sign * 46, 160), (128 + sign * 84, 140)),
            ((128 + sign * 50, 200), (128 + sign * 82, 204)),
        ):
            canvas.paint(canvas.stroke(np.array([start, end]), 4), strap, 0.9)
    half = [(128, 132), (141, 135), (162, 152), (182, 172), (183, 192), (166, 216), (146, 228), (128, 230)]
    right = np.array(half, np.float32) * (rng.uniform(0.97, 1.03), 1) + (0, rng.uniform(-1, 2))
    right[[0, -1], 0] = 128
    mask = canvas.polygon(curve(np.concatenate([right, mirrored(right[1:-1])]), closed=True))
    base = pick(rng, "f2f2ee f2f2ee e9e3d3 5b6066 bcd2dc")
    shade = round_shade(canvas, mask, 46, light) * speckle(rng, canvas, 0.04)
    canvas.paint(mask, base, shade)
    middle = np.array([128, 186], np.float32)
    for share in (0.55, 0.68, 0.8)[: int(rng.integers(1, 4))]:
        ring = oval((128, 186), 56 * share, 46 * share, power=2.2)
        canvas.darken(canvas.soft(canvas.stroke(ring, 1.6, closed=True), 0.5), 0.2)
        canvas.shine(canvas.soft(canvas.stroke((ring - middle) * 0.97 + middle, 1.2, closed=True), 0.5), 0.3)
    if rng.random() < 0.6:
        valve = canvas.polygon(rounded(112, 182, 144, 206, 8))
        canvas.darken(canvas.soft(valve, 1.5), 0.4, (0, 1.5))
        canvas.paint(valve, pick(rng, "dfe3e6 c8352e 2d6aa8 3b3e42 f0c83a"), round_shade(canvas, valve, 6, light))
        for row in range(4):
            canvas.darken(canvas.stroke(np.array([(118, 187 + row * 4.5), (138, 187 + row * 4.5)]), 1.5), 0.4)


def _cloth(rng: np.random.Generator, canvas: Canvas, light: np.ndarray) -> None:
    """Sewn mask: printed or plain cloth, often with a seam over the nose and a hem."""
    cheek, corner, chin = rng.uniform(58, 66), rng.uniform(154, 162), rng.uniform(224, 233)
    _loops(rng, canvas, cheek, corner, corner + 30)
    outline = _outline(rng, rng.uniform(130, 137), cheek, chin, corner)
    mask = canvas.polygon(outline)
    plain = rng.random() < 0.3
    colour = (
        pick(rng, "1e1f22 1e1f22 25344f 7a2430 55604f d9d4c8 8a8d92 b98ba0")
        if plain
        else cloth(rng, canvas, rng.uniform(60, 130))
    )
    height = _face_relief(canvas, rng.uniform(6, 11))
    shade = lambert(normals(height), light) * folds(rng, canvas, light, (4, 6), 4)
    canvas.paint(mask, colour, shade * speckle(rng, canvas, 0.06, 0.8))
    if rng.random() < 0.6:
        seam = curve([(128, 133), (129, 160), (128.5, 190), (128, chin)])
        canvas.darken(canvas.soft(canvas.stroke(seam, 1.2), 0.5), 0.5)
        canvas.shine(canvas.soft(canvas.stroke(seam - (1.6, 0), 1.0), 0.5), 0.2)
    middle = np.array([128, 182], np.float32)
    hem = np.minimum(canvas.stroke((outline - middle) * 0.955 + middle, 0.8, closed=True), mask)
    canvas.darken(hem, 0.35)


_STYLES = {"surgical": _surgical, "folded": _folded, "cup": _cup, "cloth": _cloth}


def mask(rng: np.random.Generator, size: int) -> DrawnOccluder:
    """One of four kinds of mask."""
    canvas = Canvas(_BOX, size)
    _STYLES[str(rng.choice(list(_STYLES), p=[0.4, 0.2, 0.1, 0.3]))](rng, canvas, draw_light(rng))
    return canvas.finish("mask", anchored=True)
