"""A verdict is a label too: it keeps a face from being used, is kept with its reason, and can be taken back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from occset.checks.check import check
from occset.dataset import replacing
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe, recipes_to_bytes
from occset.dataset.records import VERDICTS, content_hash
from occset.dataset.usable import usable_faces
from occset.mining.mine import candidates
from occset.rounds.closing import Gate, merge
from occset.rounds.commands import round_
from occset.rounds.ledger import corrections, ledger_path, read_round
from occset.rounds.opening import open_chosen
from occset.rounds.verdicts import find_face, revoke
from occset.rounds.versions import Label, history, read_versions
from occset.samples.draw import Drawer, Plan
from occset.support.errors import BadInput, OccsetError, UnknownName

WHEN = "2026-01-02T03:04:05+00:00"


def verdict(kind: str, comment: str = "far too dark", **more: Any) -> Label:
    return Label(None, WHEN, ("ann",), 3.5, origin="a test", verdict=kind, quality="good", comment=comment, **more)


def row_of(data: OcclusionSet, face: str) -> dict[str, object]:
    """Of the first round's ledger, nulls as None."""
    rows = read_round(data.path, 1).rows
    return rows.astype(object).where(rows.notna(), None).set_index("id").loc[face].to_dict()


@pytest.fixture
def opened(make_set: Callable[..., OcclusionSet]) -> tuple[OcclusionSet, list[str]]:
    """A set with an open round of four faces."""
    data = make_set(faces=30)
    faces = usable_faces(data, "train")[:4]
    open_chosen(data, faces)
    return data, faces


@pytest.mark.parametrize("kind", VERDICTS)
def test_a_face_with_a_verdict_is_used_for_nothing_and_all_is_told(
    opened: tuple[OcclusionSet, list[str]], kind: str
) -> None:
    data, (face, *others) = opened
    before, content, mask = usable_faces(data, "train"), data.content_hash(), data.face_row(face)["mask"]
    closing = merge(data, read_round(data.path), {face: verdict(kind)})
    assert (closing.merged, closing.changed, closing.excluded) == (0, 0, 1)
    data = OcclusionSet(data.path)
    assert (
        usable_faces(data, "train") == usable_faces(data, "train", landmarks=False) == [f for f in before if f != face]
    )
    assert face not in Drawer(data, Plan("train")).faces and face not in candidates(data)
    assert face in candidates(data, judged=True)
    assert data.face_row(face)["mask"] == mask and data.content_hash() != content
    row = row_of(data, face)
    assert (row["verdict"], row["comment"], row["quality"], list(row["annotators"])) == (
        kind, "far too dark", "good", ["ann"],
    )  # fmt: skip
    assert (row["labelled"], row["lead_time"], row["label_after"]) == (WHEN, 3.5, None)
    # an unusable one is done with; one to talk about, or that somebody else could do, waits for its label
    waiting = others if kind == "unusable" else [face, *others]
    assert closing.ledger.waiting == waiting and (row["decision"] == "excluded") is (kind == "unusable")
    source, said = history(data, face)
    assert (source.label, said.label, said.verdict, said.comment, said.annotators, said.labelled) == (
        mask, None, kind, "far too dark", ("ann",), WHEN,
    )  # fmt: skip
    assert corrections(data.path) == {} and check(data, 1) == []
    assert merge(data, read_round(data.path), {face: verdict(kind)}).excluded == 0  # twice is once
    assert len(read_versions(data.path, 1)) == 1


def test_the_end_of_a_round_tells_what_was_judged_from_what_is_missing(opened: tuple[OcclusionSet, list[str]]) -> None:
    data, (one, two, three, four) = opened
    mask = data.face_row(three)["mask"]
    merge(data, read_round(data.path), {one: verdict("skipped"), three: Label(mask, WHEN)})
    closing = merge(data, read_round(data.path), {two: verdict("discuss")}, finish=True)
    decisions = closing.ledger.rows.set_index("id")["decision"].to_dict()
    assert decisions == {one: "excluded", two: "excluded", three: "confirmed", four: "missing"}
    assert not closing.ledger.is_open
    # a word that comes after the end opens nothing again
    late = merge(data, read_round(data.path), {four: verdict("discuss")})
    assert not late.ledger.is_open and data.face_row(four)["verdict"] == "discuss"


def test_a_later_label_puts_the_face_back(opened: tuple[OcclusionSet, list[str]]) -> None:
    data, (face, *_) = opened
    merge(data, read_round(data.path), {face: verdict("unusable")})
    mask = data.face_row(face)["mask"]
    closing = merge(data, read_round(data.path), {face: Label(mask, WHEN, quality="unsure", comment="ann: by guess")})
    assert (closing.merged, closing.changed, closing.excluded) == (1, 0, 0)
    assert face in usable_faces(data, "train") and data.faces.set_index("id")["verdict"].isna()[face]
    row = row_of(data, face)
    assert (row["decision"], row["verdict"], row["quality"], row["comment"]) == (
        "confirmed", None, "unsure", "ann: by guess",
    )  # fmt: skip
    assert [v.verdict for v in history(data, face)] == [None, "unusable", None] and check(data, 1) == []


def test_a_verdict_is_taken_back_by_the_beginning_of_an_id(opened: tuple[OcclusionSet, list[str]]) -> None:
    data, (face, *_) = opened
    content, table = data.content_hash(), (data.path / "faces.parquet").read_bytes()
    with pytest.raises(OccsetError, match=f"nobody called {face} unusable"):
        revoke(data, face)
    merge(data, read_round(data.path), {face: verdict("unusable")})
    done = CliRunner().invoke(round_, ["revoke", str(data.path), face[:9], "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"face": face, "round": 1, "verdict": "unusable", "annotators": ["ann"]}
    data = OcclusionSet(data.path)
    assert data.content_hash() == content and (data.path / "faces.parquet").read_bytes() == table
    row = row_of(data, face)
    assert (row["decision"], row["verdict"], row["comment"]) == ("revoked", None, "far too dark")
    assert [v.verdict for v in history(data, face)] == [None, "unusable", "revoked"] and check(data, 1) == []
    with pytest.raises(OccsetError, match="it is in use"):
        revoke(data, face)
    shown = CliRunner().invoke(round_, ["history", str(data.path), face[:9], "--json"])
    assert [row["verdict"] for row in json.loads(shown.stdout)] == [None, "unusable", "revoked"]


def test_revoking_that_was_cut_off_is_done_by_the_same_call(
    opened: tuple[OcclusionSet, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, (face, *_) = opened
    merge(data, read_round(data.path), {face: verdict("skipped")})
    for step in ("occset.dataset.replacing.rewrite_faces", "occset.rounds.closing.write_round"):
        with monkeypatch.context() as patch:
            patch.setattr(step, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                revoke(data, face)
    assert replacing.rewrite_faces.__module__ == "occset.dataset.replacing"
    assert revoke(data, face).verdict == "skipped"
    assert face in usable_faces(data, "train") and len(read_versions(data.path, 1)) == 2 and check(data, 1) == []


def test_a_name_must_be_of_one_face(make_set: Callable[..., OcclusionSet]) -> None:
    data = make_set(faces=30)
    ids = list(data.faces["id"])
    assert (
        find_face(data, ids[3]) == find_face(data, "face-" + data.faces["source_id"][3].removeprefix("face-")) == ids[3]
    )
    for name in ("f", "", "g12"):
        with pytest.raises(UnknownName):
            find_face(data, name)


def test_a_frozen_face_may_be_judged_and_what_froze_it_stays(opened: tuple[OcclusionSet, list[str]]) -> None:
    data, (face, other, *_) = opened
    path = data.path / "recipes" / "mine.parquet"
    path.parent.mkdir()
    path.write_bytes(recipes_to_bytes([Recipe(face, (), 64, "bare", 0, 0, 0)]))
    before = path.read_bytes()
    gate = Gate(data, read_round(data.path))
    gate.check_pick(face, "here", verdict=True)
    with pytest.raises(BadInput, match="named by a frozen recipe file"):
        gate.check_pick(face, "here")
    merge(data, read_round(data.path), {face: verdict("unusable")})
    assert path.read_bytes() == before and data.load_face(face)[1].any()
    # a later round's word is not taken back by an earlier one
    merge(data, read_round(data.path), {}, finish=True)
    open_chosen(data, [other])
    merge(data, read_round(data.path), {other: Label(data.face_row(other)["mask"], WHEN)})
    with pytest.raises(BadInput, match=f"round 2 has labelled {other} since"):
        Gate(data, read_round(data.path, 1)).check_pick(other, "here", verdict=True)


def test_who_uses_no_verdict_has_the_files_and_the_content_of_before(opened: tuple[OcclusionSet, list[str]]) -> None:
    import pyarrow.parquet as pq

    data, (face, *_) = opened
    for path in (data.path / "faces.parquet", ledger_path(data.path, 1)):
        assert not {"verdict", "quality", "comment"} & set(pq.read_schema(path).names)
    merge(data, read_round(data.path), {face: verdict("discuss")})
    assert "verdict" in pq.read_schema(data.path / "faces.parquet").names
    tables = {"faces": data.faces.assign(verdict=None)}
    before = content_hash(tables)
    assert (
        before
        == content_hash({"faces": tables["faces"].assign(verdict=float("nan"))})
        != content_hash({"faces": data.faces})
    )


def test_a_verdict_that_the_set_does_not_hold_is_found(opened: tuple[OcclusionSet, list[str]]) -> None:
    data, (face, *_) = opened
    merge(data, read_round(data.path), {face: verdict("discuss")})
    data.write("faces", data.faces.assign(verdict=None))
    data.note()
    (found,) = check(OcclusionSet(data.path), 1)
    assert (found.level, found.where) == ("warning", "round 1") and f"'discuss' of {face}" in found.message
