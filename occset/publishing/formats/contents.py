"""What of a set goes out: which faces, cut-outs and textures, and what is said of each.

Files are named by id, which comes from content, so that no name of a stranger ever becomes a path; the names that sources
gave travel as text beside them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import FILES_OF, flags_of, unpack_points
from occset.dataset.usable import is_usable
from occset.pictures.masks import decode_rle, harden
from occset.sources.items import SPLITS
from occset.support.errors import OccsetError, UnknownName
from occset.support.files import copy_atomic, safe_join

Tick = Callable[[], None]
"""Called once for each item that was written."""

_TOLD = {
    "faces": ("source", "source_id", "split", "width", "height", "identity", "group", "licence", "sha256"),
    "occluders": ("source", "source_id", "split", "width", "height", "category", "face", "round", "annotator", "licence",
                  "sha256"),
    "textures": ("source", "source_id", "split", "width", "height", "category", "licence", "sha256"),
}  # fmt: skip
_PLAIN = re.compile(r"[\w][\w ().+-]{0,63}")


@dataclass(frozen=True)
class Contents:
    """What goes out; rows are dictionaries, sorted by id.

    Attributes:
        data: the set.
        faces: usable ones that have a mask.
        occluders, textures: of the splits.
        splits: that were asked for, in the order of `SPLITS`.
        notes: what was left out, and why, in sentences.
    """

    data: OcclusionSet
    faces: list[dict[str, Any]]
    occluders: list[dict[str, Any]]
    textures: list[dict[str, Any]]
    splits: tuple[str, ...]
    notes: tuple[str, ...]

    def __len__(self) -> int:
        """Number of items."""
        return len(self.faces) + len(self.occluders) + len(self.textures)

    def of_split(self, table: str, split: str) -> list[dict[str, Any]]:
        """The rows of "faces", "occluders" or "textures" that lie in a split."""
        return [row for row in getattr(self, table) if row["split"] == split]

    def mask(self, row: dict[str, Any]) -> np.ndarray:
        """Visible-face mask of a face, (H, W) uint8, 0 or 255."""
        return decode_rle(row["mask"], row["height"], row["width"])

    def file(self, table: str, row: dict[str, Any]) -> Path:
        """The picture of a row as it lies in the set."""
        return safe_join(self.data.path, row[FILES_OF[table]])

    def copy(self, table: str, row: dict[str, Any], target: Path) -> None:
        """Copy a picture's file as it is, unless an export that was cut off did."""
        if not target.exists():
            copy_atomic(self.file(table, row), target)


def choose(data: OcclusionSet, splits: Sequence[str] = ()) -> Contents:
    """What of a set goes out.

    Args:
        data: the set.
        splits: of what goes out; all of `SPLITS` when empty.

    Raises:
        UnknownName: there is no such split.
        OccsetError: nothing is left.
    """
    for name in splits:
        if name not in SPLITS:
            raise UnknownName("split", name, SPLITS)
    wanted = tuple(name for name in SPLITS if name in splits or not splits)
    tables = {table: getattr(data, table) for table in _TOLD}
    held = {table: frame[frame["split"].isin(wanted)] for table, frame in tables.items()}
    usable = is_usable(held["faces"], landmarks=False)
    reasons = {
        "have no mask": int(held["faces"]["mask"].isna().sum()),
        "were taken out of use by annotators": int((held["faces"]["mask"].notna() & ~usable).sum()),
    }
    notes = [f"{count} faces of these splits {why}: they are left out" for why, count in reasons.items() if count]
    held["faces"] = held["faces"][usable]
    rows = {table: [plain(row) for row in frame.to_dict("records")] for table, frame in held.items()}
    if not any(rows.values()):
        raise OccsetError(f"{data.path}: nothing usable lies in {', '.join(wanted)}: label faces, or name other splits")
    return Contents(data, **rows, splits=wanted, notes=tuple(notes))


def plain(row: dict[Any, Any]) -> dict[str, Any]:
    """A row with nulls as None and arrays as lists, ready for JSON."""
    return {str(name): _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_plain(one) for one in value.tolist()]
    if isinstance(value, np.generic):
        value = value.item()
    return None if value is None or value != value else value


def about(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """What is said of an item beside its picture: where it comes from, its split, terms and the hash of its pixels.

    Args:
        table: "faces", "occluders" or "textures".
        row: as in `Contents`.

    Returns:
        Keys that are the same for every item of a table. Landmarks are (N, 2) lists in pixels of the picture.
    """
    told: dict[str, Any] = {"id": row["id"], **{name: row[name] for name in _TOLD[table]}}
    if table != "textures":
        points = unpack_points(row["landmarks"])
        told["landmarks"] = None if points is None else points.tolist()
    if table == "faces":
        told |= {"landmarks_source": row["landmarks_source"], "flags": flags_of(row)}
    return told


def suffix_of_file(path: str) -> str:
    """The suffix of a picture of a set, such as ".jpg"."""
    return Path(path).suffix.lower()


def folder_name(name: str) -> str:
    """A name as one part of a path: as it is where it is plain, else with what is not spelt as in a URL."""
    if _PLAIN.fullmatch(name) and name == name.strip():
        return name
    return quote(name, safe=" ()+")[:200].replace(".", "%2E").replace("~", "%7E") or "%"


def cutouts_in_place(contents: Contents, face: dict[str, Any]) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """The cut-outs that were cut from a face, each with the (H, W) uint8 0/255 mask of where it lies on the face.

    A cut-out keeps the landmarks of its face in pixels of its own, so that both tell its corner. One whose landmarks are
    not those of the face, or that reaches out of it, is left out.
    """
    points = unpack_points(face["landmarks"])
    if points is None:
        return
    from occset.pictures.landmarks import five_points

    five = five_points(points)
    for row in _of_face(contents).get(face["id"], ()):
        own = unpack_points(row["landmarks"])
        if own is None:
            continue
        apart = five - own
        x, y = (round(float(v)) for v in apart.mean(axis=0))
        if np.abs(apart - (x, y)).max() > 0.05 or x < 0 or y < 0:
            continue
        if x + row["width"] > face["width"] or y + row["height"] > face["height"]:
            continue
        mask = np.zeros((face["height"], face["width"]), np.uint8)
        alpha = contents.data.load_cutout(row["id"])[:, :, 3]
        mask[y : y + row["height"], x : x + row["width"]] = harden(alpha)
        yield row, mask


def _of_face(contents: Contents) -> dict[str, list[dict[str, Any]]]:
    found = contents.__dict__.get("_by_face")
    if found is None:
        found = {}
        for row in contents.occluders:
            if row["face"] is not None:
                found.setdefault(row["face"], []).append(row)
        contents.__dict__["_by_face"] = found
    return found  # type: ignore[no-any-return]
