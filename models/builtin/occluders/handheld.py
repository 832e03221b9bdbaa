"""Things held before a face: phones, microphones, books."""

from __future__ import annotations

import numpy as np

from occset.models.builtin.occluders.canvas import Canvas, DrawnOccluder, oval, rounded
from occset.models.builtin.occluders.shading import (
    cloth,
    cylinder,
    draw_light,
    gloss,
    lambert,
    puffed,
    round_shade,
    speckle,
)
from occset.models.builtin.textures.fields import fractal_noise, smoothstep
from occset.models.builtin.textures.palettes import cloth_palette, pick, ramp

_GLAZES = "f2efe8 c8352e 2d5ea8 23324f e0b43c 4f8a6b 1d1e22 e8a0b4 7fb2c8 a4693f 6d4f78"


def phone(rng: np.random.Generator, size: int) -> DrawnOccluder:
    """A smartphone from the back, with its cameras, or from the front, with a screen of icons."""
    wide, tall = rng.uniform(64, 74), rng.uniform(134, 150)
    canvas = Canvas((-16, -16, wide + 16, tall + 16), size, rng.uniform(-10, 10))
    light = draw_light(rng)
    radius = rng.uniform(7, 13)
    body = canvas.polygon(rounded(0, 0, wide, tall, radius))
    shade = round_shade(canvas, body, 4, light)
    if rng.random() < 0.6:
        colour = (
            cloth(rng, canvas, 90)
            if rng.random() < 0.3
            else pick(rng, "1b1c1f e9e9e6 2c3e5c 8f9aa6 d9b8a6 3c5a4a 7c2a30 b9a7d0")
        )
        _phone_back(rng, canvas, light, body, colour, wide)
    else:
        canvas.paint(body, pick(rng, "1b1c1f c9ccd0 e3c9a8 2c3440"), shade)
        _phone_front(rng, canvas, wide, tall, radius)
    return canvas.finish("phone")


def _phone_back(
    rng: np.random.Generator, canvas: Canvas, light: np.ndarray, body: np.ndarray, colour: np.ndarray, wide: float
) -> None:
    x, y = canvas.grid()
    sheen = 1.08 - 0.22 * smoothstep(-20, 20, ((x - y * 0.4) % 90) - 45) * 0.7
    canvas.paint(body, colour, round_shade(canvas, body, 4, light) * sheen)
    lenses, block = int(rng.integers(1, 4)), rng.uniform(28, 34)
    bump = canvas.polygon(rounded(6, 6, 6 + block, 6 + block * (1.25 if lenses == 3 else 1), 8))
    canvas.darken(canvas.soft(bump, 1.5), 0.35, (0, 1))
    canvas.paint(bump, colour, round_shade(canvas, bump, 2.5, light) * 0.88)
    places = ((15, 16), (15, 33), (29, 25))[:lenses]
    for at in places:
        for reach, tone in ((7.5, (0.55, 0.56, 0.58)), (6.3, (0.05, 0.05, 0.06)), (3.6, (0.1, 0.13, 0.22))):
            canvas.paint(canvas.ellipse(at, reach, reach), tone)
        canvas.shine(canvas.soft(canvas.ellipse((at[0] - 1.6, at[1] - 1.8), 1.3, 1.3), 0.4), 0.8)
    canvas.paint(canvas.ellipse((30, 12), 2.4, 2.4), (0.98, 0.95, 0.85))
    logo = canvas.ellipse((wide / 2, 70), 7, 8)
    canvas.shine(logo, 0.35) if rng.random() < 0.5 else canvas.darken(logo, 0.3)


def _phone_front(rng: np.random.Generator, canvas: Canvas, wide: float, tall: float, radius: float) -> None:
    screen = canvas.polygon(rounded(3, 3, wide - 3, tall - 3, radius - 2))
    _, y = canvas.grid()
    canvas.paint(
        screen,
        ramp(
            cloth_palette(rng, 3), np.clip(y / tall + 0.3 * (fractal_noise(rng, canvas.shape, (2, 2), 2) - 0.5), 0, 1)
        ),
    )
    step = (wide - 12) / 4
    for row in range(int(rng.integers(3, 6))):
        for column in range(4):
            left, top = 6 + step * column + 1.5, 24 + row * (step + 5)
            canvas.paint(
                canvas.polygon(rounded(left, top, left + step - 3, top + step - 3, 3)), pick(rng, _GLAZES, hue=0.1)
            )
    dock = canvas.polygon(rounded(7, tall - 24, wide - 7, tall - 8, 5))
    canvas.shine(dock, 0.4)
    canvas.paint(canvas.polygon(rounded(wide / 2 - 10, 5, wide / 2 + 10, 10, 2.5)), (0.03, 0.03, 0.04))
    glare = canvas.polygon(np.array([(wide * 0.45, 3), (wide - 3, 3), (wide - 3, tall * 0.6)], np.float32))
    canvas.shine(np.minimum(glare, screen), rng.uniform(0.05, 0.2))


def microphone(rng: np.random.Generator, size: int) -> DrawnOccluder:
    """A stage microphone with a mesh ball, or a reporter's with foam and a cube for the station's sign."""
    canvas = Canvas((-10, -10, 110, 160), size, rng.uniform(-25, 25))
    light = draw_light(rng)
    x, y = canvas.grid()
    metal = pick(rng, "1a1b1e 1a1b1e 8f949b c9a24b 30343c")
    upper, lower, end = rng.uniform(12, 15), rng.uniform(8, 11), rng.uniform(132, 150)
    handle = canvas.polygon(np.array([(50 - upper, 58), (50 + upper, 58), (50 + lower, end), (50 - lower, end)]))
    half = upper + (lower - upper) * np.clip((y - 58) / (end - 58), 0, 1)
    canvas.paint(handle, metal, cylinder((x - 50) / half, light))
    canvas.shine((np.exp(-(((x - 50) / half + 0.4) ** 2) / 0.02) * handle).astype(np.uint8), 0.45)
    switch = canvas.polygon(rounded(46, 84, 54, 98, 2))
    canvas.paint(switch, (0.55, 0.56, 0.58), round_shade(canvas, switch, 2, light))
    radius = rng.uniform(27, 33)
    head = canvas.polygon(oval((50, 33), radius, radius * rng.uniform(0.98, 1.15), power=2.1))
    normal = puffed(canvas, head, radius)
    if rng.random() < 0.6:
        steel = pick(rng, "a8adb3 c9ccd0 3a3d42 c9a24b")
        pitch = rng.uniform(2.2, 3.2)
        mesh = (
            0.62 + 0.38 * np.abs(np.sin((x + y) * np.pi / pitch / 1.4) * np.sin((x - y) * np.pi / pitch / 1.4)) ** 0.5
        )
        canvas.paint(head, steel, lambert(normal, light) * mesh)
        canvas.shine((gloss(normal, light, 12) * head * mesh).astype(np.uint8), 0.5)
        band = np.minimum(canvas.stroke(np.array([(50 - radius - 3, 36), (50, 40), (50 + radius + 3, 36)]), 6), head)
        canvas.paint(band, metal * 0.7 + 0.15, lambert(normal, light))
    else:
        foam = pick(rng, "1d1e21 1d1e21 c8352e 2d5ea8 e0872e 4f8a6b")
        canvas.paint(head, foam, lambert(normal, light) * speckle(rng, canvas, 0.3, 1.2))
        cube = canvas.polygon(rounded(30, 60, 70, 88, 3))
        canvas.darken(canvas.soft(cube, 2), 0.4)
        sign = pick(rng, "c8202a 2d5ea8 f2f2ee e0b43c 1d1e21")
        canvas.paint(cube, sign, round_shade(canvas, cube, 3, light) * np.where(x < 57, 1.0, 0.75))
        canvas.paint(canvas.ellipse((43.5, 74), 8.5, 8.5), pick(rng, "f2f2ee f2f2ee e0b43c"))
        canvas.paint(canvas.stroke(np.array([(39, 78), (43.5, 69), (48, 78)]), 2.4), sign)
    collar = canvas.polygon(rounded(50 - upper - 2, 54, 50 + upper + 2, 62, 2))
    if not rng.random() < 0.3:
        canvas.paint(collar, np.minimum(metal + 0.25, 1), cylinder((x - 50) / (upper + 2), light))
    return canvas.finish("microphone")


def book(rng: np.random.Generator, size: int) -> DrawnOccluder:
    """A closed book with a printed cover, or one held open, seen from its covers."""
    canvas = Canvas((-14, -14, 174, 150), size, rng.uniform(-8, 8))
    light = draw_light(rng)
    printed = rng.random() < 0.45
    cover = cloth(rng, canvas, 120) if printed else pick(rng, "7c2430 23324f 2f5a46 c9a05a 1d1e22 b5523b d8d2c4 4f3a63")
    draw = _open_book if rng.random() < 0.4 else _closed_book
    front = draw(rng, canvas, light, cover)
    _title(rng, canvas, front, np.asarray(cover).reshape(-1, 3).mean(0))
    return canvas.finish("book")


def _open_book(rng: np.random.Generator, canvas: Canvas, light: np.ndarray, cover: np.ndarray) -> float:
    """Both boards and the pages' edge above them; returns the middle of the front board."""
    tall, x = rng.uniform(112, 128), canvas.grid()[0]
    pages = [(3, -3), (80, 3), (157, -3), (157, tall - 3), (80, tall + 1), (3, tall - 3)]
    canvas.paint(canvas.polygon(np.array(pages)), (0.93, 0.9, 0.82), 0.95 + 0.08 * np.sin(x * 3))
    board = canvas.polygon(np.array([(0, 0), (80, 7), (160, 0), (160, tall), (80, tall + 6), (0, tall)]))
    lean = 1 + 0.12 * np.sign(x - 80) * np.sign(light[0])  # one board faces the light more than the other
    _board(rng, canvas, light, cover, board, 80, lean)
    return 118.0


def _closed_book(rng: np.random.Generator, canvas: Canvas, light: np.ndarray, cover: np.ndarray) -> float:
    """The front board with the pages behind its edge; returns the board's middle."""
    tall, right, x = rng.uniform(112, 128), rng.uniform(84, 96), canvas.grid()[0]
    pages = np.array([(4, 2), (right + 7, 4), (right + 7, tall + 4), (4, tall + 6)])
    canvas.paint(canvas.polygon(pages), (0.94, 0.91, 0.83), 0.9 + 0.1 * np.sin(x * 5))
    _board(rng, canvas, light, cover, canvas.polygon(rounded(0, 0, right, tall, 2)), 9, 1.0)
    return (9 + right) / 2 + 2


def _board(
    rng: np.random.Generator,
    canvas: Canvas,
    light: np.ndarray,
    cover: np.ndarray,
    mask: np.ndarray,
    spine: float,
    lean: np.ndarray | float,
) -> None:
    canvas.darken(canvas.soft(mask, 1.5), 0.3)
    canvas.paint(mask, cover, round_shade(canvas, mask, 2.5, light) * speckle(rng, canvas, 0.05) * lean)
    groove = canvas.stroke(np.array([(spine, 2), (spine, 130)]), 2.5)
    canvas.darken(np.minimum(canvas.soft(groove, 1.0), mask), 0.5)


def _title(rng: np.random.Generator, canvas: Canvas, front: float, ground: np.ndarray) -> None:
    """Lines of a title, often on a label, and an ornament, in an ink that stands out from the mean cover `ground`."""
    ink = pick(rng, "f2e8cf d8b25a f4f4f2" if ground.mean() < 0.5 else "1d1e22 5b2330 20324f")
    if rng.random() < 0.6:
        label = canvas.polygon(rounded(front - 29, 16, front + 29, 52, 2))
        canvas.paint(label, ground * 0.6 if ground.mean() < 0.5 else 1 - (1 - ground) * 0.5, 1.0, 0.92)
    for row, reach in enumerate((rng.uniform(15, 25), rng.uniform(10, 22), rng.uniform(8, 14))):
        line = np.array([(front - reach, 25 + 9 * row), (front + reach, 25 + 9 * row)])
        canvas.paint(canvas.stroke(line, (5, 4, 2)[row]), ink)
    power = float(rng.choice([1.0, 2.0, 4.0]))
    ornament = oval((front, 84), rng.uniform(12, 22), rng.uniform(12, 20), power=power)
    canvas.paint(canvas.polygon(ornament), ink, 1.0, 0.9)
