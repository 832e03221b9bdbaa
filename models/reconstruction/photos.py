"""3D faces for photos of any size: a mesh, the render over the photo, landmarks and coefficients of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch

from occset.models.morphable.meshes import SUFFIXES, write_mesh
from occset.models.photos.crops import Crop
from occset.models.photos.files import target
from occset.models.photos.run import Done, run_over_photos
from occset.models.photos.sheet import tile
from occset.models.reconstruction.reconstructor import FaceReconstructor
from occset.pictures.images import read_image, write_png
from occset.pictures.landmarks import transform_points
from occset.support.errors import OccsetError
from occset.support.files import write_atomic


class _Found(NamedTuple):
    """Of one crop: (D,) coefficients, (S, S, 3) render, (S, S) mask, both uint8, (68, 2) landmarks of the crop."""

    vector: np.ndarray
    render: np.ndarray
    mask: np.ndarray
    landmarks: np.ndarray


def reconstruct_photos(
    network: FaceReconstructor,
    photos: Sequence[Path],
    out: Path,
    align: bool = True,
    mesh: str = "ply",
    sheet: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Done:
    """Write of each photo's largest face NAME.ply (or .obj), NAME.png, the render over the photo, and NAME.json.

    Args:
        network: NR.
        photos: photos and folders of photos; a photo keeps its place below its folder.
        out: folder of what is written.
        align: find the face with the detector; else a photo is taken as an aligned square.
        mesh: "ply" or "obj".
        sheet: file of a contact sheet of the crops, each beside its render; none when None.
        progress: called with (done, all).

    Raises:
        OccsetError: there is no such kind of mesh.
        BadInput: there is no photo, or one would be overwritten.
        MissingExtra: ``align`` and no detector.
        NoSpace: a file cannot be written.
    """
    if f".{mesh}" not in SUFFIXES:
        raise OccsetError(f"meshes are written as ply or obj, not '{mesh}'")
    suffixes = (f".{mesh}", ".png", ".json")

    def find(images: np.ndarray) -> list[_Found]:
        vectors, renders, masks = network.reconstruct(images)
        landmarks = network.drawer.landmarks(vectors, images.shape[1])
        return [_Found(*one) for one in zip(vectors, renders, masks, landmarks, strict=True)]

    def write(crop: Crop, found: _Found) -> None:
        write_mesh(target(out, crop.name, suffixes[0]), *network.drawer.mesh(found.vector))
        photo = read_image(crop.file)
        write_png(target(out, crop.name, ".png"), over_photo(photo, crop, found.render, found.mask))
        told = json.dumps(describe(network, crop, found.vector, found.landmarks), indent=1)
        write_atomic(target(out, crop.name, ".json"), told.encode())

    def show(crop: Crop, found: _Found) -> np.ndarray:
        return tile(crop.image, _paste(crop.image, found.render, found.mask))

    return run_over_photos(
        photos, out, find, write, align=align, suffixes=suffixes, sheet=sheet, show=show, progress=progress
    )


def _paste(picture: np.ndarray, render: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.where(mask[..., None] > 127, render, picture)


def over_photo(photo: np.ndarray, crop: Crop, render: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The photo (H, W, 3) with the render of its crop laid over the face."""
    alpha = crop.lay_back(mask).astype(np.float32)[..., None] / 255
    laid = crop.lay_back(render).astype(np.float32)
    return np.rint(photo * (1 - alpha) + laid * alpha).astype(np.uint8)


def describe(network: FaceReconstructor, crop: Crop, vector: np.ndarray, landmarks: np.ndarray) -> dict[str, Any]:
    """What NAME.json holds: coefficients by part, angles in degrees, landmarks in the photo's pixels."""
    back = cv2.invertAffineTransform(crop.matrix)
    parts = network.layout.split(torch.from_numpy(vector)[None])
    angles = np.degrees(parts.pose[0, :3].numpy())
    return {
        "photo": crop.name,
        "morphable": network.model.name,
        "network": f"{network.name} {network.revision}",
        "angles": {name: round(float(v), 2) for name, v in zip(("pitch", "yaw", "roll"), angles, strict=True)},
        "coefficients": {name: _numbers(part[0].numpy()) for name, part in parts._asdict().items()},
        "landmarks": _numbers(transform_points(landmarks, back)),
        "crop": _numbers(crop.matrix),
    }


def _numbers(values: np.ndarray) -> Any:
    return np.round(np.asarray(values, np.float64), 4).tolist()
