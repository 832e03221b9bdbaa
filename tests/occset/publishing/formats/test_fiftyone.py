"""A FiftyOneDataset as it lies on the disk; FiftyOne itself reads one in `tests/occset/viewing/test_fiftyone.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import with_tags
from occset.pictures.images import pixel_hash, read_image
from occset.pictures.masks import read_mask
from occset.publishing.formats.contents import choose, cutouts_in_place
from occset.publishing.formats.export import export
from occset.publishing.formats.fiftyone_layout import Entry, Region, View, documents, place
from tests.occset.publishing.conftest import ANNOTATOR, NAMES

TAGS = {"comma, tag", "line\nbreak", "<b>tag</b> \U0001f60e"}


def read(out: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The metadata, and the samples by item."""
    samples = json.loads((out / "samples.json").read_text(encoding="ascii"))["samples"]
    return json.loads((out / "metadata.json").read_text(encoding="ascii")), {one["item"]: one for one in samples}


def pasted(out: Path, detection: dict[str, Any], height: int, width: int) -> np.ndarray:
    """A mask of the layout as large as its picture, by its box alone."""
    x, y, w, h = np.array(detection["bounding_box"]) * (width, height, width, height)
    whole = np.zeros((height, width), np.uint8)
    whole[round(y) : round(y + h), round(x) : round(x + w)] = read_mask(out / detection["mask_path"])
    return whole


def test_masks_lie_in_files_and_cover_what_they_name(hostile_set: OcclusionSet, tmp_path: Path) -> None:
    export(hostile_set, "fiftyone", tmp_path / "out")
    metadata, samples = read(tmp_path / "out")
    held = choose(hostile_set)
    assert len(samples) == len(held) == 27
    pieces = 0
    for row in held.faces:
        sample = samples[row["id"]]
        (face,) = sample["face"]["detections"]
        assert np.array_equal(pasted(tmp_path / "out", face, 128, 128), held.mask(row))
        assert not Path(face["mask_path"]).is_absolute() and "mask" not in face
        assert pixel_hash(read_image(tmp_path / "out" / sample["filepath"])) == row["sha256"]
        found = {one["cutout"]: one for one in sample["occluders"]["detections"]}
        for piece, mask in cutouts_in_place(held, row):
            assert np.array_equal(pasted(tmp_path / "out", found.pop(piece["id"]), 128, 128), mask)
            pieces += 1
        assert not found
    assert pieces == 3
    assert metadata["active_label_schemas"] == ["face"] and metadata["label_schemas"]["face"]["classes"] == ["face"]


def test_names_of_strangers_come_back_as_they_were(hostile_set: OcclusionSet, tmp_path: Path) -> None:
    face = hostile_set.faces["id"][hostile_set.faces["mask"].notna() & hostile_set.faces["verdict"].isna()].iloc[0]
    with hostile_set.replacing() as change:
        change.put_faces([{"id": face, "flags": with_tags(hostile_set.face_row(face), TAGS)}])
    export(hostile_set, "fiftyone", tmp_path / "out")
    metadata, samples = read(tmp_path / "out")
    assert {sample["source_id"] for sample in samples.values()} >= set(NAMES)
    assert metadata["name"] == 'set \U0001f60e, <i>\n"x": [}'
    drawn = [one for sample in samples.values() for one in sample.get("occluders", {}).get("detections", ())]
    assert {one["annotator"] for one in drawn} == {ANNOTATOR} and {one["round"] for one in drawn} == {1}
    assert {one["label"] for one in drawn} == {"hair", "hat", "hand/../x"}
    assert set(samples[face]["tags"]) == TAGS and samples[face]["flags"] == []


def test_every_field_is_described_and_every_view_names_fields(hostile_set: OcclusionSet, tmp_path: Path) -> None:
    export(hostile_set, "fiftyone", tmp_path / "out")
    metadata, samples = read(tmp_path / "out")
    fields = {field["db_field"]: field for field in metadata["sample_fields"]}
    assert {key for sample in samples.values() for key in sample} <= fields.keys()
    assert fields["split"]["ftype"].endswith(".StringField") and fields["round"]["ftype"].endswith(".IntField")
    assert fields["flags"]["subfield"].endswith(".StringField")
    (inside,) = fields["occluders"]["fields"]
    known = {field["db_field"] for field in inside["fields"]}
    assert {
        key for sample in samples.values() for one in sample.get("occluders", {}).get("detections", ()) for key in one
    } <= {
        *known,
        "_cls",
    }
    assert [view["name"] for view in metadata["saved_views"]] == ["only faces", "only cut-outs", "only textures"]
    (stage,) = metadata["saved_views"][1]["view_stages"]
    assert json.loads(stage) == {"_cls": "fiftyone.core.stages.Match", "kwargs": [["filter", {"kind": "cut-out"}]]}
    ids = [sample["_id"]["$oid"] for sample in samples.values()]
    assert len(set(ids)) == len(ids) and all(len(one) == 24 for one in ids)


def test_kinds_of_fields_follow_from_their_values() -> None:
    first = Entry("a", "a.png", (10, 20), told={"n": 1, "x": 1, "yes": True, "none": None, "many": ["b"]})
    second = Entry("b", "b.png", (10, 20), told={"n": None, "x": 0.5, "yes": False})
    metadata, samples = (json.loads(found) for found in documents("two", [first, second]))
    kinds = {field["name"]: field["ftype"].rpartition(".")[2] for field in metadata["sample_fields"]}
    told = {key: kinds[key] for key in ("n", "x", "yes", "none", "many")}
    assert told == {
        "n": "IntField",
        "x": "FloatField",
        "yes": "BooleanField",
        "none": "StringField",
        "many": "ListField",
    }
    assert samples["samples"][1]["many"] is None and samples["samples"][1]["x"] == 0.5
    with pytest.raises(ValueError, match="'n' are of the kinds int, str"):
        documents("two", [first, second.saying(n="one")])
    with pytest.raises(ValueError, match="a field 'tags' of its own"):
        documents("two", [first.saying(tags="x")])


def test_a_box_is_a_share_of_a_picture_that_is_not_square() -> None:
    mask = np.zeros((10, 20), np.uint8)
    mask[2:7, 4:5] = 255
    assert place(mask) == (4, 2, 1, 5) and place(mask * 0) == (0, 0, 20, 10)
    entry = Entry("a", "a.png", (10, 20), regions={"face": [Region("face", place(mask), "m.png")]})
    entry = Entry(**{**vars(entry), "points": {"landmarks": np.array([[3.5, 4.5]])}})
    _, samples = (json.loads(found) for found in documents("one", [entry], [View("v", "d", sort="x", group="y")]))
    (sample,) = samples["samples"]
    assert sample["face"]["detections"][0]["bounding_box"] == [0.2, 0.2, 0.05, 0.5]
    assert sample["landmarks"]["keypoints"][0]["points"] == [[0.2, 0.5]]
