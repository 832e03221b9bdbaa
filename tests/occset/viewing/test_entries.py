"""A set as plain entries: what the App shows of it, and in which saved view it is."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.pictures.masks import decode_rle, read_mask, write_mask
from occset.support.errors import BadInput
from occset.viewing.arriving import Arrived, take_in
from occset.viewing.entries import entries_of_set, holds, views_of
from occset.viewing.workspace import Workspace, workspace_of
from tests.fixture_types import MakeSet


@pytest.fixture
def data(make_set: MakeSet) -> OcclusionSet:
    return make_set(faces=10, each=1, size=64)


def change(data: OcclusionSet, **columns: dict[str, object]) -> None:
    with data.replacing() as changing:
        for column, cells in columns.items():
            changing.put_faces([{"id": face, column: cell} for face, cell in cells.items()])


def test_every_item_is_there_with_its_mask_by_path(data: OcclusionSet, tmp_path: Path) -> None:
    bare, out = data.faces["id"][0], tmp_path / "out"
    change(data, mask={bare: None}, verdict={data.faces["id"][1]: "discuss"})
    entries, problems = entries_of_set(data, out)
    assert problems == []
    kinds = [entry.told["kind"] for entry in entries]
    assert [kinds.count(kind) for kind in ("face", "cut-out", "texture")] == [10, 5, 6]
    by_id = {entry.id: entry for entry in entries}
    for face in data.faces["id"]:
        entry = by_id[face]
        assert Path(entry.file).is_absolute() and Path(entry.file).is_file()
        if face == bare:
            assert entry.regions["face"] == [] and entry.told["labelled"] is False
            continue
        (region,) = entry.regions["face"]
        whole = np.zeros((64, 64), np.uint8)
        x, y, w, h = region.box
        whole[y : y + h, x : x + w] = read_mask(out / region.file)
        assert np.array_equal(whole, data.load_face(face)[1])
        assert entry.told["area"] == pytest.approx((whole > 0).mean())
    assert by_id[data.faces["id"][1]].tags == ("discuss",)
    assert {view.name for view in views_of(entries)} == {
        "missing labels", "taken out of use", "only faces", "only cut-outs", "only textures",
    }  # fmt: skip


def test_scores_predictions_and_duplicates_make_views(data: OcclusionSet, tmp_path: Path) -> None:
    one, other, twin = data.faces["id"][:3]
    change(data, phash={one: "0" * 16, twin: "0" * 15 + "1"})
    (tmp_path / "picks.csv").write_text(f'id,score,entropy,reason\n{one},2.5,0.25,"hair, say"\n{other},0.5,,\n')
    for face, shift in ((one, 0), (other, 20)):
        mask = np.roll(data.load_face(face)[1], shift, axis=1)
        write_mask(tmp_path / "predicted" / f"{face}.png", mask)
    write_mask(tmp_path / "predicted" / f"{twin}.png", np.full((32, 32), 255, np.uint8))
    entries, problems = entries_of_set(data, tmp_path / "out", tmp_path / "picks.csv", tmp_path / "predicted")
    (refused,) = problems
    assert refused[0] == twin and "is 32 x 32, the face is 64 x 64" in refused[1]
    told = {entry.id: entry.told for entry in entries}
    assert (told[one]["score"], told[one]["entropy"], told[one]["reason"]) == (2.5, 0.25, "hair, say")
    assert "entropy" not in told[other] and "score" not in told[twin]
    assert told[one]["prediction_iou"] == 1.0 and told[other]["prediction_iou"] < 0.7
    assert told[one]["duplicates"] == told[twin]["duplicates"] and told[other]["duplicates"] is None
    views = {view.name: [e.id for e in entries if holds(view.match, e.told)] for view in views_of(entries)}
    assert views["hard examples"] == [one, other]
    assert views["disagreements"] == [other]
    assert views["duplicates"] == [one, twin]
    with pytest.raises(BadInput, match="holds no mask"):
        entries_of_set(data, tmp_path / "out", predictions=tmp_path / "nowhere")


def test_what_a_round_knows_is_shown(data: OcclusionSet, tmp_path: Path) -> None:
    face = data.faces.loc[data.faces["split"] == "train", "id"].iloc[0]
    mask = cv2.dilate(data.load_face(face)[1], np.ones((3, 3), np.uint8))
    take_in(data, {face: Arrived(mask, "2026-01-02T03:04:05+00:00", where="a test")}, "for a test")
    data.refresh()
    entries, _ = entries_of_set(data, tmp_path)
    told = next(entry.told for entry in entries if entry.id == face)
    assert (told["round"], told["arm"], told["decision"], told["reason"]) == (1, "chosen", "corrected", "for a test")
    assert 0.7 < told["iou_with_label_before"] < 1


def test_a_missing_picture_is_named_and_the_rest_is_shown(data: OcclusionSet, tmp_path: Path) -> None:
    row = data.faces.iloc[0]
    (data.path / row["image"]).unlink()
    entries, problems = entries_of_set(data, tmp_path)
    assert [item for item, _ in problems] == [row["id"]] and "is missing: restore it" in problems[0][1]
    assert len(entries) == 20


def test_the_workspace_lies_with_the_user_and_ends_with_its_note(
    data: OcclusionSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    workspace = workspace_of(data.path)
    assert workspace.folder.is_relative_to(tmp_path / "home" / "occset" / "view")
    assert workspace_of(data.path / ".." / data.path.name) == workspace != workspace_of(tmp_path)
    workspace.clear()
    assert (workspace.note, workspace.laid_out()) == ({}, {})
    entries, _ = entries_of_set(data, workspace.folder)
    masks = dict(zip(data.faces["id"], data.faces["mask"], strict=True))
    workspace.write(entries, views_of(entries), "now", masks)
    laid_out = workspace.laid_out()
    assert {face: one.mask for face, one in laid_out.items()} == masks
    metadata = json.loads((workspace.folder / "metadata.json").read_text())
    assert metadata["name"] == workspace.name and metadata["active_label_schemas"] == ["face"]
    sample = json.loads((workspace.folder / "samples.json").read_text())["samples"][0]
    mask = read_mask(workspace.folder / sample["face"]["detections"][0]["mask_path"])
    assert mask.any() and decode_rle(masks[sample["item"]], 64, 64).sum() == mask.sum(dtype=np.uint64)
    (workspace.folder / "laid-out.json").write_text('{"faces": {"f": 1}}')
    with pytest.raises(BadInput, match="is damaged"):
        Workspace(workspace.folder, "x").laid_out()
