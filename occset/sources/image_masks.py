"""A folder of pictures with face masks, the layout of COFW's segmentations: ``images/NAME.jpg`` and ``masks/NAME.png``.

Names pair them. A mask is 255 (or 1) where the face is visible. Faces are square here, so of a picture that is not the
square that holds most of the mask is taken. The five points come from the face detector where it is installed; a face
without them takes no occluder, and is benched by the protocol `natural`, on bare faces.
"""

from __future__ import annotations

import contextlib
from functools import cached_property
from pathlib import Path

import numpy as np

from occset.pictures.detector import FaceDetector
from occset.pictures.images import is_plain_rgb, read_image
from occset.pictures.listing import LOSSLESS, SUFFIXES, Listing, check_kind, list_pictures, namesakes, suffix_of
from occset.pictures.mask_doubts import doubt_of, marks_the_border
from occset.pictures.masks import read_mask
from occset.pictures.turned import Found, find_faces
from occset.sources.items import SPLITS, FaceItem
from occset.sources.photos import found_flags
from occset.support.errors import BadInput, MissingExtra
from occset.support.files import join_below

_WHOLE_BORDER = 0.9  # of a whole picture's border, which a face does not reach


class MaskedPictures:
    """What a folder has that holds pictures below ``images`` and says of each which pixels are face.

    Args:
        folder: where ``images`` is.
        landmarks, split, licence, confirm: as `ImageMasksSource` has them.

    Raises:
        BadInput: an option has a value that it cannot have, or there is no ``images``.
    """

    name: str
    holds: str
    """The layout, as errors tell it."""

    def __init__(self, folder: str, landmarks: str, split: str, licence: str, confirm: str) -> None:
        self.confirmed = {name.strip() for name in confirm.split(",") if name.strip()}
        if landmarks not in ("detect", "no"):
            raise BadInput(f"landmarks={landmarks} is not an option of {self.name}: use detect or no")
        if split not in ("", *SPLITS):
            raise BadInput(f"split={split} is not an option of {self.name}: use {', '.join(SPLITS)} or leave it out")
        self.split = split or None
        self.images, self.licence = Path(folder) / "images", licence
        self._require(self.images)
        self._detector: FaceDetector | None = None
        if landmarks == "detect":
            with contextlib.suppress(MissingExtra):  # the faces have no points then, which the set says of each
                self._detector = FaceDetector()

    def _require(self, part: Path) -> None:
        if not part.is_dir():
            raise BadInput(f"{part} is not there: {self.name} reads {self.holds}")

    @cached_property
    def _pictures(self) -> dict[str, list[Path]]:
        """Picture files by name."""
        found = list_pictures(self.images).by_name()
        return {name: [self.images / key for key in keys] for name, keys in found.items()}

    def _face(self, key: str, file: Path, image: np.ndarray, mask: np.ndarray, label: str) -> FaceItem:
        """The square that holds most of the mask, with its points; ``label`` is what errors call the mask."""
        if not mask.any():
            raise BadInput(f"{label}: no pixel is face: label it, or remove the picture")
        spread = mask.shape[0] != mask.shape[1] and marks_the_border(mask, _WHOLE_BORDER)
        rows, columns = _square(mask)
        whole = image.shape[0] == image.shape[1]
        image, mask = np.ascontiguousarray(image[rows, columns]), np.ascontiguousarray(mask[rows, columns])
        found = find_faces(self._detector, image) if self._detector else Found()
        points = found.faces[0].landmarks.astype(np.float64) if found.faces else None
        doubt = doubt_of(mask, points)
        if spread:  # of a photo that is inverted, the square may hold nothing but background
            doubt = doubt or "it marks the border of the whole picture, as if it were inverted"
        if doubt and not self.confirmed & {"all", key}:
            raise BadInput(f"{label}: {doubt}: if it is right all the same, take it with ?confirm={key}")
        return FaceItem(
            key,
            image,
            self.licence,
            file=file if whole and is_plain_rgb(file) else None,
            mask=mask,
            landmarks=points,
            landmarks_source="none" if points is None else "scrfd",
            flags=found_flags(found),
            split=self.split,
        )


class ImageMasksSource(MaskedPictures):
    """Labelled faces of a folder with `images` and `masks`.

    Args:
        folder: where the two are.
        landmarks: "detect" finds the five points where the detector is installed; "no" does without.
        split: "test" benches every face of the folder, "train" or "val" take them all for that; "" leaves it to the set.
        licence: terms of the pictures, as you know them.
        threshold: takes masks with soft edges, JPEG included: on is what is above it, 0..254 of 255; "" takes masks of two
            values only.
        confirm: names, comma-separated, of masks that are right although they are full, hardly anything or inverted
            against the face in the picture; "all" for all of them.

    Raises:
        BadInput: an option has a value that it cannot have, or one of the two folders is missing.
    """

    name, holds = "image-masks", "images/NAME.jpg and masks/NAME.png"

    def __init__(
        self,
        folder: str,
        landmarks: str = "detect",
        split: str = "",
        licence: str = "unknown: pictures of the folder's owner",
        threshold: str = "",
        confirm: str = "",
    ) -> None:
        if threshold and not (threshold.isdecimal() and int(threshold) <= 254):
            raise BadInput(f"threshold={threshold} is not an option of image-masks: use a whole number from 0 to 254")
        self.threshold = int(threshold) if threshold else None
        super().__init__(folder, landmarks, split, licence, confirm)
        self.masks = Path(folder) / "masks"
        self._require(self.masks)

    def face_keys(self) -> list[str]:
        """Names without suffix of all pictures and masks, sorted; `read_face` refuses what lacks the other half.

        Raises:
            BadInput: there is no picture.
        """
        if not self._pictures:
            raise BadInput(f"{self.images} has no {', '.join(SUFFIXES)}: put the pictures there")
        keys = sorted(set(self._pictures) | set(self._mask_files))
        if lost := self.confirmed - {"all", *keys}:
            raise BadInput(f"confirm={min(lost)}: {self.masks} has no mask of that name: take it from the message")
        return keys

    def notes(self) -> list[str]:
        """What was passed over in both folders, in sentences."""
        return [*list_pictures(self.images).notes(), *list_pictures(self.masks).notes()]

    @cached_property
    def _mask_files(self) -> dict[str, list[Path]]:
        """Mask files by name; those with losses count only where a threshold makes masks of them."""
        listing = list_pictures(self.masks)
        if self.threshold is None:
            listing = Listing(self.masks, [key for key in listing.keys if suffix_of(key) in LOSSLESS])
        return {name: [self.masks / key for key in keys] for name, keys in listing.by_name().items()}

    def read_face(self, key: str) -> FaceItem:
        """Read a picture and its mask.

        Raises:
            BadInput: one of them is missing, broken or of another size than the other, or two pictures have one name.
            UnsafePath: `key` leads out of the folder.
        """
        mask_files = self._mask_files.get(key, [])
        mask_file = mask_files[0] if mask_files else join_below(self.masks, f"{key}.png")
        if len(mask_files) > 1:
            raise BadInput(f"{mask_file}: {mask_files[1].name} is a mask of the same picture: keep one of them")
        files = self._pictures.get(key, [])
        if len(files) != 1:
            wrong = f"{files[0].name} and {files[1].name} share a name" if files else _absent(self.images, key)
            raise BadInput(f"{self.images / key}: {wrong}: each mask belongs to one picture of its name")
        if not mask_files:
            raise BadInput(
                f"{mask_file} is not there{_beside(self.masks, key)}: put the mask there, or remove the picture"
            )
        check_kind(files[0])
        image, mask = read_image(files[0]), read_mask(mask_file, self.threshold, "?threshold=127")
        if mask.shape != image.shape[:2]:
            raise BadInput(
                f"{mask_file} is {mask.shape[1]} x {mask.shape[0]} pixels, {files[0].name} "
                f"{image.shape[1]} x {image.shape[0]}: a mask has its picture's size"
            )
        return self._face(key, files[0], image, mask, str(mask_file))


def _absent(folder: Path, key: str) -> str:
    others = namesakes(folder, key)
    return f"there is no such picture, but {others[0]}, whose name differs" if others else "there is no such picture"


def _beside(folder: Path, key: str) -> str:
    """What is there instead of a mask."""
    others = namesakes(folder, f"{key}.png")
    if not others:
        return ""
    is_known = suffix_of(others[0]) in SUFFIXES and Path(others[0]).stem == Path(key).name
    return f", but {others[0]}, " + (
        "of a kind that blurs masks (save it as PNG, or take what is brighter than half with ?threshold=127)"
        if is_known
        else "whose name differs, or whose kind is not read"
    )


def _square(mask: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the largest square of a picture that holds most of its mask; of several, the middle one."""
    side = min(mask.shape)
    spans = []
    for axis in (0, 1):
        along = np.concatenate([[0], np.cumsum(np.count_nonzero(mask, axis=1 - axis))])
        held = along[side:] - along[:-side]
        best = np.flatnonzero(held == held.max())
        start = int(best[(len(best) - 1) // 2])
        spans.append(slice(start, start + side))
    return spans[0], spans[1]
