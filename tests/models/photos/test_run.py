"""Photos through a network: what is written where, what is skipped by name, what the sheet shows."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from occset.models.photos.crops import Crop, crop_faces, crop_photo
from occset.models.photos.files import find_photos, refuse_overwriting, target
from occset.models.photos.run import run_over_photos
from occset.models.photos.sheet import contact_sheet, tile, tinted
from occset.pictures.detector import Detection, FaceDetector
from occset.pictures.images import read_image, write_png
from occset.pictures.landmarks import template
from occset.support.errors import BadInput, NoSpace


def square(file: Path, side: int = 90, value: int = 99) -> Path:
    write_png(file, np.full((side, side, 3), value, np.uint8))
    return file


def brightness(crops: np.ndarray) -> list[float]:
    return [float(crop.mean()) for crop in crops]


def test_each_photo_is_handed_on_once_and_in_order(tmp_path: Path) -> None:
    for i in range(19):  # more than one batch
        square(tmp_path / "in" / f"{i:02d}.png", value=10 * i)
    (tmp_path / "in" / "05.png").write_bytes(b"no picture")
    seen: list[tuple[str, int]] = []
    steps: list[tuple[int, int]] = []
    done = run_over_photos(
        [tmp_path / "in"], tmp_path / "out", brightness, lambda crop, found: seen.append((crop.name, round(found))),
        align=False, size=32, sheet=tmp_path / "sheet.png", show=lambda crop, found: tile(crop.image),
        progress=lambda *at: steps.append(at),
    )  # fmt: skip
    assert seen == [(f"{i:02d}.png", 10 * i) for i in range(19) if i != 5]
    assert (done.written, [name for name, _ in done.problems]) == (18, ["05.png"])
    assert steps == [(16, 19), (19, 19)]
    assert read_image(tmp_path / "sheet.png").shape == (3 * 160, 6 * 160, 3)


def test_a_full_disk_ends_it(tmp_path: Path) -> None:
    def write(crop: Crop, found: float) -> None:
        raise NoSpace("the disk is full")

    with pytest.raises(NoSpace):
        run_over_photos([square(tmp_path / "a.png")], tmp_path / "out", brightness, write, align=False)


def test_a_network_that_drops_a_face_is_no_silent_loss(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shorter"):
        run_over_photos(
            [square(tmp_path / "a.png")], tmp_path / "out", lambda crops: [], lambda crop, found: None, align=False
        )


def test_files_of_every_suffix_are_kept_from_overwriting(tmp_path: Path) -> None:
    photo = square(tmp_path / "a.png")
    files = find_photos([photo]).files
    assert target(tmp_path, "sub/a.jpg", ".ply") == tmp_path / "sub" / "a.ply"
    refuse_overwriting(files, tmp_path, suffixes=(".ply", ".json"))
    with pytest.raises(BadInput, match="overwritten"):
        refuse_overwriting(files, tmp_path, suffixes=(".ply", ".png"))
    with pytest.raises(BadInput, match="written for a photo too"):
        refuse_overwriting(files, tmp_path / "out", tmp_path / "out" / "a.png")


class Finds:
    """Finds one face, smaller and turned."""

    turn = cv2.getRotationMatrix2D((256, 256), 30, 0.8)

    def detect(self, image: np.ndarray, scales: int | None = None) -> list[Detection]:
        points = cv2.transform(template(512)[None].astype(np.float64), self.turn)[0]
        return [Detection(np.array([0, 0, 512, 512], np.float32), 0.9, points.astype(np.float32))]


@pytest.mark.parametrize("channels", [(), (3,)])
def test_a_layer_comes_back_to_its_pixels(tmp_path: Path, channels: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    photo = cv2.resize(rng.integers(0, 255, (9, 9, 3), np.uint8), (512, 512), interpolation=cv2.INTER_CUBIC)
    write_png(tmp_path / "a.png", photo)
    (crop,) = crop_photo("a.png", tmp_path / "a.png", Finds(), 256).crops  # type: ignore[arg-type]
    layer = crop.image if channels else crop.image[..., 0]
    laid = crop.lay_back(layer)
    inside = crop.lay_back(np.full((256, 256), 255, np.uint8)) == 255
    assert laid.shape == (512, 512, *channels) and 0.4 < inside.mean() < 0.8
    wanted = photo if channels else photo[..., 0]
    assert np.abs(laid[inside].astype(int) - wanted[inside]).mean() < 2
    assert not laid[~(crop.lay_back(np.full((256, 256), 255, np.uint8)) > 0)].any()


def test_a_photo_in_memory_is_cropped_as_its_file_is_and_none_is_no_error(tmp_path: Path) -> None:
    photo = np.random.default_rng(2).integers(0, 255, (512, 512, 3), np.uint8)
    write_png(tmp_path / "a.png", photo)
    (read,) = crop_photo("a.png", tmp_path / "a.png", Finds(), 256).crops  # type: ignore[arg-type]
    (held,) = crop_faces("a.png", Path("the photo"), photo, Finds(), 256).crops  # type: ignore[arg-type]
    assert np.array_equal(held.image, read.image) and np.array_equal(held.matrix, read.matrix)
    assert held.shape == (512, 512) and held.file == Path("the photo")
    nothing = crop_faces("a.png", Path("the photo"), np.zeros((90, 90, 3), np.uint8), FaceDetector(), all_faces=True)
    assert nothing.crops == [] and nothing.left == 0


def test_what_a_mask_marks_is_tinted_and_the_rest_is_not() -> None:
    image, mask = np.full((64, 64, 3), 100, np.uint8), np.zeros((64, 64), np.uint8)
    mask[16:48, 16:48] = 255
    shown = tinted(image, mask)
    assert np.array_equal(shown[:15], image[:15]) and shown[32, 32].tolist() == [73, 154, 95]
    assert shown[16, 30].tolist() == [255, 255, 255]
    assert contact_sheet([tile(image, shown)] * 7).shape == (320, 6 * 320, 3)
