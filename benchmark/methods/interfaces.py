"""What a method is: three protocols and no base class to inherit.

Every method has a `name` and says in `given` what it must be handed besides the occluded images:

==========  ==========================================================================================
``mask``    the hole: the occluder's footprint, (B, H, W) uint8, 255 = repaint here
``truth``   the clean images, (B, H, W, 3) uint8; for controls only. Of segmentation, the masks that are right,
            (B, H, W) uint8, 255 = visible face; of reconstruction, what the faces were rendered from, a list
``face``    the visible-face masks of the clean images, (B, H, W) uint8, 255 = face; for controls only, and for `labels`,
            a method of segmentation
``points``  the true five points of the faces, (B, 5, 2) float pixels; for `mean-face`, a method of reconstruction
``photo``   the clean images, where ``truth`` is something else; for controls only
``other``   as ``truth``, of other people; for controls of reconstruction
``ids``     the samples' ids, a list of B strings; for stored predictions, which are marked "made elsewhere"
==========  ==========================================================================================

A method without ``mask`` in `given` is called with ``masks=None``; one that is given nothing counts as automatic. What
else it is given arrives as a keyword argument of the same name. A segmenter can be given ``ids`` alone. Images and masks
are handed over read-only. Controls are those that the task registers; any other method that asks for the truth or the face
is refused. What a task calls and what may be asked for is declared by its `occset.benchmark.tasks.parts.Methods`.

A method may also have
    ``fit(faces: TrainingFaces) -> None``   called once, before the first batch, with the faces of the train split;
    ``weights_hash: str | None``            identifies what it learned, and becomes part of the result's identity;
    ``seed: int``                           of its random choices, which its result then states;
    ``revision: str``                       tells its versions apart; without it a hash of its sources does;
    ``citations: list[str]``                what to cite for it;
    ``trained: Mapping[str, Any]``          what its training was: "on", what it saw, in words; "parameters", "macs" of one
                                            picture, "samples", "seconds" and, of all threads in its steps, "processor"
                                            seconds of the training, numbers, which become columns;
                                            "unranked", why it may not be ranked, such as "trained on other data".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from occset.support.errors import BrokenMethod


@runtime_checkable
class Deoccluder(Protocol):
    """Removes what hides a face."""

    name: str
    given: tuple[str, ...]

    def deocclude(self, images: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
        """Repaint a batch.

        Args:
            images: (B, H, W, 3) uint8 RGB, occluded, read-only.
            masks: (B, H, W) uint8, 255 = hole, read-only; None for a method that does not ask for it.

        Returns:
            (B, h, w, 3) uint8 RGB, best of the same size; the whole picture, of which the hole is scored.
        """
        ...


@runtime_checkable
class Draws(Protocol):
    """A `Deoccluder` that can paint a face in several ways. Scored and ranked is what `deocclude` returns and nothing else.

    Attributes:
        draws: how many ways are looked at, for the columns of the best of them, which are never ranked.
    """

    draws: int

    def draw(self, images: np.ndarray, masks: np.ndarray | None, number: int) -> np.ndarray:
        """As `deocclude`, in the way of a number 0 .. draws - 1; the same for the same number."""
        ...


@runtime_checkable
class Segmenter(Protocol):
    """Finds the visible face."""

    name: str
    given: tuple[str, ...]

    def segment(self, images: np.ndarray) -> np.ndarray:
        """(B, H, W, 3) uint8 RGB in; (B, H, W) uint8 soft masks out, 255 = certainly visible face."""
        ...


@runtime_checkable
class Reconstructor(Protocol):
    """Fits a morphable model to a face.

    A method that also has ``geometry(coefficients, size)`` (see `TellsGeometry`) is held against landmarks, and against what
    rendered faces were made from; one that has not is scored by its pictures alone. ``topology``, the name of a morphable
    model such as "procedural", says whose vertices those of its geometry are, one by one; without it they are not looked at.
    """

    name: str
    given: tuple[str, ...]

    def reconstruct(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Fit each image of a batch.

        Args:
            images: (B, H, W, 3) uint8 RGB, read-only.

        Returns:
            coefficients (B, K) float32, in the order of the method's morphable model;
            renders (B, h, w, 3) uint8 RGB, the fitted face on black, as a camera would show it (sRGB), best of H x W;
            masks (B, h, w) uint8, 255 = the fitted face covers this pixel.
        """
        ...


class Geometry(NamedTuple):
    """What a `Reconstructor` can tell of B faces beside pictures; each part, or None where it does not tell it.

    Camera axes are those of `occset.models.rendering.camera`: millimetres, x to the picture's right, y up, z towards the
    viewer, the camera at the origin. Pixels are those of the images that the method was given, their centres at integers.

    Attributes:
        points: (B, 68, 2) float, iBUG landmarks (x, y) in the picture, pixels.
        landmarks: (B, 68, 3) float, the same in camera axes, millimetres.
        vertices: (B, V, 3) float, camera axes, millimetres, those of the method's ``topology``.
        albedo: (B, V, 3) float, linear RGB 0..1 of the vertices.
        light: (B, 9) or (B, 9, 3) float, harmonics in camera axes (`occset.models.rendering.lighting`).
    """

    points: np.ndarray | None = None
    landmarks: np.ndarray | None = None
    vertices: np.ndarray | None = None
    albedo: np.ndarray | None = None
    light: np.ndarray | None = None


@runtime_checkable
class TellsGeometry(Protocol):
    """A `Reconstructor` that tells more than pictures."""

    def geometry(self, coefficients: np.ndarray, size: int) -> Mapping[str, np.ndarray]:
        """Geometry of the faces whose coefficients `reconstruct` returned.

        Args:
            coefficients: (B, K) float32.
            size: height and width of the images that it was given.

        Returns:
            What it can tell, by the names of the parts of `Geometry`, such as {"points": ...}.
        """
        ...


@dataclass(frozen=True)
class TrainingFace:
    """One face of the train split.

    Attributes:
        image: (H, W, 3) uint8 RGB, not occluded by us (it may be by itself: hair, glasses).
        mask: (H, W) uint8, 255 = visible face.
        landmarks: (5, 2) float pixels (x, y): eyes, nose tip, mouth corners, the picture's left before its right;
            NaN where they are not known, which only happens in protocols of segmentation.
    """

    image: np.ndarray
    mask: np.ndarray
    landmarks: np.ndarray


class TrainingFaces(Protocol):
    """The train split, and nothing else, at the protocol's resolution; can be iterated more than once.

    Attributes:
        size: width and height of every image in pixels.
        fingerprint: hash of which faces these are, so that what was learned from them can be identified.
    """

    size: int
    fingerprint: str

    def __len__(self) -> int:
        """How many faces."""
        ...

    def __iter__(self) -> Iterator[TrainingFace]:
        """The faces in a stable order."""
        ...


@runtime_checkable
class Learns(Protocol):
    """A method that learns from the train split before it is run."""

    def fit(self, faces: TrainingFaces) -> None:
        """Learn from the train split; called once."""
        ...


def holes(masks: np.ndarray | None, name: str) -> np.ndarray:
    """Masks, (B, H, W) uint8, as bool holes.

    Raises:
        BrokenMethod: there are none, though the method asks for them in `given`.
    """
    if masks is None:
        raise BrokenMethod(f"{name} was called without masks, and cannot know what to repaint")
    return masks > 0
