"""Scoring faces: a map over chunks of ids, each face read, predicted several times, and turned into signals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from occset.dataset.occlusion_set import OcclusionSet
from occset.mining import signals
from occset.mining.model import features, probabilities, size_of
from occset.mining.signals import SIGNALS
from occset.pictures.images import shrink
from occset.pictures.masks import decode_rle, shrink_mask
from occset.support.errors import BrokenMethod, OccsetError
from occset.support.pools.processes import map_chunks

_CHUNK = 32  # the same for any number of workers: a network's last bits may depend on the size of its batch

Progress = Callable[[int, int], None]
Rendered = Callable[[np.ndarray], np.ndarray]
"""(B, S, S, 3) uint8 images to (B, S, S) uint8 masks of the whole face, 255 = the rendered face covers this pixel."""


@dataclass
class Scored:
    """Faces with their signals.

    Attributes:
        rows: one dictionary a face: `id`, `SIGNALS` (None where there is none), `pieces`, `holes`.
        features: (D,) float32 of each row.
        problems: faces that could not be read, and why.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    features: list[np.ndarray] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)

    def table(self) -> pd.DataFrame:
        """The rows as a table; signals are float64 with NaN for what is missing."""
        frame = pd.DataFrame(self.rows, columns=["id", *SIGNALS, "pieces", "holes"])
        return frame.astype({**dict.fromkeys(SIGNALS, "float64"), "pieces": "int32", "holes": "int32"})


def score_faces(
    data: OcclusionSet,
    ids: Sequence[str],
    make_model: Callable[[], Any],
    workers: int = 1,
    progress: Progress | None = None,
    rendered: Rendered | None = None,
    trust: np.ndarray | None = None,
) -> Scored:
    """Score faces of a set, in the order of ``ids``.

    Args:
        data: the set.
        ids: of the faces.
        make_model: picklable; makes the model, once in each worker.
        workers: processes.
        progress: called with (done, all).
        rendered: picklable; renders the whole face of each image, for `render_disagreement`.
        trust: what each place of the render counts, see `occset.mining.calibration`; all alike when None.

    Raises:
        BrokenMethod: the model returned something that cannot be scored.
        OccsetError: the model cannot be opened, or a worker died.
    """
    chunks = [list(ids[i : i + _CHUNK]) for i in range(0, len(ids), _CHUNK)]
    found, done = Scored(), 0
    for some, chunk in zip(
        map_chunks(partial(_Scorer, data, make_model, rendered, trust), chunks, workers), chunks, strict=True
    ):
        found.rows += some.rows
        found.features += some.features
        found.problems += some.problems
        done += len(chunk)
        if progress:
            progress(done, len(ids))
    return found


class _Scorer:
    """What a worker does."""

    def __init__(
        self, data: OcclusionSet, make_model: Callable[[], Any], rendered: Rendered | None, trust: np.ndarray | None
    ) -> None:
        self.data, self.model, self.rendered, self.trust = data, make_model(), rendered, trust
        self.size = size_of(self.model)

    def __call__(self, ids: list[str]) -> Scored:
        found = Scored()
        images: list[np.ndarray] = []
        labels: list[np.ndarray | None] = []
        names: list[str] = []
        for face in ids:
            try:
                image, label = read_face(self.data, face, self.size)
            except OccsetError as error:
                found.problems.append((face, str(error)))
                continue
            names.append(face)
            images.append(image)
            labels.append(label)
        if names:
            batch = np.stack(images)
            found.rows = [{"id": name, **row} for name, row in zip(names, self._signals(batch, labels), strict=True)]
            found.features = list(features(self.model, batch))
        return found

    def _signals(self, batch: np.ndarray, labels: list[np.ndarray | None]) -> list[dict[str, Any]]:
        chances = probabilities(self.model, batch)
        warped = []
        for warp in signals.WARPS:
            moved = np.stack([signals.warp_image(image, warp) for image in batch])
            warped.append([signals.unwarp(chance, warp) for chance in probabilities(self.model, moved)])
        whole = None if self.rendered is None else whole_faces(self.rendered, batch)
        rows = []
        for i, (chance, label) in enumerate(zip(chances, labels, strict=True)):
            face = chance > 0.5
            broken = signals.fragments(face)
            rows.append(
                {
                    "entropy": signals.entropy(chance),
                    "instability": signals.instability(chance, [others[i] for others in warped]),
                    "label_disagreement": None if label is None else 1 - signals.iou(face, label),
                    "fragments": broken.share,
                    "render_disagreement": None if whole is None else self._by_render(face, label, whole[i]),
                    "pieces": broken.pieces,
                    "holes": broken.holes,
                }
            )
        return rows

    def _by_render(self, face: np.ndarray, label: np.ndarray | None, whole: np.ndarray) -> float:
        """The farther of prediction and label."""
        masks = [face] if label is None else [face, label]
        return max(signals.disagreement(mask, whole, self.trust) for mask in masks)


def read_face(data: OcclusionSet, face: str, size: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Picture (S, S, 3) and label (S, S) of a face, uint8, at a size; None where it has no label.

    Raises:
        OccsetError: it cannot be read.
    """
    row = data.face_row(face)
    image = shrink(data.load_image(face), size)
    if not isinstance(row["mask"], str):
        return image, None
    return image, shrink_mask(decode_rle(row["mask"], row["height"], row["width"]), size)


def whole_faces(rendered: Rendered, batch: np.ndarray) -> np.ndarray:
    """The masks of whole faces (B, S, S) of images (B, S, S, 3).

    Raises:
        BrokenMethod: what renders them returned something else.
    """
    whole = np.asarray(rendered(batch))
    if whole.shape != batch.shape[:3]:
        raise BrokenMethod(f"what renders faces returned masks {whole.shape} for images {batch.shape}")
    return whole
