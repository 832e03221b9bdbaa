"""The networks of a training with their optimisers and averages, and one step of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from occset.models.training.averaging import Average
from occset.models.training.checkpoints import Checkpoint, restore
from occset.models.training.optimising import make_optimiser, only_this_one_learns, set_training
from occset.models.training.presets import TrainingPreset, learning_rate
from occset.models.training.task import Task, forward_of, frozen_of
from occset.support.errors import OccsetError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Batch = dict[str, Tensor]


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


class Networks:
    """Every network of a task, those that stand still included, set up on this process's device.

    Args:
        task: its networks are trained in place.
        preset: says which optimiser, whether averages are kept, and so on, for each network.
        fabric: launched.
        state: to go on from, or None.
        path: where the state was read, for errors.

    Raises:
        OccsetError: the state is that of other networks; the preset names a network that the task does not train; a network
            is both trained and frozen.
    """

    def __init__(
        self, task: Task, preset: TrainingPreset, fabric: Fabric, state: Checkpoint | None, path: Path
    ) -> None:
        self.task, self.preset, self.fabric = task, preset, fabric
        self.trained, self.frozen = task.networks, frozen_of(task)
        self.forward, self.owner = forward_of(task)
        _refuse_unknown(preset, self.trained, self.frozen)
        self.presets = {name: preset.of(name) for name in self.trained}
        self.every = {name: preset.every(name) for name in self.trained}
        self.wrapped: dict[str, Any] = {}
        self.optimisers: dict[str, Any] = {}
        for name, network in self.trained.items():
            self._set_up(name, network, state, path)
        for network in self.frozen.values():
            if preset.channels_last:
                network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            fabric.to_device(network)
            network.requires_grad_(False).eval()
        self.averages = self._make_averages(state, path) if fabric.is_global_zero else {}
        if state and state.scaler:
            fabric.strategy.precision.load_state_dict(state.scaler)
        plain = {name: Precise(network, fabric) for name, network in {**self.trained, **self.frozen}.items()}
        for name in self.frozen:
            plain[name].eval()
        self._views = {name: {**plain, name: self.wrapped[name]} for name in self.trained}

    def _set_up(self, name: str, network: nn.Module, state: Checkpoint | None, path: Path) -> None:
        if self.preset.channels_last:
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if state:
            restore(path, network, state.networks.get(name, {}), f"network {name}")
        self.wrapped[name] = self.fabric.setup_module(network)
        optimiser = make_optimiser(network, self.presets[name], self.fabric.device)
        if state:
            restore(path, optimiser, state.optimisers.get(name, {}), f"optimiser of {name}")
        self.optimisers[name] = self.fabric.setup_optimizers(optimiser)
        set_training(network, self.presets[name].freeze_normalisation)

    def _make_averages(self, state: Checkpoint | None, path: Path) -> dict[str, Average]:
        averages = {}
        for name, network in self.trained.items():
            decay = self.presets[name].ema
            if decay is not None:
                averages[name] = Average(network, decay)
                if state:
                    restore(path, averages[name].network, state.averages.get(name, {}), f"average of {name}")
        return averages

    def rates(self, step: int) -> dict[str, float]:
        """The learning rate of each network in a step."""
        return {name: learning_rate(preset, step) for name, preset in self.presets.items()}

    def step(self, batch: Batch, step: int) -> Iterator[tuple[str, Tensor, dict[str, Any]]]:
        """Let each network whose turn it is step, in order; yields its name, loss and scalars for the log, detached.

        Args:
            batch: the samples, on the device.
            step: 0 for the first.
        """
        turns = [name for name, every in self.every.items() if (step + 1) % every == 0]
        attached, detached = self._shared(batch, turns)
        for name in turns:
            yield self._learn(name, attached if name == self.owner else detached, step)
        for name in turns:
            if name in self.averages:
                self.averages[name].update(step // self.every[name])

    def _shared(self, batch: Batch, turns: list[str]) -> tuple[Batch, Batch]:
        """The batch with what the task computes once for all losses: for the network that learns through it, and for others.

        Raises:
            OccsetError: it would take the place of something in the samples.
        """
        if self.forward is None:
            return batch, batch
        with only_this_one_learns(self.owner, self.trained), torch.set_grad_enabled(self.owner in turns):
            shared = self.forward(self._views[self.owner], batch)
        clash = sorted(shared.keys() & batch.keys())
        if clash:
            raise OccsetError(f"{self.task.name}: forward returns {clash[0]}, as the samples do: give it another name")
        return {**batch, **shared}, {**batch, **{key: value.detach() for key, value in shared.items()}}

    def _learn(self, name: str, batch: Batch, step: int) -> tuple[str, Tensor, dict[str, Any]]:
        optimiser, preset = self.optimisers[name], self.presets[name]
        rate = learning_rate(preset, step)
        for group in optimiser.param_groups:
            group["lr"] = rate
        with only_this_one_learns(name, self.trained):
            total, scalars = self.task.loss(name, self._views[name], batch)
            optimiser.zero_grad()
            self.fabric.backward(total)
            parts: dict[str, Any] = {
                key: value.detach() if isinstance(value, Tensor) else value for key, value in scalars.items()
            }
            if preset.clip is not None:
                parts["gradient_norm"] = self.fabric.clip_gradients(
                    self.wrapped[name], optimiser, max_norm=preset.clip, error_if_nonfinite=False
                )
            optimiser.step()
        return name, total.detach(), parts

    @contextmanager
    def shown(self) -> Iterator[dict[str, nn.Module]]:
        """The networks for validation: averaged where an average is kept, in evaluation mode, without gradients."""
        shown = {n: self.averages[n].network if n in self.averages else net for n, net in self.trained.items()}
        for network in shown.values():
            network.eval()
        try:
            with torch.no_grad():
                yield {name: Precise(network, self.fabric).eval() for name, network in {**shown, **self.frozen}.items()}
        finally:
            for name, network in self.trained.items():
                set_training(network, self.presets[name].freeze_normalisation)

    def state(self) -> dict[str, Any]:
        """The parts of a checkpoint that are about networks; what is frozen is not stored, its hash is in the origin."""
        return {
            "networks": {name: dict(network.state_dict()) for name, network in self.trained.items()},
            "optimisers": {name: optimiser.optimizer.state_dict() for name, optimiser in self.optimisers.items()},
            "averages": {name: dict(average.network.state_dict()) for name, average in self.averages.items()},
            "scaler": self.fabric.strategy.precision.state_dict(),
        }


def _refuse_unknown(preset: TrainingPreset, trained: Mapping[str, Any], frozen: Mapping[str, Any]) -> None:
    unknown = sorted(set(preset.networks) - set(trained))
    if unknown:
        raise OccsetError(
            f"preset {preset.name}: settings for a network '{unknown[0]}', which the task does not train: "
            f"its networks are {', '.join(trained)}"
        )
    both = sorted(trained.keys() & frozen.keys())
    if both:
        raise OccsetError(f"the network {both[0]} is both trained and frozen: give one of the two another name")
