"""A folder of photos as a set whose faces are all there to be tested on: found, aligned, and kept beside the results.

The folder of the set is named by a hash of the photos, so that other photos make another set, and a run that was killed
goes on with the one that it began.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from occset.dataset.occlusion_set import OcclusionSet
from occset.sources.photos import PhotosSource
from occset.support.errors import BadInput, NoSpace, OccsetError
from occset.support.files import join_below
from occset.support.locks import only_writer
from occset.support.pools.processes import default_workers, map_chunks

_CHUNK = 8
_NOTE = "photos"

Problems = list[tuple[str, str]]


class Photos(NamedTuple):
    """The faces of some photos.

    Attributes:
        data: the set, all of its faces in the split "test".
        left_out: photos that were left out, by name, and why.
        notes: what was passed over, in sentences.
    """

    data: OcclusionSet
    left_out: Problems
    notes: list[str]


def open_photos(
    folder: Path,
    kept: Path,
    size: int,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Photos:
    """The largest face of each photo as a set; made if this is the first time.

    Args:
        folder: photos, in sub-folders too.
        kept: a folder to keep the set in; it gets a folder of its own there.
        size: side of the aligned faces, pixels.
        workers: processes.
        progress: called with (done, all), in photos.

    Raises:
        BadInput: there is no photo, or no face in any of them.
        MissingExtra: there is no detector.
        NoSpace: the set cannot be written.
    """
    source = PhotosSource(str(folder), size=str(size))
    keys = source.face_keys()
    name = folder.resolve().name or "photos"
    digest = _hash_of(folder, keys, size)
    data = OcclusionSet.create(kept / digest[:12], name)
    if _NOTE not in data.head:
        with only_writer(data.path):
            problems = _read(source, data, keys, workers or default_workers(), progress)
            if data.faces.empty:
                raise BadInput(f"{folder}: no face was found in any of {len(keys)} photos: give photos with faces")
            data.note(**{_NOTE: {"sha256": digest, "left_out": [list(problem) for problem in problems]}})
    return Photos(data, [(key, why) for key, why in data.head[_NOTE]["left_out"]], source.notes())


def _hash_of(folder: Path, keys: list[str], size: int) -> str:
    """Hash of the names and bytes of all photos, and of what is made of them."""
    digest = hashlib.sha256(f"{folder.resolve().name} {size}\n".encode())
    for key in keys:
        try:
            with join_below(folder, key).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            found = "unreadable"  # whoever reads it says why
        digest.update(f"{key} {found}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _read(
    source: PhotosSource,
    data: OcclusionSet,
    keys: list[str],
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> Problems:
    known = dict(zip(data.faces["source_id"], data.faces["id"], strict=True))
    todo = [key for key in keys if key not in known]
    chunks = [todo[at : at + _CHUNK] for at in range(0, len(todo), _CHUNK)]
    problems: Problems = []
    owners = {face: key for key, face in known.items()}
    done = len(known)
    for (rows, failed), chunk in zip(map_chunks(partial(_reader, source, data), chunks, workers), chunks, strict=True):
        problems += failed
        for row in rows:
            owner = owners.setdefault(row["id"], row["source_id"])
            if owner != row["source_id"]:
                problems.append((row["source_id"], f"shows the same, pixel by pixel, as {owner}: remove one of them"))
        data.add_rows("faces", rows)
        done += len(chunk)
        if progress:
            progress(done, len(keys))
    return problems


def _reader(source: PhotosSource, data: OcclusionSet) -> Callable[[list[str]], tuple[list[dict[str, Any]], Problems]]:
    def read(keys: list[str]) -> tuple[list[dict[str, Any]], Problems]:
        rows, failed = [], []
        for key in keys:
            try:
                rows.append({**data.store_face(source.read_face(key), source.name), "split": "test"})
            except NoSpace:
                raise
            except OccsetError as error:
                failed.append((key, str(error)))
        return rows, failed

    return read
