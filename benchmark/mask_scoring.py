"""How segmentation is rendered, run and scored: what `occset.benchmark.scoring.Scorer` asks of a task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from occset.benchmark.batches import MaskBatch, render_masks
from occset.benchmark.methods.guard import Checked, run_segmenter
from occset.benchmark.metrics.masks import boundary, evaluate_masks
from occset.dataset.recipes import Recipe
from occset.pictures.masks import harden
from occset.samples.render import Renderer

_DIMMED = 4  # what is not called face is this many times darker
_LINE = (64, 255, 96)


class MaskJudge:
    """Masks are held against the face that is seen; nothing is pasted, and no landmark is needed."""

    def render(self, renderer: Renderer, recipes: Sequence[Recipe]) -> MaskBatch:
        """Render recipes of one size."""
        return render_masks(renderer, recipes)

    def shared(self, batch: MaskBatch) -> dict[str, np.ndarray]:
        """Pictures that belong to no method, (B, H, W, 3) uint8 by what they show."""
        return {"input": batch.images, "truth": _show(batch.images, batch.truths)}

    def answers(self, batch: MaskBatch) -> dict[str, np.ndarray]:
        """What controls may be given, (B, H, W) uint8 both."""
        return {"truth": batch.truths, "face": batch.clean_masks}

    def run(self, method: Any, batch: MaskBatch, answers: dict[str, np.ndarray]) -> Checked:
        """The masks that a method finds."""
        return run_segmenter(method, batch.images, ids=batch.ids, **answers)

    def score(self, masks: np.ndarray, batch: MaskBatch) -> tuple[list[dict[str, Any]], np.ndarray]:
        """The columns of each sample, and what to show of it, (B, H, W, 3) uint8."""
        return evaluate_masks(masks, batch.truths, batch.ids), _show(batch.images, masks)


def _show(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Pictures with all darkened that a mask does not call face, and a line along its edge."""
    shown = []
    for image, mask in zip(images, masks, strict=True):
        face = harden(mask)
        picture = np.where(face[..., None] > 0, image, image // _DIMMED)
        picture[boundary(face) > 0] = _LINE
        shown.append(picture)
    return np.stack(shown)
