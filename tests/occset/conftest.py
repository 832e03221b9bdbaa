"""Fixtures of the data folder: sources on disk, sets that may be changed, hashes of whole folders."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.importing import add_source as importing
from occset.importing.add_source import add_source, resplit
from occset.pictures.images import encode_png
from occset.pictures.landmarks import template
from occset.pictures.masks import encode_rle
from occset.sources.items import FaceItem, OccluderItem
from tests.fixture_types import Add, MakeSet

SIDE = 96


@pytest.fixture
def copy_set(plain_set: OcclusionSet, tmp_path: Path) -> Callable[..., OcclusionSet]:
    """A function that copies the plain set into this test's folder, where it may be changed."""

    def copy(name: str = "set") -> OcclusionSet:
        shutil.copytree(plain_set.path, tmp_path / name)
        return OcclusionSet(tmp_path / name)

    return copy


@pytest.fixture
def add(monkeypatch: pytest.MonkeyPatch) -> Add:
    """`add_source` in this process, without ArcFace."""
    monkeypatch.setattr(importing, "EMBEDDER", "occset.nowhere:Nothing")
    return partial(add_source, workers=1)


def _digest(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="session")
def digest() -> Callable[[Path], dict[str, str]]:
    """A function that gives the hash of every file of a folder by its path, hidden files included."""
    return _digest


def _drawing(seed: int, side: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    image = cv2.resize(rng.integers(0, 255, (6, 6, 3), np.uint8), (side, side), interpolation=cv2.INTER_CUBIC)
    cv2.ellipse(image, (side // 2, side * 55 // 100), (side // 4, side * 36 // 100), 0, 0, 360, (180, 140, 110), -1)
    return image


def _face_item(seed: int = 0, side: int = SIDE, **changes: object) -> FaceItem:
    mask = np.zeros((side, side), np.uint8)
    cv2.ellipse(mask, (side // 2, side * 55 // 100), (side // 4, side * 36 // 100), 0, 0, 360, 255, -1)
    values = {"mask": mask, "landmarks": template(side), "landmarks_source": "template", "identity": f"p{seed}"}
    return FaceItem(f"face-{seed}", _drawing(seed, side), "made by a test", **(values | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def face_item() -> Callable[..., FaceItem]:
    """A function that makes a face in memory."""
    return _face_item


@pytest.fixture
def cutout_item() -> Callable[..., OccluderItem]:
    """A function that makes a cut-out in memory."""

    def make(seed: int = 0, category: str = "hand", **changes: object) -> OccluderItem:
        rgba = np.random.default_rng(seed).integers(1, 255, (40, 60, 4), np.uint8)
        return OccluderItem(f"{category}-{seed}", rgba, category, "made by a test", **changes)  # type: ignore[arg-type]

    return make


@pytest.fixture
def celeba(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a CelebAMask-HQ folder of drawings; two photos in a row show one person."""

    def write(count: int = 12, name: str = "celeba", first: int = 0, people: bool = True) -> Path:
        root = tmp_path / name
        (root / "CelebA-HQ-img").mkdir(parents=True)
        (root / "CelebAMask-HQ-mask-anno" / "0").mkdir(parents=True)
        mapping, identities = ["idx orig_idx orig_file"], []
        for number in range(count):
            _, data = cv2.imencode(".jpg", _drawing(first + number, SIDE)[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 96])
            (root / "CelebA-HQ-img" / f"{number}.jpg").write_bytes(data.tobytes())
            parts = {"skin": ((48, 53), (24, 34)), "hair": ((48, 26), (34, 16))}
            for part, (centre, axes) in parts.items():
                mask = np.zeros((SIDE, SIDE), np.uint8)
                cv2.ellipse(mask, centre, axes, 0, 0, 360, 255, -1)
                (root / "CelebAMask-HQ-mask-anno" / "0" / f"{number:05d}_{part}.png").write_bytes(encode_png(mask))
            mapping.append(f"{number} {number} {number:06d}.jpg")
            identities.append(f"{number:06d}.jpg {first + number // 2}")
        if people:
            (root / "CelebA-HQ-to-CelebA-mapping.txt").write_text("\n".join(mapping) + "\n")
            (root / "identity_CelebA.txt").write_text("\n".join(identities) + "\n")
        return root

    return write


@pytest.fixture
def faceocc(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a FaceOcc folder: cut-outs of two categories, and textures."""

    def write(each: int = 6, name: str = "faceocc") -> Path:
        root = tmp_path / name
        (root / "texture").mkdir(parents=True)
        for number in range(each):
            rng = np.random.default_rng([7, number])
            for category in ("hand", "mask"):
                rgba = np.zeros((48, 64, 4), np.uint8)
                rgba[..., :3] = cv2.resize(rng.integers(0, 255, (6, 6, 3), np.uint8), (64, 48))
                alpha = np.zeros((48, 64), np.uint8)
                cv2.ellipse(alpha, (32, 24), (28, 20), 0, 0, 360, 255, -1)
                rgba[..., 3] = alpha
                (root / "internet" / category).mkdir(parents=True, exist_ok=True)
                (root / "internet" / category / f"{number:03d}.png").write_bytes(encode_png(rgba))
            patch = rng.integers(0, 255, (32, 32, 3), np.uint8)
            (root / "texture" / f"noise_{number:04d}.png").write_bytes(encode_png(patch))
        return root

    return write


COLOUR_MODEL = '''
import numpy as np

class ColourModel:
    """Calls face what has the colour of the drawn faces; takes weights as the offset of that colour."""

    name = "colour"
    size = 48

    def __init__(self, weights=None):
        self.offset = 0 if weights is None else int(weights.read_text())
        self.weights_hash = f"offset-{self.offset}"

    def probabilities(self, images):
        far = np.abs(images.astype(np.int32) - np.array([180, 140, 110]) - self.offset).sum(axis=3)
        return np.where(far < 60, 0.97, 0.03).astype(np.float32)

    def features(self, images):
        return images.reshape(len(images), -1, 3).mean(axis=1).astype(np.float32)
'''


@pytest.fixture
def colour_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The reference of a model that workers can import too."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "colour_model_of_a_test.py").write_text(COLOUR_MODEL)
    monkeypatch.syspath_prepend(tmp_path / "models")
    return "colour_model_of_a_test:ColourModel"


@pytest.fixture(scope="session")
def drawn_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """A function that makes a set of so many drawn faces, once for all tests, and gives its folder, to be copied."""

    @cache
    def make(faces: int) -> Path:
        data = OcclusionSet.create(tmp_path_factory.mktemp("drawn") / "set", "drawn")
        data.add_rows("faces", [data.store_face(_face_item(i), "test") for i in range(faces)])
        resplit(data)
        table = data.faces
        train = list(table.index[table["split"] == "train"])
        half = np.zeros((SIDE, SIDE), np.uint8)
        half[: SIDE // 2] = 255
        for index, mask in zip(train[:3], (encode_rle(half), encode_rle(255 - half), None), strict=True):
            table.loc[index, "mask"] = mask
        data.write("faces", table)
        data.note()
        return data.path

    return make


@pytest.fixture
def drawn_set(tmp_path: Path, drawn_folder: Callable[[int], Path]) -> MakeSet:
    """A function that makes a set of drawn faces whose labels fit, and three train faces whose labels do not or lack."""

    def make(name: str = "set", faces: int = 30) -> OcclusionSet:
        return OcclusionSet(shutil.copytree(drawn_folder(faces), tmp_path / name))

    return make
