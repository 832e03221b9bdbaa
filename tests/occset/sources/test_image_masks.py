"""A folder of pictures with masks: pairs by name, squares that hold the face, and what is refused by name."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from occset.dataset.occlusion_set import OcclusionSet
from occset.importing.add_source import add_source
from occset.sources.image_masks import ImageMasksSource
from occset.sources.registry import open_source
from occset.support.errors import BadInput, UnsafePath


def picture(seed: int, height: int, width: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def disc(height: int, width: int, x: int, y: int, radius: int = 20) -> np.ndarray:
    return cv2.circle(np.zeros((height, width), np.uint8), (x, y), radius, 255, -1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pairs: a square PNG, a wide JPEG with the face on its right, a tall one with a mask of 0 and 1."""
    for part in ("images", "masks"):
        (tmp_path / "cofw" / part).mkdir(parents=True)
    pairs = {
        "a.png": (picture(0, 80, 80), disc(80, 80, 40, 44)),
        "b.jpg": (picture(1, 64, 160), disc(64, 160, 130, 32)),
        "c.JPG": (picture(2, 150, 70), disc(150, 70, 30, 40) // 255),
    }
    for name, (image, mask) in pairs.items():
        cv2.imwrite(str(tmp_path / "cofw" / "images" / name), image)
        cv2.imwrite(str(tmp_path / "cofw" / "masks" / f"{name[0]}.png"), mask)
    return tmp_path / "cofw"


def source(folder: Path) -> ImageMasksSource:
    return ImageMasksSource(str(folder), landmarks="no")


def test_pairs_are_read(folder: Path) -> None:
    found = source(folder)
    assert found.face_keys() == ["a", "b", "c"]
    item = found.read_face("a")
    assert item.mask is not None and (item.mask == disc(80, 80, 40, 44)).all()
    assert (item.image == cv2.imread(str(folder / "images" / "a.png"))[..., ::-1]).all()
    assert item.file == folder / "images" / "a.png"
    assert (item.landmarks, item.landmarks_source) == (None, "none")


def test_of_a_picture_that_is_not_square_the_part_with_the_face_is_taken(folder: Path) -> None:
    wide, tall = source(folder).read_face("b"), source(folder).read_face("c")
    assert wide.mask is not None and tall.mask is not None
    assert (wide.image.shape, tall.image.shape) == ((64, 64, 3), (70, 70, 3))
    assert np.count_nonzero(wide.mask) == np.count_nonzero(disc(64, 160, 130, 32)), "nothing of the face is cut off"
    assert np.count_nonzero(tall.mask) == np.count_nonzero(disc(150, 70, 30, 40))
    assert set(np.unique(tall.mask)) == {0, 255}, "a mask of 0 and 1 is one of 0 and 255"
    whole = cv2.imread(str(folder / "images" / "b.jpg"))[..., ::-1]
    starts = [x for x in range(97) if (whole[:, x : x + 64] == wide.image).all()]
    assert len(starts) == 1 and starts[0] <= 110 and starts[0] + 64 >= 151
    assert (wide.mask == disc(64, 160, 130, 32)[:, starts[0] : starts[0] + 64]).all()
    assert wide.file is None, "a cut is stored anew"


def test_a_face_wider_than_the_square_is_cut_in_picture_and_mask_alike(folder: Path) -> None:
    mask = np.zeros((64, 160), np.uint8)
    mask[10:50, 20:140] = 255
    cv2.imwrite(str(folder / "masks" / "b.png"), mask)
    item = source(folder).read_face("b")
    assert item.mask is not None and item.mask.shape == (64, 64)
    assert np.count_nonzero(item.mask) == 40 * 64
    whole = cv2.imread(str(folder / "images" / "b.jpg"))[..., ::-1]
    assert (whole[:, 48:112] == item.image).all() or (whole[:, 47:111] == item.image).all(), "the middle of what fits"


def test_they_make_a_set_with_the_rest_refused_by_name(folder: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(folder / "images" / "unlabelled.png"), picture(3, 64, 64))
    cv2.imwrite(str(folder / "masks" / "lost.png"), disc(64, 64, 30, 30))
    cv2.imwrite(str(folder / "images" / "small.png"), picture(4, 64, 64))
    cv2.imwrite(str(folder / "masks" / "small.png"), disc(32, 32, 16, 16, 8))
    cv2.imwrite(str(folder / "images" / "empty.png"), picture(5, 64, 64))
    cv2.imwrite(str(folder / "masks" / "empty.png"), np.zeros((64, 64), np.uint8))
    cv2.imwrite(str(folder / "images" / "grey.png"), picture(6, 64, 64))
    cv2.imwrite(str(folder / "masks" / "grey.png"), np.full((64, 64), 77, np.uint8))
    cv2.imwrite(str(folder / "images" / "a.jpg"), picture(7, 80, 80))
    cv2.imwrite(str(folder / "images" / ".hidden.png"), picture(8, 80, 80))
    data = OcclusionSet.create(tmp_path / "set")
    report = add_source(data, "faces", f"image-masks:{folder}?landmarks=no&licence=ours", workers=1)
    assert report.added == 2
    said = dict(report.problems)
    assert set(said) == {"a", "unlabelled", "lost", "small", "empty", "grey"}
    for key, words in (
        ("a", "a.jpg and a.png share a name"),
        ("unlabelled", "unlabelled.png"),
        ("lost", "there is no such picture"),
        ("small", "small.png is 32 x 32 pixels, small.png 64 x 64: a mask has its picture's size"),
        ("empty", "no pixel is face"),
        ("grey", "a mask holds 0 and 255 only, this one also 77"),
    ):
        assert words in said[key]
    assert set(data.faces["licence"]) == {"ours"}
    assert data.faces["mask"].notna().all() and data.faces["landmarks"].isna().all()
    again = add_source(data, "faces", f"image-masks:{folder}?landmarks=no&licence=ours", workers=1)
    assert (again.added, again.already) == (0, 2)


def test_what_is_no_such_folder_says_what_it_lacks(folder: Path, tmp_path: Path) -> None:
    for file in (folder / "images").iterdir():
        file.unlink()
    with pytest.raises(BadInput, match=r"images has no \.jpg, .*: put the pictures there"):
        source(folder).face_keys()
    (folder / "images").rmdir()
    with pytest.raises(BadInput, match=r"images is not there: image-masks reads images/NAME\.jpg"):
        source(folder)
    with pytest.raises(BadInput, match="landmarks=maybe is not an option of image-masks: use detect or no"):
        open_source(f"image-masks:{folder}?landmarks=maybe", "faces")


def test_no_key_leads_out_of_the_folder(folder: Path) -> None:
    with pytest.raises(UnsafePath):
        source(folder).read_face("../../a")


def test_points_come_from_the_detector_where_there_is_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from occset.pictures.detector import Detection
    from occset.sources import image_masks
    from occset.support.errors import MissingExtra

    points = np.array([[30, 35], [50, 35], [40, 45], [33, 55], [47, 55]], np.float32)

    class Detector:
        def detect(self, image: np.ndarray) -> list[Detection]:
            return [Detection(np.array([20, 20, 60, 70], np.float32), 0.9, points)] * 2

    monkeypatch.setattr(image_masks, "FaceDetector", Detector)
    item = ImageMasksSource(str(folder)).read_face("a")
    assert item.landmarks is not None and (item.landmarks == points).all()
    assert (item.landmarks_source, item.flags) == ("scrfd", {"faces_in_photo": "2"})

    def absent() -> None:
        raise MissingExtra("insightface", "identity", "the face detector")

    monkeypatch.setattr(image_masks, "FaceDetector", absent)
    assert ImageMasksSource(str(folder)).read_face("a").landmarks is None


def test_a_whole_folder_can_be_taken_for_one_split(folder: Path, tmp_path: Path) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    add_source(data, "faces", f"image-masks:{folder}?landmarks=no&split=test", workers=1)
    assert set(data.faces["split"]) == {"test"} and len(data.faces) == 3
    with pytest.raises(BadInput, match="split=most"):
        ImageMasksSource(str(folder), split="most")


def test_masks_as_editors_save_them(folder: Path) -> None:
    mask = disc(80, 80, 40, 44)
    white = np.dstack([np.full((80, 80, 3), 255, np.uint8), mask])
    for name, picture in {
        "alpha over white": Image.fromarray(white),
        "bits": Image.fromarray(mask > 0),
        "16 bits": Image.fromarray((mask > 0).astype(np.uint16) * 255),
        "green": Image.fromarray(np.dstack([mask * 0, mask, mask * 0])),
    }.items():
        picture.save(folder / "masks" / "a.png")
        found = source(folder).read_face("a").mask
        assert found is not None and (found == mask).all(), name


def test_full_and_inverted_masks_are_refused_until_confirmed(folder: Path) -> None:
    cv2.imwrite(str(folder / "masks" / "a.png"), np.full((80, 80), 255, np.uint8))
    cv2.imwrite(str(folder / "masks" / "b.png"), 255 - disc(64, 160, 80, 32, 28))
    with pytest.raises(BadInput, match=r"a\.png: it covers 100% of the picture.*take it with \?confirm=a"):
        source(folder).read_face("a")
    with pytest.raises(BadInput, match=r"b\.png: it marks the border of the whole picture.*\?confirm=b"):
        source(folder).read_face("b")
    cv2.imwrite(str(folder / "masks" / "c.png"), 255 - disc(150, 70, 34, 74, 33))
    with pytest.raises(BadInput, match=r"c\.png: .*as if it were inverted"):
        source(folder).read_face("c")
    named = open_source(f"image-masks:{folder}?landmarks=no&confirm=a,c", "faces")
    assert named.face_keys() == ["a", "b", "c"] and named.read_face("a").mask.all()
    assert open_source(f"image-masks:{folder}?landmarks=no&confirm=all", "faces").read_face("c").mask.any()
    with pytest.raises(BadInput, match=r"confirm=z: .*no mask of that name"):
        open_source(f"image-masks:{folder}?landmarks=no&confirm=z", "faces").face_keys()


def test_soft_and_jpeg_masks_are_taken_by_a_threshold(folder: Path) -> None:
    soft = cv2.GaussianBlur(disc(80, 80, 40, 44), (0, 0), 2)
    cv2.imwrite(str(folder / "masks" / "a.png"), soft)
    (folder / "masks" / "b.png").unlink()
    cv2.imwrite(str(folder / "masks" / "b.jpg"), disc(64, 160, 130, 32))
    with pytest.raises(BadInput, match=r"a\.png.*soft edges.*with \?threshold=127"):
        source(folder).read_face("a")
    taken = open_source(f"image-masks:{folder}?landmarks=no&threshold=127", "faces")
    assert (taken.read_face("a").mask == np.where(soft > 127, 255, 0)).all()
    assert np.count_nonzero(taken.read_face("b").mask) == np.count_nonzero(disc(64, 160, 130, 32))
    with pytest.raises(BadInput, match="threshold=255 is not an option"):
        open_source(f"image-masks:{folder}?threshold=255", "faces")
