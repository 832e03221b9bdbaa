"""The linear face infers what is hidden from what shows, from that alone, and never from a face's own picture."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.usable import usable_faces
from occset.models.linear_face.basis import LinearFace
from occset.models.linear_face.folds import fold_of, learned_from
from occset.models.linear_face.kept import file_of
from occset.models.linear_face.learning import FEWEST, learn
from occset.support.errors import OccsetError

SIZE = 16


def faces_of_a_line(count: int, seed: int, noise: float = 1.0) -> np.ndarray:
    """Pictures in which everything depends on three numbers: (N, S, S, 3) uint8."""
    rng = np.random.default_rng(seed)
    y, x = (np.mgrid[:SIZE, :SIZE] + 0.5) / SIZE
    waves = np.stack([np.sin(3 * x), np.cos(4 * y), np.sin(5 * (x + y))])[..., None] * np.ones(3)
    values = 128 + np.tensordot(rng.normal(0, 18, (count, 3)), waves, 1)
    return np.clip(values + rng.normal(0, noise, values.shape), 0, 255).round().astype(np.uint8)


def tensors(pictures: np.ndarray, masks: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255, torch.from_numpy(masks[:, None]).float() / 255


@pytest.fixture
def own_set(plain_set: OcclusionSet, tmp_path: Path) -> OcclusionSet:
    """A copy, since bases are kept beside the set."""
    return OcclusionSet(shutil.copytree(plain_set.path, tmp_path / "set"))


@pytest.fixture(scope="module")
def masks() -> np.ndarray:
    """Of 120 faces, each hidden somewhere else."""
    found = np.full((120, SIZE, SIZE), 255, np.uint8)
    for at, (top, left) in enumerate(np.random.default_rng(5).integers(0, SIZE - 5, (120, 2))):
        found[at, top : top + 5, left : left + 5] = 0
    return found


def test_hidden_parts_are_inferred_though_parts_of_what_it_learned_from_were_hidden(masks: np.ndarray) -> None:
    pictures = faces_of_a_line(120, 1)
    spoilt = np.where(masks[..., None] > 0, pictures, 255)
    basis = learn(spoilt, masks, axes=3)
    new = faces_of_a_line(20, 2)
    hole = np.full(new.shape[:3], 255, np.uint8)
    hole[:, 4:12, 3:13] = 0
    picture, visible = tensors(new, hole)
    found = basis(picture, visible)
    off = (found - picture).abs().mean(1)[visible[:, 0] == 0]
    mean_off = (basis.mean.T.unflatten(1, (SIZE, SIZE)) - picture).abs().mean(1)[visible[:, 0] == 0]
    assert off.mean() < 0.02 < mean_off.mean()


def test_what_stands_at_hidden_pixels_changes_nothing(masks: np.ndarray) -> None:
    basis = learn(faces_of_a_line(120, 1), masks, axes=5)
    picture, visible = tensors(faces_of_a_line(4, 3), masks[:4])
    other = torch.where(visible > 0.5, picture, torch.rand_like(picture))
    assert torch.equal(basis(picture, visible), basis(other, visible))


def test_a_face_of_which_nothing_shows_is_the_mean_and_an_empty_basis_is_grey() -> None:
    pictures = faces_of_a_line(60, 4)
    basis = learn(pictures, np.full(pictures.shape[:3], 255, np.uint8), axes=3)
    picture = torch.rand(1, 3, 32, 32)
    found = basis(picture, torch.zeros(1, 1, 32, 32))
    assert found.shape == picture.shape and found.mean().item() == pytest.approx(float(basis.mean.mean()), abs=1e-3)
    assert (LinearFace(SIZE, 3)(picture, torch.ones(1, 1, 32, 32)) == 0.5).all()


def test_learning_gives_the_same_basis_again_and_takes_few_faces(masks: np.ndarray) -> None:
    pictures = faces_of_a_line(120, 6)
    first, again = learn(pictures, masks, axes=4), learn(pictures, masks, axes=4)
    assert all(torch.equal(a, b) for a, b in zip(first.state_dict().values(), again.state_dict().values(), strict=True))
    few = learn(pictures[:FEWEST], masks[:FEWEST], axes=20)  # more axes than faces
    assert torch.isfinite(few(*tensors(pictures[:2], masks[:2]))).all()
    with pytest.raises(OccsetError, match=f"at least {FEWEST} faces"):
        learn(pictures[: FEWEST - 1], masks[: FEWEST - 1])


def test_each_face_goes_through_the_basis_that_has_not_seen_it(own_set: OcclusionSet) -> None:
    faces = usable_faces(own_set, "train")
    bases = learned_from(own_set, faces, size=16, axes=6)
    assert not torch.equal(bases.parts[0].axes, bases.parts[1].axes)
    picture, visible = torch.rand(3, 3, 24, 24), torch.ones(3, 1, 24, 24)
    found = bases(picture, visible, torch.tensor([1, -1, 0]))
    for at, basis in enumerate((bases.parts[1], bases.whole, bases.parts[0])):
        assert torch.allclose(found[at : at + 1], basis(picture[at : at + 1], visible[at : at + 1]), atol=1e-6)
    assert {fold_of(face) for face in faces} == {0, 1}


def test_a_basis_holds_none_of_its_own_fold(own_set: OcclusionSet, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def spy(pictures: np.ndarray, masks: np.ndarray, axes: int, noise: float | None = None) -> LinearFace:
        seen.append(len(pictures))
        return LinearFace(pictures.shape[1], axes)

    monkeypatch.setattr("occset.models.linear_face.folds.learn", spy)
    faces = usable_faces(own_set, "train")
    learned_from(own_set, faces, 16, 4)
    inside = [sum(fold_of(face) == fold for face in faces) for fold in range(2)]
    assert seen == [len(faces), len(faces) - inside[0], len(faces) - inside[1]]


def test_what_was_learned_is_kept_and_taken_again(own_set: OcclusionSet, monkeypatch: pytest.MonkeyPatch) -> None:
    faces = usable_faces(own_set, "train")
    first = learned_from(own_set, faces, 16, 5)
    with monkeypatch.context() as patched:
        patched.setattr("occset.models.linear_face.folds.learn", lambda *_, **__: pytest.fail("learned again"))
        again = learned_from(own_set, faces, 16, 5)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in first.state_dict().items())
    (file,) = (own_set.path / "linear").iterdir()
    file.write_bytes(file.read_bytes()[:100])  # damaged: learned anew, and mended
    third = learned_from(own_set, faces, 16, 5)
    assert torch.equal(third.whole.axes, first.whole.axes) and file.stat().st_size > 100


def test_other_pictures_or_another_way_are_another_file() -> None:
    pictures, masks = np.zeros((2, 4, 4, 3), np.uint8), np.zeros((2, 4, 4), np.uint8)
    files = [
        file_of(Path(), pictures, masks, 1),
        file_of(Path(), pictures + 1, masks, 1),
        file_of(Path(), pictures, masks + 1, 1),
        file_of(Path(), pictures, masks, 2),
    ]
    assert len(set(files)) == 4 and files[0] == file_of(Path(), pictures.copy(), masks.copy(), 1)
