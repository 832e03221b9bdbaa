"""Their pose, camera, light and crop against ours: a face drawn by both comes out the same."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from occset.models.morphable.store import open_morphable
from occset.models.reconstruction.deep3d import conventions
from occset.models.reconstruction.drawer import FaceDrawer
from occset.pictures.landmarks import template
from tests.models.morphable.made_models import bfm_arrays
from tests.models.reconstruction.deep3d.published import Drawn, draw_slowly, raw_vectors, write_bfm


@pytest.fixture(scope="module")
def drawer(tmp_path_factory: pytest.TempPathFactory) -> FaceDrawer:
    """Of a made Basel model, by their camera and light."""
    model = open_morphable(write_bfm(tmp_path_factory.mktemp("bfm") / "BFM_model_front.mat"))
    return FaceDrawer(model, 3, lens=conventions.lens(), linear=False)


@pytest.fixture(scope="module")
def still() -> Drawn:
    """The face of which the network says nothing."""
    return draw_slowly(bfm_arrays(), np.zeros(257, np.float32))


def vectors_of(drawer: FaceDrawer, raw: np.ndarray) -> np.ndarray:
    """In our order and units."""
    return conventions.to_vectors(torch.from_numpy(raw), drawer.model.mean.mean(0)).numpy()


def test_a_face_drawn_by_their_equations_is_the_face_drawn_by_ours(drawer: FaceDrawer) -> None:
    raw = raw_vectors(3)
    vectors, arrays = vectors_of(drawer, raw), bfm_arrays()
    side, left, up = conventions.window()  # at this side their pixels are ours, moved
    ours = drawer.pictures(vectors, side)
    marks = drawer.landmarks(vectors, side) - (left, up)
    for k, one in enumerate(raw):
        theirs, weighed = draw_slowly(arrays, one), draw_slowly(arrays, one, by_area=True)
        assert np.abs(marks[k] - theirs.landmarks).max() < 0.01
        render, mask = (each[k, up : up + 224, left : left + 224] for each in ours)
        rows, columns = render.shape[:2]  # our crop ends a little before theirs
        covered, picture = theirs.covered[:rows, :columns], theirs.picture[:rows, :columns]
        assert covered.mean() > 0.2 and ((mask > 0) != covered).mean() < 0.01
        inside = cv2.erode((covered & (mask > 0)).astype(np.uint8), np.ones((5, 5))) > 0
        away = np.abs(render / 255 - picture.clip(0, 1))[inside]
        assert away.mean() < 0.006 and np.quantile(away, 0.99) < 0.06
        away = np.abs(render / 255 - weighed.picture[:rows, :columns].clip(0, 1))[inside]
        assert away.mean() < 0.002 and np.quantile(away, 0.99) < 0.006  # what is left is how normals are weighed
        assert picture[inside].std(0).min() > 0.05  # there is something to be wrong about


@pytest.mark.parametrize("at", [224, 225, 226, 227, 236, 245, 254, 255, 256])
def test_no_number_of_pose_or_light_can_be_mistaken_for_another(drawer: FaceDrawer, still: Drawn, at: int) -> None:
    """Each alone moves landmarks or colours by what their equations say."""
    one = np.zeros((1, 257), np.float32)
    one[0, at] = 0.2
    side, left, up = conventions.window()
    vectors, theirs = vectors_of(drawer, one), draw_slowly(bfm_arrays(), one[0])
    assert np.abs(drawer.landmarks(vectors, side)[0] - (left, up) - theirs.landmarks).max() < 0.01
    render = drawer.pictures(vectors, side).renders[0, up : up + 224, left : left + 224] / 255
    both = np.s_[60:150, 70:150]
    assert np.abs(render[both] - theirs.picture[both].clip(0, 1)).mean() < 0.005
    moved = np.abs(theirs.landmarks - still.landmarks).max() > 1
    assert moved or np.abs(theirs.picture - still.picture)[both].mean() > 0.01


def test_the_standard_face_stands_where_aligned_faces_have_their_points() -> None:
    """By their camera, laid back into our crop: the points they align to are about those that we do."""
    size = 256
    focal, middle = conventions.lens().pixels(size)
    placed = conventions.STANDARD
    distance = 10 - placed[:, 2]
    seen = np.stack((focal * placed[:, 0] / distance, -focal * placed[:, 1] / distance), -1) + (size - 1) / 2 + middle
    assert np.abs(seen - template(size)).max() < 0.035 * size


def test_the_standard_points_are_those_of_their_file(real_data: Path) -> None:
    import scipy.io

    marks = scipy.io.loadmat(real_data / "morphable" / "bfm09_side_files" / "similarity_Lm3D_all.mat")["lm"]
    eyes = [(marks[36] + marks[39]) / 2, (marks[42] + marks[45]) / 2]
    np.testing.assert_allclose(conventions.STANDARD, [*eyes, marks[30], marks[48], marks[54]], atol=1e-6)


@pytest.mark.parametrize("size", [224, 256, 600])
def test_the_network_sees_what_their_alignment_would_cut(size: int) -> None:
    """Pillow resizes to whole pixels and crops, as their ``resize_n_crop_img``; ours is a scaling and a slice."""
    draw = np.random.default_rng(1)
    picture = cv2.resize(draw.integers(0, 255, (9, 9, 3), np.uint8), (size, size), interpolation=cv2.INTER_CUBIC)
    points = template(size)
    points[:, 1] = size - 1 - points[:, 1]
    system = np.zeros((10, 8))
    system[::2, :3], system[::2, 3] = conventions.STANDARD, 1
    system[1::2, 4:7], system[1::2, 7] = conventions.STANDARD, 1
    found = np.linalg.lstsq(system, points.reshape(-1), rcond=None)[0]
    scale = 102 / ((np.linalg.norm(found[:3]) + np.linalg.norm(found[4:7])) / 2)
    wide = int(size * scale)
    left = int(wide / 2 - 112 + (found[3] - size / 2) * scale)
    up = int(wide / 2 - 112 + (size / 2 - found[7]) * scale)
    cut = Image.fromarray(picture).resize((wide, wide), Image.Resampling.BICUBIC)
    theirs = np.asarray(cut.crop((left, up, left + 224, up + 224)), np.float32)
    ours = conventions.crop(torch.from_numpy(picture).permute(2, 0, 1)[None].float())[0].permute(1, 2, 0).numpy()
    assert ours.shape == (224, 224, 3)
    inside = min(224, wide - up)  # what lies below our crop is black in theirs, and goes on in ours
    assert np.abs(ours - theirs)[:inside].mean() < 3 and inside > 218
