"""Losses that several rivals share. Names as in the papers: I^ what was painted, I the clean picture, M the hole.

Pictures are (B, 3, H, W) float on 0..1, holes (B, 1, H, W) of 0 and 1. Each loss is a mean over pictures of what each gives
by itself, so that a batch that is split over processes gives the same gradients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def weighted_sum(parts: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """``sum w_k L_k`` over the losses that have a weight.

    Raises:
        ValueError: one that has a weight was not computed.
    """
    used = {name: weight for name, weight in weights.items() if weight}
    missing = sorted(set(used) - set(parts))
    if missing or not used:
        raise ValueError(f"the sum of the losses lacks {', '.join(missing) or 'everything'}")
    return torch.stack([weight * parts[name] for name, weight in used.items()]).sum()


def composite(painted: Tensor, picture: Tensor, hole: Tensor) -> Tensor:
    """I_comp: what was painted in the hole, the picture itself outside."""
    return torch.where(hole > 0.5, painted, picture)


def l1_over_picture(painted: Tensor, clean: Tensor, mask: Tensor) -> Tensor:
    """``|| M (I^ - I) ||_1 / N``, N all values of the picture, however small the mask (Liu et al. 2018, Eqs. 3 and 4)."""
    return ((painted - clean).abs() * mask).mean()


def l1_over_mask(painted: Tensor, clean: Tensor, mask: Tensor) -> Tensor:
    """``|| M (I^ - I) ||_1 / (3 sum M)``: the mean over the mask; 0 where it is empty."""
    above = ((painted - clean).abs().mean(1, keepdim=True) * mask).flatten(1).sum(1)
    return (above / mask.flatten(1).sum(1).clamp_min(1)).mean()


def l1_over_share(painted: Tensor, clean: Tensor, mask: Tensor, least: float = 0.05) -> Tensor:
    """``mean | I^ - I | / max(least, M's share of the picture)``: small holes weigh as much (Yang et al. 2019, Eq. 2)."""
    off = (painted - clean).abs().flatten(1).mean(1)
    return (off / mask.flatten(1).mean(1).clamp_min(least)).mean()


def square_over_mask(painted: Tensor, clean: Tensor, mask: Tensor) -> Tensor:
    """``|| M (I^ - I) ||_2^2 / (3 sum M)``: the mean over the mask (Pathak et al. 2016, Eq. 2); 0 where it is empty."""
    above = ((painted - clean).square().mean(1, keepdim=True) * mask).flatten(1).sum(1)
    return (above / mask.flatten(1).sum(1).clamp_min(1)).mean()


def gram(features: Tensor) -> Tensor:
    """``F F^T / (C H W)`` of feature maps (B, C, H, W), C x C for each picture."""
    flat = features.float().flatten(2)
    return flat @ flat.transpose(1, 2) / flat[0].numel()


def feature_losses(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Perceptual and style loss of maps f of what was painted and g of the clean picture.

        perceptual = mean over maps of  mean | f - g | / mean | g |
        style      = mean over maps of  mean | G(f) - G(g) | / mean | G(g) |,    G the Gram matrix

    Each map weighs alike, whatever its scale, since the features are of another network than the papers'.

    Args:
        found: maps (B, C, h, w), gradients flow through.
        wanted: the same of the clean picture, without gradients.
    """
    each = [
        (_relative(f.float(), g.float()), _relative(gram(f), gram(g)))
        for f, g in zip(found, (w.detach() for w in wanted), strict=True)
    ]
    return torch.stack([e[0] for e in each]).mean(), torch.stack([e[1] for e in each]).mean()


def _relative(found: Tensor, wanted: Tensor) -> Tensor:
    off = (found - wanted).abs().flatten(1).mean(1)
    return (off / wanted.abs().flatten(1).mean(1).clamp_min(1e-6)).mean()


def grown(hole: Tensor, pixels: int = 1) -> Tensor:
    """A hole (B, 1, H, W), wider by so many pixels all around."""
    return F.max_pool2d(hole, 2 * pixels + 1, 1, pixels)


def hole_variation(filled: Tensor, hole: Tensor) -> Tensor:
    """Total variation of the composite over the hole grown by one pixel (Liu et al. 2018, Eq. 6).

    ``( sum |I_comp - its right neighbour| + sum |I_comp - its lower neighbour| ) / N``, over pairs of which both lie there;
    N all values of the picture.
    """
    region = grown(hole)
    across = (filled[..., 1:] - filled[..., :-1]).abs() * region[..., 1:] * region[..., :-1]
    down = (filled[..., 1:, :] - filled[..., :-1, :]).abs() * region[..., 1:, :] * region[..., :-1, :]
    return ((across.flatten(1).sum(1) + down.flatten(1).sum(1)) / filled[0].numel()).mean()


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """``E max(0, 1 - D(I)) + E max(0, 1 + D(I^))``, over pictures and patches (Yu et al. 2019, Eq. 3)."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def hinge_generator(fake: Tensor) -> Tensor:
    """``- E D(I^)`` (Yu et al. 2019, Eq. 2)."""
    return -fake.mean()


def square_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """``( E (D(I) - 1)^2 + E D(I^)^2 ) / 2``: least squares (Mao et al. 2017)."""
    return ((real - 1).square().mean() + fake.square().mean()) / 2


def square_generator(fake: Tensor) -> Tensor:
    """``E (D(I^) - 1)^2`` (Mao et al. 2017)."""
    return (fake - 1).square().mean()
