"""NG ready for use: what NS and NR say of an occluded face in, the whole face out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn

from occset.models.inpainting.architecture import Architecture
from occset.models.inpainting.noise import given
from occset.models.pretrained import Pretrained, scaled
from occset.support.errors import BadInput

_SURE = 0.99  # of a pixel whose parts must all be known


class FacePainter(Pretrained):
    """NG with trained weights."""

    name = "ng"
    citations = ("Yin et al., Segmentation-Reconstruction-Guided Facial Image De-occlusion, 2021",)

    def build(self, about: Mapping[str, Any]) -> nn.Module:
        """The generator that the fields of `Architecture` describe; those it does not name have their defaults."""
        known = {field.name for field in fields(Architecture)}
        return Architecture(**{name: value for name, value in about.items() if name in known}).build()

    @property
    def size(self) -> int:
        """Side in pixels at which the network paints."""
        return int(self.about["network"]["size"])

    @property
    def mirrors(self) -> bool:
        """Whether the network looks at the face's other half."""
        return "mirrored" in self.network.architecture.inputs

    @torch.no_grad()
    def paint(
        self,
        picture: Tensor,
        render: Tensor,
        whole: Tensor,
        hidden: Tensor,
        visible: Tensor,
        seeds: Sequence[int],
        other: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Paint, at the network's own size, and scale the outcome to the picture's.

        Args:
            picture, render, whole, hidden: see `occset.models.inpainting.noise.given`; of any square size.
            visible: (B, 1, S, S), 1 where the face is seen: all that a linear face is fitted to.
            seeds: of the noise, one a picture.
            other: what the face's other half shows and where that is known, see there; for a network that `mirrors`.

        Returns:
            (B, 3, S, S) float on 0..1; the whole picture, of which the hidden part is wanted.

        Raises:
            BadInput: what the network answers is not finite.
        """
        side, size = picture.shape[-1], self.size
        soft = [scaled(values, size) for values in (picture, render)]
        hard = [(scaled(values, size) > 0.5).float() for values in (whole, hidden, visible)]
        linear = getattr(self.network, "linear", None)
        told = None if linear is None else linear(soft[0], hard[2])
        seen = None if other is None else (scaled(other[0], size), (scaled(other[1], size) > _SURE).float())
        parts = given(soft[0], soft[1], hard[0], hard[1], seeds, told, seen)
        painted: Tensor = self.network(self.network.stack(parts))
        if not torch.isfinite(painted).all():
            raise BadInput(f"{self.weights}: what the network answers is not finite: restore the file, or name another")
        return scaled(painted, side)


class PainterWithoutStructure(FacePainter):
    """NG with weights that were trained without the loss of structure."""

    name = "ng-no-ssim"


class PainterAtEqualBudget(FacePainter):
    """NG with weights that saw as many samples as the rivals."""

    name = "ng-25k"
