"""Linear faces for training: a face's own picture must not be in the basis that stands before it.

With it the prior would be better in training than it ever is at work, and a network would learn to trust it too much. So
the faces are split by their ids, each part has a basis that was learned from the others, and one basis from all of them is
for faces of other splits, and for use.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.linear_face.basis import LinearFace
from occset.models.linear_face.kept import FOLDER, file_of, keep, take
from occset.models.linear_face.learning import AXES, ITERATIONS, SIZE, learn
from occset.samples.render import Renderer
from occset.support.errors import OccsetError

FOLDS = 2

MOST_FACES = 3000
"""That bases are learned from, those whose hashed ids come first: more bring little and take minutes."""

_ALL = -1


class LinearFaces(nn.Module):
    """A basis from all faces, and one a fold from the faces of the other folds."""

    def __init__(self, size: int = SIZE, axes: int = AXES, folds: int = FOLDS) -> None:
        """Empty bases; see `learned_from`."""
        super().__init__()
        self.whole = LinearFace(size, axes)
        self.parts: list[LinearFace] = [LinearFace(size, axes) for _ in range(folds)]
        self._registered = nn.ModuleList(self.parts)  # so that they move with it

    def forward(self, pictures: Tensor, visible: Tensor, folds: Tensor) -> Tensor:
        """The most probable faces, each by the basis that has not seen it.

        Args:
            pictures, visible: see `LinearFace.forward`.
            folds: (B,) of `fold_of`, or -1 for faces that no basis has seen.
        """
        out = torch.empty_like(pictures, dtype=torch.float32)
        for fold in folds.unique().tolist():
            basis = self.whole if fold == _ALL else self.parts[fold]
            out[folds == fold] = basis(pictures[folds == fold], visible[folds == fold])
        return out


def fold_of(face: str, folds: int = FOLDS) -> int:
    """Which part of the faces a face belongs to, 0 .. folds - 1: by its id alone."""
    return _number(face) % folds


def learned_from(
    data: OcclusionSet, faces: Sequence[str], size: int, axes: int, most: int = MOST_FACES, folds: int = FOLDS
) -> LinearFaces:
    """Learn the bases from faces of a set, or take those that were learned from them before.

    Args:
        data: the set.
        faces: ids of its faces.
        size, axes: of the bases, see `LinearFace`.
        most: faces that are looked at.
        folds: parts of the faces.

    Raises:
        OccsetError: there are too few faces.
    """
    renderer = Renderer(data, keep_faces=2)
    chosen = sorted(faces, key=_number)[:most]
    pictures, masks = np.zeros((len(chosen), size, size, 3), np.uint8), np.zeros((len(chosen), size, size), np.uint8)
    for at, face in enumerate(chosen):
        pictures[at], masks[at], _ = renderer.face(face, size)
    found = LinearFaces(size, axes, folds)
    kept = file_of(data.path / FOLDER, pictures, masks, (axes, folds, ITERATIONS, [fold_of(f, folds) for f in chosen]))
    if take(found, kept):
        return found
    found.whole.fill(learn(pictures, masks, axes))
    part = np.array([fold_of(face, folds) for face in chosen])
    for fold in range(folds):
        others = part != fold
        if not (~others).any() or not others.any():
            raise OccsetError(f"{data.path}: {len(chosen)} faces are too few to be split for linear faces: add faces")
        found.parts[fold].fill(learn(pictures[others], masks[others], axes, float(found.whole.noise)))
    keep(found, kept)
    return found


def _number(face: str) -> int:
    return int.from_bytes(hashlib.sha256(face.encode()).digest()[:8], "big")
