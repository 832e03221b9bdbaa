"""Colours that go together. A colour is float32 RGB 0..1; a palette is (n, 3)."""

from __future__ import annotations

import cv2
import numpy as np

_CLOTH = (
    "2b3a55 ce7777 e8c4c4 f2e5e5 8d9eb8",
    "3a4d39 4f6f52 739072 ece3ce a27b5c",
    "1b262c 0f4c75 3282b8 bbe1fa f0ece2",
    "6d2932 c7b7a3 e8d8c4 561c24 9c6644",
    "f4f1de e07a5f 3d405b 81b29a f2cc8f",
    "22223b 4a4e69 9a8c98 c9ada7 f2e9e4",
    "264653 2a9d8f e9c46a f4a261 e76f51",
    "5f0f40 9a031e fb8b24 e36414 0f4c5c",
    "606c38 283618 fefae0 dda15e bc6c25",
    "cdb4db ffc8dd ffafcc bde0fe a2d2ff",
    "2f3e46 354f52 52796f 84a98c cad2c5",
    "0d1b2a 1b263b 415a77 778da9 e0e1dd",
    "d8e2dc ffe5d9 ffcad4 f4acb7 9d8189",
    "3c1642 086375 1dd3b0 affc41 f5f5f5",
    "0b132b b80c09 f4f4f8 e6e6ea 2a2d34",
    "7f5539 b08968 e6ccb2 ede0d4 414833",
    "13315c ffd166 ef476f f7fff7 118ab2",
    "d6cfc7 8a817c 463f3a f4f3ee e0afa0",
)


def from_hex(text: str) -> np.ndarray:
    """Colours "rrggbb rrggbb ..." as (n, 3) float32 0..1."""
    return np.array([[int(word[i : i + 2], 16) for i in (0, 2, 4)] for word in text.split()], np.float32) / 255


def to_hsv(colours: np.ndarray) -> np.ndarray:
    """(n, 3) RGB 0..1 to HSV: hue 0..1, saturation and value 0..1."""
    hsv = cv2.cvtColor(np.ascontiguousarray(colours, np.float32)[None], cv2.COLOR_RGB2HSV)[0]
    hsv[:, 0] /= 360
    return hsv


def from_hsv(hsv: np.ndarray) -> np.ndarray:
    """(n, 3) HSV 0..1 (hue wraps) to RGB 0..1."""
    degrees = np.array(hsv, np.float32)
    degrees[:, 0] = degrees[:, 0] % 1 * 360
    degrees[:, 1:] = np.clip(degrees[:, 1:], 0, 1)
    return cv2.cvtColor(degrees[None], cv2.COLOR_HSV2RGB)[0]


def varied(rng: np.random.Generator, colours: np.ndarray, hue: float = 0.03, rest: float = 0.1) -> np.ndarray:
    """The same colours with all hues turned by up to `hue`, and saturation and value by up to `rest`."""
    hsv = to_hsv(np.atleast_2d(colours))
    hsv += rng.uniform(-1, 1, 3).astype(np.float32) * (hue, rest, rest)
    return from_hsv(hsv)


def cloth_palette(rng: np.random.Generator, count: int = 5) -> np.ndarray:
    """`count` (2 to 5) colours of one textile palette, a little varied: the second contrasts most with the first."""
    colours = from_hex(_CLOTH[rng.integers(len(_CLOTH))])[rng.permutation(5)]
    far = 1 + int(np.abs(colours[1:] - colours[0]).sum(1).argmax())
    colours[[1, far]] = colours[[far, 1]]
    return varied(rng, colours[:count], hue=0.5 if rng.random() < 0.3 else 0.04)


def pick(rng: np.random.Generator, table: str, hue: float = 0.02, rest: float = 0.08) -> np.ndarray:
    """One colour, (3,), of a table of hex colours, a little varied."""
    colours = from_hex(table)
    return varied(rng, colours[rng.integers(len(colours))], hue, rest)[0]


def ramp(colours: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Colours (n, 3) blended along `value` 0..1 of shape (H, W); returns (H, W, 3) float32."""
    stops = np.linspace(0, 1, 256)
    table = np.stack([np.interp(stops, np.linspace(0, 1, len(colours)), colours[:, c]) for c in range(3)], -1)
    return table.astype(np.float32)[np.clip(value * 255 + 0.5, 0, 255).astype(np.uint8)]


def mix(below: np.ndarray, above: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """`below` where `amount` (H, W) is 0, `above` where it is 1; colours or pictures."""
    weight = amount[..., None]
    return (below * (1 - weight) + above * weight).astype(np.float32)
