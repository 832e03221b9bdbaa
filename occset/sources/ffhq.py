"""FFHQ: its pictures and, where it is there, ``ffhq-dataset-v2.json`` with 68 landmarks, author and licence of each.

Pictures lie where the JSON says (``images1024x1024/00000/00000.png``), or under their number in any folder of a size
(``images256x256``, ``thumbnails128x128``), or in the folder itself; as PNG, or as JPEG and the like, as shrunk copies come.
Of several sizes the largest is taken. Only those that exist are listed. FFHQ has no masks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from occset.pictures.detector import FaceDetector, aligned_points, detector_if_there
from occset.pictures.images import is_plain_rgb, read_image
from occset.pictures.listing import by_number, check_kind, list_pictures
from occset.sources.items import FaceItem
from occset.support.errors import BadInput
from occset.support.files import join_below
from occset.support.reading import read_json

TABLE = "ffhq-dataset-v2.json"
_MOST_JSON = 1 << 30  # FFHQ's own has 267 MB
_PLACE = re.compile(r"((images|thumbnails|ffhq)[-_]?(\d+)(x\d+)?/)?(\d{5}/)?[^/]+", re.IGNORECASE)
"""Where aligned pictures lie; not so those of ``in-the-wild-images``."""


@dataclass(frozen=True)
class _Entry:
    """What is kept of a picture's entry in the JSON."""

    file: Path
    landmarks: np.ndarray | None  # (68, 2) float32, pixels of a picture of `size`; None where no JSON tells them
    size: int
    licence: str
    category: str


class FFHQSource:
    """Faces of an FFHQ folder.

    Args:
        folder: the folder that holds the pictures, and ``ffhq-dataset-v2.json``.
        landmarks: where no JSON tells them: "scrfd", "template", or "auto" for the detector where it is installed.

    Raises:
        BadInput: the JSON is malformed, or no picture is there.
        MissingExtra: landmarks are "scrfd" and the detector is not installed.
        UnsafePath: the JSON names a path that leaves the folder.
    """

    name = "ffhq"
    licence = "FFHQ: CC BY-NC-SA 4.0 as a set; each picture has its own licence"

    def __init__(self, folder: str, landmarks: str = "auto") -> None:
        if landmarks not in ("auto", "scrfd", "template"):
            raise BadInput(f"landmarks={landmarks} is not an option of ffhq: use auto, scrfd or template")
        self.folder = Path(folder)
        listing = list_pictures(self.folder)
        fit = [key for key in listing.keys if _PLACE.fullmatch(key)]
        self._found = {number: sorted(keys, key=_rank) for number, keys in by_number(fit).items()}
        listing.others[:] = [name for name in listing.others if name != TABLE]
        self._notes = listing.notes()
        if strange := sorted(set(listing.keys) - {key for keys in self._found.values() for key in keys}):
            self._notes.append(
                f"{folder}: passed over {len(strange)} pictures without a number of FFHQ, or not aligned ({strange[0]})"
            )
        self._detector: FaceDetector | None = None
        self._entries: dict[str, _Entry] = {}
        table = self.folder / TABLE
        if table.exists():
            self._read_table(table)
            return
        if not self._found:
            raise BadInput(
                f"{folder} has neither {TABLE} nor pictures called by their numbers, such as "
                "images1024x1024/00000/00000.png or images256x256/00000.jpg: download them, or take other "
                "photos as photos:DIR?align=no"
            )
        self._detector = None if landmarks == "template" else detector_if_there(required=landmarks == "scrfd")
        for number, keys in sorted(self._found.items()):
            self._entries[str(number)] = _Entry(self.folder / keys[0], None, 0, self.licence, "")
        self._notes.append(f"{table} is not there: landmarks are found, authors and licences are not known")

    def _read_table(self, table: Path) -> None:
        try:
            listed = read_json(table, _MOST_JSON)
        except (OSError, ValueError) as error:
            raise BadInput(f"{table} cannot be read ({error}): download it again") from error
        if not isinstance(listed, dict):
            raise BadInput(f"{table} is not FFHQ's table (an object with a key for each picture): download it again")
        for key, value in listed.items():
            entry = self._entry(table, key, value)
            if entry is not None:
                self._entries[key] = entry
        if not self._entries:
            raise BadInput(f"{self.folder} has none of the {len(listed)} pictures that {TABLE} lists: download some")
        used = {entry.file.stem for entry in self._entries.values()}
        if lost := sorted(keys[0] for keys in self._found.values() if Path(keys[0]).stem not in used):
            self._notes.append(f"{table} does not list {len(lost)} pictures that are there, such as {lost[0]}")

    def notes(self) -> list[str]:
        """What was passed over, in sentences."""
        return list(self._notes)

    def _entry(self, table: Path, key: str, value: Any) -> _Entry | None:
        """Check one entry; None where its picture is not there."""
        try:
            image, about = value["image"], value.get("metadata", {})
            relative, size = str(image["file_path"]), int(image["pixel_size"][0])
            landmarks = np.array(image["face_landmarks"], np.float32)
            licence = ", ".join(str(about[name]) for name in ("license", "license_url", "author") if about.get(name))
            category = str(value.get("category", ""))
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise BadInput(f"{table}: entry {key} is malformed ({error!r}): download it again") from error
        if landmarks.shape != (68, 2) or not np.isfinite(landmarks).all() or size < 1:
            raise BadInput(f"{table}: entry {key} has no 68 landmarks in a picture of a size: download it again")
        name = Path(relative).name
        for place in (
            relative,
            f"images1024x1024/{name}",
            relative.replace("images1024x1024", "thumbnails128x128"),
            name,
        ):
            file = join_below(self.folder, place)
            if file.is_file():
                return _Entry(file, landmarks, size, licence or self.licence, category)
        number = Path(relative).stem
        other = self._found.get(int(number)) if number.isascii() and number.isdecimal() else None
        return _Entry(self.folder / other[0], landmarks, size, licence or self.licence, category) if other else None

    def face_keys(self) -> list[str]:
        """Numbers of the pictures that are there, in the JSON's order."""
        return list(self._entries)

    def read_face(self, key: str) -> FaceItem:
        """Read a picture with its 68 landmarks, scaled to its size; with five where no JSON tells them.

        Raises:
            BadInput: the picture is unknown, broken, or not square.
        """
        if key not in self._entries:
            raise BadInput(f"{self.folder} has no picture {key}, or {TABLE} does not list it: download it")
        entry = self._entries[key]
        check_kind(entry.file)
        image = read_image(entry.file)
        if image.shape[0] != image.shape[1]:
            raise BadInput(f"{entry.file} is {image.shape[1]} x {image.shape[0]} pixels, not square: download it again")
        if entry.landmarks is None:
            points, points_by = aligned_points(self._detector, image, "ffhq")
        else:
            scale = image.shape[0] / entry.size
            points, points_by = (entry.landmarks.astype(np.float64) + 0.5) * scale - 0.5, "source"
        return FaceItem(
            key,
            image,
            entry.licence,
            file=entry.file if is_plain_rgb(entry.file) else None,
            landmarks=points,
            landmarks_source=points_by,
            flags={"ffhq_category": entry.category} if entry.category else {},
        )


def _rank(key: str) -> tuple[int, bool, str]:
    """Order of the places of a picture: the largest first, those of no known size last, PNG before others."""
    match = _PLACE.fullmatch(key)
    return -int(match[3]) if match and match[3] else 0, not key.lower().endswith(".png"), key
