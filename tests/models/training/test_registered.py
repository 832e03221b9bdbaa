"""How long a training took is added up over its runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from occset.models.registry import Network
from occset.models.training.checkpoints import NAME
from occset.models.training.registered import _spent, samples_before
from occset.models.weight_files import SPENT, spent


def test_seconds_add_up_over_the_runs_of_one_training(tmp_path: Path) -> None:
    assert _spent(tmp_path, 10.0, fresh=True) == 10.0
    assert _spent(tmp_path, 5.5, fresh=False) == 15.5
    assert json.loads((tmp_path / SPENT).read_text()) == {"seconds": 15.5}


def test_another_training_in_the_folder_begins_anew(tmp_path: Path) -> None:
    _spent(tmp_path, 100.0, fresh=True)
    assert _spent(tmp_path, 1.0, fresh=True) == 1.0


def test_a_note_that_is_missing_or_broken_counts_as_nothing(tmp_path: Path) -> None:
    assert _spent(tmp_path, 2.0, fresh=False) == 2.0
    for text in ("{", "[]", '{"seconds": "many"}'):
        (tmp_path / SPENT).write_text(text)
        assert _spent(tmp_path, 3.0, fresh=False) == 3.0


def test_what_stands_beside_weights_is_told_where_it_is_a_number(tmp_path: Path) -> None:
    assert spent(tmp_path) is None and spent(tmp_path / "one.safetensors") is None
    for text, told in (('{"seconds": 42}', 42.0), ('{"seconds": true}', None), ("[]", None), ("{", None)):
        (tmp_path / SPENT).write_text(text)
        assert spent(tmp_path) == told


def test_samples_of_what_a_training_starts_from_count_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert samples_before("ng", None) == 0
    assert samples_before("ng", tmp_path) is None  # nobody wrote them down
    (tmp_path / SPENT).write_text('{"samples": 40}')
    assert samples_before("ng", tmp_path) == 40
    (tmp_path / NAME).touch()  # the folder of a training, whose weights lie in a folder of their own
    assert samples_before("ng", tmp_path) is None
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / SPENT).write_text('{"samples": 70}')
    assert samples_before("ng", str(tmp_path)) == 70
    monkeypatch.setattr(Network, "released", tmp_path / "weights")
    assert samples_before("ng", "released") == 70
