"""Paint of a face on the chart of the procedural head: skin detail, brows, lashes, lips, beard, as textures.

A texture covers chart p -110..110 mm and q 90..-130 mm (rows run down) in `SIDE` pixels. `Paint.tint` multiplies the
linear skin albedo, `Paint.over` with `Paint.alpha` is laid over it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from occset.models.builtin.chart import SCALE, SIDE, chart_grid, noise, openings, stroke, to_texture
from occset.models.builtin.person import Person
from occset.models.builtin.strokes import beard, brow_strokes, lash_strokes
from occset.models.morphable.head import (
    EYE_X,
    both,
    bump,
    lids,
    lip_edges,
    mouth_gap,
    mouth_line,
    smooth_table,
    smoothstep,
)


@dataclass(frozen=True)
class Paint:
    """Chart textures, float32: tint (S, S, 3) factors, over (S, S, 3) linear RGB, alpha (S, S) 0..1, gloss (S, S) 0..1."""

    tint: np.ndarray
    over: np.ndarray
    alpha: np.ndarray
    gloss: np.ndarray


@lru_cache(maxsize=1)
def _fields() -> dict[str, np.ndarray]:
    """Soft regions of the chart that paint refers to, (S, S) float32."""
    p, q = chart_grid()
    a = np.abs(p)
    jaw = smooth_table(a, np.array([0, 30, 60, 85, 110.0]), np.array([-112, -106, -84, -62, -48.0]), 5)
    top, bottom = lip_edges(p)
    on_lips = smoothstep(np.minimum(top - q, q - bottom), -1.5, 1.0) * (a < 27)
    side = smoothstep(a, 62, 74) * smoothstep(-q, 8, 46)
    low = smoothstep(jaw + 38 - 14 * np.exp(-(((a - 40) / 18) ** 2)) - q, 0, 10) * smoothstep(-q, 56, 64)
    moustache = smoothstep(-q, 50, 53.5) * (1 - smoothstep(a, 24, 31)) * (1 - smoothstep(-q, 68, 76))
    chin = smoothstep(-q, 72, 80) * (1 - smoothstep(a, 22, 32)) + bump(a, q, (28, -74), 4, 10)
    patch = 1 - 0.8 * bump(p, q, (0, -79), 9, 3.5)
    free = (1 - on_lips) * patch * (1 - smoothstep(jaw - q, 8, 30))
    upper, lower = lids(p)
    near = np.exp(-(((a - EYE_X) / 15.5) ** 4))
    fields = {
        "full": np.clip(np.maximum(np.maximum(low, side), moustache), 0, 1) * free,
        "goatee": np.clip(np.maximum(chin, moustache), 0, 1) * free,
        "moustache": np.clip(moustache, 0, 1) * free,
        "freckle": both(p, q, (34, -24), 26, 15) + 0.7 * bump(p, q, (0, -22), 14, 16),
        "upper lid": near * smoothstep(q - upper, -0.5, 0.8) * (1 - smoothstep(q - upper, 3, 8.5)),
        "crease": near * np.exp(-(((q - upper - 4.6 - 0.02 * (a - EYE_X)) / 0.75) ** 2)),
        "lid line": near * np.exp(-(((q - upper - 0.25) / 0.75) ** 2)),
        "low line": near * np.exp(-(((q - lower + 0.5) / 0.6) ** 2)),
        "water line": near * np.exp(-(((q - lower - 0.1) / 0.5) ** 2)),
        "bag": np.exp(-(((a - EYE_X + 1) / 13) ** 4))
        * np.exp(-(((q - lower + 7 - 0.004 * (a - EYE_X) ** 2) / 2.4) ** 2)),
        "nostril": both(p, q, (6.8, -46.3), 2.9, 1.25, 0.3),
        "nose under": bump(p, q, (0, -48.0), 10, 2.2),
        "wing": both(p, q, (18.2, -41), 1.5, 4.2, -0.25),
        "mouth line": np.exp(-(((q - mouth_line(p)) / (mouth_gap(p) + 0.7)) ** 2)) * (1 - smoothstep(a, 22, 28)),
        "under lip": bump(p, q, (0, -80.5), 14, 3.2),
        "corner": both(p, q, (26, -65), 2.6, 2.2),
        "sockets": both(p, q, (17, 5), 6, 9) + 0.7 * both(p, q, (33, 12), 15, 4),
        "blush": both(p, q, (43, -32), 14, 12),
        "on lips": on_lips,
        "glossy": bump(p, q, (0, -30), 7, 16)
        + 0.8 * bump(p, q, (0, 48), 30, 18)
        + 0.7 * both(p, q, (40, -20), 13, 9)
        + 0.4 * bump(p, q, (0, -98), 9, 7)
        + 1.4 * bump(p, q, (0, -74), 12, 3),
    }
    return {name: field.astype(np.float32) for name, field in fields.items()}


@lru_cache(maxsize=1)
def _wrinkles() -> np.ndarray:
    """(S, S) float32 darkness of an old face's lines: forehead, frown, crow's feet, folds."""
    canvas = np.zeros((SIDE, SIDE), np.float32)
    t = np.linspace(-1, 1, 40)
    lines = [(46 * t, q0 + 3 * np.cos(2.2 * t) + 0.8 * np.sin(9 * t + q0), 0.5, 1.1) for q0 in (38, 47, 56)]
    for s in (-1, 1):
        lines.append((s * (5.5 + 0.8 * t), 19 + 8 * t, 0.55, 1.0))
        lines.append((s * (28.0 - 9 * t + 2.5 * t * t - 1), -58 + 16 * t, 1.0, 1.7))  # nose to mouth
        lines.append((s * (29 - 2.0 * t), -77 + 8 * t, 0.5, 1.4))
        lines += [(s * (56 + 6 * t), 1 + k * (4 + 3 * t), 0.45, 0.8) for k in (-1.2, 0, 1.2)]
        lines += [(s * (30 + 13 * t), -11 - k * 4.5 + 4.2 * t * t, 0.4, 1.0) for k in (0, 1)]
    for p, q, strength, width in lines:
        line = np.zeros_like(canvas)
        stroke(line, p, q, 1.0, 1)
        soft = cv2.GaussianBlur(line, (0, 0), width * SCALE * 0.7).astype(np.float32)
        canvas = np.maximum(canvas, strength * soft / max(float(soft.max()), 1e-6))
    return canvas


def paint_face(person: Person) -> Paint:
    """All paint of one person."""
    draw = np.random.default_rng([person.skin_seed, 3])
    fields = _fields()
    tone = float(person.texture[0])
    tint = np.ones((SIDE, SIDE, 3), np.float32)
    _skin_detail(tint, person, draw, fields)
    tint *= _broad_tint(person)
    over = np.zeros((SIDE, SIDE, 3), np.float32)
    over[:] = person.brow_colour
    alpha = brow_strokes(person, draw)
    alpha = np.maximum(alpha, lash_strokes(person, draw))
    hairs, density = beard(person, draw, fields)
    beard_colour = 0.8 * person.hair + 0.2 * person.brow_colour
    share = (hairs / np.maximum(hairs + alpha, 1e-4))[..., None]
    over = over * (1 - share) + beard_colour.astype(np.float32) * share * (
        0.7 + 0.6 * draw.random((SIDE, SIDE, 1), np.float32)
    )
    gloss = np.clip(0.25 + 0.75 * fields["glossy"], 0, 1.3) * (1 - 0.7 * density) * (1 - 0.1 * max(0.0, 1 - tone))
    gloss = gloss * (1 - fields["on lips"]) + fields["on lips"] * 0.9
    return Paint(np.clip(tint, 0.02, 1.6), over, np.maximum(alpha, hairs), gloss.astype(np.float32))


def _skin_detail(tint: np.ndarray, person: Person, draw: np.random.Generator, fields: dict[str, np.ndarray]) -> None:
    pores = noise(draw, SIDE, (1.4, 3), (1, 0.6))
    mottle = noise(draw, SIDE, (14, 40), (1, 1.2))
    rough = 0.018 + 0.022 * person.age
    tint *= (1 + rough * pores)[..., None]
    tint *= 1 + (0.022 * mottle)[..., None] * np.array([0.6, 1.1, 1.0], np.float32)
    if person.freckles > 0.05:
        dots = cv2.GaussianBlur((draw.random((SIDE, SIDE)) > 0.992).astype(np.float32), (0, 0), 1.3)
        dots = 7 * dots * fields["freckle"] * person.freckles * (0.5 + 0.5 * (mottle > -0.4))
        tint *= 1 - np.clip(dots, 0, 0.75)[..., None] * np.array([0.42, 0.55, 0.6], np.float32)
    for p, q, radius, dark in person.spots:
        column, row = to_texture(float(p), float(q))
        disc = np.zeros((SIDE, SIDE), np.float32)
        cv2.circle(
            disc,
            (round(float(column) * 16), round(float(row) * 16)),
            round(radius * SCALE * 16),
            1.0,
            -1,
            cv2.LINE_AA,
            4,
        )
        tint *= 1 - (cv2.GaussianBlur(disc, (0, 0), 0.9) * dark)[..., None] * np.array([0.75, 0.85, 0.88], np.float32)


def _broad_tint(person: Person) -> np.ndarray:
    """(S, S, 3) factors of everything smooth: lines, lids, nostrils, lips, make-up, as one product of fading layers."""
    names, stack = _stacked()
    strength = person.shadow[3]
    age = 0.05 + 0.42 * person.age**1.4
    layers = {
        "wrinkles": age * np.array([0.8, 1.05, 1.1]),
        "bag": (0.05 + 0.2 * person.age) * np.array([0.8, 1.0, 0.8]),
        "nostril": np.array([1.5, 2.0, 2.0]),
        "wing": np.array([0.34, 0.41, 0.41]),
        "under lip": np.array([0.2, 0.24, 0.24]),
        "corner": np.array([0.38, 0.46, 0.46]),
        "sockets": np.array([0.14, 0.17, 0.17]),
        "nose under": np.array([0.11, 0.13, 0.13]),
        "mouth line": np.array([0.95, 1.25, 1.25]),
        "upper lid": strength * (1 - person.shadow[:3] * 2) + np.array([0.06, 0.10, 0.08]),
        "crease": person.crease * np.array([0.55, 0.75, 0.75]),
        "low line": (0.6 + 0.6 * person.liner) * np.array([0.28, 0.42, 0.42]),
        "water line": np.array([-0.15, -0.02, -0.02]),
        "blush": (0.10 + (0.16 if strength > 0 else 0.0)) * np.array([-0.22, 0.6, 0.5]),
        "lid line": min(1, 0.35 + 0.65 * person.liner) * np.array([1.5, 1.7, 1.7]),
        "lips": -np.log(person.lips),
        "lip lines": np.array([0.05, 0.05, 0.05]),
    }
    weights = np.stack([layers[name] for name in names]).astype(np.float32)
    return np.exp(-(stack @ weights)).reshape(SIDE, SIDE, 3)


@lru_cache(maxsize=1)
def _stacked() -> tuple[list[str], np.ndarray]:
    """Names and values (S * S, K) of the layers that `_broad_tint` mixes."""
    p, q = chart_grid()
    lips = openings()[..., 3]
    extra = {"wrinkles": _wrinkles(), "lips": lips}
    extra["lip lines"] = lips * np.sin(p * 3.1 + np.sin(q * 0.9)) * np.sin(p * 1.7 + 1.0)
    fields = {**_fields(), **extra}
    skipped = ("full", "goatee", "moustache", "freckle", "on lips", "glossy")
    names = [name for name in fields if name not in skipped]
    return names, np.stack([fields[name].ravel() for name in names], -1).astype(np.float32)
