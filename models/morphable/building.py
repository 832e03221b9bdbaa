"""A whole `LinearModel` from the arrays of a file: checks, common axes and origin, mirror, skin, decimated level.

Whatever the origin, the model looks along +z with y up, and its origin lies at eye level in the middle, 90 mm behind the
eyes, as that of the procedural model does: a pose means about the same in all of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from occset.models.morphable.base import LinearModel
from occset.models.morphable.decimation import decimate
from occset.models.morphable.mirror import nearest_mirror
from occset.models.rendering.lighting import vertex_normals
from occset.support.errors import BadInput

BEHIND_THE_EYES = 90.0
"""Millimetres from the eyes back to the origin."""

MOST_VERTICES, MOST_TRIANGLES, MOST_MODES = 200_000, 400_000, 1_000
_FACE_HEIGHT = (60.0, 200.0)  # millimetres from eyes to chin that a face can have: another one is in another unit
_SIZES = {
    "mean": ("V", 3), "identity_basis": ("K", "V", 3), "expression_basis": ("K", "V", 3), "mean_albedo": ("V", 3),
    "texture_basis": ("K", "V", 3), "triangles": ("T", 3), "landmarks": (68,), "uv": ("V", 2), "mirror": ("V",),
    "skin": ("V",), "coarse_vertices": ("W",), "coarse_triangles": ("S", 3), "coarse_cells": ("V",),
}  # fmt: skip
_INDICES = ("triangles", "landmarks", "mirror", "coarse_vertices", "coarse_triangles", "coarse_cells")


def build(arrays: Mapping[str, Any], name: str, where: str) -> LinearModel:
    """Complete what a reader found.

    Args:
        arrays: mean, bases, mean_albedo, texture_basis, triangles, landmarks as `MorphableModel` has them, millimetres,
            any origin and winding; perhaps skin (V,) and expression_range.
        name: of the model.
        where: the file, for errors.

    Raises:
        BadInput: an array is of a wrong shape, is not finite, or names what is not there, or the mesh is no face.
    """
    arrays = dict(arrays)
    reach = arrays.pop("expression_range", (-math.inf, math.inf))
    found = checked(arrays, where)
    mean, triangles, landmarks = found["mean"], found["triangles"], found["landmarks"]
    mark = mean[landmarks]
    eyes, chin = mark[36:48].mean(0), mark[8]
    height = float(eyes[1] - chin[1])
    if not _FACE_HEIGHT[0] <= height <= _FACE_HEIGHT[1] or mark[0, 0] >= mark[16, 0]:
        raise BadInput(
            f"{where}: its landmarks are no face in the iBUG order with y up (eyes to chin {height:.1f} mm): "
            "are units, axes and landmarks those of its makers?"
        )
    mean = mean - torch.tensor([float(eyes[0]), float(eyes[1]), float(eyes[2]) - BEHIND_THE_EYES])
    normals = vertex_normals(mean[None], triangles)[0]
    if float(normals[landmarks[17:]].mean(0)[2]) < 0:
        triangles, normals = triangles.flip(1), -normals
    skin = found.get("skin", skin_by_landmarks(mean, normals, landmarks))
    mirror = nearest_mirror(mean)
    coarse = decimate(mean, triangles, landmarks, mirror)
    return LinearModel(
        mean=mean,
        identity_basis=found["identity_basis"],
        expression_basis=found["expression_basis"],
        mean_albedo=found["mean_albedo"],
        texture_basis=found["texture_basis"],
        triangles=triangles,
        uv=found.get("uv", cylinder(mean)),
        landmarks=landmarks,
        mirror=mirror,
        skin=skin,
        coarse_vertices=coarse.vertices,
        coarse_triangles=coarse.triangles,
        coarse_cells=coarse.cells,
        name=name,
        expression_range=(float(reach[0]), float(reach[1])),
    )


def checked(arrays: Mapping[str, Any], where: str) -> dict[str, Tensor]:
    """The arrays as tensors: numbers float32, indices int64, skin bool.

    Raises:
        BadInput: a wrong type, shape or size, a number that is not finite, or an index out of range; names the array.
    """
    sizes = {"V": np.shape(arrays["mean"])[0] if np.ndim(arrays["mean"]) else 0}
    found = {}
    for name, value in arrays.items():
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise BadInput(f"{where}: '{name}' holds no numbers: copy the file again")
        expected = tuple(sizes.get(each, "any number of") if isinstance(each, str) else each for each in _SIZES[name])
        fits = len(array.shape) == len(expected) and all(
            isinstance(b, str) or a == b for a, b in zip(array.shape, expected, strict=True)
        )
        if not fits:
            shape = ", ".join(map(str, expected))
            raise BadInput(f"{where}: '{name}' is {array.shape} instead of ({shape}): copy the file again")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise BadInput(f"{where}: '{name}' holds numbers that are not finite: copy the file again")
        kind = np.int64 if name in _INDICES else bool if name == "skin" else np.float32
        found[name] = torch.from_numpy(np.array(array, dtype=kind, order="C"))
    _check_sizes(found, where)
    return found


def _check_sizes(found: Mapping[str, Tensor], where: str) -> None:
    count = len(found["mean"])
    limits = {"mean": MOST_VERTICES, "triangles": MOST_TRIANGLES} | {
        n: MOST_MODES for n in found if n.endswith("basis")
    }
    for name, most in limits.items():
        if not (0 if name == "texture_basis" else 1) <= len(found[name]) <= most:
            raise BadInput(
                f"{where}: '{name}' has {len(found[name])} rows, at most {most} are read: is it a face model?"
            )
    ranges = {name: (0, count) for name in _INDICES if name != "coarse_triangles"}
    if "coarse_vertices" in found:
        kept = len(found["coarse_vertices"])
        ranges |= {"coarse_triangles": (0, kept), "coarse_cells": (-1, kept)}
    for name, (low, high) in ranges.items():
        if name in found and len(found[name]) and not low <= int(found[name].min()) <= int(found[name].max()) < high:
            raise BadInput(f"{where}: '{name}' names vertices that are not there: copy the file again")


def skin_by_landmarks(mean: Tensor, normals: Tensor, landmarks: Tensor) -> Tensor:
    """(V,) which vertices are skin of the face where nobody says it: what looks forward between jaw and forehead.

    Eyes and mouth are left out by the outlines that their landmarks draw on the front view.
    """
    mark = mean[landmarks]
    eyes, chin = mark[36:48].mean(0), mark[8]
    wide = float((mark[16, 0] - mark[0, 0]) / 2)
    up = (mean[:, 1] - eyes[1]) / (eyes[1] - chin[1])
    middle, half = (0.65 - 1.0) / 2, (0.65 + 1.0) / 2  # from the chin to a forehead of 0.65 times the height below
    oval = ((up - middle) / half) ** 2 + ((mean[:, 0] - eyes[0]) / wide) ** 2
    skin = (oval < 1) & (normals[:, 2] > 0) & (mean[:, 2] > mark[[0, 16], 2].mean())
    for first, last in ((36, 42), (42, 48), (60, 68)):
        skin &= ~_inside(mean[:, :2], mark[first:last, :2])
    return skin


def _inside(points: Tensor, outline: Tensor) -> Tensor:
    """Which points (N, 2) lie within a closed outline (M, 2), by the number of sides that a ray to the right crosses."""
    inside = torch.zeros(len(points), dtype=torch.bool)
    for (ax, ay), (bx, by) in zip(outline.tolist(), outline.roll(-1, 0).tolist(), strict=True):
        if ay == by:
            continue
        straddles = (points[:, 1] >= min(ay, by)) & (points[:, 1] < max(ay, by))
        inside ^= straddles & (points[:, 0] < ax + (points[:, 1] - ay) * (bx - ax) / (by - ay))
    return inside


def cylinder(mean: Tensor) -> Tensor:
    """(V, 2) texture coordinates 0..1: the angle about the upright axis through the origin, and the height from above."""
    u = 0.5 + torch.atan2(mean[:, 0], mean[:, 2]) / (2 * math.pi)
    low, high = mean[:, 1].min(), mean[:, 1].max()
    return torch.stack((u, (high - mean[:, 1]) / (high - low).clamp_min(1e-6)), -1).clamp(0, 1)
