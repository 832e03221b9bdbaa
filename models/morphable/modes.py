"""Identity and expression displacements as functions of the chart: named modes first, then smooth random ones."""

from __future__ import annotations

import numpy as np

from occset.models.morphable.head import (
    EYE_X,
    MOUTH_Q,
    both,
    bump,
    lids,
    mouth_gap,
    mouth_line,
    smoothstep,
)

IDENTITY, EXPRESSION = 80, 64


def _field(p: np.ndarray, x: object = 0.0, y: object = 0.0, z: object = 0.0) -> np.ndarray:
    """Stack three displacements (mm, broadcast) as (..., 3)."""
    return np.stack([np.broadcast_to(np.asarray(each, float), p.shape) for each in (x, y, z)], -1)


def identity_modes(p: np.ndarray, q: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Named displacements of one standard deviation: (name, (..., 3) mm)."""
    side, a = np.sign(p) * smoothstep(np.abs(p), 0, 12), np.abs(p)
    eye = both(p, q, (EYE_X, 0), 15, 11)
    out = np.sign(p) * (a - EYE_X)  # away from each eye's own middle
    mouth = bump(p, q, (0, MOUTH_Q), 24, 13)
    ridge = bump(p, q, (0, -15), 9, 20)
    tip = bump(p, q, (0, -38), 11, 9)
    brow = both(p, q, (28, 20), 22, 8)
    below = np.clip(-q, 0, 115)
    return [
        ("face width", _field(p, x=3.6 * np.clip(p / 60, -1.3, 1.3) * smoothstep(q, -160, -100))),
        ("face length", _field(p, y=-5.0 * below / 110 * smoothstep(q, -260, -118))),
        ("jaw width", _field(p, x=4.6 * side * bump(a, q, (60, -78), 30, 26))),
        ("chin length", _field(p, y=-3.6 * bump(p, q, (0, -106), 30, 16), z=1.0 * bump(p, q, (0, -100), 20, 12))),
        ("chin forward", _field(p, z=3.6 * bump(p, q, (0, -100), 24, 15))),
        ("chin width", _field(p, x=3.2 * side * both(p, q, (20, -104), 14, 12))),
        (
            "cheek fullness",
            _field(p, x=3.2 * side * both(p, q, (50, -50), 20, 20), z=3.0 * both(p, q, (44, -48), 16, 18)),
        ),
        ("cheekbones", _field(p, x=1.6 * side * both(p, q, (60, -16), 16, 12), z=3.0 * both(p, q, (46, -18), 14, 11))),
        ("nose length", _field(p, y=-3.2 * (tip + 0.5 * ridge) - 1.2 * bump(p, q, (0, -48), 16, 5))),
        ("nose width", _field(p, x=2.3 * side * both(p, q, (13, -40), 8, 9))),
        ("nose forward", _field(p, z=3.2 * (0.9 * tip + 0.5 * ridge))),
        ("nose bridge", _field(p, z=2.8 * bump(p, q, (0, -8), 7, 12), x=0.8 * side * both(p, q, (8, -10), 5, 16))),
        ("nose hump", _field(p, z=2.0 * bump(p, q, (0, -18), 6, 8) - 0.8 * tip)),
        ("nose tip up", _field(p, y=2.2 * tip, z=0.4 * tip)),
        ("nose tip bulb", _field(p, x=1.5 * side * both(p, q, (6, -37), 5, 6), z=1.0 * both(p, q, (6, -37), 4, 5))),
        (
            "eye spacing",
            _field(p, x=2.2 * np.sign(p) * smoothstep(a, 4, 24) * np.minimum(1, 1.4 * both(p, q, (EYE_X, 4), 20, 16))),
        ),
        ("eye width", _field(p, x=0.06 * out * eye)),
        ("eye height", _field(p, y=0.11 * q * both(p, q, (EYE_X, 0), 15, 8))),
        ("eye tilt", _field(p, y=0.07 * (a - EYE_X) * eye)),
        ("eye depth", _field(p, z=2.2 * both(p, q, (29, 3), 14, 11))),
        ("eye level", _field(p, y=2.0 * both(p, q, (EYE_X, 3), 22, 13))),
        ("brow height", _field(p, y=2.6 * brow)),
        ("brow ridge", _field(p, z=2.4 * brow + 1.2 * bump(p, q, (0, 17), 10, 8))),
        ("brow tilt", _field(p, y=0.08 * (a - 28) * brow)),
        ("mouth width", _field(p, x=2.8 * np.clip(p / 24, -1, 1) * bump(p, q, (0, MOUTH_Q), 34, 14))),
        ("mouth level", _field(p, y=2.6 * mouth)),
        ("upper lip", _lip(p, q, 1.35, 0.0)),
        ("lower lip", _lip(p, q, 0.0, 1.5)),
        ("lips forward", _field(p, z=2.4 * mouth)),
        ("mouth corners", _field(p, y=1.6 * both(p, q, (24, MOUTH_Q), 9, 8))),
        ("forehead slope", _field(p, z=-3.2 * smoothstep(q, 22, 90))),
        ("forehead width", _field(p, x=3.0 * side * smoothstep(q, 15, 60) * smoothstep(a, 10, 60))),
        ("forehead height", _field(p, y=4.0 * smoothstep(q, 25, 110))),
        ("gonial angle", _field(p, y=-4.0 * side * side * bump(a, q, (70, -72), 24, 20))),
        ("muzzle", _field(p, z=2.4 * bump(p, q, (0, -66), 28, 24))),
        ("temples", _field(p, x=2.2 * side * bump(a, q, (72, 20), 22, 26))),
        ("upper lid fold", _field(p, z=1.6 * both(p, q, (33, 9), 14, 4), y=-0.9 * both(p, q, (36, 9), 12, 4))),
        ("philtrum", _field(p, y=-1.6 * bump(p, q, (0, -54), 20, 6), z=0.6 * bump(p, q, (0, -52), 9, 6))),
        ("mouth skew", _field(p, y=0.035 * p * mouth)),
        ("nose skew", _field(p, x=0.9 * tip + 0.5 * ridge)),
        ("brow skew", _field(p, y=0.7 * np.sign(p) * brow)),
        ("eye skew", _field(p, y=0.5 * np.sign(p) * eye)),
    ]


def _lip(p: np.ndarray, q: np.ndarray, upper: float, lower: float) -> np.ndarray:
    """Thicken the lips away from the line between them by so many millimetres."""
    line, gap = mouth_line(p), mouth_gap(p)
    inside = np.clip(1 - (p / 27) ** 2, 0, 1)
    up, down = q - line - gap, line - gap - q
    rise = upper * smoothstep(up, 0, 7) * (1 - smoothstep(up, 9, 18)) * inside
    fall = lower * smoothstep(down, 0, 8) * (1 - smoothstep(down, 10, 20)) * inside
    swell = upper * 0.9 * np.exp(-(((up - 4) / 4) ** 2)) + lower * 0.9 * np.exp(-(((down - 4) / 5) ** 2))
    return _field(p, y=rise - fall, z=swell * inside)


def lower_jaw(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """0..1: how much a chart point follows the jaw; it jumps across the inside of the mouth."""
    spread = np.maximum(mouth_gap(p), 0.5) + 22 * smoothstep(np.abs(p), 21, 62)
    follows = 1 - smoothstep(q - mouth_line(p), -spread, spread)
    return follows * (1 - smoothstep(np.abs(p), 58, 112)) * smoothstep(q, -190, -118)


def _jaw_open(p: np.ndarray, q: np.ndarray, surface: np.ndarray, degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    y, z = surface[..., 1] + 18, surface[..., 2] - 8
    weight = lower_jaw(p, q)
    return _field(
        p,
        y=weight * (y * (np.cos(angle) - 1) - z * np.sin(angle)),
        z=weight * (z * (np.cos(angle) - 1) + y * np.sin(angle)),
    )


def _close(p: np.ndarray, q: np.ndarray, side: int, share: float) -> np.ndarray:
    """Bring the upper lid down (and the lower a little up) by a share of the opening."""
    upper, lower = lids(p)
    near = np.exp(-(((np.abs(p) - EYE_X) / 17) ** 6)) * (np.sign(p) == side)
    opening = np.maximum(upper - lower, 1e-6)
    inside = np.clip((q - lower) / opening, 0, 1)
    above = 1 - smoothstep(q - upper, 0, 11)
    under = 1 - smoothstep(lower - q, 0, 8)
    drop = -opening * 0.88 * inside * above + opening * 0.12 * (1 - inside) * under
    bulge = 0.8 * np.exp(-(((q - 1) / 6) ** 2))
    return _field(p, y=share * near * drop, z=share * near * bulge)


def expression_modes(p: np.ndarray, q: np.ndarray, surface: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Named displacements of one standard deviation: (name, (..., 3) mm); ``surface`` is the mean (..., 3)."""
    inside = np.clip(1 - (p / 27) ** 2, 0, 1)
    mouth = bump(p, q, (0, MOUTH_Q), 24, 12)
    line, gap = mouth_line(p), mouth_gap(p)
    up = smoothstep(q - line, -np.maximum(gap, 0.5), np.maximum(gap, 0.5))
    modes = [("jaw open", _jaw_open(p, q, surface, 3.4))]
    for name, s in (("left", -1), ("right", 1)):
        half = smoothstep(s * p, -6, 8)
        corner = bump(p, q, (s * 26, MOUTH_Q), 15, 14)
        cheek = bump(p, q, (s * 40, -38), 15, 13)
        brow_in, brow_out = bump(p, q, (s * 14, 18), 10, 9), bump(p, q, (s * 40, 18), 13, 10)
        lid_only = bump(p, q, (s * EYE_X, -8), 15, 5)
        modes += [
            (
                f"smile {name}",
                _field(p, x=s * 3.0 * corner, y=2.7 * corner + 1.4 * cheek, z=-1.5 * corner + 1.8 * cheek),
            ),
            (f"corner down {name}", _field(p, y=-1.8 * corner)),
            (f"eye close {name}", _close(p, q, s, 0.26)),
            (f"brow in up {name}", _field(p, y=1.9 * brow_in)),
            (f"brow out up {name}", _field(p, y=1.9 * brow_out)),
            (f"brow down {name}", _field(p, x=-s * 0.9 * brow_in, y=-1.7 * brow_in - 0.6 * brow_out)),
            (f"squint {name}", _field(p, y=1.1 * lid_only, z=0.8 * lid_only)),
            (f"cheek puff {name}", _field(p, x=s * 1.8 * cheek, z=1.8 * bump(p, q, (s * 38, -58), 14, 14))),
            (f"upper lip up {name}", _field(p, y=1.5 * up * half * mouth, z=0.4 * up * half * mouth)),
            (f"lower lip down {name}", _field(p, y=-1.5 * (1 - up) * half * mouth)),
            (f"sneer {name}", _field(p, y=1.4 * bump(p, q, (s * 15, -36), 8, 10))),
        ]
    narrow = np.clip(p / 24, -1, 1) * bump(p, q, (0, MOUTH_Q), 32, 13)
    modes += [
        ("pucker", _field(p, x=-2.8 * narrow, z=2.6 * mouth)),
        ("stretch", _field(p, x=2.2 * narrow, z=-0.8 * mouth)),
        ("lips part", _field(p, y=(up * 0.9 - (1 - up) * 1.1) * inside**0.6 * mouth)),
        ("lips press", _field(p, y=-(up - 0.5) * 1.2 * mouth, z=-0.8 * mouth)),
        ("jaw left", _field(p, x=-2.0 * lower_jaw(p, q))),
        ("jaw forward", _field(p, z=1.8 * lower_jaw(p, q))),
        ("mouth left", _field(p, x=-2.0 * mouth)),
        ("nose wide", _field(p, x=0.9 * np.sign(p) * both(p, q, (13, -40), 6, 6))),
        ("chin raise", _field(p, y=1.2 * bump(p, q, (0, -96), 20, 10), z=0.9 * bump(p, q, (0, -92), 18, 8))),
        ("frown", _field(p, x=-0.8 * np.sign(p) * both(p, q, (12, 18), 8, 8), y=-0.9 * bump(p, q, (0, 16), 18, 8))),
    ]
    return modes


def random_modes(
    p: np.ndarray, q: np.ndarray, count: int, seed: int, scale: float, region: np.ndarray
) -> list[np.ndarray]:
    """Smooth random displacements (..., 3), nearly symmetric; mode k has ``scale / sqrt(1 + k / 4)`` mm rms."""
    draw = np.random.default_rng(seed)
    modes = []
    for k in range(count):
        field = np.zeros((*p.shape, 3))
        for _ in range(7):
            wide = draw.uniform(13, 26) / (1 + k / (2 * count))
            at = (draw.uniform(0, 65), draw.uniform(-105, 60))
            push = draw.normal(size=3)
            right, left = bump(p, q, at, wide, wide), bump(-p, q, at, wide, wide)
            skew = 1 + 0.15 * draw.normal()
            field += push * np.stack((right - skew * left, right + skew * left, right + skew * left), -1)
        field *= region[..., None]
        inner = region > 0.5
        modes.append(field * scale / np.sqrt(1 + k / 4) / np.sqrt((field[inner] ** 2).sum(-1).mean()))
    return modes
