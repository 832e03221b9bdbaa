"""The Basel face model of 2009 as Deep3DFaceReconstruction prepares it, ``BFM_model_front.mat``.

Its numbers are in decimetres (the Basel model's micrometres over 1e5), so that one unit is 100 mm; bases are already
multiplied by their standard deviations; colours are 0..255; indices count from 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from occset.models.morphable.readers.mat_file import read_mat
from occset.support.errors import BadInput

MILLIMETRES = 100.0
"""In one unit of the file."""

NAMES = ("meanshape", "meantex", "idBase", "exBase", "texBase", "tri", "keypoints", "skinmask")


def read_bfm(path: Path) -> dict[str, Any]:
    """Read the file.

    Returns:
        Arrays for `occset.models.morphable.building.build`, in millimetres, RGB 0..1, indices from 0.

    Raises:
        BadInput: an array is missing or does not fit the others; names the file and the array.
    """
    arrays = read_mat(path, NAMES)
    missing = [name for name in NAMES if name not in arrays]
    if missing:
        raise BadInput(f"{path}: has no '{missing[0]}': make BFM_model_front.mat as Deep3DFaceReconstruction says")
    count = arrays["meanshape"].size // 3

    def rows(name: str) -> np.ndarray:
        """(3V, K) columns of x y z to (K, V, 3)."""
        array = arrays[name]
        if array.ndim != 2 or array.shape[0] != 3 * count:
            raise BadInput(f"{path}: '{name}' is {array.shape} instead of ({3 * count}, K): copy the file again")
        return np.ascontiguousarray(array.T, dtype=np.float32).reshape(-1, count, 3)

    for name, size in (("meanshape", 3 * count), ("meantex", 3 * count), ("keypoints", 68), ("skinmask", count)):
        if arrays[name].size != size:
            raise BadInput(f"{path}: '{name}' has {arrays[name].size} numbers instead of {size}: copy the file again")
    return {
        "mean": arrays["meanshape"].reshape(count, 3) * MILLIMETRES,
        "identity_basis": rows("idBase") * MILLIMETRES,
        "expression_basis": rows("exBase") * MILLIMETRES,
        "mean_albedo": arrays["meantex"].reshape(count, 3) / 255.0,
        "texture_basis": rows("texBase") / 255.0,
        "triangles": _from_one(arrays["tri"]),
        "landmarks": _from_one(arrays["keypoints"].reshape(-1)),
        "skin": arrays["skinmask"].reshape(-1) > 0.5,
    }


def _from_one(indices: np.ndarray) -> np.ndarray:
    """Indices that count from 1, in whatever type, to int64 that count from 0; what is no index becomes -1."""
    whole = np.nan_to_num(indices.astype(np.float64), nan=0, posinf=0, neginf=0)
    return np.where(whole == np.round(whole), whole, 0).astype(np.int64) - 1
