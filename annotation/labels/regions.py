"""The entries of an annotation's result, checked and sorted by what they are about. Nothing in them is trusted."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from occset.annotation.labels.codec import decode_bitmask, decode_brush
from occset.annotation.labels.polygons import fill_polygon
from occset.composition.categories import CATEGORIES, UNKNOWN
from occset.support.errors import BadInput

MOST_REGIONS = 200
"""Of an annotation. The browser freezes long before."""

_TRACE = 5  # width in pixels of what a stroke which was wiped out may leave

MOST_COMMENT = 2000
"""Characters of a comment that are kept."""

CHOICES = {
    "quality": ("good", "unsure", "unusable"),
    "discuss": ("needs discussion",),
    "category": tuple(CATEGORIES),
}
"""What may be chosen, by the tag; a category is one of its region, the others are of the whole picture."""

_TOOLS = {
    "brushlabels": "brush",
    "polygonlabels": "polygon",
    "bitmasklabels": "bitmask",
}  # types of regions, their tags
_LABELS = ("face", "occluder")
_MOST_ENTRIES = 1000  # regions, their categories, and what is said of the whole
_MOST_NUMBERS = 1 << 23  # of all codes, or characters of all bitmasks
_MOST_POINTS = 10_000  # of all polygons; each edge may cross every row
_OUTSIDE = 100.0  # percent of the picture that a point may lie outside it
_JOINERS = "\u200c\u200d"  # not printable, yet part of words


@dataclass(frozen=True)
class Region:
    """What was drawn in one go: its id, type, label ("face" or "occluder"), the code, URL or points of its shape, and
    whether it is a pre-label that nobody touched."""

    id: str
    type: str
    label: str
    shape: Any
    untouched: bool = False


@dataclass
class Entries:
    """Entries by what they are about: regions; choices of the whole by tag; categories by region; parts of a comment."""

    regions: list[Region] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    categories: dict[str, str] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)


def sort_entries(result: Any, side: int, where: str, drawn: bool = True) -> Entries:
    """Check the result of an annotation and sort its entries; no mask is decoded yet.

    Args:
        result: anything.
        side: of the square picture, pixels, which each region must be of.
        where: task and annotation, which errors begin with.
        drawn: whether its regions and their categories count; else they are passed over.

    Raises:
        BadInput: something in it is not as the labelling configuration has it, or there is too much of it.
    """
    if not isinstance(result, list):
        raise BadInput(f"{where}: its result is {shown(result)}, not a list: fetch the task again with its results")
    if len(result) > _MOST_ENTRIES:
        raise BadInput(f"{where}: {len(result)} entries, more than {_MOST_ENTRIES}: label it again with fewer regions")
    found = Entries()
    for number, entry in enumerate(result, 1):
        if not isinstance(entry, dict) or not isinstance(entry.get("type"), str):
            raise BadInput(f"{where}, entry {number}: this is no region and no answer: label it again")
        if drawn or entry["type"] in ("choices", "textarea"):
            _sort_entry(entry, found, side, where)
    if len(found.regions) > MOST_REGIONS:
        raise BadInput(f"{where}: {len(found.regions)} regions, more than {MOST_REGIONS}: label it again with fewer")
    if drawn:
        _check_whole(found, where)
    return found


def doubts(entries: Entries, hiding: Container[str]) -> tuple[str, ...]:
    """What is read all the same and may not be meant, with the remedy; one sentence for each region.

    Args:
        entries: of an annotation.
        hiding: ids of the occluders of which something shows.
    """
    told = []
    for region in entries.regions:
        name, category = f"region {shown(region.id)}", entries.categories.get(region.id)
        if region.label == "occluder" and category is None and region.id in hiding:
            told.append(
                f"{name}: an occluder without category, taken as {UNKNOWN}: select it, say what it is (or press 1 if it is "
                "part of the face), update, and pull again"
            )
        elif region.label == "face" and category is not None:
            told.append(
                f"{name}: is called face and has the category {category}, taken as face: if it is an occluder, select it, "
                "press 2, update, and pull again"
            )
    return tuple(told)


def decode_region(region: Region, side: int, where: str, width: int | None = None) -> np.ndarray:
    """The alpha of a region, (side, width) uint8 0..255.

    Args:
        region: checked, not decoded.
        side: of the square picture, pixels; its height where a width is given.
        where: task and annotation, which errors begin with.
        width: of a picture that is not square, pixels.

    Raises:
        BadInput: a shape that is none, or of another size.
    """
    try:
        if region.type in ("brushlabels", "bitmasklabels"):
            decode = decode_brush if region.type == "brushlabels" else decode_bitmask
            return _check_seen(decode(region.shape, side, side if width is None else width))
        return fill_polygon(np.array(list(_points(region.shape))), side, width)
    except BadInput as error:
        raise BadInput(f"{where}, region {shown(region.id)}: {error}") from error


def _check_seen(alpha: np.ndarray) -> np.ndarray:
    """Refuse a mask that was written as 0 and 1: what an annotator submits is what he could see.

    A stroke that was wiped out may leave an alpha of 1 in its outline, but not on an area.
    """
    if alpha.max() == 1 and cv2.erode(alpha, np.ones((_TRACE, _TRACE), np.uint8)).any():
        raise BadInput(
            "its mask is of 0 and 1 of 255, which nobody saw in Label Studio: delete it and draw it again, or send it "
            "again with 0 and 255"
        )
    return alpha


def shown(value: Any, most: int = 40) -> str:
    """Anything as a few printable characters for a message; lists and objects by their type alone."""
    if value is None or isinstance(value, str | bool | float):
        text = str(value)[: most + 1]
    elif isinstance(value, int):
        text = str(value) if abs(value) < 1 << 63 else "a huge number"
    else:
        text = "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else type(value).__name__
    text = "".join(character if character.isprintable() else "?" for character in text)
    return f"{text[:most]}..." if len(text) > most else text or "''"


def clean_comment(parts: list[str]) -> str:
    """Comments as one line of printable characters, at most `MOST_COMMENT`."""
    text = " ".join(" ".join(part[: 4 * MOST_COMMENT] for part in parts).split())
    return "".join(c for c in text if c.isprintable() or c in _JOINERS or c.isspace())[:MOST_COMMENT].strip()


def is_number(value: Any, least: float, most: float) -> bool:
    """Whether a value of JSON is a number in a range; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most  # NaN is not


def _sort_entry(entry: dict[str, Any], found: Entries, side: int, where: str) -> None:
    kind, name, value = entry["type"], entry.get("from_name"), entry.get("value")
    if kind == "relation":  # it ties two regions and says nothing of a mask
        return
    place = f"{where}, {'answer' if kind in ('choices', 'textarea') else 'region'} {shown(entry.get('id'))}"
    if not isinstance(value, dict):
        raise BadInput(f"{place}: its value is {shown(value)}, not an object: label it again")
    if kind == "textarea" and name == "comment":
        text = value.get("text")
        found.comments += _texts([text] if isinstance(text, str) else text, "comment", place)
    elif kind == "choices" and isinstance(name, str) and name in CHOICES:
        _sort_choice(entry, name, value, found, place)
    elif kind in _TOOLS:
        found.regions.append(_check_region(entry, value, side, place))
    elif kind in _TOOLS.values():
        raise BadInput(f"{place}: it has no label: call it face or occluder, or delete it")
    elif kind in ("choices", "textarea"):
        raise BadInput(f"{place}: nothing of ours is called '{shown(name)}': use the project that occset made")
    else:
        raise BadInput(f"{place}: a region of type '{shown(kind)}' is no mask: draw it with the brush or the polygon")


def _sort_choice(entry: dict[str, Any], name: str, value: dict[str, Any], found: Entries, place: str) -> None:
    chosen = _texts(value.get("choices"), name, place)
    if not chosen:
        return
    if chosen[0] not in CHOICES[name]:
        raise BadInput(f"{place}: no {name} is called '{shown(chosen[0])}': choose one of {', '.join(CHOICES[name])}")
    key = entry.get("id") if name == "category" else name
    if not isinstance(key, str):
        raise BadInput(f"{place}: it belongs to no region: choose the category of each occluder again")
    if (found.categories if name == "category" else found.answers).setdefault(key, chosen[0]) != chosen[0]:
        raise BadInput(f"{place}: there are two answers for the {name}: choose one and submit again")


def _check_region(entry: dict[str, Any], value: dict[str, Any], side: int, place: str) -> Region:
    kind = entry["type"]
    if not isinstance(entry.get("id"), str):
        raise BadInput(f"{place}: a region's id is a text: label it again")
    if entry.get("from_name") != _TOOLS[kind] or entry.get("to_name") != "image":
        raise BadInput(
            f"{place}: drawn with '{shown(entry.get('from_name'))}' on '{shown(entry.get('to_name'))}', which are not "
            f"'{_TOOLS[kind]}' and 'image': use the project that occset made"
        )
    labels = _texts(value.get(kind, []), "label", place)
    if not labels:
        raise BadInput(f"{place}: it has no label: call it face or occluder, or delete it")
    if len(labels) > 1 or labels[0] not in _LABELS:
        names = " and ".join(shown(label) for label in labels[:3])
        raise BadInput(f"{place}: it is called '{names}': a region is either face or occluder")
    origin = entry.get("origin")
    if labels[0] == "occluder" and isinstance(origin, str) and origin.startswith("prediction"):  # those are of faces
        raise BadInput(
            f"{place}: the face that was drawn beforehand became an occluder, as it does when 2 is pressed while it is "
            "selected: select it, press 1, and update; paint what hides the face as an area of its own (U, then 2)"
        )
    was_shown = f"but {side} x {side} were shown: delete the task on the server and push it again"
    check_picture(entry, side, side, place, was_shown)
    # the server calls a region "prediction", and "prediction-changed" once somebody has drawn in it
    return Region(entry["id"], kind, labels[0], shape_of(kind, value, place), entry.get("origin") == "prediction")


def check_picture(entry: dict[str, Any], height: int, width: int, place: str, otherwise: str) -> None:
    """Hold a region against the picture that it should be drawn on.

    Args:
        entry: of an annotation's result.
        height, width: of the picture, pixels.
        place: of the region, which errors begin with.
        otherwise: how an error about another size ends: what the picture has, and the remedy.

    Raises:
        BadInput: it was drawn on a picture of another size, or on one that was turned.
    """
    size = entry.get("original_width"), entry.get("original_height")
    if not (is_number(size[0], width, width) and is_number(size[1], height, height)):
        raise BadInput(f"{place}: drawn on a picture of {shown(size[0])} x {shown(size[1])} pixels, {otherwise}")
    if not is_number(entry.get("image_rotation", 0), 0, 0):
        raise BadInput(f"{place}: the picture was turned by {shown(entry['image_rotation'])}: turn it back")


def shape_of(kind: str, value: dict[str, Any], place: str) -> Any:
    """The code, URL or points of a region of type `kind`, not decoded.

    Raises:
        BadInput: a brush that is no run-length code, an open polygon, or nothing of the kind.
    """
    if kind == "brushlabels" and value.get("format") != "rle":
        raise BadInput(
            f"{place}: a brush of format '{shown(value.get('format'))}' is no run-length code: draw it again"
        )
    if kind == "polygonlabels" and value.get("closed", True) is not True:
        raise BadInput(f"{place}: the polygon is open: click its first point to close it")
    name = {"brushlabels": "rle", "polygonlabels": "points", "bitmasklabels": "imageDataURL"}[kind]
    shape = value.get(name)
    if not isinstance(shape, str if kind == "bitmasklabels" else list):
        raise BadInput(f"{place}: its {name} is {shown(shape)}: draw it again")
    return shape


def _check_whole(found: Entries, where: str) -> None:
    """What the entries must be together: not too much, and no category without its region."""
    numbers = sum(len(region.shape) for region in found.regions)
    points = sum(len(region.shape) for region in found.regions if region.type == "polygonlabels")
    if numbers > _MOST_NUMBERS or points > _MOST_POINTS:
        raise BadInput(f"{where}: its regions take {numbers} numbers, too many for a hand: label it again with fewer")
    if lost := found.categories.keys() - {region.id for region in found.regions}:
        raise BadInput(f"{where}: a category belongs to region {shown(min(lost))}, which is not there: choose it again")


def _points(points: list[Any]) -> Iterator[tuple[float, float]]:
    if len(points) < 3:
        raise BadInput(f"a polygon of {len(points)} points has no inside: delete it and draw it again")
    for point in points:
        if not isinstance(point, list) or len(point) != 2:
            raise BadInput(f"a polygon's point is two numbers, not {shown(point)}: draw it again")
        if not all(is_number(number, -_OUTSIDE, 100 + _OUTSIDE) for number in point):
            place = ", ".join(shown(number) for number in point)
            raise BadInput(f"a polygon's point at {place} percent lies far outside the picture: draw it again")
        yield point[0], point[1]


def _texts(value: Any, what: str, place: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value[:_MOST_ENTRIES]):
        raise BadInput(f"{place}: its {what} is {shown(value)}, not a list of texts: choose or write it again")
    return value[:_MOST_ENTRIES]
