"""The rendered face in the colours of the visible one. Not the paper's."""

from __future__ import annotations

import torch
from torch import Tensor

LEAST_PIXELS = 16
"""Of a visible face that says anything about colours."""

GAINS = (0.5, 2.0)
"""Within which the gain is kept: a beard or a shadow is no reason to turn a face inside out."""

_FIRM = 1e-3  # variance that pulls the gain to 1 where the face is nearly of one colour


def match_colours(render: Tensor, picture: Tensor, visible: Tensor) -> Tensor:
    """Change a render by a gain and an offset a channel, so that it comes nearest to the picture where both show the face.

    In closed form, for each picture and channel, with weighted means m, variances v and covariance c over the mask:

        min over g, o of  sum M (g r + o - y)^2 + k sum M (g - 1)^2:   g = (c + k) / (v_r + k),  o = m_y - g m_r

    with g kept within `GAINS`. So one colour is met exactly whatever the gain.

    Args:
        render: Im, (B, 3, H, W) float on 0..1.
        picture: (B, 3, H, W) float on 0..1.
        visible: (B, 1, H, W) float on 0..1, where the face is rendered and seen: Mm * Mf. With fewer than `LEAST_PIXELS`
            the render stays as it is.

    Returns:
        (B, 3, H, W) float on 0..1, the whole picture changed; what leaves the range is cut off.
    """
    pixels = visible.sum((2, 3), keepdim=True)
    below = pixels.clamp_min(1e-6)

    def mean(values: Tensor) -> Tensor:
        return (values * visible).sum((2, 3), keepdim=True) / below

    of_render, of_picture = mean(render), mean(picture)
    variance = mean((render - of_render).square())
    covariance = mean((render - of_render) * (picture - of_picture))
    gain = ((covariance + _FIRM) / (variance + _FIRM)).clamp(*GAINS)
    changed = (gain * render + of_picture - gain * of_render).clamp(0, 1)
    return torch.where(pixels >= LEAST_PIXELS, changed, render)
