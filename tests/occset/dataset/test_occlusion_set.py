from __future__ import annotations

import errno
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Never

import numpy as np
import pandas as pd
import pytest

from occset.dataset import records
from occset.dataset.occlusion_set import OcclusionSet
from occset.pictures.images import encode_png, read_image
from occset.samples.draw import Drawer, Plan
from occset.sources.items import FaceItem, OccluderItem, TextureItem
from occset.support.errors import BadInput, NoSpace, OccsetError, UnknownName, UnsafePath


def head_of(data: OcclusionSet) -> dict[str, Any]:
    return data.path / "occset.json"


# --- opening and making ------------------------------------------------------------------------------------------------


def test_a_new_set_is_empty_and_opens(tmp_path: Path) -> None:
    made = OcclusionSet.create(tmp_path / "new", "a name")
    opened = OcclusionSet(tmp_path / "new")
    assert opened.head == made.head
    assert opened.head["name"] == "a name"
    for table in records.TABLES:
        frame = getattr(opened, table)
        assert frame.empty
        assert list(frame.columns) == records.TABLES[table].names
    assert OcclusionSet.create(tmp_path / "new", "other").head["name"] == "a name"  # a set that is there is opened


def test_a_set_made_here_has_the_folders_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert OcclusionSet.create(".").head["name"] == "here"


def test_a_folder_with_other_things_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(OccsetError, match="not empty and not an occset set: choose a new folder"):
        OcclusionSet.create(tmp_path)
    with pytest.raises(OccsetError, match="choose a new folder"):
        OcclusionSet.create(tmp_path / "letter.txt")
    assert [p.name for p in tmp_path.iterdir()] == ["letter.txt"]


def test_what_is_no_set_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(
            OccsetError, match=r"no occset set here \(occset\.json is missing\): make one with  occset new"
        ):
            OcclusionSet(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{ half", "not readable JSON"),
        (b"\xff\xfe", "not readable JSON"),
        (b"", "not readable JSON"),
        (b"[" * 1_000_000, r"not readable JSON \(its lists and objects are nested deeper than 64"),
        (b'{"a":' * 900 + b"1" + b"}" * 900, r"not readable JSON \(its lists and objects are nested"),
        (b'{"schema_version": 1, "schema_version": 1, "sources": []}', r"not readable JSON \(the key 'schema_version'"),
        (b"[]", "lacks schema_version or sources"),
        (b'{"sources": []}', "lacks schema_version or sources"),
        (b'{"schema_version": "1", "sources": []}', "lacks schema_version or sources"),
        (b'{"schema_version": 1, "sources": {}}', "lacks schema_version or sources"),
        (b'{"schema_version": 99, "sources": []}', r"written by a newer occset \(schema 99\): upgrade occset"),
    ],
)
def test_a_broken_head_is_named(tmp_path: Path, text: bytes, message: str) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    head_of(data).write_bytes(text)
    with pytest.raises(OccsetError, match=rf"occset\.json: {message}"):
        OcclusionSet(data.path)


def test_what_a_newer_head_adds_is_kept(tmp_path: Path) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    head_of(data).write_text(json.dumps({**data.head, "contact": "x@example.org"}))
    OcclusionSet(data.path).note_source("faces=x", "terms", {"items": 1})
    assert json.loads(head_of(data).read_text())["contact"] == "x@example.org"


def test_a_folder_without_rights_to_read(tmp_path: Path) -> None:
    """As another user, since root may read anything."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become another user")
    data = OcclusionSet.create(tmp_path / "set")
    head_of(data).chmod(0o600)
    for folder in (tmp_path, *tmp_path.parents):
        if "pytest-of-" in str(folder):
            folder.chmod(0o755)
    code = (
        "import os, sys\nfrom occset.dataset.occlusion_set import OcclusionSet\nos.setuid(65534)\n"
        "try:\n    OcclusionSet(sys.argv[1])\nexcept Exception as e:\n    print(type(e).__name__, e)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, data.path], capture_output=True, text=True)
    assert "BadInput" in done.stdout and "cannot be read (Permission denied): change its permissions" in done.stdout


@pytest.mark.parametrize(
    ("number", "remedy"), [(errno.EACCES, "permissions"), (errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only")]
)
def test_a_set_that_cannot_be_written_stays_as_it_was(
    copy_set: Callable[..., OcclusionSet],
    face_item: Callable[..., FaceItem],
    digest: Callable[[Path], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    remedy: str,
) -> None:
    data = copy_set()
    before = digest(data.path)

    def refuse(*_: object) -> Never:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("occset.support.files.os.replace", refuse)
    with pytest.raises(NoSpace, match=rf"cannot write .*images/.*{remedy}"):
        data.store_face(face_item(), "test")
    with pytest.raises(NoSpace, match=rf"cannot write .*textures\.parquet.*{remedy}"):
        data.write("textures", data.textures.iloc[1:])
    with pytest.raises(NoSpace, match=rf"cannot write .*occset\.json.*{remedy}"):
        data.note(version="2")
    with pytest.raises(NoSpace, match="cannot write"):
        OcclusionSet.create(data.path.parent / "another")
    assert digest(data.path) == before


@pytest.mark.whole
def test_a_read_only_set_can_be_used(copy_set: Callable[..., OcclusionSet], tmp_path: Path) -> None:
    data = copy_set()
    done = subprocess.run(["mount", "--bind", "-o", "ro", data.path, data.path], capture_output=True)
    if done.returncode:
        pytest.skip("no right to mount")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", data.path], check=True, capture_output=True)
        with pytest.raises(NoSpace, match="read-only"):
            data.note(version="2")
        run = [sys.executable, "-m", "occset.cli"]
        for verb in (["check"], ["info"], ["render", "--count", "2", "--size", "64", "--out", str(tmp_path / "out")]):
            done = subprocess.run([*run, verb[0], data.path, *verb[1:]], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        done = subprocess.run([*run, "snapshot", data.path], capture_output=True, text=True)
        assert done.returncode == 2
        assert "the file system is read-only: choose another folder" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
    finally:
        subprocess.run(["umount", data.path], check=True)


# --- tables ------------------------------------------------------------------------------------------------------------


def test_tables_are_sorted_typed_and_the_same_bytes(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    path = data.path / "faces.parquet"
    before = path.read_bytes()
    shuffled = data.faces.sample(frac=1, random_state=1)
    data.write("faces", shuffled)
    assert path.read_bytes() == before
    assert data.faces["id"].is_monotonic_increasing


def test_two_rows_with_one_id_are_refused(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    with pytest.raises(OccsetError, match="two rows of faces share the id f"):
        data.write("faces", pd.concat([data.faces, data.faces.iloc[:1]]))


def test_rows_already_there_stay(copy_set: Callable[..., OcclusionSet], face_item: Callable[..., FaceItem]) -> None:
    data = copy_set()
    rows = [data.store_face(face_item(i), "test") for i in (100, 101)]
    assert data.add_rows("faces", [*rows, {**rows[0], "source_id": "again"}]) == 2
    assert data.add_rows("faces", [{**rows[0], "source_id": "later"}]) == 0
    assert data.face_row(rows[0]["id"])["source_id"] == "face-100"


@pytest.mark.parametrize("table", list(records.TABLES))
def test_a_broken_table_is_named(copy_set: Callable[..., OcclusionSet], table: str) -> None:
    data = copy_set()
    path = data.path / f"{table}.parquet"
    whole = path.read_bytes()
    for damaged in (b"", b"PAR1", whole[: len(whole) // 2], b"x" * 100, whole[:-1]):
        path.write_bytes(damaged)
        with pytest.raises(
            BadInput, match=rf"{table}\.parquet: not a readable Parquet file .*restore it from a snapshot"
        ):
            getattr(OcclusionSet(data.path), table)


def test_no_flipped_bit_of_a_table_goes_unseen_or_crashes(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    path = data.path / "faces.parquet"
    whole, frame = path.read_bytes(), data.faces
    rng = np.random.default_rng(0)
    caught = 0
    for position in rng.integers(4, len(whole) - 8, 200):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            assert OcclusionSet(data.path).faces.equals(frame)  # a bit of what nobody reads, such as statistics
        except BadInput:
            caught += 1
    assert caught > 100


def test_a_table_of_another_kind_is_named(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    path = data.path / "textures.parquet"
    data.textures.drop(columns="split").to_parquet(path)
    with pytest.raises(BadInput, match=r"textures\.parquet: lacks the columns split"):
        OcclusionSet(data.path).textures  # noqa: B018
    frame = data.faces.head(2)
    frame.assign(width=["wide", "wider"]).to_parquet(data.path / "faces.parquet")
    with pytest.raises(BadInput, match=r"faces\.parquet: not a readable Parquet file"):
        OcclusionSet(data.path).faces  # noqa: B018
    frame.assign(id="f1").to_parquet(data.path / "faces.parquet")
    with pytest.raises(BadInput, match="two rows share an id"):
        OcclusionSet(data.path).faces  # noqa: B018


def test_the_content_hash_is_of_the_content(copy_set: Callable[..., OcclusionSet]) -> None:
    one, other = copy_set("one"), copy_set("two")
    assert one.content_hash() == other.content_hash()
    other.write("faces", other.faces.assign(split="train"))
    assert one.content_hash() != other.content_hash()
    objects = one.faces.astype(object).where(one.faces.notna(), None)  # what another version of pandas would hold
    same = {"faces": objects, "occluders": one.occluders, "textures": one.textures}
    assert records.content_hash(same) == one.content_hash()


# --- items -------------------------------------------------------------------------------------------------------------


def test_a_face_and_back(tmp_path: Path, face_item: Callable[..., FaceItem]) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    truth = {"bare": np.arange(12, dtype=np.uint8).reshape(2, 2, 3), "shape": np.linspace(0, 1, 5)}
    item = face_item(3, truth=truth)
    row = data.store_face(item, "test")
    data.add_rows("faces", [row])
    image, mask = OcclusionSet(data.path).load_face(row["id"])
    assert np.array_equal(image, item.image)
    assert np.array_equal(mask, item.mask)
    assert np.allclose(data.face_landmarks(row["id"]), item.landmarks, atol=1e-4)
    back = data.load_truth(row["id"])
    assert back.keys() == truth.keys()
    assert all(np.array_equal(back[name], truth[name]) for name in truth)
    assert row["id"] == "f" + row["sha256"][:15]


def test_storing_twice_writes_once(
    tmp_path: Path,
    face_item: Callable[..., FaceItem],
    cutout_item: Callable[..., OccluderItem],
    digest: Callable[[Path], dict[str, str]],
) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    rows = [data.store_face(face_item(), "a"), data.store_occluder(cutout_item(), "a")]
    before = digest(data.path)
    assert [data.store_face(face_item(), "a"), data.store_occluder(cutout_item(), "a")] == rows
    assert digest(data.path) == before


def test_a_file_that_decodes_to_the_picture_is_copied_as_it_is(
    tmp_path: Path, celeba: Callable[..., Path], face_item: Callable[..., FaceItem]
) -> None:
    file = celeba(1) / "CelebA-HQ-img" / "0.jpg"
    data = OcclusionSet.create(tmp_path / "set")
    row = data.store_face(_from(file, face_item), "a")
    assert row["image"].endswith(".jpg")
    assert (data.path / row["image"]).read_bytes() == file.read_bytes()


def _from(file: Path, face_item: Callable[..., FaceItem]) -> FaceItem:
    item = face_item(0)
    item.image, item.file = read_image(file), file
    return item


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mask": np.zeros((96, 96), np.uint8)}, r"test:face-0: the face mask is empty: label it"),
        (
            {"mask": np.full((96, 90), 255, np.uint8)},
            r"test:face-0: the mask is 90 x 96, the picture 96 x 96: make them",
        ),
        (
            {"mask": np.full((96, 96), 7, np.uint8)},
            r"test:face-0: a mask holds 0 and 255 only, this one also 7: save it",
        ),
        ({"mask": np.ones((96, 96), bool)}, r"test:face-0: a mask is \(H, W\) uint8"),
        ({"mask": np.zeros((96, 96, 3), np.uint8)}, "make them the same size"),
        ({"landmarks": np.zeros((4, 2))}, "test:face-0: its landmarks span no face"),
        ({"landmarks": np.full((5, 2), np.inf)}, "test:face-0: its landmarks span no face"),
        ({"landmarks": np.full((68, 2), 3.0)}, "test:face-0: its landmarks span no face"),
    ],
)
def test_a_face_that_cannot_be_used_leaves_nothing(
    tmp_path: Path, face_item: Callable[..., FaceItem], changes: dict[str, np.ndarray], message: str
) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    with pytest.raises(BadInput, match=message):
        data.store_face(face_item(0, **changes), "test")
    assert [p.name for p in data.path.rglob("*")] == ["occset.json"]


def test_faces_are_square_and_uint8(tmp_path: Path, face_item: Callable[..., FaceItem]) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    item = face_item(0)
    item.image = item.image[:, :90]
    with pytest.raises(BadInput, match=r"test:face-0: 90 x 96: faces are square; crop it.*'photos'"):
        data.store_face(item, "test")
    item.image = np.zeros((96, 96, 3), np.float32)
    with pytest.raises(BadInput, match="uint8"):
        data.store_face(item, "test")


def test_a_cutout_needs_alpha_and_a_sane_size(tmp_path: Path, cutout_item: Callable[..., OccluderItem]) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    item = cutout_item()
    item.rgba = item.rgba[..., :3]
    with pytest.raises(
        BadInput, match="test:hand-0: a cut-out needs an alpha channel that is not empty: save it as RGBA"
    ):
        data.store_occluder(item, "test")
    item.rgba = np.full((2, 40_000, 4), 255, np.uint8)
    with pytest.raises(BadInput, match="test:hand-0: 40000 x 2, longer than 16384 pixels: make it smaller"):
        data.store_occluder(item, "test")
    with pytest.raises(BadInput, match=r"test:t: a picture here is \(H, W, 3\) uint8"):
        data.store_texture(TextureItem("t", np.zeros((4, 4), np.uint8), "noise", "made"), "test")


def test_a_face_without_a_mask_can_be_stored_but_not_loaded(tmp_path: Path, face_item: Callable[..., FaceItem]) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    row = data.store_face(face_item(0, mask=None, landmarks=None), "test")
    data.add_rows("faces", [row])
    assert data.load_image(row["id"]).shape == (96, 96, 3)
    assert data.face_landmarks(row["id"]) is None
    with pytest.raises(BadInput, match=rf"face {row['id']} \(face-0\) has no mask: label it first"):
        data.load_face(row["id"])
    assert data.load_truth(row["id"]) == {}


def test_an_unknown_item_is_named(plain_set: OcclusionSet) -> None:
    face = plain_set.faces["id"][0]
    with pytest.raises(UnknownName, match=f"no face is called '{face[:-1]}'"):
        plain_set.load_face(face[:-1])
    with pytest.raises(UnknownName, match="no occluder is called 'o'"):
        plain_set.load_cutout("o")
    with pytest.raises(UnknownName, match="no texture is called ''"):
        plain_set.load_texture("")


@pytest.mark.parametrize("path", ["../x.png", "/etc/passwd", "images/../../x.png", "C:\\x.png", "", "images/\0"])
def test_a_path_that_leaves_the_folder_is_refused(copy_set: Callable[..., OcclusionSet], path: str) -> None:
    data = copy_set()
    for table, column in records.FILES_OF.items():
        frame = getattr(data, table).copy()
        frame.loc[0, column] = path
        data.write(table, frame)
    (data.path.parent / "x.png").write_bytes(encode_png(np.zeros((256, 256, 3), np.uint8)))
    with pytest.raises(UnsafePath, match="not a path inside"):
        data.load_image(data.faces["id"][0])
    with pytest.raises(UnsafePath, match="not a path inside"):
        data.load_cutout(data.occluders["id"][0])
    with pytest.raises(UnsafePath, match="not a path inside"):
        data.load_texture(data.textures["id"][0])


def test_a_link_that_leaves_the_folder_is_refused(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    picture = data.path / data.faces["image"][0]
    outside = data.path.parent / "outside.png"
    picture.rename(outside)
    picture.symlink_to(outside)
    with pytest.raises(UnsafePath, match="through a symbolic link: replace the link by a copy"):
        data.load_image(data.faces["id"][0])


def test_a_replaced_picture_is_noticed(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    (data.path / data.faces["image"][0]).write_bytes(encode_png(np.zeros((20, 30, 3), np.uint8)))
    with pytest.raises(
        BadInput, match=r"is 30 x 20, the table says 256 x 256: the file was replaced; run  occset check"
    ):
        data.load_image(data.faces["id"][0])


def test_broken_truth_is_named(tmp_path: Path, face_item: Callable[..., FaceItem]) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    row = data.store_face(face_item(0, truth={"a": np.zeros(3)}), "test")
    data.add_rows("faces", [row])
    (data.path / row["truth"]).write_bytes(b"PK nothing")
    with pytest.raises(BadInput, match=r"\.npz: not a readable"):
        data.load_truth(row["id"])
    np.savez(data.path / row["truth"], a=np.array([{"code": 1}], dtype=object))
    with pytest.raises(BadInput, match="not a readable"):  # nothing is unpickled
        data.load_truth(row["id"])


# --- the whole ---------------------------------------------------------------------------------------------------------


def test_a_moved_or_linked_set_is_the_same_set(
    copy_set: Callable[..., OcclusionSet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = copy_set("with space = ünder")
    recipe = Drawer(data, Plan(size=64)).draw(0)
    (tmp_path / "link").symlink_to(data.path)
    moved = data.path.rename(tmp_path / "moved")
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to(moved)
    monkeypatch.chdir(tmp_path)
    for path in (moved, "moved", "link", "./x/../moved"):
        if "x" in str(path):
            (tmp_path / "x").mkdir()
        opened = OcclusionSet(path)
        assert opened.content_hash() == data.content_hash()
        assert Drawer(opened, Plan(size=64)).draw(0) == recipe


def test_a_set_travels_to_workers_without_its_tables(plain_set: OcclusionSet) -> None:
    plain_set.faces  # noqa: B018
    sent = pickle.dumps(plain_set)
    assert len(sent) < 10_000
    assert pickle.loads(sent).faces.equals(plain_set.faces)


def test_a_snapshot_freezes_the_tables(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    folder = data.snapshot()
    assert folder == data.path / "snapshots" / "1"
    assert sorted(p.name for p in folder.iterdir()) == [
        "faces.parquet", "occluders.parquet", "snapshot.json", "textures.parquet",
    ]  # fmt: skip
    assert json.loads((folder / "snapshot.json").read_text())["content_hash"] == data.content_hash()
    assert data.head["content_hash"] == data.content_hash()
    assert data.snapshot() == folder  # again: nothing happens
    data.write("textures", data.textures.iloc[1:])
    with pytest.raises(OccsetError, match=r"snapshots/1: holds other content already: choose another version"):
        data.snapshot()
    data.snapshot("2.0 beta")
    assert OcclusionSet(data.path).head["version"] == "2.0 beta"
    assert len(records.read_table(folder / "textures.parquet", records.TEXTURES)) == len(data.textures) + 1


@pytest.mark.parametrize("version", ["../out", "/abs", "a/../../b"])
def test_a_version_that_leaves_the_folder_is_refused(copy_set: Callable[..., OcclusionSet], version: str) -> None:
    data = copy_set()
    with pytest.raises(UnsafePath):
        data.snapshot(version)


def test_a_broken_snapshot_note_is_named(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    folder = data.snapshot()
    (folder / "snapshot.json").write_text("half")
    with pytest.raises(BadInput, match=r"snapshot\.json: not readable JSON"):
        data.snapshot()


def test_leftovers_are_cleaned(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    code = (
        "import os, sys; from pathlib import Path; from occset.support.files import atomic_path\n"
        "with atomic_path(Path(sys.argv[1])) as t: t.write_bytes(b'half'); os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(data.path / "images" / "zz" / "f.png")], check=False)
    assert len(list(data.path.rglob(".occset-*"))) == 1
    assert data.clean() == 1
    assert list(data.path.rglob(".occset-*")) == []


def test_a_set_holds_no_absolute_path(plain_set: OcclusionSet) -> None:
    for table, column in records.FILES_OF.items():
        assert not getattr(plain_set, table)[column].map(lambda p: Path(p).is_absolute()).any()


def test_a_picture_with_other_pixels_is_never_used(make_set: Callable[..., OcclusionSet]) -> None:
    data = make_set("set")
    faces, cutouts, textures = (list(t["id"])[:2] for t in (data.faces, data.occluders, data.textures))
    cases = [
        (data.load_image, faces, data.faces, "image"),
        (data.load_cutout, cutouts, data.occluders, "cutout"),
        (data.load_texture, textures, data.textures, "path"),
    ]
    for load, (one, other), table, column in cases:
        files = table.set_index("id")[column]
        (data.path / files[one]).write_bytes((data.path / files[other]).read_bytes())
        with pytest.raises(BadInput, match=rf"{files[one]}: .*"):
            load(one)
        load(other)


def test_arrays_that_come_out_much_larger_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "truth.npz"
    np.savez_compressed(path, albedo=np.arange(1000), normals=np.zeros((40, 40, 3), np.float32))
    assert records.read_arrays(path)["albedo"].sum() == 499500
    np.savez_compressed(path, albedo=np.zeros(100 << 20, np.uint8))
    with pytest.raises(BadInput, match=r"truth\.npz has \d+ bytes and would unpack to 1048577\d\d"):
        records.read_arrays(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(BadInput, match=r"truth\.npz is a pipe"):
        records.read_arrays(path)


@pytest.mark.parametrize("cell", ["[" * 5000, "3", '{"eyeglasses": NaN}', '{"a": 1, "a": 2}'])
def test_flags_of_a_stranger_are_refused_by_name(cell: str) -> None:
    with pytest.raises(BadInput, match=r"the flags '.* of a face are not a JSON object"):
        records.flag_of(pd.DataFrame({"flags": [None, "", '{"eyeglasses": "dark"}', cell]}), "eyeglasses")
    assert list(records.flag_of(pd.DataFrame({"flags": [None, '{"eyeglasses": "dark"}']}), "eyeglasses")) == [
        "",
        "dark",
    ]
