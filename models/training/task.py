"""What the engine asks of whoever wants to be trained: two protocols, nothing to inherit from.

A GAN, for example, is a task of two networks, whose `networks` say that the discriminator steps first, whose `forward`
paints the pictures once a step, and whose preset gives each network its own learning rate:

    TrainingPreset(..., networks={"discriminator": {"learning_rate": 4e-4}, "generator": {"every": 2, "ema": 0.999}})
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from occset.support.errors import OccsetError

if TYPE_CHECKING:
    from torch import Tensor, nn


class Samples(Protocol):
    """Training samples, made in worker processes: picklable, and a pure function of its seed, the epoch and the index.

    They may also have ``recipe(epoch, index) -> occset.dataset.recipes.Recipe``, what a sample was drawn by. A step that
    goes wrong then names its samples by the recipes' ids, and keeps the recipes for ``occset explain`` and ``render``.
    """

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
    """One network, or several that are trained together, with their samples and losses.

    A task may also have

    - ``data``, the `occset.dataset.occlusion_set.OcclusionSet` that it learns from, for messages;
    - ``made_from: str``, which tells data, first weights and settings of its own apart: a checkpoint of another origin is
      then not gone on with;
    - ``frozen: dict[str, nn.Module]``, networks that help and never learn, such as a judge of identity. They are put on the
      device, stay in evaluation mode, compute in the training's precision, let gradients through to what they are given,
      and stand in ``networks`` of every call under their names. They are not stored; the hash of their weights belongs to
      the training's origin;
    - ``forward(networks, batch) -> dict[str, Tensor]`` and ``forward_for: str``, the name of a trained network: what several
      losses need is computed once a step, before anybody steps, and joins ``batch`` of every loss. The loss of
      ``forward_for`` gets it with its graph, through which that network learns; all others get it detached. So it may hold
      the generator's pictures, not what the discriminator says of them: that one's weights change before the graph is used.
    """

    @property
    def name(self) -> str:
        """Stands in checkpoints, which belong to this task alone."""
        ...

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The networks that learn, in the order in which they step; trained in place."""
        ...

    @property
    def samples(self) -> Samples:
        """What a step learns from."""
        ...

    def loss(
        self, network: str, networks: Mapping[str, nn.Module], batch: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss that a network's step lowers, and scalars for the log.

        Args:
            network: who steps; only its parameters get gradients.
            networks: call them as they are (``networks[network](x)``): inputs are cast to the training's precision, outputs
                come back as float32. Their weights may lie channels-last, which (B, H, W, C) images permuted to
                (B, C, H, W) fit without a copy.
            batch: the samples stacked, on the device: (B, ...) each, this process's share of the step's batch; and what
                ``forward`` returned.

        Returns:
            A scalar that is a mean over the samples (so that processes can average), and named scalars.
        """
        ...

    def validate(self, networks: Mapping[str, nn.Module]) -> dict[str, float]:
        """Figures on samples that are never trained on; called in process 0 alone, without gradients.

        Args:
            networks: in evaluation mode, with the averaged weights where the preset keeps an average; frozen ones too.
        """
        ...

    def pictures(self, networks: Mapping[str, nn.Module]) -> dict[str, np.ndarray]:
        """Named (H, W, 3) uint8 RGB pictures for the log, called after ``validate`` in the same way; may be empty."""
        ...


Forward = Callable[["Mapping[str, nn.Module]", "dict[str, Tensor]"], "dict[str, Tensor]"]


def frozen_of(task: Task) -> dict[str, nn.Module]:
    """The networks of a task that stand still, by name."""
    found: dict[str, nn.Module] = getattr(task, "frozen", {})
    return found


def forward_of(task: Task) -> tuple[Forward | None, str]:
    """What a task computes once a step, and the network that learns through it; None and "" where there is none.

    Raises:
        OccsetError: `forward_for` is not one of the networks that learn.
    """
    found: Any = getattr(task, "forward", None)
    if found is None:
        return None, ""
    owner = getattr(task, "forward_for", None)
    if owner not in task.networks:
        raise OccsetError(
            f"{task.name}: has forward, and forward_for is {owner!r}: name the network that learns through it, one of "
            f"{', '.join(task.networks)}"
        )
    return found, str(owner)
