"""What NS is trained on: a pure function of seed, epoch and index, whose masks fit its pictures."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import MACHINE, with_flag
from occset.models.segmentation.mix import Mix, training_types
from occset.models.segmentation.samples import SegmentationSamples
from occset.support.errors import OccsetError


def test_weights_of_types_add_up_and_leave_spectacles_out() -> None:
    types = training_types(["mask", "hand", "spectacles", "sunglasses"])
    assert types["bare"] == ((), 0.2)
    single = {name: weight for name, (layers, weight) in types.items() if len(layers) == 1}
    double = {name: weight for name, (layers, weight) in types.items() if len(layers) == 2}
    assert set(single) == {"mask", "hand", "sunglasses"}
    assert set(double) == {
        "hand and hand", "hand and mask", "hand and sunglasses", "mask and mask", "mask and sunglasses",
        "sunglasses and sunglasses",
    }  # fmt: skip
    assert sum(double.values()) == pytest.approx(0.2)
    assert sum(single.values()) == pytest.approx(0.6)
    assert training_types(["spectacles"]) == {"bare": ((), 1.0)}


def test_sample_depends_on_seed_epoch_and_index_alone(plain_set: OcclusionSet) -> None:
    samples = SegmentationSamples(plain_set, 64, epoch_size=10, seed=3)
    first = samples(1, 4)
    other = pickle.loads(pickle.dumps(SegmentationSamples(plain_set, 64, epoch_size=10, seed=3)))
    for index in (7, 2, 4):  # in another process, in another order
        again = other(1, index)
    assert all(np.array_equal(first[k], again[k]) for k in ("image", "mask"))
    for changed in (samples(1, 5), samples(2, 4), SegmentationSamples(plain_set, 64, 10, seed=4)(1, 4)):
        assert not np.array_equal(first["image"], changed["image"])
    assert samples(0, 10)["image"].tobytes() == samples(1, 0)["image"].tobytes()  # epochs follow on each other


def test_shapes_and_kinds(plain_set: OcclusionSet) -> None:
    sample = SegmentationSamples(plain_set, 96, 10)(0, 0)
    assert sample["image"].shape == (96, 96, 3) and sample["image"].dtype == np.uint8
    assert sample["mask"].shape == (96, 96) and sample["mask"].dtype == np.uint8


def test_only_the_split_is_drawn_from(plain_set: OcclusionSet) -> None:
    samples = SegmentationSamples(plain_set, 64, 100)
    split = {t: getattr(plain_set, t).set_index("id")["split"] for t in ("faces", "occluders", "textures")}
    recipes = [samples.drawer.draw(i) for i in range(60)]
    assert {split["faces"][r.face] for r in recipes} == {"train"}
    assert {split["occluders"][layer.occluder] for r in recipes for layer in r.layers} == {"train"}
    assert {split["textures"][layer.texture] for r in recipes for layer in r.layers if layer.texture} == {"train"}
    assert {len(r.layers) for r in recipes} == {0, 1, 2}


def test_without_changes_a_sample_is_what_its_recipe_renders_to(plain_set: OcclusionSet) -> None:
    samples = SegmentationSamples(plain_set, 64, 10, changes=False)
    sample = samples.drawer.renderer.render(samples.drawer.draw(13))
    found = samples(1, 3)
    assert np.array_equal(found["image"], sample.image) and np.array_equal(found["mask"], sample.face_soft)


def test_changes_move_picture_and_mask_alike(plain_set: OcclusionSet) -> None:
    # a plain face is one colour inside its mask: on bare samples nearly all pixels of the mask look like its middle
    samples = SegmentationSamples(plain_set, 96, 200)
    shares = []
    for index in range(200):
        if samples.drawer.draw(index).layers:
            continue
        sample = samples(0, index)
        inside = sample["image"][sample["mask"] > 250].astype(int)
        near = np.abs(inside - np.median(inside, axis=0)).max(axis=1) < 60
        shares.append(near.mean())
    assert len(shares) > 20
    assert np.mean(shares) > 0.85  # eyes and mouth are another colour


def test_categories_and_faces_can_be_named(plain_set: OcclusionSet) -> None:
    faces = tuple(plain_set.faces.loc[plain_set.faces["split"] == "train", "id"][:2])
    samples = SegmentationSamples(plain_set, 64, 50, faces=faces, categories=("mask",))
    recipes = [samples.drawer.draw(i) for i in range(20)]
    assert {r.face for r in recipes} == set(faces)
    category = plain_set.occluders.set_index("id")["category"]
    assert {category[layer.occluder] for r in recipes for layer in r.layers} == {"mask"}
    with pytest.raises(OccsetError, match="'no-such'"):
        SegmentationSamples(plain_set, 64, 50, categories=("no-such",))


def test_a_mix_says_what_is_shown_and_how_often() -> None:
    plain, mixed = (training_types(["hand", "mask", "spectacles"], mix) for mix in (None, Mix(0.1, 0.5, {"hand": 3.0})))
    assert plain["hand"][1] == pytest.approx(0.3) and plain["mask"][1] == pytest.approx(0.3)
    assert mixed["bare"][1] == pytest.approx(0.1)
    assert mixed["hand"][1] == pytest.approx(0.4 * 3 / 4) and mixed["mask"][1] == pytest.approx(0.4 / 4)
    assert mixed["hand and hand"][1] == pytest.approx(0.5 * 36 / (36 + 12 + 4))
    assert not [name for name in mixed if "spectacles" in name]


def test_faces_labelled_by_hand_have_more_turns(plain_set: OcclusionSet, tmp_path: Path) -> None:
    shutil.copytree(plain_set.path, tmp_path / "set")
    data = OcclusionSet(tmp_path / "set")
    train = sorted(data.faces.loc[data.faces["split"] == "train", "id"])
    machine = train[0]
    with data.replacing() as change:
        change.put_faces([{"id": machine, "flags": with_flag(data.face_row(machine), MACHINE, "ns 0123")}])
    samples = SegmentationSamples(data, 64, 10, mix=Mix(labelled=3))
    turns = [samples.drawer.faces[at] for at in samples.drawer.order]
    assert turns.count(machine) == 1
    assert {turns.count(face) for face in train[1:] if face in turns} == {3}
