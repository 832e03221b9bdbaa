from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from occset.pictures.images import write_png
from occset.sources.faceocc import FaceOccSource
from occset.sources.items import OccluderSource, TextureSource
from occset.support.errors import BadInput, UnsafePath


def _cut_out(width: int = 30, height: int = 20) -> np.ndarray:
    rgba = np.zeros((60, 80, 4), np.uint8)
    rgba[10 : 10 + height, 25 : 25 + width] = (200, 90, 40, 255)
    rgba[9, 25 : 25 + width, 3] = 60  # a soft edge over black
    return rgba


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_png(tmp_path / "internet" / "hand" / "000.png", _cut_out())
    write_png(tmp_path / "internet" / "mask" / "001.png", _cut_out())
    (tmp_path / "texture").mkdir()
    patch = np.full((32, 32, 3), (10, 200, 90), np.uint8)
    for name in ("banded_0002", "polka-dotted_0105", "fabric_lemon"):
        cv2.imwrite(str(tmp_path / "texture" / f"{name}.jpg"), patch[:, :, ::-1])
    return tmp_path


def test_cut_outs(folder: Path) -> None:
    source = pickle.loads(pickle.dumps(FaceOccSource(str(folder))))
    assert isinstance(source, OccluderSource)
    assert source.occluder_keys() == ["hand/000.png", "mask/001.png"]
    item = source.read_occluder("hand/000.png")
    assert (item.name, item.category) == ("hand/000", "hand")
    assert item.rgba.shape == (21 + 4, 30 + 4, 4)  # what shows, and 2 px round it
    assert (item.rgba[:, :, :3] == (200, 90, 40)).all()  # no black under the edge
    assert item.rgba[2, 2, 3] == 60 and item.rgba[3, 2, 3] == 255 and item.rgba[0, 0, 3] == 0


def test_textures(folder: Path) -> None:
    source = FaceOccSource(str(folder))
    assert isinstance(source, TextureSource)
    items = [source.read_texture(key) for key in source.texture_keys()]
    assert [(i.name, i.category) for i in items] == [
        ("banded_0002", "banded"),
        ("fabric_lemon", "fabric"),
        ("polka-dotted_0105", "polka-dotted"),
    ]
    assert np.abs(items[0].image.astype(int) - (10, 200, 90)).max() <= 3


@pytest.mark.parametrize(
    ("rgba", "says"),
    [
        (np.zeros((40, 40, 3), np.uint8), "has no transparency"),
        (np.full((40, 40, 4), 255, np.uint8), "is opaque everywhere"),
        (np.zeros((40, 40, 4), np.uint8), "is transparent everywhere"),
        (_cut_out(15, 30), "shows 15 x 31 pixels, less than 16"),
    ],
)
def test_bad_cut_outs_are_named(folder: Path, rgba: np.ndarray, says: str) -> None:
    write_png(folder / "internet" / "hand" / "bad.png", rgba)
    source = FaceOccSource(str(folder))
    with pytest.raises(BadInput, match=rf"bad\.png {says}"):
        source.read_occluder("hand/bad.png")
    assert len(source.occluder_keys()) == 3


def test_paths_and_folders(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    source = FaceOccSource(str(folder))
    with pytest.raises(UnsafePath):
        source.read_occluder("../texture/banded_0002.jpg")
    with pytest.raises(BadInput, match="does not exist"):
        source.read_occluder("hand/none.png")
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(BadInput, match="neither internet nor texture"):
        FaceOccSource(str(empty))
    (empty / "internet").mkdir()
    with pytest.raises(BadInput, match="internet has no picture with transparency in a folder"):
        FaceOccSource(str(empty)).occluder_keys()


@pytest.mark.real
def test_all_real_cut_outs_are_read(real_data: Path) -> None:
    source = FaceOccSource(str(real_data / "occluders"))
    items = [source.read_occluder(key) for key in source.occluder_keys()]
    counted = Counter(item.category for item in items)
    assert counted == {"hand": 150, "sunglasses": 86, "spectacles": 23, "scarf": 23, "object": 21, "mask": 18}
    assert len({item.name for item in items}) == 321
    assert all(item.rgba[:, :, 3].any() for item in items)
    assert len(source.texture_keys()) == 986
