"""Weights that are kept on the way, at marks of processor seconds that outlive a stop."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from occset.models.training import loop
from occset.models.training.checkpoints import NAME, load
from occset.models.training.engine import final_networks
from occset.models.training.presets import TrainingPreset
from occset.support.errors import OccsetError
from tests.models.training.training_task import BrightTask, small_preset, train


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that takes a second for every step."""
    told = iter(range(100_000))
    monkeypatch.setattr(loop.time, "process_time", lambda: float(next(told)))


def test_weights_are_kept_whenever_the_seconds_have_doubled(tmp_path: Path) -> None:
    preset, kept = small_preset(marks=1.0), list[tuple[float, int]]()
    last: dict[str, Any] = {}

    def keep(mark: float, step: int, networks: dict[str, Any]) -> None:
        kept.append((mark, step))
        last.update({name: {key: value.clone() for key, value in one.items()} for name, one in networks.items()})

    outcome = train(BrightTask(), tmp_path, preset=preset, kept=keep)
    assert kept == [(2.0**n, 2**n) for n in range(10) if 2**n <= preset.steps]
    assert outcome.processor == preset.steps == load(tmp_path / NAME).processor
    final = final_networks(tmp_path)
    assert last.keys() == final.keys()  # of the way there, and not of the end
    assert any(not torch.equal(last[name][key], value) for name in final for key, value in final[name].items())


def test_seconds_go_on_after_a_stop(tmp_path: Path) -> None:
    kept: list[tuple[float, int]] = []

    def stop(step: int, steps: int) -> None:
        if step == 3:
            os.kill(os.getpid(), signal.SIGINT)

    preset = small_preset(marks=1.0)
    train(BrightTask(), tmp_path, preset=preset, progress=stop, kept=lambda mark, step, _: kept.append((mark, step)))
    assert load(tmp_path / NAME).processor == load(tmp_path / NAME).step < preset.steps
    train(BrightTask(), tmp_path, preset=preset, kept=lambda mark, step, _: kept.append((mark, step)))
    assert kept[:3] == [(1, 1), (2, 2), (4, 4)] and load(tmp_path / NAME).processor == preset.steps


def test_a_preset_without_marks_keeps_nothing_and_is_written_as_before(tmp_path: Path) -> None:
    train(BrightTask(), tmp_path, preset=small_preset(), kept=lambda *_: pytest.fail("there is no mark"))
    assert "marks" not in small_preset().to_dict()
    marked = replace(small_preset(), marks=60.0)
    assert TrainingPreset.from_dict(marked.to_dict()) == marked
    train(BrightTask(), tmp_path, preset=marked)  # a training goes on with marks or without
    with pytest.raises(OccsetError, match="marks is -1, it must be above 0, or None"):
        replace(small_preset(), marks=-1)
