"""The train split of a set, as methods that learn get to see it: never a test face, never a test occluder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import numpy as np

from occset.benchmark.methods.interfaces import TrainingFace
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.usable import usable_faces
from occset.samples.render import Renderer


class TrainSplit:
    """Labelled faces of the train split at one size, in the order of their ids; can be iterated more than once.

    Implements `occset.benchmark.methods.interfaces.TrainingFaces`.
    """

    def __init__(self, data: OcclusionSet, size: int, need_landmarks: bool = True) -> None:
        """Look up the faces; reads no picture yet. Without `need_landmarks`, those that have none come with NaN."""
        self.ids = usable_faces(data, "train", need_landmarks)
        self.size = size
        digest = hashlib.sha256(str(size).encode())
        for row in map(data.face_row, self.ids):  # a face that was relabelled is another one
            points = None if row["landmarks"] is None else [float(v) for v in row["landmarks"]]
            digest.update(json.dumps([row["id"], row["sha256"], row["mask"], points]).encode())
        self.fingerprint = digest.hexdigest()
        self._renderer = Renderer(data, keep=16)

    def __len__(self) -> int:
        """How many faces."""
        return len(self.ids)

    def __iter__(self) -> Iterator[TrainingFace]:
        """Read the faces one after another."""
        for face in self.ids:
            image, mask, points = self._renderer.face(face, self.size)
            known = np.full((5, 2), np.nan) if points is None else points
            yield TrainingFace(image.copy(), mask.copy(), known)  # the renderer keeps its own for the next look
