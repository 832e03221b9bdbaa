"""A CSV of a curator that comes after the first import."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from occset.checks.check import check
from occset.dataset import replacing
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Layer, Recipe, hash_recipes, recipes_to_bytes
from occset.dataset.records import TAG, flags_of, tags_of, with_tags
from occset.importing import add_source as importing
from occset.pictures.images import encode_png, write_png
from occset.pictures.masks import encode_rle
from occset.rounds.closing import Label, merge
from occset.rounds.ledger import LEDGER, Ledger, Setup, list_rounds
from occset.samples.draw import Drawer, Plan
from occset.sources.items import OccluderItem
from tests.fixture_types import Add

SIDE = 96


@pytest.fixture
def glasses(celeba: Callable[..., Path]) -> Path:
    """A CelebAMask-HQ folder in which number 3 wears glasses that are judged clear."""
    folder = celeba(12)
    lenses, hair = np.zeros((2, SIDE, SIDE), np.uint8)
    cv2.rectangle(lenses, (26, 38), (70, 76), 255, -1)  # large enough to be harvested, and below the hair
    cv2.ellipse(hair, (48, 24), (34, 14), 0, 0, 360, 255, -1)
    for part, mask in (("eye_g", lenses), ("hair", hair)):
        (folder / "CelebAMask-HQ-mask-anno" / "0" / f"00003_{part}.png").write_bytes(encode_png(mask))
    write(folder, "clear")
    return folder


def write(folder: Path, lenses: str) -> None:
    (folder / "overrides.csv").write_text(f"id,lenses\n3,{lenses}\n")


def spec(folder: Path) -> str:
    return f"celebamask-hq:{folder}?landmarks=template"


def row_of(data: OcclusionSet, name: str = "3") -> dict[str, Any]:
    (row,) = data.faces[data.faces["source_id"] == name].to_dict("records")
    return row


def cut_from(data: OcclusionSet, face: str) -> dict[str, str]:
    return dict(data.occluders.loc[data.occluders["face"] == face, ["category", "id"]].values)


def errors(data: OcclusionSet) -> list[str]:
    return [f for f in check(OcclusionSet(data.path), 1) if f.level == "error"]


def freeze(data: OcclusionSet, recipes: list[Recipe], name: str = "protocols/mine.parquet") -> None:
    path = data.path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(recipes_to_bytes(recipes, {"hash": hash_recipes(recipes)}))


def recipe_of(face: str, occluder: str) -> Recipe:
    return Recipe(face, (Layer(occluder, None, (0,) * 8, False, (256,) * 3, (0,) * 3, 0, (0, 0)),), 64, "x", 0, 0, 0)


def test_lenses_that_are_judged_anew_change_the_mask_and_what_is_harvested(
    tmp_path: Path, glasses: Path, digest: Callable[[Path], dict[str, str]], add: Add
) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    add(data, "faces", spec(glasses))
    old, before, content = row_of(data), data.faces, data.content_hash()
    others = before[before["source_id"] != "3"]
    assert cut_from(data, old["id"]) == {}
    write(glasses, "dark")
    report = add(data, "faces", spec(glasses))
    assert (report.added, report.updated, report.already, report.harvested) == (0, 1, 11, 1)
    new = row_of(data)
    assert new["mask"] != old["mask"]
    assert json.loads(new["flags"])["eyeglasses"] == "dark"
    for column in data.faces.columns.drop(["mask", "flags"]):
        assert data.faces[column].astype(str).equals(before[column].astype(str)), column
    assert data.faces[data.faces["source_id"] != "3"].equals(others)
    assert set(cut_from(data, new["id"])) == {"sunglasses"}
    assert set(data.occluders.loc[data.occluders["face"] == new["id"], "split"]) == {new["split"]}
    assert check(OcclusionSet(data.path), 1) == []

    files = digest(data.path)
    assert add(data, "faces", spec(glasses)).updated == 0
    assert digest(data.path) == files

    write(glasses, "clear")  # and back again: the sunglasses go, their file too
    assert add(data, "faces", spec(glasses)).updated == 1
    assert cut_from(data, new["id"]) == {}
    assert data.content_hash() == content
    assert check(OcclusionSet(data.path), 1) == []


def test_errata_that_come_later_are_flagged(tmp_path: Path, glasses: Path, add: Add) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    add(data, "faces", spec(glasses))
    (glasses / "errata.csv").write_text("id,action,reason\n5,flag,hair of another photo\n6,skip,not a face\n")
    report = add(data, "faces", spec(glasses))
    assert report.updated == 1
    ((key, message),) = report.problems
    assert key == "6"
    assert "not a face; it was added before and is still in the set: make a new set without it" in message
    (found,) = check(OcclusionSet(data.path), 1)
    assert (found.level, found.where) == ("warning", f"faces {row_of(data, '5')['id']}")
    assert "5 is in its source's errata: hair of another photo" in found.message


@pytest.mark.parametrize("name", ["protocols/mine.parquet", "recipes/drawn.parquet"])
@pytest.mark.parametrize("by", ["face", "cutout"])
def test_what_a_frozen_protocol_names_does_not_change(
    tmp_path: Path, glasses: Path, digest: Callable[[Path], dict[str, str]], add: Add, name: str, by: str
) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    write(glasses, "dark")
    add(data, "faces", spec(glasses))
    mine = row_of(data)
    other = row_of(data, "0")["id"]
    sunglasses = cut_from(data, mine["id"])["sunglasses"]
    recipe = recipe_of(mine["id"], cut_from(data, other)["hair"]) if by == "face" else recipe_of(other, sunglasses)
    freeze(data, [recipe], name)
    before = digest(data.path)
    write(glasses, "clear")
    report = add(data, "faces", spec(glasses))
    assert (report.updated, report.already) == (0, 11)
    ((key, message),) = report.problems
    assert key == "3"
    assert mine["id"] in message and name in message and "make a new set, or delete" in message
    assert digest(data.path) == before

    (data.path / name).unlink()
    assert add(data, "faces", spec(glasses)).updated == 1
    assert "sunglasses" not in cut_from(data, mine["id"])


def test_a_protocol_that_names_others_stands_in_nobodys_way(tmp_path: Path, glasses: Path, add: Add) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    add(data, "faces", spec(glasses))
    name = row_of(data)["id"]
    drawer = Drawer(data, Plan(split="train", size=64, types={"hair": (("hair",), 1.0)}))
    drawn = [recipe for recipe in map(drawer.draw, range(12)) if recipe.face != name]
    freeze(data, [r for r in drawn if r.layers[0].occluder not in cut_from(data, name).values()], "recipes/a.parquet")
    write(glasses, "dark")
    assert add(data, "faces", spec(glasses)).updated == 1


def test_new_cutouts_of_a_refused_face_leave_no_file(
    tmp_path: Path, glasses: Path, digest: Callable[[Path], dict[str, str]], add: Add
) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    add(data, "faces", spec(glasses))
    face = row_of(data)["id"]
    freeze(data, [recipe_of(face, cut_from(data, row_of(data, "0")["id"])["hair"])], "recipes/a.parquet")
    before = digest(data.path)
    write(glasses, "dark")
    assert len(add(data, "faces", spec(glasses)).problems) == 1
    assert digest(data.path) == before


def test_what_a_snapshot_holds_stays_on_the_disk(tmp_path: Path, glasses: Path, add: Add) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    write(glasses, "dark")
    add(data, "faces", spec(glasses))
    frozen = data.occluders.loc[data.occluders["category"] == "sunglasses", "cutout"].item()
    data.snapshot("1.0")
    write(glasses, "clear")
    assert add(data, "faces", spec(glasses)).updated == 1
    assert (data.path / frozen).exists()
    assert check(OcclusionSet(data.path), 1) == []


def test_a_broken_recipe_file_is_named_before_anything_changes(tmp_path: Path, glasses: Path, add: Add) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    add(data, "faces", spec(glasses))
    content = data.content_hash()
    (data.path / "recipes").mkdir()
    (data.path / "recipes" / "a.parquet").write_bytes(b"x")
    write(glasses, "dark")
    with pytest.raises(importing.BadInput, match=r"a\.parquet: not a readable recipe file"):
        add(data, "faces", spec(glasses))
    assert OcclusionSet(data.path).content_hash() == content


def test_an_update_that_was_cut_off_ends_like_one_that_was_not(
    tmp_path: Path,
    glasses: Path,
    digest: Callable[[Path], dict[str, str]],
    add: Add,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Cut off before each write of a table and each removal of a file in turn, then run again."""

    class Cut(BaseException):
        pass

    stop_at = count = 0

    def cutting(real: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count == stop_at:
                raise Cut
            return real(*args, **options)

        return run

    monkeypatch.setattr(OcclusionSet, "write", cutting(OcclusionSet.write))
    monkeypatch.setattr(replacing, "remove_loose_cutouts", cutting(replacing.remove_loose_cutouts))
    monkeypatch.setattr(replacing, "rewrite_faces", cutting(replacing.rewrite_faces))
    for first, second in (("clear", "dark"), ("dark", "clear")):
        ends = []
        for stop_at in range(8):
            count = -1000
            data = OcclusionSet.create(tmp_path / f"{second}-{stop_at}", "name")
            write(glasses, first)
            add(data, "faces", spec(glasses))
            write(glasses, second)
            count = 0
            try:
                add(data, "faces", spec(glasses))
            except Cut:
                count = -1000
                OcclusionSet(data.path).faces  # noqa: B018 - it opens
                add(data, "faces", spec(glasses))
            ends.append(digest(data.path))
            assert errors(data) == []
        assert all(end == ends[0] for end in ends)
        assert count < 7  # the last was not cut: every step was


def test_the_same_picture_under_another_name_changes_nothing(
    tmp_path: Path, celeba: Callable[..., Path], add: Add
) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    folder = celeba(4)
    add(data, "faces", spec(folder))
    content = data.content_hash()
    other = folder.rename(folder.with_name("photos-of-it")) / "CelebA-HQ-img"
    report = add(data, "faces", f"photos:{other}?align=no")  # without masks
    assert (report.updated, report.already, len(report.duplicates)) == (0, 0, 4)
    assert data.content_hash() == content


def test_a_loose_file_that_is_no_cutout_stays(tmp_path: Path, glasses: Path, add: Add) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    add(data, "faces", spec(glasses))
    notes = data.path / "cutouts" / "00" / "my-notes.png"
    write_png(notes, np.zeros((4, 4, 3), np.uint8))
    write(glasses, "dark")
    add(data, "faces", spec(glasses))
    assert notes.exists()


# --- labels that a round brought -----------------------------------------------------------------------------------------


def correct(data: OcclusionSet, name: str = "3", mask: np.ndarray | None = None) -> str:
    """A round that labels one face, as `occset round` would have written it."""
    row = row_of(data, name)
    fresh = np.zeros((SIDE, SIDE), np.uint8) if mask is None else mask
    if mask is None:
        fresh[30:70, 30:60] = 255
    setup = Setup(len(list_rounds(data.path)) + 1, "colour", "", "train", 1, 0, 0, 1, "")
    picked = {**dict.fromkeys(LEDGER.names), "id": row["id"], "arm": "mined", "rank": 1}
    picked |= {"label_before": row["mask"], "width": SIDE, "height": SIDE}
    ledger = Ledger(setup, pd.DataFrame([picked], columns=LEDGER.names))
    merge(data, ledger, {row["id"]: Label(encode_rle(fresh), "2024-01-01T00:00:00+00:00")})
    return encode_rle(fresh)


def test_a_corrected_mask_survives_the_import_of_its_source(
    tmp_path: Path, glasses: Path, digest: Callable[[Path], dict[str, str]], add: Add
) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    add(data, "faces", spec(glasses))
    label = correct(data)
    before = digest(data.path)
    report = add(data, "faces", spec(glasses))
    assert (report.updated, report.already, report.problems) == (0, 12, [])
    assert row_of(data)["mask"] == label
    assert digest(data.path) == before


def test_flags_that_change_are_taken_and_the_corrected_mask_stays(tmp_path: Path, glasses: Path, add: Add) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    add(data, "faces", spec(glasses))
    label = correct(data)
    (glasses / "errata.csv").write_text("id,action,reason\n3,flag,hair of another photo\n")
    report = add(data, "faces", spec(glasses))
    assert (report.updated, report.problems) == (1, [])
    row = row_of(data)
    assert row["mask"] == label
    assert json.loads(row["flags"])["errata"] == "hair of another photo"
    assert add(data, "faces", spec(glasses)).updated == 0


def test_a_new_mask_of_the_source_is_refused_by_name_for_a_corrected_face(
    tmp_path: Path, glasses: Path, add: Add
) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    add(data, "faces", spec(glasses))
    label, flags = correct(data), row_of(data)["flags"]
    write(glasses, "dark")
    report = add(data, "faces", spec(glasses))
    assert (report.updated, report.already) == (0, 11)
    ((key, message),) = report.problems
    assert key == "3"
    assert "was labelled in round 1, and its source has another mask for it now; it stays as it was" in message
    assert (row_of(data)["mask"], row_of(data)["flags"]) == (label, flags)


def test_a_face_that_two_rounds_labelled_keeps_the_second_label(tmp_path: Path, glasses: Path, add: Add) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    add(data, "faces", spec(glasses))
    correct(data)
    label = correct(data, mask=np.full((SIDE, SIDE), 255, np.uint8))
    assert add(data, "faces", spec(glasses)).problems == []
    assert row_of(data)["mask"] == label


def test_photos_without_masks_do_not_take_a_label_away(tmp_path: Path, celeba: Callable[..., Path], add: Add) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    photos = f"photos:{celeba(12) / 'CelebA-HQ-img'}?align=no"
    add(data, "faces", photos)
    name = data.faces["source_id"].iloc[0]
    assert data.faces["mask"].isna().all()
    label = correct(data, name)
    report = add(data, "faces", photos)
    assert (report.updated, report.problems) == (0, [])
    assert row_of(data, name)["mask"] == label


def test_cutouts_of_annotators_are_not_taken_for_stale_harvest(
    tmp_path: Path, glasses: Path, add: Add, cutout_item: Callable[..., OccluderItem]
) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    add(data, "faces", spec(glasses))
    face = row_of(data)
    drawn = data.store_occluder(cutout_item(5), "label-studio", face=face["id"])
    data.add_rows("occluders", [{**drawn, "annotator": "ann", "round": 1, "split": face["split"]}])
    write(glasses, "dark")
    assert add(data, "faces", spec(glasses)).updated == 1
    assert drawn["id"] in set(data.occluders["id"])
    assert (data.path / drawn["cutout"]).exists()


def test_tags_that_people_gave_a_face_outlive_an_import(tmp_path: Path, glasses: Path, add: Add) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    add(data, "faces", spec(glasses))
    row = row_of(data)
    tags = {"look, again", "emoji \U0001f60e\n"}
    with data.replacing() as change:
        change.put_faces([{"id": row["id"], "flags": with_tags(row, tags)}])
    assert add(data, "faces", spec(glasses)).updated == 0
    assert tags_of(row_of(data)) == tags
    write(glasses, "dark")
    assert add(data, "faces", spec(glasses)).updated == 1
    assert row_of(data)["mask"] != row["mask"] and tags_of(row_of(data)) == tags
    assert flags_of(row_of(data)).keys() > {TAG + tag for tag in tags}, "what the source says of it stays too"
    assert json.loads(str(with_tags(row_of(data), ()))) == {
        k: v for k, v in flags_of(row_of(data)).items() if TAG not in k
    }
