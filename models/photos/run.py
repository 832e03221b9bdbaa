"""A folder of photos through a network: crops in batches, what comes of each written, and what failed told by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from occset.models.photos.crops import CROP, Crop, ReadMask, crop_photo
from occset.models.photos.files import find_photos, refuse_overwriting
from occset.models.photos.sheet import SHOWN, contact_sheet
from occset.pictures.detector import FaceDetector
from occset.pictures.images import write_png
from occset.support.errors import NoSpace, OccsetError

BATCH = 16
"""Crops that a network is handed at once."""

Found = TypeVar("Found")


@dataclass
class Done:
    """What came of some photos.

    Attributes:
        written: faces for which something was written.
        problems: photos that were skipped, and why.
        left: faces that were found beside those that were taken, and in how many photos.
        doubtful: photos that may be taken the wrong way round, and why.
        notes: what was passed over, in sentences.
    """

    written: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    left: tuple[int, int] = (0, 0)
    doubtful: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def run_over_photos(
    photos: Sequence[Path],
    out: Path,
    find: Callable[..., Iterable[Found]],
    write: Callable[[Crop, Found], None],
    *,
    align: bool = True,
    all_faces: bool = False,
    masks: ReadMask | None = None,
    mask_folders: Sequence[Path] = (),
    size: int = CROP,
    suffixes: Sequence[str] = (".png",),
    sheet: Path | None = None,
    show: Callable[[Crop, Found], np.ndarray] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Done:
    """Hand the largest face of each photo to a network, and what it found to whoever writes it.

    Args:
        photos: photos and folders of photos; a photo keeps its place below its folder, see `find_photos`.
        out: folder of what is written, which ``write`` does itself (`occset.models.photos.files.target` names the files).
        find: the network: (B, size, size, 3) uint8 RGB crops in, one thing for each of them out. With ``masks`` also
            their masks, (B, size, size) uint8, 0 or 255.
        write: called for each crop with what was found, in the order of the photos.
        align: find the face with the detector; else a photo is taken as an aligned square.
        all_faces: hand over every face of a photo, one after another, not only the largest.
        masks: gives the mask that somebody made for a photo; one without a mask is skipped by name.
        mask_folders: folders of masks, which are no photos where they lie among them.
        size: side of the crops, pixels.
        suffixes: of the files that a photo writes; none of them may be a photo that was given.
        sheet: file of a contact sheet (PNG); none when None.
        show: the tile of a crop on the sheet, all of one size; needed where there is one.
        progress: called with (done, all).

    Raises:
        BadInput: there is no photo, or one would be overwritten.
        MissingExtra: ``align`` and no detector.
        NoSpace: something cannot be written.
    """
    given = find_photos(photos, suffixes[0], out, mask_folders)
    files = given.files
    refuse_overwriting(files, out, sheet, suffixes)
    detector = FaceDetector() if align else None
    done = Done(problems=given.problems, notes=given.notes)
    tiles: list[np.ndarray] = []
    for at in range(0, len(files), BATCH):
        crops: list[Crop] = []
        for name, file in files[at : at + BATCH]:
            try:
                photo = crop_photo(name, file, detector, size, all_faces, masks)
            except NoSpace:
                raise
            except OccsetError as error:
                done.problems.append((name, str(error)))
                continue
            crops += photo.crops
            if photo.left:
                done.left = done.left[0] + photo.left, done.left[1] + 1
            if photo.doubt:
                done.doubtful.append((name, photo.doubt))
        for first in range(0, len(crops), BATCH):
            some = crops[first : first + BATCH]
            given_to = [np.stack([crop.image for crop in some])]
            given_to += [np.stack([crop.mask for crop in some if crop.mask is not None])] if masks else []
            for crop, one in zip(some, find(*given_to), strict=True):
                write(crop, one)
                done.written += 1
                if sheet is not None and show is not None and len(tiles) < SHOWN:
                    tiles.append(show(crop, one))
        if progress:
            progress(min(at + BATCH, len(files)), len(files))
    if sheet is not None and tiles:
        write_png(sheet, contact_sheet(tiles))
    return done
