from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from occset.models.training.board import Board

event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")


def read(folder: Path) -> Any:
    found = event_accumulator.EventAccumulator(str(folder / "tensorboard"))
    found.Reload()
    return found


def test_scalars_and_pictures_can_be_read_back(tmp_path: Path) -> None:
    board = Board(tmp_path, 0, pytest.fail)
    board.scalars({"judge/loss": 0.5}, 4)
    board.scalars({"judge/loss": 0.25}, 8)
    board.pictures({"first": np.full((6, 5, 3), 200, np.uint8)}, 8)
    board.close()
    board.close()
    found = read(tmp_path)
    assert [(e.step, e.value) for e in found.Scalars("judge/loss")] == [(4, 0.5), (8, 0.25)]
    picture = found.Images("first")[0]
    assert (picture.step, picture.height, picture.width) == (8, 6, 5)


def test_what_a_killed_run_logged_after_its_checkpoint_is_hidden(tmp_path: Path) -> None:
    first = Board(tmp_path, 0, pytest.fail)
    for step in (4, 8, 12):
        first.scalars({"loss": 1.0}, step)
    first.close()
    second = Board(tmp_path, 8, pytest.fail)  # resumed after step 8
    second.scalars({"loss": 2.0}, 12)
    second.close()
    assert [(e.step, e.value) for e in read(tmp_path).Scalars("loss")] == [(4, 1.0), (8, 1.0), (12, 2.0)]


def test_without_the_package_one_sentence_and_no_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    said = []
    board = Board(tmp_path, 0, said.append)
    board.scalars({"loss": 1.0}, 1)
    board.pictures({"a": np.zeros((2, 2, 3), np.uint8)}, 1)
    board.close()
    assert len(said) == 1
    assert "pip install tensorboard" in said[0]
    assert not list(tmp_path.iterdir())


def test_other_processes_write_nothing(tmp_path: Path) -> None:
    board = Board(None, 0, pytest.fail)
    board.scalars({"loss": 1.0}, 1)
    board.close()
    assert not list(tmp_path.iterdir())
