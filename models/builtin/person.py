"""Who a built-in face is: everything that stays the same from one picture of a person to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

HAIR_COLOURS = np.array(  # linear RGB
    [
        (0.012, 0.010, 0.009),
        (0.024, 0.016, 0.011),
        (0.055, 0.032, 0.018),
        (0.105, 0.060, 0.030),
        (0.190, 0.110, 0.050),
        (0.330, 0.215, 0.105),
        (0.460, 0.335, 0.185),
        (0.210, 0.065, 0.022),
        (0.300, 0.290, 0.285),
        (0.560, 0.550, 0.540),
    ]
)
IRIS_COLOURS = np.array(
    [
        (0.030, 0.014, 0.007),
        (0.070, 0.032, 0.012),
        (0.130, 0.070, 0.022),
        (0.120, 0.110, 0.040),
        (0.075, 0.120, 0.060),
        (0.075, 0.135, 0.210),
        (0.130, 0.190, 0.260),
        (0.150, 0.170, 0.180),
    ]
)
CUTS = ("bald", "cropped", "short", "combed back", "side part", "bob", "long", "long part", "curly", "afro", "bun")


@dataclass(frozen=True)
class Brows:
    """Drawn brows, millimetres on the chart."""

    thickness: float
    length: float
    arch: float
    lift: float
    gap: float
    density: float
    taper: float


@dataclass(frozen=True)
class Person:
    """All that identifies a built-in person.

    Attributes:
        identity: (80,) shape coefficients.
        texture: (80,) albedo coefficients.
        hair: (3,) linear RGB; `brow_colour` likewise.
        iris: (3,) linear RGB.
        lips: (3,) linear factors on the colour of the lips, make-up included.
        cut: one of `CUTS`.
        age: 0 (smooth) .. 1 (lined).
        beard: 0 (shaven) .. 1 (full); `beard_shape` picks its outline, 0 full, 1 goatee, 2 moustache.
        spots: (N, 4) moles: p, q, radius in millimetres, darkness 0..1.
        freckles: 0..1.
        liner: 0..1 strength of lashes and eyeliner.
        shadow: (4,) eye make-up, linear RGB and strength.
    """

    identity: np.ndarray
    texture: np.ndarray
    hair: np.ndarray
    brow_colour: np.ndarray
    iris: np.ndarray
    lips: np.ndarray
    cut: str
    hairline: float
    recede: float
    volume: float
    part: float
    age: float
    beard: float
    beard_shape: int
    spots: np.ndarray
    freckles: float
    liner: float
    shadow: np.ndarray
    crease: float
    brows: Brows
    skin_seed: int


def make_person(number: int, seed: int) -> Person:
    """Draw person ``number`` of the population ``seed``."""
    draw = np.random.default_rng([seed, number, 11])
    feminine = bool(draw.random() < 0.5)
    # tone is drawn evenly rather than normally, so that all skin colours are common
    tone = draw.uniform(-1.25, 2.75)
    identity = draw.normal(size=80) * 0.78
    _sex(identity, feminine)
    # colour modes add up, so the same blush would look far stronger on dark skin
    texture = draw.normal(size=80) * np.clip(0.95 - 0.27 * tone, 0.25, 1.1)
    texture[0] = tone
    texture[8] = abs(texture[8]) * 0.3 if feminine else texture[8] + 0.8
    age = float(np.clip(draw.beta(1.3, 1.7), 0, 1))
    hair, iris = _hair_colour(draw, tone, age, feminine), _iris(draw, tone)
    cuts = (
        (0, 0.02, 0.05, 0.12, 0.13, 0.14, 0.2, 0.16, 0.1, 0.03, 0.05)
        if feminine
        else (0.11, 0.17, 0.25, 0.14, 0.17, 0.02, 0.02, 0.02, 0.06, 0.04, 0.0)
    )
    cut = str(draw.choice(CUTS, p=np.array(cuts) / sum(cuts)))
    beard = 0.0 if feminine or draw.random() < 0.5 else float(draw.uniform(0.25, 1))
    spots = np.stack(
        [draw.uniform(-62, 62, 6), draw.uniform(-98, 55, 6), draw.uniform(0.7, 2.0, 6), draw.uniform(0.35, 0.9, 6)], -1
    )[: draw.integers(0, 7)]
    made_up = feminine and draw.random() < 0.65
    lips = np.array([1.0, 0.92, 0.92]) * draw.uniform(0.85, 1.08)
    if made_up:
        lips = np.array([(1.15, 0.45, 0.45), (0.95, 0.28, 0.30), (1.1, 0.6, 0.68), (0.7, 0.35, 0.45)][draw.integers(4)])
    shadow = np.append(
        np.array([(0.10, 0.06, 0.05), (0.05, 0.05, 0.08), (0.25, 0.13, 0.1)][draw.integers(3)]),
        draw.uniform(0.15, 0.55) if made_up else 0.0,
    )
    return Person(
        identity=identity.astype(np.float32),
        texture=texture.astype(np.float32),
        hair=hair,
        brow_colour=hair * draw.uniform(0.45, 0.9) * min(1.0, 0.13 / hair.max()),
        iris=iris,
        lips=lips,
        cut=cut,
        hairline=float(draw.normal(0, 4.5)),
        recede=float(age * draw.uniform(0, 1.2)) if not feminine else 0.0,
        volume=float(draw.uniform(0.6, 1.4)),
        part=float(draw.choice((-1, 1)) * draw.uniform(0, 32)),
        age=age,
        beard=beard,
        beard_shape=int(draw.choice(3, p=(0.6, 0.25, 0.15))),
        spots=spots,
        freckles=float(max(0.0, draw.uniform(-1.6, 1.0))) if tone < 1 else 0.0,
        liner=float(draw.uniform(0.6, 1.0) if made_up else draw.uniform(0.15, 0.45)),
        shadow=shadow,
        crease=float(draw.uniform(0.15, 1.0)),
        brows=_brows(draw, feminine),
        skin_seed=int(draw.integers(1 << 30)),
    )


def _sex(identity: np.ndarray, feminine: bool) -> None:
    """Lean jaw, brow ridge, lips and so on one way or the other (indices of the named identity modes)."""
    sign = 1.0 if feminine else -1.0
    for mode, lean in ((2, -0.6), (3, -0.45), (5, -0.5), (8, -0.25), (9, -0.35), (17, 0.45), (22, -0.6), (21, 0.4)):
        identity[mode] += sign * lean
    for mode, lean in ((26, 0.35), (27, 0.35), (33, -0.4)):
        identity[mode] += sign * lean


def _hair_colour(draw: np.random.Generator, tone: float, age: float, dyed: bool) -> np.ndarray:
    weights = np.array([1, 1, 1.2, 1.2, 1, 0.9, 0.6, 0.5, 0.0, 0.0])
    if tone > 0.7:
        weights = np.array([3, 2, 1, 0.3, 0.1, 0.05, 0.05, 0.05, 0.0, 0.0])
    if age > 0.65:
        weights[8:] = (2.2, 1.2) if not dyed else (1.0, 0.6)
    first = HAIR_COLOURS[draw.choice(10, p=weights / weights.sum())]
    second = HAIR_COLOURS[draw.choice(10, p=weights / weights.sum())]
    return (first * 0.85 + second * 0.15) * draw.uniform(0.85, 1.15)


def _iris(draw: np.random.Generator, tone: float) -> np.ndarray:
    weights = np.array([3, 2, 0.3, 0.1, 0, 0, 0, 0]) if tone > 0.6 else np.array([1, 1.2, 1, 0.8, 0.8, 1.3, 1, 0.7])
    return IRIS_COLOURS[draw.choice(8, p=weights / weights.sum())] * draw.uniform(0.8, 1.2, 3)


def _brows(draw: np.random.Generator, feminine: bool) -> Brows:
    return Brows(
        thickness=float(draw.uniform(2.6, 5.2) if feminine else draw.uniform(4.0, 8.2)),
        length=float(draw.uniform(0.85, 1.12)),
        arch=float(draw.uniform(1.0, 5.5) if feminine else draw.uniform(0, 3.2)),
        lift=float(draw.normal(0, 1.6)),
        gap=float(draw.normal(0, 2.4)),
        density=float(draw.uniform(0.45, 1.0)),
        taper=float(draw.uniform(0.3, 0.9)),
    )
