"""Aligned crops of photos, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from occset.pictures.align import align_face
from occset.pictures.detector import FaceDetector
from occset.pictures.images import read_image
from occset.pictures.turned import find_all_faces, find_faces
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
        file: the photo.
        face: number of the face in its photo, the largest first, from 0.
    """

    name: str
    image: np.ndarray
    matrix: np.ndarray
    shape: tuple[int, int]
    file: Path
    face: int = 0

    def lay_back(self, layer: np.ndarray) -> np.ndarray:
        """A layer of the crop, (S, S) or (S, S, C) uint8, as one of the photo, (H, W[, C]); 0 beyond the crop."""
        height, width = self.shape
        backward = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(layer, self.matrix, (width, height), flags=backward, borderMode=cv2.BORDER_CONSTANT)


@dataclass(frozen=True)
class Crops:
    """The crops of a photo.

    Attributes:
        crops: one a face that is taken, the largest first.
        left: faces that were found and are not taken.
        doubt: why the photo may be taken the wrong way round; "" where nothing speaks against it.
    """

    crops: list[Crop]
    left: int = 0
    doubt: str = ""


def crop_photo(
    name: str, file: Path, detector: FaceDetector | None, size: int = CROP, all_faces: bool = False
) -> Crops:
    """The largest face of a photo, all of its faces, or the whole of an aligned square.

    Args:
        name: of the photo.
        file: the photo.
        detector: finds the face, whichever way the photo lies; None where the photo is an aligned square.
        size: side of the crop, pixels.
        all_faces: take all faces, small ones too.

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
        return Crops([Crop(name, image, matrix, (height, width), file)])
    found = find_all_faces(detector, photo) if all_faces else find_faces(detector, photo)
    if not found.faces:
        raise BadInput(f"{file}: no face found: give a photo with a face, or --no-align for one that is aligned")
    crops = []
    for number, face in enumerate(found.faces if all_faces else found.faces[:1]):
        image, _, matrix = align_face(photo, face.landmarks, size)
        crops.append(Crop(name, image, matrix, (height, width), file, number))
    return Crops(crops, len(found.faces) - len(crops), found.doubt)
