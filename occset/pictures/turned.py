"""Faces of photos that may lie on their side or on their head.

A detector finds a face upside down as well, takes its mouth for eyes, and says so with a lower score and with nothing else.
So where its best answer is doubtful (none, a score below `SURE`, or points that are not those of an upright face), the
picture is looked at in its other turns. Where these come close, each answer is tried: the photo is aligned by it, and the
detector has to find the points again where aligned faces have them.

Numbers are from 560 photos of six sets in four turns: none that is upright is taken for turned, 1672 of 1680 that are
turned come out upright, and of all 2240 five are wrong and not flagged. An upright photo costs 0.8 further runs on average.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np

from occset.pictures.align import align_face
from occset.pictures.detector import Detection
from occset.pictures.landmarks import template

SURE = 0.8
"""Score from which an upright face is taken at once; the highest of a face that is not upright is 0.80."""

_RATHER_SURE = 0.7  # from here on only the opposite turn is looked at
_CLEAR = 0.1  # lead in the score that needs no trial
_LEAD, _CLOSE = 0.05, 0.06  # what another turn must be better by; a difference below which it stays doubtful
_MOST_ROLL = 45.0  # degrees; a face tilted further may be one of another turn
_TILTED = 0.3  # what such a face is marked down by
_FAINT = 0.6  # least score of a face that is found only in another turn
_TRIAL, _FRAME = 224, 48  # side of a trial's crop and width of the black frame round it, pixels
_FARTHEST = 0.15  # deviation of points in a trial beyond which it tells nothing more, in sides
_LARGE = 0.02  # of a square round the photo: 45 pixels at a scale of 320
_VIEW = 640  # the other turns are looked at in a copy of at most this side


class Finder(Protocol):
    """What finds faces, such as `occset.pictures.detector.FaceDetector`."""

    def detect(self, image: np.ndarray, scales: int | None = None) -> list[Detection]:
        """Faces of (H, W, 3) uint8, largest first, by the first so many of the detector's scales, all when None."""
        ...


class FinderOfAll(Finder, Protocol):
    """What finds small faces beside large ones too."""

    def detect_all(self, image: np.ndarray) -> list[Detection]:
        """All faces of (H, W, 3) uint8, largest first."""
        ...


@dataclass(frozen=True)
class Found:
    """Faces of a picture.

    Attributes:
        faces: largest first, in the picture's own pixels, whichever way it lies. The first two points are the eyes, first
            that which is on the left of the upright face.
        turned: degrees by which the picture has to be turned anticlockwise to stand upright: 0, 90, 180 or 270.
        doubt: why that may be wrong; "" where nothing speaks against it.
    """

    faces: list[Detection] = field(default_factory=list)
    turned: int = 0
    doubt: str = ""


@dataclass(frozen=True)
class _Answer:
    turns: int  # quarter turns anticlockwise
    faces: list[Detection]  # in the picture's pixels
    score: float
    is_upright: bool  # in its turn


def find_faces(detector: Finder, image: np.ndarray) -> Found:
    """Find the faces of a picture, (H, W, 3) uint8 RGB, whichever way it lies."""
    first = _answer(0, detector.detect(image))
    if first.score >= SURE and first.is_upright:
        return Found(first.faces)
    is_rather_sure = first.score >= _RATHER_SURE and first.is_upright
    # a large face is seen at the first scale; where it is not there, no other scale need be tried for it
    is_large = bool(first.faces) and first.faces[0].area >= _LARGE * max(image.shape) ** 2
    scales = 1 if is_rather_sure and is_large else None
    looked = [_look_at(detector, image, turns, scales) for turns in ((2,) if is_rather_sure else (2, 1, 3))]
    others = [answer for answer in looked if answer.faces]
    if not first.faces:
        if not others:
            return Found()
        best = max(others, key=lambda answer: _merit(detector, image, answer))
        faint = (
            f"the face was found only after turning, with a score of {best.score:.2f}" if best.score < _FAINT else ""
        )
        return Found(best.faces, 90 * best.turns, faint or _tilted(best))
    if first.is_upright and all(first.score - other.score >= _CLEAR for other in others):
        return Found(first.faces)
    merits = {answer.turns: _merit(detector, image, answer) for answer in (first, *others)}
    best = max(others, key=lambda answer: merits[answer.turns], default=first)
    lead = merits[best.turns] - merits[0]
    taken, other = (best, first) if lead > _LEAD else (first, best)
    doubt = _tilted(taken)
    if others and abs(lead) < _CLOSE:
        doubt = f"it may be turned by {90 * (other.turns - taken.turns) % 360} degrees from how it is taken"
    return Found(taken.faces, 90 * taken.turns, doubt)


def find_all_faces(detector: FinderOfAll, image: np.ndarray) -> Found:
    """Find all faces of a picture, small ones too; the way it lies is that of `find_faces`."""
    found = find_faces(detector, image)
    turns = found.turned // 90
    upright = np.ascontiguousarray(np.rot90(image, turns))
    shape = (image.shape[0], image.shape[1])
    faces = [_turned_back(face, turns, shape) for face in detector.detect_all(upright)]
    return Found(faces or found.faces, found.turned, found.doubt)


def _look_at(detector: Finder, image: np.ndarray, turns: int, scales: int | None) -> _Answer:
    """What the detector says of a picture turned by so many quarters anticlockwise, in the picture's own pixels."""
    height, width = image.shape[:2]
    if max(height, width) > _VIEW:
        scale = _VIEW / max(height, width)
        small = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    found = detector.detect(np.ascontiguousarray(np.rot90(image, turns)), scales)
    answer = _answer(turns, found)
    factors = np.array([width / image.shape[1], height / image.shape[0]], np.float32)
    faces = [_turned_back(face, turns, (image.shape[0], image.shape[1]), factors) for face in found]
    return _Answer(turns, faces, answer.score, answer.is_upright)


def _turned_back(face: Detection, turns: int, shape: tuple[int, int], factors: np.ndarray | float = 1.0) -> Detection:
    """A face found in ``np.rot90(image, turns)`` as one of the image of ``shape`` (height, width), then scaled."""
    corners = _points_back(face.box.reshape(2, 2), turns, shape)
    box = np.concatenate([corners.min(axis=0), corners.max(axis=0)]).reshape(2, 2)
    points = _points_back(face.landmarks, turns, shape)
    box, points = (((each + 0.5) * factors - 0.5).astype(np.float32) for each in (box, points))
    return Detection(box.reshape(-1), face.score, points)


def _points_back(points: np.ndarray, turns: int, shape: tuple[int, int]) -> np.ndarray:
    x, y = points[:, 0], points[:, 1]
    right, bottom = shape[1] - 1, shape[0] - 1
    columns = {0: (x, y), 1: (right - y, x), 2: (right - x, bottom - y), 3: (y, bottom - x)}[turns % 4]
    return np.stack(columns, axis=1)


def _answer(turns: int, faces: list[Detection]) -> _Answer:
    if not faces:
        return _Answer(turns, [], 0.0, False)
    points = faces[0].landmarks.astype(np.float64)
    along, down = points[1] - points[0], points[3:].mean(axis=0) - points[:2].mean(axis=0)
    rolls = np.degrees([np.arctan2(along[1], along[0]), np.arctan2(-down[0], down[1])])
    return _Answer(turns, faces, faces[0].score, bool(np.abs(rolls).max() < _MOST_ROLL))


def _merit(detector: Finder, image: np.ndarray, answer: _Answer) -> float:
    """Score of an answer, with what a trial of it says: the score of the aligned face, and where its points lie."""
    merit = answer.score - (0.0 if answer.is_upright else _TILTED)
    try:
        crop, _, _ = align_face(image, answer.faces[0].landmarks, _TRIAL)
    except ValueError:  # points that coincide
        return merit - 3 * _FARTHEST
    framed = cv2.copyMakeBorder(crop, *(_FRAME,) * 4, cv2.BORDER_CONSTANT)
    found = max(detector.detect(framed), key=lambda face: face.score, default=None)
    if found is None:
        return merit - 3 * _FARTHEST
    away = float(np.abs(found.landmarks - _FRAME - template(_TRIAL)).mean()) / _TRIAL
    return merit + 0.5 * found.score - 3 * min(away, _FARTHEST)


def _tilted(answer: _Answer) -> str:
    return "" if answer.is_upright else "its points are not those of an upright face"
