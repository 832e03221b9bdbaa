"""The networks of a training with their optimisers and averages, and one step of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from occset.models.training.averaging import Average
from occset.models.training.checkpoints import Checkpoint, restore
from occset.models.training.optimising import make_optimiser, only_this_one_learns, set_training
from occset.models.training.presets import TrainingPreset
from occset.models.training.task import Task

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Precise(nn.Module):
    """A network that computes in the training's precision, without the wrapper that shares its gradients among processes.

    Outputs are float32. Attributes are those of the network.
    """

    def __init__(self, network: nn.Module, fabric: Fabric) -> None:
        super().__init__()
        self.network = network
        self._precision = fabric.strategy.precision

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the network returns."""
        args, kwargs = self._precision.convert_input((args, kwargs))
        with self._precision.forward_context():
            found = self.network(*args, **kwargs)
        return self._precision.convert_output(found)

    def __getattr__(self, name: str) -> Any:
        """The network's, where this has none of that name."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("network"), name)


class Players:
    """Every network of a task, set up on this process's device.

    Args:
        task: its networks are trained in place.
        preset: says which optimiser, whether averages are kept, and so on.
        fabric: launched.
        state: to go on from, or None.
        path: where the state was read, for errors.

    Raises:
        OccsetError: the state is that of other networks.
    """

    def __init__(
        self, task: Task, preset: TrainingPreset, fabric: Fabric, state: Checkpoint | None, path: Path
    ) -> None:
        self.task, self.preset, self.fabric = task, preset, fabric
        self.networks = task.networks
        self.wrapped: dict[str, Any] = {}
        self.optimisers: dict[str, Any] = {}
        for name, network in self.networks.items():
            if preset.channels_last:
                network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            if state:
                restore(path, network, state.networks.get(name, {}), f"network {name}")
            self.wrapped[name] = fabric.setup_module(network)
            optimiser = make_optimiser(network, preset, fabric.device)
            if state:
                restore(path, optimiser, state.optimisers.get(name, {}), f"optimiser of {name}")
            self.optimisers[name] = fabric.setup_optimizers(optimiser)
            set_training(network, preset.freeze_normalisation)
        self.averages = self._make_averages(state, path) if fabric.is_global_zero else {}
        if state and state.scaler:
            fabric.strategy.precision.load_state_dict(state.scaler)
        plain = {name: Precise(network, fabric) for name, network in self.networks.items()}
        self._views = {name: {**plain, name: self.wrapped[name]} for name in self.networks}

    def _make_averages(self, state: Checkpoint | None, path: Path) -> dict[str, Average]:
        if self.preset.ema is None:
            return {}
        averages = {name: Average(network, self.preset.ema) for name, network in self.networks.items()}
        for name, average in averages.items() if state else ():
            restore(path, average.network, state.averages.get(name, {}), f"average of {name}")  # type: ignore[union-attr]
        return averages

    def step(self, batch: dict[str, Tensor], rate: float, step: int) -> Iterator[tuple[str, Tensor, dict[str, Any]]]:
        """Let each player step in turn; yields its name, its loss and the scalars for the log, detached."""
        for name in self.networks:
            optimiser = self.optimisers[name]
            for group in optimiser.param_groups:
                group["lr"] = rate
            with only_this_one_learns(name, self.networks):
                total, scalars = self.task.loss(name, self._views[name], batch)
                optimiser.zero_grad()
                self.fabric.backward(total)
                parts: dict[str, Any] = {
                    key: value.detach() if isinstance(value, Tensor) else value for key, value in scalars.items()
                }
                if self.preset.clip is not None:
                    parts["gradient_norm"] = self.fabric.clip_gradients(
                        self.wrapped[name], optimiser, max_norm=self.preset.clip, error_if_nonfinite=False
                    )
                optimiser.step()
            yield name, total.detach(), parts
        for average in self.averages.values():
            average.update(step)

    @contextmanager
    def shown(self) -> Iterator[dict[str, nn.Module]]:
        """The networks for validation: averaged where an average is kept, in evaluation mode, without gradients."""
        shown = {n: self.averages[n].network if n in self.averages else net for n, net in self.networks.items()}
        for network in shown.values():
            network.eval()
        try:
            with torch.no_grad():
                yield {name: Precise(network, self.fabric).eval() for name, network in shown.items()}
        finally:
            for network in self.networks.values():
                set_training(network, self.preset.freeze_normalisation)

    def state(self) -> dict[str, Any]:
        """The parts of a checkpoint that are about networks."""
        return {
            "networks": {name: dict(network.state_dict()) for name, network in self.networks.items()},
            "optimisers": {name: optimiser.optimizer.state_dict() for name, optimiser in self.optimisers.items()},
            "averages": {name: dict(average.network.state_dict()) for name, average in self.averages.items()},
            "scaler": self.fabric.strategy.precision.state_dict(),
        }
