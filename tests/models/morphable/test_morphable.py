"""The procedural morphable model: sizes, meaning of its modes, landmarks where a face has them."""

from __future__ import annotations

import pytest
import torch

from occset.models.morphable.base import LinearModel, MorphableModel
from occset.models.morphable.procedural import ProceduralModel, procedural_model
from occset.models.rendering.lighting import vertex_normals


@pytest.fixture(scope="module")
def model() -> ProceduralModel:
    return procedural_model()


def landmarks_of(model: ProceduralModel, **coefficients: dict[str, float]) -> torch.Tensor:
    """(68, 3) landmarks with named modes set."""
    identity, expression = torch.zeros(1, 80), torch.zeros(1, 64)
    for name, value in coefficients.get("identity", {}).items():
        identity[0, model.identity_names.index(name)] = value
    for name, value in coefficients.get("expression", {}).items():
        expression[0, model.expression_names.index(name)] = value
    return model.shape(identity, expression)[0, model.landmarks]


def test_sizes_and_interface(model: ProceduralModel) -> None:
    count = len(model.mean)
    assert isinstance(model, MorphableModel)
    assert model.identity_basis.shape == (80, count, 3)
    assert model.expression_basis.shape == (64, count, 3)
    assert model.texture_basis.shape == (80, count, 3)
    assert model.mean_albedo.shape == (count, 3) and model.uv.shape == (count, 2)
    assert model.mean_albedo.min() >= 0 and model.mean_albedo.max() <= 1
    assert model.uv.min() >= 0 and model.uv.max() <= 1
    assert model.triangles.min() == 0 and model.triangles.max() == count - 1
    assert len(model.landmarks) == 68 == len(set(model.landmarks.tolist()))
    assert len(set(model.identity_names)) == 80 and len(set(model.expression_names)) == 64


def test_built_once_and_alike(model: ProceduralModel) -> None:
    assert procedural_model() is model
    again = procedural_model.__wrapped__()
    for name in ("mean", "identity_basis", "expression_basis", "texture_basis", "mean_albedo", "landmarks"):
        assert torch.equal(getattr(again, name), getattr(model, name)), name


def test_shape_is_linear_in_standard_deviations(model: ProceduralModel) -> None:
    zero_i, zero_e = torch.zeros(2, 80), torch.zeros(2, 64)
    assert torch.equal(model.shape(zero_i, zero_e)[0], model.mean)
    one = zero_i.clone()
    one[1, 3] = 2.0
    assert torch.allclose(model.shape(one, zero_e)[1], model.mean + 2 * model.identity_basis[3], atol=1e-4)
    tone = torch.zeros(1, 80)
    tone[0, 5] = -1.5
    assert torch.allclose(model.albedo(tone)[0], model.mean_albedo - 1.5 * model.texture_basis[5], atol=1e-6)
    with pytest.raises(ValueError, match=r"identity coefficients must be \(B, 80\)"):
        model.shape(torch.zeros(1, 79), torch.zeros(1, 64))


def test_every_mode_moves_something_by_millimetres(model: ProceduralModel) -> None:
    for basis in (model.identity_basis, model.expression_basis):
        largest = basis.norm(dim=-1).amax(1)
        assert (largest > 0.2).all() and (largest < 12).all()
    assert (model.texture_basis.abs().amax((1, 2)) > 0.005).all()


def test_measures_of_the_mean_face(model: ProceduralModel) -> None:
    mark = model.mean[model.landmarks]
    left, right = mark[36:42].mean(0), mark[42:48].mean(0)
    assert 60 < right[0] - left[0] < 66  # between the pupils
    assert abs(left[1]) < 3 and abs(right[1]) < 3
    assert 130 < mark[16, 0] - mark[0, 0] < 155  # width of the face
    assert 100 < left[1] - mark[8, 1] < 120  # eyes to chin
    assert 15 < mark[33, 1] - mark[62, 1] < 25  # nose base above the mouth
    assert 46 < mark[54, 0] - mark[48, 0] < 54  # width of the mouth
    assert mark[30, 2] == mark[:, 2].max()  # the tip of the nose is foremost
    assert (mark[17:27, 1] > mark[36:48, 1].max()).all()  # brows above eyes


def test_landmarks_are_symmetric(model: ProceduralModel) -> None:
    mark = model.mean[model.landmarks]
    pairs = [(k, 16 - k) for k in range(8)] + [(17, 26), (21, 22), (31, 35), (36, 45), (39, 42), (48, 54), (60, 64)]
    for a, b in pairs:
        assert torch.allclose(mark[a] * torch.tensor([-1.0, 1, 1]), mark[b], atol=0.2), (a, b)


def test_surface_faces_outwards(model: ProceduralModel) -> None:
    normals = vertex_normals(model.mean[None], model.triangles)[0]
    face = model.landmarks[[27, 28, 29, 8, 17, 26, 51, 57]]
    assert (normals[face, 2] > 0).all()


def test_named_modes_do_what_they_say(model: ProceduralModel) -> None:
    rest = landmarks_of(model)
    opened = landmarks_of(model, expression={"jaw open": 3.0})
    assert opened[62, 1] - opened[66, 1] > 12 + rest[62, 1] - rest[66, 1]
    assert (opened[36:48] - rest[36:48]).abs().max() < 0.5
    closed = landmarks_of(model, expression={"eye close left": 3.8, "eye close right": 3.8})
    assert (closed[[37, 38, 43, 44], 1] - closed[[41, 40, 47, 46], 1]).abs().max() < 0.35 * (rest[37, 1] - rest[41, 1])
    smile = landmarks_of(model, expression={"smile left": 2.0, "smile right": 2.0})
    assert smile[48, 1] > rest[48, 1] + 2 and smile[54, 0] > rest[54, 0] + 2
    assert landmarks_of(model, identity={"nose length": 1.0})[30, 1] < rest[30, 1] - 1.5
    wide = landmarks_of(model, identity={"eye spacing": 1.0})
    assert wide[42, 0] - wide[39, 0] > rest[42, 0] - rest[39, 0] + 1
    assert landmarks_of(model, identity={"jaw width": 1.0})[12, 0] > rest[12, 0] + 1


def test_other_sizes_fit_the_interface() -> None:
    """ICT's 100 + 57 with a coarse mesh."""
    draw = torch.Generator().manual_seed(0)
    model = LinearModel(
        mean=torch.zeros(9, 3),
        identity_basis=torch.randn(100, 9, 3, generator=draw),
        expression_basis=torch.randn(57, 9, 3, generator=draw),
        mean_albedo=torch.full((9, 3), 0.5),
        texture_basis=torch.randn(30, 9, 3, generator=draw),
        triangles=torch.zeros(2, 3, dtype=torch.int64),
        uv=torch.zeros(9, 2),
        landmarks=torch.zeros(68, dtype=torch.int64),
        mirror=torch.arange(9),
        skin=torch.ones(9, dtype=torch.bool),
        coarse_vertices=torch.zeros(0, dtype=torch.int64),
        coarse_triangles=torch.zeros(0, 3, dtype=torch.int64),
        coarse_cells=torch.zeros(0, dtype=torch.int64),
    )
    assert isinstance(model, MorphableModel)
    assert model.shape(torch.zeros(4, 100), torch.ones(4, 57)).shape == (4, 9, 3)
    assert model.to("cpu").albedo(torch.zeros(2, 30)).shape == (2, 9, 3)
