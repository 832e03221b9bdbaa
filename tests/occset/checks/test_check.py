from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from occset.checks.check import check
from occset.checks.tables import Finding
from occset.dataset import recipes
from occset.dataset.embeddings import save_embeddings
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe
from occset.importing import add_source as importing
from occset.pictures.images import encode_png, read_rgba
from occset.pictures.masks import encode_rle
from occset.samples.draw import Drawer, Plan
from occset.sources.items import FaceItem
from occset.support.errors import BadInput


def errors(data: OcclusionSet) -> list[Finding]:
    return [f for f in check(OcclusionSet(data.path), 1) if f.level == "error"]


def the_warning(data: OcclusionSet) -> Finding:
    """The only finding besides that the tables changed."""
    (found,) = [f for f in check(data, 1) if f.where != "occset.json"]
    assert found.level == "warning"
    return found


def the_error(data: OcclusionSet) -> Finding:
    (found,) = errors(data)
    return found


def change(data: OcclusionSet, table: str, row: int, **cells: Any) -> None:
    frame = getattr(data, table).astype(object)
    for column, value in cells.items():
        frame.at[row, column] = value
    data.write(table, frame)


def in_split(data: OcclusionSet, table: str, split: str, nth: int = 0) -> int:
    frame = getattr(data, table)
    return int(frame.index[frame["split"] == split][nth])


@pytest.mark.parametrize("workers", [1, 2])
def test_a_sound_set_has_no_finding(copy_set: Callable[..., OcclusionSet], workers: int) -> None:
    seen = []
    data = copy_set()
    assert check(data, workers, lambda done, total: seen.append((done, total))) == []
    assert seen[-1] == (51, 51)


# --- pictures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("table", "column"), [("faces", "image"), ("occluders", "cutout"), ("textures", "path")])
def test_a_changed_picture(copy_set: Callable[..., OcclusionSet], table: str, column: str) -> None:
    data = copy_set()
    row = getattr(data, table).iloc[3]
    path = data.path / row[column]
    picture = read_rgba(path)
    picture[0, 0, 0] ^= 1
    path.write_bytes(encode_png(picture if table == "occluders" else picture[..., :3]))
    found = the_error(data)
    assert found.where == f"{table} {row['id']}"
    assert str(path) in found.message and "not those that were added: restore the file" in found.message


@pytest.mark.parametrize(("table", "column"), [("faces", "image"), ("occluders", "cutout"), ("textures", "path")])
def test_a_missing_picture(copy_set: Callable[..., OcclusionSet], table: str, column: str) -> None:
    data = copy_set()
    path = data.path / getattr(data, table).iloc[0][column]
    path.unlink()
    found = the_error(data)
    assert f"{path} does not exist" in found.message


def test_a_picture_that_is_a_link_in_a_circle(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    path = data.path / data.faces["image"][0]
    path.unlink()
    path.symlink_to(path.name)
    assert the_error(data).where == f"faces {data.faces['id'][0]}"


def test_a_truncated_picture(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    path = data.path / data.faces["image"][0]
    path.write_bytes(path.read_bytes()[:-40])
    assert f"{path} is truncated or damaged" in the_error(data).message


def test_a_picture_of_another_size(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    path = data.path / data.faces["image"][0]
    path.write_bytes(encode_png(np.zeros((128, 256, 3), np.uint8)))
    assert "is 256 x 128, the table says 256 x 256" in the_error(data).message


def test_an_empty_mask(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    change(data, "faces", 2, mask=encode_rle(np.zeros((256, 256), np.uint8)))
    assert "its face mask is empty: label it again" in the_error(data).message


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (encode_rle(np.ones((10, 10), np.uint8)), "100 pixels was given for a mask of 256 x 256"),
        ("garbage!", "no RLE of COCO"),
        ("ü", "no RLE of COCO"),
        ("", "an RLE of 0 pixels"),
    ],
)
def test_a_mask_that_is_none(copy_set: Callable[..., OcclusionSet], mask: object, message: str) -> None:
    data = copy_set()
    change(data, "faces", 2, mask=mask)
    assert message in the_error(data).message


@pytest.mark.parametrize("points", [[0.0] * 10, [float("nan")] * 10, [1.0, 2.0]])
def test_landmarks_that_span_no_face(copy_set: Callable[..., OcclusionSet], points: list[float]) -> None:
    data = copy_set()
    change(data, "faces", 1, landmarks=points)
    assert "landmarks span no face: correct them" in the_error(data).message


def test_a_cutout_that_became_transparent(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    path = data.path / data.occluders["cutout"][0]
    picture = read_rgba(path)
    picture[..., 3] = 0
    path.write_bytes(encode_png(picture))
    assert any("nothing of it is opaque" in f.message for f in errors(data))


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"image": "../faces.png"}, "not a path inside"),
        ({"image": None}, "its row is damaged"),
        ({"sha256": None}, "not those that were added|row is damaged"),
        ({"sha256": "0" * 64}, "not those that were added"),
        ({"flags": "{"}, "its row is damaged"),
        ({"width": None}, "the table says"),
        ({"truth": "truth/none.npz"}, "none.npz: not a readable"),
    ],
)
def test_an_edited_row(
    copy_set: Callable[..., OcclusionSet], cells: dict[str, None] | dict[str, str], message: str
) -> None:
    data = copy_set()
    change(data, "faces", 1, **cells)
    found = errors(data)
    assert any(re.search(message, f.message) for f in found), found
    assert {f.where for f in found} == {f"faces {data.faces['id'][1]}"}


def test_broken_truth(tmp_path: Path, face_item: Callable[..., FaceItem]) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    rows = [data.store_face(face_item(i, truth={"bare": np.arange(2000)}), "test") for i in range(3)]
    data.add_rows("faces", rows)
    importing.resplit(data)
    assert errors(data) == []
    path = data.path / rows[0]["truth"]
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 16
    path.write_bytes(damaged)
    assert f"{path}: not a readable .npz file" in the_error(data).message


# --- splits ------------------------------------------------------------------------------------------------------------


def test_a_person_in_two_splits(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    one, other = in_split(data, "faces", "train"), in_split(data, "faces", "test")
    change(data, "faces", other, identity=data.faces["identity"][one])
    found = the_error(data)
    assert found.where == f"identity test:{data.faces['identity'][one]}"
    assert found.message == "one person lies in test and train: a leak"


def test_a_group_in_two_splits(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    one, other = in_split(data, "faces", "val"), in_split(data, "faces", "test")
    change(data, "faces", other, group=data.faces["group"][one])
    assert "one person lies in test and val: a leak" in the_error(data).message


def test_a_face_that_is_in_no_split_leaks_nowhere(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    one, other = in_split(data, "faces", "train"), in_split(data, "faces", "test")
    change(data, "faces", other, group=data.faces["group"][one], split="excluded")
    assert errors(data) == []


def test_a_harvested_cutout_in_another_split(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    face, piece = in_split(data, "faces", "test"), in_split(data, "occluders", "train")
    change(data, "occluders", piece, face=data.faces["id"][face])
    found = the_error(data)
    assert found.where == f"occluders {data.occluders['id'][piece]}"
    assert found.message == "split train, but its face is in test: a leak"


def test_a_cutout_of_a_face_that_is_gone(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    change(data, "occluders", 0, face="f0000")
    assert the_warning(data).message == "the face it was cut from, f0000, is not in the set"


def test_rows_without_a_split(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    change(data, "textures", 0, split=None)
    assert the_error(data).message == "1 rows have no split: an import was cut off; run it again"


def test_near_duplicates(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    one, other = in_split(data, "faces", "train"), in_split(data, "faces", "train", 1)
    change(data, "faces", other, phash=data.faces["phash"][one])
    found = the_warning(data)
    assert "look the same (0 of 64 bits differ)" in found.message
    assert data.faces["source_id"][one] in found.message
    test = in_split(data, "faces", "test")
    change(data, "faces", test, phash=f"{int(data.faces['phash'][one], 16) ^ 0b111:016x}")
    assert {f.level for f in check(data, 1)} == {"error", "warning"}
    assert all("in two splits: a leak" in f.message for f in errors(data))


@pytest.mark.parametrize("table", ["occluders", "textures"])
def test_cutouts_and_textures_that_look_the_same_in_two_splits(
    copy_set: Callable[..., OcclusionSet], table: str
) -> None:
    data = copy_set()
    one, other = in_split(data, table, "train"), in_split(data, table, "train", 1)
    phash = getattr(data, table)["phash"][one]
    change(data, table, other, phash=phash)
    assert {f.where for f in check(data, 1)} == {"occset.json"}  # in one split they may
    test = in_split(data, table, "test")
    change(data, table, other, phash=getattr(data, table)["phash"][test])
    change(data, table, test, phash=f"{int(phash, 16) ^ 0b11:016x}")
    found = errors(data)
    assert {f.where for f in found} == {f"{table} {', '.join(sorted(getattr(data, table)['id'][[one, test]]))}"}
    assert "look the same (2 of 64 bits differ), in two splits: a leak" in found[0].message
    assert getattr(data, table)["source_id"][test] in found[0].message
    change(data, table, test, split="excluded")
    assert errors(data) == []


def test_harvested_cutouts_of_two_photos_may_have_one_outline(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    pieces = [in_split(data, "occluders", split) for split in ("train", "test")]
    for piece, split in zip(pieces, ("train", "test"), strict=True):
        change(data, "occluders", piece, phash="0" * 16, face=data.faces["id"][in_split(data, "faces", split)])
    assert errors(data) == []


def test_a_table_without_the_hash_is_refused(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    path = data.path / "textures.parquet"
    data.textures.drop(columns="phash").to_parquet(path)
    with pytest.raises(BadInput, match="lacks the columns phash"):
        check(OcclusionSet(data.path), 1)


def test_a_face_of_the_errata_is_a_warning(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    change(data, "faces", 3, flags=json.dumps({"errata": "parts of another photo", "eyeglasses": "none"}))
    found = the_warning(data)
    assert found.where == f"faces {data.faces['id'][3]}"
    assert found.message == f"{data.faces['source_id'][3]} is in its source's errata: parts of another photo"


def test_one_person_by_arcface_in_two_splits(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    train, test, other = (
        in_split(data, "faces", "train"),
        in_split(data, "faces", "test"),
        in_split(data, "faces", "val"),
    )
    ids = data.faces["id"]
    vectors = {
        ids[train]: np.eye(512)[0],
        ids[test]: np.eye(512)[0] * 0.9 + np.eye(512)[1] * 0.43,
        ids[other]: np.eye(512)[2],
    }
    save_embeddings(data, vectors, "model")
    assert errors(data) == []  # the source knows who they are
    change(data, "faces", test, identity=None)
    found = the_error(data)
    assert set(found.where.removeprefix("faces ").split(", ")) == {ids[train], ids[test]}
    assert "ArcFace takes them for one person" in found.message
    (data.path / "embeddings.npz").write_bytes(b"x")
    assert "embeddings.npz: not a readable" in the_error(data).message


def test_a_group_that_swallows_the_set(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    frame = data.faces.astype(object)
    more = [frame.assign(id=[f"{i}{n}" for i in frame["id"]]) for n in range(2)]
    data.write("faces", pd.concat([frame, *more]).assign(group="f0", split="train"))
    assert any("60 of 60 faces count as one person" in f.message for f in check(data, 1) if f.level == "warning")


# --- recipes, snapshots, folder ----------------------------------------------------------------------------------------


def freeze(
    data: OcclusionSet,
    name: str = "protocols/mine.parquet",
    split: str = "test",
    note: bool = True,
    change: Callable[[list[Recipe]], list[Recipe]] = lambda drawn: drawn,
) -> list[Recipe]:
    drawer = Drawer(data, Plan(split=split, size=64))
    drawn = [drawer.draw(i) for i in range(6)]
    path = data.path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(recipes.recipes_to_bytes(change(drawn), {"hash": recipes.hash_recipes(drawn)} if note else {}))
    return drawn


def test_a_frozen_protocol_is_sound(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    freeze(data)
    freeze(data, "recipes/train.parquet", "train", note=False)
    assert errors(data) == []


def test_an_edited_recipe_file(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    freeze(data, change=lambda drawn: drawn[1:])
    assert the_error(data).message == "its recipes are not those that were frozen: restore the file"
    freeze(data, note=False)  # somebody took the hash off
    assert "not those that were frozen" in the_error(data).message


def test_an_edited_recipe(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    frame = recipes.to_frame(freeze(data))
    frame.loc[0, "type"] = "other"
    frame.loc[1, "face"] = data.faces["id"][0] if frame["face"][1] != data.faces["id"][0] else data.faces["id"][1]
    (data.path / "protocols" / "mine.parquet").write_bytes(recipes.to_bytes(frame, recipes.SCHEMA))
    assert "does not match its own id" in the_error(data).message


def test_a_broken_recipe_file(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    freeze(data)
    path = data.path / "protocols" / "mine.parquet"
    path.write_bytes(path.read_bytes()[:50])
    assert "mine.parquet: not a readable recipe file" in the_error(data).message


def test_a_protocol_that_uses_training_faces(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    freeze(data, split="train")
    found = errors(data)
    assert all("that are not in the test split" in f.message and "a leak" in f.message for f in found)
    assert {f.message.split()[1] for f in found} >= {"faces", "occluders"}


def test_a_protocol_whose_items_are_gone(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    drawn = freeze(data)
    lost = drawn[0].layers[0].occluder
    data.write("occluders", data.occluders[data.occluders["id"] != lost])
    assert f"names occluders that are not in the set: {lost}" in the_error(data).message


def test_an_edited_snapshot(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    folder = data.snapshot()
    assert check(data, 1) == []
    (folder / "textures.parquet").write_bytes((folder / "textures.parquet").read_bytes()[:-3])
    assert "snapshots/1" in the_error(data).where
    (folder / "textures.parquet").unlink()
    assert the_error(data).message == "its tables are not those that were frozen: restore them"


def test_a_table_that_is_gone(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    (data.path / "textures.parquet").unlink()
    found = the_error(data)
    assert found.where == "textures.parquet"
    assert "restore it from a snapshot, or run the import again" in found.message


def test_files_that_belong_to_no_row(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    data.write("textures", data.textures.iloc[1:])
    assert "1 files belong to no row (textures/" in the_warning(data).message


def test_tables_that_changed_since_the_last_note(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    head = json.loads((data.path / "occset.json").read_text())
    assert head["content_hash"] == data.content_hash()
    change(data, "faces", in_split(data, "faces", "val"), split="train")
    (found,) = check(data, 1)
    assert (found.level, found.where) == ("warning", "occset.json")
    data.snapshot("2")
    assert check(OcclusionSet(data.path), 1) == []


def test_an_empty_set_is_sound(tmp_path: Path) -> None:
    assert check(OcclusionSet.create(tmp_path / "set"), 1) == []
