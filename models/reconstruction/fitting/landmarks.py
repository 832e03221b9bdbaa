"""First stage of a fit: pose, identity and expression from 68 landmarks, by Gauss-Newton, without drawing anything.

Minimises, over pose p, identity a and expression e,

    sum_n w_n rho(|| q_n(p, a, e) - q^_n || / s) + lambda_a |a|^2 + lambda_e |e|^2

with q the projected landmarks, q^ those found, s the deviation of the finder, and Huber's rho. Jaw landmarks count by
their distance to the outline alone, whose vertices are chosen anew (see `occset.models.reconstruction.fitting.contour`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from occset.models.morphable.base import LinearModel
from occset.models.reconstruction.coefficients import FOCAL, POSE
from occset.models.reconstruction.fitting.contour import JAW, jaw_candidates, outward
from occset.models.rendering import camera

POINTS = 68
_EYES = slice(36, 42), slice(42, 48)
_HUBER = 2.0
_FIRST_OUTLINE, _OUTLINE_EVERY = 2, 2
_TINY = 1e-9


@dataclass(frozen=True)
class LandmarkSettings:
    """How a fit to landmarks goes.

    Attributes:
        steps: of Gauss-Newton.
        deviation: of the landmarks' finder, in widths of the picture.
        identity, expression: weight of the priors: 1 means that a deviation of the face is as likely as one of the finder.
        jaw, brows: weights of those landmarks beside 1; finders place them less surely.
    """

    steps: int = 10
    deviation: float = 0.012
    identity: float = 1.0
    expression: float = 1.0
    jaw: float = 0.6
    brows: float = 0.7


class LandmarkFit(NamedTuple):
    """What landmarks tell of B faces.

    Attributes:
        pose: (B, 6); identity: (B, I); expression: (B, E), float32.
        error: (B,) mean distance of the 51 landmarks inside the face, in widths of the picture.
    """

    pose: Tensor
    identity: Tensor
    expression: Tensor
    error: Tensor


class LandmarkFitter:
    """Fits one morphable model to landmarks, batch by batch."""

    def __init__(self, model: LinearModel, settings: LandmarkSettings | None = None) -> None:
        """Take from the model what can be seen as a landmark."""
        self.settings = settings or LandmarkSettings()
        self.identities, self.expressions = len(model.identity_basis), len(model.expression_basis)
        basis = torch.cat((model.identity_basis, model.expression_basis))
        of, candidates = model.landmarks, jaw_candidates(model)
        self._mean, self._basis = model.mean[of].double(), basis[:, of].double()
        self._outline_mean, self._outline_basis = model.mean[candidates].double(), basis[:, candidates].double()
        self._range = model.expression_range
        weights = torch.ones(POINTS, dtype=torch.float64)
        weights[:JAW], weights[JAW:27] = self.settings.jaw, self.settings.brows
        self._weights = weights

    def fit(self, points: Tensor, size: int, shape: Tensor | None = None) -> LandmarkFit:
        """Fit B faces.

        Args:
            points: (B, 68, 2) pixels of aligned crops of `size`.
            size: side of the crops.
            shape: (B, I + E) identity and expression where they are known: then only the pose is sought.
        """
        points = points.double() / size  # in widths, so that nothing below depends on the resolution
        known = shape is not None
        shape = shape.double() if shape is not None else points.new_zeros(len(points), self._basis.shape[0])
        pose = self._first_pose(points, size)
        normals = outward(points)
        mean, basis = self._expand(len(points))
        for step in range(self.settings.steps):
            if step >= _FIRST_OUTLINE and (step - _FIRST_OUTLINE) % _OUTLINE_EVERY == 0:
                mean, basis = self._with_outline(pose, shape, normals, size)
            pose, shape = self._step(points, normals, mean, basis, pose, shape, size, known)
        seen = self._project(self._sum(mean, basis, shape), pose, size)
        error = (seen - points)[:, JAW:].norm(dim=-1).mean(1)
        identity, expression = shape.float().split([self.identities, self.expressions], dim=1)
        return LandmarkFit(pose.float(), identity, expression, error.float())

    def _first_pose(self, points: Tensor, size: int) -> Tensor:
        """A frontal pose at the distance at which the mean face is as large as the points."""
        spread = (points - points.mean(1, keepdim=True)).norm(dim=-1).mean(1)
        middle = self._mean.mean(0)
        distance = FOCAL * (self._mean - middle)[:, :2].norm(dim=-1).mean() / spread.clamp_min(1e-3)
        eyes = points[:, _EYES[1]].mean(1) - points[:, _EYES[0]].mean(1)
        at = points.mean(1) - (size - 1) / (2 * size)
        pose = points.new_zeros(len(points), POSE)
        pose[:, 2] = -torch.atan2(eyes[:, 1], eyes[:, 0])
        pose[:, 3] = at[:, 0] * distance / FOCAL - middle[0]
        pose[:, 4] = -at[:, 1] * distance / FOCAL - middle[1]
        pose[:, 5] = -distance
        return pose

    def _expand(self, count: int) -> tuple[Tensor, Tensor]:
        """Mean (B, 68, 3) and basis (B, K, 68, 3) of the landmarks, the same for all."""
        return self._mean.expand(count, -1, -1), self._basis.expand(count, -1, -1, -1)

    def _with_outline(self, pose: Tensor, shape: Tensor, normals: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """As `_expand`, with the jaw's landmarks where the outline is seen now."""
        flat = self._outline_mean.reshape(-1, 3) + torch.einsum("bk,kvc->bvc", shape, self._outline_basis.flatten(1, 2))
        seen = self._project(flat, pose, size).view(len(pose), *self._outline_mean.shape[:2], 2)
        best = (seen * normals[:, :, None]).sum(-1).argmax(-1)  # (B, 17)
        row = torch.arange(JAW)
        mean, basis = (each.clone() for each in self._expand(len(pose)))
        mean[:, :JAW] = self._outline_mean[row, best]
        basis[:, :, :JAW] = self._outline_basis[:, row, best].transpose(0, 1)
        return mean, basis

    @staticmethod
    def _sum(mean: Tensor, basis: Tensor, shape: Tensor) -> Tensor:
        return mean + torch.einsum("bk,bkvc->bvc", shape, basis)

    @staticmethod
    def _project(head: Tensor, pose: Tensor, size: int) -> Tensor:
        """(B, N, 3) millimetres to (B, N, 2) in widths, pixel centres of a picture of `size` at integers over it."""
        return camera.project(camera.to_camera(head, pose), FOCAL * size, size, size)[..., :2] / size

    def _step(
        self, points: Tensor, normals: Tensor, mean: Tensor, basis: Tensor, pose: Tensor, shape: Tensor, size: int,
        known: bool,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """One step of Gauss-Newton with Huber's weights."""
        settings = self.settings
        head = self._sum(mean, basis, shape)
        slope = self._slope(head, basis, pose, known)  # (B, 68, 2, D)
        missing = points - self._project(head, pose, size)
        jaw = normals[:, :, :, None] * normals[:, :, None]  # only what lies across the outline counts there
        missing = torch.cat((torch.einsum("bnij,bnj->bni", jaw, missing[:, :JAW]), missing[:, JAW:]), 1)
        slope = torch.cat((jaw @ slope[:, :JAW], slope[:, JAW:]), 1)
        far = missing.norm(dim=-1) / settings.deviation
        weights = self._weights * torch.where(far < _HUBER, 1.0, _HUBER / far.clamp_min(_TINY)) / settings.deviation**2
        weighted = slope * weights[:, :, None, None]
        prior = points.new_full((slope.shape[-1],), 1e-6)  # the pose is free, up to what keeps the system solvable
        state = pose
        if not known:
            prior[POSE : POSE + self.identities], prior[POSE + self.identities :] = (
                settings.identity,
                settings.expression,
            )
            state = torch.cat((torch.zeros_like(pose), shape), 1)
        normal = torch.einsum("bnid,bnie->bde", weighted, slope) + torch.diag(prior)
        right = torch.einsum("bnid,bni->bd", weighted, missing)
        if not known:
            right = right - prior * state
        change = torch.linalg.solve(normal, right)
        pose = pose + change[:, :POSE]
        if not known:
            shape = shape + change[:, POSE:]
            shape = torch.cat((shape[:, : self.identities], shape[:, self.identities :].clamp(*self._range)), 1)
        return pose, shape

    @staticmethod
    def _slope(head: Tensor, basis: Tensor, pose: Tensor, known: bool) -> Tensor:
        """Derivatives (B, 68, 2, D) of the projected points by pose and, unless it is known, shape; in widths."""
        turn = camera.rotation_matrix(pose[:, :3])
        placed = camera.to_camera(head, pose)
        distance = -placed[..., 2]
        nothing = torch.zeros_like(distance)
        across = torch.stack((FOCAL / distance, nothing, FOCAL * placed[..., 0] / distance**2), -1)
        down = torch.stack((nothing, -FOCAL / distance, -FOCAL * placed[..., 1] / distance**2), -1)
        by_place = torch.stack((across, down), -2)  # (B, 68, 2, 3)
        step = 1e-5
        turned = []
        for axis in range(3):
            nudge = torch.zeros_like(pose[:, :3])
            nudge[:, axis] = step
            difference = camera.rotation_matrix(pose[:, :3] + nudge) - camera.rotation_matrix(pose[:, :3] - nudge)
            turned.append(head @ difference.transpose(1, 2) / (2 * step))
        shifts = torch.eye(3, dtype=head.dtype, device=head.device).expand(*head.shape[:2], 3, 3)
        parts = [torch.stack(turned, -1), shifts]
        if not known:
            parts.append(torch.einsum("bij,bkvj->bvik", turn, basis))
        return by_place @ torch.cat(parts, -1)
