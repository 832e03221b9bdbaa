"""Fitting the faces of a set: rendered ones keep their truth, others are sought, poor ones flagged, and it resumes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.morphable.procedural import procedural_model
from occset.models.reconstruction.fits import fits_of
from occset.models.reconstruction.fitting.fit import Fitter, fit_faces, problem_of
from occset.models.reconstruction.samples import eyes_are_hidden, trainable_faces
from occset.support.errors import BadInput, OccsetError
from tests.models.reconstruction.rendered import fill_rendered, rendered_faces


@pytest.fixture
def small_set(tmp_path: pytest.TempPathFactory) -> OcclusionSet:
    """Eight rendered faces."""
    return fill_rendered(OcclusionSet.create(f"{tmp_path}/set"), faces=8)


def test_rendered_faces_keep_their_coefficients(small_set: OcclusionSet) -> None:
    report = fit_faces(small_set, procedural_model(), workers=1)
    fits = fits_of(OcclusionSet(small_set.path), procedural_model())
    assert report.fitted == 8 and not report.poor and not report.problems
    assert set(fits.table["stage"]) == {"truth"} and len(fits.good()) == 8
    face = small_set.faces["id"].iloc[0]
    at = fits.layout.slices()
    truth = small_set.load_truth(face)
    vector = fits.vector(face)
    assert vector is not None
    np.testing.assert_allclose(vector[at["identity"]], truth["coefficients/identity"])
    np.testing.assert_allclose(vector[at["pose"]], truth["coefficients/pose"], atol=1.5)
    light = vector[at["light"]].reshape(9, 3)
    np.testing.assert_allclose(light[:, 1], truth["coefficients/illumination"], rtol=1e-5)


def test_what_is_fitted_is_not_fitted_again(small_set: OcclusionSet) -> None:
    model = procedural_model()
    assert fit_faces(small_set, model, workers=1, limit=3).fitted == 3
    before = fits_of(small_set, model).table
    assert fit_faces(small_set, model, workers=1).fitted == 5
    after = fits_of(small_set, model).table
    assert len(after) == 8 and set(before["face"]) < set(after["face"])
    assert fit_faces(small_set, model, workers=1).fitted == 0


def test_photos_are_fitted_to_pixels() -> None:
    items = rendered_faces(2, seed=5)
    images, masks = (np.stack([getattr(item, name) for item in items]) for name in ("image", "mask"))
    fitter = Fitter(procedural_model())
    points = fitter.points(list(images), [item.landmarks for item in items])
    rows = fitter.fit(images, masks, points)
    assert [row["stage"] for row in rows] == ["photometry"] * 2 and not any(row["problem"] for row in rows)
    assert max(row["residual"] for row in rows) < 0.05
    assert set(fitter.times.seconds) == {"landmarks", "photometry"}


def test_landmarks_alone_say_nothing_of_colour(small_set: OcclusionSet) -> None:
    items = rendered_faces(1, seed=6)
    fitter = Fitter(procedural_model(), "landmarks")
    (row,) = fitter.fit(items[0].image[None], items[0].mask[None], items[0].landmarks[None])
    assert row["stage"] == "landmarks" and np.isnan(row["residual"]) and row["problem"] == ""
    with pytest.raises(OccsetError, match="landmarks, photometry, em"):
        fit_faces(small_set, procedural_model(), "pixels")


def test_poor_fits_say_why() -> None:
    good = torch.zeros(9)
    assert problem_of(good, 0.1, 0.01, 1.0) == ""
    assert "landmarks" in problem_of(good, 0.1, 0.03, 1.0)
    assert "colours" in problem_of(good, 0.3, 0.01, 1.0)
    assert "explained" in problem_of(good, 0.1, 0.01, 0.4)
    assert problem_of(good * torch.nan, 0.1, 0.01, 1.0) == "not finite"


def test_a_broken_file_of_fits_is_named(small_set: OcclusionSet) -> None:
    fit_faces(small_set, procedural_model(), workers=1, limit=1)
    fits = fits_of(small_set, procedural_model())
    row = next(iter(fits.rows.values()))
    fits.add([{**row, "vector": np.full(fits.layout.size, np.nan, np.float32)}])
    with pytest.raises(BadInput, match="run occset fit again"):
        _ = fits_of(small_set, procedural_model()).rows
    fits.path.write_bytes(b"no parquet")
    with pytest.raises(BadInput, match=fits.path.name):
        _ = fits_of(small_set, procedural_model()).rows


def test_who_wears_sunglasses_or_fits_poorly_is_not_trained_on(small_set: OcclusionSet) -> None:
    model = procedural_model()
    fit_faces(small_set, model, workers=1)
    fits = fits_of(small_set, model)
    faces = trainable_faces(small_set, fits, "train")
    assert len(faces) >= 2
    fits.add([{**fits.rows[faces[0]], "problem": "colours are off"}])
    assert trainable_faces(small_set, fits, "train") == faces[1:]


def test_eyes_behind_glasses_are_hidden() -> None:
    mask = np.full((100, 100), 255, np.uint8)
    eyes = [(35.0, 45.0), (65.0, 45.0)]
    assert not eyes_are_hidden(mask, eyes)
    mask[38:52, 56:74] = 0  # one eye
    assert eyes_are_hidden(mask, eyes)
    assert eyes_are_hidden(mask, [(-400.0, 0.0), (65.0, 45.0)])  # an eye beyond the picture
