"""What is rendered and scored: truth at the protocol's size, columns of a sample, and answers that cannot be scored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from occset.benchmark.protocols.frozen import Protocol
from occset.benchmark.tasks.reconstruction.answer import Answer, run_reconstructor
from occset.benchmark.tasks.reconstruction.batch import FaceBatch, Strangers, render_faces, truth_of
from occset.benchmark.tasks.reconstruction.columns import OPTIONAL
from occset.benchmark.tasks.reconstruction.controls import OtherPerson, TrueFace
from occset.benchmark.tasks.reconstruction.evaluator import FaceEvaluator
from occset.benchmark.tasks.reconstruction.methods.mean_face import MeanFace, pose_of
from occset.benchmark.tasks.reconstruction.posed_face import draw, from_truth, from_vector, geometry_of
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import unpack_points
from occset.models.reconstruction.coefficients import FOCAL
from occset.pictures.landmarks import five_points
from occset.samples.render import Renderer
from occset.support.errors import BadInput, BrokenMethod

SIZE = 64


@pytest.fixture
def batch(rendered_set: OcclusionSet, protocol: Protocol) -> FaceBatch:
    return render_faces(Renderer(rendered_set), protocol.recipes[:4], Strangers())


def scored(answer: Answer, batch: FaceBatch) -> list[dict[str, Any]]:
    return FaceEvaluator({}).score(answer, batch)[0]


def answer_of(method: Any, batch: FaceBatch) -> Answer:
    return FaceEvaluator({}).run(method, batch, FaceEvaluator({}).answers(batch))[0]


def test_the_truth_is_that_of_the_picture_at_the_size_of_the_protocol(
    rendered_set: OcclusionSet, protocol: Protocol, batch: FaceBatch
) -> None:
    for at, recipe in enumerate(protocol.recipes[:4]):
        stored = unpack_points(rendered_set.face_row(recipe.face)["landmarks"])
        assert stored is not None
        assert np.abs(batch.landmarks[at] - ((stored + 0.5) * (2 / 3) - 0.5)).max() < 1e-3, "64 of 96 pixels"
        assert np.abs(batch.points[at] - five_points(batch.landmarks[at])).max() < 1e-3
        truth = batch.truths[at]
        assert truth is not None
        picture, mask = draw(truth, SIZE)
        face = batch.clean_masks[at] > 0
        assert (mask[face] > 127).mean() > 0.98
        assert np.abs(picture[face].mean() - batch.clean[at][face].mean()) < 25, "display values, not linear light"


def test_the_true_coefficients_have_no_error_of_geometry_and_another_person_has(batch: FaceBatch) -> None:
    truth, other = (scored(answer_of(method, batch), batch) for method in (TrueFace(), OtherPerson()))
    for right, wrong in zip(truth, other, strict=True):
        assert all(right[key] == pytest.approx(0, abs=1e-9) for key in OPTIONAL)
        assert right["lpix"] < wrong["lpix"] and right["landmark_points"] == 68
        assert 1 < wrong["vertex_scaled_mm"] <= wrong["vertex_mm"] + 1e-9 and wrong["albedo_error"] > 1


def test_each_figure_is_of_its_own_part(batch: FaceBatch) -> None:
    answer = answer_of(TrueFace(), batch)
    five = five_points(batch.landmarks[0])
    between = np.linalg.norm(five[1] - five[0])
    moved = answer._replace(
        points=answer.points + np.float32(3),
        vertices=answer.vertices * np.float32(1.01),
        landmarks=answer.landmarks + np.float32(40),
        albedo=answer.albedo * np.float32(0.5),
        light=answer.light * np.float32(2),
    )
    row = scored(moved, batch)[0]
    assert row["landmark_error"] == pytest.approx(100 * 3 * np.sqrt(2) / between, rel=1e-4)
    assert row["vertex_mm"] > 0.3 and row["vertex_scaled_mm"] == pytest.approx(0, abs=1e-3)
    assert row["landmark_mm"] == pytest.approx(0, abs=1e-3)
    assert row["albedo_error"] == pytest.approx(0, abs=1e-3) and row["light_error"] == pytest.approx(0, abs=1e-3)
    assert row["hidden"] == batch.hidden[0]
    assert row["lpix"] == scored(answer, batch)[0]["lpix"]


def test_what_is_shown_is_the_render_over_the_photo_that_the_method_saw(batch: FaceBatch) -> None:
    answer = answer_of(TrueFace(), batch)
    _, shown = FaceEvaluator({}).score(answer, batch)
    covered = answer.masks > 127
    assert (shown[covered] == answer.renders[covered]).all() and (shown[~covered] == batch.images[~covered]).all()


def test_the_judge_looks_at_the_render_alone(batch: FaceBatch) -> None:
    class Judge:
        seen: np.ndarray

        def columns(self, pictures: np.ndarray, points: np.ndarray) -> list[dict[str, float]]:
            assert points is batch.points
            self.seen = pictures
            return [{"id": 0.5}] * len(pictures)

    judge = Judge()
    answer = answer_of(TrueFace(), batch)
    white = answer._replace(
        renders=np.maximum(answer.renders, 200)
    )  # a method may paint where it says it does not cover
    rows, _ = FaceEvaluator({"id": judge}).score(white, batch)  # type: ignore[dict-item]
    assert rows[0]["id"] == 0.5
    assert not judge.seen[answer.masks <= 127].any() and (judge.seen[answer.masks > 127] >= 200).all()


def test_the_stranger_is_another_person_and_the_same_each_time(rendered_set: OcclusionSet) -> None:
    ids = sorted(rendered_set.faces["id"])
    strangers = Strangers()
    for face, after in zip(ids, ids[1:] + ids[:1], strict=True):
        found, expected = strangers.find(rendered_set, face), truth_of(rendered_set, after, 96)
        assert found is not None and expected is not None
        assert (found.identity == expected.identity).all()
    rendered_set.write("faces", rendered_set.faces.assign(identity="one and the same"))
    assert Strangers().find(OcclusionSet(rendered_set.path), ids[0]) is None


def test_a_truth_of_another_model_is_refused_by_name(rendered_set: OcclusionSet) -> None:
    whole = rendered_set.load_truth(rendered_set.faces["id"][0])
    assert from_truth({"bare": whole["bare"]}, 1, "x") is None
    lacking: Mapping[str, np.ndarray] = {key: v for key, v in whole.items() if key != "coefficients/focal"}
    for truth in (
        lacking,
        {**whole, "coefficients/identity": np.zeros(100, np.float32)},
        {**whole, "coefficients/pose": np.full(6, np.nan, np.float32)},
        {**whole, "coefficients/texture": np.zeros(80, np.int64)},
    ):
        with pytest.raises(BadInput, match="face f7: coefficients/"):
            from_truth(truth, 1, "face f7")


def test_the_mean_face_is_posed_by_five_points() -> None:
    size = 128
    start = MeanFace().reconstruct(
        np.zeros((1, size, size, 3), np.uint8), points=pose_target(size, (0, 0, 0, 0, 22, -1180))
    )
    face = from_vector(start[0][0])
    assert not face.identity.any() and face.focal[0] == pytest.approx(FOCAL * size)
    assert np.abs(face.pose[:3]).max() < 1e-3 and face.pose[5] == pytest.approx(-1180, rel=1e-3)
    assert (start[2] > 127).mean() > 0.1
    turned = pose_of(pose_target(size, (0.05, 0.3, -0.1, 5, 15, -1300))[0], size)
    assert 0.2 < turned[1] < 0.31, "the prior holds a little back"
    assert turned[2] == pytest.approx(-0.1, abs=0.03) and turned[5] == pytest.approx(-1300, rel=0.03)


def pose_target(size: int, pose: tuple[float, ...]) -> np.ndarray:
    """(1, 5, 2) points of the mean face in a pose."""
    nothing = np.zeros((1, size, size, 3), np.uint8)
    vector = MeanFace().reconstruct(nothing, points=np.array([[[50.0, 60], [78, 60], [64, 78], [52, 92], [76, 92]]]))[0]
    vector[0, :6] = pose
    return five_points(np.asarray(geometry_of(from_vector(vector[0]), size).points)[0])[None]


IMAGES = np.zeros((2, 16, 16, 3), np.uint8)
GOOD = (np.zeros((2, 5), np.float32), np.zeros((2, 16, 16, 3), np.uint8), np.zeros((2, 16, 16), np.uint8))


class Telling:
    """A method that tells what a test says."""

    name = "mine"
    given: tuple[str, ...] = ()
    topology = "procedural"

    def __init__(self, answer: object = GOOD, geometry: object = None) -> None:
        self.answer, self.told = answer, {} if geometry is None else geometry

    def reconstruct(self, images: np.ndarray) -> Any:
        return self.answer

    def geometry(self, coefficients: np.ndarray, size: int) -> Any:
        assert (coefficients.shape, size) == ((2, 5), 16)
        return self.told


def nan_at(shape: tuple[int, ...]) -> np.ndarray:
    values = np.zeros(shape, np.float32)
    values.flat[-1] = np.nan
    return values


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (GOOD[1], "must return three arrays"),
        ((*GOOD, GOOD[0]), "must return three arrays"),
        ((GOOD[0][:1], *GOOD[1:]), r"coefficients must be a NumPy array \(2, K\)"),
        ((GOOD[0][0], *GOOD[1:]), r"coefficients must be a NumPy array \(2, K\), not \(5,\)"),
        (([[0.0], [0.0]], *GOOD[1:]), "coefficients must be a NumPy array"),
        ((nan_at((2, 5)), *GOOD[1:]), "1 of 10 coefficients are NaN"),
        ((np.zeros((2, 5), np.int32), *GOOD[1:]), "coefficients are int32, must be float32"),
        ((GOOD[0], GOOD[1].astype(np.float32), GOOD[2]), "renders: returned float32, must be uint8"),
        ((GOOD[0], GOOD[1], GOOD[1]), r"masks: returned shape \(2, 16, 16, 3\)"),
        ((GOOD[0], GOOD[1], np.ones((2, 16, 16), np.uint8)), "multiply by 255"),
        ((GOOD[0], GOOD[1], GOOD[2][:, :8, :8]), "draw both in one size"),
    ],
)
def test_what_cannot_be_scored_is_refused(answer: object, says: str) -> None:
    with pytest.raises(BrokenMethod, match=f"mine on samples a, b.*{says}"):
        run_reconstructor(Telling(answer), IMAGES, ids=["a", "b"])


@pytest.mark.parametrize(
    ("geometry", "says"),
    [
        ([], r"must return a dictionary with some of points, landmarks, vertices"),
        ({"landmarks2d": GOOD[0]}, r"not \['landmarks2d'\]"),
        ({"points": np.zeros((2, 5, 2), np.float32)}, r"points must be \(2, 68, 2\) float32, not \(2, 5, 2\)"),
        ({"landmarks": nan_at((2, 68, 3))}, "1 of 408 landmarks are NaN"),
        ({"points": np.full((2, 68, 2), 1e9, np.float32)}, "272 of 272 points are NaN, infinite or beyond"),
        ({"vertices": np.zeros((2, 7, 3), np.float32)}, r"vertices must be \(2, 21801, 3\) float32"),
        ({"light": np.zeros((2, 27), np.float32)}, r"light must be \(2, 9\) or \(2, 9, 1\) or \(2, 9, 3\)"),
        ({"points": np.zeros((2, 68, 2), np.uint8)}, "points are uint8, must be float32"),
    ],
)
def test_geometry_that_cannot_be_scored_is_refused(geometry: object, says: str) -> None:
    with pytest.raises(BrokenMethod, match=says):
        run_reconstructor(Telling(geometry=geometry), IMAGES, ids=["a", "b"])


def test_vertices_of_another_mesh_are_not_looked_at() -> None:
    method = Telling(geometry={"vertices": nan_at((2, 9, 3)), "points": np.ones((2, 68, 2), np.float32)})
    method.topology = "bfm09"
    answer, _ = run_reconstructor(method, IMAGES)
    told = answer.geometry(0)
    assert told.vertices is None and told.light is None
    assert told.points is not None and told.points.shape == (68, 2)


def test_renders_of_another_size_are_scaled_with_their_masks() -> None:
    masks = np.zeros((2, 8, 8), np.uint8)
    masks[:, :4] = 255
    small = (GOOD[0], np.where(masks[..., None] > 0, np.uint8(200), np.uint8(0)).repeat(3, -1), masks)
    answer, resized = run_reconstructor(Telling(small), IMAGES)
    assert resized == (8, 8) and answer.renders.shape == (2, 16, 16, 3)
    assert (answer.masks[:, :7] == 255).all() and not answer.masks[:, 9:].any()
    assert (answer.renders[:, :7] == 200).all()
