"""Visible-face masks for photos of any size: find the face, align it, segment the crop, and lay the mask back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from occset.models.segmentation.segmenter import FaceSegmenter
from occset.pictures.align import align_face
from occset.pictures.detector import FaceDetector
from occset.pictures.images import read_image, write_png
from occset.pictures.masks import THRESHOLD, harden
from occset.sources.photos import PhotosSource
from occset.support.errors import BadInput, NoSpace, OccsetError

CROP = 256
"""Side of the aligned crops, pixels."""
_BATCH = 16
_COLUMNS = 12
_TILE = 160
_SHOWN = 960  # at most so many faces on one contact sheet
_TINT = (40, 220, 90)


@dataclass
class Done:
    """What came of some photos: how many masks were written, and which photos were skipped and why."""

    written: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Crop:
    """An aligned crop, (S, S, 3) uint8, its map from the photo's pixels (2, 3), and the photo's (height, width)."""

    name: str
    image: np.ndarray
    matrix: np.ndarray
    shape: tuple[int, int]


def segment_photos(
    network: FaceSegmenter,
    photos: Sequence[Path],
    out: Path,
    align: bool = True,
    soft: bool = False,
    sheet: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Done:
    """Write one mask a photo, as large as the photo; of several faces the largest is marked.

    Args:
        network: the segmenter.
        photos: photos and folders of photos; a photo keeps its place below its folder.
        out: folder of the masks, NAME.png.
        align: find the face with the detector; else a photo is taken as an aligned square.
        soft: write 0..255 instead of 0 and 255.
        sheet: file of a contact sheet of the crops, the visible face tinted; none when None.
        progress: called with (done, all).

    Raises:
        BadInput: there is no photo, or one would be overwritten.
        MissingExtra: ``align`` and no detector.
        NoSpace: a mask cannot be written.
    """
    files = list(_files(photos))
    _refuse_overwriting(files, out, sheet)
    detector = FaceDetector() if align else None
    done = Done()
    tiles: list[np.ndarray] = []
    for at in range(0, len(files), _BATCH):
        crops = []
        for name, file in files[at : at + _BATCH]:
            try:
                crops.append(_crop(name, file, detector))
            except NoSpace:
                raise
            except OccsetError as error:
                done.problems.append((name, str(error)))
        if crops:
            found = network.segment(np.stack([crop.image for crop in crops]))
            for crop, mask in zip(crops, found, strict=True):
                laid = _lay_back(mask, crop)
                write_png(_target(out, crop.name), laid if soft else harden(laid))
                done.written += 1
                if sheet is not None and len(tiles) < _SHOWN:
                    tiles.append(_tile(crop.image, mask))
        if progress:
            progress(min(at + _BATCH, len(files)), len(files))
    if sheet is not None and tiles:
        write_png(sheet, _sheet(tiles))
    return done


def _files(photos: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Name below ``out`` and path of each photo.

    Raises:
        BadInput: two photos would write one mask.
    """
    names: dict[str, Path] = {}
    for given in photos:
        if given.is_dir():
            found = [(key, given / key) for key in PhotosSource(str(given), align="no").face_keys()]
        else:
            found = [(given.name, given)]
        for name, file in found:
            key = str(Path(name).with_suffix(""))
            if names.setdefault(key, file) != file:
                raise BadInput(f"{file} and {names[key]} would both write {key}.png: run them one after another")
            yield name, file


def _refuse_overwriting(files: list[tuple[str, Path]], out: Path, sheet: Path | None) -> None:
    """Nothing that is written may be a photo that was given.

    Raises:
        BadInput: it would be; names both.
    """
    given = {file.resolve() for _, file in files}
    masks = {_target(out, name).resolve() for name, _ in files}
    lost = sorted(given & (masks | ({sheet.resolve()} if sheet else set())))
    if lost:
        raise BadInput(
            f"{lost[0]}: the photo itself would be overwritten: choose another folder with --out (or --sheet)"
        )
    if sheet is not None and sheet.resolve() in masks:
        raise BadInput(f"{sheet}: is a mask's file too: choose another name for --sheet")


def _target(out: Path, name: str) -> Path:
    return (out / name).with_suffix(".png")


def _crop(name: str, file: Path, detector: FaceDetector | None) -> _Crop:
    photo = read_image(file)
    height, width = photo.shape[:2]
    if detector is None:
        if height != width:
            raise BadInput(f"{file}: is {width} x {height} and not an aligned square: leave out --no-align")
        matrix = np.array([[CROP / width, 0, CROP / width / 2 - 0.5], [0, CROP / height, CROP / height / 2 - 0.5]])
        return _Crop(name, cv2.resize(photo, (CROP, CROP), interpolation=cv2.INTER_AREA), matrix, (height, width))
    faces = detector.detect(photo)
    if not faces:
        raise BadInput(f"{file}: no face found: give a photo with a face, or --no-align for one that is aligned")
    crop, _, matrix = align_face(photo, faces[0].landmarks, CROP)
    return _Crop(name, crop, matrix, (height, width))


def _lay_back(mask: np.ndarray, crop: _Crop) -> np.ndarray:
    """A mask of the crop (S, S) as one of the photo (H, W), soft; 0 beyond the crop."""
    height, width = crop.shape
    backward = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(mask, crop.matrix, (width, height), flags=backward, borderMode=cv2.BORDER_CONSTANT)


def _tile(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A crop beside itself with the visible face tinted and outlined, (T, 2T, 3)."""
    tinted = image.copy()
    face = mask > THRESHOLD
    tinted[face] = (tinted[face] * 0.55 + np.array(_TINT) * 0.45).astype(np.uint8)
    outlines, _ = cv2.findContours(face.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(tinted, outlines, -1, (255, 255, 255), 1)
    return cv2.resize(np.hstack([image, tinted]), (2 * _TILE, _TILE), interpolation=cv2.INTER_AREA)


def _sheet(tiles: list[np.ndarray]) -> np.ndarray:
    """Tiles in rows, the last one filled up with white."""
    across = min(_COLUMNS // 2, len(tiles))
    blank = np.full_like(tiles[0], 255)
    padded = tiles + [blank] * (-len(tiles) % across)
    return np.vstack([np.hstack(padded[i : i + across]) for i in range(0, len(padded), across)])
