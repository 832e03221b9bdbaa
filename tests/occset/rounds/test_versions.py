"""Versions of labels: none is lost, none is kept twice, and a face's history is in order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Never

import numpy as np
import pytest

from occset.checks.check import check
from occset.dataset.occlusion_set import OcclusionSet
from occset.pictures.masks import decode_rle, encode_rle, read_mask, write_mask
from occset.rounds.closing import close_round, merge
from occset.rounds.ledger import read_round
from occset.rounds.opening import open_chosen
from occset.rounds.versions import Label, add_versions, history, read_versions, versions_path
from occset.support.errors import BadInput, UnknownName


def label(value: int, **more: Any) -> Label:
    mask = np.zeros((96, 96), np.uint8)
    mask[10 : 40 + value, 20:60] = 255
    return Label(encode_rle(mask), f"2026-01-0{value + 1}T00:00:00Z", **more)


@pytest.fixture
def opened(drawn_set: Callable[..., OcclusionSet]) -> tuple[OcclusionSet, str]:
    data = drawn_set()
    face = sorted(data.faces.loc[data.faces["split"] == "train", "id"])[0]
    open_chosen(data, [face])
    return data, face


def test_each_label_is_kept_once_and_in_order(opened: tuple[OcclusionSet, str]) -> None:
    data, face = opened
    source = data.face_row(face)["mask"]
    first, second = label(0, annotators=("ann",), lead_time=3.5, agreement=0.9, origin="task 1"), label(1)
    for given in (first, first, second, first):
        merge(data, read_round(data.path), {face: given})
    found = history(data, face)
    assert [(v.round, v.version) for v in found] == [(0, 0), (1, 1), (1, 2), (1, 3)]
    assert [v.label for v in found] == [source, first.counts, second.counts, first.counts]
    assert found[1] == type(found[1])(1, 1, first.counts, first.labelled, ("ann",), 3.5, 0.9, "task 1")
    assert found[2].annotators == () and found[2].lead_time is None and found[2].origin is None
    assert data.face_row(face)["mask"] == first.counts
    assert read_round(data.path).rows["label_before"][0] == source
    assert check(data, 1) == []


def test_rounds_follow_each_other_in_the_history(opened: tuple[OcclusionSet, str]) -> None:
    data, face = opened
    merge(data, read_round(data.path), {face: label(0)})
    open_chosen(data, [face])
    merge(data, read_round(data.path), {face: label(1)})
    assert [(v.round, v.version) for v in history(data, face)] == [(0, 0), (1, 1), (2, 1)]
    other = sorted(set(data.faces["id"]) - {face})[0]
    assert [(v.round, v.label) for v in history(data, other)] == [(0, data.face_row(other)["mask"])]
    with pytest.raises(UnknownName):
        history(data, "f0")


def test_an_older_label_can_be_given_back(opened: tuple[OcclusionSet, str], tmp_path: Path) -> None:
    data, face = opened
    source = data.face_row(face)["mask"]
    merge(data, read_round(data.path), {face: label(0)})
    old = history(data, face)[0].label
    write_mask(tmp_path / "back" / f"{face}.png", decode_rle(old, 96, 96))
    close_round(data, tmp_path / "back")
    assert data.face_row(face)["mask"] == source
    assert [v.origin for v in history(data, face)][1:] == [None, f"{face}.png"]


def test_cut_off_before_the_faces_were_written_it_goes_on(
    opened: tuple[OcclusionSet, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, face = opened

    def killed(*arguments: object, **more: object) -> Never:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("occset.dataset.replacing.rewrite_faces", killed)
        with pytest.raises(KeyboardInterrupt):
            merge(data, read_round(data.path), {face: label(0)})
    assert len(read_versions(data.path, 1)) == 1 and read_round(data.path).is_open
    merge(data, read_round(data.path), {face: label(0)})
    assert len(read_versions(data.path, 1)) == 1 and not read_round(data.path).is_open
    assert data.face_row(face)["mask"] == label(0).counts


def test_broken_versions_are_named(opened: tuple[OcclusionSet, str]) -> None:
    data, face = opened
    add_versions(data.path, 1, {face: label(0)})
    versions_path(data.path, 1).write_bytes(b"no parquet")
    with pytest.raises(BadInput, match=r"versions.parquet.*restore"):
        history(data, face)
    assert [f.level for f in check(data, 1)] == ["error"]


def test_a_label_that_the_set_does_not_hold_is_found(opened: tuple[OcclusionSet, str]) -> None:
    data, face = opened
    source = data.face_row(face)["mask"]
    merge(data, read_round(data.path), {face: label(0)})
    data.write(
        "faces",
        data.faces.assign(
            mask=[source if i == face else m for i, m in zip(data.faces["id"], data.faces["mask"], strict=True)]
        ),
    )
    data.note()
    assert [(f.level, f.where) for f in check(data, 1)] == [("warning", "round 1")]


def test_history_on_the_command_line(opened: tuple[OcclusionSet, str], tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from occset.rounds.commands import round_

    data, face = opened
    merge(data, read_round(data.path), {face: label(0, annotators=("ann", "bo"))})
    done = CliRunner().invoke(round_, ["history", str(data.path), face, "--out", str(tmp_path / "masks"), "--json"])
    assert done.exit_code == 0, done.output
    assert '"annotators": "ann, bo"' in done.output
    written = sorted((tmp_path / "masks").iterdir())
    assert [p.name.split(".")[1:3] for p in written] == [["round-000", "version-0"], ["round-001", "version-1"]]
    assert encode_rle(read_mask(written[1])) == label(0).counts
