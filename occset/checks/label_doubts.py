"""What speaks against the label of a face: what a model sees of the photo, and the label's own shape.

A shifted label is one that fits what the model sees better elsewhere than where it lies. On 900 labels of CelebAMask-HQ
and the released NS, `experiments/planted_faults.py` says how often that is found, and how often it is said of a sound one.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from occset.pictures.mask_doubts import doubt_of

SIDE = 256
"""Side at which labels are looked at, pixels."""
SHIFT = 0.03
"""Of the label's width: how far away it must fit better."""
BETTER = 0.01
"""IoU by which it must fit better there."""
FITS = 0.87
"""Least IoU of a label and what the model sees."""
USUAL = 0.08
"""Where a whole source is labelled by another convention: what its median IoU may be undercut by."""
HOLES = 0.02
"""Most of a label, as a share, that holes in it take; eyes, mouths and lenses are face."""
PIECES = 20
"""Most pieces of a label; hands and hair cut a face in two or three."""

_REACH = 0.15  # of the picture: the farthest shift that is tried


@dataclass(frozen=True)
class Fit:
    """How a label fits what a model sees.

    Attributes:
        iou: where it lies.
        best: where it fits best, at most `_REACH` of the picture away.
        right, down: how far away that is, as shares of the label's width.
    """

    iou: float
    best: float
    right: float
    down: float

    @property
    def is_shifted(self) -> bool:
        """Whether it clearly fits better elsewhere."""
        return bool(np.hypot(self.right, self.down) >= SHIFT and self.best - self.iou >= BETTER)


def fit_of(label: np.ndarray, seen: np.ndarray) -> Fit:
    """Compare two masks (S, S) uint8 0/255, the label moved by every whole number of pixels.

    The overlaps at all shifts are a correlation, which is a product of Fourier transforms.
    """
    one, other = (label > 0).astype(np.float32), (seen > 0).astype(np.float32)
    if not one.any():
        return Fit(float(not other.any()), float(not other.any()), 0.0, 0.0)
    reach = max(1, round(_REACH * min(one.shape)))
    padded = (
        one.shape[0] + reach,
        one.shape[1] + reach,
    )  # so that what leaves on one side does not come in on the other
    both = np.fft.irfft2(np.conj(np.fft.rfft2(one, padded)) * np.fft.rfft2(other, padded), padded)
    overlap = both / np.maximum(one.sum() + other.sum() - both, 1)
    near = np.roll(overlap, (reach, reach), (0, 1))[: 2 * reach + 1, : 2 * reach + 1]
    down, right = np.unravel_index(near.argmax(), near.shape)
    width = np.ptp(np.nonzero(one.any(0))[0]) + 1
    here, best = (float(np.clip(value, 0, 1)) for value in (overlap[0, 0], near.max()))
    return Fit(here, best, float((right - reach) / width), float((down - reach) / width))


def doubts_of_shape(label: np.ndarray, points: np.ndarray | None = None) -> list[str]:
    """What is odd in a label (H, W) uint8 0/255, whatever the photo; ``points`` as `doubt_of` takes them."""
    if not label.any():
        return ["its label is empty"]
    found = [f"its label is doubtful: {why}" for why in [doubt_of(label, points)] if why]
    count, of_pixel = cv2.connectedComponents((label == 0).astype(np.uint8), connectivity=4)
    rim = set(np.concatenate((of_pixel[0], of_pixel[-1], of_pixel[:, 0], of_pixel[:, -1])).tolist())
    sizes = np.bincount(of_pixel.ravel(), minlength=count)
    holes = sum(int(sizes[i]) for i in range(1, count) if i not in rim) / np.count_nonzero(label)
    if holes > HOLES:
        found.append(f"its label has holes of {holes:.0%} of its area")
    pieces = cv2.connectedComponents((label > 0).astype(np.uint8), connectivity=8)[0] - 1
    if pieces > PIECES:
        found.append(f"its label is in {pieces} pieces")
    return found


def doubts_of_fit(fit: Fit, usual: float = 1.0) -> list[str]:
    """What a model's view speaks against.

    Args:
        fit: of the label.
        usual: median IoU of the labels of its source; a source that is labelled by another convention is not doubted
            face by face.
    """
    if fit.is_shifted and fit.best >= min(FITS, usual - USUAL):
        way = ", ".join(
            f"{abs(share):.0%} too far {'to the left' if share > 0 else 'to the right'}"
            if name == "right"
            else f"{abs(share):.0%} too far {'up' if share > 0 else 'down'}"
            for name, share in (("right", fit.right), ("down", fit.down))
            if abs(share) >= 0.01
        )
        return [f"its label lies {way} (of its width): it fits better there, IoU {fit.best:.2f} for {fit.iou:.2f}"]
    if fit.iou < min(FITS, usual - USUAL):
        return [f"its label is not what the model sees (IoU {fit.iou:.2f}): is it of another photo?"]
    return []
