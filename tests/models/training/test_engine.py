from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from occset.models.training.checkpoints import NAME, load
from occset.models.training.engine import final_networks
from occset.models.training.loading import batch_indices
from occset.support.errors import BadInput, OccsetError
from occset.support.locks import only_writer
from tests.models.training import training_task

BrightTask, Patches, everything, same = (
    training_task.BrightTask,
    training_task.Patches,
    training_task.everything,
    training_task.same,
)
small_preset, train = training_task.small_preset, training_task.train


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training that nothing happened to."""
    out = tmp_path_factory.mktemp("undisturbed")
    train(BrightTask(), out)
    return out


def ctrl_c_at(step: int) -> Callable[[int], None]:
    return lambda number: os.kill(os.getpid(), signal.SIGINT) if number == step else None


def test_it_learns_and_says_what_it_did(tmp_path: Path) -> None:
    said, done = [], []
    preset = small_preset(epochs=20, learning_rate=0.02, clip=None)
    task = BrightTask(dropout=0.0)
    outcome = train(task, tmp_path, preset=preset, say=said.append, progress=lambda *n: done.append(n))
    assert (outcome.step, outcome.epochs, outcome.interrupted) == (100, 20, False)
    assert outcome.metrics["accuracy"] > 0.9
    assert outcome.samples_per_second > 0
    assert done == [(n, 100) for n in range(1, 101)]
    assert said[0] == "training bright: 100 steps of 8 samples on cpu, 32-true, loader processes: 0"
    assert len(said) == 21
    assert said[-1].startswith(f"epoch 20/20: accuracy {outcome.metrics['accuracy']:.4g} (")
    assert task.shown == {"training": False, "grad": False, "dtype": torch.float32}
    assert task.seen == [batch_indices(preset, step) for step in range(100)]


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("stop", [0, 6, 9])
def test_a_resumed_training_ends_like_an_undisturbed_one(
    tmp_path: Path, undisturbed: Path, stop: int, precision: str
) -> None:
    """Dropout, averages, clipping, weight decay and a plan included; stopped in the first step, in the middle, and where
    an epoch ends, whose validation comes after resuming."""
    preset = small_preset(precision=precision)
    if precision != "32-true":
        undisturbed = tmp_path / "undisturbed"
        train(BrightTask(), undisturbed, preset=preset)
    out = tmp_path / "out"
    first = train(BrightTask(at_step=ctrl_c_at(stop)), out, preset=preset)
    assert (first.interrupted, first.step) == (True, stop + 1)
    assert load(out / NAME).step == stop + 1
    second = train(BrightTask(), out, preset=preset)
    assert (second.interrupted, second.step) == (False, 20)
    assert same(everything(out), everything(undisturbed))


def test_a_checkpoint_holds_what_differs_between_trainings(tmp_path: Path, undisturbed: Path) -> None:
    """So that the comparison above means something."""
    train(BrightTask(), tmp_path / "seed", seed=1)
    assert not same(everything(tmp_path / "seed"), everything(undisturbed))  # the seed alone, through dropout
    keys = everything(undisturbed)
    for part in ("/networks/judge/0.weight", "/averages/judge/1.running_mean", "/optimisers/judge/state/0/exp_avg"):
        assert part in keys


def test_the_number_of_workers_changes_no_weight(tmp_path: Path, undisturbed: Path) -> None:
    train(BrightTask(), tmp_path, workers=2)
    assert same(everything(tmp_path), everything(undisturbed))


def test_validating_and_logging_change_no_weight(tmp_path: Path, undisturbed: Path) -> None:
    train(BrightTask(), tmp_path, preset=small_preset(validate_every=3, log_every=7, checkpoint_every=2))
    ours, theirs = everything(tmp_path), everything(undisturbed)
    assert same(ours, theirs)


def test_a_finished_training_is_left_as_it_is(tmp_path: Path) -> None:
    train(BrightTask(), tmp_path)
    before = (tmp_path / NAME).read_bytes()
    task = BrightTask()
    outcome = train(task, tmp_path)
    assert (outcome.step, task.calls, outcome.metrics) == (20, 0, load(tmp_path / NAME).metrics)
    assert (tmp_path / NAME).read_bytes() == before
    final = final_networks(tmp_path)["judge"]
    assert not torch.equal(final["0.weight"], task.networks["judge"].state_dict()["0.weight"])  # the average


def test_checkpoints_come_every_so_many_steps(tmp_path: Path) -> None:
    def die(number: int) -> None:
        if number == 8:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(BrightTask(at_step=die), tmp_path, preset=small_preset(checkpoint_every=3, validate_every=4))
    assert load(tmp_path / NAME).step == 6


def test_a_second_ctrl_c_stops_at_once_without_harm(tmp_path: Path, undisturbed: Path) -> None:
    def twice(number: int) -> None:
        for _ in range(2 if number == 7 else 0):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(BrightTask(at_step=twice), tmp_path)
    assert load(tmp_path / NAME).step == 5  # the end of the first epoch
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    train(BrightTask(), tmp_path)
    assert same(everything(tmp_path), everything(undisturbed))


def test_a_loss_that_is_not_finite_stops_with_its_step(tmp_path: Path) -> None:
    with pytest.raises(OccsetError, match=r"step 8: the loss of judge is not finite \(loss nan, bce nan, mean_score"):
        train(BrightTask(poison=7), tmp_path)
    kept = load(tmp_path / NAME)
    assert kept.step == 5
    assert all(value.isfinite().all() for value in kept.networks["judge"].values())


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        ({"seed": 3}, "seed 0 instead of 3"),
        ({"preset": small_preset(learning_rate=0.5)}, "learning_rate 0.01 instead of 0.5"),
    ],
)
def test_the_checkpoint_of_another_training_is_refused_and_kept(
    undisturbed: Path, options: dict[str, Any] | dict[str, int], difference: str
) -> None:
    before = (undisturbed / NAME).read_bytes()
    with pytest.raises(OccsetError, match=rf"another training \({difference}\): give the values .* another folder"):
        train(BrightTask(), undisturbed, **options)
    assert (undisturbed / NAME).read_bytes() == before


def test_another_network_of_the_same_name_is_refused(undisturbed: Path) -> None:
    task = BrightTask()
    task.networks["judge"][0] = torch.nn.Conv2d(3, 6, 3, bias=False)
    with pytest.raises(OccsetError, match="network judge does not fit"):
        train(task, undisturbed)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such locks")
def test_one_training_a_folder(tmp_path: Path) -> None:
    with only_writer(tmp_path), pytest.raises(OccsetError, match="another occset is writing here"):
        train(BrightTask(), tmp_path)


def test_a_torn_sample_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^sample 1/3 is torn: mend it$"):
        train(BrightTask(Patches(broken=(1, 3))), tmp_path)
    assert load(tmp_path / NAME).step == 5
    with pytest.raises(OccsetError, match="seed is -1"):
        train(BrightTask(), tmp_path, seed=-1)


def test_losses_and_pictures_are_logged(undisturbed: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = accumulator.EventAccumulator(str(undisturbed / "tensorboard"))
    found.Reload()
    assert {"judge/loss", "judge/bce", "judge/gradient_norm", "learning_rate"} <= set(found.Tags()["scalars"])
    assert [e.step for e in found.Scalars("judge/loss")] == [4, 8, 12, 16, 20]
    assert [e.step for e in found.Scalars("validation/accuracy")] == [5, 10, 15, 20]
    assert [e.step for e in found.Images("first")] == [5, 10, 15, 20]


class Game(BrightTask):
    """Two networks: a judge, and a painter whose pictures the judge is to call bright."""

    name = "game"

    def __init__(self) -> None:
        super().__init__(dropout=0.0)
        torch.manual_seed(1)
        self.networks = {"painter": torch.nn.Conv2d(3, 3, 1), **self.networks}
        self.order = []

    def loss(
        self, network: str, networks: Mapping[str, nn.Module], batch: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        image = batch["image"].permute(0, 3, 1, 2).float() / 255
        self.order.append((network, [p.requires_grad for net in self.networks.values() for p in net.parameters()]))
        with torch.set_grad_enabled(network == "painter"):
            painted = networks["painter"](image)
        score = networks["judge"](painted)[:, 0]
        wanted = torch.full_like(score, float(network == "painter"))
        return torch.nn.functional.binary_cross_entropy_with_logits(score, wanted), {}


def test_two_networks_step_in_turn_each_with_its_own_weights(tmp_path: Path) -> None:
    task = Game()
    train(task, tmp_path / "a", preset=small_preset(epochs=1, epoch_size=8))
    assert [name for name, _ in task.order] == ["painter", "judge"]
    assert task.order[0][1] == [True] * 2 + [False] * 6
    assert task.order[1][1] == [False] * 2 + [True] * 6
    kept = load(tmp_path / "a" / NAME)
    assert {name: len(o["state"]) for name, o in kept.optimisers.items()} == {"painter": 2, "judge": 6}
    assert all(p.requires_grad for net in task.networks.values() for p in net.parameters())


def test_two_networks_resume(tmp_path: Path) -> None:
    train(Game(), tmp_path / "whole")
    task = Game()
    whole_loss = task.loss

    def loss(
        network: str, networks: Mapping[str, nn.Module], batch: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        if len(task.order) == 13:  # the judge's turn in the seventh step
            os.kill(os.getpid(), signal.SIGINT)
        return whole_loss(network, networks, batch)

    task.loss = loss
    assert train(task, tmp_path / "cut").step == 7
    train(Game(), tmp_path / "cut")
    assert same(everything(tmp_path / "cut"), everything(tmp_path / "whole"))
