"""Writing the pictures of a set, each under a name made from its content, and the table rows that name them.

A picture that cannot be used is refused before anything of it is written. Storing the same picture twice changes
nothing. The rows have no split yet, see `occset.dataset.splits`.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from occset.dataset import records
from occset.pictures import images
from occset.pictures.duplicates import cutout_hash, perceptual_hash
from occset.pictures.landmarks import spans_a_face
from occset.pictures.masks import check_mask, encode_rle
from occset.sources.items import FaceItem, OccluderItem, TextureItem
from occset.support.errors import BadInput
from occset.support.files import copy_atomic, safe_join, write_atomic

LONGEST_SIDE = 16384
"""A cut-out's longest side in pixels: OpenCV's integer maps reach as far as 16 bits."""


def store_face(root: Path, item: FaceItem, source: str) -> dict[str, Any]:
    """Write a face's files into the set at ``root`` and return its row.

    Raises:
        BadInput: not square, landmarks that span no face, no pixel of face in the mask, or a mask of another size.
    """
    where = _check_names(source, item.name)
    _check_picture(item.image, 3, where)
    height, width = item.image.shape[:2]
    if height != width:
        raise BadInput(f"{where}: {width} x {height}: faces are square; crop it, or add it with the source 'photos'")
    if item.mask is not None:
        if item.mask.shape != (height, width):
            size = " x ".join(map(str, item.mask.shape[1::-1]))
            raise BadInput(f"{where}: the mask is {size}, the picture {width} x {height}: make them the same size")
        if not check_mask(item.mask, where).any():
            raise BadInput(f"{where}: the face mask is empty: label it, or remove the mask file")
    _check_points(item.landmarks, where)
    digest = images.pixel_hash(item.image)
    face = "f" + digest[:15]
    suffix = item.file.suffix.lower() if item.file is not None else ".png"
    image = f"images/{face[1:3]}/{face}{suffix}"
    target = safe_join(root, image)
    if not target.exists():
        if item.file is not None:
            copy_atomic(item.file, target)
        else:
            images.write_png(target, item.image)
    return {
        "id": face,
        "source": source,
        "source_id": item.name,
        "image": image,
        "width": width,
        "height": height,
        "mask": None if item.mask is None else encode_rle(item.mask),
        "landmarks": records.pack_points(item.landmarks),
        "landmarks_source": item.landmarks_source,
        "identity": item.identity,
        "group": None,
        "split": item.split,
        "flags": json.dumps(item.flags, sort_keys=True),
        "truth": _store_truth(root, face, item.truth),
        "verdict": None,
        "licence": item.licence,
        "sha256": digest,
        "phash": perceptual_hash(item.image),
    }


def _store_truth(root: Path, face: str, truth: dict[str, np.ndarray] | None) -> str | None:
    if not truth:
        return None
    path = f"truth/{face[1:3]}/{face}.npz"
    target = safe_join(root, path)
    if not target.exists():
        sink = io.BytesIO()
        np.savez_compressed(sink, **truth)  # type: ignore[arg-type]
        write_atomic(target, sink.getvalue())
    return path


def store_occluder(root: Path, item: OccluderItem, source: str, face: str | None = None) -> dict[str, Any]:
    """Write a cut-out into the set at ``root`` and return its row.

    Raises:
        BadInput: no alpha, or nothing of it shows; a side above `LONGEST_SIDE`; landmarks that span no face.
    """
    where = _check_names(source, item.name, item.category)
    if item.rgba.ndim != 3 or item.rgba.shape[2] != 4 or not item.rgba[..., 3].any():
        raise BadInput(f"{where}: a cut-out needs an alpha channel that is not empty: save it as RGBA PNG")
    _check_picture(item.rgba, 4, where)
    height, width = item.rgba.shape[:2]
    if max(height, width) > LONGEST_SIDE:
        raise BadInput(f"{where}: {width} x {height}, longer than {LONGEST_SIDE} pixels: make it smaller")
    _check_points(item.landmarks, where)
    digest = images.pixel_hash(item.rgba)
    occluder = "o" + digest[:15]
    cutout = f"cutouts/{occluder[1:3]}/{occluder}.png"
    target = safe_join(root, cutout)
    if not target.exists():
        images.write_png(target, item.rgba)
    return {
        "id": occluder,
        "source": source,
        "source_id": item.name,
        "cutout": cutout,
        "width": width,
        "height": height,
        "category": item.category,
        "landmarks": records.pack_points(item.landmarks),
        "face": face,
        "round": 0,
        "annotator": None,
        "lead_time": None,
        "split": None,
        "licence": item.licence,
        "sha256": digest,
        "phash": cutout_hash(item.rgba),
    }


def store_texture(root: Path, item: TextureItem, source: str) -> dict[str, Any]:
    """Write a texture into the set at ``root`` and return its row.

    Raises:
        BadInput: not (H, W, 3) uint8.
    """
    _check_picture(item.image, 3, _check_names(source, item.name, item.category))
    digest = images.pixel_hash(item.image)
    texture = "t" + digest[:15]
    path = f"textures/{texture[1:3]}/{texture}.png"
    target = safe_join(root, path)
    if not target.exists():
        images.write_png(target, item.image)
    return {
        "id": texture,
        "source": source,
        "source_id": item.name,
        "path": path,
        "width": item.image.shape[1],
        "height": item.image.shape[0],
        "category": item.category,
        "split": None,
        "licence": item.licence,
        "sha256": digest,
        "phash": perceptual_hash(item.image),
    }


def _check_points(points: np.ndarray | None, where: str) -> None:
    if not spans_a_face(points):
        raise BadInput(f"{where}: its landmarks span no face: give five or 68 points in pixels, or none")


def _check_names(source: str, *names: str) -> str:
    """The source and the name of an item for messages; names go into tables, which hold Unicode only."""
    where = f"{source}:{names[0]}"
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            shown = where.encode("utf-8", "backslashreplace").decode()
            raise BadInput(f"{shown}: its name is not UTF-8: rename the file") from error
    return where


def _check_picture(picture: np.ndarray, channels: int, where: str) -> None:
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != channels or 0 in picture.shape:
        raise BadInput(
            f"{where}: a picture here is (H, W, {channels}) uint8, this is {picture.shape} {picture.dtype}: convert it"
        )
