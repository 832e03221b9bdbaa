"""Hair: a cap on the skull, a curtain behind the head, and strands that fall over the face."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from occset.models.builtin.person import Person
from occset.models.morphable.head import smooth_table, smoothstep

# hairline on the chart: q above which hair grows, against |p|
_LINE_P = np.array([0, 18, 36, 50, 60, 68, 76, 86, 96, 104, 116, 140, 200.0])
_LINE_Q = np.array([66, 66.5, 62, 52, 36, 18, 6, -8, -14, -18, -40, -62, -72.0])

_THICKNESS = {  # mm over the crown, over the sides, of each cut
    "bald": (0, 0), "cropped": (5, 2.5), "short": (21, 7), "combed back": (22, 8), "side part": (23, 9), "bob": (19, 15),
    "long": (18, 13), "long part": (17, 13), "curly": (27, 22), "afro": (40, 38), "bun": (8, 5),
}  # fmt: skip
_CURTAIN = {"bob": 95.0, "long": 240.0, "long part": 260.0, "curly": 120.0, "afro": 45.0}
FRONT_DEGREES = 62.0  # degrees from the nose at which hanging hair begins
FALLS = ("none", "bangs", "swept", "curtain", "wisps", "locks")


@dataclass(frozen=True)
class Fall:
    """Strands over the face: which of `FALLS`, their number, length, side and looseness."""

    kind: str
    density: float
    length: float
    side: int
    loose: float
    seed: int


def hairline(person: Person, p: np.ndarray) -> np.ndarray:
    """q of the hairline at chart column p."""
    a = np.abs(p)
    line = smooth_table(a, _LINE_P, _LINE_Q, 4.0)
    line = line + person.hairline * np.exp(-((a / 60) ** 4))
    line = line + person.recede * (16 * np.exp(-(((a - 34) / 16) ** 2)) + 7 * np.exp(-((a / 40) ** 2)))
    return line + 1.2 * np.sin(p * 0.35 + person.part) + 0.7 * np.sin(p * 0.9)


def cap_thickness(person: Person, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Millimetres that the hair stands off the skull at chart points."""
    top, sides = _THICKNESS[person.cut]
    over = q - hairline(person, p)
    crown = smoothstep(q, 25, 95)
    thick = (sides + (top - sides) * crown) * person.volume
    if person.cut in ("side part", "long part", "bob", "long"):
        away = np.abs(p - person.part * 1.5)
        thick = thick * (0.72 + 0.28 * smoothstep(away, 0, 26 + 0.2 * np.clip(170 - q, 0, 90)))
    if person.cut == "short":
        tuft = np.sin(p * 0.14 + 1.3 * np.sin(q * 0.05) + person.part) * np.sin(q * 0.085 + 0.9 * np.sin(p * 0.07))
        thick = thick * (1 + 0.16 * tuft * crown + 0.10 * np.sin(p * 0.02 + person.part))
    if person.cut in ("curly", "afro"):
        thick = thick * (
            1 + 0.10 * np.sin(p * 0.22 + 1.1 * np.sin(q * 0.13)) * np.sin(q * 0.19 + 0.8 * np.sin(p * 0.11))
        )
    return thick * smoothstep(over, 2, 21 if person.cut != "cropped" else 8) + 0.4


def curtain(person: Person, width: float) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Hair that hangs beside and behind the neck: vertices (V, 3) mm, triangles (T, 3), fall (V,) 0 top .. 1 tip; or None.

    ``width`` is half the head's width at the ears, mm.
    """
    if person.cut not in _CURTAIN:
        return None
    length = _CURTAIN[person.cut] * (0.8 + 0.4 * person.volume / 1.4)
    turn = np.radians(np.linspace(FRONT_DEGREES, 360 - FRONT_DEGREES, 61))  # 0 = front, so the face stays free
    down = np.linspace(0, 1, 36)
    angle, t = np.meshgrid(turn, down)
    wave = 3.0 * np.sin(9 * t + 3 * angle + person.part) * t + 1.6 * np.sin(11 * angle) * t
    _, sides = _THICKNESS[person.cut]
    round_ = 26.0 if person.cut in ("curly", "bob") else 10.0
    wide = (
        width
        + 2
        + (sides * person.volume + 6) * (0.6 + 0.4 * smoothstep(t, 0, 0.2))
        - 3
        + round_ * np.sin(np.pi * np.clip(t * 0.9 + 0.05, 0, 1))
    )
    wide = wide + (-12 if person.cut == "bob" else 14 * person.volume) * t**1.5
    deep = 92 + sides * person.volume + 4 * np.sin(np.pi * t)
    x = (wide + wave) * np.sin(angle)
    z = (deep + wave) * np.cos(angle) - 4 + 12 * t * np.abs(np.sin(angle))
    y = 48 - (48 + length) * t
    rows, columns = t.shape
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    triangles = np.concatenate((np.stack((a, c, b), -1).reshape(-1, 3), np.stack((b, c, d), -1).reshape(-1, 3)))
    return np.stack((x, y, z), -1).reshape(-1, 3), triangles, t.ravel()


@lru_cache(maxsize=2)
def strand_tile(curly: bool) -> np.ndarray:
    """(512, 512) float32 tile of strands, zero mean, unit deviation: columns across, rows along; it repeats."""
    draw = np.random.default_rng(77 + curly)
    white = draw.standard_normal((512, 512))
    fy, fx = np.meshgrid(np.fft.fftfreq(512) * 512, np.fft.fftfreq(512) * 512, indexing="ij")
    if curly:
        ring = np.exp(-(((np.hypot(fx, fy) - 34) / 14) ** 2)) + 0.4 * np.exp(-((np.hypot(fx, fy) / 70) ** 2))
        field = np.fft.ifft2(np.fft.fft2(white) * ring).real
    else:
        thin = np.exp(-((fy / 5.0) ** 2)) * (1 / (1 + (np.abs(fx) / 40) ** 1.2)) * (np.abs(fx) > 3)
        field = np.fft.ifft2(np.fft.fft2(white) * thin).real
    return ((field - field.mean()) / field.std()).astype(np.float32)


def strands(across: np.ndarray, along: np.ndarray, curly: bool) -> np.ndarray:
    """Look the tile up at millimetres across and along the hair, (N,) each."""
    column = np.mod(across * 5.2, 511).astype(np.float32)
    row = np.mod(along * (5.2 if curly else 1.3), 511).astype(np.float32)
    tile = strand_tile(curly)
    # remap takes at most 32767 columns
    width = 4096
    rows = -(-len(column) // width)
    padded = [np.pad(each, (0, rows * width - len(each))).reshape(rows, width) for each in (column, row)]
    return cv2.remap(tile, padded[0], padded[1], cv2.INTER_LINEAR).ravel()[: len(column)]


def hair_colour(person: Person, noise: np.ndarray, light: np.ndarray, sheen: np.ndarray) -> np.ndarray:
    """(N, 3) linear RGB of hair: base colour lit, streaked by strands, with a sheen."""
    streak = np.exp(0.25 * np.clip(noise, -2.5, 2.5))
    base = person.hair[None] * streak[:, None]
    shine = (0.05 + 0.30 * person.hair.mean()) * sheen * np.clip(0.6 + 0.55 * noise, 0, 2)
    return base * light + shine[:, None] * (0.55 + 0.45 * person.hair / person.hair.max()) * np.minimum(light, 1.5)


def draw_fall(person: Person, draw: np.random.Generator) -> Fall:
    """Choose what falls over the face in one picture."""
    if person.cut in ("bald", "cropped"):
        kind = "none"
    elif person.cut in ("long", "long part", "bob"):
        kind = str(draw.choice(FALLS, p=(0.22, 0.2, 0.14, 0.16, 0.12, 0.16)))
    elif person.cut in ("combed back", "bun", "afro"):
        kind = str(draw.choice(("none", "wisps"), p=(0.62, 0.38)))
    else:
        kind = str(draw.choice(("none", "bangs", "swept", "curtain", "wisps"), p=(0.38, 0.18, 0.2, 0.06, 0.18)))
    return Fall(
        kind=kind,
        density=float(draw.uniform(0.55, 1.0)),
        length=float(draw.uniform(0.0, 1.0)),
        side=int(draw.choice((-1, 1))),
        loose=float(draw.uniform(0.4, 1.2)),
        seed=int(draw.integers(1 << 30)),
    )


def fall_strands(person: Person, fall: Fall) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """Strands as chart curves: (p (K,), q (K,), height over the skin in mm), roots above the hairline."""
    draw = np.random.default_rng([fall.seed, 5])
    t = np.linspace(0, 1, 12)
    found: list[tuple[np.ndarray, np.ndarray, float]] = []
    clumps = {"none": 0, "bangs": 46, "swept": 44, "curtain": 44, "wisps": int(3 + 6 * fall.density), "locks": 26}[
        fall.kind
    ]
    for clump in range(clumps):
        share = (clump + draw.uniform(-0.5, 0.5)) / max(clumps - 1, 1)
        p, q = _clump(person, fall, draw, share, t)
        hairs = int((26 if fall.kind != "wisps" else 7) * fall.density)
        spread = 2.6 if fall.kind != "wisps" else 2.2
        for _ in range(hairs):
            off = draw.normal(0, spread)
            # strands of a clump meet towards the tip, a few leave it
            meet = 1 - (0.75 - 0.4 * fall.loose * draw.random()) * t
            wave = 0.9 * fall.loose * np.sin(5 * t + draw.uniform(0, 6)) * t
            stop = 1 - 0.22 * draw.random() ** 2
            root = 14 * draw.random() * (1 - t)  # roots at all heights, so that no seam shows
            found.append(
                (p[0] + (p - p[0]) * stop + off * meet + wave, q[0] + (q - q[0]) * stop + root, draw.uniform(2.5, 8.0))
            )
    order = draw.permutation(len(found))
    return [found[k] for k in order]


def _clump(
    person: Person, fall: Fall, draw: np.random.Generator, share: float, t: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Centre line of one clump on the chart."""
    part = person.part
    if fall.kind == "bangs":
        root = -62 + 124 * share
        tip_q = 16 + 16 * fall.length - 0.0035 * root**2 + draw.normal(0, 1.6)
        q0 = float(hairline(person, np.array([root * 0.85]))[0]) + 16
        p = root * 0.85 + (root * 0.15 + draw.normal(0, 2.0) + fall.side * 6 * fall.loose) * t**1.3
        return p, q0 + (tip_q - q0) * t
    if fall.kind == "swept":
        root = -fall.side * 34 + fall.side * 66 * share
        q0 = float(hairline(person, np.array([root]))[0]) + 12
        reach = fall.side * (24 + 52 * (1 - 0.75 * share)) * (0.75 + 0.3 * fall.length)
        tip_p = np.clip(root + reach, -78, 78) + draw.normal(0, 2.5)
        tip_q = 30 - 26 * fall.length * share - 22 * share + draw.normal(0, 2.5)
        return root + (tip_p - root) * t**0.85, q0 + (tip_q - q0) * t**1.7
    if fall.kind == "curtain":
        side = -1 if share < 0.5 else 1
        inner = abs(share - 0.5) * 2
        root = part * 0.5 + side * (2 + 44 * inner)
        q0 = float(hairline(person, np.array([root]))[0]) + 12
        tip_p = side * (66 + 14 * inner) + draw.normal(0, 2)
        tip_q = -8 - 50 * fall.length + 8 * inner + draw.normal(0, 4)
        return root + (tip_p - root) * t**0.8, q0 + (tip_q - q0) * t**1.5
    if fall.kind == "locks":
        side = -1 if share < 0.5 else 1
        inner = abs(share - 0.5) * 2
        root = side * (50 + 26 * inner)
        q0 = float(hairline(person, np.array([root]))[0]) + 10
        tip_q = -60 - 60 * fall.length + draw.normal(0, 5)
        return root + side * (12 + 10 * inner) * t + side * 6 * np.sin(4 * t), q0 + (tip_q - q0) * t
    root = part * 0.6 + fall.side * 34 * (2 * share - 1)
    q0 = float(hairline(person, np.array([root]))[0]) + 9
    tip_p = root + fall.side * 22 * fall.loose + draw.normal(0, 6)
    tip_q = q0 - draw.uniform(28, 60 + 50 * fall.length)
    bow = fall.side * 8 + draw.normal(0, 3)
    return root + (tip_p - root) * t + bow * np.sin(np.pi * t), q0 + (tip_q - q0) * t**1.2
