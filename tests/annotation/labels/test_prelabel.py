"""Pre-labels: the pixels, the score and the bytes that Label Studio gets."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from occset.annotation.labels.codec import decode_brush
from occset.annotation.labels.prelabel import Prelabel, prelabel, takes_faces, to_prediction, version_of
from occset.support.errors import BadInput, BrokenMethod


class Red:
    """Takes the red channel for the chance to be face, at 64 pixels."""

    name, weights_hash, size = "red", "0123456789abcdef0123", 64

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []

    def segment(self, images: np.ndarray) -> np.ndarray:
        self.seen.append(images.shape)
        return images[..., 0]


class Constant:
    """The same chance everywhere, with no hash and no size."""

    name = "constant"

    def __init__(self, chance: float) -> None:
        self.chance = chance

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        return np.full(images.shape[:3], self.chance, np.float32)


def picture(seed: int, height: int, width: int) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def test_mask_has_the_picture_s_size_and_is_above_a_half_between_the_model_s_pixels() -> None:
    image = np.zeros((256, 256, 3), np.uint8)
    image[:, :128, 0] = 255
    guess = prelabel(Red(), [image])[0]
    assert guess.mask.shape == (256, 256) and guess.mask.dtype == np.uint8
    # the edge lies between the model's columns 31 and 32, in the middle of what lies between
    assert np.array_equal(guess.mask[0] == 255, np.arange(256) < 128) and set(np.unique(guess.mask)) == {0, 255}
    assert guess.score == 1.0


def test_a_picture_that_is_not_square_keeps_height_and_width() -> None:
    image = np.zeros((100, 300, 3), np.uint8)
    image[:50, :, 0] = 255
    guess = prelabel(Red(), [image])[0]
    assert guess.mask.shape == (100, 300)
    assert (guess.mask[:48] == 255).all() and (guess.mask[52:] == 0).all()


@pytest.mark.parametrize(("chance", "score", "is_face"), [(0.5, 0.0, False), (0.75, 0.5, True), (0.1, 0.8, False)])
def test_score_is_how_far_the_chance_is_from_a_half_and_a_half_is_not_face(
    chance: float, score: float, is_face: bool
) -> None:
    guess = prelabel(Constant(chance), [picture(0, 90, 90)])[0]
    assert guess.score == pytest.approx(score, abs=1e-6)
    assert bool(guess.mask.all()) is is_face and bool(guess.mask.any()) is is_face


def test_a_picture_gets_the_same_whatever_it_comes_with_and_in_its_place() -> None:
    images = [picture(i, 80 + 10 * i, 96) for i in range(5)]
    model = Red()
    together = prelabel(model, images)
    assert set(model.seen) == {(1, 64, 64, 3)}
    for image, guess in zip(images, together, strict=True):
        alone = prelabel(Red(), [image])[0]
        assert np.array_equal(alone.mask, guess.mask) and alone.score == guess.score
        assert json.dumps(to_prediction(alone, "k")) == json.dumps(to_prediction(guess, "k"))
    assert prelabel(model, []) == []


def test_version_names_the_weights() -> None:
    assert version_of(Red()) == "red-0123456789ab"
    assert version_of(Constant(0)) == "constant"


def test_prediction_decodes_to_the_mask_and_says_its_size() -> None:
    mask = np.where(picture(3, 70, 110)[..., 0] > 120, 255, 0).astype(np.uint8)
    found = to_prediction(Prelabel(mask, 0.25, "red-1"), "00ff")
    assert (found["model_version"], found["score"]) == ("red-1", 0.25)
    (region,) = found["result"]
    assert (region["original_width"], region["original_height"], region["image_rotation"]) == (110, 70, 0)
    assert (region["type"], region["from_name"], region["to_name"]) == ("brushlabels", "brush", "image")
    assert region["value"]["brushlabels"] == ["face"] and region["value"]["format"] == "rle"
    sent = json.loads(json.dumps(region["value"]["rle"]))
    assert np.array_equal(decode_brush(sent, 70, 110), mask)  # alpha 0 and 255, never 1


def test_region_s_name_is_the_same_again_and_another_for_another_sample_or_model() -> None:
    mask = np.full((8, 8), 255, np.uint8)
    names = [
        to_prediction(Prelabel(mask, 1.0, version), key)["result"][0]["id"]
        for version, key in [("a", "1"), ("a", "1"), ("a", "2"), ("b", "1")]
    ]
    assert names[0] == names[1] and len(set(names)) == 3


def test_nothing_found_is_a_prediction_without_a_region() -> None:
    found = to_prediction(prelabel(Constant(0.25), [picture(0, 32, 32)])[0], "k")
    assert found == {"model_version": "constant", "score": 0.5, "result": []}


@pytest.mark.parametrize(
    "image",
    [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3)), np.zeros((0, 8, 3), np.uint8)],
)
def test_what_is_no_picture_is_refused(image: np.ndarray) -> None:
    with pytest.raises(BadInput, match="uint8 RGB"):
        prelabel(Red(), [image])


@pytest.mark.parametrize("chance", [float("nan"), 1.5, -0.1])
def test_a_model_that_returns_no_chances_is_named(chance: float) -> None:
    with pytest.raises(BrokenMethod, match="constant"):
        prelabel(Constant(chance), [picture(0, 32, 32)])


SETUP = """<View><!-- for the tests --><Image name="image" value="$image"/>
<BrushLabels name="brush" toName="image"><Label value="face"/><Label value="occluder"/></BrushLabels></View>"""


def test_a_setup_that_has_the_brush_takes_faces() -> None:
    assert takes_faces(SETUP)


@pytest.mark.parametrize(
    "setup",
    [
        None,
        "",
        "<View>",
        SETUP.replace('"brush"', '"paint"'),
        SETUP.replace('toName="image"', 'toName="picture"'),
        SETUP.replace("face", "nose"),
        '<!DOCTYPE View [<!ENTITY a "aaaa">]>' + SETUP,
        SETUP + " " * (1 << 20),
    ],
)
def test_predictions_are_not_offered_to_another_setup(setup: object) -> None:
    assert not takes_faces(setup)
