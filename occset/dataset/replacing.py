"""Replacing what a set has: columns of faces that are there already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from occset.dataset.occlusion_set import OcclusionSet


def rewrite_faces(data: OcclusionSet, rows: list[dict[str, Any]], columns: Sequence[str] = ("mask", "flags")) -> None:
    """Write columns of faces that the set has, by id; everything else stays."""
    faces: pd.DataFrame = data.faces.set_index("id", drop=False)
    ids = [row["id"] for row in rows]
    for column in columns:
        cells = faces[column].astype(object)
        cells.loc[ids] = [row[column] for row in rows]
        faces[column] = cells
    data.write("faces", faces.reset_index(drop=True))
