"""The files of a FiftyOneDataset, ``metadata.json`` and ``samples.json``, made of plain entries; FiftyOne is not needed.

Masks are always files, named by path: inline they would meet MongoDB's limit of 16 MB a document. A mask covers its box,
and the box is a fraction of the picture, as FiftyOne wants it. Everything follows from the entries, ids too, so that the
same set gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from occset.publishing.formats.fiftyone_schema import is_plain, schema

VERSION = "1.16.0"
"""Of FiftyOne, whose documents these are: the first whose App edits masks; newer ones migrate them as they read them."""


@dataclass(frozen=True)
class Region:
    """A mask that lies on a picture.

    Attributes:
        label: what it is.
        box: x, y, width and height of the mask's place, pixels.
        file: of the mask, (height, width) 0 or 255; absolute or from the folder of the layout.
        told: more about it, of the kinds of `Entry.told`.
    """

    label: str
    box: tuple[int, int, int, int]
    file: str
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """A picture and all that is said of it.

    Attributes:
        id: its own, from which FiftyOne's ids are made.
        file: absolute, or from the folder of the layout.
        size: (height, width), pixels.
        tags: it has.
        told: fields: text, numbers, truth values, lists of text, or None.
        regions: masks by field.
        points: (N, 2) in pixels by field, or None.
    """

    id: str
    file: str
    size: tuple[int, int]
    tags: tuple[str, ...] = ()
    told: Mapping[str, Any] = field(default_factory=dict)
    regions: Mapping[str, Sequence[Region]] = field(default_factory=dict)
    points: Mapping[str, np.ndarray | None] = field(default_factory=dict)

    def saying(self, **told: Any) -> Entry:
        """The same with more told."""
        return replace(self, told={**self.told, **told})

    def showing(self, **regions: Sequence[Region]) -> Entry:
        """The same with more masks."""
        return replace(self, regions={**self.regions, **regions})


@dataclass(frozen=True)
class View:
    """A saved view.

    Attributes:
        name, description: shown in the App; names of one dataset differ.
        match: a filter as MongoDB takes it, of fields of entries.
        sort: a field to order by, "" for the order of the entries.
        reverse: largest first.
        group: a field whose equal values are shown as one, "" for none.
    """

    name: str
    description: str
    match: Mapping[str, Any] = field(default_factory=dict)
    sort: str = ""
    reverse: bool = False
    group: str = ""


def folder_of(name: str) -> str:
    """The folder that FiftyOne looks for the masks of a field in, from that of the layout."""
    return f"fields/{name}.detections"


def place(mask: np.ndarray) -> tuple[int, int, int, int]:
    """The box of what is on in a mask (H, W), as x, y, width and height; the whole of one that is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return 0, 0, mask.shape[1], mask.shape[0]
    x, y = int(columns[0]), int(rows[0])
    return x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1


def documents(
    name: str,
    entries: Sequence[Entry],
    views: Iterable[View] = (),
    info: Mapping[str, Any] | None = None,
    editable: Mapping[str, Sequence[str]] | None = None,
) -> tuple[bytes, bytes]:
    """The contents of ``metadata.json`` and of ``samples.json``.

    Args:
        name: of the dataset.
        entries: what it holds.
        views: to be saved with it.
        info: what is said of it as a whole, ready for JSON.
        editable: fields of masks that can be edited in the App, and the labels that a mask there can have.

    Raises:
        ValueError: a field has a name that FiftyOne has for its own, or values of several kinds.
    """
    owner = _id("dataset", name)
    fields = schema([vars(entry) for entry in entries])
    schemas = {key: _annotated(classes) for key, classes in (editable or {}).items()}
    metadata = {
        "_id": owner,
        "name": name,
        "version": VERSION,
        "media_type": "image",
        "persistent": False,
        "sample_collection_name": f"samples.{owner['$oid']}",
        "group_media_types": {},
        "tags": [],
        "info": dict(info or {}),
        "app_config": {},
        "classes": {},
        "default_classes": [],
        "mask_targets": {},
        "default_mask_targets": {},
        "skeletons": {},
        "sample_fields": fields,
        "frame_fields": [],
        "saved_views": [_view(view, owner) for view in views],
        "workspaces": [],
        "annotation_runs": {},
        "brain_methods": {},
        "evaluations": {},
        "runs": {},
        "label_schemas": schemas,
        "active_label_schemas": list(schemas),
    }
    samples = {"samples": [_sample(entry, fields, owner) for entry in entries]}
    return _json(metadata), _json(samples)


def _sample(entry: Entry, fields: Sequence[Mapping[str, Any]], owner: dict[str, str]) -> dict[str, Any]:
    told = {one["name"]: entry.told.get(one["name"]) for one in fields if is_plain(one)}
    regions = {
        key: {"_cls": "Detections", "detections": [_detection(entry, key, at, one) for at, one in enumerate(found)]}
        for key, found in entry.regions.items()
    }
    points = {key: _keypoints(entry, key, found) for key, found in entry.points.items() if found is not None}
    digest = hashlib.sha256(entry.id.encode("utf-8", "backslashreplace")).digest()
    return {
        "_id": _id("sample", entry.id),
        "filepath": entry.file,
        "tags": list(entry.tags),
        "_media_type": "image",
        "_rand": int.from_bytes(digest[:6], "big") / (1 << 48),
        **told,
        **regions,
        **points,
        "_dataset_id": owner,
    }


def _detection(entry: Entry, key: str, at: int, region: Region) -> dict[str, Any]:
    height, width = entry.size
    x, y, w, h = region.box
    return {
        "_id": _id(key, entry.id, str(at)),
        "_cls": "Detection",
        "attributes": {},
        "tags": [],
        "label": region.label,
        "bounding_box": [x / width, y / height, w / width, h / height],
        "mask_path": region.file,
        **region.told,
    }


def _keypoints(entry: Entry, key: str, points: np.ndarray) -> dict[str, Any]:
    height, width = entry.size
    shares = [[(float(x) + 0.5) / width, (float(y) + 0.5) / height] for x, y in points]
    label = {"_id": _id(key, entry.id), "_cls": "Keypoint", "attributes": {}, "tags": [], "label": key}
    return {"_cls": "Keypoints", "keypoints": [{**label, "points": shares, "confidence": None}]}


def _annotated(classes: Sequence[str]) -> dict[str, Any]:
    """What the App needs to know of a field to let its masks be edited."""
    own = {"name": "id", "type": "id", "component": "text", "read_only": True}
    return {"attributes": [own], "classes": list(classes), "component": "radio", "type": "detections"}


def _view(view: View, owner: dict[str, str]) -> dict[str, Any]:
    stages: list[tuple[str, list[list[Any]]]] = []
    if view.match:
        stages.append(("Match", [["filter", dict(view.match)]]))
    if view.sort:
        stages.append(("SortBy", [["field_or_expr", view.sort], ["reverse", view.reverse], ["create_index", False]]))
    if view.group:
        stages.append(("GroupBy", [["field_or_expr", view.group]]))
    day = {"$date": "2026-01-01T00:00:00Z"}
    return {
        "_id": _id("view", view.name),
        "_dataset_id": owner,
        "name": view.name,
        "description": view.description,
        "slug": _slug(view.name),
        "color": None,
        "view_stages": [json.dumps({"_cls": f"fiftyone.core.stages.{cls}", "kwargs": said}) for cls, said in stages],
        "created_at": day,
        "last_modified_at": day,
        "last_loaded_at": None,
    }


def _slug(name: str) -> str:
    """A name as FiftyOne puts it into addresses; those of other alphabets, and what is too long, by their hash."""
    plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower())
    slug = "-".join(part for part in plain.split("-") if part)[:60]
    return slug if slug and name.isascii() else f"{slug}-{_id('slug', name)['$oid'][:8]}".strip("-")


def _id(*parts: str) -> dict[str, str]:
    text = json.dumps(parts)
    return {"$oid": hashlib.sha256(text.encode()).hexdigest()[:24]}


def _json(value: Any) -> bytes:
    # ASCII alone: FiftyOne reads the metadata in whatever encoding the machine prefers
    return (json.dumps(value, indent=1, sort_keys=False, allow_nan=False) + "\n").encode()
