"""A folder of photos of any size, without labels: aligned by a detector's five points, or taken as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from occset.pictures.align import align_face
from occset.pictures.detector import Detection, FaceDetector
from occset.pictures.images import is_plain_rgb, read_image
from occset.pictures.listing import SUFFIXES, check_kind, list_pictures
from occset.pictures.turned import Found, find_all_faces, find_faces
from occset.sources.items import FaceItem
from occset.support.errors import BadInput, MissingExtra
from occset.support.files import join_below

_LEAST_SIDE = 32
_MUCH_ENLARGED = 2.0


class PhotosSource:
    """Faces of a folder of photos and its sub-folders, see `occset.pictures.listing`.

    Args:
        folder: where the photos are.
        align: "yes" turns, scales and crops each photo by the five points of its largest face; "no" takes it as it is,
            and of one that is not square the square in its middle.
        size: side of an aligned crop in pixels.
        licence: terms of the photos, as you know them.
        faces: "largest", or "all" for every face of a photo, small ones too, which aligning only can tell apart.
        masks: "no", or the network whose masks those faces get that come into the split "train", where it is sure of them,
            such as "ns"; see `occset.mining.machine_masks`.

    Raises:
        BadInput: an option has a value that it cannot have.
        MissingExtra: `align` is "yes" and the detector is not installed.
    """

    name = "photos"

    def __init__(
        self,
        folder: str,
        align: str = "yes",
        size: str = "512",
        licence: str = "unknown: photos of the folder's owner",
        faces: str = "largest",
        masks: str = "no",
    ) -> None:
        if align not in ("yes", "no"):
            raise BadInput(f"align={align} is not an option of photos: use yes or no")
        if not size.isdecimal() or not 64 <= int(size) <= 4096:
            raise BadInput(f"size={size} is not an option of photos: use a whole number from 64 to 4096")
        if faces not in ("largest", "all") or (faces, align) == ("all", "no"):
            raise BadInput(f"faces={faces} is not an option of photos: use largest, or all with align=yes")
        if not masks:
            raise BadInput("masks= names no network: write masks=ns, or masks=no")
        self.masks_by = "" if masks == "no" else masks
        self.takes_all = faces == "all"
        self.folder, self.aligns, self.size, self.licence = Path(folder), align == "yes", int(size), licence
        self._detector: FaceDetector | None = None
        try:
            self._detector = FaceDetector()
        except MissingExtra:
            if self.aligns:
                raise

    def face_keys(self) -> list[str]:
        """Paths of all pictures below the folder, sorted.

        Pictures of a kind that cannot be read are listed too, so that `read_face` refuses them by name.

        Raises:
            BadInput: there are none.
        """
        listing = list_pictures(self.folder)
        if not listing.keys:
            raise BadInput(
                f"{self.folder} has no {', '.join(SUFFIXES)}: give a folder with photos{_told(listing.notes())}"
            )
        return listing.keys

    def notes(self) -> list[str]:
        """What was passed over, in sentences."""
        return list_pictures(self.folder).notes()

    def read_face(self, key: str) -> FaceItem:
        """Read the largest face of a photo; it has no mask.

        Flags: `faces_in_photo` where there are several, `enlarged` where the crop enlarges the photo more than twice,
        `turned` where a photo that is taken as it is lies on its side or head, by so many degrees anticlockwise, and
        `doubtful` where it cannot be told which way it lies, and why.

        Raises:
            BadInput: missing, broken, tiny, or, when aligning, without a face.
            UnsafePath: `key` leads out of the folder.
        """
        file, photo = self._open(key)
        if not self.aligns:
            return self._as_it_is(key, file, photo)
        found = find_faces(self._finder(), photo)
        self._check_found(found, file)
        flags = {"faces_in_photo": str(len(found.faces))} if len(found.faces) > 1 else {}
        return self._aligned(key, photo, found.faces[0], flags, found.doubt)

    def read_faces(self, key: str) -> list[FaceItem]:
        """Read the faces of a photo that are wanted; beside the largest, they are called ``key#2``, ``key#3``, ...

        Flags as in `read_face`, and `face_of_photo`, "2 of 5", where all of several are taken.

        Raises:
            BadInput: as `read_face`.
        """
        if not self.takes_all:
            return [self.read_face(key)]
        file, photo = self._open(key)
        found = find_all_faces(self._finder(), photo)
        self._check_found(found, file)
        items = []
        for number, face in enumerate(found.faces, start=1):
            flags = {"face_of_photo": f"{number} of {len(found.faces)}"} if len(found.faces) > 1 else {}
            name = key if number == 1 else f"{key}#{number}"
            items.append(self._aligned(name, photo, face, flags, found.doubt))
        return items

    def _open(self, key: str) -> tuple[Path, np.ndarray]:
        file = join_below(self.folder, key)
        check_kind(file)
        photo = read_image(file)
        if min(photo.shape[:2]) < _LEAST_SIDE:
            raise BadInput(f"{file} is {photo.shape[1]} x {photo.shape[0]} pixels, too small for a face: remove it")
        return file, photo

    def _finder(self) -> FaceDetector:
        assert self._detector is not None  # made with the source where photos are aligned
        return self._detector

    def _check_found(self, found: Found, file: Path) -> None:
        if not found.faces:
            raise BadInput(f"{file}: no face found: remove it, or take the photos as they are with ?align=no")

    def _aligned(self, name: str, photo: np.ndarray, face: Detection, flags: dict[str, str], doubt: str) -> FaceItem:
        crop, points, matrix = align_face(photo, face.landmarks, self.size)
        enlarged = float(np.hypot(matrix[0, 0], matrix[1, 0]))
        if enlarged > _MUCH_ENLARGED:
            flags["enlarged"] = f"{enlarged:.1f}"
        if doubt:
            flags["doubtful"] = doubt
        return FaceItem(name, crop, self.licence, landmarks=points, landmarks_source="scrfd", flags=flags)

    def _as_it_is(self, key: str, file: Path, photo: np.ndarray) -> FaceItem:
        height, width = photo.shape[:2]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = np.ascontiguousarray(photo[top : top + side, left : left + side])
        found = find_faces(self._detector, square) if self._detector else Found()
        return FaceItem(
            key,
            square,
            self.licence,
            file=file if height == width and is_plain_rgb(file) else None,
            landmarks=found.faces[0].landmarks.astype(np.float64) if found.faces else None,
            landmarks_source="scrfd" if found.faces else "none",
            flags=found_flags(found),
        )


def found_flags(found: Found) -> dict[str, str]:
    """Flags of a picture that is taken as it lies."""
    flags = {"faces_in_photo": str(len(found.faces))} if len(found.faces) > 1 else {}
    if found.turned:
        flags["turned"] = str(found.turned)
    if found.doubt:
        flags["doubtful"] = found.doubt
    return flags


def _told(notes: list[str]) -> str:
    return f" ({'; '.join(notes)})" if notes else ""
