from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from occset.models.training.processes import layout as processes
from occset.models.training.processes.helpers import helpers
from occset.models.training.processes.layout import Layout, Team, find_layout
from occset.support.errors import BadInput, OccsetError
from tests.models.training import training_task


def test_what_the_layout_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert find_layout() == Layout("cuda", 4, 1, False, 0)
    assert find_layout("gpu", 2) == Layout("cuda", 2, 1, False, 0)
    assert find_layout("cpu") == Layout("cpu", 1, 1, False, 0)
    assert find_layout("cpu", "3").world == 3
    for name, value in {"RANK": 13, "WORLD_SIZE": 16, "LOCAL_WORLD_SIZE": 8, "TORCHELASTIC_RUN_ID": "x"}.items():
        monkeypatch.setenv(name, str(value))
    assert find_layout("auto", "auto", 2) == Layout("cuda", 8, 2, True, 13)
    assert find_layout("auto", "auto", 2).world == 16


def test_layouts_that_cannot_be() -> None:
    with pytest.raises(OccsetError, match="devices is 0"):
        find_layout("cpu", 0)
    with pytest.raises(OccsetError, match="2 machines: start the command on each of them with torchrun"):
        find_layout("cpu", 1, 2)


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OccsetError, match="a batch of 8 cannot be shared by 3 processes"):
        training_task.train(training_task.BrightTask(), tmp_path, devices=3)


def test_a_team_of_one_talks_to_itself() -> None:
    team = Team(0, 1)
    assert team.any([True, False]) == [True, False]
    assert team.mean({"a": 2.0}) == {"a": 2.0}
    assert team.first("x") == team.tell(lambda: "x") == "x"
    with pytest.raises(BadInput, match="torn"):
        team.tell(lambda: (_ for _ in ()).throw(BadInput("torn")))


def talk(folder: str) -> None:
    """One of three processes: writes down what it hears."""
    torch.distributed.init_process_group("gloo")
    rank = int(os.environ["RANK"])
    team = Team(rank, 3)
    heard = [
        team.any([rank == 1, False]),
        team.mean({"loss": float(rank), "dice": 6.0}),
        team.first(f"from {rank}" if rank else None),
        team.tell(lambda: ("word", rank)),
    ]
    Path(folder, str(rank)).write_text(repr(heard))
    processes.leave()


def test_a_team_of_three_agrees(tmp_path: Path) -> None:
    with helpers(Layout("cpu", 3, 1, False, 0), talk, (str(tmp_path),)):
        talk(str(tmp_path))
    heard = {(tmp_path / str(rank)).read_text() for rank in range(3)}
    assert heard == {repr([[True, False], {"loss": 1.0, "dice": 6.0}, "from 1", ("word", 0)])}
