"""The fields of a FiftyOneDataset as its ``metadata.json`` describes them: which there are, and of which kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

RESERVED = ("id", "filepath", "tags", "metadata", "created_at", "last_modified_at")
"""Names that FiftyOne has for fields of its own."""

_FIELDS = "fiftyone.core.fields."
_LABELS = "fiftyone.core.labels."
_OWN = (
    ("filepath", "StringField", "filepath", False),
    ("_dataset_id", "ObjectIdField", "_dataset_id", False),
    ("last_modified_at", "DateTimeField", "last_modified_at", True),
    ("_media_type", "StringField", "_media_type", False),
    ("created_at", "DateTimeField", "created_at", True),
    ("_rand", "FloatField", "_rand", False),
    ("id", "ObjectIdField", "_id", False),
)
_KINDS = ((bool, "BooleanField"), (str, "StringField"), (int, "IntField"), (float, "FloatField"), (list, "ListField"))


def schema(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The documents of the fields that entries have, FiftyOne's own among them.

    Args:
        entries: `occset.publishing.formats.fiftyone_layout.Entry` as dictionaries: "told", "regions" and "points".

    Raises:
        ValueError: a field has a name that FiftyOne has for its own, or values of several kinds.
    """
    kinds: dict[str, set[type]] = {}
    regions: dict[str, dict[str, set[type]]] = {}
    points: list[str] = []
    for entry in entries:
        _see(entry["told"], kinds)
        for key, found in entry["regions"].items():
            more = regions.setdefault(key, {})
            for region in found:
                _see(region.told, more)
        points += [key for key, found in entry["points"].items() if found is not None and key not in points]
    for key in (*kinds, *regions, *points):
        if key in RESERVED:
            raise ValueError(f"FiftyOne has a field '{key}' of its own")
    own = [_field(name, kind, db_field=column, read_only=fixed) for name, kind, column, fixed in _OWN]
    own.append(_field("tags", "ListField", subfield="StringField"))
    own.append(_field("metadata", "EmbeddedDocumentField", document="fiftyone.core.metadata.ImageMetadata"))
    plain = [_plain_field(key, found) for key, found in kinds.items()]
    masks = [_label_field(key, "Detections", "detections", "Detection", _MASK, more) for key, more in regions.items()]
    return [
        *own,
        *plain,
        *masks,
        *(_label_field(key, "Keypoints", "keypoints", "Keypoint", _POINTS, {}) for key in points),
    ]


def _see(told: Mapping[str, Any], kinds: dict[str, set[type]]) -> None:
    for key, value in told.items():
        found = kinds.setdefault(key, set())
        if value is not None:
            found.add(type(value))


def is_plain(field: Mapping[str, Any]) -> bool:
    """Whether a document of `schema` is of text, numbers, truth values or lists of text, and not FiftyOne's own."""
    own = {name for name, *_ in _OWN} | {"tags"}
    return field["name"] not in own and field["ftype"].removeprefix(_FIELDS) in {kind for _, kind in _KINDS}


def _plain_field(key: str, found: set[type]) -> dict[str, Any]:
    if found == {int, float}:
        found = {float}
    if len(found) > 1 or not found <= {kind for kind, _ in _KINDS}:
        raise ValueError(f"the values of '{key}' are of the kinds {', '.join(sorted(k.__name__ for k in found))}")
    kind = next((name for known, name in _KINDS if known in found), "StringField")
    return _field(key, kind, subfield="StringField" if kind == "ListField" else None)


def _field(
    name: str,
    kind: str,
    document: str | None = None,
    subfield: str | None = None,
    fields: Sequence[dict[str, Any]] = (),
    db_field: str | None = None,
    read_only: bool = False,
) -> dict[str, Any]:
    return {
        "name": name,
        "ftype": _FIELDS + kind,
        "embedded_doc_type": document,
        "subfield": _FIELDS + subfield if subfield else None,
        "fields": list(fields),
        "db_field": db_field or name,
        "description": None,
        "info": None,
        "read_only": read_only,
        "created_at": None,
    }


_LABEL = (
    _field("id", "ObjectIdField", db_field="_id"),
    _field("tags", "ListField", subfield="StringField"),
    _field("attributes", "DictField", _LABELS + "Attribute", "EmbeddedDocumentField"),
    _field("label", "StringField"),
)
_MASK = (
    *_LABEL,
    _field("bounding_box", "ListField", subfield="FloatField"),
    _field("mask", "ArrayField"),
    _field("mask_path", "StringField"),
    _field("confidence", "FloatField"),
    _field("index", "IntField"),
)
_POINTS = (
    *_LABEL,
    _field("points", "KeypointsField"),
    _field("confidence", "ListField", subfield="FloatField"),
    _field("index", "IntField"),
)


def _label_field(
    key: str, kind: str, inside: str, one: str, fields: Sequence[dict[str, Any]], more: Mapping[str, set[type]]
) -> dict[str, Any]:
    known = [*fields, *(_plain_field(name, found) for name, found in more.items())]
    many = _field(inside, "ListField", _LABELS + one, "EmbeddedDocumentField", known)
    return _field(key, "EmbeddedDocumentField", _LABELS + kind, fields=[many])
