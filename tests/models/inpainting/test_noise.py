"""Noise in place of what hides the face: nothing of it is left, and the seed says all."""

from __future__ import annotations

import pytest
import torch

from occset.models.inpainting.noise import DEVIATION, MEAN, drowned, noise
from occset.support.errors import OccsetError


def test_no_hidden_pixel_is_left_even_under_soft_masks() -> None:
    pictures = torch.rand(2, 3, 8, 8)
    hidden = torch.zeros(2, 1, 8, 8)
    hidden[:, :, 2:5], hidden[:, :, 5:6] = 1, 0.7
    found = drowned(pictures, hidden, [1, 2])
    other = torch.where(hidden >= 0.5, 1 - pictures, pictures)
    assert torch.equal(found, drowned(other, hidden, [1, 2]))
    assert torch.equal(found[:, :, :2], pictures[:, :, :2])
    assert torch.equal(found[0, :, 2:6], noise(1, 8, 8)[:, 2:6])


def test_noise_is_gaussian_within_the_range_and_of_its_seed() -> None:
    values = noise(5, 200, 200)
    inside = values[(values > 0) & (values < 1)]
    assert values.mean().item() == pytest.approx(MEAN, abs=0.005)
    assert 0.9 * DEVIATION < values.std().item() < DEVIATION
    assert inside.numel() / values.numel() == pytest.approx(0.9545, abs=0.005)  # two deviations on each side
    assert torch.equal(values, noise(5, 200, 200))
    assert not torch.equal(values, noise(6, 200, 200))


def test_seeds_are_one_a_picture() -> None:
    with pytest.raises(OccsetError, match=r"2 pictures .* 1 seeds"):
        drowned(torch.rand(2, 3, 4, 4), torch.ones(2, 1, 4, 4), [0])
