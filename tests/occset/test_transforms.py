from __future__ import annotations

import pickle
import warnings
from typing import Any

import cv2
import numpy as np
import pytest

from occset.composition.compose import blend, cover
from occset.dataset.occlusion_set import OcclusionSet
from occset.pictures.masks import harden
from occset.support.errors import OccsetError

A = pytest.importorskip("albumentations")
from occset import transforms  # noqa: E402
from occset.transforms import OccludeFace, TrainingChanges, left_before_right  # noqa: E402

KEYPOINTS = A.KeypointParams("xy", remove_invisible=False)


@pytest.fixture
def face(plain_set: OcclusionSet) -> dict[str, Any]:
    name = plain_set.faces["id"][0]
    image, mask = plain_set.load_face(name)
    return {"image": image, "mask": mask, "keypoints": plain_set.face_landmarks(name)}


def compose(*steps: Any, seed: int = 0, **options: Any) -> Any:
    return A.Compose(list(steps), keypoint_params=KEYPOINTS, seed=seed, **options)


def test_the_usage_in_the_docstring_works(plain_set: OcclusionSet) -> None:
    lines = [line[4:] for line in transforms.__doc__.splitlines() if line.startswith("    ")]
    face = plain_set.faces["id"][0]
    image, face_mask = plain_set.load_face(face)
    names = {"A": A, "OccludeFace": OccludeFace, "data": plain_set}
    names |= {"face": face, "image": image, "face_mask": face_mask}
    exec("\n".join(lines), names)
    assert names["out"]["image"].shape == image.shape
    assert names["out"]["mask"].shape == face_mask.shape


def test_the_same_seed_gives_the_same_and_the_next_call_another(plain_set: OcclusionSet, face: dict[str, Any]) -> None:
    one, other = (compose(OccludeFace(plain_set, p=1.0), seed=7) for _ in range(2))
    first, again = one(**face), other(**face)
    assert np.array_equal(first["image"], again["image"])
    assert np.array_equal(first["mask"], again["mask"])
    assert not np.array_equal(one(**face)["image"], first["image"])
    assert not np.array_equal(compose(OccludeFace(plain_set, p=1.0), seed=8)(**face)["image"], first["image"])


def test_image_and_mask_come_from_one_alpha(plain_set: OcclusionSet, face: dict[str, Any]) -> None:
    step = OccludeFace(plain_set, p=1.0)
    pipeline = compose(step)
    for _ in range(20):
        out = pipeline(**face)
        colour, alpha = step.params["colour"], step.params["alpha"]
        assert np.array_equal(out["image"], blend(face["image"], colour, alpha))
        assert np.array_equal(out["mask"], harden(cover(face["mask"], alpha)))
        assert np.count_nonzero(out["mask"]) <= 0.98 * np.count_nonzero(face["mask"])
        assert np.allclose(out["keypoints"], face["keypoints"])


def test_the_input_stays_as_it_was(plain_set: OcclusionSet, face: dict[str, Any]) -> None:
    before = {name: value.copy() for name, value in face.items()}
    compose(OccludeFace(plain_set, p=1.0))(**face)
    assert all(np.array_equal(face[name], before[name]) for name in face)


def test_the_occluder_follows_a_face_that_was_flipped_or_turned(plain_set: OcclusionSet, face: dict[str, Any]) -> None:
    """Sunglasses hide the eyes wherever an earlier transform has put them."""
    for earlier in (A.HorizontalFlip(p=1.0), A.Rotate((25, 25), p=1.0), A.VerticalFlip(p=1.0), A.Resize(128, 128)):
        pipeline = compose(earlier, OccludeFace(plain_set, categories=("sunglasses",), p=1.0))
        out = pipeline(**face)
        moved = compose(earlier)(**face)
        for x, y in moved["keypoints"][:2]:
            assert out["mask"][round(y), round(x)] == 0
            assert moved["mask"][round(y), round(x)] == 255


def test_hair_stays_on_the_forehead_of_a_flipped_face(plain_set: OcclusionSet, face: dict[str, Any]) -> None:
    step = OccludeFace(plain_set, categories=("hair",), p=1.0)
    pipeline = compose(A.HorizontalFlip(p=1.0), step)
    for _ in range(5):
        pipeline(**face)
        rows = np.nonzero(step.params["alpha"] > 127)[0]
        assert rows.mean() < face["keypoints"][:2, 1].mean()


def test_labels_of_other_kinds_keep_theirs(plain_set: OcclusionSet, face: dict[str, Any]) -> None:
    step = OccludeFace(plain_set, p=1.0)
    labels = np.where(face["mask"] > 0, 7, 3).astype(np.int32)
    out = compose(step)(image=face["image"], mask=labels, masks=[face["mask"], labels], keypoints=face["keypoints"])
    hidden = step.params["alpha"] > 127
    assert hidden.any()
    assert out["mask"].dtype == np.int32
    assert np.array_equal(out["mask"], np.where(hidden, 0, labels))
    assert np.array_equal(out["masks"][0], harden(cover(face["mask"], step.params["alpha"])))
    one = compose(OccludeFace(plain_set, p=1.0))(**{**face, "mask": face["mask"][..., None]})
    assert one["mask"].shape == (256, 256, 1)


def test_strict_pipelines_probability_and_missing_masks(plain_set: OcclusionSet, face: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipeline = compose(OccludeFace(plain_set, p=0.5), strict=True)
        changed = [not np.array_equal(pipeline(**face)["image"], face["image"]) for _ in range(60)]
    assert 15 < sum(changed) < 45
    out = compose(OccludeFace(plain_set, p=1.0))(image=face["image"], keypoints=face["keypoints"])
    assert not np.array_equal(out["image"], face["image"])


def test_only_what_was_named_is_drawn(plain_set: OcclusionSet, face: dict[str, Any]) -> None:
    step = OccludeFace(plain_set, categories=("mask", "hand"), split="test", p=1.0)
    rows = plain_set.occluders.set_index("id")
    assert {rows["category"][i] for ids in step.by_category.values() for i in ids} == {"mask", "hand"}
    assert {rows["split"][i] for ids in step.by_category.values() for i in ids} == {"test"}
    with pytest.raises(OccsetError, match=r"no occluder of \('scarf',\) in the split 'train'"):
        OccludeFace(plain_set, categories=("scarf",))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"image": np.zeros((256, 200, 3), np.uint8), "mask": np.zeros((256, 200), np.uint8)},
            "square RGB image in uint8",
        ),
        ({"image": np.zeros((256, 256, 3), np.float32)}, "square RGB image in uint8, got .* float32"),
        ({"keypoints": np.zeros((4, 2))}, r"five points of the face as keypoints.*remove_invisible=False"),
        ({"keypoints": np.full((5, 2), 9.0)}, "landmarks that span no face"),
    ],
)
def test_what_cannot_be_used_is_said(
    plain_set: OcclusionSet, face: dict[str, Any], changes: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(OccsetError, match=message):
        compose(OccludeFace(plain_set, p=1.0))(**{**face, **changes})


def test_without_points_the_remedy_is_said(plain_set: OcclusionSet, face: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="keypoints"):
        A.Compose([OccludeFace(plain_set, p=1.0)])(image=face["image"])


def test_a_pipeline_travels_to_a_loaders_worker(plain_set: OcclusionSet, face: dict[str, Any]) -> None:
    pipeline = compose(OccludeFace(plain_set, p=1.0), seed=3)
    assert "OccludeFace(p=1.0" in repr(pipeline)
    there = pickle.loads(pickle.dumps(pipeline))
    assert np.array_equal(there(**face)["image"], pipeline(**face)["image"])


def test_left_and_right_are_put_back_after_a_flip(face: dict[str, Any]) -> None:
    points = face["keypoints"]
    flipped = points * [-1, 1] + [255, 0]
    back = left_before_right(flipped)
    assert back[0, 0] < back[1, 0] and back[3, 0] < back[4, 0]
    assert np.array_equal(left_before_right(points), points)
    upside_down = 255 - points
    assert np.array_equal(left_before_right(upside_down), upside_down)  # turned, not mirrored


def test_training_changes_are_a_function_of_the_seed() -> None:
    changes = TrainingChanges(64)
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (80, 80, 3), np.uint8)
    mask = np.zeros((80, 80), np.uint8)
    mask[20:60, 20:60] = 255
    first, other = changes(image, mask, 5), changes(image, mask, 6)
    again = TrainingChanges(64)(image, mask, 5)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
    assert first[0].shape == (64, 64, 3) and first[1].shape == (64, 64) and first[1].dtype == np.uint8


def test_training_changes_keep_the_size_of_a_face_on_average() -> None:
    # a square of half the canvas covers a quarter of it; scaled by 0.85 to 1.25 it stays about that large
    changes, mask = TrainingChanges(64), np.zeros((80, 80), np.uint8)
    mask[20:60, 20:60] = 255
    picture = np.zeros((80, 80, 3), np.uint8)
    shares = [changes(picture, mask, seed)[1].mean() / 255 for seed in range(200)]
    assert min(shares) > 0.7 * 0.25 and max(shares) < 1.7 * 0.25
    assert np.mean(shares) == pytest.approx(0.25 * 1.05**2, rel=0.08)


def canvas_of(changes: TrainingChanges) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    image = cv2.resize(rng.integers(0, 255, (10, 10, 3), np.uint8), (changes.canvas,) * 2)
    mask = np.zeros((changes.canvas,) * 2, np.uint8)
    cv2.circle(mask, (changes.canvas // 2, changes.canvas // 2 - 5), changes.canvas // 4, 255, -1)
    return image, mask


@pytest.mark.parametrize("seed", range(12))
def test_any_number_of_things_move_as_one_picture_and_its_mask_do(seed: int) -> None:
    changes = TrainingChanges(64)
    image, mask = canvas_of(changes)
    wanted, wanted_mask = changes(image, mask, seed)
    found = changes.apply(
        seed,
        {"image": image, "clean": image},
        {"mask": mask, "render": np.repeat(mask[..., None], 3, axis=2), "other": mask},
    )
    assert np.array_equal(found.pictures["image"], wanted) and np.array_equal(found.pictures["clean"], wanted)
    assert np.array_equal(found.moved["mask"], wanted_mask) and np.array_equal(found.moved["other"], wanted_mask)
    assert np.array_equal(found.moved["render"], np.repeat(wanted_mask[..., None], 3, axis=2))


def test_points_stay_on_what_they_marked() -> None:
    # a dot in a mask, and the point on it: both are moved, and the matrix says how; mirrored as often as not
    changes, mirrored = TrainingChanges(96), []
    image, _ = canvas_of(changes)
    for seed in range(30):
        dot = np.zeros((changes.canvas,) * 2, np.uint8)
        place = np.random.default_rng(seed).integers(45, 75, 2)
        cv2.circle(dot, (int(place[0]), int(place[1])), 5, 255, -1)
        found = changes.apply(seed, {"image": image}, {"dot": dot}, {"one": place[None], "none": np.zeros((0, 2))})
        weight = found.moved["dot"].astype(float)
        rows, columns = np.mgrid[:96, :96]
        centre = np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()
        assert np.abs(found.points["one"][0] - centre).max() < 0.35
        assert np.abs(found.matrix @ [*place, 1.0] - found.points["one"][0]).max() < 1e-3
        assert found.points["none"].shape == (0, 2)
        mirrored.append(found.mirrored)
    assert 5 < sum(mirrored) < 25


def test_what_cannot_be_changed_is_named() -> None:
    changes = TrainingChanges(64)
    image, mask = canvas_of(changes)
    with pytest.raises(OccsetError, match=r"mask is uint8 \(64, 64\): give uint8 of 80 x 80"):
        changes.apply(0, {"image": image}, {"mask": mask[:64, :64]})
    with pytest.raises(OccsetError, match="two things to change are called image"):
        changes.apply(0, {"image": image}, {"image": mask})
    with pytest.raises(OccsetError, match="at least one picture"):
        changes.apply(0, {}, {"mask": mask})
