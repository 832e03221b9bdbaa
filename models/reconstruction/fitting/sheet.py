"""A contact sheet of fits: the flagged ones, and a random few of the good ones behind them, to be looked at by a person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.morphable.base import LinearModel
from occset.models.photos.sheet import SHOWN, contact_sheet
from occset.models.reconstruction.drawer import bounded
from occset.models.reconstruction.face import FaceModel
from occset.models.reconstruction.fits import fits_of
from occset.pictures.images import shrink, write_png
from occset.pictures.masks import shrink_mask
from occset.support.errors import OccsetError

GOOD = 24
"""Good fits on a sheet."""

SIDE = 160
"""Pixels of a picture."""

_CAPTION, _BORDER = 16, 3
_RED, _GREEN = (200, 40, 40), (60, 160, 70)
_WORST = 0.5  # distance of colours that is drawn in full
_SEED = 0x5EE7


class Shown(NamedTuple):
    """Ids of the fits on a sheet."""

    poor: list[str]
    good: list[str]


def choose(rows: dict[str, dict[str, Any]], good: int = GOOD) -> Shown:
    """The flagged fits, worst colours first, and good ones by chance; the same for the same fits.

    Args:
        rows: of `occset.models.reconstruction.fits.Fits`, by face.
        good: how many at most.
    """
    poor = sorted((face for face in rows if rows[face]["problem"]), key=lambda f: (-_size(rows[f]["residual"]), f))
    others = sorted(face for face in rows if not rows[face]["problem"])
    drawn = np.random.default_rng(_SEED).permutation(len(others))[:good]
    return Shown(poor[: SHOWN - good], [others[k] for k in sorted(drawn)])


def _size(residual: float) -> float:
    return -1.0 if np.isnan(residual) else residual


def fit_tile(photo: np.ndarray, mask: np.ndarray, render: np.ndarray, covered: np.ndarray, row: Any) -> np.ndarray:
    """One fit: the photo, the render over it, and how far the two are apart, under what is said of it.

    Args:
        photo, render: (S, S, 3) uint8 RGB.
        mask, covered: (S, S) uint8, 255 = visible face, and where the render covers the picture.
        row: the fit.

    Returns:
        (S + 22, 3 S + 6, 3) uint8; apart is white for nothing and dark red for colours of the whole range, and grey where
        nobody looks.
    """
    over = np.where(covered[..., None] > 127, render, photo)
    counted = (covered > 127) & (mask > 127)
    distance = np.sqrt(np.square(photo / 255 - render / 255).sum(-1))
    share = np.clip(distance / _WORST, 0, 1)[..., None]
    apart = np.where(counted[..., None], 255 * (1 - share) + np.array([110, 0, 0]) * share, 128)
    pictures = np.hstack([photo, over, np.rint(apart).astype(np.uint8)])
    colour = _RED if row["problem"] else _GREEN
    said = row["problem"] or f"colours {row['residual']:.3f}, landmarks {row['landmark_error']:.2%}"
    caption = np.full((_CAPTION, pictures.shape[1], 3), colour, np.uint8)
    cv2.putText(caption, said.encode("ascii", "replace").decode(), (2, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255,) * 3)
    whole = np.vstack([caption, pictures])
    return cv2.copyMakeBorder(whole, _BORDER, _BORDER, _BORDER, _BORDER, cv2.BORDER_CONSTANT, value=colour)


@torch.no_grad()
def _tiles(data: OcclusionSet, face: FaceModel, rows: Any, ids: Sequence[str]) -> list[np.ndarray]:
    found = []
    for name in ids:
        image, mask = data.load_face(name)
        vector = torch.from_numpy(np.asarray(rows[name]["vector"], np.float32))[None]
        view = face(bounded(face.layout.split(vector)), SIDE)
        render = np.rint(view.image[0].clamp(0, 1).permute(1, 2, 0).numpy() * 255).astype(np.uint8)
        covered = np.where(view.mask[0, 0].numpy() > 0.5, 255, 0).astype(np.uint8)
        found.append(fit_tile(shrink(image, SIDE), shrink_mask(mask, SIDE), render, covered, rows[name]))
    return found


def write_fit_sheet(data: OcclusionSet, model: LinearModel, file: Path, colours: int = 3, good: int = GOOD) -> Shown:
    """Write the sheet of the fits of a morphable model to a set.

    Args:
        data: the set.
        model: that was fitted.
        file: PNG.
        colours: of the light.
        good: good ones at most.

    Returns:
        Which faces are on it.

    Raises:
        OccsetError: nothing is fitted.
        NoSpace: it cannot be written.
    """
    rows = dict(fits_of(data, model, colours).rows)
    shown = choose({face: row for face, row in rows.items() if face in set(data.faces["id"])}, good)
    ids = [*shown.poor, *shown.good]
    if not ids:
        raise OccsetError(f"{data.path}: no face is fitted: there is nothing to show on {file}")
    write_png(file, contact_sheet(_tiles(data, FaceModel(model, colours), rows, ids)))
    return shown
