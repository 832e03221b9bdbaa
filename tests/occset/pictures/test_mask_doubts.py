"""Which labels are held back, and that real ones are not."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from occset.pictures.landmarks import template
from occset.pictures.mask_doubts import doubt_of
from occset.sources.celebamask_hq import CelebAMaskHQSource

SIDE = 120


def _face(x: float = 0.5, y: float = 0.6, width: float = 0.26, height: float = 0.34) -> np.ndarray:
    centre, axes = (round(x * SIDE), round(y * SIDE)), (round(width * SIDE), round(height * SIDE))
    return cv2.ellipse(np.zeros((SIDE, SIDE), np.uint8), centre, axes, 0, 0, 360, 255, -1)


def test_a_face_is_not_doubted_with_or_without_points_and_a_label_before() -> None:
    masked = _face()
    masked[66:] = 0  # nose and mouth behind a mask
    glasses = masked.copy()
    glasses[50:66] = 0
    for label in (_face(), masked, glasses, _face(0.4, 0.5, 0.45, 0.6)):
        for points in (None, template(SIDE)):
            for before in (None, _face(), masked, np.zeros((SIDE, SIDE), np.uint8)):
                assert doubt_of(label, points, before) == ""


def test_full_inverted_and_next_to_nothing() -> None:
    full = np.full((SIDE, SIDE), 255, np.uint8)
    almost = full.copy()
    almost[:2, :40] = 0
    assert "covers 100%" in doubt_of(full, template(SIDE), _face()) and "covers 99%" in doubt_of(almost)
    assert doubt_of(full, None, almost) == "", "it was so before"
    assert "opposite" in doubt_of(255 - _face(), template(SIDE), _face(0.51))
    assert "inverted" in doubt_of(255 - _face()) and "inverted" in doubt_of(255 - _face(), template(SIDE))
    small = template(SIDE) * 0.3 + 4  # a face in the corner
    corner = np.zeros((SIDE, SIDE), np.uint8)
    corner[8:38, 8:38] = 255
    assert doubt_of(corner, small) == "" and "inverted" in doubt_of(255 - corner, small)
    dot = np.zeros((SIDE, SIDE), np.uint8)
    dot[60, 60:70] = 255
    assert "10 pixels only" in doubt_of(dot) and "of what the label before marked" in doubt_of(dot, None, _face())


@pytest.mark.real
def test_of_real_labels_none_is_doubted_and_nearly_each_inverted_one_is(real_data: Path) -> None:
    source = CelebAMaskHQSource(str(real_data / "celebamask_hq"), harvest="no", landmarks="template")
    caught = 0
    keys = source.face_keys()[:200]
    for key in keys:
        face = source.read_face(key)  # refuses what is doubted
        assert face.mask is not None and doubt_of(face.mask, face.landmarks, face.mask) == ""
        caught += bool(doubt_of(255 - face.mask, face.landmarks))
        assert doubt_of(255 - face.mask, face.landmarks, face.mask)
    assert caught >= 0.99 * len(keys)
