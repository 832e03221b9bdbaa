"""Occluders made by code: RGBA cut-outs of things that come before faces, any number of them, all different.

`draw_occluder(index, seed, size)` gives each index a category in fixed shares (`WEIGHTS`); everything else is drawn from
the seed and the index. The same arguments give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from occset.models.builtin.occluders import (
    cups,
    eyewear,
    food,
    hair,
    handheld,
    hands,
    headwear,
    masks,
    objects,
    plants,
    scarves,
)
from occset.models.builtin.occluders.canvas import DrawnOccluder

__all__ = ["CATEGORIES", "WEIGHTS", "DrawnOccluder", "category_of", "draw_occluder"]

_Draw = Callable[[np.random.Generator, int], DrawnOccluder]
_DRAWN: dict[str, tuple[_Draw, int]] = {
    "sunglasses": (eyewear.sunglasses, 16),
    "mask": (masks.mask, 15),
    "hand": (hands.hand, 16),
    "hair": (hair.hair, 9),
    "spectacles": (eyewear.spectacles, 6),
    "hat": (headwear.hat, 6),
    "scarf": (scarves.scarf, 6),
    "cup": (cups.cup, 5),
    "phone": (handheld.phone, 4),
    "food": (food.food, 5),
    "microphone": (handheld.microphone, 3),
    "object": (objects.thing, 3),
    "book": (handheld.book, 2),
    "leaf": (plants.leaf, 2),
    "flower": (plants.flower, 2),
}
WEIGHTS: dict[str, int] = {category: weight for category, (_, weight) in _DRAWN.items()}
"""How many of 100 consecutive occluders have each category."""
CATEGORIES: tuple[str, ...] = tuple(WEIGHTS)


@cache
def _cycle() -> tuple[str, ...]:
    """100 categories in their shares, each spread evenly: the next is always the one furthest behind its share."""
    total = sum(WEIGHTS.values())
    given = dict.fromkeys(WEIGHTS, 0)
    order = []
    for turn in range(1, total + 1):
        behind = max(WEIGHTS, key=lambda category: WEIGHTS[category] * turn / total - given[category])
        given[behind] += 1
        order.append(behind)
    return tuple(order)


def category_of(index: int) -> str:
    """Category of occluder `index`, whatever the seed."""
    return _cycle()[index % len(_cycle())]


def draw_occluder(index: int, seed: int = 0, size: int = 256) -> DrawnOccluder:
    """Draw one cut-out.

    Args:
        index: which one, from 0; fixes the category.
        seed: another seed gives another series.
        size: side in pixels of the aligned face that it is drawn for; the cut-out is as large as the thing would be there.

    Returns:
        The cut-out, cropped to its alpha box; sunglasses, spectacles, masks, hair, hats and scarves know the face points
        they belong to.
    """
    draw, _ = _DRAWN[category_of(index)]
    return draw(np.random.default_rng([seed, index, 0x0CC1]), size)
