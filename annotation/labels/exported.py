"""What was labelled in any Label Studio project and exported from it, as a source of faces, without a server.

FOLDER/images/NAME.jpg     the photos, called as the tasks call them (the server's prefix of uploads may be there or not)
FOLDER/ANY.json            the export "JSON"; or, beside masks, "JSON-MIN" too
FOLDER/masks/task-1-annotation-2-by-3-TAG-LABEL-0.png   the export "Brush labels to PNG", unpacked; read where it is there

A region is face by its label, any other region hides the face. Of an annotator the latest annotation counts, of several
annotators their consensus, as `occset annotate pull` makes it; what was skipped counts for nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from occset.annotation.labels.agreement import consensus
from occset.annotation.labels.regions import MOST_REGIONS, Region, check_picture, decode_region, shape_of, shown
from occset.pictures.images import read_image
from occset.pictures.listing import SUFFIXES, check_kind, list_pictures, suffix_of
from occset.pictures.masks import THRESHOLD, harden, read_mask
from occset.sources.image_masks import MaskedPictures
from occset.sources.items import FaceItem
from occset.support.errors import BadInput
from occset.support.reading import read_json

_MOST_JSON = 1 << 30  # bytes; a brush of a large photo takes a megabyte
_UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")
_PNG = re.compile(r"^task-(?P<task>\d{1,18})-annotation-(?P<number>\d{1,18})-by-(?P<who>[^-]*)-(?P<label>.+)-\d+\.png$")
_AS_IN_FILES = str.maketrans("/\\", "--")  # what Label Studio makes of a tag and a label in the name of a file
_NO_TAGS = ("annotations", "predictions", "drafts")
_SHAPES = ("brushlabels", "polygonlabels", "bitmasklabels")


class LabelStudioSource(MaskedPictures):
    """Labelled faces of an export of Label Studio, see above.

    Args:
        folder: where export and photos are.
        face: labels, comma-separated, of regions that are face; all others hide it.
        landmarks, split, licence, confirm: as `occset.sources.image_masks.ImageMasksSource` has them.

    Raises:
        BadInput: an option has a value that it cannot have, there is not exactly one JSON, or it is no export.
    """

    name, holds = "label-studio", "images/NAME.jpg and the JSON that Label Studio exported"

    def __init__(
        self,
        folder: str,
        face: str = "face",
        landmarks: str = "detect",
        split: str = "",
        licence: str = "unknown: pictures of the folder's owner",
        confirm: str = "",
    ) -> None:
        super().__init__(folder, landmarks, split, licence, confirm)
        self.labels = {label.strip() for label in face.split(",") if label.strip()}
        if not self.labels:
            raise BadInput("face= names no label: write face=face, or what the project calls it")
        files = sorted(p for p in Path(folder).iterdir() if p.suffix.lower() == ".json")
        if len(files) != 1:
            raise BadInput(
                f"{folder}: has {len(files)} .json files, not one: put the JSON that was exported there, alone"
            )
        self.file, self.masks = files[0], Path(folder) / "masks"

    @cached_property
    def _tasks(self) -> dict[str, list[dict[str, Any]]]:
        """The tasks by the name of their picture; JSON-MIN has one entry for each annotation."""
        try:
            found = read_json(self.file, _MOST_JSON, any_number=True)
        except (OSError, ValueError) as error:
            raise BadInput(f"{self.file}: not readable JSON ({error}): export it again") from error
        if not isinstance(found, list) or not all(isinstance(task, dict) for task in found):
            raise BadInput(f"{self.file}: not a list of tasks: in Label Studio choose Export, JSON")
        by_name = defaultdict(list)
        for task in found:
            by_name[_picture_name(task, str(self.file))].append(task)
        return dict(by_name)

    @cached_property
    def _tags(self) -> set[str]:
        """What the tags of the project are called, by which the names of PNGs begin: keys of JSON-MIN, else of regions."""
        tags: set[str] = set()
        for task in (task for of_one in self._tasks.values() for task in of_one):
            tags |= {key for key, value in task.items() if isinstance(value, list) and key not in _NO_TAGS}
            annotations = task.get("annotations")
            for one in annotations if isinstance(annotations, list) else ():
                result = one.get("result") if isinstance(one, dict) else None
                for entry in result if isinstance(result, list) else ():
                    if isinstance(entry, dict) and isinstance(entry.get("from_name"), str):
                        tags.add(entry["from_name"])
        return tags

    @cached_property
    def _drawn(self) -> dict[int, dict[str, dict[int, list[tuple[str, Path]]]]]:
        """The files of ``masks``: by task, annotator and annotation, the label and the file of each region."""
        found: dict[int, dict[str, dict[int, list[tuple[str, Path]]]]] = defaultdict(lambda: defaultdict(dict))
        for key in list_pictures(self.masks).keys if self.masks.is_dir() else ():
            if match := _PNG.match(Path(key).name):
                of_one = found[int(match["task"])][match["who"]].setdefault(int(match["number"]), [])
                of_one.append((match["label"], self.masks / key))
        return {task: dict(who) for task, who in found.items()}

    def face_keys(self) -> list[str]:
        """Names of the pictures of all tasks, sorted; `read_face` refuses those that nobody labelled.

        Raises:
            BadInput: the JSON is no export, or ``confirm`` names no task's picture.
        """
        keys = sorted(self._tasks)
        if lost := self.confirmed - {"all", *keys}:
            raise BadInput(f"confirm={min(lost)}: no task of {self.file} has that picture: take it from the message")
        return keys

    def notes(self) -> list[str]:
        """What was passed over, in sentences."""
        used = {without for key in self._tasks for without in (key, _UPLOADED.sub("", key))}
        files = (path for paths in self._pictures.values() for path in paths)
        others = sorted(p.name for p in files if not {p.name, _UPLOADED.sub("", p.name)} & used)
        said = [f"{len(others)} pictures that no task is about, {others[0]} first"] if others else []
        masks = list_pictures(self.masks).keys if self.masks.is_dir() else []
        if strange := [key for key in masks if not _PNG.match(Path(key).name)]:
            said.append(f"{len(strange)} files in masks are not called as Label Studio calls them, {strange[0]} first")
        return [*said, *list_pictures(self.images).notes()]

    def read_face(self, key: str) -> FaceItem:
        """Read a picture and what was drawn on it.

        Raises:
            BadInput: the picture is missing or broken, nobody labelled it, or a region cannot be read; names it.
        """
        file = self._file(key)
        check_kind(file)
        image = read_image(file)
        tasks = self._tasks[key]
        where = f"{self.file}: task {shown(tasks[0].get('id'))} ({shown(key)})"
        height, width = image.shape[:2]
        size = (height, width)
        masks = self._from_files(tasks, size) if self._drawn else self._from_json(tasks, size, where)
        if not masks:
            raise BadInput(f"{where}: nobody labelled it: label it, or leave it out of the export")
        return self._face(key, file, image, consensus(masks).mask, where)

    def _file(self, key: str) -> Path:
        bare = _UPLOADED.sub("", key)
        files = [path for paths in self._pictures.values() for path in paths]
        found = [p for p in files if p.name == key] or [p for p in files if _UPLOADED.sub("", p.name) == bare]
        if len(found) != 1:
            wrong = f"{found[0].name} and {found[1].name} may both be meant" if found else "there is no such picture"
            raise BadInput(f"{self.images / bare}: {wrong}: put there what task {self._tasks[key][0].get('id')} shows")
        return found[0]

    def _from_files(self, tasks: list[dict[str, Any]], size: tuple[int, int]) -> dict[str, np.ndarray]:
        """The face of each annotator from the PNGs of their latest annotation."""
        masks: dict[str, np.ndarray] = {}
        called = {f"{tag}-{label}".translate(_AS_IN_FILES) for tag in self._tags for label in self.labels}
        for number in {task["id"] for task in tasks if isinstance(task.get("id"), int)}:
            for who, of_one in self._drawn.get(number, {}).items():
                regions = []
                for label, file in of_one[max(of_one)]:
                    if not any(label.startswith(f"{tag.translate(_AS_IN_FILES)}-") for tag in self._tags):
                        raise BadInput(f"{file}: no tag of {self.file.name} is called as it begins: export both again")
                    alpha = read_mask(file, THRESHOLD, "")
                    if alpha.shape != size:
                        raise BadInput(f"{file}: of another size than its picture: export it again")
                    regions.append((label in called, alpha))
                masks[who] = _visible(regions, size)
        return masks

    def _from_json(self, tasks: list[dict[str, Any]], size: tuple[int, int], where: str) -> dict[str, np.ndarray]:
        """The face of each annotator from the regions of their latest annotation."""
        latest: dict[str, tuple[tuple[str, int], list[Any]]] = {}
        for task in tasks:
            annotations = task.get("annotations")
            if not isinstance(annotations, list):
                raise BadInput(f"{where}: has no annotations: choose Export, JSON (JSON-MIN lacks what is needed)")
            for one in annotations:
                if not isinstance(one, dict) or one.get("was_cancelled"):
                    continue
                who, result = one.get("completed_by"), one.get("result")
                who = shown(who.get("id") if isinstance(who, dict) else who)
                order = (str(one.get("updated_at") or ""), number if isinstance(number := one.get("id"), int) else 0)
                if isinstance(result, list) and result and (who not in latest or order > latest[who][0]):
                    latest[who] = order, result
        return {who: _visible(self._regions(result, size, where), size) for who, (_, result) in latest.items()}

    def _regions(self, result: list[Any], size: tuple[int, int], where: str) -> Iterator[tuple[bool, np.ndarray]]:
        """Whether each region is face, and its alpha; what is said beside regions is passed over."""
        if len(result) > 5 * MOST_REGIONS:
            raise BadInput(f"{where}: {len(result)} entries, more than {5 * MOST_REGIONS}: label it again with fewer")
        for entry in result:
            entry = entry if isinstance(entry, dict) else {}
            kind, value = str(entry.get("type")), entry.get("value")
            value = value if isinstance(value, dict) else {}
            if kind in ("choices", "textarea", "relation", "rating", "taxonomy"):
                continue
            place = f"{where}, region {shown(entry.get('id'))}"
            labels = value.get(kind) if kind in _SHAPES else None
            if not isinstance(labels, list) or len(labels) != 1 or not isinstance(labels[0], str):
                raise BadInput(
                    f"{place}: of type '{shown(kind)}': only brushes, polygons and bitmasks with one label count"
                )
            has = f"but the one in images has {size[1]} x {size[0]}: put the picture there that was labelled"
            check_picture(entry, *size, place, has)
            region = Region(shown(entry.get("id")), kind, labels[0], shape_of(kind, value, place))
            yield region.label in self.labels, decode_region(region, size[0], where, size[1])


def _visible(regions: Any, size: tuple[int, int]) -> np.ndarray:
    """The union of what is face without all that is not, (H, W) uint8 0 or 255."""
    face, hidden = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    for is_face, alpha in regions:
        np.maximum(*(face, alpha) if is_face else (hidden, alpha), out=face if is_face else hidden)
    face = harden(face)
    face[hidden > THRESHOLD] = 0
    return face


def _picture_name(task: dict[str, Any], file: str) -> str:
    """What the picture of a task is called: the end of its address, with the server's prefix, if it has one."""
    data = task.get("data", task)  # JSON-MIN has them side by side
    for value in data.values() if isinstance(data, dict) else ():
        if isinstance(value, str):
            name = unquote(value.split("?d=")[-1].split("?")[0]).replace("\\", "/").rsplit("/", 1)[-1]
            if suffix_of(name) in SUFFIXES and name != suffix_of(name):
                return name
    raise BadInput(f"{file}: task {shown(task.get('id'))} names no picture ({', '.join(SUFFIXES)}): export it again")
