"""What a server says of a task, read into labels. It may be anything: nothing is trusted, guessed or fetched.

- The face is the union of the regions called face, without the union of those called occluder: the largest alpha of
  each, and on where it is above 127.
- Regions are brushes, polygons and bitmasks, each with exactly one label. A category belongs to the region of its id.
- What was skipped counts for nothing: its regions are not read.
- Whatever does not fit is refused with the task, the annotation, the region and a remedy. An annotator's latest word
  counts, and if it is broken, no earlier one stands in for it.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from typing import Any, TypeGuard
from urllib.parse import unquote, urlsplit

import numpy as np

from occset.annotation.api.address import iso_time
from occset.annotation.labels.regions import (
    CHOICES,
    Entries,
    clean_comment,
    decode_region,
    is_number,
    shown,
    sort_entries,
)
from occset.composition.categories import UNKNOWN
from occset.pictures.masks import THRESHOLD, harden
from occset.support.errors import BadInput

_MOST_ANNOTATIONS = 100  # of a task
_LONGEST_TIME = 1e9  # seconds
_PATH = re.compile(r"/data/(local-files/\?d=(?P<file>[!-~]+)|upload/\d{1,18}/(?P<upload>[!-~]+))")
_KEY = re.compile(r"[0-9A-Za-z_-]{1,64}")


@dataclass(frozen=True)
class Occluder:
    """All that was drawn of one category: mask (side, side) uint8 alpha 0..255, and one of `composition.categories`, or
    "object" where none was named."""

    mask: np.ndarray
    category: str


@dataclass(frozen=True)
class Reading:
    """What one annotator says of one face.

    Attributes:
        face: (side, side) uint8, 0 or 255; all 0 where it was skipped.
        occluders: one a category, sorted by it.
        quality: "good", "unsure" or "unusable"; "good" where nothing was said.
        discuss: whether it needs discussion.
        comment: one line of printable characters, at most `entries.MOST_COMMENT`.
        annotator: the server's number of the user.
        lead_time: seconds, or None.
        updated: ISO 8601 in UTC, later is larger as text.
        annotation: the server's number.
        skipped: whether the annotator passed it over.
        untouched: whether all that is drawn is the pre-label as it came.
    """

    face: np.ndarray
    occluders: tuple[Occluder, ...]
    quality: str
    discuss: bool
    comment: str
    annotator: int
    lead_time: float | None
    updated: str
    annotation: int
    skipped: bool
    untouched: bool = False


def read_task(task: dict[str, Any], side: int) -> tuple[list[Reading], list[str]]:
    """Read the latest annotation of each annotator, by updated-at, then by number.

    Args:
        task: as the server sends it, with its annotations.
        side: of the square picture that was shown, pixels.

    Returns:
        Readings by annotator, skipped ones marked; and what is wrong with each annotation that was left out.

    Raises:
        BadInput: the task as a whole cannot be read.
    """
    if not isinstance(task, dict):
        raise BadInput(f"a task is an object, not {shown(task)}: fetch it again")
    name = f"task {shown(task.get('id'))}"
    annotations = task.get("annotations")
    if not isinstance(annotations, list):
        raise BadInput(f"{name}: there is no list of its annotations: fetch it with its results")
    if len(annotations) > _MOST_ANNOTATIONS:
        raise BadInput(
            f"{name}: {len(annotations)} annotations, more than {_MOST_ANNOTATIONS}: delete those that are not needed"
        )
    latest: dict[int, tuple[tuple[str, int], Any]] = {}
    problems: list[str] = []
    for annotation in annotations:
        try:
            number, where = _name(annotation, name)
            annotator, order = _annotator(annotation, where), (_updated(annotation, where), number)
        except BadInput as error:
            problems.append(str(error))
            continue
        if annotator not in latest or order > latest[annotator][0]:
            latest[annotator] = order, annotation
    readings = []
    for annotator in sorted(latest):
        try:
            readings.append(_read(latest[annotator][1], side, name))
        except BadInput as error:
            problems.append(str(error))
        except Exception as error:  # whatever a stranger's annotation does to a reader, it does to that one alone
            where = f"{name}, annotation {shown(latest[annotator][1].get('id'))}"
            problems.append(f"{where}: cannot be read ({type(error).__name__}): label it again")
    return readings, problems


def read_annotation(annotation: dict[str, Any], side: int) -> Reading:
    """Read one annotation.

    Args:
        annotation: as the server sends it, with its result.
        side: of the square picture that was shown, pixels.

    Raises:
        BadInput: anything in it is not as it should be, or no pixel of the face is left and it was neither skipped, nor
            found unusable, nor marked for discussion; names task, annotation and region.
    """
    task = annotation.get("task") if isinstance(annotation, dict) else None
    return _read(annotation, side, f"task {shown(task)}")


def key_of_task(task: dict[str, Any], known: Container[str], marker: str = "", server: str = "") -> str:
    """The key of a task that occset pushed.

    Its picture must be a file of the server's own that bears the key: `/data/local-files/?d=<marker>/<key>.jpg` or
    `/data/upload/<project>/<...>-<key>.jpg`. Nothing is fetched from there.

    Args:
        task: as the server sends it.
        known: the keys that were pushed.
        marker: of the round, after which the folder of its local files is called; "" for any folder.
        server: the server's address; a picture's address may begin with it.

    Raises:
        BadInput: no task of ours: an unknown key, or a picture that is elsewhere.
    """
    name = f"task {shown(task.get('id') if isinstance(task, dict) else task)}"
    data = task.get("data") if isinstance(task, dict) else None
    if not isinstance(data, dict):
        raise BadInput(f"{name}: it has no data: delete it, it is none of occset's")
    key, image = data.get("key"), data.get("image")
    if not isinstance(key, str) or not _KEY.fullmatch(key) or key not in known:
        raise BadInput(
            f"{name}: nothing was pushed under the key '{shown(key)}': delete it, or pull it into its own set"
        )
    if not isinstance(image, str) or not _is_own(image, key, server, marker.replace(":", "-")):
        raise BadInput(
            f"{name}: its picture '{shown(image, 80)}' is not the one that was pushed as {key}: delete the task and push it "
            "again"
        )
    return key


def _is_own(image: str, key: str, server: str, folder: str) -> bool:
    try:
        base = urlsplit(server.rstrip("/"))
        parts = urlsplit(image)
        if parts.scheme or parts.netloc:
            if not server or (parts.scheme, parts.netloc) != (base.scheme, base.netloc):
                return False
            image = image[len(f"{parts.scheme}://{parts.netloc}") :]
    except ValueError:  # what is not even an address
        return False
    match = _PATH.fullmatch(image.removeprefix(base.path))
    if match is None:
        return False
    file = unquote(match["file"] or match["upload"], errors="replace")
    if match["upload"]:
        return "/" not in file and re.fullmatch(rf"([\w.-]*-)?{key}\.jpg", file) is not None
    above, _, last = file.rpartition("/")
    is_inside = re.fullmatch(r"[\w .:@+=,~-]+(/[\w .:@+=,~-]+)*", above) is not None and ".." not in above.split("/")
    return last == f"{key}.jpg" and is_inside and (not folder or above == folder)


def _read(annotation: Any, side: int, task: str) -> Reading:
    number, where = _name(annotation, task)
    skipped = annotation.get("was_cancelled", False)
    if not isinstance(skipped, bool):
        raise BadInput(f"{where}: was_cancelled is {shown(skipped)}, not true or false: submit it again")
    lead_time = annotation.get("lead_time")
    if lead_time is not None and not is_number(lead_time, 0, _LONGEST_TIME):
        raise BadInput(f"{where}: its lead time is {shown(lead_time)}, not seconds: submit it again")
    annotator, updated = _annotator(annotation, where), _updated(annotation, where)
    entries = sort_entries(annotation.get("result"), side, where, drawn=not skipped)
    face, occluders = _draw(entries, side, where)
    quality, discuss = entries.answers.get("quality", CHOICES["quality"][0]), "discuss" in entries.answers
    if not face.any() and not (skipped or discuss or quality == "unusable"):
        drew = any(region.label == "face" for region in entries.regions)
        what = "no pixel of the face is left beside its occluders" if drew else "there is no face region"
        raise BadInput(f"{where}: {what}: draw the face, skip the task, or call it unusable")
    return Reading(
        face=face,
        occluders=occluders,
        quality=quality,
        discuss=discuss,
        comment=clean_comment(entries.comments),
        annotator=annotator,
        lead_time=None if lead_time is None else float(lead_time),
        updated=updated,
        annotation=number,
        skipped=skipped,
        untouched=bool(entries.regions) and all(region.untouched for region in entries.regions),
    )


def _draw(entries: Entries, side: int, where: str) -> tuple[np.ndarray, tuple[Occluder, ...]]:
    """The face without its occluders, and the alpha of each category of which something shows."""
    face = np.zeros((side, side), np.uint8)
    alphas: dict[str, np.ndarray] = {}
    for region in entries.regions:
        alpha = decode_region(region, side, where)
        if region.label == "face":
            np.maximum(face, alpha, out=face)
        elif alpha.max() > THRESHOLD:  # a brush that was wiped out again hides nothing
            category = entries.categories.get(region.id, UNKNOWN)
            alphas[category] = np.maximum(alphas[category], alpha) if category in alphas else alpha
    face = harden(face)
    for alpha in alphas.values():
        face[alpha > THRESHOLD] = 0
    return face, tuple(Occluder(alphas[category], category) for category in sorted(alphas))


def _name(annotation: Any, task: str) -> tuple[int, str]:
    """The number of an annotation, and what errors begin with."""
    if not isinstance(annotation, dict):
        raise BadInput(f"{task}: an annotation is an object, not {shown(annotation)}: fetch the task again")
    number = annotation.get("id")
    if not _is_id(number):
        raise BadInput(f"{task}: an annotation's number is {shown(number)}: fetch the task again")
    return number, f"{task}, annotation {number}"


def _annotator(annotation: dict[str, Any], where: str) -> int:
    who = annotation.get("completed_by")
    who = who.get("id") if isinstance(who, dict) else who  # by the server's version a number or all about the user
    if not _is_id(who):
        raise BadInput(f"{where}: completed by '{shown(who)}', who is no user: submit it again as a user of the server")
    return who


def _updated(annotation: dict[str, Any], where: str) -> str:
    text = annotation.get("updated_at")
    try:
        if isinstance(text, str):
            return iso_time(text[:64])
    except (BadInput, OverflowError):
        pass
    raise BadInput(f"{where}: updated at '{shown(text)}', which is no time: submit it again")


def _is_id(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and is_number(value, 0, (1 << 63) - 1)
