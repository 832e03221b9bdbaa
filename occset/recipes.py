"""Recipes: everything that makes one sample, as one row of small integers.

A recipe names a face, and for each layer an occluder, perhaps a texture, and how it lies on the face. Whoever holds the
same sources replays it bit for bit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from occset.errors import BadInput
from occset.records import to_bytes

_LAYER = pa.struct(
    [
        ("occluder", pa.string()),
        ("texture", pa.string()),
        ("warp", pa.list_(pa.int32(), 8)),
        ("flip", pa.bool_()),
        ("gain", pa.list_(pa.int16(), 3)),
        ("bias", pa.list_(pa.int16(), 3)),
        ("softness", pa.int8()),
        ("offset", pa.list_(pa.int16(), 2)),
    ]
)
SCHEMA = pa.schema(
    [
        ("sample", pa.string()),
        ("type", pa.string()),
        ("face", pa.string()),
        ("seed", pa.int64()),
        ("index", pa.int32()),
        ("draw", pa.int16()),
        ("size", pa.int16()),
        ("layers", pa.list_(_LAYER)),
    ]
)


@dataclass(frozen=True)
class Layer:
    """One occluder on a face.

    Attributes:
        occluder: id of the cut-out.
        texture: id of the texture that replaces its own, or None.
        warp: eight integers, see `occset.warps`.
        flip: mirrored left to right first.
        gain, bias: colour change for each channel, 256 and 0 change nothing, see `occset.warps.recolour`.
        softness: radius in pixels by which the alpha is blurred.
        offset: where in the texture the patch begins, (x, y) pixels.
    """

    occluder: str
    texture: str | None
    warp: tuple[int, ...]
    flip: bool
    gain: tuple[int, int, int] = (256, 256, 256)
    bias: tuple[int, int, int] = (0, 0, 0)
    softness: int = 0
    offset: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Recipe:
    """One sample's making.

    Attributes:
        face: id of the face.
        layers: the occluders, the lowest first.
        size: height and width of the sample, pixels.
        type: what it is called in tables (`sunglasses`, `both`, ...).
        seed, index: what it was drawn from.
        draw: how many earlier draws hid too little of the face.
    """

    face: str
    layers: tuple[Layer, ...]
    size: int
    type: str = ""
    seed: int = 0
    index: int = 0
    draw: int = 0

    @property
    def sample(self) -> str:
        """The sample's id: 16 hex digits of the hash of what is rendered (not of seed, index or type)."""
        made = {"face": self.face, "size": self.size, "layers": [asdict(layer) for layer in self.layers]}
        return hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()[:16]


def to_frame(recipes: Iterable[Recipe]) -> pd.DataFrame:
    """Recipes as a table with the columns of `SCHEMA`."""
    rows = [{"sample": recipe.sample, **asdict(recipe)} for recipe in recipes]
    return pd.DataFrame(rows, columns=SCHEMA.names)


def from_rows(rows: Iterable[dict[str, Any]]) -> Iterator[Recipe]:
    """Rows of a recipe table, as dictionaries, to recipes."""
    for row in rows:
        layers = tuple(
            Layer(
                occluder=layer["occluder"],
                texture=layer["texture"],
                warp=tuple(int(v) for v in layer["warp"]),
                flip=bool(layer["flip"]),
                gain=tuple(int(v) for v in layer["gain"]),  # type: ignore[arg-type]
                bias=tuple(int(v) for v in layer["bias"]),  # type: ignore[arg-type]
                softness=int(layer["softness"]),
                offset=tuple(int(v) for v in layer["offset"]),  # type: ignore[arg-type]
            )
            for layer in row["layers"]
        )
        recipe = Recipe(
            face=row["face"],
            layers=layers,
            size=int(row["size"]),
            type=row["type"],
            seed=int(row["seed"]),
            index=int(row["index"]),
            draw=int(row["draw"]),
        )
        if row.get("sample") not in (None, recipe.sample):
            raise BadInput(f"recipe {row['sample']} does not match its own id {recipe.sample}: the table was edited")
        yield recipe


def recipes_to_bytes(recipes: Iterable[Recipe], metadata: dict[str, str] | None = None) -> bytes:
    """Recipes as the bytes of a Parquet file; the same recipes give the same bytes."""
    return to_bytes(to_frame(recipes), SCHEMA, metadata)


def read_recipes(path: Path, start: int = 0, stop: int | None = None) -> list[Recipe]:
    """Read the recipes of a file, or those of one range of its rows.

    Raises:
        BadInput: the file is missing or broken, or a row does not match its id.
    """
    try:
        table = pq.ParquetFile(path).read()
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInput(f"{path}: not a readable recipe file ({error}): draw it again or restore it") from error
    if set(SCHEMA.names) - set(table.column_names):
        raise BadInput(f"{path}: not a recipe file: it lacks {sorted(set(SCHEMA.names) - set(table.column_names))}")
    return list(from_rows(table.slice(start, None if stop is None else stop - start).to_pylist()))


def read_metadata(path: Path) -> dict[str, str]:
    """The key-value metadata that was stored beside the recipes."""
    stored = pq.ParquetFile(path).schema_arrow.metadata or {}
    return {k.decode(): v.decode() for k, v in stored.items() if not k.startswith(b"ARROW:")}


def hash_recipes(recipes: Iterable[Recipe]) -> str:
    """Hash of a list of recipes in order, types included: 64 hex digits."""
    digest = hashlib.sha256()
    for recipe in recipes:
        digest.update(f"{recipe.sample} {recipe.type}\n".encode())
    return digest.hexdigest()
