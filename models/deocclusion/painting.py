"""What goes into a gap without a network: the rendered face within it, the surroundings beyond."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from occset.models.deocclusion.prior import Prior
from occset.models.inpainting.hidden import widened
from occset.models.poisson.blending import blend

_FADE = 0.05
_FOREHEAD = (0.29, 0.35)  # in heights of the crop: above the first all is forehead or hair, below the second are brows


@torch.no_grad()
def render_in(prior: Prior) -> Tensor:
    """The pictures with their gaps filled, (B, 3, S, S) 0..1.

    Beyond the rendered face the gap is filled smoothly from its rim; within, it gets the gradients of the render.
    """
    gap, inside = prior.hidden > 0.5, prior.whole > 0.5
    beyond, within = gap & ~inside, gap & inside
    picture = surroundings_in(prior.picture, beyond, ~gap)
    return blend(prior.render, picture, within, _may_lend(prior, within))


def surroundings_in(picture: Tensor, beyond: Tensor, known: Tensor) -> Tensor:
    """Pictures (B, 3, S, S) whose part ``beyond``, (B, 1, S, S) bool, is filled smoothly from what is ``known`` by it."""
    return blend(torch.zeros_like(picture), picture, beyond, known)


@torch.no_grad()
def with_gap(filled: Tensor, prior: Prior, width: int) -> Tensor:
    """Pictures with a gap between what was painted of the face and what was filled in beyond it, closed smoothly.

    An occluder that spans face and background hides where the face ends: what is painted up to the outline of the render
    seems to hover (Figure 8 of the paper). The paper's remedy is to hold nothing to that outline: it erodes the masks of its
    losses on both sides. Here the hidden pixels within `width` of both sides are left open, and filled from their rim.

    Args:
        filled: (B, 3, S, S) 0..1, the pictures with all that is hidden filled.
        prior: what is known of them.
        width: pixels on either side of the outline; 0 leaves the pictures as they are.

    Returns:
        (B, 3, S, S) 0..1; pixels that are not hidden stay as they are.
    """
    if width < 1:
        return filled
    hidden, inside = prior.hidden > 0.5, prior.whole > 0.5
    near = [widened((hidden & side).to(filled.dtype), width) > 0 for side in (inside, ~inside)]
    band = hidden & near[0] & near[1]
    return surroundings_in(filled, band, ~band)


def faded_at_the_hairline(painted: Tensor, picture: Tensor, whole: Tensor) -> Tensor:
    """What was painted, fading into the picture where the rendered face ends on the forehead; as it is elsewhere.

    The morphable model ends somewhere on the forehead, by a line that no face has. Hair that falls over it is painted over
    up to there, and fades in instead of being cut off.

    Args:
        painted: (B, 3, S, S) 0..1.
        picture: (B, 3, S, S) 0..1, as it came.
        whole: (B, 1, S, S) 0 or 1, the rendered face.
    """
    side = picture.shape[-1]
    reach = max(1, round(_FADE * side))
    # a square window that the face fills: 1 from `reach` pixels inside on, about a half at the outline
    filled = F.pad(whole, [reach] * 4, mode="replicate")
    for along in (2, 3):  # by sums from the edge on: pooling took an eighth of the time of the whole pipeline
        sums = F.pad(filled.cumsum(along), [1, 0, 0, 0] if along == 3 else [0, 0, 1, 0])
        filled = sums.narrow(along, 2 * reach + 1, side) - sums.narrow(along, 0, side)
    filled = filled / (2 * reach + 1) ** 2
    inside = (2 * filled - 1).clamp(0, 1)
    top, brows = _FOREHEAD
    down = (torch.arange(side, device=picture.device, dtype=picture.dtype) + 0.5) / side
    below = ((down - top) / (brows - top)).clamp(0, 1)[:, None]
    return torch.lerp(picture, painted, torch.maximum(inside, below))


def _may_lend(prior: Prior, within: Tensor) -> Tensor:
    """Pixels whose colour the gap may take over: visible face; all of them where little of the face is seen."""
    seen = (prior.face > 0.5) & (prior.whole > 0.5) & ~within
    enough = seen.flatten(1).sum(1) > 0
    return seen | (~within & ~enough[:, None, None, None])
