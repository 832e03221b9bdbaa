"""Faces without occluders for photos of any size: found, aligned, repaired, and laid back into the photo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from occset.models.deocclusion.deoccluder import Deoccluder
from occset.models.photos.crops import Crop
from occset.models.photos.files import target
from occset.models.photos.run import Done, run_over_photos
from occset.models.photos.sheet import tile, tinted
from occset.pictures.images import read_image, write_png

SIZE = 256
"""Side of the crops at which faces are repaired."""

UNCHANGED = 0.01
"""A face of which less than this share is hidden is left as it is."""

_SEAM = 0.006  # deviation of the seam's softness, in widths of the crop


class _Found(NamedTuple):
    image: np.ndarray
    hidden: np.ndarray
    render: np.ndarray
    whole: np.ndarray
    share: float


def deocclude_photos(
    network: Deoccluder,
    photos: Sequence[Path],
    out: Path,
    align: bool = True,
    all_faces: bool = True,
    save_masks: Path | None = None,
    sheet: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Done, list[str]]:
    """Write NAME.png for each photo, of the photo's size; of a face that nothing hides no pixel changes.

    Args:
        network: the pipeline.
        photos: photos and folders of photos; a photo keeps its place below its folder.
        out: folder of what is written.
        align: find faces with the detector; else a photo is taken as an aligned square.
        all_faces: repair every face of a photo, not only the largest.
        save_masks: folder of masks of what was hidden, NAME.png, 255 = was painted; none when None.
        sheet: file of a contact sheet: crop, what was found hidden, the outcome; none when None.
        progress: called with (done, all).

    Returns:
        What came of it, and the names of the photos in which nothing was hidden.

    Raises:
        BadInput: there is no photo, or one would be overwritten.
        MissingExtra: ``align`` and no detector.
        NoSpace: a file cannot be written.
    """
    changed: dict[str, bool] = {}

    def find(images: np.ndarray) -> list[_Found]:
        done = network.run(images)
        fields = (done.images, done.hidden, done.renders, done.whole, done.share)
        return [_Found(*one) for one in zip(*fields, strict=True)]

    def write(crop: Crop, found: _Found) -> None:
        path = target(out, crop.name)
        photo = read_image(path if crop.face > 0 else crop.file)  # beside the faces that were repaired before
        hides = found.share >= UNCHANGED
        changed[crop.name] = changed.get(crop.name, False) or hides
        write_png(path, laid_back(photo, crop, found.image, found.hidden) if hides else photo)
        if save_masks is not None:
            mask = crop.lay_back(found.hidden if hides else np.zeros_like(found.hidden))
            where = target(save_masks, crop.name)
            write_png(where, np.maximum(mask, read_image(where)[..., 0]) if crop.face > 0 else mask)

    def show(crop: Crop, found: _Found) -> np.ndarray:
        return tile(crop.image, tinted(crop.image, found.hidden), found.image)

    done = run_over_photos(
        photos, out, find, write, align=align, all_faces=all_faces and align, size=SIZE, sheet=sheet, show=show,
        progress=progress,
    )  # fmt: skip
    return done, [name for name, hides in changed.items() if not hides]


def laid_back(photo: np.ndarray, crop: Crop, image: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """The photo (H, W, 3) with the painted pixels of its crop, under a soft seam that stays inside what was painted."""
    size = hidden.shape[0]
    margin = max(1, round(_SEAM * size))
    core = cv2.erode(hidden, np.ones((2 * margin + 1,) * 2, np.uint8), borderValue=255)
    soft = cv2.GaussianBlur(core, (0, 0), _SEAM * size)
    alpha = crop.lay_back(np.minimum(soft, hidden)).astype(np.float32)[..., None] / 255
    laid = crop.lay_back(image).astype(np.float32)
    return np.rint(photo * (1 - alpha) + laid * alpha).astype(np.uint8)
