"""Made-up occluded pictures, and what check-method says of what a method makes of them."""

from __future__ import annotations

import numpy as np

from occset.benchmark.tasks import made_up
from occset.benchmark.tasks.definition import Remark
from occset.benchmark.tasks.deocclusion.batch import Batch


def make_batch(size: int, count: int) -> Batch:
    """Drawings of faces, (size, size) pixels, each with one colour over an oval hole."""
    truths = np.stack([made_up.face(size, seed) for seed in range(count)])
    holes = np.stack([made_up.hole(size, seed) for seed in range(count)])
    faces = np.repeat(made_up.face_mask(size)[None], count, axis=0)
    names = made_up.names(count)
    images = np.where(holes[..., None] > 0, np.array(made_up.OCCLUDER, np.uint8), truths)
    points = np.repeat(made_up.points(size)[None], count, axis=0)
    return Batch(names, names, ["made up"] * count, images, truths, holes, holes & faces, faces, points)


def remarks(answer: np.ndarray, batch: Batch) -> list[Remark]:
    """What changes where: outside the hole, which the composite throws away, and in it."""
    changed = (answer != batch.images).any(axis=-1)
    outside, hole = changed[batch.footprints == 0].mean(), changed[batch.footprints > 0].mean()
    said = "leaves all pixels as they are" if outside == 0 else f"changes {outside:.1%} of the pixels"
    return [
        Remark("outside", bool(outside == 0), f"{said} outside the hole"),
        Remark("hole", bool(hole > 0), f"changes {hole:.1%} of the pixels in the hole"),
    ]
