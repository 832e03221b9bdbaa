"""Aligned crops of photos, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from occset.models.photos.stages import stage
from occset.pictures.align import align_face, warp_to_crop
from occset.pictures.detector import FaceDetector
from occset.pictures.images import read_image
from occset.pictures.landmarks import transform_points
from occset.pictures.turned import find_all_faces, find_faces
from occset.support.errors import BadInput

CROP = 256
"""Side of the aligned crops, pixels."""

ReadMask = Callable[[str, tuple[int, int]], np.ndarray]
"""Gives the mask that somebody made for the photo of a name and a (height, width): (H, W) uint8, 0 or 255."""


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
        faces: how many faces of the photo are taken.
        mask: (S, S) uint8, 255 where any pixel of the photo's mask falls; None where the photo came without one.
        own: (S, S) uint8, 255 where no other crop of the photo is nearer; None with `mask`.
    """

    name: str
    image: np.ndarray
    matrix: np.ndarray
    shape: tuple[int, int]
    file: Path
    face: int = 0
    faces: int = 1
    mask: np.ndarray | None = None
    own: np.ndarray | None = None

    def lay_back(self, layer: np.ndarray) -> np.ndarray:
        """A layer of the crop, (S, S) or (S, S, C) uint8, as one of the photo, (H, W[, C]); 0 beyond the crop."""
        height, width = self.shape
        backward = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(layer, self.matrix, (width, height), flags=backward, borderMode=cv2.BORDER_CONSTANT)

    def cut(self) -> tuple[tuple[slice, slice], Crop]:
        """Rows and columns of the photo that the crop reaches, and the crop as one of that part alone.

        What is laid back into the part costs what the face costs, however large the photo is.
        """
        side = self.image.shape[0]
        corners = np.array([[-1, -1], [side, -1], [-1, side], [side, side]], np.float64)
        reached = transform_points(corners, cv2.invertAffineTransform(self.matrix))
        height, width = self.shape
        left, top = np.clip(np.floor(reached.min(0)).astype(int), 0, (width - 1, height - 1))
        right, bottom = np.clip(np.ceil(reached.max(0)).astype(int) + 1, (left + 1, top + 1), (width, height))
        matrix = np.array(self.matrix, np.float64)
        matrix[:, 2] += matrix[:, :2] @ (left, top)
        part = replace(self, matrix=matrix, shape=(int(bottom - top), int(right - left)))
        return (slice(int(top), int(bottom)), slice(int(left), int(right))), part


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
    name: str,
    file: Path,
    detector: FaceDetector | None,
    size: int = CROP,
    all_faces: bool = False,
    masks: ReadMask | None = None,
) -> Crops:
    """The largest face of a photo, all of its faces, or the whole of an aligned square.

    Args:
        name: of the photo.
        file: the photo.
        detector: finds the face, whichever way the photo lies; None where the photo is an aligned square.
        size: side of the crop, pixels.
        all_faces: take all faces, small ones too.
        masks: gives the photo's mask, which is cropped like the photo; None where there are no masks.

    Raises:
        BadInput: the photo or its mask cannot be read, holds no face, or is no square.
    """
    with stage("read"):
        photo = read_image(file)
    height, width = photo.shape[:2]
    mask = None if masks is None else masks(name, (height, width))
    if detector is None:
        if height != width:
            raise BadInput(f"{file}: is {width} x {height} and not an aligned square: leave out --no-align")
        scale = size / width
        matrix = np.array([[scale, 0, scale / 2 - 0.5], [0, scale, scale / 2 - 0.5]])
        image = cv2.resize(photo, (size, size), interpolation=cv2.INTER_AREA)
        if mask is not None:
            mask = _marked(cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA))
        return Crops([Crop(name, image, matrix, (height, width), file, mask=mask, own=_nearest([matrix], 0, size))])
    found = crop_faces(name, file, photo, detector, size, all_faces)
    if not found.crops:
        raise BadInput(f"{file}: no face found: give a photo with a face, or --no-align for one that is aligned")
    crops = found.crops
    if mask is not None:
        layers, matrices = np.repeat(mask[..., None], 3, axis=2), [crop.matrix for crop in crops]
        crops = [
            replace(
                crop,
                mask=_marked(warp_to_crop(layers, crop.matrix, size)[..., 0]),
                own=_nearest(matrices, crop.face, size),
            )
            for crop in crops
        ]
    return replace(found, crops=crops)


def crop_faces(
    name: str, file: Path, photo: np.ndarray, detector: FaceDetector, size: int = CROP, all_faces: bool = False
) -> Crops:
    """The largest face of a photo that is read already, or all of its faces; no crops where it has none.

    Args:
        name: of the photo.
        file: how the photo is called.
        photo: (H, W, 3) uint8 RGB.
        detector: finds the face, whichever way the photo lies.
        size: side of the crop, pixels.
        all_faces: take all faces, small ones too.
    """
    with stage("detect"):
        found = find_all_faces(detector, photo) if all_faces else find_faces(detector, photo)
    taken = found.faces if all_faces else found.faces[:1]
    with stage("align"):
        aligned = [align_face(photo, face.landmarks, size) for face in taken]
    shape = (photo.shape[0], photo.shape[1])
    crops = [
        Crop(name, image, matrix, shape, file, number, len(aligned))
        for number, (image, _, matrix) in enumerate(aligned)
    ]
    return Crops(crops, len(found.faces) - len(crops), found.doubt)


def _marked(warped: np.ndarray) -> np.ndarray:
    """A mask after its warp: on where anything of it fell, so that nothing of an occluder is left at its rim."""
    return np.where(warped > 0, np.uint8(255), np.uint8(0))


def _nearest(matrices: Sequence[np.ndarray], which: int, size: int) -> np.ndarray:
    """(S, S) uint8, 255 where no other crop's middle is nearer, each distance in sides of that crop.

    What hides a face reaches into the crops of its neighbours; each pixel of it is painted for one face.
    """
    rows, columns = np.mgrid[:size, :size]
    grid = np.stack([columns, rows], -1).reshape(-1, 2).astype(np.float64)
    photo = transform_points(grid, cv2.invertAffineTransform(np.asarray(matrices[which], np.float64)))
    middle = (size - 1) / 2
    away = [np.square(transform_points(photo, matrix) - middle).sum(1) for matrix in matrices]
    mine = away[which] <= np.min(away, axis=0) + 1e-6
    return np.where(mine.reshape(size, size), np.uint8(255), np.uint8(0))
