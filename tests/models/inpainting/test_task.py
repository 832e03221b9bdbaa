"""Training NG on rendered faces: what it is given comes from the occluded picture alone, and what comes out can paint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import occset.models
from occset.dataset.occlusion_set import OcclusionSet
from occset.models.inpainting.architecture import Architecture, DiscriminatorArchitecture
from occset.models.inpainting.losses import Weights
from occset.models.inpainting.painter import FacePainter
from occset.models.inpainting.presets import DISCRIMINATOR, GENERATOR, PRESETS, InpaintingPreset, Options
from occset.models.inpainting.task import InpaintingTask
from occset.models.reconstruction.albedo import open_face_model
from occset.models.reconstruction.fitting.fit import fit_faces
from occset.models.training.presets import TrainingPreset
from occset.support.errors import OccsetError
from tests.models.reconstruction.rendered import fill_rendered

QUICK = InpaintingPreset(
    Architecture(64, 4, (8, 16), (1, 1), (1,), 2, residual_on=("render",)),
    DiscriminatorArchitecture(64, 4, (8, 8), 8),
    TrainingPreset("quick", 4, 1, 8, 1e-3),
    weights=Weights(id=0.0),
    match=True,
)


@pytest.fixture(scope="module")
def fitted_set(tmp_path_factory: pytest.TempPathFactory) -> OcclusionSet:
    """Rendered faces, fitted by the released NR's morphable model."""
    data = fill_rendered(OcclusionSet.create(tmp_path_factory.mktemp("ng") / "set"), faces=24)
    fit_faces(data, open_face_model(albedo=Path("released")), workers=1)
    return data


def batch_of(task: InpaintingTask, count: int = 4) -> dict[str, Tensor]:
    samples = [task.samples(0, index) for index in range(count)]
    return {key: torch.from_numpy(np.stack([one[key] for one in samples])) for key in samples[0]}


def test_the_paper_preset_is_the_papers() -> None:
    paper = PRESETS["paper"]
    training = paper.training
    assert (training.batch, training.epochs, training.learning_rate, training.betas) == (4, 80, 1e-4, (0.5, 0.999))
    assert (training.plan, training.drop_at, training.drop_to) == ("drop", 0.5, 0.1)
    weights = paper.weights
    assert (weights.pix, weights.sm, weights.bg, weights.id, weights.tv, weights.adv) == (10, 5, 5, 0.2, 0.1, 0.01)
    assert paper.architecture.inputs == ("noisy", "render", "hidden") and not paper.architecture.residual_on
    assert not paper.match


def test_no_hidden_pixel_reaches_what_ng_is_given(fitted_set: OcclusionSet) -> None:
    """The clean face and its coefficients change nothing; nor does the noise, but for its seed."""
    task = InpaintingTask(fitted_set, QUICK)
    networks = {**task.networks, **task.frozen}
    batch = batch_of(task)
    with torch.no_grad():
        given = task.inputs(networks, batch)
        other = {
            **batch,
            "clean": 255 - batch["clean"],
            "vector": batch["vector"].roll(1, 0),
            "mask": 255 - batch["mask"],
        }
        again = task.inputs(networks, other)
    assert all(torch.equal(given[key], again[key]) for key in given)
    inside = given["hidden"].expand(-1, 3, -1, -1) > 0.5
    picture = batch["image"].permute(0, 3, 1, 2).float() / 255
    assert torch.equal(given["noisy"][~inside], picture[~inside])
    if inside.any():
        assert (given["noisy"][inside] - picture[inside]).abs().mean() > 0.1


def test_an_untrained_residual_paints_the_render(fitted_set: OcclusionSet) -> None:
    task = InpaintingTask(fitted_set, QUICK)
    with torch.no_grad():
        seen = task.forward({**task.networks, **task.frozen}, batch_of(task))
    assert (seen["painted"] - seen["render"]).abs().max() < 0.02


def test_each_networks_loss_reaches_its_own_weights(fitted_set: OcclusionSet) -> None:
    task = InpaintingTask(fitted_set, QUICK)
    networks = {**task.networks, **task.frozen}
    batch = batch_of(task)
    batch |= task.forward(networks, batch)
    for name in (GENERATOR, DISCRIMINATOR):
        loss, scalars = task.loss(name, networks, batch)
        loss.backward()
        assert loss.isfinite() and scalars
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in task.networks[name].parameters())
        for network in networks.values():
            network.zero_grad()
        batch |= task.forward(networks, batch)


def test_training_ends_with_weights_that_paint(fitted_set: OcclusionSet, tmp_path: Path) -> None:
    done = occset.models.train("ng", fitted_set, QUICK, tmp_path, workers=0, accelerator="cpu", say=lambda line: None)
    assert done.weights is not None and set(done.metrics) == {"l1", "psnr", "render_l1"}
    painter = occset.models.load("ng", done.weights, device="cpu")
    assert isinstance(painter, FacePainter) and painter.size == 64
    picture, hidden = torch.rand(2, 3, 100, 100), torch.zeros(2, 1, 100, 100)
    hidden[..., 40:70, 30:70] = 1
    whole = torch.ones_like(hidden)
    painted = painter.paint(picture, picture * 0.5, whole, hidden, 1 - hidden, [1, 2])
    assert painted.shape == picture.shape and painted.min() >= 0 and painted.max() <= 1
    assert torch.equal(painted, painter.paint(picture, picture * 0.5, whole, hidden, 1 - hidden, [1, 2]))


def test_a_loss_can_be_left_out(fitted_set: OcclusionSet) -> None:
    task = InpaintingTask(fitted_set, QUICK, options=Options(without="ssim"))
    assert task.preset.weights == replace(QUICK.weights, sm=0.0)
    with pytest.raises(OccsetError, match="no loss 'magic'"):
        InpaintingTask(fitted_set, QUICK, options=Options(without="magic"))
