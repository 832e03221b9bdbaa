"""Photos that show no proper face: `occset reconstruct` gives numbers, or says why not, and never NaN."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from occset.pictures.images import read_image
from tests.models.reconstruction.fitting.test_odd_faces import turned_to_the_side
from tests.models.reconstruction.rendered import rendered_faces

FACE = rendered_faces(1, seed=9)[0].image
ODD = {
    "black": np.zeros((128, 128, 3), np.uint8),
    "white": np.full((128, 128, 3), 255, np.uint8),
    "noise": np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8),
    "upside-down": FACE[::-1, ::-1].copy(),
    "out-of-the-frame": np.roll(FACE, 108, 1),
    "from-the-side": turned_to_the_side(np.radians(80)).image,
    "16-px": cv2.resize(FACE, (16, 16), interpolation=cv2.INTER_AREA),
    "1-px": FACE[60:61, 60:61],
}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, image in ODD.items():
        cv2.imwrite(str(folder / f"{name}.png"), image[:, :, ::-1])
    return folder


def numbers_of(told: Any) -> list[float]:
    if isinstance(told, dict):
        return [number for each in told.values() for number in numbers_of(each)]
    if isinstance(told, list):
        return [number for each in told for number in numbers_of(each)]
    return [float(told)] if isinstance(told, int | float) else []


def test_whatever_a_square_shows_comes_out_as_numbers(occset: Callable[..., Any], photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "mesh"
    said = occset("reconstruct", photos, "--no-align", "--out", out, "--mesh", "obj", "--device", "cpu")
    assert said.status == 0 and f"{len(ODD)} faces in" in said.err, said.err
    for name, image in ODD.items():
        text = (out / f"{name}.json").read_text()
        numbers = numbers_of(json.loads(text))
        assert "NaN" not in text and "Infinity" not in text and np.isfinite(numbers).all() and len(numbers) > 257
        rows = [line.split()[1:4] for line in (out / f"{name}.obj").read_text().splitlines() if line.startswith("v ")]
        vertices = np.array(rows, float)
        assert np.isfinite(vertices).all() and 50 < np.ptp(vertices[:, 0]) < 400  # millimetres of a head
        assert read_image(out / f"{name}.png").shape == image.shape


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_face_mostly_out_of_the_frame_is_laid_back_within_it(
    occset: Callable[..., Any], tmp_path: Path, side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the detector may place it: the crop reaches far beyond the photo."""
    from occset.pictures.detector import Detection
    from occset.pictures.landmarks import template

    class Finds:
        def detect(self, image: np.ndarray, scales: int | None = None) -> list[Detection]:
            points = template(128) + np.array([-70.0 if side == "left" else 70.0, 0])
            return [Detection(np.array([0, 0, 127, 127], np.float32), 0.9, points.astype(np.float32))]

    monkeypatch.setattr("occset.models.photos.run.FaceDetector", Finds)
    shown = np.roll(FACE, -70 if side == "left" else 70, 1)
    cv2.imwrite(str(tmp_path / "a.png"), shown[:, :, ::-1])
    said = occset("reconstruct", tmp_path / "a.png", "--out", tmp_path / "mesh", "--device", "cpu")
    assert said.status == 0, said.err
    told = json.loads((tmp_path / "mesh" / "a.json").read_text())
    landmarks = np.array(told["landmarks"])
    assert np.isfinite(landmarks).all()
    middle = landmarks.mean(0)[0]
    assert middle < 30 if side == "left" else middle > 98
    assert read_image(tmp_path / "mesh" / "a.png").shape == (128, 128, 3)


def test_a_photo_without_a_face_is_named_and_skipped(
    occset: Callable[..., Any], photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FindsNothing:
        def detect(self, image: np.ndarray, scales: int | None = None) -> list[Any]:
            return []

    monkeypatch.setattr("occset.models.photos.run.FaceDetector", FindsNothing)
    said = occset("reconstruct", photos, "--out", tmp_path / "mesh", "--device", "cpu")
    assert said.status == 1 and "0 faces in" in said.err
    for name in ODD:
        assert f"skipped {name}.png" in said.err and "no face found" in said.err
    assert not list(tmp_path.glob("mesh/*"))
