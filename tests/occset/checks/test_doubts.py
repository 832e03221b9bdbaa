"""Faces that a person should look at: each kind is found, sound ones are left alone, and the page shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from occset.checks import doubts
from occset.checks.doubts import find_doubts
from occset.dataset.embeddings import save_embeddings
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import MACHINE, with_flag
from occset.mining import options
from occset.pictures.images import shrink
from occset.pictures.masks import decode_rle, encode_rle, shrink_mask

SIZE = 128


class Knows:
    """A segmenter that knows the right answer to each picture."""

    name, size = "knows", SIZE
    answers: dict[bytes, np.ndarray] = {}  # noqa: RUF012 - filled by a fixture

    def segment(self, images: np.ndarray) -> np.ndarray:
        return np.stack([self.answers[image.tobytes()] for image in images])


class Detector:
    def detect(self, image: np.ndarray, scales: int | None = None) -> list[str]:
        return [] if image[:8].mean() > 250 else ["a face"]


MODEL = f"{__name__}:Knows" if __name__.startswith("tests.") else "tests.occset.checks.test_doubts:Knows"


@pytest.fixture
def data(copy_set: Callable[..., OcclusionSet], monkeypatch: pytest.MonkeyPatch) -> Iterator[OcclusionSet]:
    made = copy_set()
    monkeypatch.setattr(doubts, "detector_if_there", Detector)
    for face in made.faces["id"]:
        image, mask = made.load_face(face)
        Knows.answers[shrink(image, SIZE).tobytes()] = shrink_mask(mask, SIZE)
    yield made
    Knows.answers.clear()


def relabel(data: OcclusionSet, face: str, change: Callable[[np.ndarray], np.ndarray], **more: Any) -> None:
    row = data.face_row(face)
    mask = decode_rle(row["mask"], row["height"], row["width"])
    with data.replacing() as transaction:
        transaction.put_faces([{"id": face, "mask": encode_rle(change(mask)), **more}])


def found_in(data: OcclusionSet) -> dict[str, list[str]]:
    found = find_doubts(data, MODEL, workers=1)
    assert found.problems == [] and found.notes == []
    said: dict[str, list[str]] = {}
    for doubt in found.doubts:
        said.setdefault(doubt.face, []).append(f"{doubt.kind}: {doubt.message}")
    return said


def test_sound_labels_are_left_alone(data: OcclusionSet) -> None:
    assert [text for said in found_in(data).values() for text in said if text.startswith("label")] == []


def test_each_fault_of_a_label_is_found_and_nothing_else(data: OcclusionSet) -> None:
    before = found_in(data)
    shifted, full, inverted, empty = data.faces["id"][:4]
    relabel(data, shifted, lambda mask: np.roll(mask, mask.shape[1] // 20, 1))
    relabel(data, full, lambda mask: np.full_like(mask, 255))
    relabel(data, inverted, lambda mask: 255 - mask)
    relabel(data, empty, np.zeros_like)
    after = found_in(data)
    new = {face: [text for text in said if text not in before.get(face, [])] for face, said in after.items()}
    new = {face: said for face, said in new.items() if said}
    assert set(new) == {shifted, full, inverted, empty}
    assert "too far to the right" in new[shifted][0] and "100% of the picture" in new[full][0]
    assert "inverted" in new[inverted][0] and new[empty] == ["label: its label is empty"]


def test_a_label_of_another_face_is_found(data: OcclusionSet) -> None:
    face = data.faces["id"][0]
    relabel(data, face, lambda mask: np.ascontiguousarray(np.rot90(mask)))
    assert any("label" in text for text in found_in(data)[face])


def test_what_a_model_labelled_is_not_held_against_a_model(data: OcclusionSet) -> None:
    face = data.faces["id"][0]
    flags = with_flag(data.face_row(face), MACHINE, "ns 0123")
    relabel(data, face, lambda mask: np.roll(mask, mask.shape[1] // 10, 1), flags=flags)
    assert not any(text.startswith("label") for text in found_in(data).get(face, []))


def test_a_photo_that_comes_twice_is_told_on_both_and_a_look_alike_is_not(
    data: OcclusionSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doubts, "near_pairs", lambda hashes: [(2, 3, 5)])  # alike by their hash alone
    axes = np.eye(len(data.faces), 512, dtype=np.float32)
    axes[1] = 0.9 * axes[0] + np.sqrt(1 - 0.81) * axes[1]
    save_embeddings(data, dict(zip(data.faces["id"], axes, strict=True)), "model")
    said = {face: [text for text in found if text.startswith("duplicate")] for face, found in found_in(data).items()}
    first, second = data.faces["id"][:2]
    assert {face for face, texts in said.items() if texts} == {first, second}
    assert second in said[first][0] and first in said[second][0]
    leak = ", in another split: a leak"
    assert (leak in said[first][0]) == (data.faces["split"][0] != data.faces["split"][1])


def test_a_picture_without_a_face_is_told_and_a_lost_one_is_named(
    data: OcclusionSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    blank, lost = data.faces["id"][:2]
    (data.path / data.face_row(lost)["image"]).unlink()
    load = OcclusionSet.load_image
    white = {blank: load(data, blank) | np.uint8(255)}
    Knows.answers[shrink(white[blank], SIZE).tobytes()] = shrink_mask(data.load_face(blank)[1], SIZE)
    monkeypatch.setattr(
        OcclusionSet, "load_image", lambda self, face: white.get(face) if face in white else load(self, face)
    )
    found = find_doubts(OcclusionSet(data.path), MODEL, workers=1)
    assert [doubt.face for doubt in found.doubts if doubt.kind == "photo"] == [blank]
    assert [face for face, _ in found.problems] == [lost]


def test_a_file_in_the_place_of_the_page_is_told_before_anything_is_looked_at(
    data: OcclusionSet, occset: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "DEFAULT_MODEL", "nobody:Nothing")
    (tmp_path / "page").write_text("mine")
    done = occset("check", data.path, "--doubts", tmp_path / "page", "--workers", 1)
    assert done.status == 2 and "name a folder for the page" in done.err
    assert (tmp_path / "page").read_text() == "mine"


def test_the_page_shows_them_alone_with_their_reasons(
    data: OcclusionSet, occset: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "DEFAULT_MODEL", MODEL)
    face = data.faces["id"][0]
    relabel(data, face, lambda mask: np.full_like(mask, 255))
    done = occset("check", data.path, "--doubts", tmp_path / "page", "--workers", 1)
    assert "faces to look at" in done.err
    page = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert "it covers 100% of the picture" in page and face in page and "doubt: label" in page
    sound = [other for other in data.faces["id"] if other not in done.out]
    assert sound and not any(other in page for other in sound)
