"""Which weights stand for each training at equal processor seconds, and the commands that hold them against each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from experiments.equal_seconds import at, main, trainings_in
from occset.models.weight_files import SPENT, save_weights
from occset.support.errors import BadInput


def training(folder: Path, name: str, marks: Sequence[float], ended: float) -> Path:
    """A folder as a training leaves it."""
    for mark, place in [*((mark, folder / "at" / f"{mark:g}s") for mark in marks), (ended, folder / "weights")]:
        save_weights({"a": torch.zeros(1)}, place, {}, name)
        (place / SPENT).write_text(json.dumps({"processor": mark}))
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    training(tmp_path / "runs" / "pconv", "pconv", (60, 120, 240, 480), 700)
    training(tmp_path / "runs" / "lafin", "lafin", (60, 120, 240), 300)
    training(tmp_path / "runs" / "context-encoder", "context-encoder", (60,), 100)
    training(tmp_path / "ng", "ng", (60, 120, 240, 480), 900)
    training(tmp_path / "ng-25k", "ng-25k", (480,), 900)
    (tmp_path / "runs" / "done.json").write_text("[]")
    return tmp_path


def test_the_highest_mark_that_all_reached_is_taken(runs: Path) -> None:
    found = trainings_in([runs / "runs", runs / "ng"])
    assert [path.name for path in found] == ["context-encoder", "lafin", "pconv", "ng"]
    seconds, chosen = at(found, None)
    assert seconds == 60 and {path.name for path in chosen.values()} == {"60s"}
    assert at([path for path in found if path.name != "context-encoder"], None)[0] == 240


def test_who_ended_before_a_mark_stands_with_its_last_weights(runs: Path) -> None:
    _, chosen = at(trainings_in([runs / "runs", runs / "ng"]), 480)
    assert {training.name: path.name for training, path in chosen.items()} == {
        "context-encoder": "weights", "lafin": "weights", "pconv": "480s", "ng": "480s",
    }  # fmt: skip
    with pytest.raises(BadInput, match=r"lafin: kept no weights at 100 processor seconds, but at 60, 120, 240"):
        at(trainings_in([runs / "runs"]), 100)


@pytest.mark.parametrize("of_ours", ["ng", "ng-25k"])
def test_one_command_benches_them_and_makes_their_page(
    runs: Path, of_ours: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[list[str]] = []

    def run(words: Sequence[str]) -> int:
        ran.append(list(words))
        return 1 if words[0] == "bench" else 0

    arguments = ["set", str(runs / "runs" / "pconv"), str(runs / of_ours), "--limit", "4", "--out", "out"]
    assert main(arguments, run) == 1  # of the bench, which could not do all
    weights, ng = runs / "runs" / "pconv" / "at" / "480s", runs / of_ours / "at" / "480s"
    methods = f"weights:{weights},ours:{ng},ours+mask:{ng}"
    bench = [
        "bench",
        "--data",
        "set",
        "--protocol",
        "sunglasses",
        "--methods",
        methods,
        "--out",
        "out/480s",
        "--limit",
        "4",
    ]
    assert ran == [bench, ["leaderboard", "out/480s", "--out", "out/480s/site"]]
    assert "at 480 processor seconds" in capsys.readouterr().out


def test_trainings_that_kept_nothing_are_refused(runs: Path) -> None:
    plain = training(runs / "plain", "pconv", (), 50)
    with pytest.raises(BadInput, match=r"kept weights on the way .*: train with the preset laptop"):
        trainings_in([plain])
    with pytest.raises(BadInput, match=r"plain: has no weights at a mark that the others reached"):
        at([runs / "ng", plain], None)
