"""Masks by a model for faces that nobody labelled, where the model is sure: self-training.

The paper finds that NS labels faces better than their own labels do, and so trains on photos without any. A mask is the mean
of what the model says of a picture and of its mirror image. Only faces of the split "train" get one, so that no protocol
holds what a model said; the flag `mask_origin` tells which model it was, and whoever labels the face replaces it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import MACHINE, with_flag
from occset.mining.model import open_model, probabilities, size_of, weights_hash_of
from occset.mining.options import DEFAULT_MODEL
from occset.mining.scoring import Progress
from occset.mining.signals import iou
from occset.pictures.images import shrink
from occset.pictures.masks import encode_rle
from occset.support.errors import OccsetError
from occset.support.locks import only_writer
from occset.support.pools.processes import default_workers, map_chunks

_CHUNK, _COMMIT_EVERY = 16, 512
_BETWEEN = (0.15, 0.85)  # chances that say neither face nor not
_AREAS = (0.12, 0.62)  # shares of an aligned crop that a visible face takes
_LARGEST = 0.8  # least share of a face that is in one piece


@dataclass(frozen=True)
class Surety:
    """How sure a model must be of a face.

    Attributes:
        unsure: largest number of pixels that are neither face nor not, as a share of those that are.
        agreement: least IoU of the masks of the picture and of its mirror image.
    """

    unsure: float = 0.10
    agreement: float = 0.955


@dataclass
class Labelled:
    """What became of the faces without a mask.

    Attributes:
        labelled: how many have one now.
        left: ids of those that the model is not sure of.
        problems: faces that could not be read, and why.
    """

    labelled: int = 0
    left: list[str] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)


def label_faces(
    data: OcclusionSet,
    model: str = DEFAULT_MODEL,
    weights: Path | None = None,
    surety: Surety | None = None,
    device: str = "cpu",
    workers: int | None = None,
    progress: Progress | None = None,
    only: Collection[str] | None = None,
) -> Labelled:
    """Give the unlabelled faces of the split "train" the masks of a model, where it is sure.

    Cut off, what was finished is kept, and running it again does the rest.

    Args:
        data: the set.
        model, weights, device: see `occset.mining.model.open_model`.
        surety: how sure the model must be.
        workers: processes; all cores by default.
        progress: called with (done, all).
        only: ids of faces to choose from; all when None.

    Raises:
        OccsetError: the model cannot be opened or returns no masks, or another process writes to the set.
    """
    done = Labelled()
    with only_writer(data.path):
        data.refresh()
        faces = data.faces
        open_ = faces["split"].eq("train") & faces["mask"].isna() & faces["verdict"].isna()
        ids = sorted(face for face in faces.loc[open_, "id"] if only is None or face in only)
        make = partial(open_model, model, weights, device)
        opened = make()  # a misspelt name is told before any worker starts
        origin = f"{getattr(opened, 'name', model)} {weights_hash_of(opened)[:12]}".strip()
        chunks = [ids[i : i + _CHUNK] for i in range(0, len(ids), _CHUNK)]
        worker = partial(_Labeller, data, make, surety or Surety())
        pending: dict[str, str] = {}
        for number, found in enumerate(map_chunks(worker, chunks, workers or default_workers()), 1):
            done.left += found.left
            done.problems += found.problems
            pending |= found.masks
            if len(pending) >= _COMMIT_EVERY or number == len(chunks):
                _write(data, pending, origin)
                done.labelled += len(pending)
                pending = {}
            if progress:
                progress(min(number * _CHUNK, len(ids)), len(ids))
        data.note()
    return done


def _write(data: OcclusionSet, masks: dict[str, str], origin: str) -> None:
    rows = [
        {"id": face, "mask": counts, "flags": with_flag(data.face_row(face), MACHINE, origin)}
        for face, counts in masks.items()
    ]
    with data.replacing() as change:
        change.put_faces(rows)


@dataclass
class _Found:
    masks: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)


class _Labeller:
    """What a worker does."""

    def __init__(self, data: OcclusionSet, make_model: Callable[[], Any], surety: Surety) -> None:
        self.data, self.model, self.surety = data, make_model(), surety
        self.size = size_of(self.model)

    def __call__(self, ids: Sequence[str]) -> _Found:
        found = _Found()
        images: dict[str, np.ndarray] = {}
        for face in ids:
            try:
                images[face] = shrink(self.data.load_image(face), self.size)
            except OccsetError as error:
                found.problems.append((face, str(error)))
        if not images:
            return found
        batch = np.stack(list(images.values()))
        straight = probabilities(self.model, batch)
        mirrored = probabilities(self.model, np.ascontiguousarray(batch[:, :, ::-1]))[:, :, ::-1]
        for face, one, other in zip(images, straight, mirrored, strict=True):
            if is_sure(one, other, self.surety):
                found.masks[face] = self._full_size(face, (one + other) / 2)
            else:
                found.left.append(face)
        return found

    def _full_size(self, face: str, chance: np.ndarray) -> str:
        row = self.data.face_row(face)
        size = (int(row["width"]), int(row["height"]))
        large = cv2.resize(chance, size, interpolation=cv2.INTER_LINEAR)
        return encode_rle((large > 0.5).astype(np.uint8))


def is_sure(straight: np.ndarray, mirrored: np.ndarray, surety: Surety) -> bool:
    """Whether a model is sure of a face.

    Args:
        straight, mirrored: (S, S) float32, 0..1, the chance that a pixel is face, by the picture and by its mirror image
            laid back.
        surety: how sure it must be.
    """
    chance = (straight + mirrored) / 2
    mask = chance > 0.5
    pixels = int(mask.sum())
    if not _AREAS[0] < pixels / mask.size < _AREAS[1]:
        return False
    between = ((chance > _BETWEEN[0]) & (chance < _BETWEEN[1])).sum()
    _, _, pieces, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    largest = int(pieces[1:, cv2.CC_STAT_AREA].max())
    agree = iou(straight > 0.5, mirrored > 0.5) >= surety.agreement
    return bool(agree and between <= surety.unsure * pixels and largest >= _LARGEST * pixels)
