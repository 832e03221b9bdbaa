"""A round in a folder: pictures, present masks, and what comes back through `round close`; and the verb that opens it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.mining.signals import iou
from occset.pictures.images import read_image
from occset.pictures.masks import decode_rle, read_mask, write_mask
from occset.rounds.closing import close_round
from occset.rounds.handing_out import hand_out
from occset.rounds.honeypots import MOST_RIGHT
from occset.rounds.ledger import list_rounds, read_round
from occset.rounds.opening import open_chosen, open_random
from tests.fixture_types import MakeSet, Occset


def names(folder: Path) -> set[str]:
    return {path.stem for path in folder.iterdir()}


def test_pictures_and_masks_are_those_of_the_set(drawn_set: MakeSet, tmp_path: Path) -> None:
    data = drawn_set()
    ledger = open_random(data, 12)
    faces = set(ledger.rows["id"])
    labelled = {face for face in faces if isinstance(data.face_row(face)["mask"], str)}
    assert labelled and labelled != faces  # some have no mask yet
    out = hand_out(data, ledger, tmp_path / "out")
    assert (out.pictures, out.masks, out.problems) == (12, len(labelled), [])
    assert out.labels == tmp_path / "out" / "labels" and names(out.labels) == set()
    assert names(tmp_path / "out" / "pictures") == faces
    assert names(tmp_path / "out" / "masks") == labelled
    for face in faces:
        assert np.array_equal(read_image(tmp_path / "out" / "pictures" / f"{face}.png"), data.load_image(face))
    for face in labelled:
        assert np.array_equal(read_mask(tmp_path / "out" / "masks" / f"{face}.png"), data.load_face(face)[1])


def test_nothing_counts_as_labelled_that_nobody_saved(drawn_set: MakeSet, tmp_path: Path) -> None:
    data = drawn_set()
    face, other = data.faces.loc[data.faces["split"].eq("train") & data.faces["mask"].notna(), "id"][:2]
    out = hand_out(data, open_chosen(data, [face, other]), tmp_path)
    mask = read_mask(tmp_path / "masks" / f"{face}.png")
    mask[np.flatnonzero(mask.any(axis=1))[:4]] = 0  # a hat is found
    write_mask(out.labels / f"{face}.png", mask)
    done = close_round(data, out.labels)
    assert done.refused == []
    assert (done.merged, done.ledger.waiting) == (1, [other])
    assert np.array_equal(OcclusionSet(data.path).load_face(face)[1], mask)
    again = hand_out(OcclusionSet(data.path), done.ledger, tmp_path / "again")
    assert again.pictures == 1 and names(tmp_path / "again" / "pictures") == {other}  # what still waits
    assert (out.labels / f"{face}.png").is_file()


def test_a_honeypots_mask_is_wrong(make_set: MakeSet, tmp_path: Path) -> None:
    data = make_set()
    ledger = open_random(data, 4, honeypots=0.5)
    hand_out(data, ledger, tmp_path)
    pots = ledger.rows[ledger.rows["arm"].eq("honeypot")]
    assert len(pots) == 2
    for row in pots.to_dict("records"):
        mask = read_mask(tmp_path / "masks" / f"{row['id']}.png")
        assert 0.2 < iou(mask, decode_rle(row["label_before"], row["height"], row["width"])) <= MOST_RIGHT


def test_a_picture_that_is_lost_is_named(drawn_set: MakeSet, tmp_path: Path) -> None:
    data = drawn_set()
    ledger = open_random(data, 3)
    face = ledger.rows["id"][1]
    (data.path / data.face_row(face)["image"]).unlink()
    out = hand_out(data, ledger, tmp_path)
    assert out.pictures == 2
    ((name, why),) = out.problems
    assert name == face and "does not exist" in why


def test_what_mine_wrote_opens_a_round_for_an_editor(
    occset: Occset, drawn_set: MakeSet, colour_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = drawn_set()
    monkeypatch.chdir(tmp_path)
    assert occset("mine", "set", "--model", colour_model, "--top", 4, "--out", "hard.csv", "--workers", 1)[0] == 0
    status, _, err = occset("round", "open", "set", "--ids", "hard.csv", "--pictures", "round-1")
    assert status == 0
    assert "ledger.parquet: 4 named faces wait for labels" in err
    assert err.splitlines()[-1] == (
        "save their masks, as PNG of the same names, in round-1/labels, and run  occset round close set --labels "
        "round-1/labels"
    )
    ledger = read_round(data.path)
    assert list(ledger.rows["arm"]) == ["chosen"] * 4
    assert names(tmp_path / "round-1" / "pictures") == set(ledger.rows["id"])
    shutil.copytree("round-1/masks", "round-1/labels", dirs_exist_ok=True)
    status, _, err = occset("round", "close", "set", "--labels", "round-1/labels")
    assert status == 0 and f"{len(names(tmp_path / 'round-1' / 'masks'))} labels read, 0 faces" in err


def test_a_command_that_was_cut_off_can_be_repeated_and_another_is_refused(
    occset: Occset, drawn_set: MakeSet, colour_model: str, tmp_path: Path
) -> None:
    data = drawn_set()
    command = ("round", "open", data.path, "--top", 3, "--random", 2, "--model", colour_model, "--workers", 1)
    assert occset(*command)[0] == 0
    first = read_round(data.path).to_bytes()
    status, _, err = occset(*command, "--pictures", tmp_path / "out")
    assert status == 0 and "round 1 is open already: nothing is picked, its pictures are written" in err
    assert len(names(tmp_path / "out" / "pictures")) == 5
    assert occset("round", "open", data.path, "--pictures", tmp_path / "out")[0] == 0
    for other in (("--top", 4), ("--random", 3), ("--ids", data.faces["id"][0])):
        status, out, err = occset("round", "open", data.path, *other, "--pictures", tmp_path / "other")
        assert (status, out) == (2, "") and "round 1 is open and has other faces" in err
    assert not (tmp_path / "other").exists()
    status, _, err = occset("round", "open", data.path, "--ids", "x", "--top", 3)
    assert status == 2 and "give one of them" in err
    assert (list_rounds(data.path), read_round(data.path).to_bytes()) == ([1], first)
