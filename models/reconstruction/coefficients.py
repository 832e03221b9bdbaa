"""The coefficient vector of a face: pose, identity, expression, albedo and light, in this order.

The paper's is R^239 = 6 + 80 + 64 + 80 + 9; sizes follow the morphable model, and light may have a set of harmonics for
each colour (6 + 80 + 64 + 80 + 27), since real lamps tint.

=============  =============  ==========================================================================================
part           numbers        unit
=============  =============  ==========================================================================================
pose           6              pitch, yaw, roll in radians, translation in millimetres (`occset.models.rendering.camera`)
identity       I              standard deviations
expression     E              standard deviations, or weights of blend shapes
texture        K              standard deviations
light          9 or 9 x 3     harmonics in camera axes (`occset.models.rendering.lighting`), colour fastest
=============  =============  ==========================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor

from occset.models.rendering import lighting
from occset.support.errors import BadInput

POSE = 6
FOCAL = 4.53
"""Focal length of the camera in widths of the aligned crop: a head then stands a little over a metre away, as in
Deep3DFaceReconstruction (1015 pixels of 224)."""


class Lens(NamedTuple):
    """Camera of square pictures, in their widths, so that it holds at any size.

    Attributes:
        focal: focal length.
        x, y: from the picture's middle, right and down, to what the camera looks at.
    """

    focal: float = FOCAL
    x: float = 0.0
    y: float = 0.0

    def pixels(self, size: int) -> tuple[float, tuple[float, float]]:
        """Focal length and middle in pixels of a picture of `size`, for `occset.models.rendering.camera.project`."""
        return self.focal * size, (self.x * size, self.y * size)


LENS = Lens()
"""Of aligned crops: all our own coefficients are seen through it."""

_POSE_MEAN = (0.0, 0.0, 0.0, 0.0, 8.0, -1250.0)
_POSE_SPREAD = (0.15, 0.3, 0.06, 20.0, 14.0, 90.0)
_LIGHT_SPREAD = 0.4


class Coefficients(NamedTuple):
    """The parts of B vectors.

    Attributes:
        pose: (B, 6).
        identity: (B, I).
        expression: (B, E).
        texture: (B, K).
        light: (B, 9, C).
    """

    pose: Tensor
    identity: Tensor
    expression: Tensor
    texture: Tensor
    light: Tensor


@dataclass(frozen=True)
class Layout:
    """Which numbers of a vector are what.

    Attributes:
        identity, expression, texture: how many coefficients the morphable model has of each.
        colours: 1 for grey light (the paper's), 3 for a set of harmonics for each colour.
    """

    identity: int
    expression: int
    texture: int
    colours: int = 1

    @property
    def sizes(self) -> tuple[int, int, int, int, int]:
        """Numbers of each part, in the order of `Coefficients`."""
        return POSE, self.identity, self.expression, self.texture, lighting.COEFFICIENTS * self.colours

    @property
    def size(self) -> int:
        """Numbers of a whole vector."""
        return sum(self.sizes)

    def slices(self) -> dict[str, slice]:
        """Where each part lies, by its name in `Coefficients`."""
        ends = list(accumulate(self.sizes))
        parts = (slice(end - size, end) for size, end in zip(self.sizes, ends, strict=True))
        return dict(zip(Coefficients._fields, parts, strict=True))

    def split(self, vectors: Tensor) -> Coefficients:
        """(B, `size`) vectors to their parts.

        Raises:
            BadInput: they are of another layout.
        """
        if vectors.ndim != 2 or vectors.shape[1] != self.size:
            raise BadInput(f"coefficients are (B, {self.size}), not {tuple(vectors.shape)}: is it another model's?")
        pose, identity, expression, texture, light = vectors.split(list(self.sizes), dim=1)
        light = light.reshape(len(vectors), lighting.COEFFICIENTS, self.colours)
        return Coefficients(pose, identity, expression, texture, light)

    def join(self, parts: Coefficients) -> Tensor:
        """The parts as (B, `size`) vectors; grey light is repeated where the layout has three colours."""
        light = parts.light
        if light.shape[-1] != self.colours:
            light = light.mean(-1, keepdim=True).expand(-1, -1, self.colours)
        return torch.cat((parts.pose, parts.identity, parts.expression, parts.texture, light.flatten(1)), -1)

    def typical(self) -> tuple[Tensor, Tensor]:
        """Mean and spread of each number over aligned faces, (`size`,) both: what a network's outputs are scaled by.

        The pose's are those of aligned crops seen at `FOCAL`; shape and albedo are in standard deviations already.
        """
        middle = torch.zeros(self.size)
        spread = torch.ones(self.size)
        middle[:POSE], spread[:POSE] = torch.tensor(_POSE_MEAN), torch.tensor(_POSE_SPREAD)
        light = torch.zeros(lighting.COEFFICIENTS, self.colours)
        light[0], light[1], light[2] = 0.8 * lighting.AMBIENT, 0.3, 0.6  # from all sides, above and in front
        at = self.slices()["light"]
        middle[at], spread[at] = light.flatten(), _LIGHT_SPREAD
        return middle, spread
