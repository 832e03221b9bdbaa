"""What the engine asks of whoever wants to be trained: two protocols, nothing to inherit from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor, nn


class Samples(Protocol):
    """Training samples, made in worker processes: picklable, and a pure function of its seed, the epoch and the index."""

    def __call__(self, epoch: int, index: int) -> dict[str, np.ndarray]:
        """One sample: named arrays whose shapes and kinds are the same for every sample, so that they can be stacked.

        Args:
            epoch: 0 for the first.
            index: 0 .. epoch_size - 1 of the preset.

        Raises:
            OccsetError: reaches whoever called ``fit``, from a worker too.
        """
        ...


class Task(Protocol):
    """One network, or several that play against each other, with their samples and losses.

    A task may also have ``made_from: str``, which tells data, first weights and settings of its own apart: a checkpoint of
    another origin is then not gone on with.
    """

    @property
    def name(self) -> str:
        """Stands in checkpoints, which belong to this task alone."""
        ...

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The players, in the order in which they step; trained in place."""
        ...

    @property
    def samples(self) -> Samples:
        """What a step learns from."""
        ...

    def loss(
        self, player: str, networks: Mapping[str, nn.Module], batch: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss that a player's step lowers, and scalars for the log.

        Args:
            player: who steps; only its parameters get gradients.
            networks: call them as they are (``networks[player](x)``): inputs are cast to the training's precision, outputs
                come back as float32. Their weights may lie channels-last, which (B, H, W, C) images permuted to
                (B, C, H, W) fit without a copy.
            batch: the samples stacked, on the device: (B, ...) each, this process's share of the step's batch.

        Returns:
            A scalar that is a mean over the samples (so that processes can average), and named scalars.
        """
        ...

    def validate(self, networks: Mapping[str, nn.Module]) -> dict[str, float]:
        """Figures on samples that are never trained on; called in process 0 alone, without gradients.

        Args:
            networks: in evaluation mode, with the averaged weights where the preset keeps an average.
        """
        ...

    def pictures(self, networks: Mapping[str, nn.Module]) -> dict[str, np.ndarray]:
        """Named (H, W, 3) uint8 RGB pictures for the log, called after ``validate`` in the same way; may be empty."""
        ...
