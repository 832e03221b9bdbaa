"""Naive Bayes on colour: a pixel is face if faces have its colour more often than what is round them has.

The classifier that Deep3DFaceReconstruction, reference [37] of the paper, uses to find skin, here with histograms in place
of Gaussian mixtures (Jones and Rehg 2002). With h(c | face) and h(c | other) the smoothed shares of colour c among the
train split's pixels, and p the share of face among them,

    P(face | c) = p h(c | face) / (p h(c | face) + (1 - p) h(c | other)),

which is the soft mask; it says face where the odds are even or better. Colours are YCbCr (JPEG's, full range) in bins of
8, Y in bins of 16, since light changes it most. The classifier looks at one pixel at a time.
"""

from __future__ import annotations

import hashlib

import cv2
import numpy as np

from occset.benchmark.methods.interfaces import TrainingFaces
from occset.support.errors import BrokenMethod

_BITS = (4, 5, 5)  # of Y, Cr, Cb, OpenCV's order
_SMOOTHING = 1.0  # pixels added to each bin, of each class


class SkinColour:
    """Naive Bayes skin colour, learned from the train split (histograms in YCbCr)."""

    name = "colour"
    given: tuple[str, ...] = ()
    citations = ("Jones and Rehg, Statistical color models with application to skin detection, IJCV 2002",)

    def __init__(self) -> None:
        """A classifier that has not learned yet."""
        self.table: np.ndarray | None = None
        self.weights_hash: str | None = None

    def fit(self, faces: TrainingFaces) -> None:
        """Count colours.

        Raises:
            BrokenMethod: there is no train face, or no pixel of face or of anything else.
        """
        counts = np.zeros((2, 1 << sum(_BITS)), np.int64)
        for face in faces:
            bins = _bins(face.image[None])[0]
            for is_face in (False, True):
                counts[int(is_face)] += np.bincount(bins[(face.mask > 0) == is_face], minlength=counts.shape[1])
        if not counts.sum(axis=1).all():
            raise BrokenMethod(f"{self.name} needs train faces with masks, and there are {len(faces)}: add some")
        self.table = _posterior(counts)
        self.weights_hash = hashlib.sha256(f"{self.name} {_BITS} {_SMOOTHING}".encode() + counts.tobytes()).hexdigest()

    def segment(self, images: np.ndarray) -> np.ndarray:
        """(B, H, W, 3) uint8 RGB in; (B, H, W) uint8 soft masks out.

        Raises:
            BrokenMethod: `fit` has not been called.
        """
        if self.table is None:
            raise BrokenMethod(f"{self.name} has to learn from the train split first: call fit(faces)")
        return self.table[_bins(images)]


def _posterior(counts: np.ndarray) -> np.ndarray:
    """Soft mask value 0..255 of each colour, from pixels of (other, face) by colour; above 127 is face."""
    prior = counts.sum(axis=1) / counts.sum()
    shares = (counts + _SMOOTHING) / (counts + _SMOOTHING).sum(axis=1, keepdims=True)
    other, face = prior[:, None] * shares
    return np.rint(255 * face / (face + other)).astype(np.uint8)


def _bins(images: np.ndarray) -> np.ndarray:
    """The bin of each pixel: (B, H, W, 3) uint8 RGB to (B, H, W) int32."""
    bins = np.zeros(images.shape[:3], np.int32)
    for image, out in zip(images, bins, strict=True):
        colours = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2YCrCb)
        for channel, bits in enumerate(_BITS):
            out[:] = (out << bits) | (colours[..., channel].astype(np.int32) >> (8 - bits))
    return bins
