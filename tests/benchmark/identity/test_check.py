"""The check of an ArcFace file on a set: arithmetic on vectors made by hand, and the verb on a plain set."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from occset.benchmark.identity import check
from occset.benchmark.identity.check import Copies, check_identity, compare_copies, copies_of, count_alike, lines_of
from occset.dataset.occlusion_set import OcclusionSet
from occset.models.arcface import TEMPLATE, ArcFaceFile
from occset.support.errors import OccsetError
from tests.fixture_types import Occset

POINTS = (TEMPLATE - 56) * 3 + 256


class Network:
    """Embeds a warped face as its left and right brightness, or as told."""

    def __init__(self, embed: Callable[[np.ndarray], np.ndarray] | None = None) -> None:
        self.embed = embed or self.halves

    @staticmethod
    def halves(pictures: np.ndarray) -> np.ndarray:
        return np.stack(
            [half.mean(axis=(1, 2, 3)) for half in np.split(pictures.astype(np.float32), 2, axis=2)], axis=1
        )

    def embed_aligned(self, aligned: np.ndarray) -> np.ndarray:
        vectors = self.embed(aligned)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def by_name(lines: list[check.Line]) -> dict[str, check.Line]:
    return {line.figure: line for line in lines}


def test_pairs_are_counted_once_and_those_of_one_known_identity_not_at_all() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1], [0.8, 0.6]], np.float32)  # cosines 1, 0, .8, 0, .8, .6
    assert count_alike(vectors) == (4, 6)
    assert count_alike(vectors, ["a", "a", None, None]) == (3, 5)
    assert count_alike(vectors, ["a", "a", "b", "a"]) == (1, 3)
    assert count_alike(vectors, [None] * 4) == (4, 6), "two of unknown identity are not of one"
    assert count_alike(vectors, ["a"] * 4) == (0, 0)
    assert count_alike(vectors[:1]) == (0, 0)


def test_the_threshold_is_exceeded_not_met() -> None:
    vectors = np.array([[1, 0], [0.4, np.sqrt(1 - 0.16)], [0.41, np.sqrt(1 - 0.41**2)]])
    assert count_alike(vectors[[0, 1]]) == (0, 1)
    assert count_alike(vectors[[0, 2]]) == (1, 1)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = [None if i % 3 else f"p{i % 5}" for i in range(50)]
    slow = [
        vectors[i] @ vectors[j] > 0.4
        for i in range(50)
        for j in range(i + 1, 50)
        if names[i] is None or names[i] != names[j]
    ]
    assert count_alike(vectors, names) == (sum(slow), len(slow))
    monkeypatch.setattr(check, "_BLOCK", 7)
    assert count_alike(vectors, names) == (sum(slow), len(slow))


def test_a_mirrored_photo_is_warped_by_its_own_eyes() -> None:
    rng = np.random.default_rng(3)
    image = np.repeat(np.repeat(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8), 32, 0), 32, 1)
    points = POINTS + rng.normal(0, 6, POINTS.shape)
    found = copies_of(image, points)
    # the template is not quite symmetric, so the mirror of the warp is the warp of the mirror but for a pixel or so
    assert np.abs(found.mirrored[:, ::-1].astype(int) - found.photo).mean() < 12
    assert np.abs(found.mirrored.astype(int) - found.photo).mean() > 40


def test_the_light_of_a_copy_is_seeded_and_differs_from_photo_to_photo() -> None:
    grey = np.full((512, 512, 3), 128, np.uint8)
    first, again, other = (copies_of(grey, POINTS, seed).relit for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.abs(first.astype(int) - copies_of(grey, POINTS).photo).mean() > 3
    paler = copies_of(grey + 1, POINTS).relit
    assert np.abs(paler.astype(int) - first).mean() > 3


def test_cosines_of_copies() -> None:
    left = np.zeros((112, 112, 3), np.uint8)
    left[:, :56] = 200
    both = np.full_like(left, 90)
    copied = [check.Aligned(left, left[:, ::-1], left // 2), check.Aligned(both, both, left)]
    same, mirrored, relit = compare_copies(Network(), copied)
    np.testing.assert_allclose(same, 1, atol=1e-6)
    np.testing.assert_allclose(mirrored, [0, 1], atol=1e-6)
    np.testing.assert_allclose(relit, [1, np.sqrt(0.5)], atol=1e-6)


def test_an_embedding_that_depends_on_its_place_in_the_batch_is_not_the_same() -> None:
    def by_place(pictures: np.ndarray) -> np.ndarray:
        return np.eye(len(pictures), 4, dtype=np.float32)

    copied = [check.Aligned(*np.zeros((3, 112, 112, 3), np.uint8)) for _ in range(3)]
    np.testing.assert_allclose(compare_copies(Network(by_place), copied).same, [0, 1, 0])


GOOD = np.array([0.9, 0.7], np.float32)


@pytest.mark.parametrize(
    ("alike", "same", "mirrored", "relit", "wrong"),
    [
        (4, [1, 1], GOOD, GOOD, []),
        (5, [1, 1], GOOD, GOOD, ["share of them above 0.4"]),
        (0, [1, 0.999], GOOD, GOOD, ["a photo and itself, lowest"]),
        (0, [1, 1], [0.9, 0.6], GOOD, ["mirrored copy, lowest"]),
        (0, [1, 1], GOOD, [0.59, 0.99], ["relit copy, lowest"]),
    ],
)
def test_what_is_expected(
    alike: int, same: list[float], mirrored: list[float], relit: list[float], wrong: list[str]
) -> None:
    found = lines_of(40, alike, 1000, Copies(*(np.array(part) for part in (same, mirrored, relit))))
    assert [line.figure for line in found if not line.holds] == wrong
    assert by_name(found)["share of them above 0.4"].value == alike / 1000
    assert by_name(found)["mirrored copy, mean"].value == pytest.approx(np.mean(mirrored))
    assert by_name(found)["relit copy, lowest"].value == pytest.approx(np.min(relit))


def test_a_set_is_measured_face_by_face(plain_set: OcclusionSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "COPIED", 6)
    seen: list[tuple[int, int]] = []
    lines = check_identity(plain_set, Network(), progress=lambda done, total: seen.append((done, total)))
    found = by_name(lines)
    assert (found["faces with landmarks"].value, found["faces copied"].value) == (20, 6)
    assert found["pairs of different photos"].value == 20 * 19 / 2
    assert found["share of them above 0.4"].value == 1, "two brightnesses, both above zero, are always alike"
    assert found["a photo and itself, lowest"].holds
    assert seen == [(20, 20)]
    assert lines == check_identity(plain_set, Network())


def test_known_identities_and_missing_landmarks_are_left_out(copy_set: Callable[[str], OcclusionSet]) -> None:
    data = copy_set("known")
    faces = data.faces.copy()
    faces["identity"] = ["twin", "twin", *[None] * 18]
    faces.at[5, "landmarks"] = None
    data.write("faces", faces)
    found = by_name(check_identity(data, Network()))
    assert found["faces with landmarks"].value == 19
    assert found["pairs of different photos"].value == 19 * 18 / 2 - 1
    faces["identity"] = "one and the same"
    data.write("faces", faces)
    with pytest.raises(OccsetError, match="needs two faces of different people with landmarks: add a source"):
        check_identity(data, Network())


def test_an_empty_set_is_told(tmp_path: Path) -> None:
    with pytest.raises(OccsetError, match="needs two faces"):
        check_identity(OcclusionSet.create(tmp_path / "empty"), Network())


def test_the_verb_fails_when_it_does_not_hold(
    occset: Occset, plain_set: OcclusionSet, tiny_arcface: Callable[[int], ArcFaceFile]
) -> None:
    given = ["bench", "check-identity", "--data", plain_set.path, "--arcface", tiny_arcface(0).path]
    said = occset(*given, "--json")
    rows = {row["figure"]: row for row in json.loads(said.out)}
    assert said.status == 1
    assert not rows["share of them above 0.4"]["holds"], "a random projection tells nobody apart"
    assert rows["a photo and itself, lowest"]["holds"]
    assert "identity: does not hold: share of them above 0.4" in said.err
    assert "< 0.005" in occset(*given).out


def test_the_verb_passes_when_it_holds(
    occset: Occset,
    plain_set: OcclusionSet,
    tiny_arcface: Callable[[int], ArcFaceFile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = lines_of(2, 0, 1, Copies(np.ones(1), np.ones(1), np.ones(1)))
    monkeypatch.setattr(check, "check_identity", lambda data, network, progress: good)
    said = occset("bench", "check-identity", "--data", plain_set.path, "--arcface", tiny_arcface(0).path)
    assert said.status == 0
    assert "identity: all holds" in said.err


def test_the_verb_without_a_file_says_what_to_do(occset: Occset, plain_set: OcclusionSet, no_arcface: None) -> None:
    said = occset("bench", "check-identity", "--data", plain_set.path)
    assert said.status == 2
    assert "pip install 'occset[identity]'" in said.err
