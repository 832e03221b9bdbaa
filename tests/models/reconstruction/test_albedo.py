"""Learning an albedo: light is taken off, gaps are filled, and what varies is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from occset.models.morphable.procedural import procedural_model
from occset.models.reconstruction.albedo import (
    Unwrapper,
    learn_basis,
    load_albedo,
    pack_albedo,
    save_albedo,
    unpack_albedo,
)
from occset.models.reconstruction.face import FaceModel
from occset.models.weight_files import save_weights
from occset.support.errors import BadInput, OccsetError
from tests.models.reconstruction.rendered import draw_parts


def low_rank(faces: int, seen: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Albedos of two modes at 60 vertices, which of them show, and the modes."""
    rng = np.random.default_rng(0)
    modes = rng.normal(size=(2, 60, 3)).astype(np.float32) * np.array([0.2, 0.05])[:, None, None]
    scores = rng.normal(size=(faces, 2))
    albedo = (0.5 + np.einsum("nk,kvc->nvc", scores, modes)).astype(np.float32)
    return albedo, rng.random((faces, 60)) < seen, modes


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    return abs(float(np.vdot(a, b) / np.linalg.norm(a) / np.linalg.norm(b)))


def test_the_modes_are_found_with_a_third_of_the_vertices_hidden() -> None:
    albedo, seen, modes = low_rank(80, 0.67)
    hidden = np.where(seen[..., None], albedo, 9.0)  # what is hidden must not matter
    found = learn_basis(hidden, seen, 2)
    assert found.explained > 0.98
    along = [
        abs(np.vdot(found.basis[k], modes[k])) / np.linalg.norm(found.basis[k]) / np.linalg.norm(modes[k])
        for k in (0, 1)
    ]
    assert along[0] > 0.99 and along[1] > 0.9
    assert np.linalg.norm(found.basis[0]) == pytest.approx(np.linalg.norm(modes[0]), rel=0.2)  # a deviation each


def test_too_few_faces_are_refused() -> None:
    albedo, seen, _ = low_rank(10, 1.0)
    with pytest.raises(OccsetError, match="too few"):
        learn_basis(albedo, seen, 2)


def test_unwrapping_a_render_gives_the_albedo_back() -> None:
    model = procedural_model()
    full = FaceModel(model, coarse=False)
    parts = draw_parts(2, seed=21)
    with torch.no_grad():
        view = full(parts, 192)
        truth = full.albedo(parts)
    unwrap = Unwrapper(model)
    found = unwrap(view.image, view.mask, parts)
    away = (found.albedo - truth[:, unwrap.vertices]).abs().mean(-1)
    assert found.seen.float().mean() > 0.7
    assert away[found.seen].median() < 0.01 and away[found.seen].mean() < 0.03


def test_a_stored_albedo_is_read_back_and_another_models_refused(tmp_path: Path) -> None:
    model = procedural_model()
    vertices = FaceModel(model, coarse=False).triangles.unique()
    generator = torch.Generator().manual_seed(0)
    packed = {
        "vertices": vertices.to(torch.int32),
        "mean": torch.rand(len(vertices), 3, generator=generator),
        "basis": torch.randn(3, len(vertices), 3, generator=generator) * 0.1,
    }
    learned = unpack_albedo(model, packed, "here")
    save_albedo(learned, tmp_path / "albedo", {"faces": 9})
    read = load_albedo(model, tmp_path / "albedo")
    assert read.texture_basis.shape == (3, len(model.mean), 3)
    assert pack_albedo(read)["mean"].allclose(packed["mean"], atol=1e-3)
    assert read.revision != model.revision
    save_weights(pack_albedo(learned), tmp_path / "other", {"network": {"morphable": "ict"}}, "albedo")
    with pytest.raises(BadInput, match="ict"):
        load_albedo(model, tmp_path / "other")
    wrong = {**packed, "vertices": packed["vertices"] + len(model.mean)}
    save_weights(wrong, tmp_path / "wrong", {"network": {"morphable": model.name}}, "albedo")
    with pytest.raises(BadInput, match="learn it again"):
        load_albedo(model, tmp_path / "wrong")
