"""What comes of a photo: of several faces, none, large, turned, with transparency."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from occset.models.serving import answers
from occset.models.serving.answers import Answering, NoFace
from occset.models.serving.example import EXAMPLES, example
from occset.pictures.images import encode_png, rgba_of
from occset.support.errors import BadInput
from tests.models.serving.talking import parts_of, pixels


def jpeg(image: np.ndarray, orientation: int = 1, quality: int = 95) -> bytes:
    stream, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(image[..., :3]).save(stream, "JPEG", quality=quality, exif=exif)
    return stream.getvalue()


def test_the_glasses_are_found_and_painted_over_and_nothing_else_changes(answering: Answering) -> None:
    photo = example(0)
    answer = answering.of_photo(encode_png(photo))
    about, pictures = answer.about, answer.pictures
    (face,) = about["faces"]
    assert (about["width"], about["height"], about["left"], about["changed"]) == (256, 256, 0, True)
    assert face["painted"] and 0.2 < face["share"] < 0.8
    parts = {f"face-0-{what}" for what in ("crop", "hidden", "render", "outcome")}
    assert set(pictures) == {"before", "after", "whole", "mask", *parts}
    whole, mask = pixels(pictures["whole"]), pixels(pictures["mask"])
    assert np.array_equal(pixels(pictures["before"])[..., :3], photo[..., :3])
    assert np.array_equal(whole[mask == 0], photo[..., :3][mask == 0])
    assert set(np.unique(mask)) == {0, 255}
    lenses = (slice(115, 135), slice(90, 110))  # about the left eye of an aligned face
    assert (mask[lenses] > 0).all()
    assert np.abs(whole[lenses].astype(int) - photo[..., :3][lenses]).mean() > 20


def test_the_form_is_read_by_another_parser(answering: Answering) -> None:
    answer = answering.of_pixels(example(1))
    about, pictures = parts_of(*answer.form())
    assert about == answer.about and pictures == answer.pictures


def test_examples_differ_come_again_the_same_and_end(answering: Answering) -> None:
    pictures = [example(number) for number in range(EXAMPLES)]
    assert len({picture.tobytes() for picture in pictures}) == EXAMPLES
    assert np.array_equal(pictures[2], example(2)) and all(p[..., 3].min() == 255 for p in pictures)
    for number in (-1, EXAMPLES):
        with pytest.raises(IndexError):
            example(number)
    for picture in pictures:
        assert [face["painted"] for face in answering.of_pixels(picture).about["faces"]] == [True]


def test_a_photo_without_a_face_says_so_and_what_to_do(answering: Answering) -> None:
    wall = np.full((300, 400, 3), 140, np.uint8)
    with pytest.raises(NoFace, match=r"No face was found in this photo\. Take one in which"):
        answering.of_photo(jpeg(wall))


def test_several_faces_and_those_beyond_the_most(answering: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = np.hstack([example(0), example(3), example(5)])
    answer = answering.of_pixels(photo.copy())
    assert [face["painted"] for face in answer.about["faces"]] == [True] * 3 and answer.about["left"] == 0
    mask = pixels(answer.pictures["mask"])
    assert all((mask[100:140, at : at + 256] > 0).mean() > 0.1 for at in (0, 256, 512))
    monkeypatch.setattr(answers, "MOST_FACES", 2)
    fewer = answering.of_pixels(photo.copy())
    assert len(fewer.about["faces"]) == 2 and fewer.about["left"] == 1
    assert "face-2-crop" not in fewer.pictures


def test_what_nothing_hides_comes_back_bit_by_bit(answering: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "UNCHANGED", 1.1)  # no share is as large
    photo = example(0)
    answer = answering.of_photo(encode_png(photo))
    assert not answer.about["changed"] and [face["painted"] for face in answer.about["faces"]] == [False]
    assert np.array_equal(pixels(answer.pictures["whole"]), photo[..., :3])
    assert answer.pictures["face-0-outcome"] == answer.pictures["face-0-crop"]
    assert pixels(answer.pictures["mask"]).max() == 0


def test_a_turned_photo_is_shown_upright(answering: Answering) -> None:
    wide = np.hstack([example(0), np.full((256, 100, 4), 90, np.uint8)])
    lying = np.ascontiguousarray(np.rot90(wide, 1))  # the camera lay on its side; 6 turns it back
    answer = answering.of_photo(jpeg(lying, orientation=6))
    assert (answer.about["width"], answer.about["height"]) == (356, 256)
    before = pixels(answer.pictures["before"])[..., :3].astype(int)
    assert np.abs(before - wide[..., :3]).mean() < 4


def test_transparency_is_kept(answering: Answering) -> None:
    photo = example(0)
    cv2.circle(photo, (20, 20), 18, (9, 9, 9, 0), -1)
    answer = answering.of_photo(encode_png(photo))
    for name in ("before", "after", "whole"):
        assert np.array_equal(pixels(answer.pictures[name])[..., 3], photo[..., 3]), name


def test_twenty_megapixels_come_back_at_their_size_and_are_shown_smaller(answering: Answering) -> None:
    photo = np.full((3700, 5500, 3), (90, 100, 80), np.uint8)
    photo[1000:2200, 3000:4200] = cv2.resize(example(0)[..., :3], (1200, 1200), interpolation=cv2.INTER_CUBIC)
    data = jpeg(photo, quality=90)
    answer = answering.of_photo(data)
    assert (answer.about["width"], answer.about["height"]) == (5500, 3700)
    assert pixels(answer.pictures["before"]).shape[:2] == pixels(answer.pictures["after"]).shape[:2] == (1076, 1600)
    whole, mask = pixels(answer.pictures["whole"]), pixels(answer.pictures["mask"])
    assert whole.shape == (3700, 5500, 3) and (mask > 0).any()
    assert np.array_equal(whole[mask == 0], rgba_of(data, "the photo")[..., :3][mask == 0])


def test_more_pixels_than_the_limit_are_not_decoded(answering: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MOST_PIXELS", 256 * 256 - 1)
    with pytest.raises(BadInput, match="the photo is 256 x 256 pixels, more than the limit of 65535"):
        answering.of_photo(encode_png(example(0)))
