"""The linear face: exact on a linear family, seamless, and sensible about what it does not know."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from occset.benchmark.methods.interfaces import TrainingFace
from occset.benchmark.tasks.deocclusion.methods.classical import MeanColour, Telea
from occset.benchmark.tasks.deocclusion.methods.eigenfaces import Eigenfaces, learn
from occset.benchmark.tasks.deocclusion.methods.membrane import membrane
from occset.benchmark.tasks.deocclusion.methods.pca import LinearFace
from occset.support.errors import BrokenMethod


class Faces:
    """Train faces from an array (N, H, W, 3) uint8."""

    def __init__(self, images: np.ndarray, fingerprint: str = "some faces") -> None:
        self.images, self.size, self.fingerprint = images, images.shape[1], fingerprint

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[TrainingFace]:
        for image in self.images:
            yield TrainingFace(image, np.full(image.shape[:2], 255, np.uint8), np.zeros((5, 2)))


def family(count: int, size: int, seed: int = 0, rank: int = 5) -> np.ndarray:
    """Members of a linear family of smooth pictures: the same waves, other weights."""
    y, x = np.mgrid[:size, :size] / size
    phases = np.random.default_rng(99).uniform(0, 6.28, (rank, 3))
    waves = np.stack([np.sin(2 * np.pi * ((k % 3) * x + (k // 2) * y)[..., None] + phases[k]) for k in range(rank)])
    weights = np.random.default_rng(seed).normal(0, 14, (count, rank))
    return np.rint(128 + np.einsum("nk,khwc->nhwc", weights, waves)).clip(0, 255).astype(np.uint8)


def eyes_hidden(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    size = images.shape[1]
    masks = np.zeros(images.shape[:3], np.uint8)
    masks[:, int(0.35 * size) : int(0.6 * size), int(0.2 * size) : int(0.8 * size)] = 255
    return np.where(masks[..., None] > 0, np.uint8(255), images), masks


def hole_error(out: np.ndarray, truth: np.ndarray, masks: np.ndarray) -> float:
    return float(np.abs(out[masks > 0].astype(float) - truth[masks > 0]).mean())


@pytest.mark.parametrize("size", [64, 128])
def test_a_hidden_member_of_a_linear_family_is_recovered_nearly_exactly(size: int) -> None:
    method = LinearFace(size=64)
    method.fit(Faces(family(60, size)))
    truth = family(6, size, seed=1)
    images, masks = eyes_hidden(truth)
    out = method.deocclude(images, masks)
    assert hole_error(out, truth, masks) < 1.0
    assert hole_error(Telea().deocclude(images, masks), truth, masks) > 4
    assert hole_error(MeanColour().deocclude(images, masks), truth, masks) > 4
    np.testing.assert_array_equal(out[masks == 0], truth[masks == 0])


def test_there_is_no_seam_although_the_colour_is_new_to_it() -> None:
    method = LinearFace(size=64)
    method.fit(Faces(family(60, 64)))
    truth = (family(1, 64, seed=2) * 0.6 + 20).astype(np.uint8)  # darker and flatter than the family
    images, masks = eyes_hidden(truth)
    out = method.deocclude(images, masks)[0].astype(int)
    top = np.flatnonzero(masks[0].any(axis=1))[0]
    columns = np.flatnonzero(masks[0].any(axis=0))
    step = np.abs(out[top, columns] - out[top - 1, columns]).mean()
    usual = np.abs(np.diff(truth[0].astype(int), axis=0)).mean()
    assert step < usual + 2


def test_inference_solves_the_stated_equations() -> None:
    rng = np.random.default_rng(3)
    pictures = rng.normal(0, 1, (20, 7)) @ rng.normal(0, 20, (7, 90)) + rng.normal(0, 2, (20, 90)) + 50
    model = learn(pictures.astype(np.float32), 6, [])
    hidden = np.arange(90) < 40
    u, lam, seen = model.axes.astype(float), model.variances, ~hidden
    # The plain textbook form, over the seen values, without the shortcut through the hidden ones.
    normal = u[seen].T @ u[seen] + model.noise * np.diag(1 / lam)
    z = np.linalg.solve(normal, u[seen].T @ (pictures[0] - model.mean)[seen])
    found = model.infer(pictures[:1].astype(np.float32), hidden)[0]
    np.testing.assert_allclose(found, model.mean + u @ z, rtol=1e-3, atol=1e-2)


def test_axes_are_those_of_a_plain_singular_value_decomposition() -> None:
    pictures = np.random.default_rng(4).normal(100, 30, (25, 60)).astype(np.float32)
    model = learn(pictures.copy(), 8, [])
    centred = pictures - pictures.mean(axis=0)
    _, singular, axes = np.linalg.svd(centred.astype(float), full_matrices=False)
    np.testing.assert_allclose(model.mean, pictures.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(model.variances, singular[:8] ** 2 / 24, rtol=1e-3)
    np.testing.assert_allclose(np.abs((model.axes * axes[:8].T).sum(axis=0)), 1, atol=1e-3)
    np.testing.assert_allclose(model.noise, (singular[8:] ** 2).sum() / 24 / 60, rtol=1e-3)


def test_correlated_residuals_raise_the_noise_so_that_the_hidden_is_inferred_better() -> None:
    rng = np.random.default_rng(5)

    def draw(count: int) -> np.ndarray:
        shared = rng.normal(0, 10, (count, 1))  # the one thing that seen and hidden values have in common
        own = rng.normal(0, 1, (count, 12)) @ np.kron(np.eye(12), np.full((1, 20), 25.0))  # blocks that vary alone
        return (120 + shared + own + rng.normal(0, 1, (count, 240))).astype(np.float32)

    probe = np.arange(240) < 80
    train, test = draw(60), draw(200)
    tuned = learn(train.copy(), 8, [probe])
    plain = learn(train.copy(), 8, [])
    assert tuned.noise > 3 * plain.noise
    tuned_error = np.abs(tuned.infer(test, probe) - test)[:, probe].mean()
    plain_error = np.abs(plain.infer(test, probe) - test)[:, probe].mean()
    assert tuned_error < plain_error


def test_not_fitted_and_too_few_faces_are_said_clearly() -> None:
    images, masks = eyes_hidden(family(2, 64))
    with pytest.raises(BrokenMethod, match="pca has to learn from the train split first"):
        LinearFace().deocclude(images, masks)
    with pytest.raises(BrokenMethod, match="at least two different train faces, and there are 1"):
        LinearFace().fit(Faces(family(1, 64)))
    with pytest.raises(BrokenMethod, match="at least two different"):
        LinearFace().fit(Faces(np.repeat(family(1, 64), 5, axis=0)))


def test_the_hash_names_what_it_learned_from() -> None:
    def hash_of(fingerprint: str, axes: int = 300) -> str | None:
        method = LinearFace(size=32, axes=axes)
        assert method.weights_hash is None
        method.fit(Faces(family(10, 32), fingerprint))
        return method.weights_hash

    assert hash_of("a") == hash_of("a")
    assert len({hash_of("a"), hash_of("b"), hash_of("a", axes=3)}) == 3


def test_no_hole_and_nothing_but_hole() -> None:
    method = LinearFace(size=32)
    method.fit(Faces(family(20, 32)))
    images = family(2, 32, seed=6)
    masks = np.zeros((2, 32, 32), np.uint8)
    masks[1] = 255
    out = method.deocclude(images, masks)
    np.testing.assert_array_equal(out[0], images[0])
    # Nothing is seen, so the most probable face is the mean.
    assert isinstance(method.model, Eigenfaces)
    assert np.abs(out[1].astype(float) - method.model.mean.reshape(32, 32, 3)).max() < 1


def test_the_membrane_is_harmonic_and_keeps_what_is_known() -> None:
    y, x = np.mgrid[:48, :48].astype(np.float32)
    harmonic = np.stack([x + 2 * y, (x - 20) ** 2 / 20 - (y - 20) ** 2 / 20], axis=-1)
    hole = np.zeros((48, 48), bool)
    hole[12:34, 10:40] = True
    spoilt = np.where(hole[..., None], np.float32(1e6), harmonic)
    out = membrane(spoilt, hole)
    np.testing.assert_array_equal(out[~hole], harmonic[~hole])
    # A function whose Laplacian is zero is its own membrane.
    assert np.abs(out - harmonic)[hole].max() < 0.02 * np.ptp(harmonic)


def test_the_membrane_of_one_channel_and_of_no_border() -> None:
    hole = np.ones((9, 9), bool)
    assert (membrane(np.full((9, 9, 1), 5, np.float32), hole) == 0).all()
    hole[0, 0] = False
    np.testing.assert_allclose(membrane(np.full((9, 9, 1), 5, np.float32), hole), 5, rtol=1e-5)


def test_real_faces_get_eyes_back(real_data: Path) -> None:
    folder = real_data / "celebamask_hq" / "CelebA-HQ-img"
    files = sorted(folder.glob("*.jpg"))[:240]
    images = np.stack(
        [cv2.resize(cv2.imread(str(f))[..., ::-1], (96, 96), interpolation=cv2.INTER_AREA) for f in files]
    )
    method = LinearFace(size=64)
    method.fit(Faces(images[40:]))
    hidden, masks = eyes_hidden(images[:40])
    ours = hole_error(method.deocclude(hidden, masks), images[:40], masks)
    assert ours < 0.9 * hole_error(Telea().deocclude(hidden, masks), images[:40], masks)
