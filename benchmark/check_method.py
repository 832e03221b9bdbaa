"""Tells in seconds whether a method fits the bench, on pictures made up here: no data, no scores.

========  ===========================================================================================
opens     the spec names something that can be constructed and is a method
fits      it learns from a few train faces (only for methods that have `fit`)
returns   a batch of three and one of one come back in the form that the task asks for, such as (B, H, W, 3) uint8
repeats   the same batch gives the same answer again
inputs    what it is handed is not altered
batch     an image's answer does not depend on what else is in the batch        (advice)
...       what the task has to remark, such as whether anything outside the hole is changed       (advice)
speed     time an image                                                         (advice)
========  ===========================================================================================

Advice may be ignored; a method for which any other check fails cannot be benched.
"""

from __future__ import annotations

import time
from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np

from occset.benchmark.methods.guard import read_only, say_failure
from occset.benchmark.methods.interfaces import Learns
from occset.benchmark.tasks.definition import BenchTask, Evaluator
from occset.benchmark.tasks.made_up import MadeUpFaces
from occset.benchmark.tasks.opening import open_method, task_of
from occset.benchmark.tasks.registry import task_named
from occset.support.errors import OccsetError
from occset.support.references import load

SIZE = 256
COUNT = 3


class Check(NamedTuple):
    """One line of the answer; `ok` false is fatal unless it is `advice`."""

    name: str
    ok: bool
    message: str
    advice: bool = False


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
    chosen = None if task is None else task_named(task)
    try:
        chosen = chosen or task_of(spec)
        method = open_method(spec, chosen)
    except OccsetError as error:
        return [Check("opens", False, str(error))]
    given = ", ".join(method.given) or "nothing: automatic"
    checks = [Check("opens", True, f"{method.name}, given {given}, for {chosen.name}")]
    if "ids" in method.given:
        checks.append(
            Check("returns", True, "not tried: it answers by sample id, and made-up samples have none it knows")
        )
        return checks
    try:
        if isinstance(method, Learns):
            checks.append(_fits(method))
        _run_all(method, chosen, checks)
    except OccsetError as error:
        checks.append(Check("returns", False, str(error)))
    return checks


def _run_all(method: Any, task: BenchTask, checks: list[Check]) -> None:
    batch = load(task.trial)(SIZE, COUNT)
    evaluator: Evaluator = load(task.evaluator)({})

    def run(part: Any) -> tuple[Any, tuple[int, int] | None]:
        return evaluator.run(method, part, evaluator.answers(part), read_only)

    run(_part(batch, slice(0, 1)))  # the first call may load or compile something, and is not timed
    started = time.perf_counter()
    first, resized = run(batch)
    seconds = (time.perf_counter() - started) / COUNT
    alone = [run(_part(batch, slice(i, i + 1)))[0] for i in range(COUNT)]
    kinds = ", ".join(dict.fromkeys(str(array.dtype) for array in _arrays(first)))
    size = f", scaled from {resized[1]} x {resized[0]} to the input's size" if resized else ""
    checks.append(Check("returns", True, f"batches of {COUNT} and 1, {SIZE} px, {kinds}{size}"))
    checks.append(_repeats(first, run(batch)[0]))
    checks.append(_inputs(method, evaluator, batch))
    checks.append(_batch(first, alone))
    checks += [
        Check(remark.name, remark.ok, remark.message, advice=True) for remark in load(task.remarks)(first, batch)
    ]
    checks.append(Check("speed", True, f"{seconds * 1000:.0f} ms an image of {SIZE} px", advice=True))


def _part(batch: Any, which: slice) -> Any:
    """Some samples of a batch, all of whose parts have one entry a sample."""
    return type(batch)(**{part.name: getattr(batch, part.name)[which] for part in fields(batch)})


def _arrays(answer: Any) -> tuple[np.ndarray, ...]:
    """The parts of an answer, which is an array or several."""
    return (answer,) if isinstance(answer, np.ndarray) else tuple(answer)


def _fits(method: Learns) -> Check:
    faces = MadeUpFaces(SIZE, 12)
    started = time.perf_counter()
    try:
        method.fit(faces)
    except (Exception, SystemExit) as error:  # an outsider's code may fail in any way
        raise OccsetError(f"{method.name} {say_failure(error, 'in fit')}") from error  # type: ignore[attr-defined]
    return Check("fits", True, f"learned from {len(faces)} faces in {time.perf_counter() - started:.1f} s")


def _repeats(first: Any, again: Any) -> Check:
    same = all(np.array_equal(a, b) for a, b in zip(_arrays(first), _arrays(again), strict=True))
    message = (
        "the same answer twice" if same else "two answers to one batch: give it a fixed seed, drawn anew each call"
    )
    return Check("repeats", same, message)


def _inputs(method: Any, evaluator: Evaluator, batch: Any) -> Check:
    """Hand over writable copies, and see whether they come back as they were."""
    lent: list[tuple[str, np.ndarray, np.ndarray]] = []

    def lend(what: str, array: np.ndarray) -> np.ndarray:
        copy = np.array(array)
        lent.append((what, array, copy))
        return copy

    try:
        evaluator.run(method, batch, evaluator.answers(batch), lend)
    except OccsetError as error:
        raise OccsetError(f"{error} (when it was handed arrays that it may write to)") from error
    altered = [what for what, before, after in lent if not np.array_equal(before, after)]
    return Check("inputs", not altered, f"alters its {' and '.join(altered)}" if altered else "left as they were")


def _batch(together: Any, alone: list[Any]) -> Check:
    worst, rounding = 0.0, True
    for whole, *parts in zip(_arrays(together), *(_arrays(answer) for answer in alone), strict=True):
        difference = np.abs(whole.astype(np.float64) - np.concatenate(parts)).max(initial=0.0)
        # networks round differently for different batch sizes
        allowed = 1.0 if whole.dtype == np.uint8 else 1e-3 * max(1.0, float(np.abs(whole).max(initial=0.0)))
        worst, rounding = max(worst, float(difference)), rounding and difference <= allowed
    if rounding:
        return Check("batch", True, "an image's answer does not depend on its batch", advice=True)
    return Check("batch", False, f"an image's answer depends on its batch, by up to {worst:.4g}", advice=True)
