"""Occluded faces for anybody's training loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.torch_data import OcclusionDataset
from occset.support.errors import OccsetError


def test_a_sample_is_that_of_the_drawing(plain_set: OcclusionSet) -> None:
    samples = OcclusionDataset(plain_set, size=64, seed=3)
    assert len(samples) == int((plain_set.faces["split"] == "train").sum())
    made, drawn = samples[2], samples.drawer.renderer.render(samples.drawer.draw(2))
    assert np.array_equal((made["image"] * 255).round().byte().permute(1, 2, 0).numpy(), drawn.image)
    assert np.array_equal((made["clean"] * 255).round().byte().permute(1, 2, 0).numpy(), drawn.clean)
    assert np.array_equal((made["face"][0] * 255).round().byte().numpy(), drawn.face_soft)
    assert np.array_equal((made["occlusion"][0] * 255).round().byte().numpy(), drawn.alpha)
    assert made["occlusion"].max() == 1 and made["image"].dtype == torch.float32 and int(made["index"]) == 2
    assert torch.equal(samples[-1]["image"], samples[len(samples) - 1]["image"])
    with pytest.raises(IndexError):
        samples[len(samples)]


def test_workers_change_nothing_and_epochs_do(plain_set: OcclusionSet) -> None:
    samples = OcclusionDataset(plain_set.path, size=32, length=6)
    here = torch.cat([batch["image"] for batch in DataLoader(samples, batch_size=2)])
    there = torch.cat(
        [batch["image"] for batch in DataLoader(samples, 2, num_workers=1, multiprocessing_context="spawn")]
    )
    assert torch.equal(here, there)
    samples.set_epoch(1)
    assert [int(samples[i]["index"]) for i in range(6)] == list(range(6, 12))
    assert not torch.equal(samples[0]["image"], here[0])


def test_types_and_transforms_are_the_callers(plain_set: OcclusionSet) -> None:
    bare = OcclusionDataset(plain_set, size=32, types={"bare": ((), 1.0)}, transform=lambda sample: sample["occlusion"])
    assert not bare[0].any()
    with pytest.raises(OccsetError, match="length is 0"):
        OcclusionDataset(plain_set, length=0)
    with pytest.raises(OccsetError, match="no labelled face"):
        OcclusionDataset(plain_set, split="none")
    with pytest.raises(OccsetError, match="epoch is -1"):
        bare.set_epoch(-1)
