"""How reconstruction is rendered, run and scored; see `occset.benchmark.tasks.definition.Evaluator`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from occset.benchmark.identity.judge import IdentityJudge
from occset.benchmark.methods.guard import Hand, read_only
from occset.benchmark.methods.interfaces import Geometry
from occset.benchmark.tasks.reconstruction import geometry_metrics as far
from occset.benchmark.tasks.reconstruction.answer import Answer, run_reconstructor
from occset.benchmark.tasks.reconstruction.batch import FaceBatch, Strangers, render_faces
from occset.benchmark.tasks.reconstruction.columns import OPTIONAL
from occset.benchmark.tasks.reconstruction.pixel_metrics import pixel_metrics
from occset.benchmark.tasks.reconstruction.posed_face import skin_weights
from occset.dataset.recipes import Recipe
from occset.pictures.masks import harden
from occset.samples.render import Renderer


class FaceEvaluator:
    """Renders are held against the clean picture, geometry against landmarks and, where it is known, the truth."""

    def __init__(self, judges: Mapping[str, IdentityJudge]) -> None:
        """Take over the judges, by key."""
        self.judges = judges
        self.strangers = Strangers()

    def render(self, renderer: Renderer, recipes: Sequence[Recipe]) -> FaceBatch:
        """Render recipes of one size, and let the judges look at who they show."""
        batch = render_faces(renderer, recipes, self.strangers)
        for judge in self.judges.values():
            judge.look(batch.clean, batch.images, batch.points)
        return batch

    def shared(self, batch: FaceBatch) -> dict[str, np.ndarray]:
        """Pictures that belong to no method, (B, H, W, 3) uint8 by what they show."""
        return {"input": batch.images, "truth": batch.clean}

    def answers(self, batch: FaceBatch) -> dict[str, Any]:
        """What controls, and the mean face, may be given."""
        return {
            "photo": batch.clean,
            "face": batch.clean_masks,
            "points": batch.points,
            "truth": batch.truths,
            "other": batch.others,
        }

    def run(
        self, method: Any, batch: FaceBatch, answers: Mapping[str, Any], hand: Hand = read_only
    ) -> tuple[Answer, tuple[int, int] | None]:
        """What a method tells of the faces."""
        return run_reconstructor(method, batch.images, ids=batch.ids, hand=hand, **answers)

    def score(self, answer: Answer, batch: FaceBatch) -> tuple[list[dict[str, Any]], np.ndarray]:
        """The columns of each sample, and the render over the picture, (B, H, W, 3) uint8."""
        rows: list[dict[str, Any]] = []
        for at in range(len(batch.ids)):
            row: dict[str, Any] = pixel_metrics(
                answer.renders[at], answer.masks[at], batch.clean[at], batch.clean_masks[at]
            )
            row |= _geometry_columns(answer.geometry(at), batch.landmarks[at], batch.known[at])
            row |= {"hidden": float(batch.hidden[at]), "landmark_points": len(batch.landmarks[at])}
            rows.append(row)
        covered = np.stack([harden(mask) for mask in answer.masks])[..., None] > 0
        for judge in self.judges.values():
            alone = np.where(covered, answer.renders, np.uint8(0))
            for row, columns in zip(rows, judge.columns(alone, batch.points), strict=True):
                row |= columns
        return rows, np.where(covered, answer.renders, batch.images)


def _geometry_columns(told: Geometry, landmarks: np.ndarray, known: Geometry | None) -> dict[str, float]:
    """Figures of one face; NaN for those that cannot be had.

    Args:
        told: by the method, of one face: without the batch's axis.
        landmarks: (68, 2) or (5, 2) pixels.
        known: the truth, a batch of one.
    """
    found = dict.fromkeys(OPTIONAL, math.nan)
    if told.points is not None:
        found["landmark_error"] = far.landmark_error(told.points, landmarks)
    if known is None:
        return found
    truth = Geometry(*(part[0] for part in known))  # type: ignore[index]
    if told.landmarks is not None:
        found["landmark_mm"] = far.landmark_mm(told.landmarks, truth.landmarks)  # type: ignore[arg-type]
    if told.vertices is not None:
        for key, scaled in (("vertex_mm", False), ("vertex_scaled_mm", True)):
            found[key] = far.vertex_mm(told.vertices, truth.vertices, skin_weights(), scaled)  # type: ignore[arg-type]
    if told.albedo is not None:
        found["albedo_error"] = far.albedo_error(told.albedo, truth.albedo, skin_weights())  # type: ignore[arg-type]
    if told.light is not None:
        found["light_error"] = far.light_error(told.light, truth.light)  # type: ignore[arg-type]
    return found
