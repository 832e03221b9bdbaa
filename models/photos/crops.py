"""Aligned crops of photos, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from occset.pictures.align import align_face
from occset.pictures.detector import FaceDetector
from occset.pictures.images import read_image
from occset.support.errors import BadInput

CROP = 256
"""Side of the aligned crops, pixels."""


@dataclass(frozen=True)
class Crop:
    """An aligned face of a photo.

    Attributes:
        name: of the photo, as `occset.models.photos.files.find_photos` gives it.
        image: (S, S, 3) uint8 RGB.
        matrix: (2, 3) float, from the photo's pixels to the crop's.
        shape: (height, width) of the photo.
    """

    name: str
    image: np.ndarray
    matrix: np.ndarray
    shape: tuple[int, int]

    def lay_back(self, layer: np.ndarray) -> np.ndarray:
        """A layer of the crop, (S, S) or (S, S, C) uint8, as one of the photo, (H, W[, C]); 0 beyond the crop."""
        height, width = self.shape
        backward = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(layer, self.matrix, (width, height), flags=backward, borderMode=cv2.BORDER_CONSTANT)


def crop_photo(name: str, file: Path, detector: FaceDetector | None, size: int = CROP) -> Crop:
    """The largest face of a photo, or the whole of an aligned square.

    Args:
        name: of the photo.
        file: the photo.
        detector: finds the face; None where the photo is an aligned square.
        size: side of the crop, pixels.

    Raises:
        BadInput: the photo cannot be read, holds no face, or is no square.
    """
    photo = read_image(file)
    height, width = photo.shape[:2]
    if detector is None:
        if height != width:
            raise BadInput(f"{file}: is {width} x {height} and not an aligned square: leave out --no-align")
        scale = size / width
        matrix = np.array([[scale, 0, scale / 2 - 0.5], [0, scale, scale / 2 - 0.5]])
        image = cv2.resize(photo, (size, size), interpolation=cv2.INTER_AREA)
        return Crop(name, image, matrix, (height, width))
    faces = detector.detect(photo)
    if not faces:
        raise BadInput(f"{file}: no face found: give a photo with a face, or --no-align for one that is aligned")
    image, _, matrix = align_face(photo, faces[0].landmarks, size)
    return Crop(name, image, matrix, (height, width))
