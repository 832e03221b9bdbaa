from __future__ import annotations

import cv2
import numpy as np
import pytest

from occset.pictures.landmarks import template
from occset.sources.harvest import LEAST_SIDE, face_outline, harvest
from occset.sources.parts import label_of

SIZE = 512
SKIN, HAIR = (220, 170, 140), (60, 35, 20)


def _face(fringe: float = 0.42) -> tuple[np.ndarray, np.ndarray]:
    """A face with hair down to `fringe` (in heights of the picture): photo and labels."""
    image = np.full((SIZE, SIZE, 3), (120, 150, 180), np.uint8)
    labels = np.zeros((SIZE, SIZE), np.uint8)
    head = cv2.ellipse(np.zeros((SIZE, SIZE), np.uint8), (256, 260), (190, 230), 0, 0, 360, 1, -1) > 0
    face = cv2.ellipse(np.zeros((SIZE, SIZE), np.uint8), (256, 300), (140, 185), 0, 0, 360, 1, -1) > 0
    rows = np.indices((SIZE, SIZE))[0]
    labels[head] = label_of("hair")
    labels[face & (rows > fringe * SIZE)] = label_of("skin")
    labels[(rows > 0.62 * SIZE) & (labels == label_of("hair"))] = 0
    rng = np.random.default_rng(0)
    image[labels == label_of("skin")] = SKIN
    image[labels == label_of("hair")] = HAIR
    return np.clip(image + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8), labels


def test_bangs_are_cut_out_softly_with_their_own_colour() -> None:
    image, labels = _face()
    (cut,) = harvest(image, labels, template(SIZE), "none", "12", "terms")
    assert (cut.name, cut.category, cut.from_face, cut.licence) == ("12-hair", "hair", "12", "terms")
    alpha = cut.rgba[:, :, 3]
    corner = np.round(template(SIZE) - cut.landmarks)[0].astype(int)
    whole = np.zeros((SIZE, SIZE), np.uint8)
    whole[corner[1] : corner[1] + alpha.shape[0], corner[0] : corner[0] + alpha.shape[1]] = alpha
    hair, skin = labels == label_of("hair"), labels == label_of("skin")
    inside = cv2.erode(hair.astype(np.uint8), np.ones((15, 15))) & face_outline(labels, template(SIZE))
    assert inside.any() and (whole[inside > 0] == 255).all()
    assert whole[cv2.erode(skin.astype(np.uint8), np.ones((15, 15))) > 0].max() == 0
    assert ((alpha > 20) & (alpha < 235)).mean() > 0.02
    # no skin shows under the soft edge
    colours = cut.rgba[:, :, :3][alpha > 0].astype(int)
    assert np.abs(colours - HAIR).max() < 40


def test_the_outline_reaches_over_a_hidden_forehead() -> None:
    _, labels = _face()
    outline = face_outline(labels, template(SIZE))
    assert outline[labels == label_of("skin")].all()
    assert outline[round(0.30 * SIZE), 256] and not outline[round(0.15 * SIZE), 256]


def test_hair_that_hides_little_is_left_alone() -> None:
    image, labels = _face(fringe=0.20)
    labels[(labels == label_of("hair")) & (np.indices(labels.shape)[0] > 110)] = 0
    assert harvest(image, labels, template(SIZE), "none", "1", "") == []


def test_crumbs_are_no_occluder() -> None:
    image, labels = _face()
    rng = np.random.default_rng(1)
    hair = labels == label_of("hair")
    labels[hair] = 0
    for y, x in rng.permutation(np.argwhere(hair & face_outline(labels, template(SIZE))))[:60]:
        cv2.circle(labels, (int(x), int(y)), 7, label_of("hair"), -1)
    assert harvest(image, labels, template(SIZE), "none", "1", "") == []


@pytest.mark.parametrize(("lenses", "found"), [("dark", ["sunglasses"]), ("clear", []), ("none", [])])
def test_only_dark_glasses_are_harvested_and_with_their_lenses_whole(lenses: str, found: list[str]) -> None:
    image, labels = _face(fringe=0.20)
    labels[labels == label_of("hair")] = 0
    for x in (194, 318):
        cv2.circle(labels, (x, 244), 45, label_of("eye_g"), -1)
        cv2.circle(labels, (x, 244), 10, label_of("l_eye"), -1)
    cv2.line(labels, (194, 235), (318, 235), label_of("eye_g"), 8)
    cuts = harvest(image, labels, template(SIZE), lenses, "1", "")
    assert [cut.category for cut in cuts] == found
    for cut in cuts:
        x, y = np.round(cut.landmarks[0]).astype(int)
        assert cut.rgba[y, x, 3] == 255
        assert min(cut.rgba.shape[:2]) >= LEAST_SIDE


def test_a_hat_goes_with_its_brim() -> None:
    image, labels = _face(fringe=0.20)
    labels[labels == label_of("hair")] = 0
    labels[60:215, 90:420] = label_of("hat")
    (cut,) = harvest(image, labels, template(SIZE), "none", "9", "")
    assert cut.category == "hat"
    assert abs(cut.rgba.shape[1] - 330) < 20 and abs(cut.rgba.shape[0] - 155) < 20


def test_twice_the_same() -> None:
    image, labels = _face()
    first, second = (harvest(image, labels, template(SIZE), "none", "1", "")[0] for _ in range(2))
    assert np.array_equal(first.rgba, second.rgba)
