"""Faces without occluders for photos of any size: found, aligned, repaired, and laid back into the photo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from occset.models.deocclusion.deoccluder import Deoccluder
from occset.models.photos.crops import Crop, ReadMask
from occset.models.photos.files import find_photos, refuse_overwriting, target
from occset.models.photos.run import Done, run_over_photos
from occset.models.photos.sheet import tile, tinted
from occset.models.photos.stages import stage
from occset.models.photos.told import masks_of
from occset.pictures.images import read_rgba, write_png
from occset.support.errors import BadInput

SIZE = 256
"""Side of the crops at which faces are repaired."""

UNCHANGED = 0.01
"""A face of which less than this share is hidden is left as it is."""

_LEFT = 0.02  # of a mask; less is its rim
_SEAM = 0.006  # deviation of the seam's softness, in widths of the crop


class _Found(NamedTuple):
    image: np.ndarray
    hidden: np.ndarray
    render: np.ndarray
    whole: np.ndarray
    share: float
    without_gap: np.ndarray


def deocclude_photos(
    network: Deoccluder,
    photos: Sequence[Path],
    out: Path,
    align: bool = True,
    all_faces: bool = True,
    save_masks: Path | None = None,
    sheet: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    masks: Path | None = None,
    threshold: int | None = None,
) -> tuple[Done, list[str]]:
    """Write NAME.png for each photo, of the photo's size; of a face that nothing hides no pixel changes.

    Args:
        network: the pipeline.
        photos: photos and folders of photos; a photo keeps its place below its folder. Transparency is kept.
        out: folder of what is written.
        align: find faces with the detector; else a photo is taken as an aligned square.
        all_faces: repair every face of a photo, not only the largest.
        save_masks: folder of masks of what was repainted, NAME.png, 255 = may have changed; none when None. They can be
            given as ``masks``.
        sheet: file of a contact sheet: crop, what was found hidden, the outcome (where the network leaves a gap, first that
            without it); none when None.
        progress: called with (done, all).
        masks: folder of masks of one's own, see `occset.models.photos.told.masks_of`: repainted is what they mark near a
            face, and nothing else changes. A photo without a mask is skipped by name. By what is found when None.
        threshold: 0..254, for masks of more than two values.

    Returns:
        What came of it, and the names of the photos in which nothing was hidden.

    Raises:
        BadInput: there is no photo or no mask, or one would be overwritten.
        MissingExtra: ``align`` and no detector.
        NoSpace: a file cannot be written.
    """
    folders = [folder for folder in (masks, save_masks) if folder is not None]
    _keep(photos, out, masks, save_masks)
    read = None if masks is None else masks_of(masks, threshold)
    changed: dict[str, bool] = {}
    doubtful: list[tuple[str, str]] = []
    open_: dict[str, Repair] = {}  # the photo whose faces are coming in

    def find(images: np.ndarray, told: np.ndarray | None = None) -> list[_Found]:
        done = network.run(images, told)
        before = done.images if done.without_gap is None else done.without_gap
        fields = (done.images, done.hidden, done.renders, done.whole, done.share, before)
        return [_Found(*one) for one in zip(*fields, strict=True)]

    def write(crop: Crop, found: _Found) -> None:
        if crop.face == 0:
            open_.clear()
            with stage("read"):
                open_[crop.name] = Repair.of(crop, read)
        repair = open_[crop.name]
        if found.share >= UNCHANGED if crop.mask is None else bool(crop.mask.any()):
            with stage("paste"):
                repair.lay(crop, found.image, found.hidden)
        if crop.face + 1 < crop.faces:
            return
        changed[crop.name] = bool(repair.mask.any())
        if changed[crop.name] and (left := repair.left()) > _LEFT:
            doubtful.append((crop.name, f"{left:.0%} of its mask lies far from a face and stays as it was"))
        with stage("write"):
            write_png(target(out, crop.name), repair.picture())
            if save_masks is not None:
                write_png(target(save_masks, crop.name), repair.mask)

    def show(crop: Crop, found: _Found) -> np.ndarray:
        ways = (found.without_gap, found.image) if network.gap else (found.image,)
        return tile(crop.image, tinted(crop.image, found.hidden), *ways)

    done = run_over_photos(
        photos, out, find, write, align=align, all_faces=all_faces and align, masks=read, mask_folders=folders, size=SIZE,
        sheet=sheet, show=show, progress=progress,
    )  # fmt: skip
    done.doubtful += doubtful
    return done, [name for name, hides in changed.items() if not hides]


def _keep(photos: Sequence[Path], out: Path, masks: Path | None, save_masks: Path | None) -> None:
    """Let neither pictures nor masks be written over masks or photos that were given.

    Raises:
        BadInput: they would be.
    """
    if masks is not None and masks.resolve() in [folder.resolve() for folder in (out, save_masks) if folder]:
        raise BadInput(f"{masks}: the masks themselves would be overwritten: choose other folders to write to")
    if save_masks is None:
        return
    if save_masks.resolve() == out.resolve():
        raise BadInput(f"{save_masks}: the masks would be written over the pictures: choose another --save-mask")
    folders = [folder for folder in (masks, save_masks) if folder is not None]
    refuse_overwriting(find_photos(photos, out=out, others=folders).files, save_masks)


class Repair:
    """A photo whose faces are laid back one after another.

    Args:
        photo: (H, W, 4) uint8 RGBA; it is changed.
        told: (H, W) uint8, 255 where the photo may change; all of it when None.

    Attributes:
        mask: (H, W) uint8, 255 where a pixel may have changed.
    """

    def __init__(self, photo: np.ndarray, told: np.ndarray | None) -> None:
        self._photo, self._told = photo, told
        self.mask = np.zeros(photo.shape[:2], np.uint8)

    @classmethod
    def of(cls, crop: Crop, read: ReadMask | None) -> Repair:
        """The photo of a crop, with its mask where masks are given."""
        return cls(read_rgba(crop.file), None if read is None else read(crop.name, crop.shape))

    def lay(self, crop: Crop, image: np.ndarray, hidden: np.ndarray) -> None:
        """Lay a painted crop back; what somebody's mask does not mark stays."""
        place, part = crop.cut()
        if crop.own is not None:
            hidden = np.minimum(hidden, crop.own)
        told = None if self._told is None else self._told[place]
        colours = self._photo[place][..., :3]
        self._photo[place][..., :3] = laid_back(colours, part, image, hidden, told)
        marked = part.lay_back(hidden) > 0
        self.mask[place][marked if told is None else marked & (told > 0)] = 255

    def left(self) -> float:
        """Share of somebody's mask that no face took, 0..1; 0 where there is none."""
        told = self._told
        return 0.0 if told is None else float(((told > 0) & (self.mask == 0)).sum() / max(1, (told > 0).sum()))

    def picture(self) -> np.ndarray:
        """The photo as it is now: (H, W, 3), or (H, W, 4) where it has transparency."""
        return self._photo if self._photo[..., 3].min() < 255 else np.ascontiguousarray(self._photo[..., :3])


def laid_back(
    photo: np.ndarray, crop: Crop, image: np.ndarray, hidden: np.ndarray, told: np.ndarray | None = None
) -> np.ndarray:
    """The photo (H, W, 3) with the painted pixels of its crop, under a soft seam that stays inside what was painted.

    Args:
        photo: (H, W, 3) uint8.
        crop: of it.
        image: (S, S, 3) uint8, the painted crop.
        hidden: (S, S) uint8, 255 = was painted.
        told: (H, W) uint8, 255 where the photo may change; all of it when None.
    """
    size = hidden.shape[0]
    margin = max(1, round(_SEAM * size))
    core = cv2.erode(hidden, np.ones((2 * margin + 1,) * 2, np.uint8), borderValue=255)
    soft = cv2.GaussianBlur(core, (0, 0), _SEAM * size)
    alpha = crop.lay_back(np.minimum(soft, hidden))
    if told is not None:
        alpha = np.minimum(alpha, told)
    weight = alpha.astype(np.float32)[..., None] / 255
    laid = crop.lay_back(image).astype(np.float32)
    return np.rint(photo * (1 - weight) + laid * weight).astype(np.uint8)
