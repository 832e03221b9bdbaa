"""Hair that falls over the forehead: locks of strands from a line above the hairline, soft at the tips."""

from __future__ import annotations

import cv2
import numpy as np

from occset.models.builtin.occluders.canvas import Canvas, DrawnOccluder
from occset.models.builtin.textures.fields import smoothstep, value_noise
from occset.models.builtin.textures.palettes import pick

_BOX = (28.0, 0.0, 228.0, 250.0)
_TONES = "0f0d0c 1d1512 2e1f17 4a3020 6b4628 8a6236 b58a4e d8b878 e6d3a4 7a3320 a34a24 9a9a9a b9b7b2 3b2a3f"
STYLES = ("blunt", "swept", "curtain", "wispy", "curly", "long", "choppy")
_STRAND_POINTS = 9


def _root(u: np.ndarray) -> np.ndarray:
    """Point (n, 2) of the line the hair falls from, u = -1..1 from temple to temple."""
    return np.stack([128 + 66 * u, 24 + 40 * np.abs(u) ** 2.4], -1)


def _tips(rng: np.random.Generator, style: str, u: np.ndarray, length: float) -> np.ndarray:
    """Where the locks from `u` end, (n, 2): `length` is the y of the tips over the brows."""
    noise = rng.normal(0, 1, (2, len(u)))
    x, y = 128 + 68 * u, np.full_like(u, length)
    if style == "swept":
        return np.stack([x + 30 - 14 * u + 4 * noise[0], y - 20 + 30 * (u + 0.6) + 5 * noise[1]], -1)
    if style == "curtain":
        side = np.where(u < 0, -1, 1)
        return np.stack([128 + side * (46 + 24 * np.abs(u)) + 3 * noise[0], y + 22 + 44 * np.abs(u) + 6 * noise[1]], -1)
    if style == "long":
        away = np.abs(u) ** 0.6
        return np.stack([128 + np.sign(u) * (50 + 22 * away) + 3 * noise[0], y + 85 * away + 10 * noise[1]], -1)
    spread = {"blunt": 2.0, "choppy": 9.0, "curly": 8.0, "wispy": 8.0}[style]
    return np.stack([x * 0.96 + 5 + spread * 0.7 * noise[0], y + 12 * u**2 + spread * noise[1]], -1)


def _strands(
    rng: np.random.Generator, style: str, locks: int, each: int, length: float
) -> tuple[np.ndarray, np.ndarray]:
    """Lines (n, points, 2) and the number of the lock each belongs to, (n,)."""
    if style in ("curtain", "long"):
        # parted: the roots lie near the parting and towards both sides
        parting = rng.uniform(-0.25, 0.25)
        u = np.concatenate(
            [np.linspace(-1, parting - 0.03, locks // 2), np.linspace(parting + 0.03, 1, locks - locks // 2)]
        )
    else:
        u = np.linspace(-1, 1, locks)
    u = u + rng.normal(0, 0.03, locks)
    tip = _tips(rng, style, u, length)
    number = np.repeat(np.arange(locks), each)
    own = rng.normal(0, 1, (locks * each, 3))
    start = _root(u[number] + 0.09 * own[:, 0]) + np.stack([np.zeros(len(number)), 2.5 * own[:, 2]], -1)
    end = tip[number] + own[:, 1:] * (1.6 if style != "wispy" else 3.0, 3.5)
    bow = {"swept": (-10, -6), "curtain": (0, -16), "long": (0, -14)}.get(style, (0, -2))
    outward = np.sign(u[number])[:, None] * (10 if style in ("curtain", "long") else 4)
    middle = (start + end) / 2 + np.array(bow) + outward * (1, 0) + rng.normal(0, 3, (locks, 2))[number]
    t = np.linspace(0, 1, _STRAND_POINTS)[None, :, None]
    lines = (1 - t) ** 2 * start[:, None] + 2 * t * (1 - t) * middle[:, None] + t**2 * end[:, None]
    if style == "curly":
        phase, turns = rng.uniform(0, 6.3, locks)[number], rng.uniform(1.5, 2.6)
        wave = t[..., 0] * turns * 2 * np.pi + phase[:, None] + 0.25 * own[:, :1]
        lines += 6 * t * np.stack([np.sin(wave), 0.7 * np.cos(wave)], -1)
    return lines, number


def hair(rng: np.random.Generator, size: int) -> DrawnOccluder:
    """Bangs of one of seven styles, straight to curly, thin to thick."""
    style = str(rng.choice(STYLES))
    canvas = Canvas(_BOX, size)
    sparse = style == "wispy"
    locks = int(rng.integers(9, 14) if sparse else rng.integers(18, 30))
    each = int(rng.integers(7, 12) if sparse else rng.integers(20, 26))
    length = rng.uniform(94, 112) if style != "choppy" else rng.uniform(88, 102)
    lines, number = _strands(rng, style, locks, each, length)
    tone = pick(rng, _TONES, hue=0.01, rest=0.04)
    shade = rng.uniform(0.72, 1.2, locks)[number] * rng.uniform(0.75, 1.25, len(number))
    colours = (np.clip(tone * shade[:, None], 0, 1) * 255).round()
    fixed = np.round(canvas.pixels(lines.reshape(-1, 2)).reshape(lines.shape) * 16).astype(np.int32)
    picture = np.full((*canvas.shape, 3), (tone * 200).round(), np.uint8)
    cover = np.zeros(canvas.shape, np.uint8)
    full, thin = max(1, round(1.5 * canvas.scale)), max(1, round(0.5 * canvas.scale))
    upper = _STRAND_POINTS * 2 // 3
    order = rng.permutation(locks)[number].argsort(kind="stable")  # lock over lock, not from left to right
    for i in order.tolist():
        colour = colours[i].tolist()
        for part, width in ((fixed[i, upper - 1 :], thin), (fixed[i, :upper], full)):
            cv2.polylines(picture, [part], False, colour, width, cv2.LINE_8, 4)
            cv2.polylines(cover, [part], False, 255, width, cv2.LINE_8, 4)
    x, y = canvas.grid()
    above = y - (24 + 40 * np.abs((x - 128) / 66) ** 2.4)
    band = np.exp(-(((above - rng.uniform(22, 34)) / 10) ** 2)) * value_noise(rng, canvas.shape, (3, 90))
    light = 0.75 + 0.25 * smoothstep(0, 30, above) + rng.uniform(0.3, 0.8) * band
    cover = canvas.soft(cover, 0.45)
    canvas.paint(cover, picture.astype(np.float32) / 255, light)
    canvas.shine((band * cover).clip(0, 255).astype(np.uint8), 0.12)
    canvas.erase((255 * smoothstep(2, -8, above)).astype(np.uint8))  # melts into the hair it grows from
    return canvas.finish("hair", anchored=True)
