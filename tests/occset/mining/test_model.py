"""Opening a model by name, and what it may return."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from occset.mining.model import features, open_model, probabilities, size_of, weights_hash_of
from occset.support.errors import BrokenMethod, OccsetError, UnknownName

IMAGES = np.zeros((3, 16, 16, 3), np.uint8)


def test_a_class_is_handed_what_it_takes(colour_model: str, tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_text("5")
    model = open_model(colour_model, file, "cpu", 1)
    assert (weights_hash_of(model), size_of(model)) == ("offset-5", 48)
    assert weights_hash_of(open_model(colour_model)) == "offset-0"


def test_what_cannot_be_opened_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "strange_models.py").write_text(
        "class Bare:\n    name = 'bare'\n    def segment(self, images):\n        return images[..., 0]\n"
        "class Needs:\n    def __init__(self, folder):\n        pass\nclass Nothing:\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UnknownName, match="no model is called 'nss': did you mean ns"):
        open_model("nss")
    with pytest.raises(OccsetError, match="takes no weights: leave --weights out"):
        open_model("strange_models:Bare", tmp_path / "w")
    with pytest.raises(OccsetError, match="cannot be made without arguments of its own"):
        open_model("strange_models:Needs")
    with pytest.raises(OccsetError, match="neither probabilities"):
        open_model("strange_models:Nothing")
    with pytest.raises(OccsetError, match="there is no module no_such_models"):
        open_model("no_such_models:Model")


def test_soft_masks_stand_in_for_probabilities_and_the_picture_for_features() -> None:
    model = SimpleNamespace(name="soft", segment=lambda images: np.full(images.shape[:3], 51, np.uint8))
    assert probabilities(model, IMAGES) == pytest.approx(0.2)
    assert features(model, IMAGES).shape == (3, 8 * 8 * 3)
    assert size_of(model) == 256


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (np.zeros((3, 8, 8)), "returned masks"),
        (np.full((3, 16, 16), np.nan), "outside 0..1 or not finite"),
        (np.full((3, 16, 16), 1.5), "outside 0..1"),
    ],
)
def test_broken_probabilities_are_refused(found: np.ndarray, message: str) -> None:
    with pytest.raises(BrokenMethod, match=message):
        probabilities(SimpleNamespace(name="bad", probabilities=lambda images: found), IMAGES)


@pytest.mark.parametrize("found", [np.zeros((2, 4)), np.zeros(3), np.full((3, 4), np.inf)])
def test_broken_features_are_refused(found: np.ndarray) -> None:
    with pytest.raises(BrokenMethod, match="bad: returned features"):
        features(SimpleNamespace(name="bad", features=lambda images: found), IMAGES)
