"""Masks by a model: whom it may label, when it is sure, and that a person's word and a source's replace it."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import MACHINE, flag_of, flags_of
from occset.importing.add_source import add_source
from occset.mining.machine_masks import Surety, is_sure, label_faces
from occset.pictures.images import read_image, write_png
from occset.pictures.masks import write_mask
from occset.rounds.closing import close_round
from occset.rounds.opening import open_chosen
from occset.support.errors import OccsetError

SIDE = 64


def disc(at: tuple[int, int] = (32, 32), radius: int = 18) -> np.ndarray:
    chance = np.zeros((SIDE, SIDE), np.float32)
    cv2.circle(chance, at, radius, 1.0, -1)
    return chance


class Discs:
    """Calls face what is brighter than 100, and half of it unsure where the picture's corner is white."""

    name = "discs"
    size = SIDE
    weights_hash = "0123456789abcdef"

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        found = (images[..., 0] > 100).astype(np.float32)
        for chance, image in zip(found, images, strict=True):
            if image[0, 0, 0] == 90:
                chance[:, :32] *= 0.6
        return found


MODEL = f"{__name__}:Discs" if __name__.startswith("tests.") else "tests.occset.mining.test_machine_masks:Discs"


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 24 unlabelled photos and a set of them, made once: looking for faces in them takes its time."""
    folder = tmp_path_factory.mktemp("imported")
    rng = np.random.default_rng(0)
    for number in range(24):
        noise = cv2.resize(rng.integers(0, 60, (8, 8, 3), np.uint8), (128, 128), interpolation=cv2.INTER_NEAREST)
        cv2.circle(noise, (64 + number % 5, 60 + number % 7), 36, (180, 160 + number, 140), -1)
        noise[0:4, 0:4] = 90 if number == 7 else 0
        write_png(folder / "photos" / f"p{number:02d}.png", noise)
    data = OcclusionSet.create(folder / "set")
    add_source(data, "faces", f"photos:{folder / 'photos'}?align=no", workers=1)
    return folder


@pytest.fixture
def photos(imported: Path, tmp_path: Path) -> OcclusionSet:
    """A set of 24 unlabelled photos of bright discs, each of another place and texture, one of which is doubtful."""
    shutil.copytree(imported, tmp_path, dirs_exist_ok=True)
    return OcclusionSet(tmp_path / "set")


def test_only_train_faces_that_it_is_sure_of_get_a_mask(photos: OcclusionSet) -> None:
    splits = dict(zip(photos.faces["id"], photos.faces["split"], strict=True))
    doubtful = set(photos.faces.loc[photos.faces["source_id"].eq("p07.png") & photos.faces["split"].eq("train"), "id"])
    done = label_faces(photos, MODEL, workers=1)
    photos.refresh()
    have = set(photos.faces.loc[photos.faces["mask"].notna(), "id"])
    assert set(done.left) == doubtful and not done.problems
    assert have == {face for face, split in splits.items() if split == "train"} - doubtful
    assert done.labelled == len(have) > 0
    assert {flags_of(photos.face_row(face))[MACHINE] for face in have} == {"discs 0123456789ab"}
    face = min(have)
    image, mask = photos.load_face(face)
    assert mask.shape == (128, 128)
    found, bright = mask > 0, image[..., 0] > 100
    assert (found & bright).sum() / (found | bright).sum() > 0.93


def test_again_it_labels_nothing_twice_and_importing_again_keeps_what_it_said(photos: OcclusionSet) -> None:
    label_faces(photos, MODEL, workers=1)
    photos.refresh()
    before = photos.content_hash()
    assert label_faces(photos, MODEL, workers=1).labelled == 0
    folder = photos.path.parent / "photos"
    report = add_source(photos, "faces", f"photos:{folder}?align=no", workers=1)
    photos.refresh()
    assert report.updated == 0 and photos.content_hash() == before


def test_whoever_labels_the_face_replaces_the_model(photos: OcclusionSet, tmp_path: Path) -> None:
    label_faces(photos, MODEL, workers=1)
    photos.refresh()
    face = min(photos.faces.loc[photos.faces["mask"].notna(), "id"])
    open_chosen(photos, [face])
    by_hand = np.where(disc((32, 40), 20) > 0, 255, 0).astype(np.uint8)
    write_mask(tmp_path / "labels" / f"{face}.png", cv2.resize(by_hand, (128, 128), interpolation=cv2.INTER_NEAREST))
    close_round(photos, tmp_path / "labels")
    photos.refresh()
    assert MACHINE not in flags_of(photos.face_row(face))
    assert flag_of(photos.faces, MACHINE).ne("").sum() == photos.faces["mask"].notna().sum() - 1


@pytest.mark.parametrize(
    ("straight", "mirrored", "sure"),
    [
        (disc(), disc(), True),
        (disc(), disc((40, 32)), False),  # the two do not agree
        (disc(radius=5), disc(radius=5), False),  # too small for a face
        (disc(radius=40), disc(radius=40), False),  # too large for one
        (np.maximum(disc((16, 32), 12), disc((48, 32), 12)), np.maximum(disc((16, 32), 12), disc((48, 32), 12)), False),
        (np.maximum(disc(), 0.3 * disc(radius=28)), np.maximum(disc(), 0.3 * disc(radius=28)), False),  # a wide edge
        (np.zeros((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), np.float32), False),
    ],
    ids=["disc", "moved", "small", "large", "two", "edge", "nothing"],
)
def test_when_it_is_sure(straight: np.ndarray, mirrored: np.ndarray, sure: bool) -> None:
    assert is_sure(straight, mirrored, Surety()) is sure


def test_a_set_without_unlabelled_faces_is_left_as_it_is(plain_set: OcclusionSet, tmp_path: Path) -> None:
    shutil.copytree(plain_set.path, tmp_path / "set")
    data = OcclusionSet(tmp_path / "set")
    before = data.content_hash()
    assert label_faces(data, MODEL, workers=1).labelled == 0
    data.refresh()
    assert data.content_hash() == before
    with pytest.raises(OccsetError, match="no-such"):
        label_faces(data, "no-such", workers=1)


def test_a_source_of_photos_brings_masks_of_a_network_for_its_train_faces_alone(imported: Path, tmp_path: Path) -> None:
    data = OcclusionSet(shutil.copytree(imported / "set", tmp_path / "set"))  # whose faces stay without masks
    held = set(data.faces["id"])
    for photo in sorted((imported / "photos").iterdir())[:12]:
        write_png(tmp_path / "more" / photo.name, np.ascontiguousarray(read_image(photo)[:, :, ::-1]))
    report = add_source(data, "faces", f"photos:{tmp_path / 'more'}?align=no&masks={MODEL}", workers=1)
    faces = data.faces
    labelled = faces["mask"].notna()
    assert labelled.any() and set(faces.loc[labelled, "split"]) == {"train"}
    assert not held & set(faces.loc[labelled, "id"])
    assert set(flag_of(faces[labelled], MACHINE)) == {"discs 0123456789ab"}
    assert f"{labelled.sum()} train faces got their mask" in report.notes[-1]
    with pytest.raises(OccsetError):
        add_source(data, "faces", f"photos:{imported / 'photos'}?align=no&masks=nss", workers=1)
    with pytest.raises(OccsetError, match="masks= names no network"):
        add_source(data, "faces", f"photos:{imported / 'photos'}?align=no&masks=", workers=1)


def test_only_the_faces_that_are_named_are_labelled(imported: Path, tmp_path: Path) -> None:
    data = OcclusionSet(shutil.copytree(imported / "set", tmp_path / "set"))
    one = sorted(data.faces.loc[data.faces["split"] == "train", "id"])[0]
    assert label_faces(data, MODEL, workers=1, only={one}).labelled == 1
    assert list(data.faces.loc[data.faces["mask"].notna(), "id"]) == [one]
