"""What holds of every rival: what it may look at, what it may change, that it learns, and that its weights can be kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import occset.models
from occset.dataset.occlusion_set import OcclusionSet
from occset.models.baselines import RIVALS
from occset.models.baselines.painter import Rival, behind
from occset.models.baselines.presets import GENERATOR, Options
from occset.models.baselines.task import RivalTask
from occset.models.registry import find
from occset.models.training.checkpoints import NAME
from occset.models.training.checkpoints import load as load_checkpoint
from occset.models.training.registered import ON_THE_WAY
from occset.models.weight_files import load_weights, spent
from occset.support import references
from occset.support.errors import BadInput, OccsetError
from tests.models.baselines.tiny import batch_of, learn, task_of, tiny

TOLD_THE_HOLE = [name for name in RIVALS if references.load(find(name).inference).given]


@pytest.fixture(scope="module", params=RIVALS)
def task(request: pytest.FixtureRequest, fitted_set: OcclusionSet) -> RivalTask:
    """The task of each rival in turn, tiny; its weights change from test to test."""
    return task_of(request.param, fitted_set)


def test_samples_are_ngs_with_the_footprint(task: RivalTask) -> None:
    sample = task.samples(0, 3)
    changed = (sample["image"] != sample["clean"]).any(axis=-1)
    hole = sample["holes"] > 0
    assert changed.any() and not (changed & ~hole).any()
    assert set(np.unique(sample["holes"])) <= {0, 255} and hole.sum() > changed.sum()


def test_outside_the_hole_the_composite_is_the_input(task: RivalTask) -> None:
    with torch.no_grad():
        seen = task.forward({**task.networks, **task.frozen}, batch_of(task))
    outside = (seen["hole"] < 0.5).expand(-1, 3, -1, -1)
    assert torch.equal(seen["filled"][outside], seen["picture"][outside])
    assert seen["painted"].shape == seen["picture"].shape and seen["painted"].dtype == torch.float32
    assert seen["painted"].min() >= 0 and seen["painted"].max() <= 1


@pytest.mark.parametrize("name", TOLD_THE_HOLE)
def test_no_hidden_pixel_reaches_the_network(name: str, fitted_set: OcclusionSet) -> None:
    network = task_of(name, fitted_set).networks[GENERATOR].eval()
    generator = torch.Generator().manual_seed(0)
    picture, hole = torch.rand(2, 3, 64, 64, generator=generator), torch.zeros(2, 1, 64, 64)
    hole[:, :, 20:44, 10:50] = 1
    other = torch.where(hole > 0, torch.rand(2, 3, 64, 64, generator=generator), picture)
    with torch.no_grad():
        assert torch.equal(network(picture, hole)["painted"], network(other, hole)["painted"])
        shifted = network(picture.roll(5, 3), hole)["painted"]
        assert not torch.equal(network(picture, hole)["painted"], shifted)


def test_it_learns_what_it_is_shown(task: RivalTask) -> None:
    told = learn(task, batch_of(task), 30)
    first, last = (np.mean([step["loss"] for step in part]) for part in (told[:3], told[-3:]))
    assert np.isfinite(last) and last < 0.9 * first, (first, last)


@pytest.mark.parametrize("name", RIVALS)
def test_a_training_ends_with_weights_that_paint(name: str, fitted_set: OcclusionSet, tmp_path: Path) -> None:
    done = occset.models.train(
        name, fitted_set, tiny(name), tmp_path / "run", workers=0, accelerator="cpu", say=lambda line: None
    )
    assert done.weights is not None and set(done.metrics) >= {"l1", "psnr", "input_l1"}
    _, about = load_weights(done.weights)
    budget = about["network"]["budget"]
    assert budget["samples"] == 8 and budget["optimiser"] == "Adam" and budget["parameters"] > 1000
    assert budget["macs"] > budget["parameters"]
    assert spent(done.weights, "processor") and spent(done.weights, "samples") == 8
    for kept in (tmp_path / "run" / ON_THE_WAY).iterdir():  # after the first step at the latest
        on_the_way = behind(str(kept))
        seen = on_the_way.trained
        assert on_the_way.name == f"{name}:{kept.name}"
        assert f"{seen['processor']:g}s" == kept.name
        assert seen["samples"] in (4, 8) and "seconds" not in seen
    assert list((tmp_path / "run" / ON_THE_WAY).iterdir())
    rival = occset.models.load(name, done.weights, device="cpu")
    assert isinstance(rival, Rival) and rival.size == 64
    rng = np.random.default_rng(1)
    images, masks = rng.integers(0, 256, (2, 100, 100, 3), np.uint8), np.zeros((2, 100, 100), np.uint8)
    masks[:, 40:70, 10:95] = 255
    painted = rival.deocclude(images, masks if rival.given else None)
    assert painted.shape == images.shape and painted.dtype == np.uint8
    if rival.given:
        assert np.array_equal(painted[masks == 0], images[masks == 0])
        assert (painted[masks > 0] != images[masks > 0]).mean() > 0.9
        with pytest.raises(BadInput, match="in masks of their size"):
            rival.deocclude(images, None)
    again = rival.deocclude(images[1:], masks[1:] if rival.given else None)
    # whoever else is in the batch, but for the last bit of sums that are added in another order
    assert np.abs(again.astype(int) - painted[1:]).max() <= 1
    # what is kept in half precision paints as what was trained
    whole = load_checkpoint(tmp_path / "run" / NAME)
    exact = type(rival).network_of(tiny(name).shape)
    exact.load_state_dict({**whole.networks, **whole.averages}[GENERATOR])
    picture, hole = torch.rand(1, 3, 64, 64), torch.zeros(1, 1, 64, 64)
    hole[..., 20:40, 20:40] = 1
    with torch.no_grad():
        off = (exact.eval()(picture, hole)["painted"] - rival.network(picture, hole)["painted"]).abs()
    assert off.max() < 0.02


@pytest.mark.parametrize("name", RIVALS)
def test_a_loss_that_is_none_is_named(name: str, fitted_set: OcclusionSet) -> None:
    with pytest.raises(OccsetError, match="no loss 'magic' to leave out: choose among"):
        references.load(find(name).task)(fitted_set, tiny(name), options=Options(without="magic"))
