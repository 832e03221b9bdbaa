"""Recipes: everything that makes one sample, as one row of small integers.

A recipe names a face, and for each layer an occluder, perhaps a texture, and how it lies on the face. Whoever holds the
same sources replays it bit for bit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from occset.dataset.records import to_bytes
from occset.support.errors import BadInput
from occset.support.parquet_files import MOST_ROWS, read_parquet, read_parquet_notes
from occset.support.reading import read_file

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


MAX_ROWS = MOST_ROWS
"""Most recipes of one file."""
MAX_SIZE = 4096
"""Largest height and width of a sample, pixels; a file must not make a machine run out of memory."""
MAX_LAYERS = 32
"""Most occluders of one sample."""
MAX_COVER = 8 * MAX_SIZE**2
"""Most layers times pixels of one sample: eight layers at the largest size, all of them at half of it."""

_FEW_LAYERS = 100_000  # of a whole file, however small it is; beyond, each takes eight bytes at least
_LAYER_BYTES = 8  # no two lie alike


@dataclass(frozen=True)
class Layer:
    """One occluder on a face.

    Attributes:
        occluder: id of the cut-out.
        texture: id of the texture that replaces its own, or None.
        warp: eight integers, see `occset.composition.warps`.
        flip: mirrored left to right first.
        gain, bias: colour change for each channel, 256 and 0 change nothing, see `occset.composition.warps.recolour`.
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
    """Rows of a recipe table, as dictionaries, to recipes.

    Raises:
        BadInput: a row lacks something, has a size or a number of layers out of range, or does not match its id.
    """
    for number, row in enumerate(rows):
        try:
            recipe = _recipe(row)
        except BadInput as error:
            raise BadInput(f"row {number}: {error}: draw it again with less") from error
        except (TypeError, ValueError, KeyError, OverflowError) as error:
            raise BadInput(f"row {number} is not a recipe ({error!r}): draw it again or restore the table") from error
        if "sample" in row and row["sample"] != recipe.sample:
            raise BadInput(f"recipe {row['sample']} does not match its own id {recipe.sample}: the table was edited")
        yield recipe


def check_work(layers: int, size: int) -> None:
    """Hold what a sample would take to the limits.

    Args:
        layers: how many occluders it has.
        size: its height and width, pixels.

    Raises:
        BadInput: a size, a number of layers, or a product of both out of range; names which.
    """
    if not 1 <= size <= MAX_SIZE:
        raise BadInput(f"a sample of {size} pixels: sizes go from 1 to {MAX_SIZE}")
    if layers > MAX_LAYERS:
        raise BadInput(f"a sample of {layers} layers: it has at most {MAX_LAYERS}")
    if layers * size * size > MAX_COVER:
        raise BadInput(
            f"a sample of {layers} layers at {size} x {size} pixels: at that size it has at most {MAX_COVER // size**2}"
        )


def _recipe(row: dict[str, Any]) -> Recipe:
    check_work(len(row["layers"]), int(row["size"]))
    layers = tuple(
        Layer(
            occluder=_text(layer["occluder"]),
            texture=None if layer["texture"] is None else _text(layer["texture"]),
            warp=_integers(layer["warp"], 8),
            flip=bool(layer["flip"]),
            gain=_integers(layer["gain"], 3),  # type: ignore[arg-type]
            bias=_integers(layer["bias"], 3),  # type: ignore[arg-type]
            softness=int(layer["softness"]),
            offset=_integers(layer["offset"], 2),  # type: ignore[arg-type]
        )
        for layer in row["layers"]
    )
    return Recipe(
        face=_text(row["face"]),
        layers=layers,
        size=int(row["size"]),
        type=_text(row["type"]),
        seed=int(row["seed"]),
        index=int(row["index"]),
        draw=int(row["draw"]),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a name")
    return value


def _integers(values: Any, count: int) -> tuple[int, ...]:
    numbers = tuple(int(v) for v in values)
    if len(numbers) != count:
        raise ValueError(f"{len(numbers)} numbers instead of {count}")
    return numbers


def recipes_to_bytes(recipes: Iterable[Recipe], metadata: dict[str, str] | None = None) -> bytes:
    """Recipes as the bytes of a Parquet file; the same recipes give the same bytes."""
    return to_bytes(to_frame(recipes), SCHEMA, metadata)


class RecipeFile:
    """A recipe file that was read but not yet unpacked, for those who want many ranges of it."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            BadInput: the file is missing, broken, or no recipe file.
        """
        self.path, self._table = path, _open(path)

    def __len__(self) -> int:
        """Number of recipes."""
        return int(self._table.num_rows)

    def read(self, start: int = 0, stop: int | None = None) -> list[Recipe]:
        """The recipes of one range of rows.

        Raises:
            BadInput: a row is no recipe, or does not match its id.
        """
        rows = self._table.select(SCHEMA.names).slice(start, None if stop is None else stop - start)
        try:
            return list(from_rows(rows.cast(SCHEMA).to_pylist()))
        except (BadInput, pa.ArrowException, ValueError) as error:
            raise BadInput(f"{self.path}: {error}") from error


def read_recipes(path: Path, start: int = 0, stop: int | None = None) -> list[Recipe]:
    """Read the recipes of a file, or those of one range of its rows.

    Raises:
        BadInput: the file is missing or broken, or a row does not match its id.
    """
    return RecipeFile(path).read(start, stop)


def read_metadata(path: Path) -> dict[str, str]:
    """The key-value metadata that was stored beside the recipes.

    Raises:
        BadInput: the file is missing or broken.
    """
    try:
        names, stored = read_parquet_notes(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    _refuse_lost(path, names)
    return {k.decode(errors="replace"): v.decode(errors="replace") for k, v in stored.items() if k[:6] != b"ARROW:"}


def _refuse_lost(path: Path, names: Sequence[str]) -> None:
    if lost := sorted(set(SCHEMA.names) - set(names)):
        raise BadInput(f"{path}: not a recipe file: it lacks {', '.join(lost)}")


def _open(path: Path) -> pa.Table:
    try:
        data = read_file(path)
        table = read_parquet(path, SCHEMA.names, data)
        _refuse_lost(path, table.column_names)
        lengths = pc.list_value_length(table["layers"])
        longest, total = pc.max(lengths).as_py() or 0, pc.sum(lengths).as_py() or 0
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if longest > MAX_LAYERS:
        row = pc.index(lengths, longest).as_py()
        raise BadInput(f"{path}: row {row}: a sample of {longest} layers: it has at most {MAX_LAYERS}: draw it again")
    if total > max(_FEW_LAYERS, len(data) // _LAYER_BYTES):
        raise BadInput(f"{path}: {total} layers in {len(data)} bytes cannot all be different: draw the recipes again")
    return table


def _unreadable(path: Path, error: Exception) -> BadInput:
    return BadInput(f"{path}: not a readable recipe file ({error}): draw it again or restore it")


def named_items(recipes: list[Recipe]) -> dict[str, set[str]]:
    """Ids that recipes name, by table."""
    layers = [layer for recipe in recipes for layer in recipe.layers]
    return {
        "faces": {recipe.face for recipe in recipes},
        "occluders": {layer.occluder for layer in layers},
        "textures": {layer.texture for layer in layers if layer.texture is not None},
    }


def hash_recipes(recipes: Iterable[Recipe]) -> str:
    """Hash of a list of recipes in order, types included: 64 hex digits."""
    digest = hashlib.sha256()
    for recipe in recipes:
        digest.update(f"{recipe.sample} {recipe.type}\n".encode())
    return digest.hexdigest()
