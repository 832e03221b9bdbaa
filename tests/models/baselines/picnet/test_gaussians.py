"""Divergences of known Gaussians, and the two paths of PICNet."""

from __future__ import annotations

import math

import pytest
import torch

from occset.models.baselines.picnet.gaussians import Gaussian, divergence, fixed_noise, narrowed
from occset.models.baselines.picnet.network import PICNetwork
from occset.models.baselines.picnet.presets import WEIGHTS
from occset.models.baselines.presets import Shape


def gaussian(mean: float, deviation: float) -> Gaussian:
    return Gaussian(torch.full((1, 1, 1, 1), mean), torch.full((1, 1, 1, 1), deviation))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0.0, 1.0), (0.0, 1.0), 0.0),
        ((1.0, 1.0), (0.0, 1.0), 0.5),
        ((0.0, 2.0), (0.0, 1.0), math.log(1 / 2) + 4 / 2 - 0.5),
        ((1.0, 0.5), (-1.0, 2.0), math.log(4) + (0.25 + 4) / 8 - 0.5),
    ],
)
def test_the_divergence_is_the_formulas(one: tuple[float, float], other: tuple[float, float], expected: float) -> None:
    assert divergence(gaussian(*one), gaussian(*other)).item() == pytest.approx(expected, abs=1e-6)


def test_it_is_torchs_own() -> None:
    generator = torch.Generator().manual_seed(0)
    means, logs = torch.randn(2, 3, 4, 2, 2, generator=generator), torch.randn(2, 3, 4, 2, 2, generator=generator)
    one, other = (Gaussian(mean, log.exp()) for mean, log in zip(means, logs, strict=True))
    normal = torch.distributions.Normal
    wanted = torch.distributions.kl_divergence(normal(*one), normal(*other)).mean()
    assert torch.allclose(divergence(one, other), wanted, atol=1e-5)


def test_the_fixed_prior_narrows_as_less_is_hidden() -> None:
    hole = torch.zeros(3, 1, 10, 10)
    hole[1, :, :5, :5] = 1
    hole[2] = 1
    found = narrowed(hole, torch.zeros(3, 2, 4, 4))
    assert found.deviation[:, 0, 0, 0].tolist() == pytest.approx([0.1, 0.5, 1.0])
    assert not found.mean.any()


def test_the_one_draw_is_always_the_same() -> None:
    assert torch.equal(fixed_noise(4, 8), fixed_noise(4, 8))
    assert not torch.equal(fixed_noise(4, 8), fixed_noise(4, 8, seed=1))
    assert abs(fixed_noise(64, 8).std().item() - 1) < 0.05


def network() -> PICNetwork:
    torch.manual_seed(0)
    return PICNetwork(Shape(64, 2, (8, 12, 16), 1, 8))


def test_only_the_reconstructive_path_is_told_the_truth() -> None:
    """Another truth changes what is rebuilt and the posterior, and neither the prior nor what is painted."""
    made = network().eval()
    picture, hole = torch.rand(2, 3, 64, 64), torch.zeros(2, 1, 64, 64)
    hole[..., 16:48, 16:48] = 1
    other = torch.where(hole > 0, torch.rand(2, 3, 64, 64), picture)
    found = []
    for target in (picture, other):
        torch.manual_seed(1)
        with torch.no_grad():
            found.append(made(picture, hole, target))
    assert torch.equal(found[0]["painted"], found[1]["painted"]) and torch.equal(found[0]["prior"], found[1]["prior"])
    assert not torch.equal(found[0]["posterior"], found[1]["posterior"])
    assert not torch.equal(found[0]["rebuilt"], found[1]["rebuilt"])


def test_at_work_nothing_is_drawn() -> None:
    made = network().eval()
    picture, hole = torch.rand(2, 3, 64, 64), torch.ones(2, 1, 64, 64)
    with torch.no_grad():
        first = made(picture, hole)["painted"]
        torch.rand(5)
        both = made(picture, hole)["painted"], made(picture[1:], hole[1:])["painted"]
    assert torch.equal(first, both[0]) and torch.allclose(first[1:], both[1], atol=1e-5)
    assert "noise" not in made.state_dict()


def test_the_losses_weigh_as_in_the_paper() -> None:
    assert set(WEIGHTS.values()) == {20.0, 1.0} and WEIGHTS["adv"] == WEIGHTS["match"] == 1.0
