"""Bringing a source into a set: read in workers, skip bad items by name, commit what is finished, split at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from occset import registry
from occset.dataset import OcclusionSet
from occset.errors import NoSpace, OccsetError
from occset.files import write_atomic
from occset.landmarks import five_points
from occset.pool import default_workers, map_chunks
from occset.splits import split_faces, split_items

EMBEDDER = "occset.models.arcface:ArcFace"
"""Tells persons apart when splitting; found by name, since it lives in a folder above this one."""
_EMBEDDINGS = "embeddings.npz"
_CHUNK = 16
_COMMIT_EVERY = 256

Progress = Callable[[int, int], None]


@dataclass
class Report:
    """What became of a source: rows added, rows already there, cut-outs harvested, and what could not be used, by name."""

    source: str
    kind: str
    added: int = 0
    already: int = 0
    harvested: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class _Read:
    rows: list[dict[str, Any]] = field(default_factory=list)
    harvested: list[dict[str, Any]] = field(default_factory=list)
    embeddings: dict[str, np.ndarray] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)


def add_source(
    data: OcclusionSet,
    kind: str,
    spec: str,
    workers: int | None = None,
    progress: Progress | None = None,
    seed: int = 0,
) -> Report:
    """Add all faces, occluders or textures of a source.

    Args:
        data: the set.
        kind: "faces", "occluders" or "textures".
        spec: `name:argument`, see `occset.sources.registry`.
        workers: processes; all cores by default.
        progress: called with (done, all).
        seed: of the split.

    Returns:
        What was added and what was refused; refused items are nowhere in the set.

    Raises:
        OccsetError: the source cannot be opened, or the disk is full.
    """
    from occset.sources.registry import open_source

    source = open_source(spec, kind)
    singular = kind[:-1]
    keys: list[str] = getattr(source, f"{singular}_keys")()
    report = Report(spec, kind)
    chunks = [keys[i : i + _CHUNK] for i in range(0, len(keys), _CHUNK)]
    make = partial(_make_reader, source, data, singular)
    pending, done = _Read(), 0
    for read, chunk in zip(map_chunks(make, chunks, workers or default_workers()), chunks, strict=True):
        for name in ("rows", "harvested", "problems"):
            getattr(pending, name).extend(getattr(read, name))
        pending.embeddings |= read.embeddings
        done += len(chunk)
        if len(pending.rows) >= _COMMIT_EVERY:
            _commit(data, kind, pending, report)
            pending = _Read()
        if progress:
            progress(done, len(keys))
    _commit(data, kind, pending, report)
    resplit(data, seed)
    data.note_source(f"{kind}={spec}", source.licence, {"added_as": getattr(source, "name", spec), "items": len(keys)})
    return report


def _make_reader(source: Any, data: OcclusionSet, singular: str) -> Callable[[list[str]], _Read]:
    embedder = _open_embedder() if singular == "face" else None
    read_item = getattr(source, f"read_{singular}")

    def read(keys: list[str]) -> _Read:
        out = _Read()
        for key in keys:
            try:
                _read_one(read_item(key), out)
            except NoSpace:
                raise
            except OccsetError as error:
                out.problems.append((key, str(error)))
        return out

    def _read_one(item: Any, out: _Read) -> None:
        row = getattr(data, f"store_{singular}")(item, source.name)
        out.rows.append(row)
        if singular != "face":
            return
        for piece in item.occluders:
            out.harvested.append(data.store_occluder(piece, source.name, face=row["id"]))
        if embedder is not None and item.landmarks is not None:
            points = five_points(item.landmarks)[None]
            out.embeddings[row["id"]] = embedder.embed(item.image[None], points)[0]

    return read


def _open_embedder() -> Any | None:
    try:
        return registry.load(EMBEDDER)(threads=1)
    except (OccsetError, ImportError):
        return None  # splits then go by near-duplicates, and the set says so


def _commit(data: OcclusionSet, kind: str, read: _Read, report: Report) -> None:
    added = data.add_rows(kind, read.rows)
    report.added += added
    report.already += len(read.rows) - added
    if read.harvested:
        report.harvested += data.add_rows("occluders", read.harvested)
    report.problems += read.problems
    if read.embeddings:
        save_embeddings(data, load_embeddings(data) | read.embeddings)


def load_embeddings(data: OcclusionSet) -> dict[str, np.ndarray]:
    """ArcFace unit vectors (512,) of the set's faces by id; empty where none were computed."""
    path = data.path / _EMBEDDINGS
    if not path.exists():
        return {}
    with np.load(path, allow_pickle=False) as stored:
        return dict(zip(stored["ids"].tolist(), stored["vectors"].astype(np.float32), strict=True))


def save_embeddings(data: OcclusionSet, embeddings: dict[str, np.ndarray]) -> None:
    """Write the vectors, half precision, atomically."""
    import io

    ids = sorted(embeddings)
    sink = io.BytesIO()
    np.savez(sink, ids=np.array(ids), vectors=np.stack([embeddings[i] for i in ids]).astype(np.float16))
    write_atomic(Path(data.path) / _EMBEDDINGS, sink.getvalue())


def resplit(data: OcclusionSet, seed: int = 0) -> None:
    """Fill in the splits that are missing, and write down what faces were grouped by."""
    embeddings = load_embeddings(data)
    if len(data.faces):
        data.write("faces", split_faces(data.faces, embeddings, seed))
    by_face = {k: v for k, v in zip(data.faces["id"], data.faces["split"], strict=True) if isinstance(v, str)}
    for table in ("occluders", "textures"):
        frame: pd.DataFrame = getattr(data, table)
        if len(frame):
            data.write(table, split_items(frame, by_face, seed))
    named = data.faces["identity"].notna()
    embedded = data.faces["id"].isin(list(embeddings))
    data.head["grouping"] = {
        "by_identity": int(named.sum()),
        "by_arcface_clusters": int((~named & embedded).sum()),
        "by_near_duplicates_only": int((~named & ~embedded).sum()),
        "seed": seed,
    }
