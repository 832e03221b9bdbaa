"""dlib's recognition network: who a face is, as a unit vector of 128 numbers; the one module that imports dlib.

A ResNet of 29 layers that its author trained on some three million photos, by distances of pairs (King 2017; the weights are
in the public domain). No loss of ours was ever trained on it, which makes it a second opinion. Of photos of LFW, cut out as
here, two of one person have a mean cosine of .95 and those of different people .84; dlib's own limit, a distance of .6, is
one of about .91.

Faces are warped to dlib's chip of 150 x 150 by the similarity that takes the five points nearest to where dlib's mean face
has them. dlib places its chips by 68 points of its own, which jump where a face is hidden; the five are the truth's.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from occset.models.arcface import align
from occset.support.errors import BadInput, OccsetError
from occset.support.files import sha256_file

SIZE = 150

TEMPLATE = np.array([[47.549, 46.599], [100.476, 46.599], [74.013, 76.563], [50.415, 103.023], [97.610, 103.023]])
"""(5, 2) float pixels (x, y) at 150 px, of dlib's mean face with its padding of .25: eyes, nose tip, mouth corners."""

ENVIRONMENT = "OCCSET_DLIB"
FILE = "dlib_face_recognition_resnet_model_v1.dat"

_BATCH = 16
_REMEDY = "run  pip install 'occset[identity]'"


class NoDlib(OccsetError):
    """dlib or its network's file is not there, so that there is no second opinion."""


@dataclass(frozen=True)
class DlibFile:
    """Where the network comes from: `origin` is "argument", "environment" or "face_recognition_models"."""

    path: Path
    sha256: str
    origin: str


def find_dlib(file: str | Path | None = None) -> DlibFile:
    """The network's file: `file`, else what the environment variable OCCSET_DLIB names, else the PyPI package's.

    Raises:
        BadInput: `file` or OCCSET_DLIB names a file that is not there; nothing else is tried then.
        NoDlib: dlib is not installed, or there is no file.
    """
    if importlib.util.find_spec("dlib") is None:
        raise NoDlib(f"a second judge of identity needs dlib, which is not installed: {_REMEDY}")
    named = os.environ.get(ENVIRONMENT)
    for path, origin in ((file, "argument"), (named, "environment")):
        if path:
            found = Path(path).expanduser()
            if not found.is_file():
                raise BadInput(f"{found}: there is no such file: name dlib's {FILE}, or none, and {_REMEDY}")
            return DlibFile(found, sha256_file(found), origin)
    packaged = _packaged()
    if packaged is not None:
        return DlibFile(packaged, sha256_file(packaged), "face_recognition_models")
    raise NoDlib(
        f"a second judge of identity needs dlib's {FILE}: {ENVIRONMENT} is not set, and the package "
        f"face_recognition_models is not installed: {_REMEDY}"
    )


def _packaged() -> Path | None:
    """The file in face_recognition_models, which is not imported: it asks for pkg_resources, which newer setuptools lack."""
    spec = importlib.util.find_spec("face_recognition_models")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "models" / FILE
        if path.is_file():
            return path
    return None


class DlibFaces:
    """The network of a file."""

    def __init__(self, file: DlibFile | str | Path | None = None) -> None:
        """Load the network; it runs on one thread.

        Raises:
            NoDlib: there is no dlib, or no file.
            BadInput: the file is not dlib's network.
        """
        self.file = file if isinstance(file, DlibFile) else find_dlib(file)
        import dlib

        try:
            self._network: Any = dlib.face_recognition_model_v1(str(self.file.path))
        except RuntimeError as error:
            raise BadInput(f"{self.file.path}: is not dlib's {FILE} ({error}): download it again") from error

    def embed(self, images: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """Who the faces are.

        Args:
            images: (B, H, W, 3) uint8 RGB.
            landmarks: (B, 5, 2) float pixels (x, y), in the order of `TEMPLATE`.

        Returns:
            (B, 128) float32 of unit length.

        Raises:
            BadInput: shapes or type do not fit, or the points of a face cannot be used.
        """
        faces = align(images, landmarks, TEMPLATE, SIZE)
        found = np.empty((len(faces), 128), np.float64)
        for start in range(0, len(faces), _BATCH):
            batch = list(faces[start : start + _BATCH])
            found[start : start + _BATCH] = np.array(self._network.compute_face_descriptor(batch))
        return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)
