"""Hairs drawn one by one on the chart's texture: brows, lashes, beard."""

from __future__ import annotations

import cv2
import numpy as np

from occset.models.builtin.chart import SCALE, SIDE, noise, stroke, to_texture
from occset.models.builtin.person import Person
from occset.models.morphable.head import EYE_HALF, EYE_X, lids, smoothstep

_CURVE = np.array([0.0, 0.5, 1.0])  # a hair is drawn through three points


def brow_strokes(person: Person, draw: np.random.Generator) -> np.ndarray:
    """(S, S) 0..1: hundreds of short hairs along an arch, over a soft base."""
    shape = person.brows
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    base = np.zeros((SIDE, SIDE), np.uint8)
    t = np.linspace(0, 1, 24)
    for side in (-1, 1):
        along, line = _brow_line(person, t)
        half = _brow_half(person, t)
        outline = np.concatenate(
            (np.stack((side * along, line + half), -1), np.stack((side * along, line - half), -1)[::-1])
        )
        column, row = to_texture(outline[:, 0], outline[:, 1])
        cv2.fillPoly(base, [np.round(np.stack((column, row), -1) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        count = int(130 + 170 * shape.density)
        s, across, bend = draw.beta(1.0, 1.15, count), draw.uniform(-1, 1, count), draw.normal(0, 0.18, count)
        root_p, root_q = _brow_line(person, s)
        root_q = root_q + across * _brow_half(person, s)
        # hairs stand up near the nose and lie down towards the temple
        angle = (1.35 * (1 - s) ** 1.5 - 0.25 * s - 0.35 * across + bend)[:, None]
        length = (2.4 + 2.4 * (1 - np.abs(across)) * (0.6 + shape.thickness / 10))[:, None] * _CURVE
        hair_p = side * (root_p[:, None] + length * np.cos(angle))
        hair_q = root_q[:, None] + length * np.sin(angle - 0.25 * _CURVE)
        for one_p, one_q in zip(hair_p, hair_q, strict=True):
            stroke(canvas, one_p, one_q, int(120 + 110 * shape.density), 1)
    soft = cv2.GaussianBlur(base, (0, 0), 1.1 * SCALE).astype(np.float32) / 255
    hairs = cv2.GaussianBlur(canvas, (0, 0), 0.7).astype(np.float32) / 255
    return np.clip(soft * (0.28 + 0.42 * shape.density) + hairs * 0.75, 0, 0.95)


def _brow_line(person: Person, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    shape = person.brows
    start = 11.5 + shape.gap
    along = start + (41 * shape.length) * t
    rise = shape.arch * np.sin(np.pi * np.clip(t * 0.8, 0, 1) ** 1.25) - 3.4 * np.clip(t - 0.62, 0, 1) * (
        1 + shape.arch / 3
    )
    return along, 18.6 + shape.lift + 2.4 * t * (1 - t) * 2 + rise


def _brow_half(person: Person, t: np.ndarray) -> np.ndarray:
    shape = person.brows
    return 0.5 * shape.thickness * np.clip(1 - shape.taper * t**1.6, 0.12, 1) * np.clip(0.55 + 2.5 * t, 0, 1)


def lash_strokes(person: Person, draw: np.random.Generator) -> np.ndarray:
    """(S, S) 0..1: lashes of both lids, longer outside."""
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    for side in (-1, 1):
        for s in np.linspace(-0.9, 1.0, 46) + draw.normal(0, 0.012, 46):
            at = EYE_X + EYE_HALF * min(1.0, float(s))
            edge = float(lids(np.array([at]))[0][0])
            length = (1.2 + 2.3 * person.liner) * (0.55 + 0.45 * (s + 1) / 2)
            lean = 0.9 * s + 0.15
            u = _CURVE
            stroke(
                canvas,
                side * (at + length * u * np.sin(lean)),
                edge + length * u * np.cos(lean) * (0.55 + 0.45 * u),
                int(90 + 150 * person.liner),
                1,
            )
        for s in np.linspace(-0.5, 0.95, 22) + draw.normal(0, 0.02, 22):
            at = EYE_X + EYE_HALF * min(1.0, float(s))
            edge = float(lids(np.array([at]))[1][0])
            u = np.array([0.0, 1.0])
            stroke(canvas, side * (at + 1.1 * u * s), edge - 1.5 * u, int(20 + 90 * person.liner), 1)
    return cv2.GaussianBlur(canvas, (0, 0), 0.6).astype(np.float32) / 255


def beard(person: Person, draw: np.random.Generator, fields: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The beard as (hair coverage (S, S) 0..1, where the skin is hidden (S, S) 0..1)."""
    if person.beard <= 0:
        empty = np.zeros((SIDE, SIDE), np.float32)
        return empty, empty
    where = fields[("full", "goatee", "moustache")[person.beard_shape]]
    where = np.clip(where * 1.25, 0, 1)
    strands = cv2.GaussianBlur(draw.random((SIDE, SIDE), np.float32), (0, 0), 0.8, sigmaY=2.6).astype(np.float32)
    strands = (strands - strands.mean()) / strands.std()
    patchy = noise(draw, SIDE, (30,), (1,))
    cover = np.clip(where * (0.35 + 0.75 * person.beard) + 0.07 * patchy * where, 0, 1)
    hairs = smoothstep(strands, 1.6 - 3.4 * cover, 2.6 - 2.9 * cover) * smoothstep(cover, 0.02, 0.3)
    hidden = np.maximum(hairs * (0.5 + 0.45 * person.beard), 0.72 * cover * person.beard)
    return np.clip(hidden, 0, 0.95).astype(np.float32), (where * person.beard).astype(np.float32)
