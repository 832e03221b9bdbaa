"""Calls a method of reconstruction, and checks what it tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np

from occset.benchmark.methods.guard import (
    Hand,
    call,
    check_masks,
    check_pictures,
    name_samples,
    read_only,
    to_size,
    what_is_given,
)
from occset.benchmark.methods.interfaces import Geometry, Reconstructor
from occset.benchmark.tasks.reconstruction.posed_face import TOPOLOGY
from occset.support.errors import BrokenMethod

_PARTS = ("coefficients", "renders", "masks")
_SHAPES: dict[str, tuple[tuple[int, ...], ...]] = {  # of one face; those of the mesh are the morphable model's to say
    "points": ((68, 2),),
    "landmarks": ((68, 3),),
    "light": ((9,), (9, 1), (9, 3)),
}
_OF_THE_MESH = ("vertices", "albedo")
_FARTHEST = 1e7
"""Pixels or millimetres: what is further off can only be a mistake, and would swallow every mean."""


class Answer(NamedTuple):
    """What a method tells of B faces, fit to be scored; what it does not tell is empty behind its first axis.

    Attributes:
        coefficients: (B, K) float32.
        renders: (B, H, W, 3) uint8 RGB, of the size of the input.
        masks: (B, H, W) uint8.
        points, landmarks, vertices, albedo, light: (B, ...) float32, see `Geometry`; the vertices and their albedo are
            empty too where they are not those of the truth's morphable model.
    """

    coefficients: np.ndarray
    renders: np.ndarray
    masks: np.ndarray
    points: np.ndarray
    landmarks: np.ndarray
    vertices: np.ndarray
    albedo: np.ndarray
    light: np.ndarray

    def geometry(self, at: int) -> Geometry:
        """What was told of one face, without the first axis."""
        told = (getattr(self, name)[at] for name in Geometry._fields)
        return Geometry(*(part if part.size else None for part in told))


def run_reconstructor(
    method: Reconstructor,
    images: np.ndarray,
    *,
    ids: Sequence[str] | None = None,
    hand: Hand = read_only,
    **known: Any,
) -> tuple[Answer, tuple[int, int] | None]:
    """Run a method of reconstruction on one batch and validate the outcome.

    The method sees read-only copies, and only what its `given` names. Renders and masks of another size are scaled to the
    input's (area average down, linear up).

    Args:
        method: what to run.
        images: (B, H, W, 3) uint8 RGB.
        ids: the B samples' ids.
        hand: what arrays go through on their way to the method.
        known: what controls may be given, by the names of `given`.

    Returns:
        The answer; and (height, width) of the renders if that was another size, else None.

    Raises:
        BrokenMethod: the method raised, or told something that cannot be scored; names method and samples.
        MissingExtra: the method needs a package that is not installed.
    """
    extra = what_is_given(method, {**known, "ids": ids}, hand)
    batch = name_samples(ids, len(images))
    where = f"{method.name} on {batch}"
    returned = call(method, batch, lambda: method.reconstruct(hand("images", images), **extra))
    if not isinstance(returned, tuple | list) or len(returned) != len(_PARTS):
        raise BrokenMethod(f"{where}: must return three arrays ({', '.join(_PARTS)}), not {type(returned).__name__}")
    coefficients = _coefficients(returned[0], len(images), where)
    check_pictures(returned[1], len(images), f"{where}, renders")
    check_masks(returned[2], len(images), f"{where}, masks")
    if returned[1].shape[:3] != returned[2].shape:
        raise BrokenMethod(
            f"{where}: renders are {returned[1].shape[1:3]} and masks {returned[2].shape[1:]}: draw both in one size"
        )
    size = images.shape[1:3]
    renders, resized_from = to_size(returned[1], size, cv2.INTER_LINEAR)
    masks = to_size(returned[2], size, cv2.INTER_LINEAR).images
    told = _geometry(method, coefficients, images.shape[1], batch)
    return Answer(coefficients, renders, masks, *told), resized_from


def _coefficients(returned: Any, count: int, where: str) -> np.ndarray:
    """(B, K) float32."""
    shape = getattr(returned, "shape", None)
    if not isinstance(returned, np.ndarray) or returned.ndim != 2 or len(returned) != count:
        raise BrokenMethod(f"{where}: coefficients must be a NumPy array ({count}, K), not {shape or type(returned)}")
    return _finite(returned, "coefficients", where)


def _finite(returned: np.ndarray, what: str, where: str) -> np.ndarray:
    """As float32, all of it a number that can be.

    Raises:
        BrokenMethod: it is of another type, or holds NaN, infinity or what is absurdly large.
    """
    if returned.dtype.kind != "f":
        raise BrokenMethod(f"{where}: {what} are {returned.dtype}, must be float32")
    bad = int((~(np.abs(returned) <= _FARTHEST)).sum())
    if bad:
        raise BrokenMethod(f"{where}: {bad} of {returned.size} {what} are NaN, infinite or beyond {_FARTHEST:g}")
    return returned.astype(np.float32)


def _geometry(method: Any, coefficients: np.ndarray, size: int, batch: str) -> list[np.ndarray]:
    """What the method tells of the faces' geometry, in the order of `Geometry`, each (B, ...) and empty if it is not told.

    Raises:
        BrokenMethod: a part has another shape or is not finite.
    """
    count = len(coefficients)
    empty = np.zeros((count, 0), np.float32)
    if not callable(getattr(method, "geometry", None)):
        return [empty] * len(Geometry._fields)
    told = call(method, batch, lambda: method.geometry(coefficients.copy(), size))
    where = f"{method.name} on {batch}"
    names = Geometry._fields
    if not isinstance(told, Mapping) or not set(told) <= set(names):
        what = sorted(map(str, told)) if isinstance(told, Mapping) else type(told).__name__
        raise BrokenMethod(f"{where}: geometry() must return a dictionary with some of {', '.join(names)}, not {what}")
    ours = getattr(method, "topology", None) == TOPOLOGY
    found = []
    for name in names:
        part = told.get(name)
        if part is None or (name in _OF_THE_MESH and not ours):
            found.append(empty)
            continue
        shapes = [(count, *shape) for shape in _shapes(name)]
        if not isinstance(part, np.ndarray) or part.shape not in shapes:
            forms = " or ".join(map(str, shapes))
            raise BrokenMethod(f"{where}: {name} must be {forms} float32, not {getattr(part, 'shape', type(part))}")
        found.append(_finite(part, name, where))
    return found


def _shapes(name: str) -> tuple[tuple[int, ...], ...]:
    """Of one face."""
    if name not in _OF_THE_MESH:
        return _SHAPES[name]
    from occset.models.morphable.store import open_morphable

    return ((len(open_morphable(TOPOLOGY).mean), 3),)
