"""Meshes that were made elsewhere, as a method of reconstruction: ``predictions:FOLDER?option=value&...``.

The folder holds a mesh a sample, ``<sample id>.obj`` or ``<anything>_<sample id>.obj`` (see
`occset.benchmark.tasks.reconstruction.obj_files`), and says where the 68 landmarks are: either ``landmarks.txt`` with 68
vertices counted from 0, for all meshes, or beside a mesh ``<its name>.landmarks.txt`` with 68 rows of x y z in its axes.
Without either there is no figure of landmarks. Vertices are never compared: nobody knows which is which.

========  =======================  ====================================================================================
option    values (default first)   meaning
========  =======================  ====================================================================================
axes      camera, picture          camera: millimetres, x right, y up, z towards the viewer, the camera at the origin;
                                   picture: pixels, x right from the first column's centre, y up from the last row's,
                                   z towards the viewer, without perspective (as PRNet and 3DDFA write their meshes)
focal     4.53                     of axes=camera: focal length in widths of the picture
size      the protocol's           of axes=picture: width and height of the picture that the pixels are of
========  =======================  ====================================================================================

Colours of vertices are shown as they are, so they are display values with the light in them. A mesh without colours is
shown grey, lit from the camera, so that its Lpix and ID say little.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import numpy as np

from occset.benchmark.methods.predictions import StoredPredictions
from occset.benchmark.tasks.reconstruction.obj_files import (
    LANDMARKS,
    Mesh,
    read_landmark_places,
    read_landmark_vertices,
    read_obj,
)
from occset.pictures.listing import list_pictures, suffix_of
from occset.support.errors import BadInput, BrokenMethod
from occset.support.reading import read_file
from occset.support.specs import read_options

_FOCAL = 4.53
_FAR = 1e5
"""Pixels from which a mesh in picture axes is looked at: as good as without perspective."""
_GREY = 0.6
_ALL = "landmarks.txt"


def from_spec(text: str) -> Predictions:
    """The method of what stands behind ``predictions:``; a folder may have question marks in its name, if it exists.

    Raises:
        BadInput: there is no such folder, or an option's value cannot be.
        UnknownName: an option is not known.
    """
    folder, mark, query = text.rpartition("?")
    if not mark or Path(text).is_dir():
        return Predictions(text)
    found = read_options(query, f"predictions:{text}", ("axes", "focal", "size"), "option of predictions:FOLDER")
    axes = found.get("axes", "camera")
    if axes not in ("camera", "picture"):
        raise BadInput(f"predictions:{text}: axes must be camera or picture")
    if ("focal" if axes == "picture" else "size") in found:
        raise BadInput(f"predictions:{text}: focal goes with axes=camera, size with axes=picture")
    focal, size = _number(found, "focal", text, 0.1), _number(found, "size", text, 1)
    return Predictions(folder, axes, _FOCAL if focal is None else focal, size)


def _number(found: dict[str, str], key: str, text: str, lowest: float) -> float | None:
    if key not in found:
        return None
    try:
        value = float(found[key])
    except ValueError:
        value = math.nan
    if not lowest <= value <= 1e5:
        raise BadInput(f"predictions:{text}: {key} must be a number from {lowest:g}")
    return value


class Predictions(StoredPredictions):
    """A folder of meshes, one OBJ a sample."""

    suffix, kind = ".obj", "mesh"

    def __init__(
        self, folder: str | Path, axes: str = "camera", focal: float = _FOCAL, size: float | None = None
    ) -> None:
        """Open a folder of meshes; see the head of this module.

        Raises:
            BadInput: it is no folder.
        """
        super().__init__(folder)
        self.axes, self.focal, self.size = axes, focal, size

    @property
    def weights_hash(self) -> str:
        """sha256 of the meshes, their landmarks, and how they are read."""
        digest = hashlib.sha256(f"{super().weights_hash} {self.axes} {self.focal} {self.size}".encode())
        for path in sorted(self.folder.glob(f"*{_ALL}")):
            digest.update(f"{path.name}\n".encode() + read_file(path))
        return digest.hexdigest()

    def _names(self) -> list[str]:
        others = list_pictures(self.folder, deep=False).others
        return [name for name in others if suffix_of(name) == self.suffix and (self.folder / name).is_file()]

    def reconstruct(self, images: np.ndarray, *, ids: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Read the samples' meshes and draw them.

        Args:
            images: (B, H, W, 3) uint8, whose size alone is looked at.
            ids: of the B samples.

        Returns:
            (B, 341) float32: 1 where landmarks are known, and for each of them x, y, z in millimetres (0 where the axes are
            the picture's) and x, y in pixels; renders (B, H, W, 3) uint8, masks (B, H, W) uint8.

        Raises:
            BrokenMethod: a mesh is missing, or two fit one sample.
            BadInput: a file cannot be read as what it should be; names it.
        """
        size = images.shape[2]
        told, renders, masks = [], [], []
        for path in self.find(ids):
            mesh = read_obj(path)
            render, mask = _draw(mesh, self._screen(mesh.vertices, size), size)
            told.append(self._landmarks(path, mesh, size))
            renders.append(render)
            masks.append(mask)
        return np.stack(told), np.stack(renders), np.stack(masks)

    def geometry(self, coefficients: np.ndarray, size: int) -> dict[str, np.ndarray]:
        """The landmarks of what `reconstruct` returned, where all meshes of the batch have some."""
        if not coefficients[:, 0].all():
            return {}
        points = coefficients[:, 1:].reshape(-1, LANDMARKS, 5)
        in_camera = {"landmarks": points[..., :3]} if self.axes == "camera" else {}
        return {"points": points[..., 3:], **in_camera}

    def _landmarks(self, path: Path, mesh: Mesh, size: int) -> np.ndarray:
        own, common = path.with_suffix(f".{_ALL}"), self.folder / _ALL
        if own.is_file():
            places = read_landmark_places(own)
        elif common.is_file():
            places = mesh.vertices[read_landmark_vertices(common, len(mesh.vertices))]
        else:
            return np.zeros(1 + 5 * LANDMARKS, np.float32)
        in_camera = places if self.axes == "camera" else np.zeros_like(places)
        if self.axes == "camera" and (places[:, 2] >= 0).any():
            raise BrokenMethod(
                f"{self.name}: landmarks of {path.name} lie behind the camera: are its axes the picture's?"
            )
        known = np.concatenate((in_camera, self._screen(places, size)[:, :2]), 1)
        return np.concatenate(([1], known.ravel())).astype(np.float32)

    def _screen(self, points: np.ndarray, size: int) -> np.ndarray:
        """(N, 3) pixel x, pixel y (down) and distance."""
        if self.axes == "picture":
            given = self.size or size
            x = (points[:, 0] + 0.5) * (size / given) - 0.5
            y = (given - 1 - points[:, 1] + 0.5) * (size / given) - 0.5
            return np.stack((x, y, _FAR - points[:, 2]), -1)
        distance = -points[:, 2]
        safe = np.where(np.abs(distance) < 1e-6, 1e-6, distance)
        middle, focal = (size - 1) / 2, self.focal * size
        return np.stack((middle + focal * points[:, 0] / safe, middle - focal * points[:, 1] / safe, distance), -1)


def _draw(mesh: Mesh, screen: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Picture (size, size, 3) uint8 on black and mask (size, size) uint8 of a mesh whose vertices lie at `screen`."""
    import torch

    from occset.models.rendering.rasteriser import interpolate, rasterise

    triangles = torch.from_numpy(mesh.triangles)
    raster = rasterise(torch.from_numpy(screen.astype(np.float32))[None], triangles, size, size)
    colours = mesh.colours if mesh.colours is not None else _headlight(mesh)
    shown = interpolate(torch.from_numpy(colours.astype(np.float32)), triangles, raster)[0].numpy()
    mask = np.where(raster.face[0].numpy() >= 0, np.uint8(255), np.uint8(0))
    return np.rint(shown.clip(0, 1) * 255).astype(np.uint8), mask


def _headlight(mesh: Mesh) -> np.ndarray:
    """(V, 3) grey, the brighter the more a vertex faces the viewer."""
    corners = mesh.vertices[mesh.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros_like(mesh.vertices)
    for corner in range(3):
        np.add.at(total, mesh.triangles[:, corner], normals)
    length = np.linalg.norm(total, axis=1)
    facing = np.abs(total[:, 2]) / np.where(length > 0, length, 1)
    return np.repeat(_GREY * (0.3 + 0.7 * facing)[:, None], 3, axis=1)
