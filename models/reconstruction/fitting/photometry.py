"""Second stage of a fit: all coefficients from the pixels of the face, by gradient descent through the renderer.

Minimises, over the whole vector c,

    sum_M w || I(c) - I ||_2 / sum_M w  +  l_q sum_n rho(|| q_n - q^_n || / s) / 51  +  priors,

M the visible face's pixels that the render covers; distances, not squares, so that a few bad pixels do not rule. In the
third stage, the EM, w is how surely a pixel is explained by the face at all: what is not becomes an outlier, is fitted no
longer, and the rest is fitted again (the idea of FOCUS, Li et al. 2023).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from occset.models.reconstruction.coefficients import Coefficients
from occset.models.reconstruction.face import FaceModel
from occset.models.reconstruction.fitting.contour import JAW

_HUBER = 2.0
_SMOOTH = 1e-4  # keeps the distance's gradient finite where a pixel is right
_LAST = 0.2  # learning rate at a stage's end, as a share of its beginning
_ROUGHEST, _FINEST = 0.3, 0.04
"""Bounds of the deviation that the EM estimates, of a distance of colours on 0..1."""
_EVEN = 3.0
"""Deviations at which a pixel is as likely an outlier as a pixel of the face."""


@dataclass(frozen=True)
class PhotometrySettings:
    """How a fit to pixels goes.

    Attributes:
        stages: side in pixels and number of steps of each.
        rate: of Adam, in spreads of the coefficients.
        reuse: steps between looks for which triangle a pixel sees.
        landmarks: weight of the landmarks.
        deviation: of the landmarks' finder, in widths of the picture.
        shape, texture: weight of the priors of identity and expression, and of albedo, a square of a deviation.
        tint, contrast: weight of the priors against coloured light and against light of order 2.
    """

    stages: tuple[tuple[int, int], ...] = ((48, 30), (80, 25))
    rate: float = 0.1
    reuse: int = 6
    landmarks: float = 0.05
    deviation: float = 0.012
    shape: float = 6e-4
    texture: float = 6e-4
    tint: float = 4e-3
    contrast: float = 2e-3


class PhotometricFit(NamedTuple):
    """What pixels tell of B faces.

    Attributes:
        vectors: (B, D) coefficients.
        residual: (B,) mean distance of colours over the pixels that count, on 0..1: Eq. 6.
        share: (B,) share of the visible face's pixels that the render explains; 1 without EM.
        landmark_error: (B,) as in `occset.models.reconstruction.fitting.landmarks`.
        covered: (B,) share of the visible face's pixels that the render covers; 0 where no face is visible.
    """

    vectors: Tensor
    residual: Tensor
    share: Tensor
    landmark_error: Tensor
    covered: Tensor


class PhotometricFitter:
    """Fits a face model to pictures, batch by batch."""

    def __init__(self, face: FaceModel, settings: PhotometrySettings | None = None) -> None:
        """Fit this model, drawn as it is."""
        self.face, self.settings = face, settings or PhotometrySettings()
        middle, spread = face.layout.typical()
        self.middle, self.spread = middle.to(face.mean.device), spread.to(face.mean.device)

    def start(self, pose: Tensor, identity: Tensor, expression: Tensor) -> Tensor:
        """Vectors (B, D) of what landmarks told, with mean albedo and typical light."""
        vectors = self.middle.repeat(len(pose), 1)
        at = self.face.layout.slices()
        vectors[:, at["pose"]], vectors[:, at["identity"]] = pose, identity
        vectors[:, at["expression"]] = expression
        return vectors

    def fit(
        self,
        images: Tensor,
        masks: Tensor,
        points: Tensor,
        start: Tensor,
        weights: Tensor | None = None,
        stages: tuple[tuple[int, int], ...] | None = None,
    ) -> PhotometricFit:
        """Fit B faces.

        Args:
            images: (B, 3, S, S) display values 0..1, aligned crops.
            masks: (B, 1, S, S) 0..1, the visible face.
            points: (B, 68, 2) pixels.
            start: (B, D) of `start`, or of an earlier fit.
            weights: (B, 1, S, S) 0..1, how surely a pixel is explained by the face; 1 everywhere when None.
            stages: instead of the settings'.
        """
        side = images.shape[-1]
        free = torch.zeros_like(start, requires_grad=True)  # in spreads, from the start
        optimiser = torch.optim.Adam([free], lr=self.settings.rate)
        counted = masks if weights is None else masks * weights
        for size, steps in stages or self.settings.stages:
            small, count = (F.interpolate(x, size=(size, size), mode="area") for x in (images, counted))
            seen = None
            for step in range(steps):
                optimiser.param_groups[0]["lr"] = self.settings.rate * (1 - (1 - _LAST) * step / steps)
                parts = self.face.layout.split(start + free * self.spread)
                view = self.face(parts, size, face=None if step % self.settings.reuse == 0 else seen)
                seen = view.face
                loss = self._pixels(view.image, small, count * (seen >= 0)[:, None])
                loss = loss + self.settings.landmarks * self._points(parts, points, side) + self._priors(parts)
                optimiser.zero_grad()
                loss.sum().backward()
                optimiser.step()
        with torch.no_grad():
            return self._found(start + free.detach() * self.spread, images, masks, points, weights)

    @torch.no_grad()
    def explained(self, vectors: Tensor, images: Tensor, masks: Tensor, size: int = 96) -> Tensor:
        """How surely the face explains each pixel, (B, 1, `size`, `size`) 0..1: the E step.

        A pixel's distance d is that of a face's pixel, ``exp(-d^2 / (2 s^2))``, or of anything else, which is as likely
        anywhere; s is estimated from the half of the pixels that fits best. What is likely is smoothed over neighbours,
        since occluders are larger than a pixel.
        """
        small, count = (F.interpolate(x, size=(size, size), mode="area") for x in (images, masks))
        view = self.face(self.face.layout.split(vectors), size)
        distance = (view.image - small).square().sum(1, keepdim=True).sqrt()
        covered = (view.face >= 0)[:, None] & (count > 0.5)
        values = torch.where(covered, distance, torch.nan).flatten(1)
        middle = values.nanmedian(1).values.nan_to_num(_ROUGHEST)
        deviation = (middle / 0.8).clamp(_FINEST, _ROUGHEST)[:, None, None, None]
        near = F.avg_pool2d(distance, 5, 1, 2, count_include_pad=False)
        likely = torch.exp(-0.5 * (near / deviation).square())
        other = math.exp(-0.5 * _EVEN**2)
        return torch.where(covered, likely / (likely + other), torch.zeros_like(likely))

    def fit_with_outliers(
        self, images: Tensor, masks: Tensor, points: Tensor, start: Tensor, rounds: int = 2
    ) -> tuple[PhotometricFit, Tensor]:
        """The third stage: `rounds` times, which pixels the face explains, and a fit to those.

        Returns:
            The fit, and the last (B, 1, S, S) weights.
        """
        size, steps = self.settings.stages[-1]
        side = images.shape[-1]
        vectors = start
        for _ in range(rounds):
            weights = F.interpolate(self.explained(vectors, images, masks), size=(side, side), mode="bilinear")
            found = self.fit(images, masks, points, vectors, weights, stages=((size, steps),))
            vectors = found.vectors
        return found, weights

    @staticmethod
    def _pixels(seen: Tensor, image: Tensor, count: Tensor) -> Tensor:
        """(B,) mean distance of colours over what counts."""
        distance = ((seen - image).square().sum(1, keepdim=True) + _SMOOTH).sqrt()
        return (distance * count).sum((1, 2, 3)) / count.sum((1, 2, 3)).clamp_min(1)

    def _points(self, parts: Coefficients, points: Tensor, side: int) -> Tensor:
        """(B,) mean of Huber's function of the landmarks' distances; those of the jaw lie on no vertex and are left out."""
        away = (self.face.landmarks(parts, side) - points)[:, JAW:] / (self.settings.deviation * side)
        far = (away.square().sum(-1) + _SMOOTH).sqrt()
        return F.huber_loss(far, torch.zeros_like(far), delta=_HUBER, reduction="none").mean(1)

    def _priors(self, parts: Coefficients) -> Tensor:
        """(B,) what unlikely coefficients cost."""
        s = self.settings
        cost = s.shape * (parts.identity.square().sum(1) + parts.expression.square().sum(1))
        cost = cost + s.texture * parts.texture.square().sum(1)
        grey = parts.light.mean(-1, keepdim=True)
        return cost + s.tint * (parts.light - grey).square().sum((1, 2)) + s.contrast * grey[:, 4:].square().sum((1, 2))

    def _found(
        self, vectors: Tensor, images: Tensor, masks: Tensor, points: Tensor, weights: Tensor | None
    ) -> PhotometricFit:
        size = self.settings.stages[-1][0]
        parts = self.face.layout.split(vectors)
        view = self.face(parts, size)
        small, count = (F.interpolate(x, size=(size, size), mode="area") for x in (images, masks))
        covered = count * (view.face >= 0)[:, None]
        reached = covered.sum((1, 2, 3)) / count.sum((1, 2, 3)).clamp_min(1)
        share = torch.ones(len(vectors), device=vectors.device)
        if weights is not None:
            counted = covered * F.interpolate(weights, size=(size, size), mode="area")
            share = counted.sum((1, 2, 3)) / covered.sum((1, 2, 3)).clamp_min(1)
            covered = counted
        residual = self._pixels(view.image, small, covered)
        side = images.shape[-1]
        error = (self.face.landmarks(parts, side) - points)[:, JAW:].norm(dim=-1).mean(1) / side
        return PhotometricFit(vectors, residual, share, error, reached)
