"""FFHQ: its pictures and ``ffhq-dataset-v2.json`` with 68 landmarks, author and licence of each.

Pictures lie where the JSON says (``images1024x1024/00000/00000.png``), or flat in ``images1024x1024``, or as 128 px
thumbnails, or in the folder itself. Only those that exist are listed. FFHQ has no masks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from occset.pictures.images import is_plain_rgb, read_image
from occset.sources.items import FaceItem
from occset.support.errors import BadInput
from occset.support.files import safe_join
from occset.support.reading import read_json

TABLE = "ffhq-dataset-v2.json"
_MOST_JSON = 1 << 30  # FFHQ's own has 267 MB


@dataclass(frozen=True)
class _Entry:
    """What is kept of a picture's entry in the JSON."""

    file: Path
    landmarks: np.ndarray  # (68, 2) float32, pixels of a picture of `size`
    size: int
    licence: str
    category: str


class FFHQSource:
    """Faces of an FFHQ folder.

    Args:
        folder: the folder that holds ``ffhq-dataset-v2.json``.

    Raises:
        BadInput: the JSON is missing or malformed, or lists no picture that is there.
        UnsafePath: the JSON names a path that leaves the folder.
    """

    name = "ffhq"
    licence = "FFHQ: CC BY-NC-SA 4.0 as a set; each picture has its own licence"

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        table = self.folder / TABLE
        try:
            listed = read_json(table, _MOST_JSON)
        except FileNotFoundError as error:
            raise BadInput(f"{table} does not exist: download it from FFHQ's own page into {folder}") from error
        except (OSError, ValueError) as error:
            raise BadInput(f"{table} cannot be read ({error}): download it again") from error
        if not isinstance(listed, dict):
            raise BadInput(f"{table} is not FFHQ's table (an object with a key for each picture): download it again")
        self._entries: dict[str, _Entry] = {}
        for key, value in listed.items():
            entry = self._entry(table, key, value)
            if entry is not None:
                self._entries[key] = entry
        if not self._entries:
            raise BadInput(f"{folder} has none of the {len(listed)} pictures that {TABLE} lists: download some")

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
            file = safe_join(self.folder, place)
            if file.is_file():
                return _Entry(file, landmarks, size, licence or self.licence, category)
        return None

    def face_keys(self) -> list[str]:
        """Numbers of the pictures that are there, in the JSON's order."""
        return list(self._entries)

    def read_face(self, key: str) -> FaceItem:
        """Read a picture with its 68 landmarks, scaled to its size.

        Raises:
            BadInput: the picture is unknown, broken, or not square.
        """
        if key not in self._entries:
            raise BadInput(f"{self.folder / TABLE} has no picture {key}, or its file is not there: download it")
        entry = self._entries[key]
        image = read_image(entry.file)
        if image.shape[0] != image.shape[1]:
            raise BadInput(f"{entry.file} is {image.shape[1]} x {image.shape[0]} pixels, not square: download it again")
        scale = image.shape[0] / entry.size
        return FaceItem(
            key,
            image,
            entry.licence,
            file=entry.file if is_plain_rgb(entry.file) else None,
            landmarks=(entry.landmarks.astype(np.float64) + 0.5) * scale - 0.5,
            landmarks_source="source",
            flags={"ffhq_category": entry.category} if entry.category else {},
        )
