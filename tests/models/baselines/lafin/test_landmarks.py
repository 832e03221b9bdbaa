"""Landmark maps against values done by hand, and the predictor of a masked face."""

from __future__ import annotations

import math

import torch

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.baselines.lafin.landmarks import POINTS, LandmarkPredictor, landmark_map
from occset.models.baselines.lafin.network import LaFInNetwork
from occset.models.baselines.lafin.presets import PRESETS, WEIGHTS
from occset.models.baselines.presets import GENERATOR, Shape
from tests.models.baselines.tiny import batch_of, learn, task_of, tiny


def test_a_map_is_one_at_its_points_and_falls_off_as_it_should() -> None:
    """On 8 pixels the centre of column 2, row 5 is at (2.5, 5.5) / 8."""
    points = torch.tensor([[[2.5 / 8, 5.5 / 8], [6.5 / 8, 1.5 / 8]]])
    found = landmark_map(points, 8)[0, 0]
    assert found[5, 2] == 1 and found[1, 6] == 1
    assert math.isclose(found[5, 3].item(), math.exp(-1 / 2), rel_tol=1e-5)  # one pixel beside
    assert math.isclose(found[4, 3].item(), math.exp(-2 / 2), rel_tol=1e-5)  # one diagonally
    assert found[7, 7] < 1e-4
    # between both the nearer one counts, not the sum
    assert math.isclose(found[3, 4].item(), math.exp(-(2**2 + 2**2) / 2), rel_tol=1e-4)


def test_points_beyond_the_picture_are_not_shown() -> None:
    assert landmark_map(torch.full((1, 3, 2), 2.0), 16).max() < 1e-6


def test_the_predictor_starts_from_the_mean_face() -> None:
    predictor = LandmarkPredictor(64)
    mean = torch.rand(POINTS, 2)
    predictor.start_from(mean)
    with torch.no_grad():
        found = predictor(torch.rand(2, 3, 64, 64), torch.zeros(2, 1, 64, 64))
    assert found.shape == (2, POINTS, 2) and (found - mean).abs().max() < 0.05
    assert torch.equal(predictor.state_dict()["mean"], mean)  # which is kept with the weights


def test_it_is_shown_true_landmarks_in_training_and_its_own_at_work() -> None:
    torch.manual_seed(0)
    network = LaFInNetwork(Shape(64, 2, (8, 16), 1)).eval()
    picture, hole, points = torch.rand(1, 3, 64, 64), torch.zeros(1, 1, 64, 64), torch.rand(1, POINTS, 2)
    with torch.no_grad():
        told, own = network(picture, hole, points), network(picture, hole)
    assert torch.equal(told["map"], landmark_map(points, 64))
    assert torch.equal(own["map"], landmark_map(own["predicted"], 64))
    assert not torch.equal(told["painted"], own["painted"])


def test_landmarks_of_the_fit_lie_on_the_face_and_are_learned(fitted_set: OcclusionSet) -> None:
    task = task_of("lafin", fitted_set)
    batch = batch_of(task)
    points = task.told({}, batch, {})["points"]
    eyes = points[:, 36:48].mean(1)  # of both eyes: in the upper half of an aligned crop, about its middle
    assert ((eyes[:, 0] - 0.5).abs() < 0.1).all() and ((eyes[:, 1] > 0.25) & (eyes[:, 1] < 0.55)).all()
    told = learn(task, batch, 40)
    assert told[-1]["points"] < 0.5 * told[0]["points"]


def test_the_generators_loss_does_not_reach_the_predictor(fitted_set: OcclusionSet) -> None:
    task = task_of("lafin", fitted_set, tiny("lafin", points=0.0))
    networks = {**task.networks, **task.frozen}
    batch = batch_of(task)
    loss, _ = task.loss(GENERATOR, networks, {**batch, **task.forward(networks, batch)})
    loss.backward()
    predictor = task.networks[GENERATOR].predictor
    assert all(p.grad is None or not p.grad.any() for p in predictor.parameters())


def test_the_losses_weigh_as_in_the_paper() -> None:
    assert (WEIGHTS["pixel"], WEIGHTS["tv"], WEIGHTS["adv"]) == (1.0, 0.1, 0.01)
    paper = PRESETS["paper"].training
    assert paper.learning_rate == 1e-4 and paper.of("discriminator").learning_rate == 1e-5
