"""The well-fitted faces of a set, from which an albedo is learned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.morphable.base import LinearModel
from occset.models.morphable.store import open_morphable
from occset.models.reconstruction.albedo import COMPONENTS, learn_albedo
from occset.models.reconstruction.fits import Fits, fits_of
from occset.models.reconstruction.samples import trainable_faces
from occset.pictures.images import shrink
from occset.pictures.masks import shrink_mask
from occset.support.errors import OccsetError

_SIZE, _BATCH = 256, 8
_SEED = 0xA1B


@dataclass(frozen=True)
class Learned:
    """A learned albedo.

    Attributes:
        model: the morphable model with it.
        faces: how many it was learned from.
        explained: share of their variance that the basis holds, 0..1.
        about: where it comes from, for the file.
    """

    model: LinearModel
    faces: int
    explained: float
    about: dict[str, Any]


def learn_from_set(
    data: OcclusionSet,
    morphable: str = "procedural",
    components: int = COMPONENTS,
    limit: int = 1500,
    progress: Callable[[int, int], None] | None = None,
) -> Learned:
    """Learn an albedo from the train faces of a set whose fit to pixels is good; rendered faces are left out.

    Args:
        data: the set, fitted.
        morphable: that it was fitted with.
        components: of the basis.
        limit: faces at most, chosen at random.
        progress: called with (done, all).

    Raises:
        OccsetError: too few such faces.
    """
    model = open_morphable(morphable)
    fits = fits_of(data, model)
    faces = [f for f in trainable_faces(data, fits, "train") if fits.rows[f]["stage"] in ("photometry", "em")]
    if not faces:
        raise OccsetError(f"{data.path}: no train face is fitted to pixels: run  occset fit {data.path}")
    chosen = sorted(np.random.default_rng(_SEED).permutation(faces)[:limit].tolist())
    tell = (lambda done: progress(done, len(chosen))) if progress else None
    learned = learn_albedo(model, _batches(data, fits, chosen), components, progress=tell)
    about = {
        "data": {"name": data.head["name"], "content_hash": data.content_hash(), "faces": len(chosen)},
        "fits": fits.path.name,
        "explained": round(learned.explained, 4),
    }
    return Learned(learned.model, len(chosen), learned.explained, about)


def _batches(data: OcclusionSet, fits: Fits, faces: Sequence[str]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Pictures, masks and coefficients of faces."""
    for at in range(0, len(faces), _BATCH):
        some = faces[at : at + _BATCH]
        read = [data.load_face(face) for face in some]
        images = np.stack([shrink(image, _SIZE) for image, _ in read])
        masks = np.stack([shrink_mask(mask, _SIZE) for _, mask in read])
        vectors = np.stack([np.asarray(fits.rows[face]["vector"], np.float32) for face in some])
        pictures = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        yield pictures, torch.from_numpy(masks)[:, None].float() / 255, torch.from_numpy(vectors)
