"""Tells in seconds whether a method fits the bench, on pictures made up here: no data, no scores.

========  ===========================================================================================
opens     the spec names something that can be constructed and is a method
fits      it learns from a few train faces (only for methods that have `fit`)
returns   a batch of three and one of one come back as (B, H, W, 3) uint8, of a segmenter as (B, H, W) uint8
repeats   the same batch gives the same answer again
inputs    what it is handed is not altered
batch     an image's answer does not depend on what else is in the batch        (advice)
outside   what it changes outside the hole, which the composite throws away     (advice)
hole      it changes the hole at all                                            (advice)
face      of a segmenter, in place of these two: how well it finds the made-up face     (advice)
speed     time an image                                                         (advice)
========  ===========================================================================================

Advice may be ignored; a method for which any other check fails cannot be benched.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np

from occset.benchmark.methods.guard import Checked, run_checked, run_segmenter, say_failure
from occset.benchmark.methods.protocols import Learns, TrainingFace
from occset.benchmark.methods.registry import open_method, task_of
from occset.benchmark.metrics import evaluate_masks
from occset.benchmark.tasks import SEGMENTATION, TASKS
from occset.pictures.masks import THRESHOLD
from occset.support.errors import OccsetError, UnknownName

ADVICE = ("batch", "outside", "hole", "face", "speed")
SIZE = 256
COUNT = 3


class Check(NamedTuple):
    """One line of the answer; `ok` false is fatal unless `name` is in `ADVICE`."""

    name: str
    ok: bool
    message: str


def check_method(spec: str, task: str | None = None) -> list[Check]:
    """Try a method on made-up pictures.

    Args:
        spec: as `open_method` takes it.
        task: what it is to do; told by what the method has when None.

    Returns:
        The checks in the order of the table above; it ends at the first fatal failure.

    Raises:
        UnknownName: there is no such task.
    """
    if task is not None and task not in TASKS:
        raise UnknownName("task", task, TASKS)
    try:
        task = task or task_of(spec)
        method = open_method(spec, task)
    except OccsetError as error:
        return [Check("opens", False, str(error))]
    given = ", ".join(method.given) or "nothing: automatic"
    at_what = f", for {task}" if task == SEGMENTATION else ""
    checks = [Check("opens", True, f"{method.name}, given {given}{at_what}")]
    if "ids" in method.given:
        checks.append(
            Check("returns", True, "not tried: it answers by sample id, and made-up samples have none it knows")
        )
        return checks
    try:
        if isinstance(method, Learns):
            checks.append(_fits(method))
        _run_all(method, _Trial.made_up(SIZE, COUNT), task == SEGMENTATION, checks)
    except OccsetError as error:
        checks.append(Check("returns", False, str(error)))
    return checks


class _Trial(NamedTuple):
    """A made-up batch; (B, H, W[, 3]) uint8 all: occluded and clean pictures, holes and faces of the clean ones."""

    images: np.ndarray
    masks: np.ndarray
    truth: np.ndarray
    face: np.ndarray

    @classmethod
    def made_up(cls, size: int, count: int) -> _Trial:
        truth = np.stack([_face(size, seed) for seed in range(count)])
        masks = np.stack([_hole(size, seed) for seed in range(count)])
        face = np.broadcast_to(_ellipse(size, (0.5, 0.52), (0.28, 0.38)), masks.shape).copy()
        images = np.where(masks[..., None] > 0, np.array([40, 90, 160], np.uint8), truth)
        return cls(images, masks, truth, face)

    def part(self, which: slice) -> _Trial:
        return _Trial(*(array[which] for array in self))


def _run_all(method: Any, trial: _Trial, segments: bool, checks: list[Check]) -> None:
    run = _segment if segments else _deocclude
    run(method, trial.part(slice(0, 1)))  # the first call may load or compile something, and is not timed
    started = time.perf_counter()
    first, resized = run(method, trial)
    seconds = (time.perf_counter() - started) / len(trial.images)
    alone = np.concatenate([run(method, trial.part(slice(i, i + 1))).images for i in range(len(trial.images))])
    size = f", scaled from {resized[1]} x {resized[0]} to the input's size" if resized else ""
    checks.append(Check("returns", True, f"batches of {COUNT} and 1, {SIZE} px, uint8{size}"))
    checks.append(_repeats(first, run(method, trial).images))
    checks.append(_inputs(method, trial, segments))
    checks.append(_batch(first, alone))
    checks += [_face_found(first, trial)] if segments else _changes(first, trial)
    checks.append(Check("speed", True, f"{seconds * 1000:.0f} ms an image of {SIZE} px"))


def _changes(first: np.ndarray, trial: _Trial) -> list[Check]:
    changed = (first != trial.images).any(axis=-1)
    outside, hole = changed[trial.masks == 0].mean(), changed[trial.masks > 0].mean()
    said = "leaves all pixels as they are" if outside == 0 else f"changes {outside:.1%} of the pixels"
    return [
        Check("outside", bool(outside == 0), f"{said} outside the hole"),
        Check("hole", bool(hole > 0), f"changes {hole:.1%} of the pixels in the hole"),
    ]


def _face_found(masks: np.ndarray, trial: _Trial) -> Check:
    """A method that paints the opposite, or one class for all, shows here."""
    scores = evaluate_masks(masks, trial.face & ~trial.masks, [str(i) for i in range(len(masks))])
    iou = float(np.mean([row["iou"] for row in scores]))
    some = 0 < (masks > THRESHOLD).mean() < 1
    said = f"calls {(masks > THRESHOLD).mean():.1%} of the pixels face, IoU {iou:.2f} with the made-up face"
    return Check("face", bool(some), f"{said} (which is a rough drawing: no score)")


def _deocclude(method: Any, trial: _Trial) -> Checked:
    return run_checked(method, trial.images, trial.masks, truth=trial.truth, face=trial.face)


def _segment(method: Any, trial: _Trial) -> Checked:
    return run_segmenter(method, trial.images, truth=trial.face & ~trial.masks, face=trial.face)


def _fits(method: Learns) -> Check:
    faces = _MadeUpFaces(12)
    started = time.perf_counter()
    try:
        method.fit(faces)
    except (Exception, SystemExit) as error:  # an outsider's code may fail in any way
        raise OccsetError(f"{method.name} {say_failure(error, 'in fit')}") from error  # type: ignore[attr-defined]
    return Check("fits", True, f"learned from {len(faces)} faces in {time.perf_counter() - started:.1f} s")


def _repeats(first: np.ndarray, again: np.ndarray) -> Check:
    same = np.array_equal(first, again)
    message = (
        "the same answer twice" if same else "two answers to one batch: give it a fixed seed, drawn anew each call"
    )
    return Check("repeats", same, message)


def _inputs(method: Any, trial: _Trial, segments: bool) -> Check:
    """Hand over writable copies, and see whether they come back as they were."""
    copies = _Trial(*(array.copy() for array in trial))
    extra: dict[str, Any] = {what: getattr(copies, what) for what in method.given if what in ("truth", "face")}
    try:
        if segments:
            extra |= {"truth": copies.face & ~copies.masks} if "truth" in extra else {}
            method.segment(copies.images, **extra)
        else:
            method.deocclude(copies.images, copies.masks if "mask" in method.given else None, **extra)
    except (Exception, SystemExit) as error:
        raise OccsetError(f"{method.name} {say_failure(error, 'on pictures it may write to')}") from error
    altered = [name for name, a, b in zip(_Trial._fields, copies, trial, strict=True) if not np.array_equal(a, b)]
    return Check("inputs", not altered, f"alters its {' and '.join(altered)}" if altered else "left as they were")


def _batch(together: np.ndarray, alone: np.ndarray) -> Check:
    difference = int(np.abs(together.astype(int) - alone).max())
    if difference <= 1:  # networks round differently for different batch sizes
        return Check("batch", True, "an image's answer does not depend on its batch")
    return Check("batch", False, f"an image's answer depends on its batch, by up to {difference} of 255")


class _MadeUpFaces:
    """Train faces for methods that learn."""

    size = SIZE
    fingerprint = "made-up"

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[TrainingFace]:
        points = np.array([[0.38, 0.47], [0.62, 0.47], [0.5, 0.6], [0.4, 0.72], [0.6, 0.72]]) * SIZE
        mask = _ellipse(SIZE, (0.5, 0.52), (0.28, 0.38))
        for seed in range(100, 100 + self.count):
            yield TrainingFace(_face(SIZE, seed), mask, points)


def _face(size: int, seed: int) -> np.ndarray:
    """A smooth background, an oval of skin, two eyes and a mouth: enough for a method to do something with."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    image[_ellipse(size, (0.5, 0.52), (0.28, 0.38)) > 0] = rng.integers(90, 230, 3)
    for x in (0.38, 0.62):
        image[_ellipse(size, (x, 0.47), (0.05, 0.03)) > 0] = 245
        image[_ellipse(size, (x, 0.47), (0.02, 0.02)) > 0] = 30
    image[_ellipse(size, (0.5, 0.72), (0.1, 0.03)) > 0] = (160, 60, 70)
    return image


def _hole(size: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng([seed, 1])
    return _ellipse(size, tuple(rng.uniform(0.35, 0.65, 2)), tuple(rng.uniform(0.08, 0.25, 2)))


def _ellipse(size: int, centre: tuple[float, ...], radii: tuple[float, ...]) -> np.ndarray:
    """(size, size) uint8, 255 inside; centre and radii (x, y) as shares of the size."""
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    inside = ((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2 <= 1
    return np.where(inside, np.uint8(255), np.uint8(0))
