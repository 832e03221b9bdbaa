"""One face of a morphable model before a camera: what built-in faces are rendered from, and what controls are made of.

A vector of it is pose (6), focal length in pixels (1), identity (80), expression (64), texture (80), light (9), 240 numbers
of the procedural model. Every face is worked out by itself, so that the same numbers give the same geometry, bit for bit,
whatever stands beside them in a batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from occset.benchmark.methods.interfaces import Geometry
from occset.support.errors import BadInput

if TYPE_CHECKING:
    from torch import Tensor

    from occset.models.morphable.base import LinearModel

TOPOLOGY = "procedural"
"""Name of the morphable model whose faces these are; known without loading it."""

_NAMES = ("pose", "focal", "identity", "expression", "texture", "illumination")
_SIZES = (6, 1, 80, 64, 80, 9)
_BEGIN = "coefficients/"
_LEAST_ALBEDO = 0.002


@dataclass(frozen=True)
class PosedFace:
    """Coefficients of the procedural model and the camera's focal length; all float32.

    Attributes:
        pose: (6,) pitch, yaw, roll in radians and translation in millimetres.
        focal: (1,) pixels.
        identity, expression, texture: (80,), (64,), (80,) standard deviations.
        light: (9,) harmonics in camera axes.
    """

    pose: np.ndarray
    focal: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    texture: np.ndarray
    light: np.ndarray

    def to_vector(self) -> np.ndarray:
        """(240,) float32."""
        return np.concatenate([part.astype(np.float32) for part in astuple(self)])

    def before(self, other: PosedFace) -> PosedFace:
        """This face before the camera of another one, in its pose."""
        return replace(self, pose=other.pose, focal=other.focal)


def from_vector(vector: np.ndarray) -> PosedFace:
    """The face of a (240,) vector."""
    return PosedFace(*np.split(vector, np.cumsum(_SIZES)[:-1]))


def from_truth(truth: Mapping[str, np.ndarray], scale: float, where: str) -> PosedFace | None:
    """What a face was rendered from.

    Args:
        truth: of the face, by `OcclusionSet.load_truth`.
        scale: pixels of the picture that is looked at, for one of the stored picture.
        where: the face, for messages.

    Returns:
        None where the truth holds no coefficients.

    Raises:
        BadInput: some are missing, are of another model, or are not finite.
    """
    if not any(name.startswith(_BEGIN) for name in truth):
        return None
    found = []
    for name, size in zip(_NAMES, _SIZES, strict=True):
        array = np.asarray(truth.get(_BEGIN + name, ()))
        if array.shape != (size,) or array.dtype.kind != "f" or not np.isfinite(array).all():
            raise BadInput(
                f"{where}: {_BEGIN}{name} of its truth must be {size} finite numbers of the model {TOPOLOGY}, not "
                f"{array.dtype} {array.shape}: add the face again"
            )
        found.append(array.astype(np.float32) * np.float32(scale if name == "focal" else 1))
    return PosedFace(*found)


def geometry_of(face: PosedFace, size: int) -> Geometry:
    """Landmarks, vertices, albedo and light of one face in a picture of side `size`, as a batch of one."""
    import torch

    from occset.models.rendering import camera

    model, parts = _model(), _tensors(face)
    with torch.no_grad():
        placed = camera.to_camera(model.shape(parts["identity"], parts["expression"]), parts["pose"])
        points = placed[:, model.landmarks]
        seen = camera.project(points, parts["focal"], size, size)[..., :2]
        albedo = model.albedo(parts["texture"])
    return Geometry(seen.numpy(), points.numpy(), placed.numpy(), albedo.numpy(), parts["light"].numpy())


def draw(face: PosedFace, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A face as a camera shows it, without hair, ears and neck.

    Returns:
        picture (size, size, 3) uint8 RGB on black, mask (size, size) uint8.
    """
    import torch

    from occset.models.rendering.colour import to_display
    from occset.models.rendering.render import render

    model, parts = _model(), _tensors(face)
    with torch.no_grad():
        seen = render(
            model.shape(parts["identity"], parts["expression"]),
            _drawn(),
            model.albedo(parts["texture"]).clamp_min(_LEAST_ALBEDO),
            parts["pose"],
            parts["light"],
            size,
            parts["focal"],
        )
    picture = to_display(seen.image[0]).clamp(0, 1).permute(1, 2, 0).numpy()
    mask = seen.mask[0].clamp(0, 1).numpy()
    return np.rint(picture * 255).astype(np.uint8), np.rint(mask * 255).astype(np.uint8)


@cache
def skin_weights() -> np.ndarray:
    """(V,) how much of the face's skin each vertex stands for, in square millimetres of the mean face; 0 off the skin."""
    model = _model()
    corners = model.mean[model.triangles].double().numpy()
    edges = corners[:, 1:] - corners[:, :1]
    areas = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=-1) / 2
    shares = np.bincount(model.triangles.numpy().ravel(), np.repeat(areas / 3, 3), len(model.mean))
    weights = np.where(model.skin.numpy(), shares, 0)
    weights.setflags(write=False)
    return weights


def mean_points() -> np.ndarray:
    """(68, 3) landmarks of the mean face, head millimetres."""
    model = _model()
    return model.mean[model.landmarks].double().numpy()


def _model() -> LinearModel:
    from occset.models.morphable.store import open_morphable

    return open_morphable(TOPOLOGY)


@cache
def _drawn() -> Tensor:
    """The triangles that data sets call face."""
    from occset.models.morphable.face_region import face_triangles

    return face_triangles(_model())


def _tensors(face: PosedFace) -> dict[str, Tensor]:
    import torch

    return {name: torch.from_numpy(np.array(part, np.float32))[None] for name, part in vars(face).items()}
