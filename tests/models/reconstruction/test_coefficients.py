"""The coefficient vector: which number is what."""

from __future__ import annotations

import pytest
import torch

from occset.models.reconstruction.coefficients import Coefficients, Layout
from occset.models.rendering import lighting
from occset.support.errors import BadInput


def test_the_papers_vector_has_239_numbers() -> None:
    assert Layout(80, 64, 80).size == 239
    assert Layout(80, 64, 80, colours=3).size == 257


def test_parts_lie_in_the_order_that_is_told() -> None:
    layout = Layout(4, 3, 2, colours=3)
    parts = layout.split(torch.arange(float(layout.size))[None])
    assert parts.pose[0].tolist() == [0, 1, 2, 3, 4, 5]
    assert parts.identity[0].tolist() == [6, 7, 8, 9]
    assert parts.expression[0].tolist() == [10, 11, 12]
    assert parts.texture[0].tolist() == [13, 14]
    assert parts.light[0, 1].tolist() == [18, 19, 20]  # the second harmonic, red, green, blue
    assert layout.slices()["light"] == slice(15, 42)


def test_join_undoes_split_and_repeats_grey_light() -> None:
    layout = Layout(4, 3, 2, colours=3)
    vectors = torch.randn(5, layout.size)
    assert torch.equal(layout.join(layout.split(vectors)), vectors)
    grey = Coefficients(torch.zeros(1, 6), torch.zeros(1, 4), torch.zeros(1, 3), torch.zeros(1, 2), torch.ones(1, 9, 1))
    assert layout.split(layout.join(grey)).light.shape == (1, 9, 3)
    assert (
        Layout(4, 3, 2)
        .split(Layout(4, 3, 2).join(layout.split(vectors)))
        .light[:, :, 0]
        .allclose(layout.split(vectors).light.mean(-1))
    )


def test_a_vector_of_another_model_is_refused() -> None:
    with pytest.raises(BadInput, match="239"):
        Layout(80, 64, 80).split(torch.zeros(2, 257))


def test_the_typical_face_is_lit_from_all_sides_and_a_metre_away() -> None:
    layout = Layout(80, 64, 80)
    middle, spread = layout.typical()
    parts = layout.split(middle[None])
    assert parts.light[0, 0].item() == pytest.approx(0.8 * lighting.AMBIENT)
    assert -1400 < parts.pose[0, 5].item() < -1000
    assert (spread > 0).all()
    assert (spread[layout.slices()["identity"]] == 1).all()
