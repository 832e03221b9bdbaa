"""How segmentation is rendered, run and scored; see `occset.benchmark.tasks.definition.Evaluator`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from occset.benchmark.methods.guard import (
    Checked,
    Hand,
    call,
    check_masks,
    name_samples,
    read_only,
    to_size,
    what_is_given,
)
from occset.benchmark.methods.interfaces import Segmenter
from occset.benchmark.tasks.segmentation.batch import MaskBatch, render_masks
from occset.benchmark.tasks.segmentation.scores import boundary, evaluate_masks
from occset.dataset.recipes import Recipe
from occset.pictures.masks import harden
from occset.samples.render import Renderer

_DIMMED = 4  # what is not called face is this many times darker
_LINE = (64, 255, 96)


class MaskEvaluator:
    """Masks are held against the face that is seen; nothing is pasted, and no landmark is needed."""

    def __init__(self, judges: Mapping[str, Any]) -> None:
        """There is nobody to judge."""

    def render(self, renderer: Renderer, recipes: Sequence[Recipe]) -> MaskBatch:
        """Render recipes of one size."""
        return render_masks(renderer, recipes)

    def shared(self, batch: MaskBatch) -> dict[str, np.ndarray]:
        """Pictures that belong to no method, (B, H, W, 3) uint8 by what they show."""
        return {"input": batch.images, "truth": _show(batch.images, batch.truths)}

    def answers(self, batch: MaskBatch) -> dict[str, np.ndarray]:
        """What controls may be given, (B, H, W) uint8 both."""
        return {"truth": batch.truths, "face": batch.clean_masks}

    def run(self, method: Any, batch: MaskBatch, answers: Mapping[str, Any], hand: Hand = read_only) -> Checked:
        """The masks that a method finds."""
        return run_segmenter(method, batch.images, ids=batch.ids, hand=hand, **answers)

    def score(self, answer: np.ndarray, batch: MaskBatch) -> tuple[list[dict[str, Any]], np.ndarray]:
        """The columns of each sample, and what to show of it, (B, H, W, 3) uint8."""
        return evaluate_masks(answer, batch.truths, batch.ids), _show(batch.images, answer)


def run_segmenter(
    method: Segmenter,
    images: np.ndarray,
    *,
    ids: Sequence[str] | None = None,
    hand: Hand = read_only,
    **known: np.ndarray,
) -> Checked:
    """Run a method of segmentation on one batch and validate the outcome.

    The method sees read-only copies, and only what its `given` names. Masks of another size are scaled to the input's
    (area average down, linear up).

    Args:
        method: what to run.
        images: (B, H, W, 3) uint8 RGB.
        ids: the B samples' ids.
        hand: what arrays go through on their way to the method.
        known: ``truth`` and ``face``, both (B, H, W) uint8, for methods that are given them.

    Returns:
        The masks, (B, H, W) uint8, as `images` of the answer.

    Raises:
        BrokenMethod: the method raised, or returned something that is no soft mask; names method and samples.
        MissingExtra: the method needs a package that is not installed.
    """
    extra = what_is_given(method, {**known, "ids": ids}, hand)
    batch = name_samples(ids, len(images))
    returned = call(method, batch, lambda: method.segment(hand("images", images), **extra))
    check_masks(returned, len(images), f"{method.name} on {batch}")
    return to_size(returned, images.shape[1:3], cv2.INTER_LINEAR)


def _show(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Pictures with all darkened that a mask does not call face, and a line along its edge."""
    shown = []
    for image, mask in zip(images, masks, strict=True):
        face = harden(mask)
        picture = np.where(face[..., None] > 0, image, image // _DIMMED)
        picture[boundary(face) > 0] = _LINE
        shown.append(picture)
    return np.stack(shown)
