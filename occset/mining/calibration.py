"""Where a rendered face is believed: learned from good faces, before any other face is held against its render.

A render is never quite the face that labels mean: its hair line is another, its jaw a little too wide, and the network that
poses it errs. On good faces, that is those whose label the model confirms and which nothing covers, all of the difference is
the render's. So the share of good faces that differ is looked at, place by place of the aligned crop, and a place counts the
less the more of them do: not at all where half of them differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np

from occset.dataset.occlusion_set import OcclusionSet
from occset.mining import signals
from occset.mining.model import probabilities, size_of
from occset.mining.scoring import Rendered, read_face, whole_faces
from occset.support.errors import OccsetError

GRID = 32
"""Places across and down the crop."""

LOOKED_AT, LEAST = 160, 20
"""Labelled faces that are looked at, at most; and good ones among them below which nothing can be learned."""

CONFIRMED, COVERED = 0.1, 0.15
"""Of a good face at most: 1 - IoU of label and prediction, and the share of its hull that the label leaves out."""

_BATCH = 16
_SEED = 0xCA1


class Calibration(NamedTuple):
    """What good faces say of the render.

    Attributes:
        trust: (`GRID`, `GRID`) float32 0..1, what a place counts; None where there are too few good faces.
        faces: how many good ones there were.
    """

    trust: np.ndarray | None
    faces: int

    def sentence(self) -> str:
        """What there is to tell."""
        if self.trust is None:
            return f"only {self.faces} good faces to calibrate the render on ({LEAST} are wanted): it is taken as it is"
        return f"the render is calibrated on {self.faces} good faces"


def calibrate(
    data: OcclusionSet, ids: Sequence[str], make_model: Callable[[], Any], rendered: Rendered, most: int = LOOKED_AT
) -> Calibration:
    """Learn where the render is to be believed.

    Args:
        data: the set.
        ids: candidates; some labelled ones among them are looked at, the same for the same set.
        make_model, rendered: see `occset.mining.scoring.score_faces`.
        most: faces that are looked at.

    Raises:
        BrokenMethod: a model returned something that cannot be used.
    """
    labelled = set(data.faces.loc[data.faces["mask"].notna(), "id"])
    able = sorted(labelled.intersection(ids))
    chosen = [able[k] for k in sorted(np.random.default_rng(_SEED).permutation(len(able))[:most])]
    model = make_model()
    size = size_of(model)
    differ, count = np.zeros((size, size), np.float64), 0
    for at in range(0, len(chosen), _BATCH):
        images, labels = _read(data, chosen[at : at + _BATCH], size)
        if not len(images):
            continue
        good = [
            is_good(chance > 0.5, label) for chance, label in zip(probabilities(model, images), labels, strict=True)
        ]
        if any(good):
            whole = whole_faces(rendered, images[good])
            differ += ((labels[good] > 0) != (whole > 0)).sum(0)
            count += sum(good)
    return Calibration(trust_of(differ / count) if count >= LEAST else None, count)


def _read(data: OcclusionSet, ids: Sequence[str], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of those that can be read; the others are told when they are scored."""
    found = []
    for face in ids:
        try:
            image, label = read_face(data, face, size)
        except OccsetError:
            continue
        if label is not None:
            found.append((image, label))
    if not found:
        return np.zeros((0, size, size, 3), np.uint8), np.zeros((0, size, size), np.uint8)
    return np.stack([image for image, _ in found]), np.stack([label for _, label in found])


def is_good(face: np.ndarray, label: np.ndarray) -> bool:
    """Whether a prediction (S, S) bool confirms a label (S, S) of a face that nothing covers."""
    if 1 - signals.iou(face, label) > CONFIRMED:
        return False
    return signals.fragments(label > 0).share <= COVERED


def trust_of(rate: np.ndarray) -> np.ndarray:
    """(S, S) shares of good faces that differ, 0..1, to what each place counts, (`GRID`, `GRID`) float32: 1 - 2 rate."""
    coarse = cv2.resize(rate.astype(np.float32), (GRID, GRID), interpolation=cv2.INTER_AREA)
    return np.clip(1 - 2 * coarse, 0, 1)
