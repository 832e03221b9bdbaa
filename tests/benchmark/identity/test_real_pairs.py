"""What dlib's cosines come to on photos of known people: the figures that its definition tells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from occset.benchmark.identity.dlib_faces import DlibFaces, NoDlib
from occset.pictures.detector import FaceDetector
from occset.pictures.images import read_image

_PEOPLE = 40


@pytest.mark.slow
def test_two_photos_of_one_person_and_of_two(real_data: Path) -> None:
    try:
        network = DlibFaces()
    except NoDlib as error:
        pytest.skip(str(error))
    detector = FaceDetector()
    people: list[np.ndarray] = []
    for folder in sorted((real_data / "lfw_identities").iterdir()):
        photos = [read_image(file) for file in sorted(folder.glob("*.jpg"))[:2]]
        found = [detector.detect(photo) for photo in photos]
        if len(photos) == 2 and all(found):
            points = np.stack([faces[0].landmarks for faces in found]).astype(np.float64)
            people.append(network.embed(np.stack(photos), points))
        if len(people) == _PEOPLE:
            break
    first, second = np.stack(people).transpose(1, 0, 2)
    cosines = first @ second.T
    same, other = np.diag(cosines).mean(), cosines[~np.eye(len(cosines), dtype=bool)].mean()
    assert same == pytest.approx(0.95, abs=0.012)
    assert other == pytest.approx(0.84, abs=0.012)
