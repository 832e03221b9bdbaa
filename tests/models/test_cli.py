"""The verbs of the networks on the command line: train, resume, segment."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.segmentation import presets
from occset.models.segmentation.network import Architecture
from occset.models.segmentation.presets import SegmentationPreset
from occset.models.training.presets import TrainingPreset
from occset.models.weight_files import weights_hash
from occset.pictures.images import write_png
from occset.pictures.masks import read_mask
from tests.fixture_types import Occset, Said

TINY = SegmentationPreset(
    Architecture("resnet18", (16, 16, 8, 8, 8), 64), TrainingPreset("tiny", 4, 2, 8, 1e-3, checkpoint_every=1)
)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A preset that is trained in seconds."""
    monkeypatch.setitem(presets.PRESETS, "tiny", TINY)


def train(occset: Occset, data: Path, out: Path, *more: object) -> Said:
    options = ("--preset", "tiny", "--workers", 0, "--accelerator", "cpu")
    return occset("train", "ns", "--data", data, "--out", out, *options, *more)


def test_train_then_segment(occset: Occset, plain_set: OcclusionSet, tmp_path: Path) -> None:
    status, out, err = train(occset, plain_set.path, tmp_path / "ns")
    assert (status, out) == (0, "")
    assert err.splitlines()[-1].startswith("ns: step 4 of 4, validation iou ")
    weights = tmp_path / "ns" / "weights"
    write_png(tmp_path / "photos" / "a.png", np.full((90, 90, 3), 99, np.uint8))
    write_png(tmp_path / "photos" / "b.png", np.full((90, 60, 3), 99, np.uint8))
    status, _, err = occset(
        "segment", tmp_path / "photos", "--out", tmp_path / "masks", "--weights", weights, "--no-align",
        "--sheet", tmp_path / "sheet.png",
    )  # fmt: skip
    assert status == 1  # one photo is no aligned square
    assert "skipped b.png" in err and "1 mask in" in err
    assert read_mask(tmp_path / "masks" / "a.png").shape == (90, 90)
    assert (tmp_path / "sheet.png").is_file()


def test_a_finished_training_is_not_done_again(occset: Occset, plain_set: OcclusionSet, tmp_path: Path) -> None:
    status, _, err = train(occset, plain_set.path, tmp_path / "ns")
    assert status == 0, err
    weights = tmp_path / "ns" / "weights"
    before = weights_hash(weights)
    shutil.rmtree(weights)
    status, _, err = train(occset, plain_set.path, tmp_path / "ns")
    assert status == 0 and "step 4 of 4" in err
    assert weights_hash(weights) == before


def test_another_seed_into_the_same_folder_is_refused(occset: Occset, plain_set: OcclusionSet, tmp_path: Path) -> None:
    train(occset, plain_set.path, tmp_path / "ns")
    status, _, err = train(occset, plain_set.path, tmp_path / "ns", "--seed", 1)
    assert status == 2 and "seed" in err and str(tmp_path / "ns") in err


def test_another_set_into_the_same_folder_is_refused(
    occset: Occset, plain_set: OcclusionSet, make_set: Callable[..., OcclusionSet], tmp_path: Path
) -> None:
    train(occset, plain_set.path, tmp_path / "ns")
    other = make_set("other", faces=16)
    status, _, err = train(occset, other.path, tmp_path / "ns")
    assert status == 2 and plain_set.content_hash()[:12] in err and other.content_hash()[:12] in err


def test_mistakes_are_one_sentence(occset: Occset, plain_set: OcclusionSet, tmp_path: Path) -> None:
    status, _, err = occset("train", "ns", "--data", plain_set.path, "--preset", "papr", "--out", tmp_path / "ns")
    assert status == 2 and "paper" in err and len(err.splitlines()) == 1
    assert not (tmp_path / "ns").exists()
    status, _, err = occset("segment", tmp_path / "x.png", "--weights", tmp_path / "w", "--out", tmp_path / "masks")
    assert status == 2 and str(tmp_path / "w") in err
    assert not list(tmp_path.iterdir())


def test_epochs_can_be_set(plain_set: OcclusionSet) -> None:
    assert replace(TINY).fitted(10, epochs=5).training.steps == 10
