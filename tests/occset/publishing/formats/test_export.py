"""Every format, read back by its own library and, where there is a source for it, imported again: same masks and hashes."""

from __future__ import annotations

import csv
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.importing.add_source import add_source
from occset.pictures.images import pixel_hash, read_image
from occset.pictures.masks import encode_rle, read_mask
from occset.publishing.formats import webdataset as wds_format
from occset.publishing.formats.contents import choose, cutouts_in_place, folder_name
from occset.publishing.formats.export import FORMATS, NOTE, export
from occset.sources.celebamask_errata import OFFICIAL
from occset.sources.celebamask_hq import CelebAMaskHQSource
from occset.support.errors import BadInput, OccsetError, UnknownName
from tests.occset.publishing.conftest import ANNOTATOR, NAMES, cut_from, named_face

Masks = Callable[[OcclusionSet], dict[str, str]]


def hostile_names(rows: list[dict[str, Any]]) -> set[str]:
    return {row["source_id"] for row in rows} & set(NAMES)


def again(data: OcclusionSet, kind: str, spec: str, root: Path) -> OcclusionSet:
    found = OcclusionSet.create(root)
    report = add_source(found, kind, spec, workers=1)
    assert report.problems == []
    return found


@pytest.mark.parametrize("to", FORMATS)
def test_no_path_holds_what_a_stranger_wrote(to: str, hostile_set: OcclusionSet, tmp_path: Path) -> None:
    said = export(hostile_set, to, tmp_path / "out")
    names = [path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*")]
    assert not [name for name in names if set(name) & set('\n<>",=') or ".." in name or not name.isascii()]
    assert "1 faces of these splits have no mask: they are left out" in said
    assert "1 faces of these splits were taken out of use by annotators: they are left out" in said
    note = json.loads((tmp_path / "out" / NOTE).read_text())
    assert (note["faces"], note["occluders"], note["textures"], note["finished"]) == (16, 7, 4, True)
    assert not list((tmp_path / "out").rglob(".occset-*"))


@pytest.mark.parametrize("to", FORMATS)
def test_an_export_that_was_cut_off_ends_as_one_that_was_not(
    to: str, hostile_set: OcclusionSet, tmp_path: Path, digest: Callable[[Path], dict[str, str]], monkeypatch: Any
) -> None:
    monkeypatch.setattr(wds_format, "A_SHARD", 2)
    export(hostile_set, to, tmp_path / "whole")

    def cut(done: int, total: int) -> None:
        if done == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(hostile_set, to, tmp_path / "cut", progress=cut)
    assert "finished" not in json.loads((tmp_path / "cut" / NOTE).read_text())
    before = digest(tmp_path / "cut")
    export(hostile_set, to, tmp_path / "cut")
    after, whole = digest(tmp_path / "cut"), digest(tmp_path / "whole")
    assert after == whole
    assert len(before) > 1 and all(after[name] == value for name, value in before.items() if name != NOTE)


def test_a_folder_with_something_else_is_refused(hostile_set: OcclusionSet, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean coco"):
        export(hostile_set, "cocoa", tmp_path / "out")
    with pytest.raises(UnknownName, match="no split is called 'trian'"):
        export(hostile_set, "coco", tmp_path / "out", ["trian"])
    with pytest.raises(OccsetError, match="is the set itself"):
        export(hostile_set, "coco", hostile_set.path)
    export(hostile_set, "coco", tmp_path / "out")
    with pytest.raises(OccsetError, match="holds another export \\(other splits\\)"):
        export(hostile_set, "coco", tmp_path / "out", ["test"])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(OccsetError, match="not empty and not an export"):
        export(hostile_set, "coco", tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]


def test_a_missing_picture_is_named_and_nothing_says_finished(hostile_set: OcclusionSet, tmp_path: Path) -> None:
    row = choose(hostile_set).faces[-1]
    (hostile_set.path / row["image"]).unlink()
    with pytest.raises((BadInput, FileNotFoundError), match=row["id"]):
        export(hostile_set, "webdataset", tmp_path / "out")
    assert "finished" not in json.loads((tmp_path / "out" / NOTE).read_text())


def test_a_cut_out_lies_where_it_was_cut(tmp_path: Path) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    item = named_face(1, "one")
    row = {**data.store_face(item, "test"), "split": "train"}
    piece, where = cut_from(item, "hair")
    moved = data.store_occluder(piece, "test", row["id"])
    far = {**moved, "id": "o" + "1" * 15, "landmarks": [v + 30 for v in moved["landmarks"]]}  # reaches out to the left
    data.add_rows("faces", [row])
    data.add_rows("occluders", [{**moved, "split": "train"}, {**far, "split": "train"}])
    held = choose(data)
    found = list(cutouts_in_place(held, held.faces[0]))
    assert [one["id"] for one, _ in found] == [moved["id"]]
    assert np.array_equal(found[0][1], where)


def test_coco_is_read_by_pycocotools_and_by_occset(hostile_set: OcclusionSet, tmp_path: Path, masks_of: Masks) -> None:
    from pycocotools.coco import COCO

    out = tmp_path / "out"
    export(hostile_set, "coco", out)
    read: dict[str, str] = {}
    pieces = []
    for file in sorted((out / "annotations").glob("*.json")):
        coco = COCO(str(file))
        names = {one["id"]: one["name"] for one in coco.loadCats(coco.getCatIds())}
        for annotation in coco.loadAnns(coco.getAnnIds()):
            assert isinstance(annotation["segmentation"]["counts"], str | bytes)
            mask = coco.annToMask(annotation) * np.uint8(255)
            assert annotation["area"] == np.count_nonzero(mask)
            image = coco.loadImgs(annotation["image_id"])[0]
            if names[annotation["category_id"]] == "face":
                read[image["occset"]["id"]] = encode_rle(mask)
                picture = read_image(out / "images" / image["file_name"])
                assert pixel_hash(picture) == image["occset"]["sha256"]
            else:
                pieces.append(annotation["occset"])
    assert read == masks_of(hostile_set)
    assert {piece["annotator"] for piece in pieces} == {ANNOTATOR}
    assert {piece["category"] for piece in pieces} == {"hair", "hat", "hand/../x"}
    found = again(hostile_set, "faces", f"coco:{out}", tmp_path / "again")
    assert masks_of(found) == masks_of(hostile_set)
    columns = ["id", "source_id", "identity", "split", "flags", "licence", "sha256", "width"]
    held = hostile_set.faces[hostile_set.faces["id"].isin(found.faces["id"])]
    assert found.faces[columns].values.tolist() == held[columns].values.tolist()
    assert hostile_names(found.faces.to_dict("records")) == set(NAMES)
    for face in found.faces["id"]:
        assert np.array_equal(found.stored_landmarks(face), hostile_set.stored_landmarks(face))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"segmentation": [[1, 1, 5, 1, 5, 5]]}, "needs size"),
        ({"segmentation": {"size": [128, 128], "counts": "0"}}, "RLE of"),
        ({"image_id": 99}, "no COCO JSON"),
    ],
)
def test_coco_of_others_is_refused_by_name(
    change: dict[str, Any], message: str, hostile_set: OcclusionSet, tmp_path: Path
) -> None:
    export(hostile_set, "coco", tmp_path / "out", ["test"])
    file = tmp_path / "out" / "annotations" / "faces_test.json"
    document = json.loads(file.read_text())
    document["annotations"][0] |= change
    file.write_text(json.dumps(document))
    found = OcclusionSet.create(tmp_path / "again")
    if "image_id" in change:
        with pytest.raises(BadInput, match=f"faces_test.json: .*{message}"):
            add_source(found, "faces", f"coco:{tmp_path / 'out'}", workers=1)
    else:
        report = add_source(found, "faces", f"coco:{tmp_path / 'out'}", workers=1)
        ((key, why),) = report.problems
        assert key == document["images"][0]["file_name"] and message in why
        assert report.added == len(document["images"]) - 1


def test_a_name_that_leads_out_of_a_coco_folder_is_refused(hostile_set: OcclusionSet, tmp_path: Path) -> None:
    export(hostile_set, "coco", tmp_path / "out", ["test"])
    file = tmp_path / "out" / "annotations" / "faces_test.json"
    document = json.loads(file.read_text())
    document["images"][0]["file_name"] = "../../secret.png"
    file.write_text(json.dumps(document))
    report = add_source(OcclusionSet.create(tmp_path / "again"), "faces", f"coco:{tmp_path / 'out'}", workers=1)
    assert len(report.problems) == 1 and "is not a path inside" in report.problems[0][1]


def test_faceocc_is_imported_again(hostile_set: OcclusionSet, tmp_path: Path, masks_of: Masks) -> None:
    out = tmp_path / "out"
    export(hostile_set, "faceocc", out)
    found = again(hostile_set, "occluders", f"faceocc:{out}?crop=no", tmp_path / "again")
    add_source(found, "textures", f"faceocc:{out}", workers=1)
    report = add_source(found, "faces", f"image-masks:{out}?landmarks=no", workers=1)
    assert report.problems == []
    assert masks_of(found) == masks_of(hostile_set)
    for table in ("occluders", "textures"):
        assert set(getattr(found, table)["sha256"]) == set(getattr(hostile_set, table)["sha256"])
    assert set(found.occluders["category"]) == {"hand", "hair", "hat", "hand%2F%2E%2E%2Fx"}
    assert set(found.textures["category"]) == {"polka-dots"}
    with (out / "about.csv").open(newline="", encoding="utf-8") as stream:
        told = list(csv.DictReader(stream))
    assert hostile_names(told) == set(NAMES)
    assert {row["category"] for row in told} == {"", "hand", "hair", "hat", "hand/../x", "polka_dots"}
    assert ANNOTATOR in {row["annotator"] for row in told}
    assert all((out / row["file"]).is_file() for row in told)


def test_faceocc_cropped_differs_so_the_option_is_needed(hostile_set: OcclusionSet, tmp_path: Path) -> None:
    export(hostile_set, "faceocc", tmp_path / "out")
    found = again(hostile_set, "occluders", f"faceocc:{tmp_path / 'out'}", tmp_path / "again")
    assert set(found.occluders["sha256"]) != set(hostile_set.occluders["sha256"])
    with pytest.raises(BadInput, match="crop=maybe"):
        add_source(found, "occluders", f"faceocc:{tmp_path / 'out'}?crop=maybe", workers=1)


def test_celebamask_hq_is_imported_again(hostile_set: OcclusionSet, tmp_path: Path, masks_of: Masks) -> None:
    out = tmp_path / "out"
    export(hostile_set, "celebamask-hq", out)
    spec = f"celebamask-hq:{out}?harvest=no&landmarks=template"
    found = again(hostile_set, "faces", spec, tmp_path / "again")
    assert masks_of(found) == masks_of(hostile_set)
    held = hostile_set.faces.set_index("id").loc[found.faces["id"]]
    assert found.faces["split"].tolist() == held["split"].tolist()
    # as many persons as before, and who was one person is one
    assert found.faces["identity"].nunique() == held["group"].nunique()
    hair = list(out.rglob("*_hair.png"))
    assert len(hair) == 1
    number = int(hair[0].name[:5])
    skin = read_mask(hair[0].with_name(f"{number:05d}_skin.png"))
    assert not (read_mask(hair[0]) & skin).any() and read_mask(hair[0]).any()
    assert len(list(out.rglob("*_hat.png"))) == 1


def test_numbers_that_the_errata_name_are_passed_over(tmp_path: Path, monkeypatch: Any) -> None:
    from occset.publishing.formats.celebamask_hq import numbers_of

    rows = [{"source": "photos", "source_id": str(i)} for i in range(80)]
    numbers = [number for number, _ in zip(numbers_of(rows), rows, strict=False)]
    assert len(numbers) == 80 and numbers[:3] == [0, 1, 2] and "70" in OFFICIAL and 70 not in numbers and 80 in numbers
    own = [{"source": "celebamask-hq", "source_id": name} for name in ("70", "5", "404")]
    assert list(numbers_of(own)) == [70, 5, 404]
    assert next(iter(numbers_of([*own, own[0]]))) == 0  # two of one name


def test_a_real_layout_comes_back_with_its_numbers(
    celeba: Callable[..., Path], tmp_path: Path, masks_of: Masks
) -> None:
    root = celeba(6)
    spec = "?harvest=no&landmarks=template"
    first = again(None, "faces", f"celebamask-hq:{root}{spec}", tmp_path / "first")  # type: ignore[arg-type]
    export(first, "celebamask-hq", tmp_path / "out")
    source = CelebAMaskHQSource(str(tmp_path / "out"), harvest="no", landmarks="template")
    assert source.face_keys() == [str(n) for n in range(6)]
    second = again(first, "faces", f"celebamask-hq:{tmp_path / 'out'}{spec}", tmp_path / "second")
    same = ["id", "source_id", "mask", "identity", "split", "sha256"]
    assert second.faces[same].values.tolist() == first.faces[same].values.tolist()
    assert (tmp_path / "out" / "CelebA-HQ-img" / "3.jpg").read_bytes() == (
        root / "CelebA-HQ-img" / "3.jpg"
    ).read_bytes()


def members_of(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        assert all((one.mtime, one.uid, one.gid, one.uname) == (0, 0, 0, "") for one in archive)
        return archive.getnames()


def test_shards_are_sorted_contiguous_and_listed(hostile_set: OcclusionSet, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(wds_format, "A_SHARD", 5)
    export(hostile_set, "webdataset", tmp_path / "out")
    index = json.loads((tmp_path / "out" / "index.json").read_text())
    faces = len(choose(hostile_set).of_split("faces", "train"))
    names = [entry["name"] for entry in index["train"]]
    assert names == [f"train-{i:05d}-of-{len(names):05d}.tar" for i in range(-(-faces // 5))]
    assert sum(entry["samples"] for entry in index["train"]) == faces
    members = [name for one in names for name in members_of(tmp_path / "out" / one)]
    keys = [name.partition(".")[0] for name in members]
    assert keys == sorted(keys) and len(set(keys)) == faces
    assert members[:3] == [f"{keys[0]}.image.png", f"{keys[0]}.mask.png", f"{keys[0]}.json"]


def test_webdataset_reads_the_shards(hostile_set: OcclusionSet, tmp_path: Path, masks_of: Masks) -> None:
    wds = pytest.importorskip("webdataset")
    export(hostile_set, "webdataset", tmp_path / "out")
    read: dict[str, str] = {}
    names: list[dict[str, Any]] = []
    for path in sorted((tmp_path / "out").glob("t*-of-*.tar")) + sorted((tmp_path / "out").glob("val-*.tar")):
        if path.name.startswith("textures"):
            continue
        for sample in wds.WebDataset(str(path), shardshuffle=False).decode("pil"):
            told = sample["json"]
            names.append(told)
            assert pixel_hash(np.asarray(sample["image.png"].convert("RGB"))) == told["sha256"]
            read[sample["__key__"]] = encode_rle(np.asarray(sample["mask.png"].convert("L")))
    assert read == masks_of(hostile_set)
    assert hostile_names(names) == set(NAMES)
    (piece,) = (tmp_path / "out").glob("occluders-train-*.tar")
    cutouts = list(wds.WebDataset(str(piece), shardshuffle=False).decode("pilrgba"))
    assert {pixel_hash(np.asarray(one["cutout.png"])) for one in cutouts} <= set(hostile_set.occluders["sha256"])


def test_huggingface_reads_the_repository(
    hostile_set: OcclusionSet, tmp_path: Path, masks_of: Masks, monkeypatch: Any
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    datasets = pytest.importorskip("datasets")
    out = tmp_path / "out"
    (hostile_set.path / "card.md").write_text("Made by a test.")
    export(hostile_set, "huggingface", out)
    assert "## In its makers' words\n\nMade by a test.\n" in (out / "README.md").read_text(encoding="utf-8")
    (hostile_set.path / "card.md").unlink()
    read: dict[str, str] = {}
    names: list[dict[str, Any]] = []
    found = datasets.load_dataset(str(out), "faces", cache_dir=str(tmp_path / "cache"))
    held = {"train": "train", "val": "validation", "test": "test"}
    for split, hub in held.items():
        assert len(found[hub]) == len(choose(hostile_set).of_split("faces", split))
        for row in found[hub]:
            names.append(row)
            assert row["split"] == split and json.loads(row["flags"]) == {}
            assert pixel_hash(np.asarray(row["image"].convert("RGB"))) == row["sha256"]
            read[row["id"]] = encode_rle(np.asarray(row["mask"]))
    assert read == masks_of(hostile_set)
    assert hostile_names(names) == set(NAMES)
    cutouts = datasets.load_dataset(str(out), "occluders", cache_dir=str(tmp_path / "cache"))
    rows = [row for split in cutouts.values() for row in split]
    assert {pixel_hash(np.asarray(row["image"])) for row in rows} == set(hostile_set.occluders["sha256"])
    assert ANNOTATOR in {row["annotator"] for row in rows}
    textures = datasets.load_dataset(str(out), "textures", cache_dir=str(tmp_path / "cache"))
    assert sum(len(split) for split in textures.values()) == 4


def test_only_the_splits_that_were_asked_for_go_out(hostile_set: OcclusionSet, tmp_path: Path) -> None:
    export(hostile_set, "huggingface", tmp_path / "out", ["test"])
    assert sorted(path.name for path in (tmp_path / "out" / "faces").iterdir()) == ["test"]
    only = choose(hostile_set, ["test"])
    assert {row["split"] for row in [*only.faces, *only.occluders, *only.textures]} == {"test"}
    assert len(list((tmp_path / "out" / "faces" / "test" / "masks").iterdir())) == len(only.faces)


@pytest.mark.parametrize(
    "name", ["../x", "a/b", ".hidden", "", " ", "CON\0", "\n", "a\\b", "..", "\U0001f60e", "x" * 500]
)
def test_a_category_is_one_part_of_a_path(name: str, tmp_path: Path) -> None:
    part = folder_name(name)
    assert part and part not in (".", "..") and not set(part) & set("/\\\0\n") and not part.startswith(".")
    (tmp_path / part).mkdir()
    assert [path.name for path in tmp_path.iterdir()] == [part]


def test_plain_categories_stay_as_they_are() -> None:
    assert [folder_name(name) for name in ("hand", "11k hands", "polka_dots", "a.b")] == [
        "hand",
        "11k hands",
        "polka_dots",
        "a.b",
    ]


def test_export_from_the_command_line(occset: Callable[..., Any], hostile_set: OcclusionSet, tmp_path: Path) -> None:
    done = occset("export", hostile_set.path, "--to", "coco", "--out", tmp_path / "out", "--split", "test")
    assert done.status == 0 and done.out.strip() == str(tmp_path / "out")
    assert f"occset new SET --faces coco:{tmp_path / 'out'}" in done.err
    assert [path.name for path in (tmp_path / "out" / "annotations").iterdir()] == ["faces_test.json"]
    wrong = occset("export", hostile_set.path, "--to", "voc", "--out", tmp_path / "voc")
    assert wrong.status == 2 and "no format is called 'voc'" in wrong.err and not (tmp_path / "voc").exists()
