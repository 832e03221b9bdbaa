"""The moving average of the weights, which validates and generalises better than the last weights of a noisy training.

    average <- d * average + (1 - d) * weights,    d = min(decay, (1 + n) / (10 + n)) after n updates

so that the average of a young training follows quickly (the warm-up that TensorFlow's ExponentialMovingAverage has).
Buffers, such as the statistics of batch normalisations, are copied.
"""

from __future__ import annotations

import copy

import torch
from torch import nn


def decay_at(decay: float, updates: int) -> float:
    """The decay of the update that follows ``updates`` earlier ones."""
    return min(decay, (1 + updates) / (10 + updates))


class Average:
    """The averaged copy of one network.

    Args:
        network: on its device; the average starts from its weights.
        decay: 0..1, what an old average is worth in the long run.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.network = copy.deepcopy(network).requires_grad_(False).eval()
        self._ours: list[torch.Tensor] = [p for p in self.network.parameters() if p.is_floating_point()]
        self._theirs: list[torch.Tensor] = [p for p in network.parameters() if p.is_floating_point()]
        self._buffers = list(zip(self.network.buffers(), network.buffers(), strict=True))

    @torch.no_grad()
    def update(self, updates: int) -> None:
        """Take the network's present weights in; ``updates`` counts the earlier calls."""
        torch._foreach_lerp_(self._ours, self._theirs, 1 - decay_at(self.decay, updates))
        for ours, theirs in self._buffers:
            ours.copy_(theirs)
