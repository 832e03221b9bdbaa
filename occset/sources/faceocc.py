"""FaceOcc's cut-outs and textures: ``internet/<type>/*.png`` with alpha, and ``texture/*.jpg``.

The category of a cut-out is its folder's name. The category of a texture is the first word of its file's name
(``banded_0002.jpg`` is banded, ``fabric_lemon.jpg`` is fabric).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from occset.pictures.images import extend_colour, read_image
from occset.pictures.listing import SUFFIXES, Listing, check_kind, list_pictures, suffix_of, without_suffix
from occset.pictures.masks import read_cutout
from occset.sources.items import OccluderItem, TextureItem
from occset.support.errors import BadInput
from occset.support.files import join_below

LEAST_SIDE = 16
"""A cut-out whose shorter side is below this many pixels is a blur at any useful size."""
_OPAQUE = (".jpg", ".jpeg", ".jpe", ".jfif", ".bmp")
_MARGIN = 2  # transparent pixels kept round a cut-out


class FaceOccSource:
    """Occluders and textures of a FaceOcc folder.

    Args:
        folder: the folder that holds ``internet`` and ``texture``, or one of them.
        crop: "yes" crops cut-outs to what shows and extends colours under what is transparent; "no" takes them as they are,
            as ``occset export --to faceocc`` wrote them.

    Raises:
        BadInput: it holds neither, or the option has another value.
    """

    name = "faceocc"
    licence = "FaceOcc terms: research only"

    def __init__(self, folder: str, crop: str = "yes") -> None:
        if crop not in ("yes", "no"):
            raise BadInput(f"crop={crop} is not an option of faceocc: use yes or no")
        self.folder, self.crops = Path(folder), crop == "yes"
        if not any((self.folder / part).is_dir() for part in ("internet", "texture")):
            raise BadInput(f"{folder} holds neither internet nor texture: give the folder of FaceOcc that does")

    def occluder_keys(self) -> list[str]:
        """Paths of all cut-outs below ``internet``, sorted: ``hand/000.png``.

        Raises:
            BadInput: there are none.
        """
        return self._some(
            "internet", self._cutouts().keys, "picture with transparency in a folder that names its category"
        )

    def read_occluder(self, key: str) -> OccluderItem:
        """Read a cut-out, cropped to what shows, with colours extended under its transparent pixels, unless `crop` is "no".

        Raises:
            BadInput: broken, without transparency, empty, or less than `LEAST_SIDE` pixels wide or high.
        """
        file = join_below(self.folder / "internet", key)
        check_kind(file)
        rgba = read_cutout(file)
        name = without_suffix(key) if file.suffix == ".png" else key  # a PNG and a WebP may share a name
        if not self.crops:
            return OccluderItem(name, rgba, file.parent.name, self.licence)
        alpha = rgba[:, :, 3]
        if alpha.min() == 255:
            raise BadInput(f"{file} is opaque everywhere: cut the object out, or use the picture as a texture")
        x, y, width, height = cv2.boundingRect(np.where(alpha > 0, 255, 0).astype(np.uint8))
        if width == 0:
            raise BadInput(f"{file} is transparent everywhere: remove it")
        if min(width, height) < LEAST_SIDE:
            raise BadInput(
                f"{file} shows {width} x {height} pixels, less than {LEAST_SIDE} on a side: use a larger cut-out"
            )
        top, left = max(0, y - _MARGIN), max(0, x - _MARGIN)
        rgba = rgba[top : y + height + _MARGIN, left : x + width + _MARGIN]
        return OccluderItem(name, extend_colour(rgba), file.parent.name, self.licence)

    def texture_keys(self) -> list[str]:
        """Paths of all textures below ``texture``, sorted.

        Raises:
            BadInput: there are none.
        """
        return self._some("texture", list_pictures(self.folder / "texture").keys, "picture")

    def read_texture(self, key: str) -> TextureItem:
        """Read a texture.

        Raises:
            BadInput: the file is missing or broken.
        """
        file = join_below(self.folder / "texture", key)
        check_kind(file)
        return TextureItem(without_suffix(key), read_image(file), file.stem.partition("_")[0], self.licence)

    def notes(self) -> list[str]:
        """What was passed over, in sentences."""
        return [*self._cutouts().notes(), *list_pictures(self.folder / "texture").notes()]

    def _cutouts(self) -> Listing:
        """Pictures in folders, of kinds that can be transparent; what cannot counts as no picture."""
        found = list_pictures(self.folder / "internet")
        keys = [key for key in found.keys if "/" in key and suffix_of(key) not in _OPAQUE]
        left = sorted({*found.others, *found.keys} - set(keys))
        return Listing(found.folder, keys, found.junk, left, found.loops, found.closed)

    def _some(self, part: str, keys: list[str], what: str) -> list[str]:
        if not keys:
            raise BadInput(
                f"{self.folder / part} has no {what} ({', '.join(SUFFIXES)}): give a FaceOcc folder that has"
            )
        return keys
