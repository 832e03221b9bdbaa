"""What Label Studio exports, as a source of faces: its JSON, and its PNGs as its own converter writes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from label_studio_sdk.converter.brush import convert_task_dir

from occset.annotation.labels.codec import encode_bitmask, encode_brush
from occset.annotation.labels.exported import LabelStudioSource
from occset.dataset.occlusion_set import OcclusionSet
from occset.pictures.images import write_png
from occset.sources.registry import open_source
from occset.support.errors import BadInput
from tests.conftest import plain_face
from tests.fixture_types import Occset

HEIGHT, WIDTH = 120, 96
NAME = "Ann, 🙂 <b>.png"


def box(top: int, bottom: int, left: int = 20, right: int = 70) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[top:bottom, left:right] = 255
    return mask


def region(kind: str, label: str, **shape: Any) -> dict[str, Any]:
    told = {"id": f"{kind[:3]}{label}", "type": kind, "from_name": "tag", "to_name": "image", "image_rotation": 0}
    size = {"original_width": WIDTH, "original_height": HEIGHT}
    return {**told, **size, "value": {kind: [label], **shape}}


def brush(label: str, mask: np.ndarray) -> dict[str, Any]:
    return region("brushlabels", label, format="rle", rle=encode_brush(mask))


def annotation(number: int, who: int, *result: dict[str, Any], **more: Any) -> dict[str, Any]:
    at = f"2026-01-{number:02d}T10:00:00.000000Z"
    return {"id": number, "completed_by": who, "result": list(result), "was_cancelled": False, "updated_at": at, **more}


def task(number: int, image: str, *annotations: dict[str, Any]) -> dict[str, Any]:
    return {"id": number, "data": {"text": "a face", "image": image}, "annotations": list(annotations)}


FACE, HAND = box(20, 100), box(60, 90, 40, 70)


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """A function that lays out an export, with three photos, and gives its folder."""

    def lay_out(*tasks: Any, name: str = "project-1.json") -> Path:
        rng = np.random.default_rng(0)
        for file in (NAME, "two.jpg", "three.png"):
            picture = cv2.resize(rng.integers(0, 255, (6, 5, 3), np.uint8), (WIDTH, HEIGHT))
            path = tmp_path / "export" / "images" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            write_png(path, picture) if file.endswith("png") else cv2.imwrite(str(path), picture)
        (tmp_path / "export" / name).write_text(json.dumps(tasks))
        return tmp_path / "export"

    return lay_out


def read(folder: Path, key: str, **options: str) -> Any:
    return LabelStudioSource(str(folder), landmarks="no", confirm="all", **options).read_face(key)


def square(mask: np.ndarray) -> np.ndarray:
    """The rows that the square of a picture with FACE has."""
    return mask[12 : 12 + WIDTH]


def test_brushes_polygons_and_bitmasks_make_the_visible_face(folder: Callable[..., Path]) -> None:
    corners = [[100 * x / WIDTH, 100 * y / HEIGHT] for x, y in ((20, 20), (70, 20), (70, 100), (20, 100))]
    polygon = region("polygonlabels", "Skin", points=corners, closed=True)
    bitmask = region("bitmasklabels", "Hand", imageDataURL=encode_bitmask(HAND))
    said = {"id": "q", "type": "choices", "from_name": "q", "to_name": "image", "value": {"choices": ["good"]}}
    made = folder(
        task(
            1, "/data/upload/1/0a1b2c3d-Ann%2C%20%F0%9F%99%82%20%3Cb%3E.png", annotation(1, 1, polygon, bitmask, said)
        ),
        task(2, "/data/local-files/?d=photos/two.jpg", annotation(2, 1, brush("Skin", FACE), brush("Hat", HAND))),
        task(3, "https://example.org/a/three.png?key=1", annotation(3, 1, brush("Skin", FACE))),
    )
    source = LabelStudioSource(str(made), face="Skin", landmarks="no", confirm="all")
    keys = source.face_keys()
    assert sorted(keys) == ["0a1b2c3d-" + NAME, "three.png", "two.jpg"]
    expected = np.where(HAND > 0, 0, FACE)
    for key, mask in zip(keys, (expected, FACE, expected), strict=True):
        item = source.read_face(key)
        assert item.image.shape == (WIDTH, WIDTH, 3) and np.array_equal(item.mask, square(mask))
    assert source.notes() == []


def test_the_pngs_are_read_as_its_own_converter_writes_them(folder: Callable[..., Path], tmp_path: Path) -> None:
    size = {"original_width": WIDTH, "original_height": HEIGHT}
    results = [
        {"type": "brushlabels", "rle": encode_brush(mask), "brushlabels": [label], **size}
        for label, mask in (("face", box(20, 70)), ("face", box(60, 100)), ("half-face", HAND))
    ]
    older = [{**results[0], "rle": encode_brush(box(0, 120))}]
    made = folder(
        {"id": 7, "image": "/data/upload/1/0a1b2c3d-two.jpg", "annotation_id": 9, "my-tag": []}, name="min.json"
    )
    convert_task_dir(
        [
            {"id": 7, "annotation_id": 9, "completed_by": {"email": "ann-lee@home.org"}, "output": {"my-tag": results}},
            {"id": 7, "annotation_id": 8, "completed_by": {"email": "ann-lee@home.org"}, "output": {"my-tag": older}},
        ],
        str(made),
        "png",
    )
    (made / "masks").mkdir()
    for path in made.glob("task-*.png"):
        path.rename(made / "masks" / path.name)
    assert len(list((made / "masks").iterdir())) == 4
    write_png(made / "masks" / "two.png", FACE)
    notes = LabelStudioSource(str(made), landmarks="no").notes()
    assert "1 files in masks are not called as Label Studio calls them, two.png first" in notes
    assert np.array_equal(read(made, "0a1b2c3d-two.jpg").mask, square(np.where(HAND > 0, 0, FACE)))


def test_the_latest_of_each_annotator_counts_and_they_are_merged(folder: Callable[..., Path]) -> None:
    made = folder(
        task(
            1, "two.jpg",
            annotation(1, 1, brush("face", box(0, 120))),
            annotation(2, 1, brush("face", box(20, 100, 20, 60))),
            annotation(3, 2, brush("face", FACE)),
            annotation(4, 3, brush("face", box(20, 100, 20, 80))),
            annotation(5, 4, brush("face", box(0, 10)), was_cancelled=True),
            annotation(6, 5),
        ),
    )  # fmt: skip
    assert np.array_equal(read(made, "two.jpg").mask, square(FACE))


@pytest.mark.parametrize(
    ("of_task", "why"),
    [
        (task(1, "gone.jpg", annotation(1, 1, brush("face", FACE))), r"gone\.jpg: there is no such picture.*task 1"),
        (task(1, "two.jpg"), "nobody labelled it"),
        ({"id": 1, "image": "two.jpg", "tag": []}, "choose Export, JSON"),
        (task(1, "two.jpg", annotation(1, 1, brush("hair", FACE))), "no pixel is face"),
        (task(1, "two.jpg", annotation(1, 1, region("rectanglelabels", "face", x=1))), "only brushes, polygons"),
        (
            task(1, "two.jpg", annotation(1, 1, {**brush("face", FACE), "original_width": 95})),
            "drawn on a picture of 95",
        ),
        (task(1, "two.jpg", annotation(1, 1, {**brush("face", FACE), "image_rotation": 90})), "turned by 90"),
        (task(1, "two.jpg", annotation(1, 1, region("polygonlabels", "face", points=[], closed=False))), "is open"),
        (task(1, "two.jpg", annotation(1, 1, region("brushlabels", "face", format="rle", rle="A"))), "its rle is A"),
        (task(1, "two.jpg", annotation(1, 1, region("brushlabels", "face", format="rle", rle=[1]))), "region bruface"),
        (task(1, "two.jpg", annotation(1, 1, region("polygonlabels", "face", points=[[0, 0]]))), "no inside"),
        (task(1, "two.jpg", annotation(1, 1, *[brush("face", FACE)] * 1001)), "1001 entries"),
        (task(1, "two.jpg", annotation(1, 1, None)), "of type 'None'"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_read_is_refused_by_name(folder: Callable[..., Path], of_task: Any, why: str) -> None:
    key = LabelStudioSource(str(folder(of_task)), landmarks="no").face_keys()[0]
    with pytest.raises(BadInput, match=why):
        read(folder(of_task), key)


def test_what_is_no_export_is_refused(folder: Callable[..., Path], tmp_path: Path) -> None:
    for tasks, why in (([], None), ([3], "not a list of tasks"), ([{"id": 4, "data": {"a": "b"}}], "task 4 names no")):
        made = folder(*tasks)
        if why:
            with pytest.raises(BadInput, match=why):
                LabelStudioSource(str(made)).face_keys()
    with pytest.raises(BadInput, match=r"no task of .* has that picture"):
        LabelStudioSource(str(folder(task(1, "two.jpg"))), confirm="x").face_keys()
    (made / "other.json").write_text("[]")
    with pytest.raises(BadInput, match=r"has 2 \.json files"):
        open_source(f"label-studio:{made}", "faces")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="images is not there"):
        open_source(f"label-studio:{tmp_path / 'empty'}", "faces")


def test_a_set_is_made_of_it_and_pictures_without_a_task_are_told(
    folder: Callable[..., Path], tmp_path: Path, occset: Occset
) -> None:
    made = folder(task(1, "0a1b2c3d-one.png", annotation(1, 1)))
    faces = [plain_face(seed) for seed in range(2)]
    for number, face in enumerate(faces):
        write_png(made / "images" / f"face-{number}.png", face.image)
    drawn = [{**brush("face", face.mask), "original_width": 256, "original_height": 256} for face in faces]
    tasks = [task(n, f"/data/upload/3/0a1b2c3d-face-{n}.png", annotation(n + 1, 1, drawn[n])) for n in range(2)]
    (made / "project-1.json").write_text(json.dumps(tasks))
    said = occset("new", tmp_path / "set", "--faces", f"label-studio:{made}?landmarks=no")
    assert "3 pictures that no task is about" in said.err
    data = OcclusionSet(tmp_path / "set")
    masks = [data.load_face(name)[1] for name in sorted(data.faces["id"])]
    assert len(masks) == 2
    assert {m.tobytes() for m in masks} == {face.mask.tobytes() for face in faces if face.mask is not None}
