"""Made-up occluded faces, and what check-method says of what a method tells of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from occset.benchmark.tasks import made_up
from occset.benchmark.tasks.definition import Remark
from occset.benchmark.tasks.reconstruction.answer import Answer
from occset.benchmark.tasks.reconstruction.batch import FaceBatch
from occset.benchmark.tasks.reconstruction.geometry_metrics import landmark_error
from occset.benchmark.tasks.reconstruction.pixel_metrics import pixel_metrics


def make_batch(size: int, count: int) -> FaceBatch:
    """Drawings of faces, (size, size) pixels, each with one colour over an oval hole; they have no coefficients."""
    clean = np.stack([made_up.face(size, seed) for seed in range(count)])
    holes = np.stack([made_up.hole(size, seed) for seed in range(count)])
    faces = np.repeat(made_up.face_mask(size)[None], count, axis=0)
    images = np.where(holes[..., None] > 0, np.array(made_up.OCCLUDER, np.uint8), clean)
    hidden = ((holes & faces) > 0).sum((1, 2)) / (faces > 0).sum((1, 2))
    points = np.repeat(made_up.points(size)[None], count, axis=0)
    names, types = made_up.names(count), ["made up"] * count
    unknown: list[Any] = [None] * count
    return FaceBatch(
        names, names, types, images, clean, faces, hidden, points, list(points), unknown, unknown, unknown
    )  # fmt: skip


def remarks(answer: Answer, batch: FaceBatch) -> list[Remark]:
    """How much of the drawn face the render covers, and what the method tells of geometry."""
    found = [
        pixel_metrics(*one) for one in zip(answer.renders, answer.masks, batch.clean, batch.clean_masks, strict=True)
    ]
    coverage, lpix = (float(np.mean([row[key] for row in found])) for key in ("coverage", "lpix"))
    said = f"covers {coverage:.1%} of the made-up face, Lpix {lpix:.2f} (which is a rough drawing: no score)"
    return [Remark("covers", coverage > 0, said), Remark("geometry", True, _tells(answer, batch))]


def _tells(answer: Answer, batch: FaceBatch) -> str:
    told = [name for name, part in answer.geometry(0)._asdict().items() if part is not None]
    if not told:
        return "tells none: has no geometry(coefficients, size), so landmarks and vertices stay without a figure"
    said = f"tells {', '.join(told)}"
    if "points" in told:
        off = [landmark_error(*pair) for pair in zip(answer.points, batch.landmarks, strict=True)]
        said += f"; five points {np.mean(off):.0f} % of the distance of the eyes from the drawing's"
    if "vertices" not in told:
        said += "; no vertices of a topology that can be compared"
    return said
