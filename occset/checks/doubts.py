"""`occset check --doubts`: faces that a person should look at, each with the reasons.

Labels that a model contradicts or that have an odd shape, photos that come twice, and pictures in which no face is found. A
doubt is no error: people label better than models, and twins look alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from occset.checks.label_doubts import SIDE, Fit, doubts_of_fit, doubts_of_shape, fit_of
from occset.dataset.embeddings import load_embeddings
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import MACHINE, flags_of
from occset.mining.model import open_model, probabilities, size_of
from occset.pictures.detector import detector_if_there
from occset.pictures.duplicates import near_pairs, similar_pairs
from occset.pictures.images import shrink
from occset.pictures.masks import decode_rle, harden, shrink_mask
from occset.support.errors import OccsetError
from occset.support.pools.processes import default_workers, map_chunks

SAME_PHOTO = 0.85
"""ArcFace cosine from which two pictures are one photo; other photos of one person are less alike."""
OTHER_PERSON = 0.5
"""ArcFace cosine below which two pictures are not one photo, however alike their hashes."""

_CHUNK = 16


@dataclass(frozen=True)
class Doubt:
    """Why a face should be looked at: `kind` is "label", "photo" or "duplicate"."""

    face: str
    kind: str
    message: str


@dataclass
class Doubts:
    """What was found.

    Attributes:
        doubts: in the order of the faces' ids.
        problems: what could not be looked at, id and reason.
        notes: what was not looked for, and why.
    """

    doubts: list[Doubt] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def by_face(self) -> dict[str, list[tuple[str, str]]]:
        """Kinds and messages by face, as `occset.publishing.gallery.write_gallery` shows them."""
        found: dict[str, list[tuple[str, str]]] = {}
        for doubt in self.doubts:
            found.setdefault(doubt.face, []).append((doubt.kind, doubt.message))
        return found


def find_doubts(
    data: OcclusionSet,
    model: str,
    weights: Path | None = None,
    device: str = "cpu",
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Doubts:
    """Look at every face of a set, excluded ones too.

    Args:
        data: the set.
        model, weights, device: who sees, see `occset.mining.model.open_model`.
        workers: processes; all cores by default.
        progress: called with (done, all).

    Raises:
        OccsetError: the model cannot be opened or returns no masks.
    """
    found = Doubts()
    make = partial(open_model, model, weights, device)
    make()  # a misspelt name is told before any worker starts
    if detector_if_there() is None:
        found.notes.append(
            "no face detector is here, so that no picture is doubted for showing no face: occset[identity]"
        )
    ids = sorted(data.faces["id"])
    chunks = [ids[i : i + _CHUNK] for i in range(0, len(ids), _CHUNK)]
    said: dict[str, list[Doubt]] = defaultdict(list)
    fits: dict[str, Fit] = {}
    looking = map_chunks(partial(_Looker, data, make), chunks, workers or default_workers())
    for number, seen in enumerate(looking, start=1):
        found.problems += seen.problems
        fits |= seen.fits
        for doubt in seen.doubts:
            said[doubt.face].append(doubt)
        if progress:
            progress(min(number * _CHUNK, len(ids)), len(ids))
    for doubt in (*_of_fits(data, fits), *_of_pairs(data)):
        said[doubt.face].append(doubt)
    found.doubts = [doubt for face in ids for doubt in said[face]]
    return found


def _of_fits(data: OcclusionSet, fits: dict[str, Fit]) -> Iterable[Doubt]:
    sources = dict(zip(data.faces["id"], data.faces["source"], strict=True))
    by_source: dict[str, list[float]] = defaultdict(list)
    for face, fit in fits.items():
        by_source[sources[face]].append(fit.iou)
    usual = {source: float(np.median(values)) for source, values in by_source.items()}
    for face, fit in fits.items():
        yield from (Doubt(face, "label", message) for message in doubts_of_fit(fit, usual[sources[face]]))


def _of_pairs(data: OcclusionSet) -> Iterable[Doubt]:
    """Both faces of each pair that shows one photo."""
    faces = data.faces.reset_index(drop=True)
    vectors = load_embeddings(data)
    known = [i for i, face in enumerate(faces["id"]) if face in vectors]
    matrix = np.stack([vectors[faces["id"][i]] for i in known]) if known else np.zeros((0, 1), np.float32)
    pairs = {(known[a], known[b]) for a, b in similar_pairs(matrix, SAME_PHOTO)}
    for i, j, _ in near_pairs(list(faces["phash"])):
        ours, theirs = (vectors.get(faces["id"][k]) for k in (i, j))
        if ours is None or theirs is None or float(ours @ theirs) >= OTHER_PERSON:
            pairs.add((i, j))
    for i, j in sorted(pairs):
        splits = {faces["split"][k] for k in (i, j)} - {"excluded", None}
        where = ", in another split: a leak" if len(splits) > 1 else ""
        for here, there in ((i, j), (j, i)):
            name = f"{faces['source_id'][there]} ({faces['id'][there]})"
            yield Doubt(str(faces["id"][here]), "duplicate", f"the same photo as {name}{where}")


@dataclass
class _Seen:
    fits: dict[str, Fit] = field(default_factory=dict)
    doubts: list[Doubt] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)


class _Looker:
    """What a worker does: all that takes the pictures."""

    def __init__(self, data: OcclusionSet, make_model: Callable[[], Any]) -> None:
        self.data, self.model, self.detector = data, make_model(), detector_if_there()
        self.size = size_of(self.model)

    def __call__(self, ids: Sequence[str]) -> _Seen:
        seen = _Seen()
        images: dict[str, np.ndarray] = {}
        labels: dict[str, np.ndarray] = {}
        for face in ids:
            row = self.data.face_row(face)
            try:
                images[face] = image = self.data.load_image(face)
                if isinstance(row["mask"], str) and MACHINE not in flags_of(row):
                    labels[face] = decode_rle(row["mask"], row["height"], row["width"])
            except OccsetError as error:
                seen.problems.append((face, str(error)))
                continue
            if self.detector is not None and not self.detector.detect(image, scales=3):
                seen.doubts.append(Doubt(face, "photo", "no face is found in it"))
        if labels:
            batch = np.stack([shrink(images[face], self.size) for face in labels])
            masks: np.ndarray = (probabilities(self.model, batch) * 255).round().astype(np.uint8)
            for (face, label), mask in zip(labels.items(), masks, strict=True):
                odd = doubts_of_shape(label, self.data.face_landmarks(face))
                seen.doubts += [Doubt(face, "label", why) for why in odd]
                if not odd:  # what is full or empty anyway fits nothing
                    seen.fits[face] = fit_of(shrink_mask(label, SIDE), harden(shrink(mask, SIDE)))
        return seen
