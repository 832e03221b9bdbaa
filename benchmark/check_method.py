"""Tells in seconds whether a method fits the bench, on pictures made up here: no data, no scores.

========  ===========================================================================================
opens     the spec names something that can be constructed and is a method
fits      it learns from a few train faces (only for methods that have `fit`)
returns   a batch of three and one of one come back as (B, H, W, 3) uint8
repeats   the same batch gives the same answer again
inputs    what it is handed is not altered
batch     an image's answer does not depend on what else is in the batch        (advice)
outside   what it changes outside the hole, which the composite throws away     (advice)
hole      it changes the hole at all                                            (advice)
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

from occset.benchmark.methods.guard import run_checked, say_failure
from occset.benchmark.methods.protocols import Deoccluder, Learns, TrainingFace
from occset.benchmark.methods.registry import open_method
from occset.errors import OccsetError

ADVICE = ("batch", "outside", "hole", "speed")
SIZE = 256
COUNT = 3


class Check(NamedTuple):
    """One line of the answer; `ok` false is fatal unless `name` is in `ADVICE`."""

    name: str
    ok: bool
    message: str


def check_method(spec: str) -> list[Check]:
    """Try a method on made-up pictures.

    Args:
        spec: as `open_method` takes it.

    Returns:
        The checks in the order of the table above; it ends at the first fatal failure.
    """
    try:
        method = open_method(spec)
    except OccsetError as error:
        return [Check("opens", False, str(error))]
    given = ", ".join(method.given) or "nothing: automatic"
    checks = [Check("opens", True, f"{method.name}, given {given}")]
    if "ids" in method.given:
        checks.append(
            Check("returns", True, "not tried: it answers by sample id, and made-up samples have none it knows")
        )
        return checks
    try:
        if isinstance(method, Learns):
            checks.append(_fits(method))
        _run_all(method, _Trial.made_up(SIZE, COUNT), checks)
    except OccsetError as error:
        checks.append(Check("returns", False, str(error)))
    return checks


class _Trial(NamedTuple):
    """A made-up batch; (B, H, W[, 3]) uint8 all."""

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


def _run_all(method: Deoccluder, trial: _Trial, checks: list[Check]) -> None:
    _run(method, trial.part(slice(0, 1)))  # the first call may load or compile something, and is not timed
    started = time.perf_counter()
    first, resized = _run(method, trial)
    seconds = (time.perf_counter() - started) / len(trial.images)
    alone = np.concatenate([_run(method, trial.part(slice(i, i + 1)))[0] for i in range(len(trial.images))])
    size = f", scaled from {resized[1]} x {resized[0]} to the input's size" if resized else ""
    checks.append(Check("returns", True, f"batches of {COUNT} and 1, {SIZE} px, uint8{size}"))
    checks.append(_repeats(first, _run(method, trial)[0]))
    checks.append(_inputs(method, trial))
    checks.append(_batch(first, alone))
    changed = (first != trial.images).any(axis=-1)
    outside, hole = changed[trial.masks == 0].mean(), changed[trial.masks > 0].mean()
    said = "leaves all pixels as they are" if outside == 0 else f"changes {outside:.1%} of the pixels"
    checks.append(Check("outside", bool(outside == 0), f"{said} outside the hole"))
    checks.append(Check("hole", bool(hole > 0), f"changes {hole:.1%} of the pixels in the hole"))
    checks.append(Check("speed", True, f"{seconds * 1000:.0f} ms an image of {SIZE} px"))


def _run(method: Deoccluder, trial: _Trial) -> tuple[np.ndarray, tuple[int, int] | None]:
    checked = run_checked(method, trial.images, trial.masks, truth=trial.truth, face=trial.face)
    return checked.images, checked.resized_from


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


def _inputs(method: Deoccluder, trial: _Trial) -> Check:
    """Hand over writable copies, and see whether they come back as they were."""
    copies = _Trial(*(array.copy() for array in trial))
    extra: dict[str, Any] = {what: getattr(copies, what) for what in method.given if what in ("truth", "face")}
    try:
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
