"""The pictures that annotators see: JPEG copies, put where the server finds them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np

from occset.annotation.api.studio import LostConnection, Studio
from occset.annotation.push.task_names import LARGEST
from occset.pictures.images import shrink
from occset.support.errors import BadInput, OccsetError
from occset.support.files import safe_join, write_atomic

QUALITY = 95
"""Of the JPEG copies."""


def copy_of(image: np.ndarray) -> tuple[bytes, int]:
    """A square copy of a picture (H, W, 3) uint8 RGB for annotators: its JPEG file, and its side in pixels.

    Raises:
        BadInput: an array that is no picture.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise BadInput(f"a picture is (H, W, 3) uint8 RGB, not {image.dtype} {image.shape}")
    side = min(LARGEST, *image.shape[:2])
    small = cv2.cvtColor(shrink(image, side), cv2.COLOR_RGB2BGR)
    done, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise BadInput(f"OpenCV cannot encode a picture of {side} x {side} pixels")
    return encoded.tobytes(), side


class Shelf:
    """Where the pictures of a project lie: in the document root of the local server, or uploaded to another one."""

    def __init__(self, studio: Studio, project: int, folder: str) -> None:
        """Connect the folder, named after the round's marker, to the project; on another server see what is there.

        Raises:
            LostConnection: the server does not answer.
            OccsetError: the server refuses.
        """
        self._studio, self._project, self._folder = studio, project, folder.replace(":", "-")
        self._uploads: dict[str, str] = {}
        if studio.document_root is not None:
            path = self._local(studio.document_root)
            path.mkdir(parents=True, exist_ok=True)  # the server refuses a folder that is not there
            studio.connect_files(project, path)
        else:
            self._uploads = studio.uploads(project)

    def _local(self, root: Path) -> Path:
        return safe_join(root.resolve(), self._folder)

    def place(self, key: str, jpeg: bytes) -> str:
        """Put a picture there, unless it is there already; returns its address on the server.

        Raises:
            NoSpace: it cannot be written.
            LostConnection: it could not be uploaded.
        """
        if not key.isalnum():
            raise OccsetError(f"'{key}' is no key of a sample")
        return self.place_file(f"{key}.jpg", jpeg)

    def place_file(self, name: str, jpeg: bytes) -> str:
        """As `place`, under a name of occset's own, such as "beard.jpg"; no key of a sample is like it."""
        if self._studio.document_root is not None:
            path = self._local(self._studio.document_root) / name
            if not path.is_file() or path.read_bytes() != jpeg:
                write_atomic(path, jpeg)
            return f"/data/local-files/?d={self._folder}/{name}"
        if name not in self._uploads:
            self._uploads[name] = self._upload(name, jpeg)
        return self._uploads[name]

    def _upload(self, name: str, jpeg: bytes) -> str:
        with tempfile.TemporaryDirectory(prefix="occset-") as folder:
            path = Path(folder, name)
            path.write_bytes(jpeg)
            for attempt in range(3):
                try:
                    return self._studio.upload(self._project, path)
                except LostConnection:
                    found = self._studio.uploads(self._project)  # it may have arrived all the same
                    if name in found:
                        return found[name]
                    if attempt == 2:
                        raise
        raise AssertionError


def place(studio: Studio, project: int, folder: str, key: str, jpeg: bytes) -> str:
    """Put one picture where the server finds it, see `Shelf`."""
    return Shelf(studio, project, folder).place(key, jpeg)
