"""The losses of NG, Eqs. 10 to 16. Names as in the paper: I^ what NG painted, If the clean face, Ip the Poisson blend.

Each is a mean over pictures of what each picture gives by itself, so that a batch that is split over processes gives the
same gradients. Pictures are (B, 3, H, W) float on 0..1, masks (B, 1, H, W) float on 0..1; sums of masks count pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import torch
from torch import Tensor
from torch.nn import functional as F

from occset.models.inpainting.likeness.ssim import ssim_map
from occset.models.inpainting.presets import Weights


def total_loss(losses: Mapping[str, Tensor], weights: Weights) -> Tensor:
    """Eq. 15, ``L = 10 Lpix + 5 Lsm + 5 Lbg + 0.2 Lid + 0.1 Ltv + 0.01 Ladv``, and what else has a weight.

    Args:
        losses: scalars by the names of `Weights`; one whose weight is 0 may be missing, and is left out if it is there.
        weights: of the sum.

    Raises:
        ValueError: a loss has a weight and was not given, or a name is none of `Weights`.
    """
    known = {one.name: float(getattr(weights, one.name)) for one in fields(weights)}
    missing = [name for name, weight in known.items() if weight and name not in losses]
    odd = sorted(set(losses) - set(known))
    if missing or odd:
        raise ValueError(f"the sum of the losses lacks {', '.join(missing) or 'nothing'} and has no {', '.join(odd)}")
    return torch.stack([weight * losses[name] for name, weight in known.items() if weight]).sum()


def erode(mask: Tensor, radius: int) -> Tensor:
    """Take ``radius`` pixels off a mask's rim (a square window); the picture's border is no rim.

    Args:
        mask: (B, 1, H, W) float on 0..1.
        radius: 0 leaves it as it is.
    """
    return mask if radius == 0 else -F.max_pool2d(-mask, 2 * radius + 1, 1, radius)


def pixel_loss(painted: Tensor, clean: Tensor, rendered: Tensor, face: Tensor) -> Tensor:
    """Eq. 10, ``sum || I^*M - If*M ||_1 / sum M`` with ``M = Mm * Mf``; the sum above is over channels too.

    Args:
        painted: I^.
        clean: the picture without the pasted occluder; what lies outside its face does not count.
        rendered: Mm.
        face: Mf, the visible face of the clean picture.
    """
    mask = rendered * face
    return _over((painted - clean).abs().sum(1, keepdim=True), mask)


def structure_loss(painted: Tensor, blend: Tensor, rendered: Tensor, erosion: int = 5, keep: float = 0.5) -> Tensor:
    """Eq. 11, ``- sum SSIM(I^*Mm', Ip*Mm') / sum Mm'``, over the pixels of Mm' that are least alike.

    SSIM is the mean over channels of `ssim_map`; Mm' is Mm with ``erosion`` pixels taken off its rim. As in Eq. 4 only the
    hardest examples count: of each picture the share ``keep`` of the pixels of Mm', so that what is alike but for its
    colour does not drown what is missing.

    Args:
        painted: I^.
        blend: Ip, see `occset.models.poisson.blending.blend`.
        rendered: Mm; from 0.5 on a pixel belongs to it.
        erosion: in pixels. 5 is the window's radius: nothing from outside Mm reaches the map there.
        keep: above 0 and up to 1; at least one pixel of a mask that has any.

    Returns:
        Scalar on -1..1; pictures without any pixel in Mm' give 0.
    """
    if not 0 < keep <= 1:
        raise ValueError(f"the share of pixels that counts is above 0 and up to 1, not {keep}")
    mask = erode((rendered >= 0.5).to(painted.dtype), erosion)
    alike = ssim_map(painted * mask, blend * mask).mean(1).flatten(1)
    inside = mask.flatten(1) > 0
    pixels = inside.sum(1)
    counted = (keep * pixels).round().long().clamp_min(1).minimum(pixels)
    most = max(1, int(counted.max()))
    hardest = alike.masked_fill(~inside, torch.inf).topk(most, dim=1, largest=False).values
    chosen = torch.arange(most, device=pixels.device) < counted[:, None]
    return -(torch.where(chosen, hardest, 0.0).sum(1) / counted.clamp_min(1)).mean()


def background_loss(painted: Tensor, picture: Tensor, rendered: Tensor, erosion: int = 3) -> Tensor:
    """Eq. 12, ``sum || I^*Mbg - I*Mbg || / sum Mbg``, Mbg = ``1 - Mm`` less ``erosion`` pixels of its rim.

    The mean of absolute differences over pixels and channels. The picture's border is no rim.

    Args:
        painted: I^.
        picture: I, as NG was given it but for the noise.
        rendered: Mm.
        erosion: in pixels; with those of other losses the gap that the discriminator alone looks after.
    """
    return _over((painted - picture).abs().mean(1, keepdim=True), erode(1 - rendered, erosion))


def identity_loss(painted: Tensor, clean: Tensor) -> Tensor:
    """Eq. 7, ``1 - cos(F(I^), F(If))``, of embeddings (B, D) of both, which need not be of unit length; 0..2."""
    return (1 - F.cosine_similarity(painted.float(), clean.float(), dim=1)).mean()


def total_variation_loss(painted: Tensor) -> Tensor:
    """Eq. 13, ``( sum |I^ - its right neighbour| + sum |I^ - its lower neighbour| ) / (W H C)``."""
    across = (painted[..., 1:] - painted[..., :-1]).abs().flatten(1).sum(1)
    down = (painted[..., 1:, :] - painted[..., :-1, :]).abs().flatten(1).sum(1)
    return ((across + down) / painted[0].numel()).mean()


def adversarial_loss(fake: Tensor) -> Tensor:
    """Eq. 14, ``- E log D(I^)``, from logits (B, 1), D their sigmoid."""
    return F.softplus(-fake).mean()


def discriminator_loss(real: Tensor, fake: Tensor, chosen: Tensor | None = None) -> Tensor:
    """Eq. 16 as a loss, ``- E log D(I) - E log (1 - D(I^))``.

    Args:
        real: logits (B, 1) of clean pictures.
        fake: logits (B, 1) of what was painted.
        chosen: (B,) bool, which of the clean pictures count, see `is_bare`; all of them when None. The mean is over those,
            and where there are none, the first term is 0.
    """
    if chosen is None:
        return F.softplus(-real).mean() + F.softplus(fake).mean()
    counts = chosen.to(real.dtype)[:, None]
    return (F.softplus(-real) * counts).sum() / counts.sum().clamp_min(1) + F.softplus(fake).mean()


def is_bare(rendered: Tensor, face: Tensor, least: float = 0.9) -> Tensor:
    """Which clean pictures hide so little of the face that they are shown to the discriminator as real, (B,) bool.

    Args:
        rendered: Mm of the clean picture.
        face: Mf of the clean picture.
        least: of ``sum (Mm * Mf) / sum Mm``, 0..1. A picture whose Mm is empty is not bare.
    """
    whole = rendered.flatten(1).sum(1)
    seen = (rendered * face).flatten(1).sum(1)
    return (whole > 0) & (seen >= least * whole)


def _over(values: Tensor, mask: Tensor) -> Tensor:
    """``sum values * mask / sum mask`` of (B, 1, H, W) for each picture, 0 where the mask is empty; the mean."""
    above, below = (values * mask).flatten(1).sum(1), mask.flatten(1).sum(1)
    return (above / below.clamp_min(1e-6)).mean()
