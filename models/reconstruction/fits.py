"""Coefficients that were found for the faces of a set: one Parquet file for each morphable model, beside its tables.

They are no part of the set's content: they can be made again, and belong to one model and one way of fitting it.

==============  ==========  ==========================================================================================
column          type        meaning
==============  ==========  ==========================================================================================
face            string      id
vector          [float32]   coefficients, see `occset.models.reconstruction.coefficients`
stage           string      how far the fit went: "landmarks", "photometry", "em"; or "truth", what the face was
                            rendered from, and "shape", the same without albedo and light
residual        float32     Eq. 6 over the pixels that count, 0..1; NaN where no pixel was looked at
landmark_error  float32     mean distance of the landmarks inside the face, in widths of the picture
share           float32     share of the visible face that the render explains; 1 without EM
problem         string      why the fit is not to be trained on; "" for a good one
==============  ==========  ==========================================================================================
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.morphable.base import LinearModel
from occset.models.reconstruction.coefficients import Layout
from occset.support.errors import BadInput
from occset.support.files import write_atomic
from occset.support.parquet_files import read_parquet

FOLDER = "fits"
_SCHEMA = pa.schema(
    [
        ("face", pa.string()),
        ("vector", pa.list_(pa.float32())),
        ("stage", pa.string()),
        ("residual", pa.float32()),
        ("landmark_error", pa.float32()),
        ("share", pa.float32()),
        ("problem", pa.string()),
    ]
)
_NOTE = b"occset"
_REMEDY = "delete the file and run occset fit again"
_YAW = 1  # place in a vector, which begins with pitch, yaw and roll whatever the model


class Fits:
    """The fits of one morphable model to the faces of a set; read when first needed, written atomically. Picklable."""

    def __init__(self, data: OcclusionSet, model: str, revision: str, layout: Layout) -> None:
        """Look at the fits of a model, of which there may be none yet.

        Args:
            data: the set.
            model: the morphable model's name.
            revision: its hash, albedo included.
            layout: of the vectors.
        """
        self.data, self.model, self.revision, self.layout = data, model, revision, layout
        self._rows: dict[str, dict[str, Any]] | None = None

    @property
    def path(self) -> Path:
        """The file, there or not."""
        return self.data.path / FOLDER / f"{self.model}-{self.revision[:12]}-{self.layout.size}.parquet"

    @property
    def rows(self) -> Mapping[str, dict[str, Any]]:
        """Everything that is known, by face.

        Raises:
            BadInput: the file is broken or of another layout.
        """
        if self._rows is None:
            self._rows = self._read() if self.path.is_file() else {}
        return self._rows

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            table = read_parquet(self.path, _SCHEMA.names).select(_SCHEMA.names).cast(_SCHEMA).to_pandas()
        except (pa.ArrowException, OSError, ValueError, KeyError) as error:
            raise BadInput(f"{self.path}: not a readable file of fits ({error}): {_REMEDY}") from error
        for face, vector in zip(table["face"], table["vector"], strict=True):
            if vector is None or len(vector) != self.layout.size or not np.isfinite(vector).all():
                size = self.layout.size
                raise BadInput(f"{self.path}: the fit of face {face} is no {size} finite numbers: {_REMEDY}")
        return {str(row["face"]): row for row in table.to_dict("records")}

    @property
    def table(self) -> pd.DataFrame:
        """All fits, a row a face, in the order of the faces' ids."""
        rows = [self.rows[face] for face in sorted(self.rows)]
        return pd.DataFrame(rows, columns=_SCHEMA.names)

    def good(self) -> list[str]:
        """Ids of the faces whose fit can be trained on."""
        return sorted(face for face, row in self.rows.items() if not row["problem"])

    def vector(self, face: str) -> np.ndarray | None:
        """(D,) float32 coefficients of a face, or None."""
        row = self.rows.get(face)
        return None if row is None else np.asarray(row["vector"], np.float32)

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write fits beside, or in the place of, those that are there.

        Args:
            rows: each with all columns.
        """
        known = {**self.rows, **{str(row["face"]): dict(row) for row in rows}}
        values = [{**known[face], "vector": np.asarray(known[face]["vector"], np.float32)} for face in sorted(known)]
        about = {"model": self.model, "revision": self.revision, "sizes": list(self.layout.sizes)}
        table = pa.Table.from_pylist(values, _SCHEMA).replace_schema_metadata({_NOTE: json.dumps(about).encode()})
        written = io.BytesIO()
        pq.write_table(table, written, compression="zstd")
        write_atomic(self.path, written.getvalue())
        self._rows = known


def fits_of(data: OcclusionSet, model: LinearModel, colours: int = 3) -> Fits:
    """The fits of a morphable model to a set."""
    layout = Layout(len(model.identity_basis), len(model.expression_basis), len(model.texture_basis), colours)
    return Fits(data, model.name, model.revision, layout)


def yaws(data: OcclusionSet) -> dict[str, float]:
    """How far the faces of a set are turned by their fits, in degrees, positive to the picture's right.

    Where several morphable models were fitted it is the mean of what they say. Poor fits say nothing.

    Raises:
        BadInput: a file of fits is broken.
    """
    found: dict[str, list[float]] = {}
    for path in sorted((data.path / FOLDER).glob("*.parquet")):
        try:
            table = read_parquet(path, ["face", "vector", "problem"]).to_pandas()
            for face, vector, problem in zip(table["face"], table["vector"], table["problem"], strict=True):
                if not problem:
                    found.setdefault(str(face), []).append(math.degrees(vector[_YAW]))
        except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise BadInput(f"{path}: not a readable file of fits ({error}): {_REMEDY}") from error
    return {face: sum(angles) / len(angles) for face, angles in found.items()}
