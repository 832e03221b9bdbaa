"""What steadies the game against a discriminator where pictures are few. Not the paper's.

Feature matching, R1 and DiffAugment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

R1_EVERY = 16
"""Steps of the discriminator from one penalty to the next."""


def feature_matching_loss(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """``mean over levels of  mean | D_l(If) - D_l(I^) |``; of the real ones no gradient is taken.

    Args:
        real: a discriminator's features of the clean pictures, one tensor a level, (B, C, h, w).
        fake: the same of what was painted in their place.
    """
    return torch.stack([(a.detach().float() - b.float()).abs().mean() for a, b in zip(real, fake, strict=True)]).mean()


def r1_penalty(logits_of: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """``E || grad D(I) ||^2`` over real pictures (Mescheder et al. 2018); its gradients are those of a discriminator's loss.

    Args:
        logits_of: from pictures to logits (B, 1).
        real: (B, 3, H, W) float on 0..1.
    """
    with torch.autocast(real.device.type, enabled=False):  # second derivatives in full precision
        pictures = real.detach().float().requires_grad_()
        (slope,) = torch.autograd.grad(logits_of(pictures).sum(), pictures, create_graph=True)
    return slope.flatten(1).square().sum(1).mean()


def lazy_r1(logits_of: Callable[[Tensor], Tensor], real: Tensor, step: int, weight: float = 10.0) -> Tensor | None:
    """The penalty in every sixteenth step, sixteen times as heavy (Karras et al. 2020); None in the others.

    Args:
        logits_of: from pictures to logits (B, 1).
        real: (B, 3, H, W) float on 0..1.
        step: of the discriminator, from 0.
        weight: gamma; the penalty's share of the loss is ``gamma / 2`` in the long run.
    """
    return None if step % R1_EVERY else R1_EVERY * weight / 2 * r1_penalty(logits_of, real)


@dataclass(frozen=True)
class Augmentation:
    """One draw of DiffAugment (Zhao et al. 2020): what is done to each picture of a batch, real or fake.

    Attributes:
        shift: (B, 2) whole pixels (rows, columns) that the picture moves; black moves in.
        cut: (B, 2) centres of the squares that are blackened.
        side: of these squares.
        light: (B, 1, 1, 1), added.
        saturation: (B, 1, 1, 1), times the distance from grey.
        contrast: (B, 1, 1, 1), times the distance from the picture's mean.
    """

    shift: Tensor
    cut: Tensor
    side: int
    light: Tensor
    saturation: Tensor
    contrast: Tensor

    def __call__(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) float on 0..1 to the same shape, a little beyond 0..1; gradients flow through."""
        x = pictures + self.light
        x = (x - x.mean(1, keepdim=True)) * self.saturation + x.mean(1, keepdim=True)
        middle = x.mean((1, 2, 3), keepdim=True)
        x = (x - middle) * self.contrast + middle
        height, width = x.shape[2:]
        rows = torch.arange(height, device=x.device) - self.shift[:, :1]
        columns = torch.arange(width, device=x.device) - self.shift[:, 1:]
        x = x.gather(2, rows.clamp(0, height - 1)[:, None, :, None].expand_as(x))
        x = x.gather(3, columns.clamp(0, width - 1)[:, None, None, :].expand_as(x))
        there = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None]
        within = [
            torch.arange(size, device=x.device) - self.cut[:, axis : axis + 1] + self.side // 2
            for axis, size in enumerate((height, width))
        ]
        near = [(offset >= 0) & (offset < self.side) for offset in within]
        return x * (there & ~(near[0][:, :, None] & near[1][:, None]))[:, None]


def draw_augmentation(
    batch: int,
    size: tuple[int, int],
    device: torch.device | str = "cpu",
    *,
    shift: float = 0.125,
    cutout: float = 0.3,
    colour: float = 0.2,
) -> Augmentation:
    """Draw what is done to a batch from torch's generator, which the engine seeds for every step.

    The discriminator's fake and real pictures go through one draw, and so do the generator's in its turn.

    Args:
        batch: number of pictures.
        size: (height, width) of the pictures.
        device: of the pictures.
        shift: up to this share of each side.
        cutout: side of the blackened square, a share of the shorter side.
        colour: light within +- half of it, saturation and contrast within 1 +- it.
    """
    most = torch.tensor([round(shift * side) for side in size])
    moved = (torch.rand(batch, 2) * (2 * most + 1)).floor().long() - most
    centres = (torch.rand(batch, 2) * torch.tensor(size)).long()
    light, saturation, contrast = (2 * torch.rand(3, batch, 1, 1, 1) - 1) * colour
    return Augmentation(
        moved.to(device),
        centres.to(device),
        round(cutout * min(size)),
        (light / 2).to(device),
        (1 + saturation).to(device),
        (1 + contrast).to(device),
    )
