"""Training NR and its twin on rendered faces, and what comes out: a network that reconstructs photos."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import occset.models
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import read_recipes
from occset.models.morphable.procedural import procedural_model
from occset.models.reconstruction.albedo import save_albedo
from occset.models.reconstruction.coefficients import Layout
from occset.models.reconstruction.face import FaceModel
from occset.models.reconstruction.fits import fits_of
from occset.models.reconstruction.fitting.fit import fit_faces
from occset.models.reconstruction.photos import reconstruct_photos
from occset.models.reconstruction.presets import PRESETS, Architecture, Options, ReconstructionPreset
from occset.models.reconstruction.reconstructor import FaceReconstructor
from occset.models.reconstruction.samples import ReconstructionSamples
from occset.models.reconstruction.task import RECONSTRUCTION, ReconstructionTask, TwinTask
from occset.models.training.presets import TrainingPreset
from occset.models.weight_files import load_weights, save_weights
from occset.support.errors import BadInput, OccsetError
from tests.models.reconstruction.rendered import fill_rendered, rendered_faces

QUICK = ReconstructionPreset(
    Architecture("resnet18", 64, spatial=8, hidden=32),
    TrainingPreset("quick", 4, 1, 8, 1e-3),
    render=48,
    identity_share=0.0,
)


@pytest.fixture(scope="module")
def fitted_set(tmp_path_factory: pytest.TempPathFactory) -> OcclusionSet:
    """Rendered faces with their fits; not to be changed."""
    data = fill_rendered(OcclusionSet.create(tmp_path_factory.mktemp("nr") / "set"), faces=24)
    fit_faces(data, procedural_model(), workers=1)
    return data


@pytest.fixture(scope="module")
def trained(fitted_set: OcclusionSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a network that took two steps."""
    out = tmp_path_factory.mktemp("trained")
    done = occset.models.train("nr", fitted_set, QUICK, out, workers=0, accelerator="cpu", say=lambda line: None)
    assert done.weights is not None and {"lpix", "bare_lpix", "landmarks", "coefficients"} == set(done.metrics)
    return done.weights


def test_the_paper_preset_is_the_papers() -> None:
    paper = PRESETS["paper"]
    assert (paper.architecture.encoder, paper.architecture.size, paper.colours) == ("resnet50", 224, 1)
    assert (paper.architecture.spatial, paper.architecture.hidden) == (0, 0)  # average pooling and one layer
    training = paper.training
    assert (training.batch, training.epochs, training.learning_rate) == (16, 50, 1e-4)
    assert (training.plan, training.drop_at, training.drop_to) == ("drop", 0.5, 0.2)
    network = paper.architecture.build(Layout(80, 64, 80, 1))
    assert network.head[-1].out_features == 239


def test_a_new_network_sees_the_typical_face() -> None:
    layout = Layout(80, 64, 80, 3)
    network = QUICK.architecture.build(layout).eval()
    with torch.no_grad():
        vectors = network(torch.zeros(2, 3, 64, 64))
    middle, spread = layout.typical()
    assert ((vectors - middle).abs() / spread).max() < 0.1


def test_samples_hide_the_face_but_for_the_twin(fitted_set: OcclusionSet) -> None:
    fits = fits_of(fitted_set, procedural_model())
    hard = ReconstructionSamples(fitted_set, fits, 64, 30)
    bare = ReconstructionSamples(fitted_set, fits, 64, 30, occluded=False)
    drawn = [hard(0, index) for index in range(30)]
    changed = [not np.array_equal(one["image"], one["clean"]) for one in drawn]
    assert 0.5 < np.mean(changed) < 1  # some are left bare
    assert all(np.array_equal(one["image"], one["clean"]) for one in (bare(0, index) for index in range(10)))
    assert drawn[0]["vector"].shape == drawn[0]["known"].shape == (257,)
    again = ReconstructionSamples(fitted_set, fits, 64, 30)(0, 7)
    assert all(np.array_equal(again[key], drawn[7][key]) for key in again)


def test_the_losses_of_the_truth_are_next_to_none(fitted_set: OcclusionSet) -> None:
    task = ReconstructionTask(fitted_set, QUICK)
    samples = [task.samples(0, index) for index in range(4)]
    batch = {key: torch.from_numpy(np.stack([one[key] for one in samples])) for key in samples[0]}
    found = task.losses(batch["vector"], None, batch)
    assert found["coefficients"].item() == 0 and found["landmarks"].item() < 1e-3
    assert found["pixels"].item() < 0.06  # the pictures are rendered at another size
    off = batch["vector"].clone()
    off[:, 3] += 20  # millimetres to the side
    worse = task.losses(off, None, batch)
    assert worse["pixels"].item() > 2 * found["pixels"].item()
    assert worse["landmarks"].item() == pytest.approx(20 * (51 + 17 * 20) / 68, rel=1e-3)


def test_four_faces_are_learnt_by_heart(fitted_set: OcclusionSet, tmp_path: Path) -> None:
    class Four(ReconstructionSamples):
        def __call__(self, epoch: int, index: int) -> dict[str, np.ndarray]:
            return super().__call__(0, index)

    training = TrainingPreset("heart", 4, 60, 4, 2e-3, plan="cosine", validate_every=60)
    preset = replace(QUICK, training=training)
    task = ReconstructionTask(fitted_set, preset)
    task.samples = Four(fitted_set, task.fits, 64, 4)
    batch = {
        key: torch.from_numpy(np.stack([task.samples(0, index)[key] for index in range(4)]))
        for key in ("image", "clean", "mask", "vector", "known", "matrix")
    }

    def lpix() -> float:
        network = task.networks[RECONSTRUCTION].eval()
        with torch.no_grad():
            vectors = task._run(network, batch["image"].numpy())
            return float(task.losses(vectors, None, batch)["pixels"])

    before = lpix()
    from occset.models.training.engine import fit

    fit(task, training, tmp_path, workers=0, accelerator="cpu", say=lambda line: None)
    assert lpix() < 0.6 * before


def test_the_twin_is_a_network_of_its_own(fitted_set: OcclusionSet) -> None:
    task = TwinTask(fitted_set, QUICK)
    sample = task.samples(0, 0)
    assert task.name == "deep3d" and np.array_equal(sample["image"], sample["clean"])
    assert "deep3d" in occset.models.list() and "nr" in occset.models.list()


def test_without_fits_training_says_what_to_run(plain_set: OcclusionSet) -> None:
    with pytest.raises(OccsetError, match="occset fit"):
        ReconstructionTask(plain_set, QUICK)


def test_trained_weights_reconstruct_and_tell_geometry(trained: Path) -> None:
    network = occset.models.load("nr", trained, device="cpu")
    assert isinstance(network, FaceReconstructor)
    images = np.stack([item.image for item in rendered_faces(3, seed=40)])
    vectors, renders, masks = pickle.loads(pickle.dumps(network)).reconstruct(images)
    assert vectors.shape == (3, 257) and renders.shape == images.shape and masks.shape == images.shape[:3]
    assert set(np.unique(masks)) == {0, 255}
    far = cv2.dilate(masks[0], np.ones((5, 5), np.uint8)) == 0  # beyond the soft rim it is black
    assert renders[0][far].max() == 0 and renders[0][masks[0] > 0].mean() > 20
    told = network.geometry(vectors, 128)
    assert told["points"].shape == (3, 68, 2) and told["vertices"].shape[1:] == (21801, 3)
    assert network.topology == "procedural"
    assert all(np.isfinite(values).all() for values in told.values())
    with pytest.raises(BadInput, match="square"):
        network.reconstruct(np.zeros((1, 64, 32, 3), np.uint8))


@pytest.mark.parametrize("picture", ["black", "white", "tiny", "noise", "none"])
def test_any_picture_gives_finite_numbers(trained: Path, picture: str) -> None:
    network = occset.models.load("nr", trained, device="cpu")
    images = {
        "black": np.zeros((1, 128, 128, 3), np.uint8),
        "white": np.full((1, 128, 128, 3), 255, np.uint8),
        "tiny": np.full((1, 16, 16, 3), 90, np.uint8),
        "noise": np.random.default_rng(0).integers(0, 256, (1, 100, 100, 3), np.uint8),
        "none": np.zeros((0, 64, 64, 3), np.uint8),
    }[picture]
    vectors, renders, masks = network.reconstruct(images)
    assert len(vectors) == len(images) and np.isfinite(vectors).all()
    assert renders.shape == images.shape and masks.shape == images.shape[:3]


def test_a_learned_albedo_travels_with_the_weights(fitted_set: OcclusionSet, tmp_path: Path) -> None:
    model = procedural_model()
    vertices = FaceModel(model, coarse=False).triangles.unique()
    basis = torch.zeros(5, *model.mean.shape)
    basis[:, vertices] = 0.02
    learned = model.with_albedo(model.mean_albedo * 0.5, basis)
    save_albedo(learned, tmp_path / "albedo", {})
    read = occset.models.reconstruction.albedo.open_face_model("procedural", tmp_path / "albedo")
    fit_faces(fitted_set, read, workers=1, split="train")
    assert set(fits_of(fitted_set, read).table["stage"]) == {"shape"}
    done = occset.models.train(
        "nr", fitted_set, QUICK, tmp_path / "run", workers=0, accelerator="cpu", say=lambda line: None,
        albedo=tmp_path / "albedo",
    )  # fmt: skip
    network = occset.models.load("nr", done.weights, device="cpu")
    assert network.layout.texture == 5
    assert network.model.mean_albedo[vertices].allclose(read.mean_albedo[vertices], atol=1e-3)


def test_weights_of_something_else_are_refused(trained: Path, tmp_path: Path) -> None:
    state, about = load_weights(trained)
    for number, change in enumerate(({"size": 100}, {"sizes": [6, 80, 64, 80, 9]}, {"encoder": "no-such"})):
        save_weights(state, tmp_path / str(number), {**about, "network": {**about["network"], **change}}, "nr")
        with pytest.raises(OccsetError):
            occset.models.load("nr", tmp_path / str(number), device="cpu").reconstruct(
                np.zeros((1, 64, 64, 3), np.uint8)
            )


@pytest.fixture
def photos(tmp_path: Path) -> Iterator[Path]:
    """A folder with two aligned squares and a file that is no picture."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, item in enumerate(rendered_faces(2, seed=50)):
        cv2.imwrite(str(folder / f"face{number}.png"), item.image[:, :, ::-1])
    (folder / "broken.png").write_bytes(b"no picture")
    yield folder


@pytest.mark.parametrize("mesh", ["ply", "obj"])
def test_photos_become_meshes_renders_and_numbers(trained: Path, photos: Path, tmp_path: Path, mesh: str) -> None:
    network = occset.models.load("nr", trained, device="cpu")
    sheet = tmp_path / "sheet.png"
    done = reconstruct_photos(network, [photos], tmp_path / "out", align=False, mesh=mesh, sheet=sheet)
    assert done.written == 2 and [name for name, _ in done.problems] == ["broken.png"] and sheet.is_file()
    told = json.loads((tmp_path / "out" / "face0.json").read_text())
    assert len(told["landmarks"]) == 68 and len(told["coefficients"]["identity"]) == 80
    assert abs(told["angles"]["yaw"]) < 90
    written = (tmp_path / "out" / f"face1.{mesh}").read_bytes()
    if mesh == "ply":
        header, _, body = written.partition(b"end_header\n")
        counts = [int(line.split()[-1]) for line in header.decode().splitlines() if line.startswith("element")]
        assert len(body) == counts[0] * 15 + counts[1] * 13
    else:
        lines = written.decode().splitlines()
        vertices = [line for line in lines if line.startswith("v ")]
        corners = [int(c) for line in lines if line.startswith("f ") for c in line.split()[1:]]
        assert min(corners) == 1 and max(corners) == len(vertices)
    over = cv2.imread(str(tmp_path / "out" / "face0.png"))
    assert over.shape == (128, 128, 3)
    with pytest.raises(OccsetError, match="ply or obj"):
        reconstruct_photos(network, [photos], tmp_path / "other", mesh="stl")


def test_options_name_the_morphable_model(fitted_set: OcclusionSet) -> None:
    with pytest.raises(OccsetError):
        ReconstructionTask(fitted_set, QUICK, options=Options(morphable="no-such-model"))


@pytest.mark.parametrize(("name", "layers"), [("nr", 2), ("deep3d", 0)])
def test_a_loss_that_runs_away_names_its_samples(
    fitted_set: OcclusionSet, tmp_path: Path, name: str, layers: int
) -> None:
    wild = replace(QUICK, weights=replace(QUICK.weights, landmarks=math.inf))
    with pytest.raises(OccsetError, match=r"step 1: the loss of reconstruction is not finite \(loss inf,") as caught:
        occset.models.train(name, fitted_set, wild, tmp_path, workers=0, accelerator="cpu", say=lambda line: None)
    recipes = read_recipes(tmp_path / "stopped" / "step-1" / "recipes.parquet")
    assert len(recipes) == 4 and all(recipe.sample in str(caught.value) for recipe in recipes)
    assert max(len(recipe.layers) for recipe in recipes) <= layers  # nothing hides the twin's faces
