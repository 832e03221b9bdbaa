"""OpenCV's two inpaintings, the mean colour, and the controls of known rank."""

from __future__ import annotations

import numpy as np
import pytest

from occset.benchmark.tasks.deocclusion.controls import Noise, OccludedInput, ShiftedTruth, Truth
from occset.benchmark.tasks.deocclusion.methods.classical import MeanColour, NavierStokes, Telea, central_ellipse
from occset.support.errors import BrokenMethod


def ramp(size: int = 64) -> np.ndarray:
    """A picture that any smooth inpainting continues: red grows to the right, green downwards."""
    y, x = np.mgrid[:size, :size]
    return np.stack([40 + 2 * x, 40 + 2 * y, np.full_like(x, 90)], axis=-1).astype(np.uint8)


def batch(size: int = 64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Occluded images, holes and truth."""
    truth = np.stack([ramp(size), ramp(size)[:, ::-1]])
    masks = np.zeros((2, size, size), np.uint8)
    masks[0, 20:40, 24:44] = 255
    masks[1, 10:20, 5:60] = 255
    return np.where(masks[..., None] > 0, np.uint8(255), truth), masks, truth


@pytest.mark.parametrize("method", [Telea(), NavierStokes()], ids=lambda m: m.name)
def test_smooth_pictures_are_continued_and_the_rest_is_left_alone(method: Telea) -> None:
    images, masks, truth = batch()
    out = method.deocclude(images, masks)
    inside = masks > 0
    assert np.abs(out[inside].astype(int) - truth[inside]).mean() < 12
    np.testing.assert_array_equal(out[~inside], truth[~inside])


def test_channels_are_not_swapped() -> None:
    image = np.zeros((1, 32, 32, 3), np.uint8)
    image[..., 0] = 200
    mask = np.zeros((1, 32, 32), np.uint8)
    mask[0, 10:20, 10:20] = 255
    image[mask > 0] = 255
    for method in (Telea(), NavierStokes(), MeanColour()):
        np.testing.assert_array_equal(method.deocclude(image, mask)[0, 15, 15], [200, 0, 0])


def test_mean_colour_is_that_of_the_middle_outside_the_hole() -> None:
    image = np.full((1, 40, 40, 3), 7, np.uint8)
    image[0][central_ellipse(40, 40)] = [10, 20, 30]
    mask = np.zeros((1, 40, 40), np.uint8)
    mask[0, 15:25, 15:25] = 255
    image[mask > 0] = 255
    out = MeanColour().deocclude(image, mask)
    np.testing.assert_array_equal(np.unique(out[mask > 0], axis=0), [[10, 20, 30]])


def test_mean_colour_falls_back_to_all_that_shows_and_then_to_grey() -> None:
    image = np.full((2, 40, 40, 3), 7, np.uint8)
    mask = np.full((2, 40, 40), 255, np.uint8)
    mask[0, :2] = 0
    out = MeanColour().deocclude(image, mask)
    assert (out[0] == 7).all()
    assert (out[1] == 127).all()


def test_central_ellipse_covers_a_sixth_of_pi() -> None:
    # half the width, two thirds of the height: pi/4 * 1/2 * 2/3
    assert central_ellipse(300, 300).mean() == pytest.approx(np.pi / 12, rel=0.01)


def test_a_method_without_its_mask_says_so() -> None:
    with pytest.raises(BrokenMethod, match="telea was called without masks"):
        Telea().deocclude(ramp()[None], None)


def test_truth_and_input_are_what_they_say() -> None:
    images, masks, truth = batch()
    np.testing.assert_array_equal(Truth().deocclude(images, None, truth=truth), truth)
    np.testing.assert_array_equal(OccludedInput().deocclude(images, masks), images)


def test_noise_is_uniform_in_the_hole_and_depends_on_seed_and_picture_only() -> None:
    images, masks, _ = batch(128)
    masks[:] = 0
    masks[:, 20:100, 20:100] = 255
    out = Noise().deocclude(images, masks)
    inside = masks > 0
    np.testing.assert_array_equal(out[~inside], images[~inside])
    values = out[inside]
    assert abs(values.mean() - 127.5) < 2
    assert values.min() == 0
    assert values.max() == 255
    np.testing.assert_array_equal(Noise().deocclude(images[1:], masks[1:])[0], out[1])
    assert (Noise(seed=1).deocclude(images, masks) != out)[inside].mean() > 0.9
    hidden_otherwise = np.where(inside[..., None], np.uint8(3), images)
    np.testing.assert_array_equal(Noise().deocclude(hidden_otherwise, masks), out)


def test_shifted_truth_leaves_a_rim_of_three_percent_at_the_left_and_top() -> None:
    truth = np.full((1, 100, 100, 3), 50, np.uint8)
    masks = np.zeros((1, 100, 100), np.uint8)
    masks[0, 40:60, 40:60] = 255
    images = np.where(masks[..., None] > 0, np.uint8(200), truth)
    out = ShiftedTruth().deocclude(images, masks, truth=truth)
    still_hidden = (out[0, ..., 0] == 200) & (masks[0] > 0)
    assert still_hidden[40:43, 40:60].all()
    assert still_hidden[40:60, 40:43].all()
    assert still_hidden.sum() == 20 * 20 - 17 * 17


def test_shifted_truth_never_equals_the_truth_even_on_a_tiny_picture() -> None:
    truth = np.zeros((1, 8, 8, 3), np.uint8)
    masks = np.full((1, 8, 8), 255, np.uint8)
    out = ShiftedTruth().deocclude(truth + 200, masks, truth=truth)
    assert (out[0, 0] == 200).all()
    assert (out[0, 1:, 1:] == 0).all()
