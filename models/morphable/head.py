"""The mean head as a function of a flat chart, in millimetres.

The chart unrolls the head: ``p`` runs around it from the middle of the face (positive to the picture's right), ``q``
runs down from the crown to the neck; both are near millimetres of arc, so that on the front of the face ``p, q`` are
close to ``x, y``. Eye level is ``q = 0``, the origin of space lies inside the head at eye level, 90 mm behind the eyes.
Features (nose, sockets, lips) are smooth bumps on a superelliptic head; measures are those of common anthropometric
tables: 63 mm between the pupils, 48 mm from eye line to nose base, a 140 mm wide face.
"""

from __future__ import annotations

import numpy as np

EYE_X, EYE_HALF = 31.5, 14.5  # centre of the eye opening and half its width
MOUTH_Q, MOUTH_HALF = -64.0, 25.0
MOUTH_STRIP = 1.8  # half height on the chart of what lies between the lips
_CLOSED = 0.12  # ... which the closed mouth squeezes to this share
_SQUARENESS = 2.5  # exponent of the superellipse that the head's cross-section follows

# midline tables over q: height y, half width, depth in front of the axis
_Q = np.array([-260, -110, -92, -75, -50, -25, 0, 25, 50, 75, 95, 115, 135, 155, 170.0])
_Y = np.array([-260, -110, -92, -75, -50, -25, 0, 25, 50, 73.5, 90.5, 104, 113, 117.5, 118.5])
_WIDE = np.array([50, 52, 61, 68.5, 73, 75.5, 76.5, 76, 73.5, 67.5, 59, 47, 32, 15, 0.8])
_DEEP = np.array([102, 104, 106, 106, 105, 102, 101, 104, 99, 87, 75, 58, 39, 18, 1.0])
_JAW_P = np.array([0, 15, 30, 45, 60, 75, 90, 105, 125, 260.0])
_JAW_Q = np.array([-110.5, -109.5, -105, -96, -83, -68, -54, -44, -38, -36.0])


def smoothstep(x: np.ndarray, low: float | np.ndarray, high: float | np.ndarray) -> np.ndarray:
    """0 below ``low``, 1 above ``high``, smooth between."""
    t = np.clip((x - low) / (np.asarray(high) - low), 0, 1)
    return t * t * (3 - 2 * t)


def bump(
    p: np.ndarray, q: np.ndarray, at: tuple[float, float], wide: float, high: float, tilt: float = 0
) -> np.ndarray:
    """A Gaussian of height one at ``at`` with the two standard deviations, its long axis tilted (radians)."""
    dp, dq = p - at[0], q - at[1]
    c, s = np.cos(tilt), np.sin(tilt)
    return np.exp(-0.5 * (((c * dp + s * dq) / wide) ** 2 + ((c * dq - s * dp) / high) ** 2))


def both(
    p: np.ndarray, q: np.ndarray, at: tuple[float, float], wide: float, high: float, tilt: float = 0
) -> np.ndarray:
    """`bump` on both sides of the face."""
    return bump(p, q, at, wide, high, tilt) + bump(-p, q, at, wide, high, tilt)


def smooth_table(x: np.ndarray, knots: np.ndarray, values: np.ndarray, softness: float) -> np.ndarray:
    """Interpolate a table, corners rounded by a Gaussian of ``softness``."""
    dense = np.arange(knots[0] - 40, knots[-1] + 40, 1.0)
    reach = np.arange(-int(3 * softness), int(3 * softness) + 1)
    kernel = np.exp(-0.5 * (reach / softness) ** 2)
    padded = np.pad(np.interp(dense, knots, values), len(reach) // 2, mode="reflect", reflect_type="odd")
    return np.interp(x, dense, np.convolve(padded, kernel / kernel.sum(), "valid"))


def mouth_line(p: np.ndarray) -> np.ndarray:
    """q of the line between the lips."""
    return MOUTH_Q - 0.9 * np.exp(-((p / 5.0) ** 2)) + 0.9 * np.exp(-(((np.abs(p) - 11) / 7) ** 2)) + 0.0010 * p * p


def mouth_gap(p: np.ndarray) -> np.ndarray:
    """Half height on the chart of the inside of the mouth, 0 at its corners."""
    return MOUTH_STRIP * np.clip(1 - (p / (MOUTH_HALF - 1)) ** 2, 0, None) ** 0.6


def lip_edges(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """q of the upper and the lower border of the red of the lips."""
    s = np.clip(1 - (np.abs(p) / MOUTH_HALF) ** 2, 0, None)
    bow = 6.8 * s**0.75 + 1.5 * np.exp(-(((np.abs(p) - 5.5) / 4) ** 2)) - 1.2 * np.exp(-((p / 2.5) ** 2))
    line, gap = mouth_line(p), mouth_gap(p)
    return line + gap + bow * np.minimum(1, 4 * s), line - gap - 8.6 * s**0.8


def lids(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """q of the upper and the lower edge of the eye opening at |p|; equal at its corners and outside."""
    s = np.clip((np.abs(p) - EYE_X) / EYE_HALF, -1, 1)  # -1 at the inner corner
    corner = 0.7 * s - 0.6
    upper = corner + 6.1 * (1 - np.abs(s + 0.12 * (1 - s * s)) ** 2.2)
    lower = corner - 4.3 * (1 - np.abs(s - 0.15 * (1 - s * s)) ** 2.0)
    return upper, lower


def lip_squeeze(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """How far up (mm) the closed mouth moves a point of the chart: the strip between the lips collapses."""
    line, gap = mouth_line(p), mouth_gap(p)
    offset = q - line
    inside = np.clip(offset, -gap, gap)
    beyond = np.abs(offset) - gap
    fade = 1 - smoothstep(beyond, 0, 14)
    return -inside * (1 - _CLOSED) * fade


def mean_surface(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """(..., 3) millimetres of chart points."""
    height, wide, deep = (smooth_table(q, _Q, table, 6.0) for table in (_Y, _WIDE, _DEEP))
    side, front = _cross_section(p)
    x, z = wide * side, deep * front
    jaw = smooth_table(np.abs(p), _JAW_P, _JAW_Q, 6.0)
    below = 4.0 * np.logaddexp(0, (jaw - q) / 4.0)  # a rounded max(jaw - q, 0)
    to_neck = smoothstep(below, 0, 46)
    height = np.where(
        q > jaw + 30,
        height,
        np.minimum(q, 60) + below - 0.42 * below - 0.58 * (8 * np.logaddexp(0, (below - 42) / 8) - 0.0419),
    )
    x = x + to_neck * (49 * side - x)
    z = z + to_neck * (-14 + 43 * front - z)
    z = z + _relief(p, q) * (1 - to_neck)
    y = height + lip_squeeze(p, q)
    x = x + 1.5 * np.sign(p) * both(p, q, (14, -40), 4, 5)
    return np.stack((x, y, z), -1)


def _cross_section(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit superellipse by arc length: (sideways, forward) of chart column p."""
    turn = np.linspace(0, np.pi, 4001)
    s, c = np.sin(turn), np.cos(turn)
    x = np.abs(s) ** (2 / _SQUARENESS)
    z = np.sign(c) * np.abs(c) ** (2 / _SQUARENESS)
    arc = np.concatenate(([0], np.cumsum(np.hypot(np.diff(x) * 73, np.diff(z) * 100))))
    return np.sign(p) * np.interp(np.abs(p), arc, x), np.interp(np.abs(p), arc, z)


def _relief(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Height of the features above the bare head, millimetres along z."""
    a = np.abs(p)
    relief = 4.0 * both(p, q, (24, 19), 17, 6) + 2.5 * bump(p, q, (0, 16), 9, 9)  # brow ridge, glabella
    relief -= 8.5 * both(p, q, (27, 3), 11, 9)  # sockets
    relief -= 4.5 * both(p, q, (16, 1), 5, 8)
    relief += 2.0 * both(p, q, (46, -20), 13, 11) - 3.0 * both(p, q, (66, 30), 14, 22)  # cheekbones, temples
    relief -= 1.2 * both(p, q, (44, -62), 11, 18)  # hollow of the cheek
    relief += _nose(p, q)
    # lips on a gentle muzzle, the groove under them, the chin
    relief += 4.5 * bump(p, q, (0, -62), 20, 16)
    upper, lower = lip_edges(p)
    line, gap = mouth_line(p), mouth_gap(p)
    inside_mouth = np.clip(1 - (a / (MOUTH_HALF + 1)) ** 2, 0, 1)
    relief += 3.6 * inside_mouth**0.8 * np.exp(-(((q - (line + gap + 0.45 * (upper - line - gap))) / 3.4) ** 2))
    relief += 4.4 * inside_mouth * np.exp(-(((q - (line - gap - 0.5 * (line - gap - lower))) / 4.0) ** 2))
    relief -= 2.6 * inside_mouth**0.5 * np.exp(-(((q - line) / (gap + 0.8)) ** 2))
    relief -= 2.0 * both(p, q, (27, -65), 3.5, 4)  # corners sink in
    relief -= 1.3 * bump(p, q, (0, -52), 2.5, 5) - 0.7 * both(p, q, (4.5, -53), 2, 5)  # philtrum
    relief -= 4.2 * bump(p, q, (0, -83), 15, 5.5)
    relief += 5.5 * bump(p, q, (0, -99), 16, 10) + 1.0 * both(p, q, (9, -100), 7, 7)
    relief -= 1.6 * both(p, q, (33, -52), 3.5, 13, -0.45)  # fold from nose to mouth
    return relief + _eyes(p, q)


def _nose(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    along = np.clip((5.0 - q) / 42.0, 0, 1)  # 0 between the eyes, 1 at the tip
    ridge = 4.0 + 17.5 * along**1.25
    bottom = -52.5 + 0.028 * p * p  # the underside rises towards the wings
    end = smoothstep(q, bottom, bottom + 15) * (1 - smoothstep(q, 2, 26))
    half = 5.2 + 3.4 * along**2
    nose = ridge * end * np.exp(-((np.abs(p) / half) ** 2.0) * 0.5)
    nose += 5.5 * bump(p, q, (0, -38.5), 6.5, 5.5) + 1.2 * both(p, q, (4.5, -39), 4, 4)  # tip
    nose += 9.5 * both(p, q, (13.2, -41.5), 4.4, 4.6)  # wings
    nose -= 3.0 * both(p, q, (20, -41), 2.6, 5.5)  # the crease behind them
    nose -= 3.5 * both(p, q, (7, -45.5), 3.0, 1.8)  # nostrils
    return nose + 2.5 * bump(p, q, (0, -46), 3, 4)  # columella


def _eyes(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Eyeballs and the edges of the lids around them."""
    a = np.abs(p)
    upper, lower = lids(p)
    radial = (a - EYE_X) ** 2 + (q * 1.05) ** 2
    ball = 9.0 * np.exp(-radial / (2 * 11.0**2))
    near = np.exp(-(((a - EYE_X) / 14.5) ** 4))
    opening = smoothstep(np.minimum(upper - q, q - lower), -0.9, 0.5)
    lid = 1.5 * near * np.exp(-(((q - upper - 1.2) / 2.2) ** 2)) + 0.9 * near * np.exp(
        -(((q - lower + 1.2) / 2.2) ** 2)
    )
    crease = 1.5 * near * np.exp(-(((q - upper - 5.2) / 1.6) ** 2))
    return ball + lid * (1 - opening) - 0.6 * opening * near - crease
