"""The dataset folder: open it, add to it, query it, snapshot it.

Every write is atomic and a process killed at any moment leaves a set that opens with what was finished: pictures are
written first, the table row that names them last. Identifiers come from content.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from occset.dataset import records, storing
from occset.pictures import images
from occset.pictures.landmarks import five_points
from occset.pictures.masks import decode_rle
from occset.sources.items import FaceItem, OccluderItem, TextureItem
from occset.support.errors import BadInput, OccsetError, UnknownName
from occset.support.files import clean_leftovers, safe_join, write_atomic
from occset.support.reading import read_json

if TYPE_CHECKING:
    from occset.dataset.replacing import Labelled, Replacing

_HEAD = "occset.json"


class OcclusionSet:
    """An occlusion set in a folder. Tables are pandas data frames; what they hold on disk is in `occset.dataset.records`."""

    def __init__(self, path: str | Path) -> None:
        """Open the set in ``path``.

        Raises:
            OccsetError: there is no set, or it was written by a newer occset.
        """
        self.path = Path(path)
        self.head: dict[str, Any] = self._read_head()

    def _read_head(self) -> dict[str, Any]:
        path = self.path / _HEAD
        try:
            head = read_json(path, any_number=True)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise OccsetError(
                f"{self.path}: no occset set here ({_HEAD} is missing): make one with  occset new {self.path} --faces ..."
            ) from error
        except OSError as error:
            raise BadInput(f"{path}: cannot be read ({error.strerror}): change its permissions") from error
        except ValueError as error:  # not JSON, or not UTF-8
            raise BadInput(f"{path}: not readable JSON ({error}): restore it from a copy") from error
        schema = head.get("schema_version") if isinstance(head, dict) else None
        if not isinstance(schema, int) or not isinstance(head.get("sources"), list):
            raise BadInput(f"{path}: lacks schema_version or sources: restore it from a copy")
        if schema > records.SCHEMA_VERSION:
            raise OccsetError(f"{path}: written by a newer occset (schema {schema}): upgrade occset")
        return {"name": self.path.resolve().name, "version": "1", **head}

    @classmethod
    def create(cls, path: str | Path, name: str | None = None) -> Self:
        """Make an empty set in a new or empty folder; a set already there is opened.

        Raises:
            OccsetError: the folder holds something else.
        """
        path = Path(path)
        if (path / _HEAD).is_file():
            return cls(path)
        if path.exists() and (not path.is_dir() or any(p.name[0] != "." for p in path.iterdir())):
            raise OccsetError(f"{path}: not empty and not an occset set: choose a new folder")
        head = {
            "name": name or path.resolve().name,
            "version": "1",
            "schema_version": records.SCHEMA_VERSION,
            "sources": [],
        }
        write_atomic(path / _HEAD, _json(head))
        return cls(path)

    # --- tables ---------------------------------------------------------------------------------------------------

    @cached_property
    def faces(self) -> pd.DataFrame:
        """One row a face, see `occset.dataset.records.FACES`."""
        return self._read("faces")

    @cached_property
    def occluders(self) -> pd.DataFrame:
        """One row a cut-out, see `occset.dataset.records.OCCLUDERS`."""
        return self._read("occluders")

    @cached_property
    def textures(self) -> pd.DataFrame:
        """One row a texture, see `occset.dataset.records.TEXTURES`."""
        return self._read("textures")

    def _read(self, table: str) -> pd.DataFrame:
        return records.read_table(self.path / f"{table}.parquet", records.TABLES[table])

    def write(self, table: str, frame: pd.DataFrame) -> None:
        """Replace a table ("faces", "occluders", "textures"), atomically; rows are kept sorted by id.

        Raises:
            OccsetError: two rows share an id.
        """
        if frame["id"].duplicated().any():
            raise OccsetError(
                f"{self.path}: two rows of {table} share the id {frame.loc[frame['id'].duplicated(), 'id'].iloc[0]}"
            )
        frame = frame.sort_values("id", ignore_index=True)
        records.write_table(self.path / f"{table}.parquet", frame, records.TABLES[table])
        self._forget()

    def refresh(self) -> None:
        """Forget what was read, so that the next look reads the folder again."""
        self.head = self._read_head()
        self._forget()

    def _forget(self) -> None:
        for name in ("faces", "occluders", "textures", "_held", "_face_rows", "_occluder_rows", "_texture_rows"):
            self.__dict__.pop(name, None)

    def __getstate__(self) -> dict[str, Any]:
        """Workers read the tables themselves."""
        return {"path": self.path, "head": self.head}

    @cached_property
    def _held(self) -> set[str]:
        """Ids of pictures whose pixels were held against the table."""
        return set()

    @cached_property
    def _face_rows(self) -> dict[str, dict[str, Any]]:
        return _by_id(self.faces)

    @cached_property
    def _occluder_rows(self) -> dict[str, dict[str, Any]]:
        return _by_id(self.occluders)

    @cached_property
    def _texture_rows(self) -> dict[str, dict[str, Any]]:
        return _by_id(self.textures)

    # --- one item -------------------------------------------------------------------------------------------------

    def face_row(self, face: str) -> dict[str, Any]:
        """The row of a face as a dictionary; raises `UnknownName` when it is not in the set."""
        return _get(self._face_rows, "face", face)

    def load_face(self, face: str) -> tuple[np.ndarray, np.ndarray]:
        """Picture (H, W, 3) uint8 and visible-face mask (H, W) uint8 0/255 of a face at its stored size.

        Raises:
            BadInput: the face has no mask, or its file cannot be read.
        """
        row = self.face_row(face)
        if row["mask"] is None or row["mask"] != row["mask"]:
            raise BadInput(f"{self.path}: face {face} ({row['source_id']}) has no mask: label it first")
        return self.load_image(face), decode_rle(row["mask"], row["height"], row["width"])

    def load_image(self, face: str) -> np.ndarray:
        """Picture of a face, (H, W, 3) uint8."""
        row = self.face_row(face)
        path = safe_join(self.path, row["image"])
        image = images.read_image(path)
        if image.shape[:2] != (row["height"], row["width"]):
            raise BadInput(
                f"{path}: is {image.shape[1]} x {image.shape[0]}, the table says {row['width']} x {row['height']}: "
                f"the file was replaced; run  occset check {self.path}"
            )
        return self._as_added(row, image, path)

    def _as_added(self, row: dict[str, Any], picture: np.ndarray, path: Path) -> np.ndarray:
        """The picture, if its pixels are those that were added; looked at when a picture is first read."""
        if row["id"] not in self._held:
            if images.pixel_hash(picture) != row["sha256"]:
                raise BadInput(f"{path}: its pixels are not those that were added: restore the file from a copy")
            self._held.add(row["id"])
        return picture

    def face_width(self, face: str) -> int:
        """Stored width of a face's picture, pixels."""
        return int(self.face_row(face)["width"])

    def face_landmarks(self, face: str) -> np.ndarray | None:
        """The five points of a face, (5, 2) pixels of its stored picture, or None."""
        points = self.stored_landmarks(face)
        return None if points is None else five_points(points)

    def stored_landmarks(self, face: str) -> np.ndarray | None:
        """All landmarks of a face that its source told, (5, 2) or (68, 2) pixels of its stored picture, or None."""
        return records.unpack_points(self.face_row(face)["landmarks"])

    def load_truth(self, face: str) -> dict[str, np.ndarray]:
        """What else is known of a rendered face, by name; empty for photos.

        Raises:
            BadInput: the file is missing or broken.
        """
        path = self.face_row(face)["truth"]
        if path is None or path != path:
            return {}
        return records.read_arrays(safe_join(self.path, path))

    def load_cutout(self, occluder: str) -> np.ndarray:
        """Cut-out, (H, W, 4) uint8, straight alpha."""
        row = _get(self._occluder_rows, "occluder", occluder)
        path = safe_join(self.path, row["cutout"])
        return self._as_added(row, images.read_rgba(path), path)

    def occluder_landmarks(self, occluder: str) -> np.ndarray | None:
        """The five face points a cut-out came with, (5, 2) pixels of the cut-out, or None."""
        return records.unpack_points(_get(self._occluder_rows, "occluder", occluder)["landmarks"])

    def load_texture(self, texture: str) -> np.ndarray:
        """Texture, (H, W, 3) uint8."""
        row = _get(self._texture_rows, "texture", texture)
        path = safe_join(self.path, row["path"])
        return self._as_added(row, images.read_image(path), path)

    # --- adding (rows get their split from occset.importing, in one go) -----------------------------------------------

    def store_face(self, item: FaceItem, source: str) -> dict[str, Any]:
        """Write a face's files and return its row, without a split; see `occset.dataset.storing.store_face`."""
        return storing.store_face(self.path, item, source)

    def store_occluder(self, item: OccluderItem, source: str, face: str | None = None) -> dict[str, Any]:
        """Write a cut-out and return its row, without a split; see `occset.dataset.storing.store_occluder`."""
        return storing.store_occluder(self.path, item, source, face)

    def store_texture(self, item: TextureItem, source: str) -> dict[str, Any]:
        """Write a texture and return its row, without a split; see `occset.dataset.storing.store_texture`."""
        return storing.store_texture(self.path, item, source)

    def add_rows(self, table: str, rows: Iterable[dict[str, Any]]) -> int:
        """Add rows whose id is new; returns how many were. Rows already there stay as they are."""
        frame = getattr(self, table)
        known = set(frame["id"])
        fresh: dict[str, dict[str, Any]] = {}
        for row in rows:
            if row["id"] not in known:
                fresh.setdefault(row["id"], row)  # of two rows with one id the first stays, as it would in two calls
        if fresh:
            added = pd.DataFrame(list(fresh.values()), columns=records.TABLES[table].names)
            self.write(table, added if frame.empty else pd.concat([frame, added], ignore_index=True))
        return len(fresh)

    def replacing(self, labelled: Mapping[str, Labelled] | None = None) -> Replacing:
        """One change of faces and cut-outs that are there already; see `occset.dataset.replacing.Replacing`."""
        from occset.dataset.replacing import Replacing

        return Replacing(self, labelled)

    def note(self, **entries: Any) -> None:
        """Write entries, and the content hash as it is now, into `occset.json`; writes nothing when nothing changes."""
        head = {**self.head, **entries, "content_hash": self.content_hash()}
        if head != self._read_head():
            write_atomic(self.path / _HEAD, _json(head))
        self.head = head

    def note_source(self, spec: str, licence: str, counts: dict[str, Any]) -> None:
        """Write into `occset.json` where something came from; the same source again replaces its entry in place."""
        entry = {"source": spec, "licence": licence, **counts}
        sources = [entry if known.get("source") == spec else known for known in self.head["sources"]]
        self.note(sources=sources if entry in sources else [*sources, entry])

    # --- identity of the whole ------------------------------------------------------------------------------------

    def content_hash(self) -> str:
        """Hash over all rows of the three tables: the same content gives the same 64 hex digits, wherever it lies."""
        return records.content_hash({table: getattr(self, table) for table in records.TABLES})

    def snapshot(self, version: str | None = None) -> Path:
        """Freeze the tables as they are under `snapshots/VERSION/`, with the content hash; returns the folder.

        Pictures are named by content and never change, so the tables are all there is to keep.

        Raises:
            OccsetError: that version exists with other content.
        """
        version = version or str(self.head["version"])
        folder = safe_join(self.path / "snapshots", version)
        content = self.content_hash()
        note = folder / "snapshot.json"
        if not note.exists():
            for table in records.TABLES:
                records.write_table(folder / f"{table}.parquet", getattr(self, table), records.TABLES[table])
            counts = {table: len(getattr(self, table)) for table in records.TABLES}
            write_atomic(note, _json({"version": version, "content_hash": content, **counts}))
        elif records.read_note(note).get("content_hash") != content:
            raise OccsetError(f"{folder}: holds other content already: choose another version")
        self.note(version=version)
        return folder

    def clean(self) -> int:
        """Remove temporary files that killed processes left; returns how many."""
        return len(clean_leftovers(self.path))


def _by_id(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    return {row["id"]: {str(k): v for k, v in row.items()} for row in frame.to_dict("records")}


def _get(rows: dict[str, dict[str, Any]], kind: str, key: str) -> dict[str, Any]:
    if key not in rows:
        near = [known for known in rows if known[:4] == key[:4]] or list(rows)[:3]
        raise UnknownName(kind, key, near)
    return rows[key]


def _json(value: dict[str, Any]) -> bytes:
    # a folder's name need not be UTF-8; what is not becomes a JSON escape
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
