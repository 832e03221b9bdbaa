"""Where the labels of CelebAMask-HQ lie, and how a merged map of them is read.

Parts lie in the official sub-folders, ``{id // 2000}/{id:05d}_{part}.png``, or flat, or in any folder below. Who merged them
has one map a face, ``{id}.png``, with the labels 0..18, of which two orders circulate: that of the official script
(``g_mask.py``) and that of face-parsing.PyTorch. They are told apart by where the labels lie in the aligned photos.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from occset.pictures.decoding import decode_indexes
from occset.pictures.images import MAX_PIXELS
from occset.pictures.listing import LOSSLESS, check_kind, list_pictures, suffix_of, without_suffix
from occset.sources.parts import PARTS, fit_labels, label_of, paint_parts
from occset.support.errors import BadInput

PLACES = (
    "CelebAMask-HQ-mask-anno", "CelebAMaskHQ-mask", "CelebAMask-HQ-mask", "CelebA-HQ-mask", "mask", "masks", "labels",
    "label",
)  # fmt: skip
"""Folders beside the photos that are looked into; the first is the official one of parts."""

ORDERS = {
    "official": PARTS,
    "face-parsing": (
        "skin", "l_brow", "r_brow", "l_eye", "r_eye", "eye_g", "l_ear", "r_ear", "ear_r",
        "nose", "mouth", "u_lip", "l_lip", "neck", "neck_l", "cloth", "hair", "hat",
    ),
}  # fmt: skip
"""Parts of the labels 1..18."""

# Middle of each part in aligned photos, x and y in widths of the picture, and how far it strays: means and standard
# deviations over 225 faces. A part on the left is on the picture's right.
_MIDDLES = {
    "nose": (0.50, 0.58, 0.03, 0.03), "eye_g": (0.50, 0.49, 0.03, 0.03), "l_brow": (0.61, 0.41, 0.06, 0.03),
    "r_brow": (0.39, 0.41, 0.06, 0.03), "l_ear": (0.77, 0.57, 0.2, 0.06), "r_ear": (0.22, 0.56, 0.17, 0.06),
    "mouth": (0.50, 0.745, 0.03, 0.03), "u_lip": (0.50, 0.72, 0.03, 0.03), "l_lip": (0.50, 0.77, 0.03, 0.03),
    "hair": (0.50, 0.36, 0.11, 0.14), "hat": (0.48, 0.23, 0.1, 0.1), "neck": (0.50, 0.92, 0.15, 0.04),
    "cloth": (0.53, 0.92, 0.23, 0.06),
}  # fmt: skip
_LEAST_PIXELS = 1 / 5000  # of the picture; smaller ones say nothing
_MOST_OF_A_LABEL = 8.0  # one odd label decides nothing alone
_SURE, _CONTRADICTS, _AGREEING = 3.0, 12.0, 0.75
_LOOKED_AT = 16
_NAME = re.compile(r"(\d{1,12})(?:_([a-z_]+))?", re.IGNORECASE)


class Labels:
    """The labels of the faces of a folder.

    Args:
        folder: that holds one or several of `PLACES`.
        order: of merged maps: "auto", or one of `ORDERS`.

    Raises:
        BadInput: there is no such folder, or the order of its maps cannot be told.
    """

    def __init__(self, folder: Path, order: str = "auto") -> None:
        self.places = [folder / name for name in PLACES if (folder / name).is_dir()]
        if not self.places:
            raise BadInput(
                f"{folder / PLACES[0]} is not there: give the folder of CelebAMask-HQ that holds {PLACES[0]}, or merged "
                f"label maps in {', '.join(PLACES[1:4])} or masks"
            )
        self.notes: list[str] = []
        numbers: set[int] = set()
        maps: dict[int, Path] = {}
        self._folders: list[Path] = []
        for place in self.places:
            listing = list_pictures(place)
            self.notes += listing.notes()
            folders: dict[str, None] = {"": None}  # in the order of the listing
            for key in listing.keys:
                below, _, name = key.rpartition("/")
                number, part = _read_name(name)
                if number is None:
                    continue
                folders[below] = None
                numbers.add(number)
                if not part and suffix_of(name) in LOSSLESS:
                    maps.setdefault(number, place / key)
            self._folders += [place / below for below in folders]
        self.numbers = sorted(numbers)
        self._is_told = order != "auto"
        self.order = order if self._is_told else _tell_order([maps[number] for number in sorted(maps)])
        self._known: dict[Path, dict[int, list[str]]] = {}

    def read(self, key: str, shape: tuple[int, int]) -> np.ndarray:
        """The labels of one face in its photo's size, (H, W) uint8, see `occset.sources.parts.PARTS`.

        Raises:
            BadInput: there are none, or they are broken, JPEG, no masks or no map, of several sizes, or of another shape
                than the photo; names the file.
        """
        parts: dict[str, Path] = {}
        lossy: dict[str, Path] = {}
        official = self.places[0] / str(int(key) // 2000)
        for folder in dict.fromkeys([official, *self._folders]):
            for name in self._names(folder).get(int(key), []):
                part = _read_name(name)[1]
                (parts if suffix_of(name) in LOSSLESS else lossy).setdefault(part, folder / name)
        merged = parts.pop("", None)
        if not parts and merged is not None:
            return fit_labels(self._read_map(merged), merged, shape)
        for part, file in lossy.items():
            if part not in parts and (part or merged is None):
                check_kind(file)
                raise BadInput(
                    f"{file}: {file.suffix} blurs the borders of labels, so that what it says cannot be told: download "
                    "them as PNG"
                )
        if not parts:
            raise BadInput(f"{official} has no part masks of {key}: download them or remove the photo")
        return paint_parts(parts, shape)

    def _names(self, folder: Path) -> dict[int, list[str]]:
        """Files of a folder by the number of their face, those of the official names first."""
        if folder not in self._known:
            if len(self._known) > 1:  # keys come in order, and so do the folders
                self._known.pop(next(iter(self._known)))
            found: dict[int, list[str]] = {}
            for name in list_pictures(folder, deep=False).keys if folder in self._folders else ():
                number, part = _read_name(name)
                if number is not None:
                    at = 0 if name == f"{number:05d}_{part}.png" else 10**6
                    found.setdefault(number, []).insert(at, name)
            self._known[folder] = found
        return self._known[folder]

    def _read_map(self, file: Path) -> np.ndarray:
        """A merged map with the labels of `PARTS`."""
        values = read_map(file)
        if not self._is_told:
            evidence = evidence_of(values) * (1 if self.order == "official" else -1)
            if evidence < -_CONTRADICTS:
                other = next(name for name in ORDERS if name != self.order)
                raise BadInput(
                    f"{file}: its labels lie as in the order {other}, those of the other maps as in {self.order}: put it "
                    "into another folder, or name the order with ?order="
                )
        table = np.zeros(256, np.uint8)
        for label, part in enumerate(ORDERS[self.order], start=1):
            table[label] = label_of(part)
        return table[values]


def _read_name(name: str) -> tuple[int | None, str]:
    """Number and part of a file, the part "" for a merged map; no number for another file."""
    match = _NAME.fullmatch(without_suffix(name))
    part = (match[2] or "").lower() if match else ""
    if match is None or (part and part not in PARTS):
        return None, ""
    return int(match[1]), part


def read_map(file: Path) -> np.ndarray:
    """A merged map as it is stored, (H, W) uint8, 0..18; of a palette its indexes.

    Raises:
        BadInput: broken, in colours, or with other values.
    """
    values = decode_indexes(file, MAX_PIXELS)
    if values.ndim == 3:
        if (values[:, :, :1] != values[:, :, 1:3]).any():
            raise BadInput(
                f"{file}: it shows labels by colours: give the maps of the numbers 0..{len(PARTS)}, or the parts"
            )
        values = values[:, :, 0]
    top = int(values.max(initial=0))
    if top > len(PARTS) or top < 2:
        raise BadInput(
            f"{file}: its largest value is {top}, and a map has the labels 0..{len(PARTS)}: a mask of the whole face is "
            "read by image-masks:DIR, a part is named NUMBER_PART.png"
        )
    return values.astype(np.uint8)


def evidence_of(values: np.ndarray) -> float:
    """How much better the labels of a map lie in the official order than in the other; in nats."""
    height, width = values.shape
    counts = np.bincount(values.ravel(), minlength=len(PARTS) + 1)
    total = 0.0
    for label, (one, other) in enumerate(zip(ORDERS["official"], ORDERS["face-parsing"], strict=True), start=1):
        if one == other or counts[label] < _LEAST_PIXELS * values.size:
            continue
        rows, columns = np.nonzero(values == label)
        x, y = (columns.mean() + 0.5) / width, (rows.mean() + 0.5) / height
        total += float(np.clip(_fits(one, x, y) - _fits(other, x, y), -_MOST_OF_A_LABEL, _MOST_OF_A_LABEL))
    return total


def _fits(part: str, x: float, y: float) -> float:
    """Logarithm of how likely the middle of a part lies there, by a normal distribution; -4 for parts that lie anywhere."""
    if part not in _MIDDLES:
        return -4.0
    middle_x, middle_y, stray_x, stray_y = _MIDDLES[part]
    apart = ((x - middle_x) / stray_x) ** 2 + ((y - middle_y) / stray_y) ** 2
    return -0.5 * apart - float(np.log(2 * np.pi * stray_x * stray_y))


def _tell_order(maps: list[Path]) -> str:
    """The order of a folder's maps, by some of them that can be read; "official" where there are none.

    Raises:
        BadInput: they do not say, or not all the same.
    """
    found = list(_evidence(maps))
    if not found:
        return "official"
    agreeing = max(sum(one > 0 for one in found), sum(one < 0 for one in found)) / len(found)
    if abs(float(np.median(found))) < _SURE or agreeing < _AGREEING:
        raise BadInput(
            f"{maps[0].parent}: where the labels of its maps lie does not tell their order: name it with "
            f"?order={' or ?order='.join(ORDERS)} (2 is the nose in the first, the brow in the second)"
        )
    return "official" if float(np.median(found)) > 0 else "face-parsing"


def _evidence(maps: list[Path]) -> Iterable[float]:
    for at in np.unique(np.linspace(0, len(maps) - 1, _LOOKED_AT).astype(int)) if maps else ():
        try:
            yield evidence_of(read_map(maps[at]))
        except BadInput:
            continue  # told by name when the face is read
