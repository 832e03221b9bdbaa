"""What every morphable model offers: linear shape and albedo in standard deviations, millimetres and RGB 0..1.

``shape = mean + identity . a + expression . e`` and ``albedo = mean_albedo + texture . t``, whatever the origin
(procedural, Basel, ICT) and its sizes. Axes: x to the picture's right, y up, z out of the face.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor


@runtime_checkable
class MorphableModel(Protocol):
    """The arrays and the two sums. V vertices, T triangles, 68 landmarks in the iBUG order."""

    mean: Tensor  # (V, 3) millimetres
    identity_basis: Tensor  # (I, V, 3) millimetres a standard deviation
    expression_basis: Tensor  # (E, V, 3) millimetres a standard deviation
    mean_albedo: Tensor  # (V, 3) 0..1
    texture_basis: Tensor  # (K, V, 3) a standard deviation
    triangles: Tensor  # (T, 3) int64, counter-clockwise seen from outside
    uv: Tensor  # (V, 2) 0..1
    landmarks: Tensor  # (68,) int64 vertex indices

    def shape(self, identity: Tensor, expression: Tensor) -> Tensor:
        """(B, I) and (B, E) coefficients to (B, V, 3) millimetres."""
        ...

    def albedo(self, texture: Tensor) -> Tensor:
        """(B, K) coefficients to (B, V, 3), not clamped, so that gradients pass."""
        ...


@dataclass(frozen=True)
class LinearModel:
    """A `MorphableModel` that holds its arrays as tensors; see there for shapes and units."""

    mean: Tensor
    identity_basis: Tensor
    expression_basis: Tensor
    mean_albedo: Tensor
    texture_basis: Tensor
    triangles: Tensor
    uv: Tensor
    landmarks: Tensor

    def shape(self, identity: Tensor, expression: Tensor) -> Tensor:
        """(B, I) and (B, E) coefficients to (B, V, 3) millimetres."""
        moved = _combine(identity, self.identity_basis, "identity") + _combine(
            expression, self.expression_basis, "expression"
        )
        return self.mean + moved

    def albedo(self, texture: Tensor) -> Tensor:
        """(B, K) coefficients to (B, V, 3), not clamped, so that gradients pass."""
        return self.mean_albedo + _combine(texture, self.texture_basis, "texture")

    def to(self, device: torch.device | str) -> LinearModel:
        """The same model on another device."""
        return LinearModel(**{name: getattr(self, name).to(device) for name in self.__dataclass_fields__})


def _combine(coefficients: Tensor, basis: Tensor, name: str) -> Tensor:
    if coefficients.ndim != 2 or coefficients.shape[1] != basis.shape[0]:
        raise ValueError(f"{name} coefficients must be (B, {basis.shape[0]}), not {tuple(coefficients.shape)}")
    return (coefficients @ basis.flatten(1)).view(-1, *basis.shape[1:])
