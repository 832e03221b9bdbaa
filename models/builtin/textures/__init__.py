"""Textures made by code: opaque square patches of cloth, prints and materials, any number of them, all different.

`draw_texture(index, seed, size)` cycles through the families with the index; everything else about a texture (colours,
scale, angle, wear) is drawn from the seed and the index. The same arguments give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from occset.models.builtin.textures import natural, printed, woven

_Family = Callable[[np.random.Generator, int], np.ndarray]

# Crisp patterns are drawn at twice the size and averaged down, smooth ones at the size itself.
_DRAWN: dict[str, tuple[_Family, int]] = {
    "stripes": (woven.stripes, 2),
    "floral": (printed.floral, 2),
    "knit": (woven.knit, 2),
    "marble": (natural.marble, 1),
    "plaid": (woven.plaid, 2),
    "dots": (printed.dots, 2),
    "wood": (natural.wood, 2),
    "denim": (woven.denim, 2),
    "camouflage": (natural.camouflage, 2),
    "paisley": (printed.paisley, 2),
    "leather": (natural.leather, 1),
    "checks": (woven.checks, 2),
    "leaves": (printed.leaves, 2),
    "fur": (natural.fur, 1),
    "gradient": (printed.gradient, 1),
    "brick": (natural.brick, 1),
    "tweed": (woven.tweed, 2),
    "crackle": (natural.crackle, 2),
    "waves": (printed.waves, 2),
}
_DARKEST = 0.32  # a texture whose bright parts are below this is lifted to it, or its pattern would not be seen
FAMILIES: tuple[str, ...] = tuple(_DRAWN)
"""Names of the families, in the order in which indices cycle through them."""


def draw_texture(index: int, seed: int = 0, size: int = 256, family: str | None = None) -> tuple[np.ndarray, str]:
    """Draw one texture.

    Args:
        index: which one, from 0; picks the family in turn.
        seed: another seed gives another series.
        size: side in pixels.
        family: one of `FAMILIES` to draw from instead of the one whose turn it is.

    Returns:
        (size, size, 3) uint8 RGB, and the name of its family.
    """
    name = family if family is not None else FAMILIES[index % len(FAMILIES)]
    draw, oversample = _DRAWN[name]
    picture = draw(np.random.default_rng([seed, index, 0x7E87]), size * oversample)
    if oversample > 1:
        picture = cv2.resize(picture.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    bright = float(np.quantile(picture[::4, ::4], 0.95))
    picture = picture * max(1.0, _DARKEST / max(bright, 0.02))
    return (picture * 255 + 0.5).clip(0, 255).astype(np.uint8), name
