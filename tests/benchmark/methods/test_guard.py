"""What a method may return, and what is said when it returns something else."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from occset.benchmark.methods.guard import Checked
from occset.benchmark.tasks.deocclusion.controls import OccludedInput, Truth
from occset.benchmark.tasks.deocclusion.evaluator import run_checked
from occset.support.errors import BrokenMethod, MissingExtra

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 16, 24, 3), dtype=np.uint8)
MASKS = np.zeros((2, 16, 24), np.uint8)
MASKS[:, 4:10, 5:12] = 255
IDS = ["a1", "b2"]


class Returning:
    """A method that returns, or does, what a test says."""

    name = "mine"
    given: tuple[str, ...] = ("mask",)

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def deocclude(self, images: np.ndarray, masks: np.ndarray | None) -> Any:
        return self.answer(images, masks) if callable(self.answer) else self.answer


def run(answer: Any) -> Checked:
    return run_checked(Returning(answer), IMAGES, MASKS, ids=IDS)


class Tensor:
    """Looks like a torch tensor."""

    def detach(self) -> Tensor:
        return self


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "returned NoneType, must be a NumPy array"),
        (list(IMAGES), "returned list, must be a NumPy array"),
        (Tensor(), r"call \.cpu\(\)\.numpy\(\) on a tensor"),
        (IMAGES / np.float32(255), "returned float32, must be uint8 0..255; its values look like 0..1: scale by 255"),
        (IMAGES.astype(float), "returned float64, must be uint8 0..255; round, clip"),
        (np.full(IMAGES.shape, np.nan, np.float32), "2304 of 2304 values are NaN or infinite"),
        (IMAGES.astype(np.int64), "returned int64, must be uint8"),
        (IMAGES[:1], "returned 1 images for a batch of 2"),
        (IMAGES[0], r"returned shape \(16, 24, 3\), must be \(2, H, W, 3\)"),
        (IMAGES[..., :1], r"returned shape \(2, 16, 24, 1\)"),
        (IMAGES.transpose(0, 3, 1, 2), r"channels come last: transpose\(0, 2, 3, 1\)"),
        (IMAGES[:, :0], "returned empty images"),
    ],
    ids=lambda value: None if not isinstance(value, str) else value[:20],
)
def test_what_cannot_be_scored_is_refused_and_says_whose_it_is(answer: object, said: str) -> None:
    with pytest.raises(BrokenMethod, match=said) as caught:
        run(answer)
    assert str(caught.value).startswith("mine on samples a1, b2: ")


def test_one_nan_among_good_values_is_counted() -> None:
    answer = IMAGES.astype(np.float32)
    answer[1, 2, 3, 0] = np.nan
    with pytest.raises(BrokenMethod, match="1 of 2304 values are NaN"):
        run(answer)


def test_a_good_answer_passes_unchanged() -> None:
    checked = run(IMAGES[:, ::-1])
    np.testing.assert_array_equal(checked.images, IMAGES[:, ::-1])
    assert checked.resized_from is None


@pytest.mark.parametrize(("size", "how"), [((32, 48), cv2.INTER_AREA), ((8, 12), cv2.INTER_CUBIC)])
def test_another_size_is_scaled_and_told(size: tuple[int, int], how: int) -> None:
    answer = np.random.default_rng(1).integers(0, 256, (2, *size, 3), dtype=np.uint8)
    checked = run(answer)
    assert checked.resized_from == size
    np.testing.assert_array_equal(checked.images[1], cv2.resize(answer[1], (24, 16), interpolation=how))


def test_what_is_raised_names_method_samples_and_reason_and_is_chained() -> None:
    def fail(images: np.ndarray, masks: np.ndarray) -> None:
        raise ZeroDivisionError("no luck")

    with pytest.raises(BrokenMethod, match="mine raised ZeroDivisionError on samples a1, b2: no luck") as caught:
        run(fail)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_missing_package_is_not_blamed_on_the_method() -> None:
    def fail(images: np.ndarray, masks: np.ndarray) -> None:
        raise MissingExtra("onnxruntime", "onnx", "it")

    with pytest.raises(MissingExtra, match=r"occset\[onnx\]"):
        run(fail)


def test_inputs_cannot_be_written_and_the_originals_are_never_handed_over() -> None:
    def write(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        images[:] = 0
        return images

    with pytest.raises(BrokenMethod, match="read-only, so copy what you change"):
        run(write)

    def force(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        images.setflags(write=True)
        images[:] = 0
        return images

    before = IMAGES.copy()
    assert (run(force).images == 0).all()
    np.testing.assert_array_equal(IMAGES, before)


def test_truth_cannot_be_spoilt_either() -> None:
    class Spoiler(Truth):
        def deocclude(self, images: np.ndarray, masks: np.ndarray | None, *, truth: np.ndarray) -> np.ndarray:
            truth.setflags(write=True)
            truth[:] = images
            return truth

    truth = 255 - IMAGES
    run_checked(Spoiler(), IMAGES, MASKS, truth=truth)
    np.testing.assert_array_equal(truth, 255 - IMAGES)


def test_a_method_sees_only_what_it_is_given() -> None:
    seen: dict[str, Any] = {}

    class Nosy:
        name = "nosy"
        given: tuple[str, ...] = ()

        def deocclude(self, images: np.ndarray, masks: np.ndarray | None, **more: Any) -> np.ndarray:
            seen.update(more, masks=masks)
            return images

    run_checked(Nosy(), IMAGES, MASKS, ids=IDS, truth=IMAGES, face=MASKS)
    assert seen == {"masks": None}
    nosy = Nosy()
    nosy.given = ("ids", "face")
    run_checked(nosy, IMAGES, MASKS, ids=IDS, truth=IMAGES, face=MASKS)
    assert seen.keys() == {"masks", "ids", "face"}
    assert seen["ids"] == IDS


def test_what_is_asked_for_but_not_at_hand_is_an_error() -> None:
    with pytest.raises(BrokenMethod, match="truth asks to be given 'truth', which is not at hand"):
        run_checked(Truth(), IMAGES, MASKS)
    with pytest.raises(BrokenMethod, match="mine asks to be given 'mask'"):
        run_checked(Returning(IMAGES), IMAGES, None)


def test_many_samples_are_named_by_their_first() -> None:
    images = np.repeat(IMAGES, 3, axis=0)
    with pytest.raises(BrokenMethod, match="samples s0, s1, s2, s3 and 2 more"):
        run_checked(Returning(None), images, np.repeat(MASKS, 3, axis=0), ids=[f"s{i}" for i in range(6)])


def test_the_input_control_returns_something_that_may_be_written() -> None:
    checked = run_checked(OccludedInput(), IMAGES, None)
    checked.images[0] = 0
    assert IMAGES[0].any()
