"""Faces that somebody names: on the command line, in a list, or in what ``occset mine --out`` wrote."""

from __future__ import annotations

from pathlib import Path

from occset.dataset.occlusion_set import OcclusionSet
from occset.sources.small_tables import Entry, plain_id, read_ids, told_lost
from occset.support.errors import BadInput, OccsetError
from occset.support.parquet_files import read_parquet


def faces_named(data: OcclusionSet, ids: str) -> list[str]:
    """Ids of faces, in the order in which they are named, each once.

    Args:
        data: the set.
        ids: ids or names in their source, comma-separated; or a file, with one a line, or a table with a column ``id`` or
            ``source_id``, CSV or Parquet.

    Raises:
        OccsetError: names that no face has, or that several have; all are told.
        BadInput: the file cannot be read.
    """
    return _resolve(data, _names(ids), ids)


def _names(ids: str) -> list[Entry[None]]:
    path = Path(ids)
    if "," not in ids and path.suffix == ".parquet":
        return _names_of_table(path)
    if "," not in ids and (path.is_file() or path.suffix in (".txt", ".csv", ".tsv")):
        return read_ids(path)
    names = [name.strip() for name in ids.split(",")]
    return [Entry(name, place, None) for place, name in enumerate(names, start=1) if name]


def _names_of_table(path: Path) -> list[Entry[None]]:
    try:
        column = read_parquet(path, ["id"]).column("id").to_pylist()
    except BadInput:
        raise
    except Exception as error:  # pyarrow tells a damaged file in many ways
        raise BadInput(f"{path}: is no table with a column id that can be read ({error}): give another file") from error
    return [Entry(str(name), row, None) for row, name in enumerate(column, start=1)]


def _resolve(data: OcclusionSet, names: list[Entry[None]], given: str) -> list[str]:
    """Ids of faces by their id or by their name in their source, where a number is a number.

    Raises:
        OccsetError: names that no face has, or that several have; all are told.
    """
    exact: dict[str, set[str]] = {}
    plain: dict[str, set[str]] = {}
    for face, name in zip(data.faces["id"], data.faces["source_id"], strict=True):
        exact.setdefault(face, set()).add(face)
        exact.setdefault(name, set()).add(face)
        plain.setdefault(plain_id(name), set()).add(face)
    found = [exact.get(entry.id) or plain.get(plain_id(entry.id), set()) for entry in names]
    tells = f"; occset info {data.path} tells what there is"
    lost = [entry for entry, faces in zip(names, found, strict=True) if not faces]
    if len(names) == 1 and lost:
        raise OccsetError(f"--ids: '{names[0].id}': no face is called so{tells}")
    if lost:
        raise OccsetError(told_lost(f"--ids {given[:80]}", lost, len(names), "face") + tells)
    for entry, faces in zip(names, found, strict=True):
        if len(faces) > 1:
            raise OccsetError(f"--ids: '{entry.id}': {len(faces)} faces are called so, take an id{tells}")
    return list(dict.fromkeys(next(iter(faces)) for faces in found))
