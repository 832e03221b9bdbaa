"""What the page is told of a photo: the pictures before and after, and what was found of each face."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from occset.models.deocclusion.deoccluder import BATCH, Deoccluded, Deoccluder
from occset.models.deocclusion.photos import SIZE, UNCHANGED, Repair
from occset.models.photos.crops import crop_faces
from occset.models.photos.sheet import tinted
from occset.pictures.detector import FaceDetector
from occset.pictures.images import encode_png, rgba_of
from occset.support.errors import OccsetError

MOST_PIXELS = 50_000_000
"""Of a photo that is sent."""

MOST_FACES = 16
"""Of a photo that are repaired, the largest ones, so that no photo keeps the next one waiting for long."""

_VIEW = 1600  # longest side of the pictures that the page shows, pixels
_CALLED = "the photo"  # it has no name here


class NoFace(OccsetError):
    """The photo can be read, but shows no face."""


class Answer(NamedTuple):
    """What came of a photo.

    Attributes:
        about: what is said in words and figures; JSON.
        pictures: name to PNG: "before" and "after" as the page shows them, "whole" of the photo's own size and "mask" of
            what was repainted; and of each face, as in "face-0-crop", its "crop", "hidden" (tinted), "render" and "outcome".
    """

    about: dict[str, Any]
    pictures: dict[str, bytes]

    def form(self) -> tuple[str, bytes]:
        """Content type and body of a form, which any browser takes apart by itself."""
        mark = secrets.token_hex(16)  # so that no picture can hold it
        parts = [_part(mark, 'name="about"', "application/json", json.dumps(self.about, allow_nan=False).encode())]
        parts += [
            _part(mark, f'name="{name}"; filename="{name}.png"', "image/png", data)
            for name, data in self.pictures.items()
        ]
        return f"multipart/form-data; boundary={mark}", b"".join([*parts, f"--{mark}--\r\n".encode()])


def _part(mark: str, names: str, kind: str, data: bytes) -> bytes:
    head = f"--{mark}\r\nContent-Disposition: form-data; {names}\r\nContent-Type: {kind}\r\n\r\n"
    return head.encode() + data + b"\r\n"


class Answering:
    """Repairs photos that come as bytes; what they held is forgotten with the answer.

    Args:
        network: the pipeline.
        detector: finds the faces.
    """

    def __init__(self, network: Deoccluder, detector: FaceDetector) -> None:
        self.network, self.detector = network, detector

    def warm(self) -> None:
        """Read the weights, so that the first answer is as fast as the others."""
        self.network.run(np.zeros((1, SIZE, SIZE, 3), np.uint8))

    def of_photo(self, data: bytes) -> Answer:
        """What comes of the bytes of a picture of any kind that occset reads.

        Raises:
            BadInput: it is none, is damaged, or too large.
            NoFace: it shows no face.
        """
        return self.of_pixels(rgba_of(data, _CALLED, MOST_PIXELS))

    def of_pixels(self, photo: np.ndarray) -> Answer:
        """What comes of a photo, (H, W, 4) uint8 RGBA, which is changed; see `of_photo`."""
        colours = np.ascontiguousarray(photo[..., :3])
        found = crop_faces(_CALLED, Path(_CALLED), colours, self.detector, SIZE, all_faces=True)
        if not found.crops:
            raise NoFace(
                "No face was found in this photo. Take one in which a face is larger, sharper, or turned to the camera."
            )
        del colours
        crops = found.crops[:MOST_FACES]
        pictures = {"before": _view(photo)}
        faces, repair = [], Repair(photo, None)
        for at in range(0, len(crops), BATCH):
            some = crops[at : at + BATCH]
            done = self.network.run(np.stack([crop.image for crop in some]))
            for row, crop in enumerate(some):
                painted = bool(done.share[row] >= UNCHANGED)
                if painted:
                    repair.lay(crop, done.images[row], done.hidden[row])
                faces.append({"share": round(float(done.share[row]), 4), "painted": painted})
                pictures |= _of_face(f"face-{crop.face}", crop.image, done, row, painted)
        after = repair.picture()
        pictures |= {"after": _view(after), "whole": encode_png(after), "mask": encode_png(repair.mask)}
        about = {
            "width": photo.shape[1],
            "height": photo.shape[0],
            "faces": faces,
            "left": len(found.crops) - len(crops),
            "doubt": found.doubt,
            "changed": bool(repair.mask.any()),
        }
        return Answer(about, pictures)


def _of_face(name: str, crop: np.ndarray, done: Deoccluded, row: int, painted: bool) -> dict[str, bytes]:
    shown = {
        "crop": crop,
        "hidden": tinted(crop, done.hidden[row]),
        "render": done.renders[row],
        "outcome": done.images[row] if painted else crop,
    }
    return {f"{name}-{what}": encode_png(image) for what, image in shown.items()}


def _view(photo: np.ndarray) -> bytes:
    """A picture as the page shows it, at most `_VIEW` pixels long."""
    height, width = photo.shape[:2]
    scale = _VIEW / max(height, width)
    if scale >= 1:
        return encode_png(photo)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return encode_png(cv2.resize(photo, size, interpolation=cv2.INTER_AREA))
