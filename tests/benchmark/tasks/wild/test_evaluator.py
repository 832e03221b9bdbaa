"""What photos are scored by, on masks whose shares are known, with a beholder that needs no network."""

from __future__ import annotations

import numpy as np
import pytest

from occset.benchmark.methods.guard import read_only
from occset.benchmark.tasks.deocclusion.methods.classical import Telea
from occset.benchmark.tasks.wild.controls import GreenFace, RenderedFace
from occset.benchmark.tasks.wild.evaluator import PhotoBatch, PhotoEvaluator
from occset.benchmark.tasks.wild.networks import Beholder, find, share_of
from occset.benchmark.tasks.wild.trial import make_batch


class SeesRed(Beholder):
    """Calls red what is face."""

    def faces(self, images: np.ndarray) -> np.ndarray:
        return np.where(images[..., 0] > 200, np.uint8(255), np.uint8(0))


def batch() -> PhotoBatch:
    """Two photos of 8 px: of a face of 4 x 4 a quarter is hidden in the first, and nothing in the second."""
    images, wholes, hidden = (
        np.zeros((2, 8, 8, 3), np.uint8),
        np.zeros((2, 8, 8), np.uint8),
        np.zeros((2, 8, 8), np.uint8),
    )
    wholes[:, 2:6, 2:6], hidden[0, 2:4, 2:4] = 255, 255
    images[..., 0] = np.where((wholes > 0) & (hidden == 0), 255, 0)
    images[0, 0, 0] = 255  # red, and outside of the face
    renders = np.zeros_like(images)
    renders[:, 2:6, 2:6] = (255, 0, 0)
    return PhotoBatch(["a", "b"], ["f", "g"], ["photo"] * 2, images, wholes, hidden, renders, np.array([0.75, 1.0]))


def test_shares_count_inside_the_rendered_face_alone() -> None:
    known = batch()
    rows, pictures = PhotoEvaluator({"prior": SeesRed()}).score(known.images, known)
    assert rows[0] == {"share": 0.75, "gained": 0.0, "before": 0.75, "hidden": 0.25}
    assert rows[1] == {"share": 1.0, "gained": 0.0, "before": 1.0, "hidden": 0.0}
    assert pictures is known.images
    assert share_of(known.wholes, np.zeros_like(known.wholes)).tolist() == [0, 0]


@pytest.mark.parametrize(("method", "share"), [(RenderedFace(), 1.0), (GreenFace(), 0.0)])
def test_controls_lie_above_and_below(method: RenderedFace | GreenFace, share: float) -> None:
    known, evaluator = batch(), PhotoEvaluator({"prior": SeesRed()})
    answer = evaluator.run(method, known, evaluator.answers(known))
    assert [row["share"] for row in evaluator.score(answer.images, known)[0]] == [share, share]
    assert np.array_equal(answer.images[known.wholes == 0], known.images[known.wholes == 0])


class Recorder:
    """Paints all of what it is given white, and remembers it."""

    name, given = "recorder", ("mask", "ids")

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.masks: list[np.ndarray] = []

    def deocclude(self, images: np.ndarray, masks: np.ndarray | None, *, ids: list[str]) -> np.ndarray:
        assert masks is not None
        self.ids += ids
        self.masks += list(masks)
        return np.full_like(images, 255)


def test_who_is_given_the_mask_sees_photos_in_which_something_is_hidden_and_only_its_pixels_count() -> None:
    known, method = batch(), Recorder()
    answer = PhotoEvaluator({"prior": SeesRed()}).run(method, known, {}, read_only)
    assert method.ids == ["a"] and np.array_equal(method.masks[0], known.hidden[0])
    assert np.array_equal(answer.images[1], known.images[1])
    inside = known.hidden[0] > 0
    assert (answer.images[0][inside] == 255).all()
    assert np.array_equal(answer.images[0][~inside], known.images[0][~inside])


def test_where_nothing_is_hidden_nobody_is_called() -> None:
    known, method = batch(), Recorder()
    known.hidden[:] = 0
    answer = PhotoEvaluator({"prior": SeesRed()}).run(method, known, {})
    assert method.ids == [] and np.array_equal(answer.images, known.images) and answer.images is not known.images


def test_an_automatic_method_is_given_nothing_and_all_of_its_picture_counts() -> None:
    class White:
        name, given = "white", ()

        def deocclude(self, images: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
            assert masks is None
            return np.full_like(images, 255)

    known = batch()
    assert (PhotoEvaluator({"prior": SeesRed()}).run(White(), known, {}).images == 255).all()


def test_the_released_networks_are_found_and_named_by_their_hash() -> None:
    found = find()
    assert found.segmentation.is_dir() and found.reconstruction.is_dir() and len(found.sha256) == 64
    assert found.segmentation.is_relative_to(found.path) and found.reconstruction.is_relative_to(found.path)


def test_the_trial_can_be_run_by_a_method_of_de_occlusion() -> None:
    known = make_batch(64, 3)
    answer = PhotoEvaluator({}).run(Telea(), known, {})
    changed = (answer.images != known.images).any(-1)
    assert changed[known.hidden > 0].mean() > 0.5 and not changed[known.hidden == 0].any()
