"""Made-up photos, and what check-method says of what a method makes of them."""

from __future__ import annotations

import numpy as np

from occset.benchmark.tasks import made_up
from occset.benchmark.tasks.definition import Remark
from occset.benchmark.tasks.wild.evaluator import PhotoBatch


def make_batch(size: int, count: int) -> PhotoBatch:
    """Drawings of faces, (size, size) pixels, each with one colour over an oval hole."""
    clean = np.stack([made_up.face(size, seed) for seed in range(count)])
    wholes = np.repeat(made_up.face_mask(size)[None], count, axis=0)
    hidden = np.stack([made_up.hole(size, seed) for seed in range(count)]) & wholes
    names = made_up.names(count)
    images = np.where(hidden[..., None] > 0, np.array(made_up.OCCLUDER, np.uint8), clean)
    before = 1 - (hidden > 0).sum((1, 2)) / (wholes > 0).sum((1, 2))
    return PhotoBatch(names, names, ["made up"] * count, images, wholes, hidden, clean, before)


def remarks(answer: np.ndarray, batch: PhotoBatch) -> list[Remark]:
    """What changes where: outside what is hidden, and in it."""
    changed = (answer != batch.images).any(axis=-1)
    outside, inside = changed[batch.hidden == 0].mean(), changed[batch.hidden > 0].mean()
    said = "leaves all pixels as they are" if outside == 0 else f"changes {outside:.1%} of the pixels"
    return [
        Remark("outside", bool(outside == 0), f"{said} outside what is hidden"),
        Remark("hidden", bool(inside > 0), f"changes {inside:.1%} of the pixels in it"),
    ]
