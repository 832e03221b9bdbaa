"""Rivals on the bench, on built-in faces, with weights that nobody trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.baselines import RIVALS
from occset.models.baselines.budget import cost_of, given_to
from occset.models.registry import find
from occset.models.weight_files import SPENT, save_weights
from occset.support import references
from tests.fixture_types import Occset
from tests.models.baselines.tiny import tiny


@pytest.fixture
def untrained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights of every rival, named by its variable."""
    for name in RIVALS:
        preset, folder = tiny(name), tmp_path / "weights" / name
        network = references.load(find(name).task).network_of(preset.shape)
        told = preset.to_dict()
        told["network"]["budget"] = {**given_to(preset), **cost_of(network, preset.shape.size)}
        save_weights(network.state_dict(), folder, told)
        (folder / SPENT).write_text('{"seconds": 120}')
        monkeypatch.setenv(find(name).environment, str(folder))


def test_every_rival_has_a_row_with_what_it_costs(
    occset: Occset, plain_set: OcclusionSet, tmp_path: Path, untrained: None
) -> None:
    shutil.copytree(plain_set.path, tmp_path / "set", ignore=shutil.ignore_patterns("protocols"))
    out = tmp_path / "results"
    names = ",".join((*RIVALS, "telea"))
    done = occset(
        "bench", "--data", tmp_path / "set", "--methods", names, "--limit", 4, "--out", out, "--workers", 1, "--json"
    )
    assert done.status == 0, done.err
    rows = {row["method"]: row for row in json.loads(done.out)["table"]}
    assert set(rows) == {*RIVALS, "telea", "truth", "input"}
    assert rows["fd3d"]["given"] == "automatic" and rows["pconv"]["given"] == "given the true mask"
    for name in RIVALS:
        assert 0 < rows[name]["l1"]["mean"] < 1 and rows[name]["trained"]["samples"] == 8
    assert occset("leaderboard", out, "--out", tmp_path / "site").status == 0
    table = (tmp_path / "site" / "leaderboard.md").read_text()
    assert "| params | MAC | samples | training |" in table and "| 8 | 2 min |" in table
