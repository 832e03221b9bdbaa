"""What is kept of a step whose loss is not finite: with made-up samples, and with the recipes of a set."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import read_recipes
from occset.models.segmentation.network import Architecture
from occset.models.segmentation.presets import SegmentationPreset
from occset.models.segmentation.task import SegmentationTask
from occset.models.training.checkpoints import NAME
from occset.models.training.engine import fit
from occset.models.training.presets import TrainingPreset
from occset.models.training.trouble.snapshot import ABOUT, RECIPES, SHEET, TENSORS, Trouble, picture_sheet, report
from occset.pictures.images import read_image
from occset.samples.explain import find_recipe
from occset.samples.render import Renderer
from occset.support.errors import OccsetError
from tests.models.training.training_task import BrightTask, Patches, train

TINY = SegmentationPreset(
    Architecture("resnet18", (16, 16, 8, 8, 8), 64), TrainingPreset("tiny", 4, 2, 8, 1e-3, checkpoint_every=1)
)


class Spoiled(Patches):
    """A sample of which a number is none."""

    def __call__(self, epoch: int, index: int) -> dict[str, np.ndarray]:
        sample = super().__call__(epoch, index)
        return {**sample, "bright": np.float32(np.nan)} if (epoch, index) == (1, 10) else sample


class PoisonedNS(SegmentationTask):
    """NS whose third loss is not finite."""

    calls = 0

    def loss(
        self, network: str, networks: Mapping[str, nn.Module], batch: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        total, parts = super().loss(network, networks, batch)
        self.calls += 1
        return total * (torch.inf if self.calls == 3 else 1), parts


def test_the_batch_of_the_step_is_kept_and_the_checkpoint_untouched(tmp_path: Path) -> None:
    with pytest.raises(OccsetError) as caught:
        train(BrightTask(poison=7), tmp_path)
    said = str(caught.value)
    folder = tmp_path / "stopped" / "step-8"
    assert "its samples are 1/16, 1/17, 1/18, 1/19, 1/20, 1/21, 1/22, 1/23;" in said  # the third batch of epoch 1
    assert str(folder) in said and f"{tmp_path / NAME} still holds step 5" in said and "explain" not in said
    kept = torch.load(folder / TENSORS, weights_only=True)
    made = [Patches()(1, index) for index in range(16, 24)]
    assert kept["place"].tolist() == [[1, index] for index in range(16, 24)]
    assert np.array_equal(kept["image"].numpy(), np.stack([sample["image"] for sample in made]))
    assert read_image(folder / SHEET).shape == (8 * 128, 128, 3)
    about = json.loads((folder / ABOUT).read_text())
    assert (about["step"], about["network"], about["checkpoint"], about["seed"]) == (8, "judge", 5, 0)
    assert about["values"]["loss"] == "nan" and about["not_finite"] == []
    assert about["samples"][0] == {"id": "1/16", "epoch": 1, "index": 16}


def test_a_sample_that_is_not_finite_itself_is_named(tmp_path: Path) -> None:
    with pytest.raises(OccsetError, match=r"step 7: .* of which bright of 1/10 is not finite itself"):
        train(BrightTask(Spoiled()), tmp_path)


def test_what_cannot_be_kept_is_said_beside_the_trouble(tmp_path: Path) -> None:
    trouble = Trouble(4, "judge", {"loss": float("nan")})
    said = report(trouble, BrightTask(Patches(broken=(0, 1))), [(0, 0), (0, 1)], tmp_path / "x", {})
    assert said == (
        "step 5: the loss of judge is not finite (loss nan); its samples are 0/0, 0/1; "
        "they could not be kept (sample 0/1 is torn: mend it)"
    )
    assert not (tmp_path / "x").exists()


def test_a_long_batch_is_named_by_its_first(tmp_path: Path) -> None:
    places = [(0, index) for index in range(20)]
    assert "0/15 and 4 more; " in report(Trouble(0, "judge"), BrightTask(), places, tmp_path, {})


@pytest.mark.whole
def test_a_networks_samples_are_drawn_again_from_their_recipes(plain_set: OcclusionSet, tmp_path: Path) -> None:
    faces = SegmentationTask.count_faces(plain_set)
    task = PoisonedNS(plain_set, TINY.fitted(faces), seed=5)
    with pytest.raises(OccsetError) as caught:
        fit(task, TINY.training, tmp_path, workers=0, accelerator="cpu", say=lambda _: None)
    folder = tmp_path / "stopped" / "step-3"
    recipes = read_recipes(folder / RECIPES)
    drawn: Any = task.samples
    assert recipes == [drawn.drawer.draw(number) for number in range(8, 12)]  # the first batch of the second epoch
    said = str(caught.value)
    first = recipes[0].sample
    assert f"occset explain {first} --data {plain_set.path} --recipes {folder / RECIPES}" in said
    assert all(recipe.sample in said for recipe in recipes) and "step 3: the loss of segmentation" in said
    found = find_recipe(plain_set, first, folder / RECIPES)
    assert np.array_equal(Renderer(plain_set).render(found).image, Renderer(plain_set).render(recipes[0]).image)


def test_a_sheet_has_a_row_a_sample_and_a_column_a_picture() -> None:
    white, half = np.full((64, 64, 3), 255, np.uint8), np.zeros((32, 32), np.uint8)
    half[:16] = 200
    sheet = picture_sheet([{"b": half, "a": white, "vector": np.ones(3, np.float32)}] * 2)
    assert sheet is not None and sheet.shape == (256, 256, 3)
    assert (sheet[:, :128] == 255).all() and (sheet[:64, 128:] == 200).all() and (sheet[64:128, 128:] == 0).all()
    assert picture_sheet([{"vector": np.ones(3, np.float32)}]) is None
