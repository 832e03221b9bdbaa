"""Training NS: it can learn by heart, ends with a checkpoint that can be used, and goes on from another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.registry import find
from occset.models.segmentation.network import Architecture
from occset.models.segmentation.presets import PRESETS, SegmentationPreset
from occset.models.segmentation.samples import SegmentationSamples
from occset.models.segmentation.segmenter import FaceSegmenter
from occset.models.segmentation.task import SEGMENTATION, SegmentationTask
from occset.models.training.engine import fit
from occset.models.training.presets import TrainingPreset
from occset.models.training.registered import train
from occset.models.weight_files import load_weights
from occset.support.errors import OccsetError, UnknownName

NARROW = Architecture("resnet18", (32, 32, 16, 16, 8), 64)
QUICK = SegmentationPreset(NARROW, TrainingPreset("quick", 4, 1, 12, 1e-3))


class Eight(SegmentationSamples):
    """The same eight samples in every epoch."""

    def __call__(self, epoch: int, index: int) -> dict[str, np.ndarray]:
        return super().__call__(0, index)


def test_eight_samples_are_learnt_by_heart(plain_set: OcclusionSet, tmp_path: Path) -> None:
    preset = SegmentationPreset(NARROW, TrainingPreset("heart", 8, 120, 8, 4e-3, plan="cosine", validate_every=120))
    samples = Eight(plain_set, 64, 8, categories=("mask",), changes=False)
    task = SegmentationTask(plain_set, preset, samples=samples)
    fit(task, preset.training, tmp_path, workers=0, accelerator="cpu", say=lambda line: None)
    eight = [samples(0, i) for i in range(8)]
    network = task.networks[SEGMENTATION].eval()
    with torch.no_grad():
        found = task._probabilities(network, np.stack([s["image"] for s in eight])) > 0.5
    truth = np.stack([s["mask"] for s in eight]) > 127
    iou = (found & truth).sum((1, 2)) / (found | truth).sum((1, 2))
    assert iou.mean() > 0.98


def test_training_ends_with_weights_that_segment(plain_set: OcclusionSet, tmp_path: Path) -> None:
    lines: list[str] = []
    done = train("ns", plain_set, QUICK, tmp_path, seed=3, workers=0, accelerator="cpu", say=lines.append)
    assert done.step == done.steps == 3
    assert done.weights is not None and set(done.metrics) == {"iou", "precision", "recall"}
    assert "starts from scratch" in lines[0] and "step 3 of 3" in done.sentence
    _, about = load_weights(done.weights)
    assert about["network"] == {"encoder": "resnet18", "decoder": [32, 32, 16, 16, 8], "size": 64}
    assert about["data"]["content_hash"] == plain_set.content_hash() and about["seed"] == 3
    segmenter = FaceSegmenter(done.weights)
    assert segmenter.size == 64
    assert segmenter.segment(np.zeros((2, 100, 100, 3), np.uint8)).shape == (2, 100, 100)


def test_a_second_round_starts_from_the_first(plain_set: OcclusionSet, tmp_path: Path) -> None:
    first = train("ns", plain_set, QUICK, tmp_path / "one", workers=0, accelerator="cpu", say=lambda line: None)
    task = SegmentationTask(plain_set, QUICK, start=first.weights)
    state, _ = load_weights(first.weights)
    assert all(torch.equal(v.float(), state[k].float()) for k, v in task.networks[SEGMENTATION].state_dict().items())
    wider = replace(QUICK, architecture=Architecture("resnet18", (64, 32, 16, 16, 8), 64))
    with pytest.raises(OccsetError, match="another network"):
        SegmentationTask(plain_set, wider, start=first.weights)


def test_first_weights_come_of_the_seed(plain_set: OcclusionSet) -> None:
    def weights(seed: int) -> torch.Tensor:
        return (
            SegmentationTask(plain_set, QUICK, seed).networks[SEGMENTATION].state_dict()["segmentation_head.0.weight"]
        )

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_validation_and_pictures_use_the_val_split(plain_set: OcclusionSet) -> None:
    task = SegmentationTask(plain_set, QUICK)
    images, masks = task._validation
    assert len(images) == 200 and masks.shape == (200, 64, 64)
    perfect = dict.fromkeys(("iou", "precision", "recall"), 1.0)
    task._probabilities = lambda network, images: (masks > 0).astype(np.float32)[: len(images)]  # type: ignore[method-assign]
    assert task.validate(task.networks) == perfect
    assert task.pictures(task.networks)["validation"].shape == (3 * 64, 6 * 64, 3)


def test_a_set_without_labelled_train_faces_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OccsetError, match="no labelled face in the split 'train'"):
        train("ns", OcclusionSet.create(tmp_path / "set"), "demo", tmp_path / "out", say=lambda line: None)


def test_presets_are_those_of_the_paper_and_suggest_names() -> None:
    paper = PRESETS["paper"].fitted(30_000)
    assert (paper.architecture, paper.training.batch, paper.training.epochs) == (
        Architecture("resnet18", size=256),
        16,
        30,
    )
    assert (paper.training.learning_rate, paper.training.plan, paper.training.weight_decay) == (1e-4, "constant", 0)
    assert paper.training.epoch_size == 30_000 and paper.training.steps == 56_250
    assert PRESETS["demo"].fitted(500, epochs=2).training.epochs == 2
    with pytest.raises(UnknownName, match="demo"):
        find("ns").preset("dmeo")
