"""ICT-FaceKit's light model: its folder of OBJ files, or one ``.npz`` of its face part.

Centimetres; identity modes are one standard deviation each, expressions are blendshapes with weights 0..1. Of the
folder's whole head only the face part is taken, the first 9409 vertices, and the 68 landmarks are those its README names.
There is no albedo: a skin colour stands for the mean until one is learned.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from occset.dataset.records import read_arrays
from occset.models.morphable.readers.obj_file import read_obj
from occset.support.errors import BadInput

MILLIMETRES = 10.0
"""In one unit of the files."""

FACE_VERTICES = 9409
"""Of the whole head, those of the face part, which come first."""

NEUTRAL = "generic_neutral_mesh.obj"
SKIN = (0.58, 0.40, 0.315)

# the 68 landmarks in the iBUG order, as ICT-FaceKit's README lists them
_LANDMARKS = (
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443,
    268, 493, 1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140, 2075, 1147, 4269, 3360,
    1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732,
    5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841, 5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966,
)  # fmt: skip


def read_ict(path: Path) -> dict[str, Any]:
    """Read a ``.npz`` with mean, id, exp and tri, or a folder with `NEUTRAL`, identity*.obj and expressions.

    Returns:
        Arrays for `occset.models.morphable.building.build`, in millimetres.

    Raises:
        BadInput: something is missing or does not fit; names the file.
    """
    mean, identity, expression, triangles = _read_folder(path) if path.is_dir() else _read_npz(path)
    for name, basis in (("id", identity), ("exp", expression)):
        if basis.ndim != 3 or basis.shape[1:] != mean.shape:
            raise BadInput(f"{path}: '{name}' is {basis.shape} instead of (K, {len(mean)}, 3): copy the files again")
    if len(mean) < FACE_VERTICES:
        raise BadInput(
            f"{path}: has {len(mean)} vertices, ICT-FaceKit's face has {FACE_VERTICES}: is it another model?"
        )
    return {
        "mean": mean * MILLIMETRES,
        "identity_basis": identity * MILLIMETRES,
        "expression_basis": expression * MILLIMETRES,
        "mean_albedo": np.tile(np.array(SKIN), (len(mean), 1)),
        "texture_basis": np.zeros((0, *mean.shape)),
        "triangles": triangles,
        "landmarks": np.array(_LANDMARKS),
        "expression_range": (0.0, 1.0),
    }


def _read_npz(path: Path) -> tuple[np.ndarray, ...]:
    arrays = read_arrays(path)
    missing = [name for name in ("mean", "id", "exp", "tri") if name not in arrays]
    if missing:
        raise BadInput(f"{path}: has no '{missing[0]}': it is no ICT-FaceKit model")
    for name in ("mean", "id", "exp", "tri"):
        if arrays[name].dtype.kind not in "fiu":
            raise BadInput(f"{path}: '{name}' holds no numbers: copy the file again")
    if arrays["mean"].ndim != 2 or arrays["mean"].shape[1] != 3:
        raise BadInput(f"{path}: 'mean' is {arrays['mean'].shape} instead of (V, 3): copy the file again")
    return arrays["mean"], arrays["id"], arrays["exp"], arrays["tri"]


def _read_folder(path: Path) -> tuple[np.ndarray, ...]:
    mean, triangles = read_obj(path / NEUTRAL)
    identities = sorted(path.glob("identity*.obj"))
    expressions = [each for each in sorted(path.glob("*.obj")) if each not in identities and each.name != NEUTRAL]
    if not identities or not expressions:
        raise BadInput(f"{path}: has no identity*.obj, or no expression beside them: name the folder with {NEUTRAL}")
    bases = []
    for files in (identities, expressions):
        moved = []
        for file in files:
            vertices, _ = read_obj(file, with_faces=False)
            if len(vertices) != len(mean):
                raise BadInput(
                    f"{file}: has {len(vertices)} vertices, {NEUTRAL} has {len(mean)}: copy the folder again"
                )
            moved.append((vertices - mean)[:FACE_VERTICES].astype(np.float32))
        bases.append(np.stack(moved))
    return mean[:FACE_VERTICES], bases[0], bases[1], triangles[(triangles < FACE_VERTICES).all(1)]
