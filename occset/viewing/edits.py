"""What was edited in the App: samples as they are there now, held against what was laid out for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from occset.dataset.records import VERDICTS
from occset.pictures.masks import encode_rle
from occset.support.errors import BadInput


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

    Raises:
        BadInput: a box has no mask.
    """
    whole = np.zeros((height, width), np.uint8)
    for one in seen.drawn:
        if one.mask is None:
            raise BadInput(f"{seen.item}: a box in the App has no mask: draw one, or delete the box, then pull again")
        x, y, w, h = _pixels(one, height, width)
        mask = np.where(np.asarray(one.mask) > 0, np.uint8(255), np.uint8(0))
        if mask.shape != (h, w):
            mask = mask[np.arange(h) * mask.shape[0] // h][:, np.arange(w) * mask.shape[1] // w]
        left, top = max(0, -x), max(0, -y)
        here = whole[y + top : y + h, x + left : x + w]
        np.maximum(here, mask[top : top + here.shape[0], left : left + here.shape[1]], out=here)
    return whole


def _pixels(one: Drawn, height: int, width: int) -> tuple[int, int, int, int]:
    """The box of a mask in whole pixels; as large as the mask itself where that is what it says but for rounding."""
    assert one.mask is not None
    rows, columns = one.mask.shape
    x, y, w, h = one.box[0] * width, one.box[1] * height, one.box[2] * width, one.box[3] * height
    if not np.isfinite([x, y, w, h]).all() or max(abs(x), abs(w)) > 4 * width or max(abs(y), abs(h)) > 4 * height:
        raise BadInput(f"a mask in the App has the box {list(one.box)}, far outside of its picture: draw it again")
    w_whole = columns if abs(w - columns) <= 1 else max(1, round(w))
    h_whole = rows if abs(h - rows) <= 1 else max(1, round(h))
    return round(x), round(y), w_whole, h_whole


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
