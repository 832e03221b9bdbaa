"""Masks that somebody made for photos: NAME.png for NAME.jpg, in the same places below a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from occset.models.photos.crops import ReadMask
from occset.pictures.listing import list_pictures, suffix_of, without_suffix
from occset.pictures.masks import read_mask
from occset.support.errors import BadInput


def masks_of(place: Path, threshold: int | None = None) -> ReadMask:
    """What reads the mask of each photo.

    Args:
        place: folder of the masks; or one mask, for whatever photo there is.
        threshold: 0..254: on is what is above it; None takes masks of two values only.

    Returns:
        A function of a photo's name, as `find_photos` gives it, and its (height, width). It raises `BadInput` where there is
        no mask, more than one, one that cannot be read, or one of another size; the message names the file.

    Raises:
        BadInput: there is no mask at all.
    """
    listed: dict[str, list[str]] = {}
    if place.is_dir():
        listed = list_pictures(place).by_name()
    if not listed and not place.is_file():
        raise BadInput(f"{place}: holds no mask: give a folder with NAME.png for each NAME.jpg, 255 = paint here")

    def read(name: str, shape: tuple[int, int]) -> np.ndarray:
        file = place
        if not place.is_file():
            bare = without_suffix(name) if suffix_of(name) else name
            found = listed.get(bare, [])
            if len(found) != 1:
                there = f"{found[0]} and {found[1]} are both there" if found else f"there is no {bare}.png"
                raise BadInput(f"{place}: {there}: give one mask for each photo")
            file = place / found[0]
        mask = read_mask(file, threshold, "--threshold 127")
        if mask.shape != shape:
            sizes = f"{mask.shape[1]} x {mask.shape[0]} pixels, its photo {shape[1]} x {shape[0]}"
            raise BadInput(f"{file}: is {sizes}: give a mask of the photo's size (upright, where the photo is turned)")
        return mask

    return read
