"""Whoever holds the sources gets the same samples; and of what differs, exactly that is named, and why."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import read_recipes
from occset.pictures import decoders, decoding
from occset.pictures.images import encode_png, read_image
from occset.publishing.published import places
from occset.publishing.published.layout import FILES, TABLES, read_published, read_rows, write_rows
from occset.publishing.published.publish import publish
from occset.publishing.published.replay import replay
from occset.publishing.published.samples import jobs_of
from occset.publishing.published.verdicts import Report
from occset.samples.export import export
from occset.samples.job import Job
from occset.support.errors import BadInput, OccsetError
from occset.support.files import sha256_file
from tests.occset.publishing.published.conftest import Shared, Sources


def recipes_of(folder: Path) -> dict[str, set[str]]:
    """The items that each sample of a published set names."""
    (path,) = (folder / "recipes").iterdir()
    return {
        r.sample: {r.face, *(x.occluder for x in r.layers), *(x.texture for x in r.layers if x.texture)}
        for r in read_recipes(path)
    }


def named(report: Report) -> set[str]:
    return {row["sample"] for row in report.samples}


def busiest_face(folder: Path) -> dict[str, Any]:
    """A face that some samples are of, but not all."""
    used = recipes_of(folder)
    faces = read_published(folder).items["faces"]
    return max(faces.values(), key=lambda row: sum(row["id"] in items for items in used.values()))


def of_face(folder: Path, face: dict[str, Any]) -> set[str]:
    """Samples that name a face, or what was harvested from it."""
    pieces = {i for i, row in read_published(folder).items["occluders"].items() if row["face"] == face["id"]}
    return {sample for sample, items in recipes_of(folder).items() if items & {face["id"], *pieces}}


def test_on_another_folder_all_samples_are_the_same_bit_for_bit(
    shared: Shared, held: Sources, published: Path, tmp_path: Path
) -> None:
    report = replay(published, held.given(), tmp_path / "out", workers=1)
    assert report.is_equal and report.counts == {"equal": 30}
    assert set(report.files) == {"equal"} and report.as_json()["items_that_differ"] == []
    (recipes,) = (published / "recipes").iterdir()
    export(shared.data, Job(30, None, recipes=recipes), tmp_path / "rendered", 1)
    for kind in ("image", "clean", "face", "occlusion"):
        rendered = {path.name: path.read_bytes() for path in (tmp_path / "rendered" / kind).iterdir()}
        assert {path.name: path.read_bytes() for path in (tmp_path / "out" / "train" / kind).iterdir()} == rendered
    rebuilt = OcclusionSet(tmp_path / "out" / "set")
    splits = dict(zip(shared.data.faces["id"], shared.data.faces["split"], strict=True))
    assert all(splits[i] == split for i, split in zip(rebuilt.faces["id"], rebuilt.faces["split"], strict=True))
    told = json.loads((tmp_path / "out" / "replay.json").read_text())
    assert told["finished"] and told["equal"] and told["samples"]["equal"] == 30


@pytest.mark.parametrize("verify_only", [False, True])
def test_with_one_photo_changed_exactly_its_samples_are_named(
    held: Sources, published: Path, change: Callable[[Path], None], verify_only: bool
) -> None:
    face = busiest_face(published)
    change(held.faces / face["files"][0])
    report = replay(published, held.given(), verify_only=verify_only, workers=1)
    assert named(report) == of_face(published, face) and 0 < len(report.samples) < 30
    assert {row["status"] for row in report.samples} == {"source changed"}
    assert all(f"celebamask-hq:{face['source_id']}" in row["because"] for row in report.samples)
    assert report.counts == {"equal": 30 - len(report.samples), "source changed": len(report.samples)}
    assert report.files["source changed"] == 1


def test_a_missing_photo_is_told_apart_from_a_changed_one(held: Sources, published: Path) -> None:
    face = busiest_face(published)
    (held.faces / face["files"][0]).unlink()
    report = replay(published, held.given(), workers=1)
    assert named(report) == of_face(published, face)
    assert {row["status"] for row in report.samples} == {"source missing"}
    assert f"{face['files'][0]} is not there" in report.items()[0]["why"]


def test_a_changed_mask_is_a_changed_source(held: Sources, published: Path) -> None:
    face = busiest_face(published)
    skin = held.faces / face["files"][-1]
    mask = np.array(cv2.imread(str(skin), cv2.IMREAD_GRAYSCALE))
    mask[60:64, 44:52] = 0
    skin.write_bytes(encode_png(mask))
    report = replay(published, held.given(), workers=1)
    assert face["id"] in {row["id"] for row in report.items()}
    assert {row["status"] for row in report.samples} == {"source changed"}
    assert {s for s, items in recipes_of(published).items() if face["id"] in items} <= named(report)


def test_another_file_with_the_same_pixels_is_equal(held: Sources, published: Path) -> None:
    face = busiest_face(published)
    skin = held.faces / face["files"][-1]
    before = skin.read_bytes()
    assert cv2.imwrite(str(skin), cv2.imread(str(skin), cv2.IMREAD_UNCHANGED), [cv2.IMWRITE_PNG_COMPRESSION, 0])
    assert skin.read_bytes() != before
    assert replay(published, held.given(), workers=1).is_equal


def test_the_same_file_by_another_decoder_is_told_apart(
    held: Sources, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    face = busiest_face(published)
    photo, real = held.faces / face["files"][0], decoding._by_opencv

    def one_bit_off(data: bytes, header: Any, path: Path) -> np.ndarray:
        pixels = real(data, header, path)
        if path == photo:
            pixels[5, 5, 0] ^= 1
        return pixels

    monkeypatch.setattr(decoding, "_by_opencv", one_bit_off)
    report = replay(published, held.given(), workers=1)
    assert named(report) >= {s for s, items in recipes_of(published).items() if face["id"] in items}
    assert {row["status"] for row in report.samples} == {"another decoder"}
    (why,) = [row["why"] for row in report.items() if row["id"] == face["id"]]
    assert "is the same file, read by another decoder (then OpenCV 4.12" in why
    assert report.files["another decoder"] == 1 and report.files["source changed"] == 0


def test_other_options_of_a_source_are_not_called_a_change_of_it(held: Sources, published: Path) -> None:
    given = held.given() | {"faces": [f"celebamask-hq:{held.faces}?landmarks=template&split=set&harvest=no"]}
    report = replay(published, given, workers=1)
    pieces = {i for i, row in read_published(published).items["occluders"].items() if row["face"]}
    assert {row["id"] for row in report.items()} == pieces
    assert {row["status"] for row in report.items()} == {"another decoder"}
    assert all("its files are the same, but" in row["why"] for row in report.items())
    assert named(report) == {s for s, items in recipes_of(published).items() if items & pieces}


def test_a_kind_that_nobody_gave_is_missing_and_told_how_to_give_it(held: Sources, published: Path) -> None:
    report = replay(published, {"faces": held.given()["faces"]}, verify_only=True, workers=1)
    assert {row["status"] for row in report.items()} == {"source missing"}
    assert any("give --occluders faceocc:FOLDER" in row["why"] for row in report.items())
    assert not any(row["table"] == "faces" for row in report.items())
    with pytest.raises(
        OccsetError, match=r"name the sources that you hold: --faces celebamask-hq:FOLDER\?landmarks=template"
    ):
        replay(published, {}, workers=1)


def test_the_first_source_that_has_the_same_pixels_counts(
    held: Sources, published: Path, change: Callable[[Path], None], tmp_path: Path
) -> None:
    shutil.copytree(held.faces, tmp_path / "other")
    for photo in (tmp_path / "other" / "CelebA-HQ-img").iterdir():
        change(photo)
    both = [f"celebamask-hq:{tmp_path / 'other'}?landmarks=template&split=set", *held.given()["faces"]]
    assert replay(published, held.given() | {"faces": both}, verify_only=True, workers=1).is_equal


def test_what_was_made_by_code_is_made_again(tmp_path: Path, shared: Shared, held: Sources) -> None:
    from occset.importing.add_source import add_source

    data = OcclusionSet(shutil.copytree(shared.data.path, tmp_path / "set"))
    data.write("textures", data.textures.head(0))
    add_source(data, "textures", "builtin:8,size=32", workers=1)
    publish(data, jobs_of(data, 30, ("train",), 48, 3, ()), tmp_path / "published", held.given(), workers=1)
    assert len(read_published(tmp_path / "published").items["textures"])
    given = held.given() | {"textures": ["builtin:8,size=32"]}
    assert replay(tmp_path / "published", given, workers=1).is_equal
    other = replay(tmp_path / "published", held.given() | {"textures": ["builtin:8,size=32,seed=1"]}, workers=1)
    assert {(row["table"], row["status"]) for row in other.items()} == {("textures", "another decoder")}


def tampered(folder: Path, table: str, **changes: object) -> None:
    """Change cells of the first row of a table, and write its new hash into the note, as a stranger would."""
    schema = FILES if table == "files" else TABLES[table]
    rows = read_rows(folder / f"{table}.parquet", schema)
    rows[0] |= changes
    write_rows(folder / f"{table}.parquet", rows, schema)
    note = json.loads((folder / "published.json").read_text())
    note["files"][f"{table}.parquet"] = sha256_file(folder / f"{table}.parquet")
    (folder / "published.json").write_text(json.dumps(note))


def test_a_published_file_that_was_changed_is_named(held: Sources, published: Path) -> None:
    path = published / "faces.parquet"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(BadInput, match=r"faces\.parquet is not the file that was published"):
        replay(published, held.given(), workers=1)
    path.unlink()
    with pytest.raises(BadInput, match=r"faces\.parquet is missing"):
        replay(published, held.given(), workers=1)


def test_names_that_lead_out_of_a_source_are_not_followed(held: Sources, published: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes((held.faces / "CelebA-HQ-img" / "0.jpg").read_bytes())
    row = read_rows(published / "faces.parquet", TABLES["faces"])[0]
    tampered(published, "faces", files=["../secret.jpg"], key="../../secret")
    files = read_rows(published / "files.parquet", FILES)
    write_rows(published / "files.parquet", [*files, {**files[0], "file": "../secret.jpg"}], FILES)
    tampered(published, "files")
    report = replay(published, held.given(), workers=1)
    (found,) = [one for one in report.items() if one["id"] == row["id"]]
    assert found["status"] == "source missing" and "../secret.jpg is not there" in found["why"]


@pytest.mark.parametrize(
    ("table", "changes", "says"),
    [
        ("faces", {"id": "f../../../../../x"}, "does not fit its pixels"),
        ("faces", {"sha256": "0" * 64}, "does not fit its pixels"),
        ("faces", {"mask": "0" * 10}, "mask of|RLE"),
        ("faces", {"files": ["nowhere.jpg"]}, r"files\.parquet: lacks a file"),
        ("occluders", {"source": None}, "a cell of source is empty"),
    ],
)
def test_hostile_tables_are_refused_by_name(
    held: Sources, published: Path, table: str, changes: dict[str, object], says: str
) -> None:
    tampered(published, table, **changes)
    with pytest.raises(BadInput, match=says):
        replay(published, held.given(), workers=1)


def test_a_recipe_of_something_unknown_is_refused(held: Sources, published: Path) -> None:
    path = published / "textures.parquet"
    write_rows(path, [], TABLES["textures"])
    note = json.loads((published / "published.json").read_text())
    note["files"]["textures.parquet"] = sha256_file(path)
    (published / "published.json").write_text(json.dumps(note))
    with pytest.raises(BadInput, match="of which the tables beside it say nothing"):
        replay(published, held.given(), verify_only=True, workers=1)


@pytest.mark.parametrize(
    ("note", "says"),
    [
        ({"layout": 2, "finished": True}, "upgrade occset"),
        ({"layout": 1}, "cut off"),
        ({"layout": 1, "finished": True, "files": {"a": 1}}, "lacks its list of files"),
        ({"layout": 1, "finished": True, "files": {"../x.parquet": "0"}}, "does not list"),
    ],
)
def test_notes_that_are_none_are_refused(tmp_path: Path, held: Sources, note: dict[str, Any], says: str) -> None:
    with pytest.raises(OccsetError, match="no published set here"):
        replay(tmp_path, held.given(), workers=1)
    (tmp_path / "published.json").write_text(json.dumps(note))
    with pytest.raises(OccsetError, match=says):
        replay(tmp_path, held.given(), workers=1)


def test_the_folder_for_samples_is_new_or_of_the_same_replay(held: Sources, published: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter.txt").write_text("mine")
    with pytest.raises(OccsetError, match="not empty and not written by occset replay"):
        replay(published, held.given(), tmp_path / "out", workers=1)
    with pytest.raises(OccsetError, match="is the published set itself"):
        replay(published, held.given(), published, workers=1)


def test_exit_statuses(
    occset: Callable[..., Any], held: Sources, published: Path, change: Callable[[Path], None]
) -> None:
    asked = ("replay", published, *held.options(), "--workers", 1)
    same = occset(*asked)
    assert same.status == 0 and same.err.strip().endswith("samples: 30 equal")
    face = busiest_face(published)
    change(held.faces / face["files"][0])
    count = len(of_face(published, face))
    odd = occset(*asked, "--verify-only")
    assert odd.status == 1 and "(exit status 1: not all is as it was published)" in odd.err
    assert f"{30 - count} equal, {count} source changed; nothing was rendered" in odd.err
    assert all(sample in odd.out for sample in of_face(published, face))
    as_json = json.loads(occset(*asked, "--verify-only", "--json").out)
    assert {row["sample"] for row in as_json["samples_that_differ"]} == of_face(published, face)
    assert occset("replay", published, "--faces", "celebamask-hq:/nowhere").status == 2


def test_what_is_no_picture_has_no_pixels() -> None:
    assert decoders.pixels_of(b"{}", Path("a.json")) == ("", "")
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    digest, decoder = decoders.pixels_of(encode_png(image), Path("a.png"))
    assert len(digest) == 64 and decoder.startswith("OpenCV 4.12")


def test_files_are_told_as_they_lie_below_their_source(held: Sources) -> None:
    place = places.open_place("faces", held.given()["faces"][0])
    read = places.read_key(place, "3")
    parts = {f"CelebAMask-HQ-mask-anno/0/00003_{part}.png" for part in ("hair", "skin")}
    assert set(read.files) == {"CelebA-HQ-img/3.jpg", *parts}
    assert ("faces", "3") in read.items and ("occluders", "3-hair") in read.items
    assert np.array_equal(read.items["faces", "3"].image, read_image(held.faces / "CelebA-HQ-img" / "3.jpg"))
    refused = places.read_key(place, "99")
    assert refused.items == {} and "99.jpg does not exist" in refused.refused
