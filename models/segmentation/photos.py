"""Visible-face masks for photos of any size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from occset.models.photos.crops import Crop
from occset.models.photos.files import target
from occset.models.photos.run import Done, run_over_photos
from occset.models.photos.sheet import tile, tinted
from occset.pictures.images import write_png
from occset.pictures.masks import harden, read_soft_mask


class Segments(Protocol):
    """Whatever marks the visible face."""

    def segment(self, images: np.ndarray) -> np.ndarray:
        """(B, S, S, 3) uint8 RGB in; (B, S, S) uint8 soft masks out."""
        ...


def segment_photos(
    network: Segments,
    photos: Sequence[Path],
    out: Path,
    align: bool = True,
    soft: bool = False,
    sheet: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    all_faces: bool = False,
) -> Done:
    """Write one mask a photo, as large as the photo; of several faces the largest is marked, or all of them.

    Args:
        network: the segmenter.
        photos: photos and folders of photos; a photo keeps its place below its folder.
        out: folder of the masks, NAME.png.
        align: find the face with the detector; else a photo is taken as an aligned square.
        soft: write 0..255 instead of 0 and 255.
        sheet: file of a contact sheet of the crops, the visible face tinted; none when None.
        progress: called with (done, all).
        all_faces: mark all faces of a photo in its mask.

    Raises:
        BadInput: there is no photo, or one would be overwritten.
        MissingExtra: ``align`` and no detector.
        NoSpace: a mask cannot be written.
    """

    def write(crop: Crop, mask: np.ndarray) -> None:
        laid = crop.lay_back(mask)
        laid = laid if soft else harden(laid)
        if crop.face > 0:  # beside the larger faces of the photo, which were written before
            laid = np.maximum(laid, read_soft_mask(target(out, crop.name)))
        write_png(target(out, crop.name), laid)

    def show(crop: Crop, mask: np.ndarray) -> np.ndarray:
        return tile(crop.image, tinted(crop.image, mask))

    return run_over_photos(
        photos, out, network.segment, write, align=align, all_faces=all_faces, sheet=sheet, show=show, progress=progress
    )
