"""Bringing a source into a set: read in workers, skip bad items by name, commit what is finished, split at the end.

Rows are committed without a split, and all splits are given in one go when everything is read: an import that was cut
off and is run again ends with the same set as one that was not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from occset.dataset.embeddings import load_embeddings, save_embeddings
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import FILES_OF
from occset.dataset.splits import split_faces, split_items
from occset.importing.updating import Update, apply_updates, is_changed, with_what_was_added
from occset.mining.machine_masks import label_faces
from occset.mining.model import open_model
from occset.pictures.landmarks import five_points, spans_a_face
from occset.support import references as registry
from occset.support.errors import BadInput, NoSpace, OccsetError
from occset.support.files import safe_join
from occset.support.locks import only_writer
from occset.support.pools.processes import default_workers, map_chunks

EMBEDDER = "occset.models.arcface:ArcFace"
"""Tells persons apart when splitting; found by name, since it lives in a folder above this one."""
_CHUNK = 16
_COMMIT_EVERY = 256

Progress = Callable[[int, int], None]


@dataclass
class Report:
    """What became of a source.

    Attributes:
        added, already: rows added, and rows that the same source had added before and that stay as they are.
        updated: faces that the same source had added before, and that have another mask or other flags now.
        harvested: cut-outs harvested from its faces and added.
        problems: what could not be used, by name, and why; it is nowhere in the set, unless the message says so.
        duplicates: what shows, pixel by pixel, the same as another item of the set, which it is; kept once.
        notes: sentences on the source as a whole, such as rows of its tables that name nothing.
        left: faces that were seen beside those that were taken, in photos of several.
    """

    source: str
    kind: str
    added: int = 0
    already: int = 0
    updated: int = 0
    harvested: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left: int = 0


@dataclass
class _Read:
    rows: list[dict[str, Any]] = field(default_factory=list)
    harvested: list[dict[str, Any]] = field(default_factory=list)
    embeddings: dict[str, np.ndarray] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)
    model: str = ""
    left: int = 0

    def extend(self, other: _Read) -> None:
        self.rows += other.rows
        self.harvested += other.harvested
        self.embeddings = other.embeddings | self.embeddings  # of two of one face the first stays, as its row does
        self.problems += other.problems
        self.model = other.model
        self.left += other.left


@dataclass
class _JudgedAnew:
    """Known faces that changed, and which cut-outs each face of the source gives now; for `apply_updates`; and all ids."""

    updates: dict[str, Update] = field(default_factory=dict)
    produced: dict[str, set[str]] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)


def add_source(
    data: OcclusionSet,
    kind: str,
    spec: str,
    workers: int | None = None,
    progress: Progress | None = None,
    seed: int = 0,
    arcface: Path | None = None,
) -> Report:
    """Add all faces, occluders or textures of a source.

    Args:
        data: the set.
        kind: "faces", "occluders" or "textures".
        spec: `name:argument`, see `occset.sources.registry`.
        workers: processes; all cores by default.
        progress: called with (done, all).
        seed: of the split.
        arcface: the ArcFace file that tells persons apart, before all others that are looked for.

    Returns:
        What was added, updated and refused.

    Raises:
        OccsetError: the source or the ArcFace file cannot be opened, the disk is full, or another process is adding to
            the set.
    """
    from occset.sources.registry import open_source

    source = open_source(spec, kind)
    if getattr(source, "masks_by", ""):
        open_model(source.masks_by)  # a misspelt network is told before anything is read
    keys: list[str] = getattr(source, f"{kind[:-1]}_keys")()
    report = Report(spec, kind, notes=source.notes() if hasattr(source, "notes") else [])
    with only_writer(data.path):
        data.refresh()
        make = partial(_make_reader, source, data, kind[:-1], arcface)
        judged_anew = _read_all(data, make, kind, keys, report, workers or default_workers(), progress)
        _name_what_stays(data, kind, source, report)
        outcome = apply_updates(data, list(judged_anew.updates.values()), judged_anew.produced)
        report.updated += outcome.updated
        report.harvested += outcome.harvested
        report.problems += outcome.refused
        report.already -= outcome.updated + len(outcome.refused)
        resplit(data, seed)
        counts = {"added_as": getattr(source, "name", spec), "items": len(keys)}
        data.note_source(f"{kind}={spec}", source.licence, counts)
        data.clean()
    if getattr(source, "masks_by", ""):
        _label(data, source.masks_by, judged_anew.ids, report, workers, progress)
    return report


def _label(
    data: OcclusionSet, model: str, ids: set[str], report: Report, workers: int | None, progress: Progress | None
) -> None:
    """Give the train faces of a source without masks those of a network; what is labelled so is in no protocol."""
    done = label_faces(data, model, workers=workers, progress=progress, only=ids)
    report.problems += done.problems
    report.notes.append(
        f"{done.labelled} train faces got their mask from {model}, which is not sure of {len(done.left)} more; "
        "faces of the other splits wait for labels"
    )


def _read_all(
    data: OcclusionSet,
    make: Callable[[], Callable[[list[str]], _Read]],
    kind: str,
    keys: list[str],
    report: Report,
    workers: int,
    progress: Progress | None,
) -> _JudgedAnew:
    chunks = [keys[i : i + _CHUNK] for i in range(0, len(keys), _CHUNK)]
    pending, judged_anew, done = _Read(), _JudgedAnew(), 0
    for read, chunk in zip(map_chunks(make, chunks, workers), chunks, strict=True):
        pending.extend(read)
        done += len(chunk)
        # a commit writes the whole table again, so they come the more seldom the larger it is
        if len(pending.rows) >= max(_COMMIT_EVERY, len(getattr(data, kind)) // 8):
            _commit(data, kind, pending, report, judged_anew)
            pending = _Read()
        if progress:
            progress(done, len(keys))
    _commit(data, kind, pending, report, judged_anew)
    return judged_anew


def _name_what_stays(data: OcclusionSet, kind: str, source: Any, report: Report) -> None:
    """Say of what is refused now and was added before that it is still there."""
    frame: pd.DataFrame = getattr(data, kind)
    known = set(frame.loc[frame["source"] == source.name, "source_id"])
    told = "; it was added before and is still in the set: make a new set without it"
    report.problems = [(key, message + told if key in known else message) for key, message in report.problems]


def _make_reader(
    source: Any, data: OcclusionSet, singular: str, arcface: Path | None = None
) -> Callable[[list[str]], _Read]:
    embedder = open_embedder(arcface) if singular == "face" else None
    read_item = getattr(source, f"read_{singular}")
    # a source may have several faces under one key
    read_items = getattr(source, f"read_{singular}s", lambda key: [read_item(key)])

    def read(keys: list[str]) -> _Read:
        out = _Read(model=embedder.file.sha256 if embedder is not None else "")
        for key in keys:
            try:
                for item in read_items(key):
                    _read_one(item, out)
            except NoSpace:
                raise
            except OccsetError as error:
                out.problems.append((key, str(error)))
        return out

    def _read_one(item: Any, out: _Read) -> None:
        vector = None
        if singular == "face":
            out.left += int(item.flags.get("faces_in_photo", "1")) - 1
        if embedder is not None and item.landmarks is not None:
            if not spans_a_face(item.landmarks):
                raise BadInput(
                    f"{source.name}:{item.name}: its landmarks span no face: give five or 68 points, or none"
                )
            vector = embedder.embed(item.image[None], five_points(item.landmarks)[None])[0]
        row = getattr(data, f"store_{singular}")(item, source.name)
        out.rows.append(row)
        if vector is not None:
            out.embeddings.setdefault(row["id"], vector)
        for piece in item.occluders if singular == "face" else ():
            try:
                out.harvested.append(data.store_occluder(piece, source.name, face=row["id"]))
            except NoSpace:
                raise
            except OccsetError as error:  # the face itself is in the set
                out.problems.append((f"{item.name}, its {piece.category}", str(error)))

    return read


def open_embedder(arcface: Path | None = None) -> Any | None:
    """The network that tells persons apart, or None where there is none.

    Raises:
        OccsetError: the file that the user named, or what runs it, is missing or broken.
    """
    try:
        return registry.load(EMBEDDER)(arcface, threads=1)
    except BadInput:
        raise  # a file that the user named
    except (OccsetError, ImportError):
        if arcface is not None:
            raise
        return None  # splits then go by near-duplicates, and the set says so


def _commit(data: OcclusionSet, kind: str, read: _Read, report: Report, judged_anew: _JudgedAnew) -> None:
    judged_anew.ids.update(row["id"] for row in read.rows)
    if read.embeddings:
        save_embeddings(data, read.embeddings, read.model)
    if kind == "faces":
        _set_aside(data, read, judged_anew)
    added = data.add_rows(kind, read.rows)
    # cut-outs after faces: a row never names a face that a killed process did not come to write
    report.harvested += data.add_rows("occluders", read.harvested)
    report.problems += read.problems
    report.left += read.left
    frame: pd.DataFrame = getattr(data, kind)
    columns = (frame[c] for c in ("source", "source_id", FILES_OF[kind]))
    kept = dict(zip(frame["id"], zip(*columns, strict=True), strict=True))
    report.added += added
    report.already -= added
    for row in read.rows:
        source, name, file = kept[row["id"]]
        if (source, name) == (row["source"], row["source_id"]):
            report.already += 1
            continue
        report.duplicates.append((row["source_id"], f"the same picture as {source}:{name}, which is kept: remove one"))
        if row[FILES_OF[kind]] != file:  # a PNG beside the JPEG with the same pixels
            safe_join(data.path, row[FILES_OF[kind]]).unlink(missing_ok=True)


def _set_aside(data: OcclusionSet, read: _Read, judged_anew: _JudgedAnew) -> None:
    """Take the cut-outs of faces that the set has, and that were judged anew, out of what is added at once."""
    columns = ("source", "source_id", "mask", "flags")
    wanted = data.faces[data.faces["id"].isin([row["id"] for row in read.rows])].set_index("id")
    kept: dict[Any, dict[str, Any]] = wanted[list(columns)].to_dict("index")  # type: ignore[assignment]
    for row in read.rows:
        if row["id"] not in kept:
            continue
        now = with_what_was_added(kept[row["id"]], row)
        if is_changed(kept[row["id"]], now):
            judged_anew.updates.setdefault(row["id"], Update(now))
    added_now = []
    for piece in read.harvested:
        judged_anew.produced.setdefault(piece["face"], set()).add(piece["id"])
        update = judged_anew.updates.get(piece["face"])
        if update is None:
            added_now.append(piece)
        else:
            update.harvested.append(piece)
    read.harvested = added_now


def resplit(data: OcclusionSet, seed: int = 0) -> None:
    """Fill in the splits that are missing, and write down what faces were grouped by."""
    embeddings = load_embeddings(data)
    if data.faces["split"].isna().any():
        data.write("faces", split_faces(data.faces, embeddings, seed))
    by_face = {k: v for k, v in zip(data.faces["id"], data.faces["split"], strict=True) if isinstance(v, str)}
    for table in ("occluders", "textures"):
        frame: pd.DataFrame = getattr(data, table)
        if frame["split"].isna().any():
            data.write(table, split_items(frame, by_face, seed))
    named = data.faces["identity"].notna()
    embedded = data.faces["id"].isin(list(embeddings))
    grouping = {
        "by_identity": int(named.sum()),
        "by_arcface_clusters": int((~named & embedded).sum()),
        "by_near_duplicates_only": int((~named & ~embedded).sum()),
        "seed": seed,
    }
    data.note(grouping=grouping)
