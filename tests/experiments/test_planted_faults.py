"""What is planted is in the set, and what is found is counted against it and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from experiments import planted_faults
from experiments.planted_faults import copy_labelled, plant, rows
from occset.checks.doubts import Doubt
from occset.dataset.occlusion_set import OcclusionSet


def test_faults_are_planted_and_counted(
    make_set: Callable[..., OcclusionSet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TWICE", "SHIFTED", "WRONG", "INVERTED", "FULL"):
        monkeypatch.setattr(planted_faults, name, 2)
    source = make_set(faces=16, each=1)
    data = copy_labelled(source, tmp_path / "planted")
    assert len(data.faces) == 16
    before = {face: data.load_face(face) for face in data.faces["id"]}
    splits = dict(zip(data.faces["id"], data.faces["split"], strict=True))
    planted = plant(data, np.random.default_rng(0), tmp_path)
    changed = {face for face, (_, mask) in before.items() if not np.array_equal(data.load_face(face)[1], mask)}
    assert changed == planted["shifted"] | planted["wrong"] | planted["inverted"] | planted["full"]
    for face in planted["full"]:
        assert data.load_face(face)[1].all()
    for face in planted["inverted"]:
        assert np.array_equal(data.load_face(face)[1], 255 - before[face][1])
    assert len(planted["twice"]) == 2 and not planted["twice"] & before.keys()
    moved = {face for face, split in splits.items() if data.face_row(face)["split"] != split}
    assert moved == planted["across splits"]

    found, missed = sorted(planted["shifted"])
    sound = sorted(before.keys() - changed - planted["originals"] - moved)
    doubts = [Doubt(found, "label", "x"), Doubt(missed, "duplicate", "x"), Doubt(sound[0], "label", "x")]
    table = {row["fault"]: (row["planted"], row["found"]) for row in rows(data, planted, doubts)}
    assert table["shifted"] == (2, 1) and table["wrong"] == (2, 0) and table["twice"] == (2, 0)
    assert table["none"] == (len(sound), 1)
    assert table.get("across splits") == ((len(moved), len(moved)) if moved else None)  # `check` tells of all
