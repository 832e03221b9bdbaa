from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from occset.pictures.images import write_png
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


def _folder(root: Path, table: Any) -> Path:
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
def test_bad_tables(tmp_path: Path, table: Any, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        FFHQSource(str(_folder(tmp_path, table)))


def test_missing_and_broken_tables(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=rf"{TABLE} does not exist: download it"):
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
