"""Who is called ahead in identity: only who is ahead for both judges."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from occset.benchmark.leaderboards import build
from occset.benchmark.leaderboards.tables import read_tables
from occset.benchmark.results.result import Result
from tests.benchmark import result_files

add_result = result_files.add_result
add_controls = result_files.add_controls


def test_ahead_is_who_both_judges_find_ahead(tmp_path: Path, add_result: Callable[..., Result]) -> None:
    add_result("ours", 0.9, second=0.9)
    add_result("pca", 0.7, second=0.8, seed=1)
    add_result("telea", 0.8, second=0.8, seed=2)  # ahead of pca for ArcFace, level with it for dlib
    add_result("input", 0.99, second=0.99, given=[], control=True)
    (table,) = read_tables([tmp_path / "results"])
    assert table.notes == [
        "Ahead in identity, as ID and ID2 find alike: ours of pca, telea.",
        "Found by one of them alone, and so not called ahead in identity: telea of pca (ID).",
    ]
    paths = build(tmp_path / "results", tmp_path / "site")
    assert "as ID and ID2 find alike: ours of pca, telea" in paths["html"].read_text()
    assert "as ID and ID2 find alike: ours of pca, telea" in paths["markdown"].read_text()


def test_judges_that_contradict_each_other_put_nobody_ahead(tmp_path: Path, add_result: Callable[..., Result]) -> None:
    add_result("a", 0.9, second=0.5)
    add_result("b", 0.7, second=0.8, seed=1)
    (table,) = read_tables([tmp_path / "results"])
    assert table.notes == [
        "Nobody is ahead in identity, as ID and ID2 find alike.",
        "Found by one of them alone, and so not called ahead in identity: a of b (ID); b of a (ID2).",
    ]


def test_without_the_second_judge_nobody_is_called_ahead(tmp_path: Path, add_result: Callable[..., Result]) -> None:
    missing = {"judges": {"id2": {"missing": "dlib is not installed"}}, "metric_version": 2}
    add_result("a", 0.9, **missing)
    add_result("b", 0.7, **missing)
    (table,) = read_tables([tmp_path / "results"])
    assert table.notes == ["Nobody is called ahead in identity: ID2 has no figures to tell by (dlib is not installed)."]


def test_nothing_is_said_of_one_method_or_of_older_results(tmp_path: Path, add_result: Callable[..., Result]) -> None:
    add_result("a", 0.9, second=0.9)
    add_result("b", 0.9, protocol="sunglasses")
    add_result("c", 0.7, protocol="sunglasses")
    assert [table.notes for table in read_tables([tmp_path / "results"])] == [[], []]


def test_revisions_of_one_method_are_told_apart(tmp_path: Path, add_result: Callable[..., Result]) -> None:
    add_result("a", 0.9, second=0.9, revision="2")
    add_result("a", 0.7, second=0.7, revision="1", seed=1)
    (table,) = read_tables([tmp_path / "results"])
    assert table.notes == ["Ahead in identity, as ID and ID2 find alike: a 2 of a 1."]
