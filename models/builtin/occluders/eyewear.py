"""Sunglasses and spectacles, lenses over the eyes of the face template."""

from __future__ import annotations

import cv2
import numpy as np

from occset.models.builtin.occluders.canvas import Canvas, DrawnOccluder, curve, mirrored, oval
from occset.models.builtin.occluders.shading import draw_light, gloss, lambert, puffed
from occset.models.builtin.textures.fields import fractal_noise, smoothstep
from occset.models.builtin.textures.palettes import mix, pick, ramp, varied

_BOX = (40.0, 78.0, 216.0, 172.0)
# half width, half height, boxiness, how much wider at the top, lift of the outer corner, drop of the lower lens
_SHAPES: dict[str, tuple[float, float, float, float, float, float]] = {
    "round": (23, 23, 2.0, 0.0, 0.0, 0.0),
    "oval": (26, 18, 2.1, 0.0, 0.0, 0.0),
    "rectangle": (27, 16, 4.0, 0.04, 0.0, 0.0),
    "wayfarer": (28, 21, 3.2, 0.14, 0.18, 0.0),
    "aviator": (28, 22, 2.3, 0.12, 0.0, 0.3),
    "cat-eye": (28, 19, 2.4, 0.1, 0.55, 0.0),
    "oversized": (29, 28, 2.7, 0.06, 0.05, 0.08),
    "clubmaster": (26, 20, 2.4, 0.12, 0.12, 0.05),
}
_FRAMES = "17171a 17171a 2b2320 5a3a22 7b1e28 223a5e e9e4da c9a24b b8bcc2 8d8f94 3d5a45 d96c8a f0c63c 2a7f9e"


def _lens(rng: np.random.Generator, style: str) -> np.ndarray:
    """Outline (64, 2) of the lens on the picture's right."""
    rx, ry, power, taper, lift, drop = _SHAPES[style]
    rx, ry = min(rx * rng.uniform(0.94, 1.04), 28.5), ry * rng.uniform(0.9, 1.12)
    u, v = (oval((0, 0), 1, 1, power=power * rng.uniform(0.95, 1.1))).T
    x = u * (1 - taper * v)
    y = v - lift * np.maximum(u, 0) ** 2 * (v < 0) * 0.6 + drop * np.maximum(v, 0) * (0.4 + 0.6 * u)
    return np.stack([158 + rng.uniform(0, 1.5) + rx * x, 121 + 3.5 * (drop > 0.1) + ry * y], -1)


def _shield(rng: np.random.Generator) -> np.ndarray:
    """Outline (n, 2) of one wrap-round sports lens."""
    drop, low = rng.uniform(14, 24), rng.uniform(140, 150)
    half = [(128, 101), (160, 100), (186, 103), (191, 112), (184, 130), (165, low), (145, 120 + drop), (134, 122)]
    right = np.array(half, np.float32)
    return curve(np.concatenate([right, mirrored(right[1:])]), closed=True)


def _material(rng: np.random.Generator, canvas: Canvas) -> np.ndarray:
    """Colour of the frame: one colour, tortoiseshell or two tones, (3,) or (H, W, 3)."""
    kind = rng.random()
    base = pick(rng, _FRAMES)
    if kind < 0.25:
        blotch = smoothstep(0.42, 0.62, fractal_noise(rng, canvas.shape, (7, 13), 3))
        return mix(varied(rng, np.array([0.62, 0.36, 0.13]))[0], np.array([0.13, 0.07, 0.04]), blotch)
    if kind < 0.4:
        _, y = canvas.grid()
        return mix(base, pick(rng, _FRAMES), smoothstep(112, 132, y))
    return base


def _frame(rng: np.random.Generator, canvas: Canvas, lenses: list[np.ndarray], style: str, width: float) -> np.ndarray:
    """Mask of rims, bridge and end pieces."""
    mask: np.ndarray = np.zeros(canvas.shape, np.uint8)
    for lens in lenses:
        mask = cv2.max(mask, canvas.stroke(lens, width, closed=True))
    if style == "clubmaster":
        _, y = canvas.grid()
        brow = cv2.max(*(canvas.stroke(lens, width * 2.6, closed=True) for lens in lenses))
        mask = cv2.max((mask * 0.999).astype(np.uint8), np.where(y < 117, brow, 0).astype(np.uint8))
    if len(lenses) == 2:
        inner, outer = float(lenses[0][:, 0].min()), float(lenses[0][:, 0].max())
        top = float(lenses[0][:, 1].min())
        level = rng.uniform(113, 117)
        arch = [(256 - inner - 1, level + 2), (128, level - rng.uniform(2, 5)), (inner + 1, level + 2)]
        mask = cv2.max(mask, canvas.stroke(curve(arch), max(width, 2.2)))
        if style == "aviator":
            mask = cv2.max(mask, canvas.stroke(curve([(106, top + 1), (128, top - 1), (150, top + 1)]), width))
    else:
        outer, top = 188.0, 104.0
    hinge = top + (0.24 if style != "round" else 0.45) * (140 - top) * 0.7
    right = np.array([(outer - 3, hinge - width), (outer + 5, hinge - width * 0.8), (outer + 9, hinge),
                      (outer + 8, hinge + width), (outer - 2, hinge + width * 1.2)])  # fmt: skip
    for piece in (right, mirrored(right)):
        mask = cv2.max(mask, canvas.polygon(piece))
    return mask


def _tint(rng: np.random.Generator, canvas: Canvas) -> tuple[np.ndarray, float]:
    """Colours (H, W, 3) and opacity of a dark or mirrored lens."""
    _, y = canvas.grid()
    down = np.clip((y - 96) / 52, 0, 1)
    if rng.random() < 0.3:
        sky = [pick(rng, "2c5f9e 7b3fa0 c8552b 1f7f7a b8902f 3f6fb5"), pick(rng, "8fd0e8 f2c04d e86f9c 8ee0b2 e9e2c9")]
        sheen = np.clip(down + 0.15 * (fractal_noise(rng, canvas.shape, (2, 3), 3) - 0.5), 0, 1)
        ground = sky[0] * 0.45
        return mix(ramp(np.array(sky), sheen), ground, smoothstep(0.6, 0.68, sheen) * 0.8), 1.0
    dark = pick(rng, "101114 101114 1a1512 14201a 2b1710 1c1a2c 3a1620")
    pale = np.minimum(dark * rng.uniform(1.3, 4.0) + 0.03, 0.6)
    return ramp(np.array([dark, pale]), down), float(rng.uniform(0.88, 1.0))


def _glare(rng: np.random.Generator, canvas: Canvas, lens: np.ndarray) -> np.ndarray:
    """Mask of slanted streaks of light inside a lens mask."""
    x, y = canvas.grid()
    slant = (x - 128) % 60 + 0.7 * (y - 120)
    start, width = rng.uniform(6, 30), rng.uniform(4, 12)
    streaks = smoothstep(start, start + 1.5, slant) * smoothstep(start + width, start + width - 1.5, slant)
    second = start + width + rng.uniform(3, 6)
    streaks += smoothstep(second, second + 1, slant) * smoothstep(second + 3.5, second + 2.5, slant)
    fade = smoothstep(140, 105, y)
    return (streaks * fade * lens).clip(0, 255).astype(np.uint8)


def _outlines(rng: np.random.Generator, shield: bool) -> tuple[list[np.ndarray], str]:
    if shield:
        return [_shield(rng)], "shield"
    style = str(rng.choice(list(_SHAPES)))
    lens = _lens(rng, style)
    return [lens, mirrored(lens)], style


def _paint_frame(rng: np.random.Generator, canvas: Canvas, mask: np.ndarray, width: float) -> None:
    light = draw_light(rng)
    normal = puffed(canvas, mask, max(width * 0.6, 1.2))
    canvas.paint(mask, _material(rng, canvas), lambert(normal, light))
    canvas.shine((gloss(normal, light, 18) * mask).astype(np.uint8), rng.uniform(0.25, 0.7))


def sunglasses(rng: np.random.Generator, size: int) -> DrawnOccluder:
    """Dark, tinted or mirrored lenses in one of nine frames."""
    canvas = Canvas(_BOX, size)
    outlines, style = _outlines(rng, rng.random() < 0.14)
    lens = canvas.polygon(outlines[0])
    if len(outlines) == 2:
        lens = cv2.max(lens, canvas.polygon(outlines[1]))
    colour, opacity = _tint(rng, canvas)
    rim = puffed(canvas, lens, 14, 0.5)
    canvas.paint(lens, colour, lambert(rim, draw_light(rng), 0.75), opacity)
    canvas.shine(_glare(rng, canvas, lens), rng.uniform(0.08, 0.4))
    width = rng.uniform(1.6, 2.6) if style in ("aviator", "round", "shield") else rng.uniform(2.5, 6.5)
    mask = _frame(rng, canvas, outlines, style, width)
    canvas.darken(canvas.soft(mask, 1.5), 0.5, (0, 1.5))
    _paint_frame(rng, canvas, mask, width)
    return canvas.finish("sunglasses", anchored=True)


def spectacles(rng: np.random.Generator, size: int) -> DrawnOccluder:
    """Clear lenses: only frame, faint tint and glare hide anything."""
    canvas = Canvas(_BOX, size)
    outlines, style = _outlines(rng, False)
    lens = cv2.max(canvas.polygon(outlines[0]), canvas.polygon(outlines[1]))
    canvas.paint(lens, (0.92, 0.96, 1.0), 1.0, rng.uniform(0.02, 0.09))
    if rng.random() < 0.7:
        canvas.paint(_glare(rng, canvas, lens), (1, 1, 1), 1.0, rng.uniform(0.08, 0.3))
    width = rng.uniform(1.6, 5.0)
    mask = _frame(rng, canvas, outlines, style, width)
    if rng.random() < 0.2:  # half-rim: nothing below the middle of the lenses but a thread
        _, y = canvas.grid()
        mask = (mask * smoothstep(128, 122, y)).astype(np.uint8)
        for outline in outlines:
            canvas.paint(canvas.stroke(outline, 0.8, closed=True), (0.7, 0.72, 0.75), 1.0, 0.4)
    _paint_frame(rng, canvas, mask, width)
    return canvas.finish("spectacles", anchored=True)
