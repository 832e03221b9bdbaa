"""Discriminators: what they say, what they show of it, and second derivatives."""

from __future__ import annotations

import json

import pytest
import torch

from occset.models.inpainting.adversarial import r1_penalty
from occset.models.inpainting.architecture import ARCHITECTURES, DISCRIMINATORS, DiscriminatorArchitecture
from occset.support.errors import OccsetError

SMALL = DiscriminatorArchitecture(32, 2, (8, 12), 10)


def test_logits_and_features_of_each_level() -> None:
    logits, features = SMALL.build()(torch.rand(3, 3, 32, 32))
    assert logits.shape == (3, 1)
    assert [tuple(f.shape) for f in features] == [(3, 8, 16, 16), (3, 12, 8, 8)]


def test_each_preset_has_one_for_its_size() -> None:
    assert set(DISCRIMINATORS) == set(ARCHITECTURES)
    for name, architecture in DISCRIMINATORS.items():
        assert architecture.size == ARCHITECTURES[name].size
        assert DiscriminatorArchitecture(**json.loads(json.dumps(architecture.to_dict()))) == architecture


def test_the_penalty_reaches_the_weights() -> None:
    discriminator = SMALL.build()
    penalty = r1_penalty(lambda x: discriminator(x)[0], torch.rand(2, 3, 32, 32))
    assert penalty > 0
    penalty.backward()
    assert discriminator.levels[0].first.weight.grad.abs().sum() > 0


def test_it_learns_to_tell_dark_from_light() -> None:
    torch.manual_seed(0)
    discriminator = SMALL.build()
    optimiser = torch.optim.Adam(discriminator.parameters(), 1e-3)
    for _ in range(30):
        light, dark = (discriminator(x + 0.1 * torch.rand(4, 3, 32, 32))[0] for x in (0.6, 0.3))
        optimiser.zero_grad()
        (torch.nn.functional.softplus(-light) + torch.nn.functional.softplus(dark)).mean().backward()
        optimiser.step()
    assert light.min() > 0 > dark.max()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(OccsetError, match=r"judges \(B, 3, 32, 32\), not \(1, 3, 64, 64\)"):
        SMALL.build()(torch.rand(1, 3, 64, 64))
    with pytest.raises(OccsetError, match="multiple of 8"):
        DiscriminatorArchitecture(36, 2, (8, 12))
    with pytest.raises(OccsetError, match="channels a level"):
        DiscriminatorArchitecture(32, 2, (0, 12))
