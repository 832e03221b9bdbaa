"""How de-occlusion is rendered, run and scored; see `occset.benchmark.tasks.definition.Evaluator`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from occset.benchmark.identity.judge import CosineJudge
from occset.benchmark.methods.guard import (
    Checked,
    Hand,
    call,
    check_pictures,
    name_samples,
    read_only,
    to_size,
    what_is_given,
)
from occset.benchmark.methods.interfaces import Deoccluder, Draws
from occset.benchmark.tasks.deocclusion.batch import Batch, render_batch
from occset.benchmark.tasks.deocclusion.columns import OPTIONAL
from occset.benchmark.tasks.deocclusion.pixels import composite, evaluate
from occset.dataset.recipes import Recipe
from occset.samples.render import Renderer


class PictureEvaluator:
    """Pictures are pasted into the hole and held against the clean ones; judges look at who they show."""

    def __init__(self, judges: Mapping[str, CosineJudge]) -> None:
        """Take over the judges, by key."""
        self.judges = judges

    def render(self, renderer: Renderer, recipes: Sequence[Recipe]) -> Batch:
        """Render recipes of one size, and let the judges look at who they show."""
        batch = render_batch(renderer, recipes)
        for judge in self.judges.values():
            judge.look(batch.truths, batch.images, batch.points)
        return batch

    def shared(self, batch: Batch) -> dict[str, np.ndarray]:
        """Pictures that belong to no method: (B, H, W[, 3]) uint8 by what they show."""
        return {"input": batch.images, "truth": batch.truths, "hole": batch.holes}

    def answers(self, batch: Batch) -> dict[str, np.ndarray]:
        """What controls may be given."""
        return {"truth": batch.truths, "face": batch.clean_masks}

    def run(self, method: Any, batch: Batch, answers: Mapping[str, Any], hand: Hand = read_only) -> Checked:
        """What a method makes of a batch."""
        return run_checked(method, batch.images, batch.footprints, ids=batch.ids, hand=hand, **answers)

    def score(self, answer: np.ndarray, batch: Batch) -> tuple[list[dict[str, Any]], np.ndarray]:
        """The columns of each sample, and its composite, (B, H, W, 3) uint8."""
        found = evaluate(answer, batch.images, batch.truths, batch.footprints, batch.holes, batch.ids)
        rows: list[dict[str, Any]] = [dict(scores) for scores in found]
        pasted = np.stack([composite(p, i, f) for p, i, f in zip(answer, batch.images, batch.footprints, strict=True)])
        for judge in self.judges.values():
            for row, columns in zip(rows, judge.columns(pasted, batch.points), strict=True):
                row |= columns
        return rows, pasted

    def beside(self, method: Any, batch: Batch, hand: Hand = read_only) -> list[dict[str, Any]]:
        """The columns of the best of several draws, of each sample that one which is nearest to the truth in the hole."""
        nearest, best = np.full(len(batch.ids), np.inf), batch.images.copy()
        for number in range(method.draws if isinstance(method, Draws) else 0):
            drawn, _ = run_checked(method, batch.images, batch.footprints, ids=batch.ids, hand=hand, draw=number)
            away = np.array([_away(*each) for each in zip(drawn, batch.truths, batch.holes, strict=True)])
            best[away < nearest] = drawn[away < nearest]
            nearest = np.minimum(away, nearest)
        if not np.isfinite(nearest).all():  # nobody drew
            return [dict.fromkeys(OPTIONAL, math.nan) for _ in batch.ids]
        found = evaluate(best, batch.images, batch.truths, batch.footprints, batch.holes, batch.ids)
        return [{key: scores[key.removeprefix("oracle_")] for key in OPTIONAL} for scores in found]


def _away(drawn: np.ndarray, truth: np.ndarray, hole: np.ndarray) -> float:
    inside = hole > 0
    return float(np.abs(drawn[inside].astype(np.int16) - truth[inside]).mean())


def run_checked(
    method: Deoccluder,
    images: np.ndarray,
    masks: np.ndarray | None,
    *,
    ids: Sequence[str] | None = None,
    hand: Hand = read_only,
    draw: int | None = None,
    **known: np.ndarray,
) -> Checked:
    """Run a method of de-occlusion on one batch and validate the outcome.

    The method sees read-only copies, and only what its `given` names. Pictures of another size are scaled to the
    input's (area average down, cubic up), which the answer tells.

    Args:
        method: what to run.
        images: (B, H, W, 3) uint8 RGB, occluded.
        masks: (B, H, W) uint8, 255 = hole; may be None for automatic methods.
        ids: the B samples' ids; they name the samples in errors, and go to methods that are given ``ids``.
        hand: what arrays go through on their way to the method.
        draw: number of one of its draws, of a method that has several, instead of what it answers.
        known: ``truth`` (B, H, W, 3) uint8 and ``face`` (B, H, W) uint8, for methods that are given them.

    Raises:
        BrokenMethod: the method raised, or returned something that cannot be scored; names method and samples.
        MissingExtra: the method needs a package that is not installed.
    """
    extra = what_is_given(method, {**known, "mask": masks, "ids": ids}, hand)
    holes = extra.pop("mask", None)
    batch = name_samples(ids, len(images))
    pictures = hand("images", images)

    def run() -> Any:
        if draw is not None and isinstance(method, Draws):
            return method.draw(pictures, holes, draw)
        return method.deocclude(pictures, holes, **extra)

    returned = call(method, batch, run)
    check_pictures(returned, len(images), f"{method.name} on {batch}")
    return to_size(returned, images.shape[1:3], cv2.INTER_CUBIC)
