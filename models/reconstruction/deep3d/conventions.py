"""From Deep3DFaceReconstruction's conventions to ours: its crop, its camera, its pose, its light.

Theirs: the mean shape is centred on the mean of its vertices; a vertex v goes to ``R v + shift`` with the same R as ours;
the camera looks from 10 decimetres, 1015 pixels long, at the middle of 224 x 224; what a pixel shows is
``texture / 255 * sum_k Y_k (gamma_k + 0.8 [k = 0])`` as it is, without the curve of a screen.

The network looks at a part of our aligned crops: five points of a face are taken for those of a standard face in 3D by least
squares, which gives a scale and where its origin is seen (their `POS`); the crop has 102 pixels a decimetre about it. Our
crops have the five points in one place, so that the part is the same in all of them, and the camera of whole crops is theirs
with a longer view and its axis beside the middle: a `Lens`. A face whose points stray from that place, one from the side,
say, would have been cropped a little otherwise by them; their training moved and scaled the crops by more (10 pixels, 10 %).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from occset.models.pretrained import scaled
from occset.models.reconstruction.coefficients import Coefficients, Layout, Lens
from occset.models.reconstruction.deep3d.network import split
from occset.models.rendering.camera import rotation_matrix
from occset.pictures.landmarks import template

SIDE, FOCAL = 224, 1015.0
"""Pixels: of the network's pictures, and of its camera."""

DISTANCE = 1000.0
"""Millimetres from the camera to the origin of a face that is not shifted."""

MILLIMETRES = 100.0
"""In one unit of theirs."""

LAYOUT = Layout(80, 64, 80, 3)
"""Of the vectors in our order."""

STANDARD = np.array(
    [
        [-0.31148657, 0.29036078, 0.13377953],
        [0.30979887, 0.28972036, 0.13179526],
        [0.0032535, -0.04617932, 0.55244243],
        [-0.25216928, -0.38133916, 0.22405732],
        [0.2484662, -0.38128236, 0.22235769],
    ]
)
"""The five points of their standard face, decimetres from its mean: what their file similarity_Lm3D_all.mat comes to."""

_PIXELS = 102.0  # of a crop for a unit of the standard face
_FIRST = 0.8  # added to the first harmonic of each colour

# their nine numbers over ours, which are multiplied by ``A_l Y_lm / pi``: they leave out the division, and their axes of
# the odd harmonics point the other way, but for the one towards the viewer
_LIGHT = math.pi * np.array(
    [1, -math.sqrt(3), math.sqrt(3), -math.sqrt(3), *(math.sqrt(8) * np.array([1, -1, 1, -1, 1]))]
)


class Window(NamedTuple):
    """The part of our crops that the network sees: pixels of a crop that is scaled to ``side``."""

    side: int
    left: int
    up: int


@lru_cache(maxsize=1)
def window() -> Window:
    """Where their alignment crops, given the five points of our aligned crops; cut to whole pixels as they do."""
    points = template(SIDE)
    seen, *_ = np.linalg.lstsq(np.column_stack([STANDARD, np.ones(5)]), points, rcond=None)
    scale = _PIXELS / np.linalg.norm(seen[:3], axis=0).mean()
    side = int(SIDE * scale)
    across, down = seen[3, 0] - SIDE / 2, seen[3, 1] - (SIDE / 2 - 1)  # they turn y over by one pixel less
    return Window(side, *(int(side / 2 - SIDE / 2 + each * scale) for each in (across, down)))


def lens() -> Lens:
    """Their camera as one of our whole crops."""
    side, left, up = window()
    return Lens(FOCAL / side, (left + SIDE / 2) / side - 0.5, (up + SIDE / 2) / side - 0.5)


def crop(pictures: Tensor) -> Tensor:
    """Our crops (B, C, S, S) as the network wants them, (B, C, 224, 224); beyond our crop its edge goes on."""
    side, left, up = window()
    beyond = (0, max(0, left + SIDE - side), 0, max(0, up + SIDE - side))
    wide = F.pad(scaled(pictures, side), beyond, mode="replicate")
    return wide[..., up : up + SIDE, left : left + SIDE]


def to_vectors(raw: Tensor, centre: Tensor) -> Tensor:
    """What the network says as coefficients of ours, to be seen through `lens`.

    Args:
        raw: (B, 257).
        centre: (3,) millimetres, the mean of the mean shape's vertices in our head axes, about which they turn a head.

    Returns:
        (B, 257) vectors of `LAYOUT`.
    """
    said = split(raw)
    turned = rotation_matrix(said.angles) @ centre
    away = said.shift.new_tensor([0.0, 0.0, -DISTANCE])
    pose = torch.cat((said.angles, said.shift * MILLIMETRES + away - turned), 1)
    gamma = said.gamma.view(-1, 3, 9).transpose(1, 2)
    first = F.one_hot(torch.tensor(0), 9).to(gamma)[:, None] * _FIRST
    light = (gamma + first) * torch.from_numpy(_LIGHT).to(gamma)[:, None]
    return LAYOUT.join(Coefficients(pose, said.identity, said.expression, said.texture, light))
