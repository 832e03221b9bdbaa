"""What tells whether a protocol still shows what it showed: the hash of the data that its recipes are rendered from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

import pandas as pd

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe
from occset.support.errors import BadInput


def data_hash(data: OcclusionSet, recipes: list[Recipe], truth: tuple[str, ...] = ()) -> str:
    """Hash of what the recipes are rendered from: pixels, masks and landmarks of exactly the items they name.

    Args:
        data: the set.
        recipes: of a protocol.
        truth: what of the faces' own truth counts too, as beginnings of the arrays' names; see `Samples.truth` of a task.

    Raises:
        BadInput: the set no longer holds one of them.
    """
    faces = _rows(data, "faces", {recipe.face for recipe in recipes})
    digest = hashlib.sha256()
    for row in faces.to_dict("records"):
        points = None if row["landmarks"] is None else [float(v) for v in row["landmarks"]]
        digest.update(json.dumps([row["sha256"], row["mask"], points]).encode())
    layers = [layer for recipe in recipes for layer in recipe.layers]
    for table, named in (
        ("occluders", {layer.occluder for layer in layers}),
        ("textures", {layer.texture for layer in layers if layer.texture}),
    ):
        digest.update("".join(sorted(_rows(data, table, named)["sha256"])).encode())
    for face in faces.index if truth else ():
        for name, array in sorted(data.load_truth(face).items()):
            if name.startswith(truth):
                digest.update(json.dumps([face, name, array.dtype.str, array.shape]).encode() + array.tobytes())
    return digest.hexdigest()


def _rows(data: OcclusionSet, table: str, named: Iterable[str]) -> pd.DataFrame:
    """Rows of a table by id, sorted by id."""
    frame: pd.DataFrame = getattr(data, table)
    wanted = sorted(named)
    missing = sorted(set(wanted) - set(frame["id"]))
    if missing:
        raise BadInput(
            f"{data.path}: the protocol uses {table} that the set no longer holds, such as {missing[0]}: "
            "add their source again"
        )
    return frame.set_index("id").loc[wanted]
