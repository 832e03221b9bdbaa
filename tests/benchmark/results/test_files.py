"""Result files: round trip, strict reading, names, and what a kill leaves behind."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from occset.benchmark.results import files as results
from occset.benchmark.results.files import load_results, read_result, write_result
from occset.benchmark.results.result import picture_path, safe_name
from occset.support.errors import BadInput, OccsetError
from tests.benchmark.result_files import make_result, make_scores

HOSTILE = "<img src=x onerror=alert(1)>"


def test_round_trip(tmp_path: Path) -> None:
    written = make_result(HOSTILE, limit=24, weights_hash="ee" * 32, citations=["A. Author, 2020"])
    path = write_result(written, make_scores(0.7), tmp_path)
    assert path.parent == tmp_path
    read = read_result(path)
    assert read == written
    assert read.method == HOSTILE
    assert read.arcface == {"file": "9c" * 32, "name": "w600k_mbf.onnx"}
    pd.testing.assert_frame_equal(read.scores, make_scores(0.7))


def test_same_scores_give_the_same_bytes(tmp_path: Path) -> None:
    first = write_result(make_result(), make_scores(0.7), tmp_path / "a")
    second = write_result(make_result(), make_scores(0.7), tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
    assert results._scores_path(first).read_bytes() == results._scores_path(second).read_bytes()


def test_loads_all_folders_below_in_order(tmp_path: Path) -> None:
    for protocol in ("types", "sunglasses"):
        for method in ("b", "a"):
            write_result(make_result(method, protocol=protocol), make_scores(0.5), tmp_path / protocol)
    found = [(r.protocol, r.method) for r in load_results(tmp_path)]
    assert found == [("sunglasses", "a"), ("sunglasses", "b"), ("types", "a"), ("types", "b")]


@pytest.mark.parametrize(
    "change",
    [
        {"method": "other"},
        {"revision": "2"},
        {"limit": 24},
        {"resolution": 64},
        {"data_hash": "00" * 32},
        {"protocol_hash": "00" * 32},
        {"metric_version": 99},
    ],
)
def test_what_must_not_collide_has_another_stem(change: dict) -> None:
    assert make_result(**change).stem != make_result().stem


def test_a_new_run_replaces_the_old_one(tmp_path: Path) -> None:
    write_result(make_result(seed=0), make_scores(0.5), tmp_path)
    write_result(make_result(seed=1), make_scores(0.6), tmp_path)
    (only,) = load_results(tmp_path)
    assert only.seed == 1
    assert only.scores["ssim"].mean() == make_scores(0.6)["ssim"].mean()


def test_killed_between_the_two_files_leaves_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_result(make_result(seed=0), make_scores(0.5), tmp_path)
    write = results.write_atomic

    def die_at_json(target: Path, data: bytes) -> None:
        if str(target).endswith(".json"):
            raise KeyboardInterrupt
        write(target, data)

    monkeypatch.setattr(results, "write_atomic", die_at_json)
    with pytest.raises(KeyboardInterrupt):
        write_result(make_result(seed=1), make_scores(0.6), tmp_path)
    assert not path.exists(), "an old JSON must not stand beside new scores"


@pytest.mark.parametrize(
    "name", [HOSTILE, "a/b", "../../etc/passwd", "...", "", "ünï", "x" * 300, "a b", "a\x00b", "CON:1"]
)
def test_names_are_safe_and_stay_different(tmp_path: Path, name: str) -> None:
    slug = safe_name(name)
    assert slug.isascii() and 0 < len(slug) < 64
    assert not set(slug) & set('/\\<>:"|?*\x00 ')
    assert not slug.startswith(".")
    assert safe_name(name + "!") != slug
    assert (tmp_path / slug).resolve().parent == tmp_path.resolve()


def test_plain_names_are_kept() -> None:
    assert safe_name("navier-stokes") == "navier-stokes"


def test_picture_paths() -> None:
    one, other = make_result("one"), make_result("other")
    folder = Path("r")
    assert picture_path(folder, one, "s1") != picture_path(folder, other, "s1")
    assert picture_path(folder, one, "s1", "input") == picture_path(folder, other, "s1", "input")
    assert picture_path(folder, one, "s1", "truth").name == "s1.png"
    assert picture_path(folder, one, "../s1").parent == picture_path(folder, one, "s1").parent


def _damage(path: Path, **changes: Any) -> None:
    found = json.loads(path.read_text())
    for key, value in changes.items():
        if value is ...:
            del found[key]
        else:
            found[key] = value
    path.write_text(json.dumps(found))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": ...}, "lacks seed.*run the bench again"),
        ({"speed": 3}, "unknown entry speed"),
        ({"resolution": "256"}, "resolution must be int, not '256'"),
        ({"resolution": True}, "resolution must be int, not True"),
        ({"given": "mask"}, "given must be list"),
        ({"citations": ["a", 3]}, r"citations must be list\[str\], but holds 3.*run the bench again"),
        ({"notes": [None]}, r"notes must be list\[str\], but holds None"),
        ({"times": {"method": "long"}}, r"times must be dict\[str, float\], but holds 'long'"),
        ({"times": {"method": True}}, r"times must be dict\[str, float\], but holds True"),
        ({"arcface": {"file": 1, "name": "x"}}, r"arcface must be dict\[str, str\] \| None, but holds 1"),
        ({"arcface": {"name": "x"}}, "arcface lacks file: delete it and run the bench again"),
        ({"arcface": {}}, "arcface lacks file and name"),
        ({"schema_version": 7}, "schema version 7, this occset reads 1"),
        ({"schema_version": ...}, "not a result file"),
    ],
)
def test_bad_entries_are_named(tmp_path: Path, changes: dict, message: str) -> None:
    path = write_result(make_result(), make_scores(0.5), tmp_path)
    _damage(path, **changes)
    with pytest.raises(BadInput, match=message) as caught:
        load_results(tmp_path)
    assert path.name in str(caught.value)


def test_a_result_from_before_there_were_notes_is_read(tmp_path: Path) -> None:
    path = write_result(make_result(), make_scores(0.5), tmp_path)
    _damage(path, notes=...)
    assert read_result(path).notes == []


def test_truncated_json(tmp_path: Path) -> None:
    path = write_result(make_result(), make_scores(0.5), tmp_path)
    path.write_text(path.read_text()[:100])
    with pytest.raises(BadInput, match=r"not valid JSON.*delete it and run the bench again"):
        read_result(path)


def test_scores_that_are_not_those_that_were_written(tmp_path: Path) -> None:
    path = write_result(make_result(), make_scores(0.5), tmp_path)
    scores = results._scores_path(path)
    scores.write_bytes(scores.read_bytes()[:-9])
    with pytest.raises(BadInput, match="is not the file that the result was written with"):
        _ = read_result(path).scores
    scores.unlink()
    with pytest.raises(BadInput, match=r"cannot be read.*run the bench again"):
        _ = read_result(path).scores


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda s: s.drop(columns="ssim"), "lacks ssim"),
        (lambda s: s.assign(extra=1.0), "unknown column extra"),
        (lambda s: s.drop(columns="id"), "lacks id"),
        (lambda s: s.iloc[:-1], "23 samples in 23 rows, but 24 were promised: run the bench again"),
        (lambda s: s.assign(sample="s0"), "1 samples in 24 rows"),
        (lambda s: s.assign(l1=s["l1"].where(s["sample"] != "s0007")), "l1 of sample 's0007' is not finite"),
    ],
)
def test_scores_that_do_not_fit_are_not_written(
    tmp_path: Path, spoil: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    with pytest.raises(OccsetError, match=message):
        write_result(make_result(), spoil(make_scores(0.5)), tmp_path)
    assert not list(tmp_path.iterdir())


def test_identity_has_a_model_or_a_reason(tmp_path: Path) -> None:
    with pytest.raises(OccsetError, match="either arcface or a reason"):
        write_result(make_result(arcface=None), make_scores(0.5, identity=False), tmp_path)
    with pytest.raises(OccsetError, match="should not have id"):
        write_result(make_result(arcface=None, id_missing="no file"), make_scores(0.5), tmp_path)
    write_result(make_result(arcface=None, id_missing="no file"), make_scores(0.5, identity=False), tmp_path)


def test_no_results(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no result"):
        load_results(tmp_path)
    with pytest.raises(BadInput, match="there is no such folder"):
        load_results(tmp_path / "absent")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"machine": {', '"machine": {"a": ' + "[" * 100_000 + "]" * 100_000 + ", ", "nested deeper than 64"),
        ('"machine": {', '"machine": {"a": ' + '{"a":' * 900 + "1" + "}" * 900 + ", ", "nested deeper than 64"),
        ('"samples": ', '"samples": 1, "samples": ', "the key 'samples' is there twice"),
        ('"times": {', '"times": {"a": NaN, ', "NaN is no number of JSON"),
        ('"times": {', '"times": {"a": 1e999, ', "the number 1e999 is too large"),
        ('"resolution": 32', '"resolution": ' + "3" * 400, "a number of 400 digits is too large"),
        ('"method": "', '"method": "\\ud83d', "half of a character"),
    ],
)
def test_json_made_to_stop_a_reader_is_refused_by_name(tmp_path: Path, old: str, new: str, says: str) -> None:
    path = write_result(make_result(machine={"cpu": "x"}, times={"method": 1.0}), make_scores(0.5), tmp_path)
    text = json.dumps(json.loads(path.read_text()))
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(BadInput, match=rf"\.result\.json: is not valid JSON \(.*{says}"):
        read_result(path)


def test_a_result_may_begin_with_a_mark_and_must_be_a_file(tmp_path: Path) -> None:
    path = write_result(make_result(), make_scores(0.5), tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_result(path) == make_result(scores_sha256=read_result(path).scores_sha256)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(BadInput, match=r"result\.json is a pipe"):
        load_results(tmp_path)


def test_scores_that_come_out_much_larger_are_refused_though_their_hash_fits(tmp_path: Path) -> None:
    path = write_result(make_result(), make_scores(0.5), tmp_path)
    buffer = io.BytesIO()
    pd.DataFrame({"sample": ["x"] * 3_000_000}).to_parquet(buffer)
    results._scores_path(path).write_bytes(buffer.getvalue())
    about = json.loads(path.read_text()) | {"scores_sha256": hashlib.sha256(buffer.getvalue()).hexdigest()}
    path.write_text(json.dumps(about))
    with pytest.raises(BadInput, match=r"scores\.parquet: 3000000 rows in \d+ bytes, more than"):
        read_result(path).scores  # noqa: B018
