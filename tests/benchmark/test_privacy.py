"""Who is recognised: thresholds on known cosines, and the figures of a small bench from its result files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from occset.benchmark.privacy import Matches, Threshold, matches, share_interval, statement, threshold_of
from occset.benchmark.results.files import load_results
from occset.dataset.occlusion_set import OcclusionSet
from occset.models.arcface import ArcFaceFile
from occset.pictures.images import write_png
from occset.support.errors import OccsetError
from tests.conftest import plain_face
from tests.fixture_types import Occset
from tests.models.reconstruction.rendered import rendered_faces


def on_a_circle(degrees: np.ndarray) -> np.ndarray:
    """Unit vectors (N, 2): the cosine of two is that of the angle between them."""
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def test_the_threshold_lets_one_pair_in_a_thousand_through() -> None:
    rng = np.random.default_rng(0)
    embedded = rng.normal(size=(100, 8))
    embedded /= np.linalg.norm(embedded, axis=1, keepdims=True)
    found = threshold_of(embedded, [str(i) for i in range(100)])
    cosines = (embedded @ embedded.T)[np.triu_indices(100, 1)]
    assert (found.pairs, found.people, found.known) == (4950, 100, None)
    assert (cosines > found.cosine + 1e-6).sum() == 4  # 4 of 4950 are at most one in a thousand, 5 are more
    assert (cosines > found.cosine - 1e-6).sum() == 5
    assert threshold_of(embedded, [str(i) for i in range(100)], 0.5).cosine == pytest.approx(
        np.median(cosines), abs=0.01
    )


def test_two_photos_of_one_person_are_no_impostors() -> None:
    degrees = np.repeat(np.arange(50) * 7.0, 2) + np.tile([0.0, 0.5], 50)
    people = [str(i // 2) for i in range(100)]
    found = threshold_of(on_a_circle(degrees), people)
    assert (found.pairs, found.people, found.known) == (4950 - 50, 50, 1.0)
    assert found.cosine == pytest.approx(np.cos(np.deg2rad(6.5)), abs=1e-4)  # neighbours are 6.5 degrees apart at least


def test_too_few_people_tell_no_rate_of_one_in_a_thousand() -> None:
    with pytest.raises(OccsetError, match=r"990 pairs .* false-match rate of 0\.1%: it takes 46 people"):
        threshold_of(on_a_circle(np.arange(45.0)), [str(i) for i in range(45)])
    assert threshold_of(on_a_circle(np.arange(46.0)), [str(i) for i in range(46)]).pairs == 1035


def test_an_interval_is_no_point_where_all_samples_agree() -> None:
    faces = pd.Series(np.repeat(np.arange(10), 3))
    everyone = share_interval(pd.Series([True] * 30), faces)
    assert (everyone.mean, everyone.high) == (1, 1) and everyone.low == pytest.approx(0.7411, abs=1e-4)
    nobody = share_interval(pd.Series([False] * 30), faces)
    assert (nobody.mean, nobody.low) == (0, 0) and nobody.high == pytest.approx(0.2589, abs=1e-4)
    some = share_interval(pd.Series([True, False, False] * 10), faces)
    assert some.mean == pytest.approx(1 / 3) and some.low == some.high == pytest.approx(1 / 3)


def test_the_statement_says_what_it_is_an_upper_bound_of() -> None:
    at = Threshold(0.4, 4900, 100, 0.92)
    found = [
        Matches("types, 256 px", "ID", "ours", "", "mask", 200, 0.25, 0.2, 0.3, at),
        Matches("types, 256 px", "ID", "ours", "", "all", 201, 0.5, 0.4, 0.6, at),
        Matches("types, 256 px", "ID", "input", "floor", "mask", 200, 0.1, float("nan"), float("nan"), at),
    ]
    said = statement(found)
    assert "above a cosine of 0.400, where 0.1% of 4900 pairs of 100 different people lie" in said
    assert "- ours: mask 25.0% (20.0% to 30.0%), all 50.0% (40.0% to 60.0%)" in said
    assert "- input (floor): mask 10.0% (one face)" in said
    assert "It knows 92.0% of the pairs" in said and "upper bounds" in said and "very photo that was occluded" in said
    assert "two photos of one person" not in statement([replace_threshold(found[0], known=None)])


def replace_threshold(found: Matches, **changes: Any) -> Matches:
    return found._replace(threshold=found.threshold._replace(**changes))


@pytest.fixture
def people(tmp_path: Path) -> OcclusionSet:
    """60 people, of the first ten of whom there are two photos that differ in a corner."""
    found = OcclusionSet.create(tmp_path / "people")
    rows = []
    for seed in range(100, 160):
        item = plain_face(seed, 64)
        for number in range(2 if seed < 110 else 1):
            image = item.image.copy()
            image[0, :8] = 10 * number
            rows.append(found.store_face(replace(item, image=image, name=f"{seed}/{number}.jpg"), "photos"))
    found.add_rows("faces", rows)
    return found


def test_matches_are_counted_by_judge_method_and_type(
    bench_set: OcclusionSet,
    people: OcclusionSet,
    occset: Occset,
    tiny_arcface: Callable[[int], ArcFaceFile],
    no_arcface: None,
    tmp_path: Path,
) -> None:
    arcface = tiny_arcface(0).path
    out = tmp_path / "r"
    done = occset(
        "bench", "--data", bench_set.path, "--protocol", "types", "--methods", "telea,mean-colour,noise", "--out", out,
        "--arcface", arcface, "--workers", 1,
    )  # fmt: skip
    assert done.status == 0, done.err
    found = matches([out], bench_set, people=people, files={"id": arcface})
    at = {(m.method, m.type): m for m in found}
    assert {m.judge for m in found} == {"ID"}, "dlib's network is not there"
    assert {m.method for m in found} == {"telea", "mean-colour", "input", "truth"}, "noise bounds nothing"
    assert [m.type for m in found if m.method == "telea"][-1] == "all"
    assert at["truth", "all"].share == 1 and at["truth", "all"].role == "ceiling"
    threshold = found[0].threshold
    assert (threshold.people, threshold.pairs) == (60, 70 * 69 // 2 - 10) and threshold.known == 1
    for result in load_results(out):
        for kind, some in result.scores.groupby("type"):
            if (result.method, kind) in at:
                assert at[result.method, kind].share == (some["id"] > threshold.cosine).mean()
                assert at[result.method, kind].samples == len(some)


def test_the_command_names_what_is_missing_and_writes_the_statement(
    bench_set: OcclusionSet,
    occset: Occset,
    tiny_arcface: Callable[[int], ArcFaceFile],
    no_arcface: None,
    copy_set: Callable[[str], OcclusionSet],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arcface, out = tiny_arcface(0).path, tmp_path / "r"
    occset("bench", "--data", bench_set.path, "--methods", "telea", "--out", out, "--arcface", arcface, "--workers", 1)
    command = ("bench", "privacy", out, "--data", bench_set.path, "--out", tmp_path / "privacy.md")
    few = occset(*command, "--arcface", arcface)
    assert few.status == 2 and "it takes 46 people" in few.err
    other_file = occset(*command, "--arcface", tiny_arcface(1).path)
    assert other_file.status == 2 and "was judged by another ArcFace file" in other_file.err
    none = occset(*command)
    assert none.status == 2 and "nothing to tell" in none.err
    elsewhere = copy_set("other")
    foreign = occset("bench", "privacy", out, "--data", elsewhere.path, "--out", tmp_path / "privacy.md")
    assert foreign.status == 2 and "has no protocol sunglasses" in foreign.err
    assert not (tmp_path / "privacy.md").exists()
    monkeypatch.setattr("occset.benchmark.privacy.threshold_of", lambda *_: Threshold(0.9, 5000, 101, None))
    said = occset(*command, "--arcface", arcface, "--json")
    assert said.status == 0, said.err
    rows = json.loads(said.out)
    assert {row["method"] for row in rows} == {"telea", "input", "truth"}
    assert {row["threshold"] for row in rows} == {0.9} and {row["known"] for row in rows} == {None}
    assert "called one person above a cosine of 0.900" in (tmp_path / "privacy.md").read_text()


def test_photos_of_people_that_cannot_be_used_are_named(
    bench_set: OcclusionSet,
    occset: Occset,
    tiny_arcface: Callable[[int], ArcFaceFile],
    no_arcface: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arcface, out = tiny_arcface(0).path, tmp_path / "r"
    occset("bench", "--data", bench_set.path, "--methods", "telea", "--out", out, "--arcface", arcface, "--workers", 1)
    for name in ("anna", "ben"):
        write_png(tmp_path / "photos" / name / "1.png", np.full((90, 90, 3), 140, np.uint8))
    item = rendered_faces(1, seed=60)[0]
    write_png(tmp_path / "photos" / "ada" / "1.png", np.pad(item.image, ((40, 40), (30, 30), (0, 0)), mode="edge"))
    monkeypatch.setattr("occset.benchmark.privacy.threshold_of", lambda *_: Threshold(0.9, 5000, 101, None))
    said = occset(
        "bench", "privacy", out, "--data", bench_set.path, "--people", tmp_path / "photos", "--arcface", arcface,
        "--out", tmp_path / "privacy.md",
    )  # fmt: skip
    assert said.status == 1 and "2 photos were left out" in said.err
    assert "left out: anna/1.png" in said.err and "left out: ben/1.png" in said.err
    assert (tmp_path / "privacy.md").is_file()
