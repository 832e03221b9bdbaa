"""What the procedural geometry costs: the same photos fitted with it and with ICT-FaceKit's, by residual and landmarks.

``python -m experiments.geometry SET [--ict FILE] [--learn N] [--photos N]``. ICT-FaceKit has no albedo, and the procedural
one is of no real people; so each geometry first learns an albedo of its own from the same train photos, fitted by its mean
colour alone, and both are then fitted to the same other photos, of the split val and, where these are too few, of train.
The set is only read. Errors are paired: the difference is told with twice its standard error over photos.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
import typer

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.usable import usable_faces
from occset.models.morphable.base import LinearModel
from occset.models.morphable.store import open_morphable
from occset.models.reconstruction.albedo import learn_albedo
from occset.models.reconstruction.fitting.fit import BATCH, SIZE, Fitter
from occset.models.reconstruction.samples import eyes_are_hidden
from occset.pictures.images import shrink
from occset.pictures.landmarks import five_points
from occset.pictures.masks import shrink_mask
from occset.support.console import print_table, progress_bar, say
from occset.support.errors import OccsetError

COMPONENTS, _SEED = 40, 0x6E0
FIGURES = {"residual": "colours, 0..1", "landmark_error": "landmarks, widths", "landmarks_alone": "the same, no pixels"}
"""What is compared, the lower the better: Eq. 6 of the fit to pixels; landmarks inside the face after it; and before it."""


class Photos(NamedTuple):
    """Photos as a fit wants them: (N, S, S, 3) and (N, S, S) uint8, (N, 68, 2) pixels."""

    images: np.ndarray
    masks: np.ndarray
    points: np.ndarray

    def batches(self) -> Iterator[Photos]:
        """Some at a time."""
        for at in range(0, len(self.images), BATCH):
            yield Photos(*(each[at : at + BATCH] for each in self))


class Outcome(NamedTuple):
    """Of one geometry: each of `FIGURES` (N,), seconds of processor time a photo, and how many fits are flagged."""

    figures: dict[str, np.ndarray]
    seconds: float
    flagged: int


def choose(data: OcclusionSet, learn: int, photos: int) -> tuple[list[str], list[str]]:
    """Ids to learn an albedo from, of train, and ids to compare on, of val and then of train; no face is in both.

    Raises:
        OccsetError: there are too few labelled faces.
    """
    order = np.random.default_rng(_SEED)
    train, val = (order.permutation(usable_faces(data, split)).tolist() for split in ("train", "val"))
    compared = (val + train[learn:])[:photos]
    if len(train) < learn or len(compared) < 2:
        raise OccsetError(
            f"{data.path}: {len(train)} train and {len(val)} val faces with mask and landmarks are too few"
        )
    return train[:learn], compared


def read_photos(data: OcclusionSet, ids: Sequence[str], finder: Fitter) -> Photos:
    """The photos whose eyes show, with the landmarks that are known or found."""
    found = []
    for face in ids:
        image, mask = data.load_face(face)
        points = finder.points([image], [data.stored_landmarks(face)])[0]
        if not eyes_are_hidden(mask, five_points(points)[:2]):
            scaled = (points + 0.5) * (SIZE / image.shape[1]) - 0.5
            found.append((shrink(image, SIZE), shrink_mask(mask, SIZE), scaled))
    return Photos(*(np.stack(each) for each in zip(*found, strict=True)))


def with_own_albedo(model: LinearModel, photos: Photos, components: int, step: Callable[[int], None]) -> LinearModel:
    """The geometry with an albedo learned from photos, which are fitted by its mean colour and light alone first."""
    plain = model.with_albedo(model.mean_albedo, model.texture_basis[:0])
    fitter = Fitter(plain)

    def fitted() -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        for some in photos.batches():
            rows = fitter.fit(*some)
            good = [k for k, row in enumerate(rows) if not row["problem"]]
            step(len(rows))
            if good:
                images = torch.from_numpy(some.images[good]).permute(0, 3, 1, 2).float() / 255
                masks = torch.from_numpy(some.masks[good])[:, None].float() / 255
                yield images, masks, torch.from_numpy(np.stack([rows[k]["vector"] for k in good]))

    return learn_albedo(plain, fitted(), components).model


def fit_all(model: LinearModel, photos: Photos, step: Callable[[int], None]) -> Outcome:
    """Fit photos to pixels, and look at what landmarks alone had come to."""
    fitter, rows, alone, began = Fitter(model), [], [], time.process_time()
    for some in photos.batches():
        rows += fitter.fit(*some)
        step(len(some.images))
    spent = (time.process_time() - began) / len(rows)
    for some in photos.batches():
        alone += [row["landmark_error"] for row in Fitter(model, "landmarks").fit(*some)]
    figures = {name: np.array([row[name] for row in rows]) for name in ("residual", "landmark_error")}
    return Outcome(figures | {"landmarks_alone": np.array(alone)}, spent, sum(bool(row["problem"]) for row in rows))


def table(outcomes: dict[str, Outcome]) -> list[dict[str, Any]]:
    """A row a figure: the mean of each geometry, and what the first costs against the second."""
    (first, a), (second, b) = outcomes.items()
    rows: list[dict[str, Any]] = []
    for name, what in FIGURES.items():
        away = a.figures[name] - b.figures[name]
        error = 2 * away.std(ddof=1) / np.sqrt(len(away))
        rows.append(
            {
                "figure": what,
                first: round(float(a.figures[name].mean()), 4),
                second: round(float(b.figures[name].mean()), 4),
                "difference": f"{away.mean():+.4f} +- {error:.4f}",
            }
        )
    rows.append({"figure": "flagged", first: a.flagged, second: b.flagged, "difference": ""})
    rows.append({"figure": "s a photo", first: round(a.seconds, 3), second: round(b.seconds, 3), "difference": ""})
    return rows


def compare(
    data: OcclusionSet,
    models: dict[str, LinearModel],
    learn: int = 120,
    photos: int = 120,
    components: int = COMPONENTS,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, Outcome], int]:
    """Fit the same photos with each geometry.

    Args:
        data: a set of photos with masks, only read.
        models: by name.
        learn, photos: how many photos an albedo is learned from, and how many are compared on.
        components: of the albedo.
        progress: called with (done, all).

    Returns:
        The outcomes by name, and on how many photos.

    Raises:
        OccsetError: there are too few photos.
    """
    ids = choose(data, learn, photos)
    finder = Fitter(next(iter(models.values())), "landmarks")
    known, asked = (read_photos(data, some, finder) for some in ids)
    done, whole = 0, len(models) * (len(known.images) + len(asked.images))

    def step(count: int) -> None:
        nonlocal done
        done += count
        if progress:
            progress(done, whole)

    found = {}
    for name, model in models.items():
        found[name] = fit_all(with_own_albedo(model, known, components, step), asked, step)
    return found, len(asked.images)


def main(
    path: Annotated[Path, typer.Argument(help="A set of photos with masks, only read.", metavar="SET")],
    ict: Annotated[str, typer.Option(help="ict once it is imported, or ICT-FaceKit's .npz or folder.")] = "ict",
    learn: Annotated[int, typer.Option(help="Photos that an albedo is learned from.", min=COMPONENTS + 1)] = 120,
    photos: Annotated[int, typer.Option(help="Photos that are compared on.", min=2)] = 120,
) -> None:
    """Residual and landmark error of the same photos with the procedural geometry and with ICT-FaceKit's."""
    models = {"procedural": open_morphable(), "ict": open_morphable(ict)}
    with progress_bar("fitting") as progress:
        found, count = compare(OcclusionSet(path), models, learn, photos, progress=progress)
    print_table(table(found), f"{count} photos, {COMPONENTS} colours of each geometry's own from {learn} others")
    say("differences: procedural - ict, with twice the standard error over photos")


if __name__ == "__main__":
    try:
        typer.run(main)
    except OccsetError as error:
        raise SystemExit(f"geometry: {error}") from error
