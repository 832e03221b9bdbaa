"""Cloth: stripes, checks, plaid, knit, denim, tweed. Each draws (n, n, 3) float32 RGB 0..1 from a generator."""

from __future__ import annotations

import numpy as np

from occset.models.builtin.textures.fields import bend, fractal_noise, grid, smoothstep, turned, value_noise
from occset.models.builtin.textures.palettes import cloth_palette, mix, pick


def _threads(rng: np.random.Generator, size: int, strength: float) -> np.ndarray:
    """Light factor (n, n) of fine threads running down and across."""
    down = value_noise(rng, (size, size), (6, size / 3))
    across = value_noise(rng, (size, size), (size / 3, 6))
    return 1 + strength * (down + across - 1)


def _bands(rng: np.random.Generator, position: np.ndarray, period: float, bands: int) -> np.ndarray:
    """Index 0..bands-1 of the band that `position` falls in; the bands have random widths and repeat every `period`."""
    edges = np.cumsum(rng.uniform(0.15, 1, bands))
    return np.searchsorted(edges / edges[-1], position / period % 1).clip(0, bands - 1)


def stripes(rng: np.random.Generator, size: int) -> np.ndarray:
    """Stripes of two to five colours at any angle."""
    x, y = bend(rng, *grid(size), amount=rng.uniform(0, 0.04))
    along, _ = turned(x, y, rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)]))
    colours = cloth_palette(rng, int(rng.integers(2, 6)))
    band = _bands(rng, along, rng.uniform(0.1, 0.45), len(colours) * int(rng.integers(1, 3)))
    return colours[band % len(colours)] * _threads(rng, size, 0.15)[..., None]


def checks(rng: np.random.Generator, size: int) -> np.ndarray:
    """Gingham, chessboard or houndstooth."""
    x, y = bend(rng, *grid(size), amount=rng.uniform(0, 0.02))
    x, y = turned(x, y, rng.choice([0, 0, np.pi / 4, rng.uniform(-0.2, 0.2)]))
    count = rng.uniform(5, 16)
    light, dark = cloth_palette(rng, 2)
    if np.abs(light - dark).mean() < 0.25:
        light = 0.9 - 0.8 * (dark > 0.5).mean() * np.ones(3, np.float32)
    column, row = np.floor(x * count).astype(int) % 2, np.floor(y * count).astype(int) % 2
    style = rng.choice(["gingham", "chessboard", "houndstooth"])
    if style == "gingham":
        amount = (column + row) / 2.0
    elif style == "chessboard":
        amount = (column ^ row).astype(float)
    else:
        twill = np.floor((x + y) * count * 4).astype(int) % 4 < 2
        amount = np.where(column == row, column, twill).astype(float)
    return mix(light, dark, amount.astype(np.float32)) * _threads(rng, size, 0.2)[..., None]


def plaid(rng: np.random.Generator, size: int) -> np.ndarray:
    """Tartan: the same sequence of bands across and down, woven over each other as a twill."""
    x, y = bend(rng, *grid(size), amount=rng.uniform(0, 0.02))
    x, y = turned(x, y, rng.choice([0, 0, np.pi / 4, rng.uniform(-0.3, 0.3)]))
    colours = cloth_palette(rng, int(rng.integers(3, 6)))
    period, bands = rng.uniform(0.25, 0.7), int(rng.integers(4, 9))
    sequence = rng.integers(0, len(colours), bands)
    sett = int(rng.integers(2**31))
    warp = colours[sequence[_bands(np.random.default_rng(sett), x, period, bands)]]
    weft = colours[sequence[_bands(np.random.default_rng(sett), y, period, bands)]]
    twill = 0.5 + 0.35 * np.sin((x + y) * 2 * np.pi * rng.uniform(40, 70))
    return mix(warp, weft, twill.astype(np.float32)) * _threads(rng, size, 0.12)[..., None]


def knit(rng: np.random.Generator, size: int) -> np.ndarray:
    """Stockinette: columns of V-shaped stitches, plain, striped or with a stitched pattern."""
    x, y = bend(rng, *grid(size), amount=rng.uniform(0, 0.03))
    across = rng.uniform(11, 24)
    u, v = x * across, y * across * 1.25
    lean = np.abs(2 * (u % 1) - 1)
    lobe = np.sin(np.pi * ((v - 0.75 * lean) % 1)) * np.sin(np.pi * (2 * u % 1)) ** 0.6
    column, row = np.floor(u).astype(int), np.floor(v - 0.75 * lean).astype(int)
    colours = cloth_palette(rng, 3)
    style = rng.choice(["plain", "stripes", "pattern"])
    if style == "plain":
        index = np.zeros_like(column)
    elif style == "stripes":
        index = rng.integers(0, 3, 12)[row % 12]
    else:
        half = rng.integers(0, 3, (8, 5)) * (rng.random((8, 1)) < 0.7)
        index = np.concatenate([half, half[:, ::-1]], 1)[row % 8, column % 10]
    fuzz = 0.85 + 0.3 * value_noise(rng, (size, size), (size / 2, size / 2))
    return colours[index] * ((0.35 + 0.75 * lobe) * fuzz)[..., None]


def denim(rng: np.random.Generator, size: int) -> np.ndarray:
    """Twill of dyed warp and pale weft, worn in patches, sometimes with a seam."""
    x, y = grid(size)
    dye = pick(rng, "1f3557 2b4a78 16243b 5b7ea6 22252b 6b7b4b 8c6f4e 7a2e35")
    weft = np.array([0.78, 0.8, 0.82], np.float32)
    pitch = rng.uniform(45, 85)
    twill = smoothstep(0.1, 0.9, 0.5 + 0.5 * np.sin(2 * np.pi * pitch * (x + 0.5 * y)))
    slub = value_noise(rng, (size, size), (5, size / 2)) * value_noise(rng, (size, size), (size / 2, 20))
    worn = fractal_noise(rng, (size, size), (3, 3), 3)
    cloth = mix(dye, weft, np.clip(0.3 * twill + 0.6 * slub + rng.uniform(0, 0.5) * (worn - 0.5), 0, 1))
    if rng.random() < 0.5:
        along, off = turned(x - 0.5, y - 0.5, rng.uniform(0, np.pi))
        for line in (-0.02, 0.02):
            stitch = smoothstep(0.006, 0.003, np.abs(off - line)) * (along * 22 % 1 < 0.7)
            cloth = mix(cloth, pick(rng, "c98a3c d9a85b e8dcc0"), stitch.astype(np.float32))
        cloth *= (1 - 0.35 * smoothstep(0.035, 0.0, np.abs(np.abs(off) - 0.045)))[..., None]
    return cloth


def tweed(rng: np.random.Generator, size: int) -> np.ndarray:
    """Herringbone: columns of slanted threads whose slant alternates, with coloured flecks."""
    x, y = bend(rng, *grid(size), amount=0.01)
    columns, pitch = rng.uniform(6, 16), rng.uniform(18, 36)
    zigzag = np.abs(2 * ((x * columns / 2) % 1) - 1) * 2 / columns
    light, dark, fleck = cloth_palette(rng, 3)
    amount = smoothstep(0.3, 0.7, 0.5 + 0.5 * np.sin(2 * np.pi * pitch * (y + zigzag * rng.uniform(0.7, 1.3))))
    cloth = mix(light * 0.9, dark * 0.7, amount)
    flecks = smoothstep(0.82, 0.95, value_noise(rng, (size, size), (size / 4, size / 4)))
    return mix(cloth, fleck, flecks * 0.8) * _threads(rng, size, 0.4)[..., None]
