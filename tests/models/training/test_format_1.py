"""Checkpoints that the engine wrote before networks had settings of their own still resume, to the same weights.

``made_by_format_1`` holds two trainings of this folder's toys, stopped by Ctrl-C in step 7, as version 1 of the format wrote
them, and what a tiny training of NS came to.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from occset.models.training.checkpoints import NAME, load
from tests.models.training import test_engine, training_task

MADE = Path(__file__).parent / "made_by_format_1"
TOYS = {"bright": training_task.BrightTask, "game": test_engine.Game}


def made_here() -> bool:
    """Whether this torch and this processor are those that the files were made with, so that bits can be compared."""
    told = json.loads((MADE / "ns-golden.json").read_text())
    here = (torch.__version__, torch.backends.cpu.get_cpu_capability(), torch.get_num_threads())
    return here == (told["torch"], told["cpu"], told["threads"])


@pytest.mark.parametrize("toy", TOYS)
def test_it_goes_on_to_the_weights_of_an_undisturbed_training(tmp_path: Path, toy: str) -> None:
    (tmp_path / "old").mkdir()
    shutil.copy(MADE / f"{toy}-format-1.ckpt", tmp_path / "old" / NAME)
    assert load(tmp_path / "old" / NAME).step == 7
    outcome = training_task.train(TOYS[toy](), tmp_path / "old")
    assert (outcome.step, outcome.interrupted) == (20, False)
    training_task.train(TOYS[toy](), tmp_path / "whole")
    found, wanted = (training_task.everything(tmp_path / name) for name in ("old", "whole"))
    assert set(found) == set(wanted)
    for key, value in wanted.items():
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            torch.testing.assert_close(found[key], value, rtol=1e-3, atol=1e-4)
    if made_here():
        assert training_task.same(found, wanted)
