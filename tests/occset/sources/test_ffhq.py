from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from occset.pictures.images import write_png
from occset.pictures.landmarks import template
from occset.sources.ffhq import TABLE, FFHQSource
from occset.sources.items import FaceSource
from occset.support.errors import BadInput, UnsafePath

LANDMARKS = np.random.default_rng(0).uniform(200, 800, (68, 2)).round(2)


def _entry(number: int, path: str | None = None) -> dict[str, Any]:
    return {
        "category": "training" if number < 60000 else "validation",
        "metadata": {
            "photo_url": "https://example.org/p",
            "author": "Jane Doe",
            "country": "",
            "license": "Attribution License",
            "license_url": "https://creativecommons.org/licenses/by/2.0/",
        },
        "image": {
            "file_path": path or f"images1024x1024/{number // 1000 * 1000:05d}/{number:05d}.png",
            "pixel_size": [1024, 1024],
            "face_landmarks": LANDMARKS.tolist(),
        },
    }


def _folder(root: Path, table: object) -> Path:
    (root / TABLE).write_text(json.dumps(table))
    return root


def _picture(size: int) -> np.ndarray:
    return np.random.default_rng(size).integers(0, 256, (size, size, 3), np.uint8)


def test_only_pictures_that_are_there_are_listed_wherever_they_lie(tmp_path: Path) -> None:
    _folder(tmp_path, {str(n): _entry(n) for n in (0, 1, 2, 3, 1002, 65000)})
    write_png(tmp_path / "images1024x1024/00000/00000.png", _picture(64))
    write_png(tmp_path / "images1024x1024/00002.png", _picture(65))
    write_png(tmp_path / "thumbnails128x128/01000/01002.png", _picture(66))
    write_png(tmp_path / "65000.png", _picture(67))
    source = pickle.loads(pickle.dumps(FFHQSource(str(tmp_path))))
    assert isinstance(source, FaceSource)
    assert source.face_keys() == ["0", "2", "1002", "65000"]
    for key, size in zip(source.face_keys(), (64, 65, 66, 67), strict=True):
        assert np.array_equal(source.read_face(key).image, _picture(size))


def test_a_face_has_its_landmarks_and_licence(tmp_path: Path) -> None:
    _folder(tmp_path, {"7": _entry(7)})
    write_png(tmp_path / "00007.png", _picture(256))
    face = FFHQSource(str(tmp_path)).read_face("7")
    assert face.landmarks.shape == (68, 2) and face.landmarks_source == "source"
    assert np.allclose(face.landmarks, (LANDMARKS + 0.5) / 4 - 0.5, atol=1e-4)
    assert face.licence == "Attribution License, https://creativecommons.org/licenses/by/2.0/, Jane Doe"
    assert face.mask is None and face.file == tmp_path / "00007.png"
    assert face.flags == {"ffhq_category": "training"}


def test_full_size_landmarks_are_as_they_are(tmp_path: Path) -> None:
    _folder(tmp_path, {"7": _entry(7)})
    write_png(tmp_path / "00007.png", np.zeros((1024, 1024, 3), np.uint8))
    assert np.allclose(FFHQSource(str(tmp_path)).read_face("7").landmarks, LANDMARKS, atol=1e-3)


def test_a_path_that_leaves_the_folder(tmp_path: Path) -> None:
    root = tmp_path / "ffhq"
    root.mkdir()
    write_png(tmp_path / "secret.png", _picture(64))
    with pytest.raises(UnsafePath, match=r"\.\./secret\.png"):
        FFHQSource(str(_folder(root, {"0": _entry(0, "../secret.png")})))


def _without(part: str) -> dict[str, Any]:
    entry = _entry(0)
    del entry["image"][part]
    return {"0": entry}


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ([1, 2], "is not FFHQ's table"),
        (_without("face_landmarks"), "entry 0 is malformed"),
        (_without("file_path"), "entry 0 is malformed"),
        ({"0": {**_entry(0), "image": {**_entry(0)["image"], "face_landmarks": [[1, 2]]}}}, "no 68 landmarks"),
        ({"0": 3}, "entry 0 is malformed"),
        ({"0": _entry(0)}, "none of the 1 pictures"),
    ],
)
def test_bad_tables(tmp_path: Path, table: object, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        FFHQSource(str(_folder(tmp_path, table)))


def test_missing_and_broken_tables(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=rf"has neither {TABLE} nor pictures called by their numbers.*download them"):
        FFHQSource(str(tmp_path))
    (tmp_path / TABLE).write_text('{"0": ')
    with pytest.raises(BadInput, match=rf"{TABLE} cannot be read.*download it again"):
        FFHQSource(str(tmp_path))
    (tmp_path / TABLE).write_text('{"0": ' + "[" * 200_000)
    with pytest.raises(BadInput, match=rf"{TABLE} cannot be read .*nested deeper than 64 levels.*download it again"):
        FFHQSource(str(tmp_path))


def test_bad_pictures(tmp_path: Path) -> None:
    _folder(tmp_path, {"0": _entry(0), "1": _entry(1)})
    write_png(tmp_path / "00000.png", np.zeros((64, 80, 3), np.uint8))
    source = FFHQSource(str(tmp_path))
    with pytest.raises(BadInput, match=r"00000\.png is 80 x 64 pixels, not square"):
        source.read_face("0")
    with pytest.raises(BadInput, match="has no picture 1"):
        source.read_face("1")


@pytest.mark.parametrize(
    "place",
    [
        "images256x256/{:05d}.jpg",
        "images512x512/00000/{:05d}.JPG",
        "images1024x1024/{:05d}.webp",
        "{:05d}.png",
        "{:05d}.jpeg",
    ],
)
def test_without_its_json_the_pictures_are_taken_by_their_numbers(tmp_path: Path, place: str) -> None:
    for number in (7, 31):
        (tmp_path / place.format(number)).parent.mkdir(parents=True, exist_ok=True)
        kind = {"png": "PNG", "webp": "WEBP"}.get(place.rpartition(".")[2], "JPEG")
        Image.fromarray(np.full((64, 64, 3), 40 + number, np.uint8)).save(tmp_path / place.format(number), kind)
    (tmp_path / "in-the-wild-images" / "00000").mkdir(parents=True)
    write_png(tmp_path / "in-the-wild-images" / "00000" / "00009.png", _picture(90))
    source = pickle.loads(pickle.dumps(FFHQSource(str(tmp_path), landmarks="template")))
    assert source.face_keys() == ["7", "31"]
    face = source.read_face("31")
    assert abs(float(face.image.mean()) - 71) < 3 and face.image.shape == (64, 64, 3)
    assert face.landmarks_source == "template" and np.allclose(face.landmarks, template(64, "ffhq"))
    assert face.licence == FFHQSource.licence
    assert any("passed over 1 pictures without a number of FFHQ, or not aligned" in note for note in source.notes())
    assert any(f"{TABLE} is not there" in note for note in source.notes())


def test_of_several_sizes_the_largest_is_taken(tmp_path: Path) -> None:
    for place, size in (("thumbnails128x128/00003.png", 32), ("images256x256/00003.png", 33), ("00003.png", 34)):
        write_png(tmp_path / place, _picture(size))
    assert FFHQSource(str(tmp_path), landmarks="template").read_face("3").image.shape == (33, 33, 3)


def test_with_the_json_shrunk_copies_keep_its_landmarks(tmp_path: Path) -> None:
    _folder(tmp_path, {"7": _entry(7), "1002": _entry(1002)})
    (tmp_path / "images256x256").mkdir()
    for number in (7, 1002, 5):
        Image.fromarray(_picture(256)).save(tmp_path / "images256x256" / f"{number:05d}.jpg", quality=95)
    source = FFHQSource(str(tmp_path))
    assert source.face_keys() == ["7", "1002"]
    assert np.allclose(source.read_face("1002").landmarks, (LANDMARKS + 0.5) / 4 - 0.5, atol=1e-4)
    assert source.notes() == [
        f"{tmp_path / TABLE} does not list 1 pictures that are there, such as images256x256/00005.jpg"
    ]


def test_a_folder_of_links_is_a_source(tmp_path: Path) -> None:
    write_png(tmp_path / "blobs" / "a.png", _picture(64))
    _folder(tmp_path / "blobs", {"2": _entry(2)})
    (tmp_path / "ffhq" / "images1024x1024" / "00000").mkdir(parents=True)
    (tmp_path / "ffhq" / "images1024x1024" / "00000" / "00002.png").symlink_to(tmp_path / "blobs" / "a.png")
    (tmp_path / "ffhq" / TABLE).symlink_to(tmp_path / "blobs" / TABLE)
    assert np.array_equal(FFHQSource(str(tmp_path / "ffhq")).read_face("2").image, _picture(64))


@pytest.mark.real
def test_real_pictures_without_the_json(real_data: Path) -> None:
    source = FFHQSource(str(real_data / "ffhq_256"), landmarks="template")
    assert len(source.face_keys()) == 969 and source.read_face("0").image.shape == (256, 256, 3)
