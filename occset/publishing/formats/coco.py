"""COCO, written and read: ``annotations/faces_SPLIT.json`` with compressed RLE, never polygons, and ``images/``.

Polygons fill holes and split masks, so that what comes back is another mask. Beside the visible face each picture has the
cut-outs that were cut from it, by category. What COCO has no place for stands under the key ``occset``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from occset.dataset.records import pack_points, unpack_points
from occset.pictures.images import is_plain_rgb, read_image
from occset.pictures.landmarks import five_points
from occset.pictures.masks import area, from_coco, to_coco
from occset.publishing.formats.contents import Contents, Tick, about, cutouts_in_place, suffix_of_file
from occset.sources.items import SPLITS, FaceItem
from occset.support.errors import BadInput
from occset.support.files import join_below, write_atomic
from occset.support.reading import read_json

FACE = "face"
KEYPOINTS = ("eye_on_the_left", "eye_on_the_right", "nose", "mouth_corner_on_the_left", "mouth_corner_on_the_right")
_MOST_JSON = 512 << 20  # bytes; a face takes about 2 kB


def write(contents: Contents, out: Path, tick: Tick) -> list[str]:
    """Write pictures and one JSON a split; see `occset.publishing.formats.export.FORMATS`."""
    names = sorted({row["category"] for row in contents.occluders if row["face"] is not None} - {FACE})
    categories = {FACE: 1, **{name: at for at, name in enumerate(names, start=2)}}
    for split in contents.splits:
        rows = contents.of_split("faces", split)
        for row in rows:
            contents.copy("faces", row, out / "images" / f"{row['id']}{suffix_of_file(row['image'])}")
            tick()
        if rows:
            text = json.dumps(_document(contents, rows, categories), ensure_ascii=False, allow_nan=False)
            write_atomic(out / "annotations" / f"faces_{split}.json", text.encode())
    return [
        f"{len(contents.faces)} faces with masks as compressed RLE, and the cut-outs that were cut from them",
        f"occset new SET --faces coco:{out}  reads it again",
    ]


def _document(contents: Contents, rows: list[dict[str, Any]], categories: dict[str, int]) -> dict[str, Any]:
    licences = sorted({str(row["licence"]) for row in rows})
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, row in enumerate(rows, start=1):
        size = {"width": row["width"], "height": row["height"]}
        file = f"{row['id']}{suffix_of_file(row['image'])}"
        licence = licences.index(str(row["licence"])) + 1
        images.append({"id": number, "file_name": file, **size, "license": licence, "occset": about("faces", row)})
        here = [{**_annotation(contents.mask(row)), "category_id": 1, **_keypoints(row)}]
        for piece, mask in cutouts_in_place(contents, row):
            told = {"category_id": categories[piece["category"]], "occset": about("occluders", piece)}
            here.append({**_annotation(mask), **told})
        annotations += [
            {"id": len(annotations) + at, "image_id": number, **one} for at, one in enumerate(here, start=1)
        ]
    head = contents.data.head
    return {
        "info": {"description": str(head["name"]), "version": str(head["version"])},
        "licenses": [{"id": at, "name": name, "url": ""} for at, name in enumerate(licences, start=1)],
        "categories": [_category(name, number) for name, number in categories.items()],
        "images": images,
        "annotations": annotations,
    }


def _category(name: str, number: int) -> dict[str, Any]:
    if name == FACE:
        return {"id": number, "name": name, "supercategory": FACE, "keypoints": list(KEYPOINTS), "skeleton": []}
    return {"id": number, "name": name, "supercategory": "occluder"}


def _annotation(mask: np.ndarray) -> dict[str, Any]:
    box = [float(v) for v in cv2.boundingRect(mask)]
    return {"segmentation": to_coco(mask), "area": area(mask), "bbox": box, "iscrowd": 0}


def _keypoints(row: dict[str, Any]) -> dict[str, Any]:
    points = unpack_points(row["landmarks"])
    if points is None:
        return {}
    flat = [float(v) for x, y in five_points(points) for v in (x, y, 2)]
    return {"keypoints": flat, "num_keypoints": len(KEYPOINTS)}


class CocoSource:
    """Faces of a folder in COCO's format: the masks of one category, as compressed RLE.

    Args:
        folder: that holds ``annotations/*.json`` and ``images``.
        category: whose masks are the visible face.
        licence: terms of pictures that the JSON says nothing of.

    Raises:
        BadInput: no JSON is there, or one is broken, or none has the category.
    """

    name = "coco"

    def __init__(
        self, folder: str, category: str = FACE, licence: str = "unknown: pictures of the folder's owner"
    ) -> None:
        self.folder, self.licence = Path(folder), licence
        files = sorted((self.folder / "annotations").glob("*.json"))
        if not files:
            raise BadInput(
                f"{self.folder / 'annotations'} has no .json: give a folder with annotations/*.json and images"
            )
        self._entries: dict[str, dict[str, Any]] = {}
        for file in files:
            self._entries |= _read(file, category)
        if not self._entries:
            raise BadInput(
                f"{files[0]}: no picture has a mask of the category '{category}': name another with ?category="
            )

    def face_keys(self) -> list[str]:
        """Names of the pictures that have a mask of the category, sorted."""
        return sorted(self._entries)

    def read_face(self, key: str) -> FaceItem:
        """Read a picture and its mask.

        Raises:
            BadInput: the picture is missing or broken; the mask is a polygon, broken or of another size.
            UnsafePath: its name leads out of the folder.
        """
        entry = self._entries[key]
        file, told = join_below(self.folder / "images", key), entry["occset"]
        image = read_image(file)
        if len(entry["masks"]) != 1:
            raise BadInput(f"{file}: has {len(entry['masks'])} masks of the category, not one: crop it to one face")
        try:
            mask = from_coco(entry["masks"][0])
        except BadInput as error:
            raise BadInput(f"{entry['file']}: {key}: {error}") from error
        points = _points(told.get("landmarks"), entry["keypoints"])
        by = str(told.get("landmarks_source") or "source")
        flags = told.get("flags")
        return FaceItem(
            name=str(told.get("source_id") or key),
            image=image,
            licence=str(told.get("licence") or self.licence),
            file=file if is_plain_rgb(file) else None,
            mask=mask,
            landmarks=points,
            landmarks_source="none" if points is None else by,
            identity=_text(told.get("identity")),
            flags={str(k): str(v) for k, v in flags.items()} if isinstance(flags, dict) else {},
            split=told["split"] if told.get("split") in SPLITS else None,
        )


def _read(file: Path, category: str) -> dict[str, dict[str, Any]]:
    """What a JSON says of each picture that has a mask of the category, by the picture's name."""
    remedy = "it is no COCO JSON of instances: export it again"
    try:
        found = read_json(file, _MOST_JSON)
        wanted = {one["id"] for one in found["categories"] if one["name"] == category}
        images = {one["id"]: one for one in found["images"]}
        entries: dict[str, dict[str, Any]] = {}
        for one in found["annotations"]:
            if one["category_id"] not in wanted:
                continue
            image = images[one["image_id"]]
            told = image.get("occset")
            entry = entries.setdefault(
                str(image["file_name"]),
                {"masks": [], "occset": told if isinstance(told, dict) else {}, "file": file, "keypoints": None},
            )
            segmentation = one["segmentation"]
            entry["masks"].append(segmentation if isinstance(segmentation, dict) else {})
            entry["keypoints"] = one.get("keypoints")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{file}: {remedy} ({error!r:.200})") from error
    return entries


def _points(landmarks: Any, keypoints: Any) -> np.ndarray | None:
    """(N, 2) landmarks, told in full or by five keypoints (x, y, v), of which all are there; else None."""
    try:
        if landmarks is not None:
            points = np.asarray(landmarks, np.float64).reshape(-1, 2)
            return points if len(points) in (5, 68) else None
        stated = np.asarray(keypoints, np.float64).reshape(5, 3)
    except (TypeError, ValueError):
        return None
    return unpack_points(pack_points(stated[:, :2])) if (stated[:, 2] > 0).all() else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
