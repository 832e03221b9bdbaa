"""Made-up pictures with a known mask, and what check-method says of the masks that a method finds in them."""

from __future__ import annotations

import numpy as np

from occset.benchmark.tasks import made_up
from occset.benchmark.tasks.definition import Remark
from occset.benchmark.tasks.segmentation.batch import MaskBatch
from occset.benchmark.tasks.segmentation.scores import evaluate_masks
from occset.pictures.masks import THRESHOLD


def make_batch(size: int, count: int) -> MaskBatch:
    """Drawings of faces, (size, size) pixels, each with one colour over an oval hole."""
    holes = np.stack([made_up.hole(size, seed) for seed in range(count)])
    bare = np.stack([made_up.face(size, seed) for seed in range(count)])
    faces = np.repeat(made_up.face_mask(size)[None], count, axis=0)
    names = made_up.names(count)
    images = np.where(holes[..., None] > 0, np.array(made_up.OCCLUDER, np.uint8), bare)
    return MaskBatch(names, names, ["made up"] * count, images, faces & ~holes, faces)


def remarks(answer: np.ndarray, batch: MaskBatch) -> list[Remark]:
    """How well it finds the face: a method that paints the opposite, or one class for all, shows here."""
    scores = evaluate_masks(answer, batch.truths, batch.ids)
    iou, share = float(np.mean([row["iou"] for row in scores])), (answer > THRESHOLD).mean()
    said = f"calls {share:.1%} of the pixels face, IoU {iou:.2f} with the made-up face"
    return [Remark("face", bool(0 < share < 1), f"{said} (which is a rough drawing: no score)")]
