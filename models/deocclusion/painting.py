"""What goes into a gap without a network: the rendered face within it, the surroundings beyond."""

from __future__ import annotations

import torch
from torch import Tensor

from occset.models.deocclusion.prior import Prior
from occset.models.poisson.blending import blend


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


def _may_lend(prior: Prior, within: Tensor) -> Tensor:
    """Pixels whose colour the gap may take over: visible face; all of them where little of the face is seen."""
    seen = (prior.face > 0.5) & (prior.whole > 0.5) & ~within
    enough = seen.flatten(1).sum(1) > 0
    return seen | (~within & ~enough[:, None, None, None])
