"""Calls methods and checks what comes back, so that no score is ever computed from what is no picture or no mask.

What the evaluators of tasks have in common; what a task's methods are called with and must return is its own affair.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np

from occset.support.errors import BrokenMethod, MissingExtra

_MANY_ONES = 0.05
"""A mask of 0 and 1 with more ones than this share of its pixels is a mask that was not scaled, and no faint one."""


Hand = Callable[[str, np.ndarray], np.ndarray]
"""What every array goes to a method through: called with its name and the array, returns what is handed over."""


class Checked(NamedTuple):
    """What a method returned, fit to be scored.

    Attributes:
        images: (B, H, W, 3) uint8 RGB pictures or (B, H, W) uint8 masks; of the size of the input.
        resized_from: (height, width) of what the method returned if that was another size, else None.
    """

    images: np.ndarray
    resized_from: tuple[int, int] | None


def read_only(what: str, array: np.ndarray) -> np.ndarray:
    """A copy that cannot be written to: how the bench hands over arrays."""
    copy = np.array(array)
    copy.setflags(write=False)
    return copy


def what_is_given(method: Any, available: Mapping[str, Any], hand: Hand = read_only) -> dict[str, Any]:
    """What a method asks for in its `given`.

    Args:
        method: who asks.
        available: what is at hand, by the names that `given` uses; lists, and arrays, which go through ``hand``.
        hand: see `Hand`.

    Raises:
        BrokenMethod: it asks for something else.
    """
    asked = tuple(method.given)  # looked at once: what is checked is what is handed over
    for what in asked:
        if available.get(what) is None:
            raise BrokenMethod(f"{method.name} asks to be given '{what}', which is not at hand here")
    found = {what: available[what] for what in asked}
    names = {"mask": "masks"}  # as methods call them
    return {what: hand(names.get(what, what), v) if isinstance(v, np.ndarray) else list(v) for what, v in found.items()}


def call(method: Any, batch: str, run: Callable[[], Any]) -> Any:
    """What a method returns; whatever its code raises becomes an error that names it and the batch.

    Raises:
        BrokenMethod: it raised, or ended the program.
        MissingExtra: it needs a package that is not installed.
    """
    try:
        return run()
    except (BrokenMethod, MissingExtra):
        raise
    except (Exception, SystemExit) as error:  # what an outsider's code raises is his method's fault: say whose
        hint = "; images and masks are read-only, so copy what you change" if "read-only" in str(error) else ""
        raise BrokenMethod(f"{method.name} {say_failure(error, f'on {batch}')}{hint}") from error


def say_failure(error: BaseException, when: str) -> str:
    """What an outsider's code did, such as "raised ValueError in fit: no faces" or "called sys.exit(2) in fit"."""
    if isinstance(error, SystemExit):
        return f"called sys.exit({'' if error.code is None else repr(error.code)}) {when}"
    return f"raised {type(error).__name__} {when}: {error}"


def name_samples(ids: Sequence[str] | None, count: int) -> str:
    """A batch in words, for messages."""
    if ids is None:
        return f"a batch of {count}"
    shown = ", ".join(ids[:4]) + (f" and {len(ids) - 4} more" if len(ids) > 4 else "")
    return f"{'sample' if len(ids) == 1 else 'samples'} {shown}"


def check_pictures(returned: Any, count: int, where: str) -> None:
    """Raise `BrokenMethod` unless `returned` is (count, h, w, 3) uint8."""
    _validate_array(returned, "(B, H, W, 3)", where)
    shape = returned.shape
    if returned.ndim != 4 or shape[3] != 3:
        hint = "; channels come last: transpose(0, 2, 3, 1)" if returned.ndim == 4 and shape[1] == 3 else ""
        raise BrokenMethod(f"{where}: returned shape {shape}, must be ({count}, H, W, 3){hint}")
    _validate_count(shape, count, "images", where)


def check_masks(returned: Any, count: int, where: str) -> None:
    """Raise `BrokenMethod` unless `returned` is (count, h, w) uint8 with the face at 255 and not at 1."""
    _validate_array(returned, "(B, H, W)", where)
    shape = returned.shape
    if returned.ndim != 3:
        hint = "; take the channel away: [..., 0] or [:, 0]" if returned.ndim == 4 and 1 in (shape[1], shape[3]) else ""
        raise BrokenMethod(f"{where}: returned shape {shape}, must be ({count}, H, W){hint}")
    _validate_count(shape, count, "masks", where)
    if returned.max() == 1 and returned.mean() > _MANY_ONES:
        raise BrokenMethod(f"{where}: returned masks of 0 and 1, must be soft masks 0..255: multiply by 255")


def _validate_array(returned: Any, form: str, where: str) -> None:
    if not isinstance(returned, np.ndarray):
        kind = f"{type(returned).__module__}.{type(returned).__qualname__}".removeprefix("builtins.")
        hint = ": call .cpu().numpy() on a tensor" if hasattr(returned, "detach") else ""
        raise BrokenMethod(f"{where}: returned {kind}, must be a NumPy array {form} uint8{hint}")
    if returned.dtype != np.uint8:
        raise BrokenMethod(f"{where}: returned {returned.dtype}, must be uint8 0..255; {_dtype_hint(returned)}")


def _validate_count(shape: tuple[int, ...], count: int, what: str, where: str) -> None:
    if shape[0] != count:
        raise BrokenMethod(f"{where}: returned {shape[0]} {what} for a batch of {count}")
    if 0 in shape:
        raise BrokenMethod(f"{where}: returned empty {what}, shape {shape}")


def _dtype_hint(returned: np.ndarray) -> str:
    if returned.dtype == bool:
        return "multiply by np.uint8(255)"
    if not np.issubdtype(returned.dtype, np.floating):
        return "convert it with .astype(np.uint8) after clipping to 0..255"
    wrong = int((~np.isfinite(returned)).sum())
    if wrong:
        return f"and {wrong} of {returned.size} values are NaN or infinite"
    if returned.size and returned.max() <= 1.5:
        return "its values look like 0..1: scale by 255, round, clip, convert"
    return "round, clip to 0..255, and convert it with .astype(np.uint8)"


def to_size(returned: np.ndarray, size: tuple[int, ...], enlarge: int) -> Checked:
    """Pictures or masks at (height, width): area average down, OpenCV's interpolation ``enlarge`` up."""
    height, width = size
    if returned.shape[1:3] == (height, width):
        return Checked(np.ascontiguousarray(returned), None)
    smaller = height * width < returned.shape[1] * returned.shape[2]
    how = cv2.INTER_AREA if smaller else enlarge
    scaled = [cv2.resize(np.ascontiguousarray(image), (width, height), interpolation=how) for image in returned]
    return Checked(np.stack(scaled), (returned.shape[1], returned.shape[2]))
