"""Several networks in one training: a tiny GAN with a frozen judge, held against a plain loop."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from occset.models.training.checkpoints import NAME, final_networks, load, short_hash
from occset.models.training.loading import batches
from occset.models.training.presets import TrainingPreset
from occset.support.errors import OccsetError
from tests.models.training import training_task

everything, same, train = training_task.everything, training_task.same, training_task.train

PRESET = TrainingPreset(
    "gan",
    8,
    2,
    48,
    1e-3,
    ema=0.9,
    clip=1.0,
    checkpoint_every=100,
    networks={
        "discriminator": {"learning_rate": 4e-3, "betas": (0.5, 0.9), "ema": None, "clip": None},
        "generator": {"every": 3, "plan": "drop", "drop_to": 0.1},
    },
)
"""12 steps; the discriminator steps three times for each step of the generator."""


def pictures(batch: Mapping[str, Tensor]) -> Tensor:
    return batch["image"].permute(0, 3, 1, 2).float() / 255


class Gan:
    """The discriminator steps first; the generator's pictures are painted once a step; a frozen judge has its say."""

    name = "gan"
    forward_for = "generator"

    def __init__(self, judge: int = 5) -> None:
        torch.manual_seed(3)
        painting = nn.Conv2d(3, 4, 3, padding=1, bias=False)  # no gradient but noise would reach a bias before the norm
        generator = nn.Sequential(painting, nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 1))
        discriminator = nn.Sequential(nn.Conv2d(3, 4, 3), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(144, 1))
        self.networks: dict[str, nn.Module] = {"discriminator": discriminator, "generator": generator}
        torch.manual_seed(judge)
        self.frozen: dict[str, nn.Module] = {"judge": nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2))}
        self.samples = training_task.Patches()
        self.painted: list[tuple[bool, bool]] = []
        self.steps: list[tuple[str, bool]] = []
        self.interrupt: int | None = None

    def forward(self, networks: Mapping[str, nn.Module], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        painted = networks["generator"](pictures(batch))
        self.painted.append((painted.requires_grad, next(self.networks["discriminator"].parameters()).requires_grad))
        return {"painted": painted}

    def loss(
        self, network: str, networks: Mapping[str, nn.Module], batch: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        if len(self.steps) == self.interrupt:
            os.kill(os.getpid(), signal.SIGINT)
        self.steps.append((network, batch["painted"].requires_grad))
        return gan_loss(network, networks, batch, batch["painted"]), {}

    def validate(self, networks: Mapping[str, nn.Module]) -> dict[str, float]:
        assert set(networks) == {"discriminator", "generator", "judge"}
        assert not any(network.training for network in networks.values())
        return {"brightness": float(networks["generator"](torch.ones(1, 3, 8, 8)).mean())}

    def pictures(self, networks: Mapping[str, nn.Module]) -> dict[str, np.ndarray]:
        return {}


def gan_loss(network: str, networks: Mapping[str, nn.Module], batch: Mapping[str, Tensor], painted: Tensor) -> Tensor:
    fake = networks["discriminator"](painted)
    if network == "generator":
        wanted = networks["judge"](pictures(batch))
        return bce(fake, torch.ones_like(fake)) + (networks["judge"](painted) - wanted).abs().mean()
    real = networks["discriminator"](pictures(batch))
    return bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Gan, Path]:
    """A training that nothing happened to, and its folder."""
    task, out = Gan(), tmp_path_factory.mktemp("gan")
    train(task, out, preset=PRESET)
    return task, out


def plain_loop() -> dict[str, nn.Module]:
    """What one would write without an engine."""
    task = Gan()
    networks = {**task.networks, "judge": task.frozen["judge"].eval().requires_grad_(False)}
    optimisers = {
        "discriminator": torch.optim.Adam(networks["discriminator"].parameters(), 4e-3, betas=(0.5, 0.9)),
        "generator": torch.optim.Adam(networks["generator"].parameters(), 1e-3),
    }
    for step, batch in enumerate(batches(task.samples, PRESET, 0)):
        painted = networks["generator"].train()(pictures(batch))
        optimisers["discriminator"].zero_grad()
        gan_loss("discriminator", networks, batch, painted.detach()).backward()
        optimisers["discriminator"].step()
        if step % 3 == 2:
            optimisers["generator"].param_groups[0]["lr"] = 1e-3 if step < 6 else 1e-4
            optimisers["generator"].zero_grad()
            gan_loss("generator", networks, batch, painted).backward()
            nn.utils.clip_grad_norm_(networks["generator"].parameters(), 1.0)
            optimisers["generator"].step()
    return networks


def test_the_weights_are_those_of_a_plain_loop(whole: tuple[Gan, Path]) -> None:
    wanted, found = plain_loop(), load(whole[1] / NAME).networks
    assert set(found) == {"discriminator", "generator"}
    for name, weights in found.items():
        for key, value in wanted[name].state_dict().items():
            torch.testing.assert_close(weights[key], value, rtol=1e-4, atol=1e-6)


def test_turns_graphs_and_settings_are_each_networks_own(whole: tuple[Gan, Path]) -> None:
    task, out = whole
    turn = [("discriminator", False)] * 3 + [("generator", True)]
    assert task.steps == turn * 4
    assert task.painted == [(False, False), (False, False), (True, False)] * 4  # once a step, with a graph where needed
    state = load(out / NAME)
    groups = {name: optimiser["param_groups"][0] for name, optimiser in state.optimisers.items()}
    assert (groups["discriminator"]["lr"], tuple(groups["discriminator"]["betas"])) == (4e-3, (0.5, 0.9))
    assert (groups["generator"]["lr"], tuple(groups["generator"]["betas"])) == (pytest.approx(1e-4), (0.9, 0.999))
    done = {name: {int(s["step"]) for s in optimiser["state"].values()} for name, optimiser in state.optimisers.items()}
    assert done == {"discriminator": {12}, "generator": {4}}
    assert set(state.averages) == {"generator"}
    final = final_networks(out)
    assert torch.equal(final["discriminator"]["0.weight"], state.networks["discriminator"]["0.weight"])
    assert not torch.equal(final["generator"]["0.weight"], state.networks["generator"]["0.weight"])


def test_what_is_frozen_stands_still_and_belongs_to_the_origin(whole: tuple[Gan, Path]) -> None:
    task, out = whole
    fresh = Gan().frozen["judge"].state_dict()
    judge = task.frozen["judge"]
    assert all(torch.equal(value, fresh[key]) for key, value in judge.state_dict().items())
    assert not judge.training and not any(p.requires_grad for p in judge.parameters())
    assert all(p.grad is None for p in judge.parameters())
    assert load(out / NAME).origin == f"frozen judge {short_hash(fresh)}"
    with pytest.raises(OccsetError, match=r"made from frozen judge [0-9a-f]{12} instead of frozen judge"):
        train(Gan(judge=6), out, preset=PRESET)


@pytest.mark.parametrize("interrupt", [0, 11, 12])
def test_it_resumes_to_the_bit(tmp_path: Path, whole: tuple[Gan, Path], interrupt: int) -> None:
    """Stopped in the first step, in the generator's turn, and in the step after it."""
    task = Gan()
    task.interrupt = interrupt
    assert train(task, tmp_path, preset=PRESET).interrupted
    assert not train(Gan(), tmp_path, preset=PRESET).interrupted
    assert same(everything(tmp_path), everything(whole[1]))


def test_in_mixed_precision_all_of_it_computes(tmp_path: Path) -> None:
    preset = TrainingPreset.from_dict({**PRESET.to_dict(), "precision": "bf16-mixed", "epochs": 1})
    outcome = train(Gan(), tmp_path, preset=preset)
    assert outcome.step == 6 and np.isfinite(outcome.metrics["brightness"])


def test_mistakes_are_named(tmp_path: Path) -> None:
    def wrong(**changes: Any) -> Gan:
        task = Gan()
        for name, value in changes.items():
            setattr(task, name, value)
        return task

    with pytest.raises(OccsetError, match="a network 'painter', which the task does not train"):
        train(Gan(), tmp_path, preset=training_task.small_preset(networks={"painter": {"clip": 2.0}}))
    with pytest.raises(OccsetError, match="forward_for is 'judge': name the network that learns through it"):
        train(wrong(forward_for="judge"), tmp_path, preset=PRESET)
    with pytest.raises(OccsetError, match="generator is both trained and frozen"):
        train(wrong(frozen={"generator": nn.Linear(1, 1)}), tmp_path, preset=PRESET)
    with pytest.raises(OccsetError, match="forward returns image, as the samples do"):
        train(wrong(forward=lambda networks, batch: {"image": batch["image"]}), tmp_path, preset=PRESET)
    assert not (tmp_path / NAME).exists()
