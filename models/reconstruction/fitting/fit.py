"""Fitting the faces of a set, and single batches, in stages: landmarks, photometry, EM; each with its time and residual."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.usable import usable_faces
from occset.models.morphable.base import LinearModel
from occset.models.reconstruction.coefficients import Coefficients, Layout
from occset.models.reconstruction.face import FaceModel
from occset.models.reconstruction.fits import fits_of
from occset.models.reconstruction.fitting.landmarks import LandmarkFit, LandmarkFitter
from occset.models.reconstruction.fitting.photometry import PhotometricFitter, PhotometrySettings
from occset.models.reconstruction.fitting.points import PointDetector
from occset.pictures.images import shrink
from occset.pictures.masks import shrink_mask
from occset.support.errors import OccsetError
from occset.support.pools.processes import default_workers, map_chunks

SIZE = 128
"""Side at which pixels are looked at: the finest stage is below it."""

BATCH = 16
_SAVE_EVERY = 8  # batches

WORST_LANDMARKS, WORST_RESIDUAL, LEAST_SHARE, LEAST_COVERED = 0.025, 0.24, 0.5, 0.5
"""A fit beyond these is flagged: landmarks in widths of the picture, Eq. 6 on 0..1, what EM must explain of the face, and
what the render must cover of it: one that covers nothing is wrong nowhere."""

NOT_FINITE = "not finite"

STAGES = ("landmarks", "photometry", "em")

Progress = Callable[[int, int], None]


@dataclass
class StageTimes:
    """Seconds that each stage took, over all faces and workers together."""

    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, stage: str, since: float) -> None:
        """Count the time since `since` (of `time.perf_counter`)."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - since


@dataclass
class FitReport:
    """What fitting a set came to.

    Attributes:
        fitted: how many faces were fitted now.
        poor: (id, why) of those whose fit is flagged.
        problems: (id, why) of faces that could not be fitted.
        seconds: of each stage.
        residual, landmark_error: means over the good fits made now; NaN without any.
    """

    fitted: int = 0
    poor: list[tuple[str, str]] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    residual: float = float("nan")
    landmark_error: float = float("nan")

    def lines(self) -> list[str]:
        """What there is to tell."""
        told = [f"skipped {face}: {why}" for face, why in self.problems]
        told.append(f"{self.fitted} faces fitted, {len(self.poor)} of them poorly, which training leaves out")
        if not np.isnan(self.residual):
            told.append(f"colours of the good ones are off by {self.residual:.3f} (0..1) on average")
        if not np.isnan(self.landmark_error):
            told.append(f"landmarks of the good ones are off by {self.landmark_error:.2%} of the width on average")
        sought = sum(self.seconds.get(stage, 0.0) for stage in STAGES)
        if sought:
            whole = sum(self.seconds.values())
            parts = ", ".join(f"{name} {seconds / whole:.0%}" for name, seconds in self.seconds.items())
            told.append(f"{whole / max(1, self.fitted):.2f} s of processor time a face: {parts}")
        return told


class Fitter:
    """Fits one morphable model to batches of aligned faces, as far as a stage."""

    def __init__(
        self,
        model: LinearModel,
        stage: str = "photometry",
        colours: int = 3,
        settings: PhotometrySettings | None = None,
        detector: PointDetector | None = None,
    ) -> None:
        """Prepare the model's levels.

        Args:
            model: of any origin.
            stage: the last one: "landmarks", "photometry" or "em".
            colours: of the light.
            settings: of photometry.
            detector: finds landmarks where none are given; loaded when first needed when None.
        """
        self.model, self.stage = model, stage
        self.face = FaceModel(model, colours, coarse=True)
        self.landmarks = LandmarkFitter(model)
        self.photometry = PhotometricFitter(self.face, settings)
        self._detector = detector
        self.times = StageTimes()

    @property
    def layout(self) -> Layout:
        """Of the vectors."""
        return self.face.layout

    def points(self, images: Sequence[np.ndarray], known: Sequence[np.ndarray | None]) -> np.ndarray:
        """(B, 68, 2) landmarks: those that are known, and where five points are known, those that the detector finds."""
        found = []
        for image, points in zip(images, known, strict=True):
            if points is None or points.shape != (68, 2):
                if points is None:
                    raise OccsetError("fitting needs five points of a face at least")
                if self._detector is None:
                    self._detector = PointDetector()
                points = self._detector.find(image, points)
            found.append(np.asarray(points, np.float64))
        return np.stack(found)

    def fit(self, images: np.ndarray, masks: np.ndarray, points: np.ndarray) -> list[dict[str, Any]]:
        """Fit a batch.

        Args:
            images: (B, S, S, 3) uint8 RGB, aligned.
            masks: (B, S, S) uint8, 255 = visible face.
            points: (B, 68, 2) pixels.

        Returns:
            A row of `occset.models.reconstruction.fits` for each, without "face".
        """
        size = images.shape[1]
        began = time.perf_counter()
        first = self.landmarks.fit(torch.from_numpy(points), size)
        self.times.add("landmarks", began)
        if self.stage == "landmarks":
            vectors = self.photometry.start(first.pose, first.identity, first.expression)
            nothing = torch.full((len(vectors),), torch.nan)
            whole = torch.ones(len(vectors))
            return self._rows(vectors, "landmarks", nothing, first.error, whole, whole)
        return self._by_pixels(images, masks, torch.from_numpy(points).float(), first)

    def _by_pixels(
        self, images: np.ndarray, masks: np.ndarray, points: Tensor, first: LandmarkFit
    ) -> list[dict[str, Any]]:
        pictures = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        visible = torch.from_numpy(masks)[:, None].float() / 255
        began = time.perf_counter()
        found = self.photometry.fit(
            pictures, visible, points, self.photometry.start(first.pose, first.identity, first.expression)
        )
        self.times.add("photometry", began)
        if self.stage == "em":
            began = time.perf_counter()
            found, _ = self.photometry.fit_with_outliers(pictures, visible, points, found.vectors)
            self.times.add("em", began)
        return self._rows(found.vectors, self.stage, found.residual, found.landmark_error, found.share, found.covered)

    def truth(self, truth: Mapping[str, np.ndarray], points: np.ndarray, size: int) -> dict[str, Any] | None:
        """The row of a face that was rendered from known coefficients; None where they are another model's.

        Shape is known; the pose is sought anew, since the face may have been seen by another camera.
        """
        own_albedo = bool(self.model.albedo_id)  # a learned one has none, and faces were rendered with the model's own
        given = {name: truth.get(f"coefficients/{name}") for name in ("identity", "expression", "texture")}
        if not own_albedo:
            given["texture"] = np.zeros(self.layout.texture, np.float32)
        light = truth.get("coefficients/illumination")
        wanted = (self.layout.identity, self.layout.expression, self.layout.texture)
        if light is None or any(p is None or p.shape != (n,) for p, n in zip(given.values(), wanted, strict=True)):
            return None
        identity, expression, texture = (torch.from_numpy(np.asarray(p, np.float32))[None] for p in given.values())
        shape = torch.cat((identity, expression), 1)
        found = self.landmarks.fit(torch.from_numpy(points)[None], size, shape)
        lit = torch.from_numpy(np.asarray(light, np.float32)).reshape(1, 9, -1)
        vector = self.layout.join(Coefficients(found.pose, identity, expression, texture, lit))
        whole = torch.ones(1)
        stage = "truth" if own_albedo else "shape"
        return self._rows(vector, stage, torch.full((1,), torch.nan), found.error, whole, whole)[0]

    def _rows(
        self, vectors: Tensor, stage: str, residual: Tensor, error: Tensor, share: Tensor, covered: Tensor
    ) -> list[dict[str, Any]]:
        return [
            {
                "vector": vector.detach().cpu().numpy().astype(np.float32),
                "stage": stage,
                "residual": float(r),
                "landmark_error": float(e),
                "share": float(s),
                "problem": problem_of(vector, float(r), float(e), float(s), float(c)),
            }
            for vector, r, e, s, c in zip(vectors, residual, error, share, covered, strict=True)
        ]


def problem_of(vector: Tensor, residual: float, error: float, share: float, covered: float = 1.0) -> str:
    """Why a fit is not to be trained on, "" where it may be."""
    if not torch.isfinite(vector).all() or np.isnan(error):
        return NOT_FINITE
    if covered < LEAST_COVERED:
        return f"the render covers {covered:.0%} of the visible face"
    if error > WORST_LANDMARKS:
        return f"landmarks are off by {error:.1%} of the width"
    if residual > WORST_RESIDUAL:
        return f"colours are off by {residual:.2f}"
    if share < LEAST_SHARE:
        return f"{share:.0%} of the face is explained"
    return ""


def fit_faces(
    data: OcclusionSet,
    model: LinearModel,
    stage: str = "photometry",
    faces: Sequence[str] | None = None,
    colours: int = 3,
    split: str | None = None,
    limit: int | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> FitReport:
    """Find coefficients for the faces of a set that have none; interrupted, it goes on where it stopped.

    Faces that were rendered from this model's coefficients keep those. Test faces are fitted too: what is found is truth to
    compare with, and never trained on.

    Args:
        data: the set.
        model: which morphable model.
        stage: the last one, see `Fitter`.
        faces: ids; all that have a mask and landmarks when None.
        colours: of the light.
        split: only its faces.
        limit: only the first so many of these faces, those that are fitted already included.
        workers: processes; all cores by default.
        progress: called with (done, all).

    Raises:
        OccsetError: there is no face to fit, or the network that finds landmarks is missing.
    """
    if colours not in (1, 3):
        raise OccsetError(f"light of {colours} colours: give 3, or 1 as in the paper")
    if stage not in STAGES:
        raise OccsetError(f"there is no stage '{stage}': choose one of {', '.join(STAGES)}")
    fits = fits_of(data, model, colours)
    wanted = usable_faces(data, split, only=faces or ())
    if not wanted:
        raise OccsetError(f"{data.path}: no face with mask and landmarks: fitting needs both; try occset label first")
    place = {face: number for number, face in enumerate(wanted)}
    missing = [face for face in wanted[:limit] if face not in fits.rows]
    # by their place among all: going on after an interruption, each face is fitted beside the same others
    turns = groupby(missing, key=lambda face: place[face] // BATCH)
    chunks = [list(some) for _, some in turns]
    report, pending, good = FitReport(), [], []
    make = partial(_Worker, data, model, stage, colours)
    for number, (rows, problems, seconds) in enumerate(map_chunks(make, chunks, workers or default_workers()), 1):
        pending += rows
        report.problems += problems
        report.fitted += len(rows)
        report.poor += [(row["face"], row["problem"]) for row in rows if row["problem"]]
        good += [row for row in rows if not row["problem"]]
        for name, spent in seconds.items():
            report.seconds[name] = report.seconds.get(name, 0.0) + spent
        if pending and (number % _SAVE_EVERY == 0 or number == len(chunks)):
            fits.add(pending)
            pending = []
        if progress:
            progress(sum(len(some) for some in chunks[:number]), len(missing))
    if good:
        residuals = [row["residual"] for row in good if not np.isnan(row["residual"])]
        report.residual = float(np.mean(residuals)) if residuals else float("nan")
        report.landmark_error = float(np.mean([row["landmark_error"] for row in good]))
    return report


class _Worker:
    """What a process does with a chunk of faces."""

    def __init__(self, data: OcclusionSet, model: LinearModel, stage: str, colours: int) -> None:
        torch.set_num_threads(1)
        self.data, self.fitter = data, Fitter(model, stage, colours)

    def __call__(self, ids: Sequence[str]) -> tuple[list[dict[str, Any]], list[tuple[str, str]], dict[str, float]]:
        self.fitter.times = StageTimes()
        rows: list[dict[str, Any]] = []
        problems: list[tuple[str, str]] = []
        batch: list[tuple[str, np.ndarray, np.ndarray, np.ndarray]] = []
        for face in ids:
            try:
                read = self._read(face)
                known = self._known(face)
            except OccsetError as error:
                problems.append((face, str(error)))
                continue
            if known is not None:
                rows.append({"face": face, **known})
            else:
                batch.append((face, *read))
        if batch:
            images, masks, points = (np.stack([one[k] for one in batch]) for k in (1, 2, 3))
            found = self.fitter.fit(images, masks, points)
            fitted = [{"face": one[0], **row} for one, row in zip(batch, found, strict=True)]
            problems += [(row["face"], "its fit is not finite") for row in fitted if row["problem"] == NOT_FINITE]
            rows += [row for row in fitted if row["problem"] != NOT_FINITE]  # no file of fits could hold it
        return rows, problems, self.fitter.times.seconds

    def _points(self, face: str) -> np.ndarray | None:
        points = self.data.stored_landmarks(face)
        if points is None:
            return None
        return (points + 0.5) * (SIZE / self.data.face_width(face)) - 0.5

    def _read(self, face: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Picture and mask at `SIZE`, and 68 landmarks, which are found in the picture as it is."""
        image, mask = self.data.load_face(face)
        began = time.perf_counter()
        points = self.fitter.points([image], [self.data.stored_landmarks(face)])[0]
        self.fitter.times.add("points", began)
        scaled = (points + 0.5) * (SIZE / image.shape[1]) - 0.5
        return shrink(image, SIZE), shrink_mask(mask, SIZE), scaled

    def _known(self, face: str) -> dict[str, Any] | None:
        """The row of a rendered face, whose coefficients its source told."""
        if not self.data.face_row(face)["truth"]:
            return None
        points = self._points(face)
        if points is None or points.shape != (68, 2):
            return None
        return self.fitter.truth(self.data.load_truth(face), points, SIZE)
