"""CelebAMask-HQ as people have it: merged maps in both orders, flat folders of parts, parts as JPEG, the official split."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from occset.dataset.occlusion_set import OcclusionSet
from occset.importing.add_source import add_source
from occset.sources.celebamask_hq import CelebAMaskHQSource
from occset.sources.label_maps import ORDERS, evidence_of, read_map
from occset.sources.parts import FACE_PARTS, PARTS
from occset.support.errors import BadInput

SIDE = 128
# centre and half axes, in widths of the picture, painted in this order
SHAPES = {
    "skin": (0.5, 0.56, 0.28, 0.34), "nose": (0.5, 0.58, 0.05, 0.08), "l_eye": (0.61, 0.48, 0.05, 0.02),
    "r_eye": (0.39, 0.48, 0.05, 0.02), "l_brow": (0.61, 0.41, 0.07, 0.015), "r_brow": (0.39, 0.41, 0.07, 0.015),
    "u_lip": (0.5, 0.72, 0.08, 0.015), "l_lip": (0.5, 0.77, 0.08, 0.02), "hair": (0.5, 0.1, 0.4, 0.16),
    "neck": (0.5, 0.95, 0.2, 0.06),
}  # fmt: skip


def parts(shift: float = 0.0, without: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    found = {}
    for name, numbers in SHAPES.items():
        if name in without:
            continue
        x, y, wide, high = (round(v * SIDE) for v in numbers)
        mask = np.zeros((SIDE, SIDE), np.uint8)
        found[name] = cv2.ellipse(mask, (x + round(shift * SIDE), y), (wide, high), 0, 0, 360, 255, -1)
    return found


def merged(masks: dict[str, np.ndarray], order: str) -> np.ndarray:
    values = np.zeros((SIDE, SIDE), np.uint8)
    for name in PARTS:  # painted as the official script does, whatever the numbers
        if name in masks:
            values[masks[name] > 0] = ORDERS[order].index(name) + 1
    return values


def face_of(masks: dict[str, np.ndarray]) -> np.ndarray:
    values = merged(masks, "official")
    return np.isin(values, [PARTS.index(name) + 1 for name in FACE_PARTS]).astype(np.uint8) * 255


def photo(root: Path, number: int, name: str = "") -> None:
    (root / "CelebA-HQ-img").mkdir(parents=True, exist_ok=True)
    image = cv2.resize(np.random.default_rng(number).integers(0, 256, (7, 7, 3), np.uint8), (SIDE, SIDE))
    cv2.imwrite(str(root / "CelebA-HQ-img" / (name or f"{number}.jpg")), image)


def save(root: Path, name: str, array: np.ndarray) -> Path:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(root / name), array)
    return root / name


def opened(root: Path, **options: str) -> CelebAMaskHQSource:
    return CelebAMaskHQSource(str(root), landmarks="template", harvest="no", **options)


@pytest.mark.parametrize("order", list(ORDERS))
@pytest.mark.parametrize(
    "place", ["CelebAMaskHQ-mask/{}.png", "CelebAMask-HQ-mask-anno/{:05d}.PNG", "masks/0/{:05d}.tif"]
)
def test_merged_maps_give_the_masks_of_their_parts_in_either_order(tmp_path: Path, order: str, place: str) -> None:
    for number in (0, 7, 2001):
        photo(tmp_path, number)
        save(tmp_path, place.format(number), merged(parts(0.01 * (number % 3)), order))
    source = pickle.loads(pickle.dumps(opened(tmp_path)))
    assert source.face_keys() == ["0", "7", "2001"] and source.labels.order == order
    for number in (0, 7, 2001):
        assert np.array_equal(source.read_face(str(number)).mask, face_of(parts(0.01 * (number % 3))))


@pytest.mark.parametrize("without", [(), ("hair",), ("l_brow", "neck"), ("nose", "u_lip", "hair")])
def test_the_order_is_told_by_where_the_labels_lie(without: tuple[str, ...]) -> None:
    assert evidence_of(merged(parts(without=without), "official")) > 12
    assert evidence_of(merged(parts(without=without), "face-parsing")) < -12


def test_a_palette_counts_by_its_indexes(tmp_path: Path) -> None:
    values = merged(parts(), "face-parsing")
    picture = Image.fromarray(values, "P")
    picture.putpalette(list(np.random.default_rng(0).integers(0, 256, 57)))
    photo(tmp_path, 3)
    (tmp_path / "mask").mkdir()
    picture.save(tmp_path / "mask" / "3.png")
    assert np.array_equal(read_map(tmp_path / "mask" / "3.png"), values)
    assert np.array_equal(opened(tmp_path).read_face("3").mask, face_of(parts()))


def test_an_order_that_cannot_be_told_has_to_be_named(tmp_path: Path) -> None:
    photo(tmp_path, 0)
    eyes_alone = parts(without=("nose", *tuple(SHAPES)[4:]))  # whose numbers are the same in both
    save(tmp_path, "masks/0.png", merged(eyes_alone, "official"))
    with pytest.raises(
        BadInput, match=r"does not tell their order: name it with \?order=official or \?order=face-parsing"
    ):
        opened(tmp_path)
    assert opened(tmp_path, order="official").labels.order == "official"
    with pytest.raises(BadInput, match="order=paper is not an option"):
        opened(tmp_path, order="paper")


def test_a_map_of_the_other_order_is_named_and_no_half_face(tmp_path: Path) -> None:
    for number in range(8):
        photo(tmp_path, number)
        save(tmp_path, f"masks/{number}.png", merged(parts(), "face-parsing" if number == 5 else "official"))
    source = opened(tmp_path)
    with pytest.raises(BadInput, match=r"5\.png: its labels lie as in the order face-parsing"):
        source.read_face("5")
    assert source.read_face("4").mask.any()


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.full((SIDE, SIDE), 19, np.uint8), "its largest value is 19"),
        (parts()["skin"], r"its largest value is 255.*image-masks:DIR"),
        (np.dstack([parts()["skin"], parts()["nose"], parts()["nose"]]), "shows labels by colours"),
    ],
)
def test_what_is_no_map_is_refused_by_name(tmp_path: Path, array: np.ndarray, says: str) -> None:
    photo(tmp_path, 0)
    photo(tmp_path, 1)
    save(tmp_path, "masks/0.png", array)
    save(tmp_path, "masks/1.png", merged(parts(), "official"))
    with pytest.raises(BadInput, match=rf"0\.png: {says}|0\.png: it {says}"):
        opened(tmp_path).read_face("0")
    assert opened(tmp_path).read_face("1").mask.any()


@pytest.mark.parametrize("name", ["{:05d}_{}.png", "{}_{}.PNG", "deeper/0/{:05d}_{}.png", "{:05d}_{}.bmp"])
def test_parts_lie_flat_or_anywhere_below(tmp_path: Path, name: str) -> None:
    for number in (0, 4001):
        photo(tmp_path, number, f"{number:05d}.JPEG")
        for part, mask in parts(0.01 * (number > 0)).items():
            save(tmp_path, "CelebAMask-HQ-mask-anno/" + name.format(number, part), mask)
    source = opened(tmp_path)
    assert source.face_keys() == ["0", "4001"]
    assert np.array_equal(source.read_face("0").mask, face_of(parts()))
    assert np.array_equal(source.read_face("4001").mask, face_of(parts(0.01)))


@pytest.mark.parametrize(("part", "suffix"), [("nose", "jpg"), ("hair", "JPEG"), ("skin", "webp")])
def test_a_part_as_jpeg_is_refused_with_the_reason(tmp_path: Path, part: str, suffix: str) -> None:
    photo(tmp_path, 0)
    for name, mask in parts().items():
        save(tmp_path, f"CelebAMask-HQ-mask-anno/0/00000_{name}.{suffix if name == part else 'png'}", mask)
    with pytest.raises(BadInput, match=rf"00000_{part}\.{suffix}: \.{suffix} blurs the borders.*PNG"):
        opened(tmp_path).read_face("0")
    save(tmp_path, f"CelebAMask-HQ-mask-anno/0/00000_{part}.png", parts()[part])
    assert np.array_equal(opened(tmp_path).read_face("0").mask, face_of(parts()))


def test_maps_as_jpeg_are_refused_with_the_reason(tmp_path: Path) -> None:
    photo(tmp_path, 12)
    save(tmp_path, "masks/12.jpg", merged(parts(), "official"))
    with pytest.raises(BadInput, match=r"12\.jpg: \.jpg blurs the borders"):
        opened(tmp_path).read_face("12")


def test_the_official_split_is_read_where_it_is_there(tmp_path: Path) -> None:
    for number in (0, 1, 2, 3):
        photo(tmp_path, number)
        save(tmp_path, f"masks/{number}.png", merged(parts(), "official"))
    (tmp_path / "CelebA-HQ-to-CelebA-mapping.txt").write_text(
        "idx orig_idx orig_file\n0 119613 119614.jpg\n1 5 000006.jpg\n2 182637 182638.jpg\n"
    )
    assert opened(tmp_path).read_face("0").split is None
    (tmp_path / "list_eval_partition.txt").write_text("000006.jpg 0\r\n119614.jpg 2\r\n182638.jpg 1\r\n")
    source = opened(tmp_path)
    assert [source.read_face(key).split for key in "0123"] == ["test", "train", "val", None]
    assert any("1 photos have no official split, such as 3" in note for note in source.notes())
    assert opened(tmp_path, split="set").read_face("0").split is None
    data = OcclusionSet.create(tmp_path / "set")
    add_source(data, "faces", f"celebamask-hq:{tmp_path}?landmarks=template&harvest=no", workers=1)
    got = dict(zip(data.faces["source_id"], data.faces["split"], strict=True))
    assert {key: got[key] for key in "012"} == {"0": "test", "1": "train", "2": "val"}
    (tmp_path / "list_eval_partition.txt").write_text("000006.jpg 3\n")
    with pytest.raises(BadInput, match=r"list_eval_partition\.txt, line 1: the partition is 0, 1 or 2, not '3'"):
        opened(tmp_path)
    (tmp_path / "list_eval_partition.txt").write_text("000006.jpg 0\n")
    with pytest.raises(BadInput, match=r"line 2: 119614\.jpg has no partition in list_eval_partition\.txt"):
        opened(tmp_path)


@pytest.mark.real
def test_real_labels_tell_their_order(real_data: Path) -> None:
    source = opened(real_data / "celebamask_hq")
    to_other = np.zeros(len(PARTS) + 1, np.uint8)
    for number, part in enumerate(ORDERS["face-parsing"], start=1):
        to_other[PARTS.index(part) + 1] = number
    for key in source.face_keys()[::30]:
        labels = source.labels.read(key, (512, 512))
        assert evidence_of(labels) > 12 and evidence_of(to_other[labels]) < -12
