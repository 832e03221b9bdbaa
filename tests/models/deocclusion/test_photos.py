"""Photos through the pipeline: masks of one's own, several faces, and photos that are odd in one way or another."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from occset.models.builtin.faces import render_face
from occset.models.deocclusion.deoccluder import Deoccluded, Deoccluder
from occset.models.deocclusion.photos import deocclude_photos
from occset.models.photos.crops import Crop, crop_photo
from occset.models.photos.told import masks_of
from occset.pictures.detector import FaceDetector
from occset.pictures.images import read_image, read_rgba, write_png
from occset.pictures.masks import read_mask
from occset.support.errors import BadInput

RED = np.uint8((250, 10, 20))


class Reddens(Deoccluder):
    """Paints red what it is told, or else what is bright blue."""

    def __init__(self) -> None:
        self.told: list[np.ndarray | None] = []

    def run(self, images: np.ndarray, masks: np.ndarray | None = None) -> Deoccluded:
        self.told.append(masks)
        blue = (images[..., 2] > 180) & (images[..., 0] < 90) & (images[..., 1] < 110)
        hidden = np.where(blue if masks is None else masks > 0, np.uint8(255), np.uint8(0))
        red = np.where(hidden[..., None] > 0, RED, images)
        share = (hidden > 0).mean((1, 2)).astype(np.float32)
        return Deoccluded(red, hidden, hidden, hidden, red, np.zeros((len(images), 3), np.float32), share)


def group(count: int, across: int, side: int = 160, seed: int = 5) -> np.ndarray:
    """A photo of so many built-in faces in rows."""
    faces = [render_face(seed + i, size=side).image for i in range(count)]
    rows = [np.hstack(faces[at : at + across]) for at in range(0, count, across)]
    return np.vstack(rows)


def test_masks_of_ones_own_say_what_is_repainted_and_nothing_else_changes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    photo = rng.integers(60, 200, (300, 300, 3), np.uint8)
    mask = np.zeros((300, 300), np.uint8)
    mask[91:203, 77:220] = 255
    for name in ("a/one.png", "b/one.png", "b/lost.png", "b/wide.png"):
        write_png(tmp_path / "in" / name, photo)
    write_png(tmp_path / "in" / "masks" / "a" / "one.png", mask)  # among the photos, and none of them
    write_png(tmp_path / "in" / "masks" / "b" / "one.png", np.zeros_like(mask))
    write_png(tmp_path / "in" / "masks" / "b" / "wide.png", mask[:, :200])
    network = Reddens()
    done, same = deocclude_photos(
        network, [tmp_path / "in"], tmp_path / "out", align=False, masks=tmp_path / "in" / "masks",
        save_masks=tmp_path / "saved",
    )  # fmt: skip
    assert done.written == 2 and same == ["b/one.png"]
    problems = dict(done.problems)
    assert sorted(problems) == ["b/lost.png", "b/wide.png"]
    assert "there is no b/lost.png" in problems["b/lost.png"] and "200 x 300" in problems["b/wide.png"]
    written = read_image(tmp_path / "out" / "a" / "one.png")
    assert np.array_equal(written[mask == 0], photo[mask == 0])
    assert (np.abs(written[100:190, 90:205].astype(int) - RED) <= 1).all()
    assert np.array_equal(read_mask(tmp_path / "saved" / "a" / "one.png"), mask)
    assert np.array_equal(read_image(tmp_path / "out" / "b" / "one.png"), photo)


def test_no_mask_at_all_soft_ones_and_two_of_a_name_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no mask"):
        masks_of(tmp_path)
    soft = np.zeros((20, 20), np.uint8)
    soft[5:9, 5:9], soft[5, 5] = 255, 90
    write_png(tmp_path / "a.png", soft)
    with pytest.raises(BadInput, match="--threshold 127"):
        masks_of(tmp_path)("a.jpg", (20, 20))
    assert masks_of(tmp_path, 127)("a.jpg", (20, 20)).sum() == 15 * 255
    assert np.array_equal(masks_of(tmp_path / "a.png", 60)("b.jpg", (20, 20)) > 0, soft > 0)
    Image.fromarray(soft).save(tmp_path / "a.webp")
    with pytest.raises(BadInput, match=r"a\.png and a\.webp are both there"):
        masks_of(tmp_path)("a.jpg", (20, 20))


@pytest.mark.parametrize("over", ["masks", "photos", "pictures"])
def test_nothing_that_was_given_is_written_over(tmp_path: Path, over: str) -> None:
    write_png(tmp_path / "in" / "a.png", np.full((90, 90, 3), 99, np.uint8))
    write_png(tmp_path / "masks" / "a.png", np.full((90, 90), 255, np.uint8))
    out, save = tmp_path / "out", tmp_path / {"masks": "masks", "photos": "in", "pictures": "out"}[over]
    with pytest.raises(BadInput, match=r"overwritten|over the pictures"):
        deocclude_photos(
            Reddens(), [tmp_path / "in"], out, align=False, masks=tmp_path / "masks", save_masks=save
        )  # fmt: skip
    assert not out.exists()


def test_a_mask_is_warped_for_each_face_and_painted_once(tmp_path: Path) -> None:
    photo = group(2, 2, side=256)
    mask = np.zeros(photo.shape[:2], np.uint8)
    mask[110:150, 60:450] = 255  # a bar over the eyes of both
    mask[2:12, 2:12] = 255  # and a corner
    write_png(tmp_path / "pair.png", photo)
    write_png(tmp_path / "masks" / "pair.png", mask)
    network = Reddens()
    done, _ = deocclude_photos(
        network, [tmp_path / "pair.png"], tmp_path / "out", masks=tmp_path / "masks", save_masks=tmp_path / "saved"
    )
    assert done.written == 2
    written = read_image(tmp_path / "out" / "pair.png")
    assert np.array_equal(written[mask == 0], photo[mask == 0])
    red = (np.abs(written.astype(int) - RED) <= 2).all(-1)
    assert red[118:142, 90:165].all() and red[118:142, 340:420].all()
    crops = crop_photo("pair.png", tmp_path / "pair.png", FaceDetector(), all_faces=True, masks=lambda *_: mask).crops
    own = [crop.lay_back(crop.own) > 127 for crop in crops if crop.own is not None]
    assert len(own) == 2 and (own[0] & own[1]).mean() < 0.02 and own[0].any() and own[1].any()


def test_what_of_a_mask_no_face_takes_is_said(tmp_path: Path) -> None:
    photo = np.full((256, 900, 3), 90, np.uint8)
    photo[:, :256] = group(1, 1, side=256)
    mask = np.zeros(photo.shape[:2], np.uint8)
    mask[100:140, 60:190], mask[100:140, 700:800] = 255, 255
    write_png(tmp_path / "a.png", photo)
    write_png(tmp_path / "m.png", mask)
    done, _ = deocclude_photos(Reddens(), [tmp_path / "a.png"], tmp_path / "out", masks=tmp_path / "m.png")
    ((name, why),) = done.doubtful
    assert name == "a.png" and "43% of its mask" in why  # 100 of 230 columns
    assert np.array_equal(read_image(tmp_path / "out" / "a.png")[:, 600:], photo[:, 600:])


def test_a_cut_of_a_crop_lays_back_what_the_crop_does(tmp_path: Path) -> None:
    turn = np.array([[0.42, 0.13, -30.0], [-0.13, 0.42, 12.0]])
    rng = np.random.default_rng(1)
    image = cv2.GaussianBlur(rng.integers(0, 256, (256, 256, 3), np.uint8), (0, 0), 3)
    crop = Crop("a", image, turn, (700, 800), tmp_path / "a")
    place, part = crop.cut()
    whole = crop.lay_back(image)
    assert np.abs(whole[place].astype(int) - part.lay_back(image)).max() <= 2
    whole[place] = 0
    assert not whole.any() and part.shape < crop.shape


def test_no_face_is_said_by_name(tmp_path: Path) -> None:
    write_png(tmp_path / "wall.png", np.full((200, 240, 3), 130, np.uint8))
    done, same = deocclude_photos(Reddens(), [tmp_path / "wall.png"], tmp_path / "out")
    assert not done.written and not same and not (tmp_path / "out").exists()
    assert [name for name, _ in done.problems] == ["wall.png"] and "no face found" in done.problems[0][1]


def test_ten_faces_are_all_repaired(tmp_path: Path) -> None:
    photo = group(10, 5)
    for i in range(10):
        top, left = 160 * (i // 5), 160 * (i % 5)
        photo[top + 104 : top + 124, left + 56 : left + 106] = (20, 60, 235)  # over the mouth
    write_png(tmp_path / "ten.png", photo)
    done, _ = deocclude_photos(Reddens(), [tmp_path / "ten.png"], tmp_path / "out", save_masks=tmp_path / "masks")
    assert done.written == 10 and not done.problems
    written, mask = read_image(tmp_path / "out" / "ten.png"), read_mask(tmp_path / "masks" / "ten.png")
    assert np.array_equal(written[mask == 0], photo[mask == 0])
    for i in range(10):
        top, left = 160 * (i // 5), 160 * (i % 5)
        middle = written[top + 110 : top + 118, left + 66 : left + 96].astype(int)
        assert (np.abs(middle - RED) <= 25).all(), i


def test_a_turned_photo_comes_back_upright_with_its_mask(tmp_path: Path) -> None:
    upright = group(1, 1, side=256)
    upright[165:195, 90:170] = (20, 60, 235)
    image = Image.fromarray(np.rot90(upright, 1))  # the camera lay on its side
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    image.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    mask = np.zeros((256, 256), np.uint8)
    mask[160:200, 85:175] = 255
    write_png(tmp_path / "masks" / "turned.png", mask)
    done, _ = deocclude_photos(Reddens(), [tmp_path / "turned.jpg"], tmp_path / "out", masks=tmp_path / "masks")
    assert done.written == 1 and not done.problems
    written = read_image(tmp_path / "out" / "turned.png")
    assert np.abs(written[mask == 0].astype(int) - upright[mask == 0]).mean() < 4
    assert np.abs(written[170:190, 100:160].astype(int) - RED).max() <= 3


def test_transparency_is_kept(tmp_path: Path) -> None:
    photo = group(1, 1, side=256)
    photo[165:195, 90:170] = (20, 60, 235)
    alpha = np.full((256, 256), 255, np.uint8)
    cv2.circle(alpha, (30, 30), 25, 0, -1)
    write_png(tmp_path / "cut.png", np.dstack([photo, alpha]))
    done, same = deocclude_photos(Reddens(), [tmp_path / "cut.png"], tmp_path / "out")
    assert done.written == 1 and not same
    written = read_rgba(tmp_path / "out" / "cut.png")
    assert np.array_equal(written[..., 3], alpha)
    assert np.abs(written[172:188, 100:160, :3].astype(int) - RED).max() <= 3


def test_twenty_megapixels(tmp_path: Path) -> None:
    face = cv2.resize(group(1, 1, side=512), (1500, 1500), interpolation=cv2.INTER_CUBIC)
    face[970:1140, 530:1000] = (20, 60, 235)
    photo = np.full((3700, 5500, 3), (90, 100, 80), np.uint8)
    photo[1000:2500, 3000:4500] = face
    write_png(tmp_path / "large.png", photo)
    done, same = deocclude_photos(Reddens(), [tmp_path / "large.png"], tmp_path / "out", save_masks=tmp_path / "masks")
    assert done.written == 1 and not same
    written, mask = read_image(tmp_path / "out" / "large.png"), read_mask(tmp_path / "masks" / "large.png")
    assert written.shape == photo.shape and np.array_equal(written[mask == 0], photo[mask == 0])
    assert np.abs(written[2010:2100, 3600:3950].astype(int) - RED).max() <= 3
