"""That all rivals are given the same, and what a network costs, counted by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from occset.models.baselines import RIVALS
from occset.models.baselines.budget import cost_of, given_to, refuse_unequal
from occset.models.baselines.painter import trained_of
from occset.models.registry import find
from occset.support import references
from occset.support.errors import OccsetError

MOST_BYTES = 3 << 20


@pytest.mark.parametrize("preset", ["demo", "laptop", "fast"])
def test_all_rivals_are_given_the_same(preset: str) -> None:
    budget = refuse_unequal({name: find(name).preset(preset) for name in RIVALS})
    assert budget["optimiser"] == "Adam" and budget["name"] == preset
    if preset == "laptop":
        assert (budget["samples"], budget["size"], budget["precision"]) == (25_600, 128, "auto")


def test_samples_are_those_of_ng_too() -> None:
    ours, theirs = find("ng").preset("laptop"), find("pconv").preset("laptop")
    assert theirs.mix == ours.mix and theirs.shape.size == ours.architecture.size
    assert theirs.training.batch == ours.training.batch and theirs.training.precision == ours.training.precision


def test_a_budget_that_differs_is_refused_by_name() -> None:
    preset = find("pconv").preset("laptop")
    longer = replace(preset, training=replace(preset.training, epochs=9))
    with pytest.raises(OccsetError, match="lafin would be given epochs 9 and pconv 8"):
        refuse_unequal({"pconv": preset, "lafin": longer})
    faster = replace(preset, training=replace(preset.training, learning_rate=1e-2))
    assert given_to(faster) == given_to(preset)  # how fast each learns is its own affair


class Counted(nn.Module):
    """One convolution of 3 x 3 from four to five channels, at the whole side."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(4, 5, 3, padding=1)

    def forward(self, picture: Tensor, hole: Tensor) -> dict[str, Tensor]:
        return {"painted": self.one(torch.cat((picture, hole), 1))}


def test_a_cost_is_counted_as_by_hand() -> None:
    assert cost_of(Counted(), 16) == {"parameters": 4 * 5 * 9 + 5, "macs": 4 * 5 * 9 * 16 * 16}


@pytest.mark.parametrize("name", RIVALS)
def test_laptop_weights_fit_in_three_mebibytes(name: str) -> None:
    network = references.load(find(name).task).network_of(find(name).preset("laptop").shape)
    assert sum(2 * value.numel() for value in network.state_dict().values()) < MOST_BYTES - (64 << 10)


def test_what_weights_state_of_their_training_is_told_and_nothing_else() -> None:
    about = {
        "network": {"budget": {"name": "laptop", "parameters": 10, "macs": 20, "samples": 30, "optimiser": "Adam"}},
        "data": {"name": "real", "content_hash": "ab" * 32, "faces": 7},
    }
    told = {"parameters": 10, "macs": 20, "samples": 30, "seconds": 40}
    assert trained_of(about, 40) == {**told, "on": "the split train of real (abababababab), 7 faces"}
    demo = {"network": {"budget": {"name": "demo", "macs": "many", "samples": True}}}
    assert trained_of(demo) == {"unranked": "trained by the preset demo, which only shows that it runs"}
    assert trained_of({}) == trained_of({"data": 3, "network": {"budget": []}}) == {}
