"""What a training starts from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from occset.models.registry import find
from occset.models.segmentation.architecture import Architecture
from occset.models.training.checkpoints import NAME, final_networks
from occset.models.training.starting import start_from
from occset.models.weight_files import load_weights, save_weights
from occset.support.errors import BadInput, OccsetError
from tests.models.training import training_task


def test_a_file_and_the_folder_of_a_training(tmp_path: Path) -> None:
    training_task.train(training_task.BrightTask(), tmp_path / "run", preset=training_task.small_preset(epochs=1))
    average = final_networks(tmp_path / "run")["judge"]
    first = training_task.small_network(seed=9)
    told = start_from(first, tmp_path / "run", "ns", "judge")
    assert all(torch.equal(value, average[key]) for key, value in first.state_dict().items())
    save_weights(average, tmp_path / "weights", {}, half=False)
    second = training_task.small_network(seed=8)
    assert start_from(second, str(tmp_path / "weights"), "ns", "judge") == told.replace("from run", "from weights")
    with pytest.raises(OccsetError, match="a training of judge, not of NS: name one of NS"):
        start_from(first, tmp_path / "run", "ns", "segmentation")
    with pytest.raises(OccsetError, match="is of another network than the preset's"):
        start_from(nn.Linear(2, 2), tmp_path / "weights", "ns", "judge")
    with pytest.raises(BadInput, match=str(tmp_path / "none")):
        start_from(first, tmp_path / "none", "ns", "judge")
    assert (tmp_path / "run" / NAME).is_file()


def test_the_released_weights_by_their_word() -> None:
    state, about = load_weights(find("ns").released)
    network = Architecture(about["network"]["encoder"], tuple(about["network"]["decoder"]), 192).build()
    told = start_from(network, "released", "ns", "segmentation")
    assert told.startswith("the network starts from the released weights (")
    assert all(torch.equal(value.float(), state[key].float()) for key, value in network.state_dict().items())
