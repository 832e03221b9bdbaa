"""Closing a round: labels merge, bad ones are refused by name, and nothing is lost on the way."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Never

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from occset.checks.check import check
from occset.dataset import replacing
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Layer, Recipe, recipes_to_bytes
from occset.pictures.images import encode_png
from occset.pictures.masks import decode_rle, encode_rle, write_mask
from occset.rounds import closing
from occset.rounds.closing import Label, close_round, merge
from occset.rounds.ledger import Ledger, corrections, ledger_path, read_round, read_times, write_round
from occset.rounds.opening import open_round
from occset.rounds.simulated import annotate
from occset.sources.items import FaceItem
from occset.support.errors import OccsetError

SIDE = 96
World = tuple[OcclusionSet, Ledger, Path, Callable[[str], np.ndarray]]


@pytest.fixture
def world(
    drawn_set: Callable[..., OcclusionSet], colour_model: str, face_item: Callable[..., FaceItem], tmp_path: Path
) -> World:
    """A set with an open round of 4 mined and 3 random faces, a folder for labels, and what draws the truth."""
    data = drawn_set()
    ledger, _ = open_round(data, 4, 3, colour_model, workers=1)
    folder = tmp_path / "labels"
    folder.mkdir()

    def truth(face: str) -> np.ndarray:
        return face_item(int(data.face_row(face)["source_id"].removeprefix("face-"))).mask

    return data, ledger, folder, truth


def by_id(data: OcclusionSet) -> pd.DataFrame:
    return read_round(data.path).rows.set_index("id")


def test_every_label_goes_in_and_the_ledger_knows_what_was_before(world: World) -> None:
    data, ledger, folder, truth = world
    before = dict(zip(data.faces["id"], data.faces["mask"], strict=True))
    content = data.content_hash()
    annotate(ledger.rows["id"], truth, folder)
    done = close_round(data, folder)
    assert (done.merged, done.refused, done.ledger.is_open) == (7, [], False)
    rows = by_id(data)
    after = OcclusionSet(data.path)
    for face, row in rows.iterrows():
        true = truth(face)
        assert np.array_equal(after.load_face(face)[1], true)
        assert row["label_after"] == encode_rle(true)
        assert row["label_before"] == before[face]
        if before[face] is None:
            assert (row["decision"], np.isnan(row["iou"])) == ("labelled", True)
        else:
            old = decode_rle(before[face], SIDE, SIDE) > 0
            assert row["iou"] == pytest.approx((old & (true > 0)).sum() / (old | (true > 0)).sum())
            assert row["decision"] == ("confirmed" if np.array_equal(old, true > 0) else "corrected")
    assert (rows["decision"] == "confirmed").any() and (rows["decision"] == "corrected").any()
    untouched = after.faces[~after.faces["id"].isin(rows.index) & after.faces["mask"].notna()]
    assert all(before[face] == mask for face, mask in zip(untouched["id"], untouched["mask"], strict=True))
    assert done.changed == sum(before[face] != mask for face, mask in rows["label_after"].items())
    assert after.content_hash() != content
    assert check(after, 1) == []  # occset.json names the new content
    assert set(read_times(data.path, 1)) == {"opened", "closed"}
    assert set(corrections(data.path)) == set(rows.index)


def test_bad_labels_are_refused_by_name_and_the_rest_is_merged(world: World) -> None:
    data, ledger, folder, truth = world
    picks = list(ledger.rows["id"])
    annotate(picks, truth, folder)
    not_picked = next(f for f in data.faces.loc[data.faces["split"] == "train", "id"] if f not in picks)
    tested = data.faces.loc[data.faces["split"] == "test", "id"].iloc[0]
    full = np.full((SIDE, SIDE), 255, np.uint8)
    write_mask(folder / "f000000000000000.png", full)
    write_mask(folder / f"{not_picked}.png", full)
    write_mask(folder / f"{tested}.png", full)
    write_mask(folder / f"{picks[0]}.png", full[:50, :60])
    write_mask(folder / f"{picks[1]}.png", full * 0)
    write_mask(folder / f"{picks[2]}.png", full // 2)
    (folder / f"{picks[3]}.png").write_bytes(encode_png(full)[:40])
    (folder / f"{picks[4]}.jpg").write_bytes(b"x")
    (folder / "notes.txt").write_text("no label")
    (folder / ".hidden.png").write_bytes(b"x")
    done = close_round(data, folder)
    refused = dict(done.refused)
    assert "no face of the set is called f000000000000000" in refused["f000000000000000.png"]
    assert "was not picked in round 1" in refused[f"{not_picked}.png"]
    assert "was not picked in round 1" in refused[f"{tested}.png"]
    assert "is 60 x 50, the face is 96 x 96" in refused[f"{picks[0]}.png"]
    assert "the mask is empty" in refused[f"{picks[1]}.png"]
    assert "holds 0 and 255 only" in refused[f"{picks[2]}.png"]
    assert f"{picks[3]}.png" in refused[f"{picks[3]}.png"]
    assert "labels are PNG files" in refused[f"{picks[4]}.jpg"]
    assert len(refused) == 8
    assert done.merged == 3
    assert set(done.ledger.waiting) == set(picks[:4])
    held = data.faces.set_index("id")["mask"]
    assert all(held[face] == encode_rle(truth(face)) for face in picks[4:])
    rows = ledger.rows.set_index("id")
    assert all(held[face] == rows["label_before"][face] for face in picks[:4] if rows["label_before"][face])

    annotate(picks[:4], truth, folder)  # what was missing comes later
    again = close_round(data, folder)
    assert len(again.refused) == 4
    assert not again.ledger.is_open


def test_closing_in_two_goes_or_twice_is_like_closing_once(
    world: World, digest: Callable[[Path], dict[str, str]], tmp_path: Path
) -> None:
    data, ledger, folder, truth = world
    picks = list(ledger.rows["id"])
    annotate(picks, truth, folder)
    shutil.copytree(data.path, tmp_path / "once")
    close_round(OcclusionSet(tmp_path / "once"), folder)
    parts = tmp_path / "parts"
    parts.mkdir()
    for part in (picks[:3], picks[3:]):
        for face in part:
            shutil.copy2(folder / f"{face}.png", parts)
        close_round(data, parts)
    assert close_round(data, folder).changed == 0
    for name in ("faces.parquet", "rounds/001/ledger.parquet", "occset.json"):
        assert (data.path / name).read_bytes() == (tmp_path / "once" / name).read_bytes()
    before = digest(data.path)
    close_round(data, folder)
    assert digest(data.path) == before


def test_cut_off_before_any_write_it_ends_the_same_when_run_again(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data, ledger, folder, truth = world
    annotate(ledger.rows["id"], truth, folder)

    class Cut(BaseException):
        pass

    def cut(*args: object, **options: object) -> Never:
        raise Cut

    for step in ("rewrite_faces", "write_round", "note_time", "nothing"):
        copy = tmp_path / step
        shutil.copytree(data.path, copy)
        with monkeypatch.context() as patch:
            if step != "nothing":
                patch.setattr(replacing if step == "rewrite_faces" else closing, step, cut)
                with pytest.raises(Cut):
                    close_round(OcclusionSet(copy), folder)
        assert all(isinstance(row, str) for row in OcclusionSet(copy).faces["id"])
        close_round(OcclusionSet(copy), folder)
        for name in ("faces.parquet", "rounds/001/ledger.parquet"):
            assert (copy / name).read_bytes() == (tmp_path / "rewrite_faces" / name).read_bytes()
    assert not read_round(tmp_path / "nothing").is_open


def test_finish_gives_up_what_has_no_label_and_a_late_one_is_still_taken(world: World) -> None:
    data, ledger, folder, truth = world
    picks = list(ledger.rows["id"])
    annotate(picks[:2], truth, folder)
    done = close_round(data, folder, finish=True)
    assert list(by_id(data).loc[picks[2:], "decision"]) == ["missing"] * 5
    assert not done.ledger.is_open
    annotate(picks[2:3], truth, folder)
    close_round(data, folder)
    assert by_id(data).loc[picks[2], "decision"] in ("corrected", "labelled", "confirmed")


def test_a_face_that_a_recipe_froze_meanwhile_stays(world: World) -> None:
    data, ledger, folder, truth = world
    face = ledger.rows["id"][0]
    recipe = Recipe(face, (Layer("o", None, (0,) * 8, False),), 64, "x")
    (data.path / "protocols").mkdir()
    (data.path / "protocols" / "a.parquet").write_bytes(recipes_to_bytes([recipe]))
    mask = data.face_row(face)["mask"]
    annotate(ledger.rows["id"], truth, folder)
    done = close_round(data, folder)
    ((name, message),) = done.refused
    assert name == f"{face}.png"
    assert "named by a frozen recipe file" in message
    assert data.face_row(face)["mask"] == mask
    assert done.merged == 6


def test_a_later_round_has_the_last_word(world: World, colour_model: str, tmp_path: Path) -> None:
    data, ledger, folder, truth = world
    first = ledger.rows["id"][0]
    others = [face for face in ledger.rows["id"] if face != first]
    annotate(others, truth, folder)
    close_round(data, folder, finish=True)
    later, _ = open_round(data, 30, 0, colour_model, workers=1)
    assert first in set(later.rows["id"])  # nobody had labelled it
    assert not set(others) & set(later.rows["id"])
    other = truth(first)
    other[:50] = 0
    (tmp_path / "later").mkdir()
    write_mask(tmp_path / "later" / f"{first}.png", other)
    close_round(data, tmp_path / "later")
    annotate([first], truth, folder)
    done = close_round(data, folder, number=1)
    ((_, message),) = done.refused
    assert "round 2 has labelled" in message
    assert data.face_row(first)["mask"] == encode_rle(other)


def test_what_annotators_said_is_kept_and_honeypots_stay_out_of_the_set(world: World) -> None:
    data, ledger, _, truth = world
    rows = ledger.rows.copy()
    rows.loc[0, "arm"] = "honeypot"
    write_round(data.path, Ledger(ledger.setup, rows))
    honeypot, other = rows["id"][0], rows["id"][1]
    held = data.face_row(honeypot)["mask"]
    label = Label(
        encode_rle(np.full((SIDE, SIDE), 255, np.uint8)), "2024-01-01T00:00:00+00:00", ("ann", "bob"), 31.5, 0.9
    )
    merge(data, read_round(data.path), {honeypot: label, other: label})
    stored = by_id(data)
    for face in (honeypot, other):
        row = stored.loc[face]
        assert (list(row["annotators"]), row["lead_time"], row["agreement"]) == (["ann", "bob"], 31.5, 0.9)
        assert (row["decision"], row["labelled"]) == ("corrected", "2024-01-01T00:00:00+00:00")
    assert data.face_row(honeypot)["mask"] == held
    assert data.face_row(other)["mask"] == label.counts
    assert set(corrections(data.path)) == {other}
    assert truth(other).any()


def test_without_a_folder_or_a_round_it_is_said(drawn_set: Callable[..., OcclusionSet], tmp_path: Path) -> None:
    data = drawn_set()
    with pytest.raises(OccsetError, match="no such folder: give --labels"):
        close_round(data, tmp_path / "nowhere")
    (tmp_path / "labels").mkdir()
    with pytest.raises(OccsetError, match="no round was opened here"):
        close_round(data, tmp_path / "labels")
    assert not ledger_path(data.path, 1).exists()


def test_finishing_gives_up_what_has_no_label_but_not_what_was_refused(world: World) -> None:
    data, ledger, folder, truth = world
    picks = list(ledger.rows["id"])
    annotate(picks[2:], truth, folder)
    write_mask(folder / f"{picks[0]}.png", np.zeros((SIDE, SIDE), np.uint8))
    (folder / "more").mkdir()
    (folder / f"{picks[2]}.png").rename(folder / "more" / f"{picks[2]}.PNG")  # read wherever it lies
    (folder / f"._{picks[2]}.png").write_bytes(b"what a Mac leaves on a file server")
    (folder / f"{picks[3]}.tiff").write_bytes(b"x")
    done = close_round(data, folder, finish=True)
    assert {name for name, _ in done.refused} == {f"{picks[0]}.png", f"{picks[3]}.tiff"}
    assert done.notes == [f"{folder}: passed over 1 hidden or left by a system (._{picks[2]}.png)"]
    decisions = done.ledger.rows.set_index("id")["decision"]
    assert decisions[picks[1]] == "missing" and decisions[picks[2]] in ("labelled", "corrected", "confirmed")
    assert done.ledger.waiting == [picks[0]] and done.ledger.is_open


def test_labels_as_editors_save_them_are_read_as_they_are_meant(world: World) -> None:
    data, ledger, folder, truth = world
    picks = list(ledger.rows["id"])
    for face, way in zip(picks, ("alpha", "black alpha", "palette", "16 bits", "red", "ones", "la"), strict=True):
        on = truth(face) > 0
        plain = (on * 255).astype(np.uint8)
        if way.endswith("alpha"):
            rgba = np.full((*on.shape, 4), 255 if way == "alpha" else 0, np.uint8)
            rgba[..., 3] = plain
            picture = Image.fromarray(rgba)
        elif way == "palette":
            picture = Image.fromarray((~on).astype(np.uint8), "P")
            picture.putpalette([255, 255, 255, 0, 0, 0])
        elif way == "16 bits":
            picture = Image.fromarray(on.astype(np.uint16))
        elif way == "red":
            picture = Image.fromarray(np.dstack([plain, plain * 0, plain * 0]))
        elif way == "ones":
            picture = Image.fromarray(on.astype(np.uint8))
        else:
            picture = Image.fromarray(np.dstack([np.full_like(plain, 255), plain]), "LA")
        picture.save(folder / f"{face}.png")
    done = close_round(data, folder)
    assert (done.refused, done.merged) == ([], 7)
    held = data.faces.set_index("id")["mask"]
    assert all(held[face] == encode_rle(truth(face)) for face in picks)


def test_a_label_that_can_hardly_be_meant_waits_until_it_is_confirmed(world: World) -> None:
    data, ledger, folder, truth = world
    rows = ledger.rows
    befores = dict(zip(rows["id"], rows["label_before"], strict=True))
    half = next(face for face in befores if befores[face] and befores[face] != encode_rle(truth(face)))
    full, opposite, speck, *rest = [face for face in befores if face != half]
    dot = np.zeros((SIDE, SIDE), np.uint8)
    dot[50:52, 40:44] = 255
    before = decode_rle(befores[opposite], SIDE, SIDE)
    wrong = {full: np.full((SIDE, SIDE), 255, np.uint8), opposite: 255 - before, speck: dot, half: 255 - truth(half)}
    annotate(rest, truth, folder)
    for face, mask in wrong.items():
        write_mask(folder / f"{face}.png", mask)
    held = dict(zip(data.faces["id"], data.faces["mask"], strict=True))
    done = close_round(data, folder, finish=True)
    refused = dict(done.refused)
    assert "covers 100% of the picture" in refused[f"{full}.png"]
    assert "the opposite of the label that it replaces" in refused[f"{opposite}.png"]
    assert "of what the label before marked" in refused[f"{speck}.png"]
    assert "as if it were inverted" in refused[f"{half}.png"], (
        "it is not the opposite of half a picture: its points tell"
    )
    assert all(f"--confirm {face}" in refused[f"{face}.png"] for face in wrong)
    assert done.merged == 3 and set(done.ledger.waiting) == set(wrong), "they wait, although the round was to end"
    assert all(data.face_row(face)["mask"] == held[face] for face in wrong)

    with pytest.raises(OccsetError, match="--confirm f12: no face of that id was picked"):
        close_round(data, folder, confirmed=["f12"])
    again = close_round(data, folder, confirmed=[full, speck])
    assert {name for name, _ in again.refused} == {f"{opposite}.png", f"{half}.png"}
    assert data.face_row(full)["mask"] == encode_rle(wrong[full])
    once_more = close_round(data, folder)  # what was confirmed stays so
    assert len(once_more.refused) == 2 and once_more.changed == 0
    close_round(data, folder, confirmed=[opposite, half])
    assert not read_round(data.path).is_open and data.face_row(half)["mask"] == encode_rle(wrong[half])


def test_soft_edges_and_jpegs_need_a_threshold(world: World) -> None:
    data, ledger, folder, truth = world
    picks = list(ledger.rows["id"])
    annotate(picks, truth, folder)
    soft = cv2.GaussianBlur(truth(picks[0]), (0, 0), 1.5)
    write_mask(folder / f"{picks[0]}.png", soft)
    (folder / f"{picks[1]}.png").unlink()
    Image.fromarray(truth(picks[1])).save(folder / f"{picks[1]}.jpg", quality=80)
    Image.fromarray(truth(picks[2])).save(folder / f"{picks[2]}.jpg", quality=80)  # beside its PNG
    refused = dict(close_round(data, folder).refused)
    assert "--threshold 127" in refused[f"{picks[0]}.png"] and "--threshold 127" in refused[f"{picks[1]}.jpg"]
    done = close_round(data, folder, threshold=127)
    ((name, message),) = done.refused
    assert name == f"{picks[2]}.png" and "is a label of the same face" in message
    held = data.faces.set_index("id")["mask"]
    assert held[picks[0]] == encode_rle(np.where(soft > 127, 255, 0).astype(np.uint8))
    assert held[picks[1]] == encode_rle(truth(picks[1]))
