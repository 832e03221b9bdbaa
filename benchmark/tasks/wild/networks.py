"""The released NS and NR, which say how much of a face a photo shows; their hash is part of every result."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from occset.models.deocclusion.prior import FacePrior


@dataclass(frozen=True)
class Networks:
    """Where the weights of both are.

    Attributes:
        path: the folder above both.
        sha256: of both hashes.
        segmentation, reconstruction: of NS and NR.
    """

    path: Path
    sha256: str
    segmentation: Path
    reconstruction: Path


class Seen(NamedTuple):
    """What is known of B photos; (B, S, S) uint8 0/255, but for the pictures.

    Attributes:
        wholes: Mm, the rendered face.
        hidden: Mo, what hides it (Eq. 1).
        faces: Mf, where NS sees face.
        renders: (B, S, S, 3) uint8 RGB, the rendered face in the photo's colours.
    """

    wholes: np.ndarray
    hidden: np.ndarray
    faces: np.ndarray
    renders: np.ndarray


def find(file: Path | None = None) -> Networks:
    """The released weights, or those that `OCCSET_NS` and `OCCSET_NR` name.

    Raises:
        BadInput: there are none.
    """
    from occset.models.deocclusion.prior import FacePrior

    prior = FacePrior()
    parts = [network.weights.resolve() for network in (prior.segmenter, prior.reconstructor)]
    both = prior.segmenter.weights_hash + prior.reconstructor.weights_hash
    return Networks(Path(os.path.commonpath(parts)), hashlib.sha256(both.encode()).hexdigest(), *parts)


class Beholder:
    """Looks at photos, and at what methods made of them."""

    def __init__(self, networks: Networks | None = None) -> None:
        """Take over where the weights are, the released ones where nobody says; they are read when first needed."""
        self.networks = networks
        self._prior: FacePrior | None = None

    @property
    def prior(self) -> FacePrior:
        """NS and NR."""
        if self._prior is None:
            from occset.models.deocclusion.prior import FacePrior

            known = self.networks or find()
            self._prior = FacePrior(known.segmentation, known.reconstruction)
        return self._prior

    def look(self, images: np.ndarray) -> Seen:
        """(B, S, S, 3) uint8 RGB photos to what is known of them."""
        found = self.prior.look(images)
        whole, hidden, face = (_mask(part[:, 0].cpu().numpy()) for part in (found.whole, found.hidden, found.face))
        renders = (found.render.clamp(0, 1) * 255).round().permute(0, 2, 3, 1).cpu().numpy().astype(np.uint8)
        return Seen(whole, hidden, face, renders)

    def faces(self, images: np.ndarray) -> np.ndarray:
        """Where NS sees face: (B, S, S, 3) uint8 RGB to (B, S, S) uint8 0/255."""
        return _mask(self.prior.segmenter.probabilities(images))


def _mask(values: np.ndarray) -> np.ndarray:
    return np.where(values > 0.5, np.uint8(255), np.uint8(0))


def share_of(part: np.ndarray, wholes: np.ndarray) -> np.ndarray:
    """|part and whole| / |whole| of each of (B, S, S) uint8 masks, (B,) float; 0 where the whole is empty."""
    inside = ((part > 0) & (wholes > 0)).sum((1, 2))
    shares: np.ndarray = inside / np.maximum((wholes > 0).sum((1, 2)), 1)
    return shares
