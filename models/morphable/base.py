"""What every morphable model offers: linear shape and albedo in standard deviations, millimetres and RGB 0..1.

``shape = mean + identity . a + expression . e`` and ``albedo = mean_albedo + texture . t``, whatever the origin
(procedural, Basel, ICT) and its sizes. Axes: x to the picture's right, y up, z out of the face. A model whose expressions
are blendshapes and no deviations says so by the range of their weights.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import KW_ONLY, dataclass, fields, replace
from functools import cached_property
from typing import Any, Protocol, Self, runtime_checkable

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
    mirror: Tensor  # (V,) int64, the vertex at the same place of the face's other half
    skin: Tensor  # (V,) bool, skin of the face: no eyes, nothing inside the mouth, no scalp, no neck

    def shape(self, identity: Tensor, expression: Tensor) -> Tensor:
        """(B, I) and (B, E) coefficients to (B, V, 3) millimetres."""
        ...

    def albedo(self, texture: Tensor) -> Tensor:
        """(B, K) coefficients to (B, V, 3), not clamped, so that gradients pass."""
        ...


@dataclass(frozen=True)
class LinearModel:
    """A `MorphableModel` that holds its arrays as tensors; see there for shapes and units.

    Attributes:
        coarse_vertices: (W,) int64, the vertices that the decimated level keeps; empty where there is none.
        coarse_triangles: (S, 3) int64, its triangles, which count in ``coarse_vertices``.
        coarse_cells: (V,) int64, for each vertex the place in ``coarse_vertices`` of the one that stands for it, -1 where
            none does; the decimated level's albedo is the mean over those.
        name: what the model is called.
        expression_range: smallest and largest expression coefficient that means something.
        geometry_id: stands for the geometry in `revision` where its last bits depend on the machine that made it.
        albedo_id: the same of the albedo.
    """

    mean: Tensor
    identity_basis: Tensor
    expression_basis: Tensor
    mean_albedo: Tensor
    texture_basis: Tensor
    triangles: Tensor
    uv: Tensor
    landmarks: Tensor
    _: KW_ONLY
    mirror: Tensor
    skin: Tensor
    coarse_vertices: Tensor
    coarse_triangles: Tensor
    coarse_cells: Tensor
    name: str = ""
    expression_range: tuple[float, float] = (-math.inf, math.inf)
    geometry_id: str = ""
    albedo_id: str = ""

    def shape(self, identity: Tensor, expression: Tensor) -> Tensor:
        """(B, I) and (B, E) coefficients to (B, V, 3) millimetres."""
        moved = _combine(identity, self.identity_basis, "identity") + _combine(
            expression, self.expression_basis, "expression"
        )
        return self.mean + moved

    def albedo(self, texture: Tensor) -> Tensor:
        """(B, K) coefficients to (B, V, 3), not clamped, so that gradients pass."""
        return self.mean_albedo + _combine(texture, self.texture_basis, "texture")

    def to(self, device: torch.device | str) -> Self:
        """The same model on another device."""
        tensors = ((field.name, getattr(self, field.name)) for field in fields(self))
        moved: dict[str, Any] = {name: each.to(device) for name, each in tensors if isinstance(each, Tensor)}
        return replace(self, **moved)

    @cached_property
    def coarse(self) -> LinearModel:
        """The decimated level, 2,000 to 3,000 vertices of the front of the face; the model itself where it has none.

        Its vertices are some of the model's own, so that coefficients mean the same in both; its albedo is the mean of
        what each of them stands for.
        """
        keep = self.coarse_vertices
        if not len(keep):
            return self
        number = torch.full((len(self.mean),), -1, dtype=torch.int64, device=keep.device)
        number[keep] = torch.arange(len(keep), device=keep.device)
        nothing = keep.new_zeros(0)
        return LinearModel(
            mean=self.mean[keep],
            identity_basis=self.identity_basis[:, keep],
            expression_basis=self.expression_basis[:, keep],
            mean_albedo=self._mean_over_cells(self.mean_albedo[None])[0],
            texture_basis=self._mean_over_cells(self.texture_basis),
            triangles=self.coarse_triangles,
            uv=self.uv[keep],
            landmarks=number[self.landmarks],
            mirror=number[self.mirror[keep]],
            skin=self.skin[keep],
            coarse_vertices=nothing,
            coarse_triangles=nothing.view(0, 3),
            coarse_cells=nothing,
            name=f"{self.name} coarse",
            expression_range=self.expression_range,
        )

    def _mean_over_cells(self, values: Tensor) -> Tensor:
        """Means (K, W, 3) of values (K, V, 3) over the vertices that each coarse vertex stands for."""
        inside = (self.coarse_cells >= 0).nonzero()[:, 0]
        cells = self.coarse_cells[inside]
        total = values.new_zeros(len(values), len(self.coarse_vertices), 3).index_add(1, cells, values[:, inside])
        return total / torch.bincount(cells, minlength=len(self.coarse_vertices))[:, None]

    @cached_property
    def revision(self) -> str:
        """64 hex digits over all that the model is: sizes, geometry, landmarks, albedo."""
        digest = hashlib.sha256(f"{self.expression_range} {self.geometry_id} {self.albedo_id}".encode())
        for field in fields(LinearModel):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                digest.update(f"{field.name} {tuple(value.shape)} {value.dtype}".encode())
                if not (self.albedo_id if field.name in _ALBEDO else self.geometry_id):
                    digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def with_albedo(self, mean: Tensor, basis: Tensor) -> LinearModel:
        """The same geometry with another albedo: mean (V, 3) of 0..1 and basis (K, V, 3), a standard deviation each.

        Raises:
            ValueError: shapes do not fit the model's vertices.
        """
        if mean.shape != self.mean.shape or basis.shape[1:] != self.mean.shape:
            raise ValueError(
                f"the albedo must be {tuple(self.mean.shape)} and (K, {len(self.mean)}, 3), "
                f"not {tuple(mean.shape)} and {tuple(basis.shape)}"
            )
        values: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(LinearModel)}
        values |= {"mean_albedo": mean.to(self.mean), "texture_basis": basis.to(self.mean), "albedo_id": ""}
        return LinearModel(**values)


_ALBEDO = ("mean_albedo", "texture_basis")


def _combine(coefficients: Tensor, basis: Tensor, name: str) -> Tensor:
    if coefficients.ndim != 2 or coefficients.shape[1] != basis.shape[0]:
        raise ValueError(f"{name} coefficients must be (B, {basis.shape[0]}), not {tuple(coefficients.shape)}")
    return (coefficients @ basis.flatten(1)).view(-1, *basis.shape[1:])
