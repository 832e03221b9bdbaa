"""Part masks of CelebAMask-HQ as one label map.

Parts are named by their files and painted in the order of the
official script, so that of two parts that overlap the later one counts. A part without a file is
absent. Maps that others merged are read by `occset.sources.label_maps`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from occset.pictures.masks import read_mask
from occset.support.errors import BadInput

# fmt: off
PARTS = (
    "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear",
    "mouth", "u_lip", "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth",
)
"""Names of the parts in painting order; label maps hold 1 + the place in it, 0 is background."""
FACE_PARTS = ("skin", "nose", "l_eye", "r_eye", "l_brow", "r_brow", "mouth", "u_lip", "l_lip")
# fmt: on


def label_of(part: str) -> int:
    """The number of a part in a label map."""
    return PARTS.index(part) + 1


def select(labels: np.ndarray, *parts: str) -> np.ndarray:
    """Where a label map shows one of `parts`, (H, W) bool."""
    wanted = np.zeros(256, np.uint8)
    wanted[[label_of(part) for part in parts]] = 1
    return cv2.LUT(labels, wanted).view(bool)


def paint_parts(files: Mapping[str, Path], shape: tuple[int, int]) -> np.ndarray:
    """Paint the parts of one face into a label map of its photo's size.

    Args:
        files: of the parts that there are, one at least, by their names.
        shape: height and width of the photo; masks of another size are resized to the nearest pixel.

    Returns:
        (H, W) uint8, see `PARTS`.

    Raises:
        BadInput: parts that are broken or no masks (see `occset.pictures.masks.read_mask`), of different sizes, or of
            another shape than the photo; names the file.
    """
    labels: np.ndarray | None = None
    for number, part in enumerate(PARTS, start=1):
        file = files.get(part)
        if file is None:
            continue
        mask = read_mask(file)
        if labels is None:
            labels, first = np.zeros(mask.shape, np.uint8), file
        if mask.shape != labels.shape:
            raise BadInput(
                f"{file} is {mask.shape[1]} x {mask.shape[0]} pixels, but {first.name} is "
                f"{labels.shape[1]} x {labels.shape[0]}: all parts of a face have one size; download them again"
            )
        labels[mask > 0] = number
    assert labels is not None
    return fit_labels(labels, first, shape)


def fit_labels(labels: np.ndarray, file: Path, shape: tuple[int, int]) -> np.ndarray:
    """A label map in its photo's size, by the nearest pixel.

    Raises:
        BadInput: it has another shape than the photo; names ``file``.
    """
    if labels.shape[0] * shape[1] != labels.shape[1] * shape[0]:
        raise BadInput(
            f"{file} is {labels.shape[1]} x {labels.shape[0]} pixels, another shape than its photo of "
            f"{shape[1]} x {shape[0]}: they do not belong together; download both again"
        )
    if labels.shape != shape:
        labels = cv2.resize(labels, shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    return labels


def face_mask(labels: np.ndarray, lenses: str) -> np.ndarray:
    """Visible-face mask (H, W) uint8, 0 or 255, of a label map.

    Args:
        labels: (H, W) uint8, see `PARTS`.
        lenses: "none": glasses are not face and hide nothing; "clear": they are face; "dark": neither they nor what
            lies inside their outline is.
    """
    face = select(labels, *FACE_PARTS)
    if lenses == "clear":
        face |= select(labels, "eye_g")
    elif lenses == "dark":
        face &= ~filled(select(labels, "eye_g"))
    return face.astype(np.uint8) * np.uint8(255)


def filled(mask: np.ndarray) -> np.ndarray:
    """A bool mask with its holes filled, such as the eyes labelled inside the lenses."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros(mask.shape, np.uint8), outlines, -1, 1, -1) > 0
