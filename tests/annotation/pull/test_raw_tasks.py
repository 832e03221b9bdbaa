"""What came from a server is kept whole, once, and never overwritten."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from occset.annotation.pull.raw_tasks import Raw, State, digest, read_state, state_path, write_state
from occset.support.errors import BadInput


def task(number: int = 7, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "updated_at": "2026",
        "data": {"key": "k"},
        "annotations": [{"id": 1}],
        "predictions": [{}],
        **more,
    }


def test_versions_pile_up_and_the_same_is_kept_once(tmp_path: Path) -> None:
    raw = Raw(tmp_path, 1)
    assert raw.keep(3, task()) and not raw.keep(3, task()) and raw.keep(3, task(note="é")) and raw.keep(4, task())
    again = Raw(tmp_path, 1)
    assert not again.keep(3, task(note="é"))
    assert again.keep(3, task())  # back to what it was is a change too
    names = sorted(p.name for p in raw.folder.iterdir())
    assert names == [f"p3-t7.00{v}.json.gz" for v in (1, 2, 3)] + ["p4-t7.001.json.gz"]
    kept = json.loads(gzip.decompress((raw.folder / "p3-t7.002.json.gz").read_bytes()))
    assert kept["note"] == "é" and "predictions" not in kept
    assert again.load(3, 7) == {k: v for k, v in task().items() if k != "predictions"}
    assert again.tasks(3) == [7] == again.tasks(4) and again.tasks(5) == []


def test_what_differs_though_nothing_changed_makes_no_version(tmp_path: Path) -> None:
    raw = Raw(tmp_path, 1)
    for ago, ids in (("0\xa0minutes", "1,13"), ("2\xa0minutes", "13, 1")):
        annotations, drafts = [{"id": 1, "created_ago": ago}], [{"id": 4, "created_ago": ago}]
        summed_up = {
            "annotations_ids": ids,
            "annotations_results": ids,
            "annotators": ids,
            "total_predictions": len(ids),
        }
        kept = raw.keep(3, task(annotations=annotations, drafts=drafts, **summed_up))
        assert kept == (ids == "1,13")
    assert raw.load(3, 7)["annotations"] == [{"id": 1}]


def test_a_task_without_annotation_is_kept_only_if_it_had_one(tmp_path: Path) -> None:
    raw = Raw(tmp_path, 1)
    assert not raw.keep(3, task(annotations=[])) and not raw.folder.exists()
    raw.keep(3, task())
    assert raw.keep(3, task(annotations=[])) and raw.load(3, 7)["annotations"] == []


def test_the_digest_is_of_what_annotators_said_and_of_nothing_else() -> None:
    one = {"id": 1, "updated_at": "2026", "was_cancelled": False, "result": [{"id": "a"}]}
    said = digest([task(annotations=[one])])
    assert said == digest([task(annotations=[one], note="x", drafts=[{}], updated_at="2027")])
    for change in ({"result": []}, {"updated_at": "2027"}, {"was_cancelled": True}, {"id": 2}):
        assert digest([task(annotations=[{**one, **change}])]) != said
    assert digest([task(annotations=[one], overlap=2)]) != said != digest([task(annotations=[])])
    assert digest([task(annotations="no list"), task(annotations=[7])])


def test_broken_files_are_named(tmp_path: Path) -> None:
    raw = Raw(tmp_path, 1)
    raw.keep(3, task())
    path = raw.path(3, 7, 1)
    for content in (
        b"no gzip",
        gzip.compress(b"{"),
        gzip.compress(b"[]"),
        gzip.compress(b"[" * 100_000),
        path.read_bytes()[:-9],
    ):
        path.write_bytes(content)
        with pytest.raises(BadInput, match=r"p3-t7.001.json.gz.*pull again"):
            raw.load(3, 7)


def test_the_state_belongs_to_one_project_of_one_server(tmp_path: Path) -> None:
    assert read_state(tmp_path, 1, "http://a", 3) == State("http://a", 3)
    state = State("http://a", 3, {"7": ["2026", 1]}, {"k": "d"})
    write_state(tmp_path, 1, state)
    assert read_state(tmp_path, 1, "http://a", 3) == state
    assert read_state(tmp_path, 1, "http://a", 4) == State("http://a", 4)
    assert read_state(tmp_path, 1, "http://b", 3) == State("http://b", 3)
    for wrong in ('{"other": 1}', "no JSON", '{"tasks": 5}', '{"merged": null}', '{"tasks": {"7": "2026"}}'):
        state_path(tmp_path, 1).write_text(wrong)
        with pytest.raises(BadInput, match=r"not a state of a pull.*remove it"):
            read_state(tmp_path, 1, "http://a", 3)
