"""ArcFace as a judge of tasks whose pictures show somebody: the column `id`.

A second judge has a `JudgeKind` and a class like `IdentityJudge` of its own, and stands beside this one in the `judges`
of a task.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from occset.benchmark.tasks.metric import Metric
from occset.benchmark.tasks.parts import JudgeKind

if TYPE_CHECKING:
    import numpy as np

    from occset.models.arcface import ArcFaceFile

METRIC = Metric(
    "id",
    "ID",
    True,
    "",
    4,
    "primary",
    "ArcFace cosine between the composite and the truth, both warped by the truth's five landmarks to 112 x 112.",
)

ARCFACE = JudgeKind(
    key="id",
    network="ArcFace",
    columns=("id",),
    missing="no ArcFace file was given",
    find="occset.benchmark.identity.judge:find",
    load="occset.benchmark.identity.judge:IdentityJudge",
)


def find(file: Path | None) -> ArcFaceFile | str:
    """The ArcFace file, tried; or why there is none, or nothing to run it with.

    Raises:
        BadInput: the file that is named cannot be used.
    """
    from occset.models.arcface import ArcFace, NoArcFace, find_arcface
    from occset.support.errors import MissingExtra

    try:
        found = find_arcface(file)
        ArcFace(found, threads=1)
    except (NoArcFace, MissingExtra) as error:
        return str(error)
    return found


class IdentityJudge:
    """Compares who pictures show with who the truth of the same batch shows."""

    def __init__(self, file: ArcFaceFile) -> None:
        """Load the network, on one thread."""
        from occset.models.arcface import ArcFace

        self.arcface = ArcFace(file, threads=1)
        self._known: np.ndarray | None = None

    def look(self, truths: np.ndarray, inputs: np.ndarray, points: np.ndarray) -> None:
        """Remember who a batch shows.

        Args:
            truths: (B, H, W, 3) uint8 clean pictures.
            inputs: the same, occluded; for judges who tell how much of the gap between the two is closed.
            points: (B, 5, 2) float pixels, the five points of the truth.
        """
        self._known = self.arcface.embed(truths, points)

    def columns(self, pictures: np.ndarray, points: np.ndarray) -> list[dict[str, float]]:
        """The judge's columns of each of (B, H, W, 3) uint8 pictures of the batch that was looked at last."""
        from occset.models.arcface import similarity

        if self._known is None:
            raise RuntimeError("the judge has not looked at the truth of this batch: call look() first")
        return [{METRIC.key: float(cosine)} for cosine in similarity(self.arcface.embed(pictures, points), self._known)]
