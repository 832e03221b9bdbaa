"""The linear face: a face is a mean plus a sum of eigenfaces, and what hides is inferred from what shows.

This is the family of the paper's references [11-14], which restore a face's texture by PCA; `eigenfaces` has the
equations. Since the bench's pictures are aligned crops, the whole crop is modelled, at 128 px, background and all.
The few train faces that are hidden themselves (hair, glasses) are taken as they are, for the visible-face mask does
not tell an occluder from the background. What is pasted is made seamless by a membrane: the eigenfaces' own detail,
shifted smoothly to meet the picture at the hole's border.
"""

from __future__ import annotations

import hashlib
from itertools import islice

import cv2
import numpy as np

from occset.benchmark.methods.interfaces import TrainingFaces, holes
from occset.benchmark.tasks.deocclusion.methods.eigenfaces import Eigenfaces, learn
from occset.benchmark.tasks.deocclusion.methods.membrane import membrane
from occset.support.errors import BrokenMethod

SIZE = 128  # pixels of the model: eigenfaces of some hundred faces hold no finer detail
MOST_FACES = 2000  # of the train split, the first in its order: 390 MB while fitting
MOST_AXES = 300

PROBES = ((0.35, 0.58, 0.2, 0.8), (0.5, 0.85, 0.25, 0.75))
"""Where the eyes, and where nose and mouth are: top, bottom, left, right as shares of an aligned crop."""


class LinearFace:
    """Eigenfaces of the train split, fitted to what shows, pasted without a seam (PCA texture recovery)."""

    name = "pca"
    given: tuple[str, ...] = ("mask",)

    def __init__(self, size: int = SIZE, axes: int = MOST_AXES, most_faces: int = MOST_FACES) -> None:
        """A model of `size` x `size` pixels with at most `axes` eigenfaces of at most `most_faces` train faces."""
        self.size, self.axes, self.most_faces = size, axes, most_faces
        self.model: Eigenfaces | None = None
        self.weights_hash: str | None = None

    def fit(self, faces: TrainingFaces) -> None:
        """Learn the eigenfaces.

        Raises:
            BrokenMethod: there are fewer than two faces, or all are alike.
        """
        pictures = self._pictures(faces)
        if len(pictures) < 2 or not pictures.std(axis=0).any():
            raise BrokenMethod(f"{self.name} needs at least two different train faces, and there are {len(pictures)}")
        self.model = learn(pictures, self.axes, self._probes())
        # Of what went in, not of the numbers that came out: those differ in the last bit between machines.
        said = f"{self.name} {self.size} {self.axes} {len(pictures)} {faces.fingerprint}"
        self.weights_hash = hashlib.sha256(said.encode()).hexdigest()

    def deocclude(self, images: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
        """(B, H, W, 3) uint8 RGB and (B, H, W) uint8 holes in; (B, H, W, 3) uint8 RGB out.

        Raises:
            BrokenMethod: `fit` has not been called.
        """
        if self.model is None:
            raise BrokenMethod(f"{self.name} has to learn from the train split first: call fit(faces)")
        pairs = zip(images, holes(masks, self.name), strict=True)
        return np.stack([_paste(image, self._infer(self.model, image, hole), hole) for image, hole in pairs])

    def _infer(self, model: Eigenfaces, image: np.ndarray, hole: np.ndarray) -> np.ndarray:
        """The most probable face, (H, W, 3) float32."""
        height, width = hole.shape
        small = self._shrink(image).astype(np.float32).reshape(1, -1)
        # Any pixel of the model that mixes in some of the hole is hidden.
        hidden = self._shrink(hole.astype(np.float32)) > 0
        face = model.infer(small, np.repeat(hidden.ravel(), 3)).reshape(self.size, self.size, 3)
        return cv2.resize(face, (width, height), interpolation=cv2.INTER_CUBIC)

    def _pictures(self, faces: TrainingFaces) -> np.ndarray:
        """(N, size * size * 3) float32, a row a face."""
        pictures = np.empty((min(len(faces), self.most_faces), self.size * self.size * 3), np.float32)
        count = 0
        for face in islice(faces, len(pictures)):
            pictures[count] = self._shrink(face.image).ravel()
            count += 1
        return pictures[:count]

    def _shrink(self, image: np.ndarray) -> np.ndarray:
        return cv2.resize(image, (self.size, self.size), interpolation=cv2.INTER_AREA)

    def _probes(self) -> list[np.ndarray]:
        y, x = (np.mgrid[: self.size, : self.size] + 0.5) / self.size
        boxes = [(y > top) & (y < bottom) & (x > left) & (x < right) for top, bottom, left, right in PROBES]
        return [np.repeat(box.ravel(), 3) for box in boxes]


def _paste(image: np.ndarray, face: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """`face`, (H, W, 3) float32, into the hole of `image`, without a seam."""
    if not hole.any():
        return image
    # The membrane is wanted in the hole and round it only; two pixels of border are enough for it.
    rows, columns = _around(hole, 1), _around(hole, 0)
    box, part = hole[rows, columns], face[rows, columns]
    shifted = part + membrane(image[rows, columns] - part, box)
    filled = image.copy()
    filled[rows, columns][box] = np.rint(shifted[box]).clip(0, 255)
    return filled


def _around(hole: np.ndarray, across: int, border: int = 2) -> slice:
    first, last = np.flatnonzero(hole.any(axis=across))[[0, -1]]
    return slice(max(0, int(first) - border), int(last) + 1 + border)
