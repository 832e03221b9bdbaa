"""The render against good faces: what differs on those counts no longer, what differs elsewhere does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.mining import calibration
from occset.mining.calibration import GRID, Calibration, calibrate, is_good, trust_of
from occset.mining.mine import candidates, score_set
from occset.mining.model import open_model
from occset.mining.scoring import score_faces
from occset.mining.signals import disagreement


def disc(centre: tuple[int, int], radius: int, size: int = 64) -> np.ndarray:
    return cv2.circle(np.zeros((size, size), np.uint8), centre, radius, 255, -1)


def test_a_place_counts_the_less_the_more_good_faces_differ_there() -> None:
    rate = np.zeros((64, 64))
    rate[:16], rate[16:32, :] = 0.5, 0.2
    trust = trust_of(rate)
    assert trust.shape == (GRID, GRID) and trust.dtype == np.float32
    np.testing.assert_allclose(trust[:8], 0)
    np.testing.assert_allclose(trust[8:16], 0.6, atol=1e-6)
    np.testing.assert_allclose(trust[16:], 1)
    assert trust_of(np.ones((64, 64))).max() == 0


def test_disagreement_is_a_weighed_iou() -> None:
    a, b = np.zeros((32, 32), np.uint8), np.zeros((32, 32), np.uint8)
    a[:16], b[8:24] = 255, 255
    assert disagreement(a, b) == pytest.approx(1 - 8 / 24)
    assert disagreement(a, b, np.ones((GRID, GRID), np.float32)) == pytest.approx(1 - 8 / 24)
    trust = np.ones((GRID, GRID), np.float32)
    trust[:8] = 0.25
    assert disagreement(a, b, trust) == pytest.approx((8 * 0.25 + 8) / (8 * 0.25 + 16))
    assert disagreement(a, b, trust * 0) == 0 and disagreement(a * 0, b * 0, trust) == 0


def test_a_good_face_is_confirmed_and_whole() -> None:
    face = disc((32, 32), 24)
    assert is_good(face > 0, face) and is_good(disc((32, 33), 24) > 0, face)
    assert not is_good(disc((32, 42), 24) > 0, face)  # another than the label
    behind = face.copy()
    behind[:, 26:38] = 0  # both see the bar before it: confirmed, and not good
    assert not is_good(behind > 0, behind)


def too_high(images: np.ndarray) -> np.ndarray:
    """A render whose hair line lies too high: a band above the face of every picture."""
    masks = np.stack([cv2.inRange(image, (1, 1, 1), (255, 255, 255)) for image in images]) * 0
    size = images.shape[1]
    for mask in masks:
        cv2.ellipse(
            mask, (size // 2, round(size * 0.547)), (round(size * 0.266), round(size * 0.36)), 0, 0, 360, 255, -1
        )
        mask[round(size * 0.08) : round(size * 0.2), size // 4 : 3 * size // 4] = 255
    return masks


def test_what_is_wrong_on_all_good_faces_is_not_held_against_the_others(
    drawn_set: Callable[..., OcclusionSet], colour_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = drawn_set(faces=40)
    ids, make = candidates(data), partial(open_model, colour_model)
    monkeypatch.setattr(calibration, "CONFIRMED", 0.35)
    monkeypatch.setattr(calibration, "LEAST", 8)
    known = calibrate(data, ids, make, too_high)
    assert known.trust is not None and known.faces >= 8 and "calibrated on" in known.sentence()
    band, face = known.trust[3:6, 12:20], known.trust[14:22, 13:19]
    assert band.max() < 0.1 and face.min() > 0.9
    plain, fair = (
        score_faces(data, ids, make, rendered=too_high, trust=each).table()["render_disagreement"].to_numpy()
        for each in (None, known.trust)
    )
    assert np.median(fair) < 0.6 * np.median(plain)
    scores = score_set(data, colour_model, workers=1, rendered=too_high)
    np.testing.assert_allclose(scores.table.set_index("id").loc[ids, "render_disagreement"], fair)
    assert scores.notes == (known.sentence(),)


def test_with_too_few_good_faces_the_render_is_taken_as_it_is(
    drawn_set: Callable[..., OcclusionSet], colour_model: str
) -> None:
    data = drawn_set()
    found = calibrate(data, candidates(data)[:6], partial(open_model, colour_model), too_high)
    assert found.trust is None and found.faces <= 6 and "taken as it is" in found.sentence()
    assert Calibration(np.ones((GRID, GRID), np.float32), 33).sentence() == "the render is calibrated on 33 good faces"
