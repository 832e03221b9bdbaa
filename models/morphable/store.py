"""Morphable models by name: the procedural one, those that the user imported, and files.

Imported ones lie in the user's data folder as ``morphable/NAME.npz``, arrays of numbers only, which nothing unpickles.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from occset.dataset.records import read_arrays
from occset.models.morphable.base import LinearModel
from occset.models.morphable.building import build, checked
from occset.models.morphable.readers.bfm import read_bfm
from occset.models.morphable.readers.ict import read_ict
from occset.support.errors import BadInput, UnknownName
from occset.support.files import data_folder, write_atomic

BUILT_IN = "procedural"
"""The model that code makes and nobody has to import."""

READERS: dict[str, Callable[[Path], dict[str, Any]]] = {"bfm09": read_bfm, "ict": read_ict}
"""Name of a model to what reads its makers' files."""

FORMAT = 1
_TENSORS = (
    "mean", "identity_basis", "expression_basis", "mean_albedo", "texture_basis", "triangles", "uv", "landmarks",
    "mirror", "skin", "coarse_vertices", "coarse_triangles", "coarse_cells",
)  # fmt: skip


class Known(NamedTuple):
    """A model that can be opened by name; where its file lies, None for the one made by code."""

    name: str
    file: Path | None


def open_morphable(name: str | Path = BUILT_IN) -> LinearModel:
    """Open a morphable model.

    Args:
        name: "procedural"; "bfm09" or "ict", once imported; or a file: one that was imported or exported, a
            ``BFM_model_front.mat``, an ICT-FaceKit ``.npz`` or folder.

    Raises:
        UnknownName: there is none of that name.
        BadInput: it is not imported yet, or its file cannot be used; names the file and the remedy.
    """
    if name == BUILT_IN:
        from occset.models.morphable.procedural import procedural_model

        return procedural_model()
    if str(name) in READERS:
        file = _file_of(str(name))
        if not file.is_file():
            raise BadInput(f"{name} is not imported: run  occset models morphable import {name} FILE")
    else:
        file = Path(name)
        if not file.exists():
            raise UnknownName("morphable model", str(name), [BUILT_IN, *READERS])
    stat = file.stat()
    return _opened(file.absolute(), stat.st_mtime_ns, stat.st_size)


def import_morphable(name: str, source: Path) -> LinearModel:
    """Read a model from its makers' files and keep it in the user's data folder, in place of an earlier one.

    Args:
        name: one of `READERS`.
        source: file or folder.

    Raises:
        UnknownName: there is none of that name.
        BadInput: it cannot be read; names the file and the remedy.
        NoSpace: it cannot be kept.
    """
    if name not in READERS:
        raise UnknownName("morphable model to import", name, READERS)
    if not source.exists():
        raise BadInput(f"{source}: is not there: check the path")
    model = build(READERS[name](source), name, str(source))
    save_morphable(model, _file_of(name))
    return model


def known_models() -> list[Known]:
    """The procedural model and those that are imported."""
    return [Known(BUILT_IN, None), *(Known(name, _file_of(name)) for name in READERS if _file_of(name).is_file())]


def save_morphable(model: LinearModel, file: Path) -> None:
    """Write a model as a file that `open_morphable` reads, the same bytes for the same model.

    Raises:
        NoSpace: the disk is full or the folder cannot be written.
    """
    arrays: dict[str, np.ndarray] = {name: getattr(model, name).cpu().numpy() for name in _TENSORS}
    arrays["format"] = np.array(FORMAT)
    arrays["name"] = np.array(model.name)
    arrays["expression_range"] = np.array(model.expression_range)
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    write_atomic(file, stream.getvalue())


def _file_of(name: str) -> Path:
    return data_folder() / "morphable" / f"{name}.npz"


@lru_cache(maxsize=4)
def _opened(file: Path, _changed: int, _size: int) -> LinearModel:
    """Read once as long as the file stays the same."""
    if file.is_dir():
        return build(read_ict(file), "ict", str(file))
    if file.suffix.lower() == ".mat":
        return build(read_bfm(file), "bfm09", str(file))
    arrays = read_arrays(file)
    if "format" not in arrays:
        return build(read_ict(file), "ict", str(file))
    return _stored(arrays, file)


def _stored(arrays: dict[str, np.ndarray], file: Path) -> LinearModel:
    told, reach, name = arrays.pop("format"), arrays.pop("expression_range", None), arrays.pop("name", None)
    if told.shape or told.dtype.kind not in "iu" or told != FORMAT:
        raise BadInput(f"{file}: is of another version of occset: import the model again")
    missing = [each for each in _TENSORS if each not in arrays]
    if missing or reach is None or reach.shape != (2,) or reach.dtype.kind != "f" or name is None or name.shape:
        raise BadInput(f"{file}: has no '{(*missing, 'expression_range or name')[0]}': import the model again")
    tensors: dict[str, Any] = checked({each: arrays[each] for each in _TENSORS}, str(file))
    return LinearModel(**tensors, name=str(name)[:80], expression_range=(float(reach[0]), float(reach[1])))
