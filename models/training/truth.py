"""What is known of a face beside its picture, as arrays that a batch can be made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from occset.dataset.occlusion_set import OcclusionSet
from occset.support.errors import BadInput

KNOWN = "truth_known"
"""Name of the flag: uint8, 1 where the face's truth is known and 0 where zeros stand for it."""


class Truths:
    """Looks up a face's truth: of built-in faces what they were rendered from, of others what a fit found.

    Every face gives arrays of the same shapes, as batches need them: zeros, and a flag that says so, where nothing is known.
    Picklable; what was looked up is kept in memory, so name what is small.

        truths = Truths(data, {"coefficients/identity": (80,), "coefficients/pose": (6,)})
        sample = {"image": image, **truths(recipe.face)}
    """

    def __init__(
        self,
        data: OcclusionSet,
        shapes: Mapping[str, tuple[int, ...]],
        look_up: Callable[[str], Mapping[str, np.ndarray]] | None = None,
    ) -> None:
        """Say what is wanted.

        Args:
            data: the set.
            shapes: name of each array of the truth, and its shape.
            look_up: the truth of a face by its id, empty where there is none; `OcclusionSet.load_truth` when None.
        """
        self.data, self.shapes = data, {name: tuple(shape) for name, shape in shapes.items()}
        self.look_up = look_up
        self._kept: dict[str, dict[str, np.ndarray]] = {}

    def __call__(self, face: str) -> dict[str, np.ndarray]:
        """The truth of a face: each array as float32, and `KNOWN`, 1 where all of them are known, else 0 and zeros.

        Raises:
            BadInput: an array has another shape, or the file of the truth is broken; names the face.
        """
        if face not in self._kept:
            self._kept[face] = self._arrays(face)
        return self._kept[face]

    def _arrays(self, face: str) -> dict[str, np.ndarray]:
        found = (self.look_up or self.data.load_truth)(face)
        known = all(name in found for name in self.shapes)
        arrays: dict[str, np.ndarray] = {KNOWN: np.array(known, np.uint8)}
        for name, shape in self.shapes.items():
            array = np.asarray(found[name], np.float32) if known else np.zeros(shape, np.float32)
            if array.shape != shape:
                raise BadInput(
                    f"{self.data.path}: '{name}' of face {face} is {array.shape} instead of {shape}: it belongs to another "
                    "morphable model; choose faces of one model"
                )
            if not np.isfinite(array).all():
                raise BadInput(f"{self.data.path}: '{name}' of face {face} is not finite: make its truth again")
            arrays[name] = array
        return arrays
