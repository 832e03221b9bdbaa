"""Diagonal Gaussians: what a network says of a code, how far two of them are apart, and draws."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

_LEAST = 1e-3
"""Of a deviation."""


class Gaussian(NamedTuple):
    """Means and deviations, (B, C, h, w) float32 each."""

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, answer: Tensor) -> Gaussian:
        """From a network's map (B, 2 C, h, w): the first half are means, the softplus of the second deviations."""
        mean, raw = answer.float().chunk(2, 1)
        return cls(mean, F.softplus(raw) + _LEAST)

    def at(self, noise: Tensor) -> Tensor:
        """The draw that belongs to standard normal noise."""
        return self.mean + self.deviation * noise


def divergence(one: Gaussian, other: Gaussian) -> Tensor:
    """``KL(one || other) = log(s2 / s1) + (s1^2 + (m1 - m2)^2) / (2 s2^2) - 1/2``, the mean over a code; scalar."""
    spread = one.deviation.square() + (one.mean - other.mean).square()
    each = (other.deviation / one.deviation).log() + spread / (2 * other.deviation.square()) - 0.5
    return each.mean()


def narrowed(hole: Tensor, like: Tensor) -> Gaussian:
    """``N(0, sigma^2(n))``, sigma^2 the hidden share of each picture, at least a hundredth.

    Args:
        hole: (B, 1, H, W) of 0 and 1.
        like: (B, C, h, w), for the shape.
    """
    share = hole.flatten(1).mean(1).clamp_min(0.01).sqrt()
    return Gaussian(torch.zeros_like(like), share[:, None, None, None].expand_as(like))


def fixed_noise(channels: int, side: int, seed: int = 0) -> Tensor:
    """(1, channels, side, side) standard normal: the one draw that every picture is painted by at work."""
    values = np.random.default_rng(seed).standard_normal((1, channels, side, side), dtype=np.float32)
    return torch.from_numpy(values)
