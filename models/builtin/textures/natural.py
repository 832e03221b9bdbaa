"""Materials: wood, marble, leather, fur, brick, crackle, camouflage. Each draws (n, n, 3) float32 RGB 0..1."""

from __future__ import annotations

import cv2
import numpy as np

from occset.models.builtin.textures.fields import (
    bend,
    cells,
    fractal_noise,
    grid,
    relief,
    smoothstep,
    stretch,
    turned,
    value_noise,
)
from occset.models.builtin.textures.palettes import cloth_palette, from_hex, mix, pick, ramp, varied


def wood(rng: np.random.Generator, size: int) -> np.ndarray:
    """Grain of a sawn board: rings cut lengthwise, fine pores, sometimes joints between planks."""
    x, y = grid(size)
    x, y = turned(x, y, rng.choice([0, np.pi / 2, rng.uniform(-0.2, 0.2)]))
    planks = int(rng.integers(1, 6))
    plank = np.floor(x * planks)
    shift = rng.uniform(0, 7, 64)[plank.astype(int) % 64] if planks > 1 else 0.0
    bow = fractal_noise(rng, (size, size), (2, 5), 3)
    ring = (x + 0.25 * (y - 0.4 + 0.3 * shift % 1) ** 2 + 0.12 * bow + shift) * rng.uniform(10, 26)
    late = (ring % 1) ** 2
    pores = value_noise(rng, (size, size), (10, size / 2))
    dark = pick(rng, "5a3820 7a4a26 3b2416 8f6239 a8794a 4d3527")
    light = varied(rng, np.minimum(dark * rng.uniform(1.5, 2.0), 0.93), 0.02, 0.04)[0]
    board = mix(light, dark, np.clip(0.65 * late + 0.35 * pores, 0, 1).astype(np.float32))
    if planks > 1:
        board *= (1 - 0.7 * smoothstep(0.03, 0.005, np.abs((x * planks + 0.5) % 1 - 0.5)))[..., None]
    return board


def marble(rng: np.random.Generator, size: int) -> np.ndarray:
    """Stone with veins where warped noise crosses its middle."""
    x, y = grid(size)
    across, _ = turned(x, y, rng.uniform(0, np.pi))
    turbulence = fractal_noise(rng, (size, size), (3, 3), 5, 0.55)
    wave = np.sin((across * rng.uniform(1, 4) + turbulence * rng.uniform(1.5, 4)) * np.pi)
    body = ramp(
        varied(rng, from_hex(rng.choice(["e9e6e1 cfcac2 f7f5f2", "23272b 3a4147 15181b", "3f5f54 24463d 6f9183",
                                         "c9a18c e4c9b6 a87964", "7d6f86 a79bb0 57496a", "b9c7cf 8ea3b0 dfe8ec"]))),
        fractal_noise(rng, (size, size), (4, 4), 4),
    )  # fmt: skip
    vein = pick(rng, "6b6a66 f2efe6 b08d4a 40362f d9d2c0")
    return mix(body, vein, (1 - np.abs(wave)) ** rng.uniform(3, 9) * 0.9)


def leather(rng: np.random.Generator, size: int) -> np.ndarray:
    """Grained hide: small rounded cells lit from the side, with soft creases."""
    _, border = cells(rng, size, int(rng.integers(22, 48)))
    grain = cv2.GaussianBlur(np.minimum(border, 0.35), (0, 0), 1.0)
    crease = np.abs(fractal_noise(rng, (size, size), (4, 4), 3) - 0.5)
    colour = pick(rng, "5b3420 2a1d18 8a4b2a 1c1c1f 7a1f24 b5803f 25364d 3f4a35 c9b79c")
    light = relief(grain, rng.uniform(5, 9)) * (0.75 + 0.5 * smoothstep(0.0, 0.12, crease))
    tone = 0.85 + 0.3 * fractal_noise(rng, (size, size), (2, 2), 3)
    return colour * (light * tone * (0.6 + 1.2 * grain))[..., None]


def fur(rng: np.random.Generator, size: int) -> np.ndarray:
    """Short hairs combed along a flow, plain or with a leopard's, tiger's or cow's coat."""
    _, y = grid(size)
    coat = rng.choice(["plain", "leopard", "tiger", "cow"], p=[0.4, 0.25, 0.2, 0.15])
    base = pick(rng, "b9854d 8c5a35 d8c3a0 54402f c9c4bc 2b2725 a7643a")
    mark = pick(rng, "1c1512 3a2415 f1ece2", rest=0.03)
    if coat == "leopard":
        _, border = cells(rng, size, int(rng.integers(8, 14)))
        amount = smoothstep(0.12, 0.17, border) * smoothstep(0.33, 0.27, border)
    elif coat == "tiger":
        across = y + 0.25 * fractal_noise(rng, (size, size), (3, 4), 3)
        amount = smoothstep(0.3, 0.6, np.sin(across * rng.uniform(30, 55)))
    else:
        amount = smoothstep(0.5, 0.54, fractal_noise(rng, (size, size), (3, 3), 3)) * (coat == "cow")
    colour = mix(base, mark, amount.astype(np.float32))
    flow = rng.uniform(0, 2 * np.pi) + 1.6 * (value_noise(rng, (size, size), (3, 3)) - 0.5)
    hairs = size * 14
    start = rng.integers(0, size, (hairs, 2))
    angle = flow[start[:, 1], start[:, 0]] + rng.normal(0, 0.25, hairs)
    length = size * rng.uniform(0.02, 0.07, hairs)
    end = (start + length[:, None] * np.stack([np.cos(angle), np.sin(angle)], -1)).astype(int)
    tone = (rng.uniform(0.55, 1.25, hairs)[:, None] * colour[start[:, 1], start[:, 0]] * 255).clip(0, 255)
    picture = (colour * 0.7 * 255).clip(0, 255).astype(np.uint8)
    for a, b, shade in zip(start.tolist(), end.tolist(), tone.tolist(), strict=True):
        cv2.line(picture, a, b, shade, 1)
    return picture.astype(np.float32) / 255


def brick(rng: np.random.Generator, size: int) -> np.ndarray:
    """A wall: rows of offset bricks of varied tone in mortar, lit from above."""
    x, y = bend(rng, *grid(size), amount=0.004, bumps=14)
    rows = rng.uniform(6, 14)
    row = np.floor(y * rows)
    along = x * rows / rng.uniform(1.8, 3) + row * rng.choice([0.5, 0.33])
    brick_of = (np.floor(along).astype(int) * 7 + row.astype(int) * 13) % 97
    ratio = 2.4
    edge = np.minimum(np.minimum(along % 1, 1 - along % 1) * ratio, np.minimum(y * rows % 1, 1 - y * rows % 1))
    face = smoothstep(0.04, 0.1, edge + 0.03 * value_noise(rng, (size, size), (50, 50)))
    base = pick(rng, "9c4a35 7c3a2d b5694a c9b08c 6f6a64 d8d3cb 4b4642 a5533f")
    tone = rng.uniform(0.7, 1.2, 97)[brick_of] * (0.75 + 0.4 * fractal_noise(rng, (size, size), (20, 20), 3))
    mortar = pick(rng, "b8b2a6 8e897f d6d1c7 5e5a54")
    wall = mix(np.broadcast_to(mortar, (size, size, 3)), base * tone[..., None], face)
    return wall * relief(cv2.GaussianBlur(face, (0, 0), 1.2), 1.6)[..., None]


def crackle(rng: np.random.Generator, size: int) -> np.ndarray:
    """Glaze or dry earth: cells with dark cracks, each cell in a tone of its own."""
    labels, border = cells(rng, size, int(rng.integers(5, 13)), jitter=1.2)
    x, y = bend(rng, *grid(size), amount=0.03, bumps=14)
    at = (x * size).astype(np.float32), (y * size).astype(np.float32)
    border = cv2.remap(border, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    labels = cv2.remap(labels.astype(np.float32), *at, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT).astype(int)
    colours = cloth_palette(rng, 4)
    tone = colours[rng.integers(0, 1 + int(rng.integers(0, 4)), labels.max() + 1)[labels]]
    tone = (
        tone
        * (0.8 + 0.35 * rng.random(labels.max() + 1)[labels] * fractal_noise(rng, (size, size), (9, 9), 3))[..., None]
    )
    crack = smoothstep(rng.uniform(0.04, 0.1), 0.01, border)
    dome = 0.75 + 0.3 * smoothstep(0, 0.35, border)
    return mix(tone * dome[..., None], pick(rng, "201a17 3a2d24 e9e2d2 16202a"), crack)


def camouflage(rng: np.random.Generator, size: int) -> np.ndarray:
    """Blots of four colours, rounded or in squares."""
    tables = ("4b5320 78866b 2e3319 a39b6b", "c2b280 8a7249 5e4b2f dccba0", "e8eaec aeb6bd 6d767e 40484f",
              "1f2f46 43597a 7d8da3 10151f", "3b2f2f 6e4f3a 4f5d3a 1d1f17", "e3b7c4 b76e86 7a3b52 f3dfe5")  # fmt: skip
    colours = varied(rng, from_hex(tables[rng.integers(len(tables))]))
    picture = np.broadcast_to(colours[0], (size, size, 3))
    bumps = rng.uniform(3, 7)
    blocks = int(rng.integers(28, 64)) if rng.random() < 0.3 else 0
    for colour in colours[1:]:
        field = stretch(fractal_noise(rng, (size, size), (bumps * 1.4, bumps), 3, 0.45))
        if blocks:
            field = cv2.resize(cv2.resize(field, (blocks, blocks)), (size, size), interpolation=cv2.INTER_NEAREST)
        picture = mix(picture, colour, smoothstep(0.57, 0.58, field))
    return picture * (0.9 + 0.2 * value_noise(rng, (size, size), (size / 3, size / 3)))[..., None]
