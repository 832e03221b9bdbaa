"""What was edited in the App: samples as they are there now, held against what was laid out for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from occset.dataset.records import VERDICTS
from occset.pictures.masks import encode_rle
from occset.support.errors import BadInput

_FARTHEST = 4.0  # what a box may have to do with its picture, in sides of it


@dataclass(frozen=True)
class Drawn:
    """A mask of a sample in the App.

    Attributes:
        label: what it was called.
        box: x, y, width and height as shares of the picture.
        mask: (h, w), what is not 0 is on; None of a box without a mask.
    """

    label: str
    box: tuple[float, float, float, float]
    mask: np.ndarray | None


@dataclass(frozen=True)
class Seen:
    """A face as it is in the App now: its id in the set, its tags, and the masks of the field `face`."""

    item: str
    tags: tuple[str, ...]
    drawn: tuple[Drawn, ...]


@dataclass(frozen=True)
class LaidOut:
    """What was laid out of a face: its mask as RLE counts, or None, and its tags."""

    mask: str | None
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Edit:
    """What was edited of a face.

    Attributes:
        mask: (H, W) uint8 0/255 as it is now; None where nothing of it changed.
        tags: all it has now, verdicts left out; None where none changed.
        verdict: what it has now, None for none.
        verdict_before: what was laid out.
    """

    mask: np.ndarray | None
    tags: tuple[str, ...] | None
    verdict: str | None
    verdict_before: str | None

    @property
    def changed_verdict(self) -> bool:
        """Whether a verdict came or went."""
        return self.verdict != self.verdict_before


@dataclass
class Edits:
    """All edits by face, and what cannot be read, and why."""

    faces: dict[str, Edit] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)


def edits_of(seen: Sequence[Seen], laid_out: Mapping[str, LaidOut], sizes: Mapping[str, tuple[int, int]]) -> Edits:
    """What differs between the App and what was laid out for it.

    Args:
        seen: the faces in the App; one that is missing there was not edited.
        laid_out: by face.
        sizes: (height, width) of each face that the set still has.
    """
    found = Edits()
    for one in seen:
        before = laid_out.get(one.item)
        if before is None or one.item not in sizes:
            continue
        try:
            mask = mask_of(one, *sizes[one.item])
        except BadInput as error:
            found.refused.append((one.item, str(error)))
            continue
        counts = encode_rle(mask) if mask.any() or before.mask is not None else None
        tags, tags_before = _without_verdicts(one.tags), _without_verdicts(before.tags)
        edit = Edit(
            mask if counts != before.mask else None,
            tags if tags != tags_before else None,
            verdict_of(one.tags),
            verdict_of(before.tags),
        )
        if edit.mask is not None or edit.tags is not None or edit.changed_verdict:
            found.faces[one.item] = edit
    return found


def mask_of(seen: Seen, height: int, width: int) -> np.ndarray:
    """The union of the masks of a face, (height, width) uint8 0/255; what lies outside of the picture is cut off.

    The App keeps an edited mask at the size of the screen, in a box that ends between pixels. A pixel is on where the mask
    is on at its centre, which gives back what nobody touched as it was.

    Raises:
        BadInput: a box has no mask, or is far outside of the picture.
    """
    whole = np.zeros((height, width), np.uint8)
    for one in seen.drawn:
        if one.mask is None:
            raise BadInput(f"{seen.item}: a box in the App has no mask: draw one, or delete the box, then pull again")
        x, y, w, h = one.box
        if not np.isfinite(one.box).all() or min(w, h) <= 0 or np.abs(one.box).max() > _FARTHEST:
            raise BadInput(f"{seen.item}: a mask in the App has the box {list(one.box)}: draw it again")
        rows, ys = _centres(height, y, h, one.mask.shape[0])
        columns, xs = _centres(width, x, w, one.mask.shape[1])
        whole[np.ix_(rows, columns)] |= np.where(one.mask[np.ix_(ys, xs)] > 0, np.uint8(255), np.uint8(0))
    return whole


def _centres(side: int, start: float, length: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Along one axis: the pixels whose centres lie in a box, and the cells of its mask that they lie in.

    Args:
        side: of the picture, pixels.
        start, length: of the box, as shares of the picture.
        count: of cells.
    """
    cells = np.floor(((np.arange(side) + 0.5) / side - start) / length * count).astype(np.int64)
    inside = np.flatnonzero((cells >= 0) & (cells < count))
    return inside, cells[inside]


def verdict_of(tags: Sequence[str]) -> str | None:
    """The verdict that tags tell, the gravest where they tell several; None where they tell none."""
    return next((verdict for verdict in VERDICTS if verdict in tags), None)


def _without_verdicts(tags: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(set(tags) - set(VERDICTS)))


def as_json(laid_out: Mapping[str, LaidOut]) -> dict[str, Any]:
    """What was laid out, ready for JSON; see `from_json`."""
    return {face: [one.mask, list(one.tags)] for face, one in laid_out.items()}


def from_json(value: Mapping[str, Any]) -> dict[str, LaidOut]:
    """What `as_json` gave; raises `ValueError` or `TypeError` where it is something else."""
    return {face: LaidOut(mask, tuple(map(str, tags))) for face, (mask, tags) in value.items()}
