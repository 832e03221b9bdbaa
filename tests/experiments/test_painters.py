"""Painters are judged in the hole's part on the face alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from experiments.painters import figures


class Judge(torch.nn.Module):
    """Says of each picture its mean colour."""

    def forward(self, pictures: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
        return pictures.mean((2, 3))


def test_what_lies_outside_the_hole_and_beside_the_face_does_not_count() -> None:
    clean = np.full((2, 8, 8, 3), 100, np.uint8)
    hole, face = np.zeros((2, 8, 8), np.uint8), np.full((2, 8, 8), 255, np.uint8)
    hole[0, :, :4] = 255  # the second one has no hole
    face[0, :4] = 0
    drawn = {"image": clean, "clean": clean, "holes": hole, "mask": face, "matrix": np.zeros((2, 2, 3), np.float32)}
    painted = np.zeros_like(clean)  # wrong everywhere
    painted[0, 4:, :4] = 151  # but by a fifth where it counts
    found = figures(painted, drawn, Judge())  # type: ignore[arg-type]
    assert found["l1"] == pytest.approx(0.2) and found["psnr"] == pytest.approx(-20 * np.log10(0.2))
    assert found["id"] == pytest.approx(1.0)  # grey against grey
