"""Fitting to pixels: light and colours are found, and what does not belong to the face is told apart."""

from __future__ import annotations

import torch

from occset.models.reconstruction.coefficients import Coefficients
from occset.models.reconstruction.fitting.photometry import PhotometricFitter, PhotometrySettings
from tests.models.reconstruction.rendered import draw_parts, face_model

_QUICK = PhotometrySettings(stages=((48, 40),))
_SIZE = 96


def pictures(parts: Coefficients) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Renders, masks and landmarks."""
    with torch.no_grad():
        view = face_model()(parts, _SIZE)
        return view.image, view.mask, face_model().landmarks(parts, _SIZE)


def test_pixels_bring_the_residual_down_and_the_light_near() -> None:
    parts = draw_parts(3, seed=11)
    images, masks, points = pictures(parts)
    fitter = PhotometricFitter(face_model(), _QUICK)
    start = fitter.start(parts.pose, parts.identity * 0, parts.expression * 0)
    before = fitter.fit(images, masks, points, start, stages=((48, 0),))
    found = fitter.fit(images, masks, points, start)
    assert (found.residual < 0.4 * before.residual).all()
    assert found.residual.max() < 0.03
    # harmonics from above, front and side come out about as they were drawn; without a fit they are off by more
    typical = face_model().layout.split(start).light
    light = face_model().layout.split(found.vectors).light
    wanted = parts.light[:, 1:4].mean(-1)
    off, before_off = ((wanted - each[:, 1:4].mean(-1)).abs().mean() for each in (light, typical))
    assert off < 0.3 and off < 0.7 * before_off


def test_an_occluder_becomes_an_outlier_and_the_face_does_not() -> None:
    parts = draw_parts(2, seed=12)
    images, masks, points = pictures(parts)
    occluded = images.clone()
    occluded[:, :, 52:78, 30:66] = torch.tensor([0.05, 0.2, 0.95])[None, :, None, None]
    fitter = PhotometricFitter(face_model(), _QUICK)
    start = fitter.start(parts.pose, parts.identity, parts.expression)
    plain = fitter.fit(occluded, masks, points, start)
    robust, weights = fitter.fit_with_outliers(occluded, masks, points, plain.vectors)
    inside, outside = weights[:, 0, 58:72, 36:60], weights[:, 0, 22:40, 40:56]
    assert inside.mean() < 0.2 < 0.7 < outside.mean()
    assert (robust.share < 0.95).all()

    def clean_error(vectors: torch.Tensor) -> float:
        view = face_model()(face_model().layout.split(vectors), _SIZE)
        return float(((view.image - images).abs() * masks).sum() / masks.sum())

    with torch.no_grad():
        assert clean_error(robust.vectors) < 0.8 * clean_error(plain.vectors)


def test_a_black_picture_gives_finite_coefficients() -> None:
    parts = draw_parts(1, seed=13)
    _, masks, points = pictures(parts)
    fitter = PhotometricFitter(face_model(), _QUICK)
    start = fitter.start(parts.pose, parts.identity, parts.expression)
    found = fitter.fit(torch.zeros(1, 3, _SIZE, _SIZE), masks, points, start)
    nothing = fitter.fit(torch.zeros(1, 3, _SIZE, _SIZE), torch.zeros_like(masks), points, start)
    assert found.vectors.isfinite().all() and nothing.vectors.isfinite().all()
    assert nothing.residual.item() == 0
