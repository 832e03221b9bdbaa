"""Shapes that cannot be built are refused, and presets are what weights are built from again."""

from __future__ import annotations

from typing import Any

import pytest

from occset.models.baselines import RIVALS
from occset.models.baselines.presets import RivalPreset, Shape, budget
from occset.models.registry import find
from occset.support.errors import OccsetError


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"widths": ()}, "widths"),
        ({"widths": (8, 99999)}, "widths"),
        ({"size": 127, "unshuffle": 2}, "size"),
        ({"size": 1 << 20}, "size"),
        ({"unshuffle": 0}, "unshuffle"),
        ({"blocks": -1}, "blocks"),
        ({"latent": 2.5}, "latent"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(values: dict[str, Any], named: str) -> None:
    with pytest.raises(OccsetError, match=f"a rival's {named} is"):
        Shape(**values)


def test_a_shape_comes_back_from_what_stands_beside_weights() -> None:
    shape = Shape(64, 2, (8, 12), 3, 4)
    assert Shape.from_dict({**shape.to_dict(), "budget": {}, "features": ""}) == shape and shape.grid == 32


@pytest.mark.parametrize("name", RIVALS)
def test_every_preset_can_be_written_down(name: str) -> None:
    for preset in find(name).all_presets().values():
        assert isinstance(preset, RivalPreset)
        assert Shape.from_dict(preset.to_dict()["network"]) == preset.shape
        assert preset.fitted(1000, 3).training.epochs == 3


def test_losses_can_be_left_out() -> None:
    preset = RivalPreset(Shape(), budget("demo", 1e-3, (0.9, 0.99)), {"a": 1.0, "b": 2.0, "c": 3.0})
    assert preset.without("a, c").weights == {"a": 0.0, "b": 2.0, "c": 0.0}
    with pytest.raises(OccsetError, match="no loss 'd' to leave out: choose among a, b, c"):
        preset.without("a,d")
