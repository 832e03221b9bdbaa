"""Whether the glasses of a face are spectacles, which one sees through, or dark ones, which hide the eyes.

Measured is the lens before each eye: glasses pixels within 0.065 picture widths of the eye's landmark, without labelled
eyes. Its median luma, divided by the median luma of the skin away from the glasses, is the lens ratio. Where the
annotators could still label an eye, dark means a ratio of at most 0.28; where they could not, at most 0.50, provided
that the glasses cover half of the discs (a head in profile shows frames and no lens). Glasses that do not lie before
the eyes, such as those pushed up into the hair, count as none. Tuned by eye on the 53 pairs of glasses among 900 faces:
52 are judged as a person would; the miss is a thick black frame with narrow clear lenses, called dark.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

_RADIUS = 0.065  # of the disc round an eye's landmark, in picture widths
_MARGIN = 0.01  # skin nearer to the glasses than this is in their shadow
_LEAST_COVER = 0.05  # of the discs; less is not before the eyes
_LENS_COVER = 0.5  # of the discs; less is a frame seen from the side
_DARK_WITH_EYES, _DARK_WITHOUT_EYES = 0.28, 0.50


@dataclass(frozen=True)
class Lenses:
    """A judgement: `kind` is "none", "clear" or "dark"; `ratio` is what it rests on, None if nothing was measured."""

    kind: str
    ratio: float | None


def judge_lenses(
    image: np.ndarray, glasses: np.ndarray, eyes: np.ndarray, skin: np.ndarray, eye_points: np.ndarray
) -> Lenses:
    """Judge the glasses of one face.

    Args:
        image: (H, W, 3) uint8 RGB.
        glasses: (H, W) bool, frame and lenses.
        eyes: (H, W) bool, the labelled eyes.
        skin: (H, W) bool, skin and nose.
        eye_points: (2, 2) pixels, where the eyes are.
    """
    if not glasses.any():
        return Lenses("none", None)
    width = image.shape[1]
    discs = np.zeros(glasses.shape, np.uint8)
    for x, y in np.round(eye_points).astype(int):
        cv2.circle(discs, (int(x), int(y)), max(1, round(_RADIUS * width)), 255, -1)
    disc = discs > 0
    cover = np.count_nonzero(glasses & disc) / max(1, np.count_nonzero(disc))
    if cover < _LEAST_COVER:
        return Lenses("none", None)
    grow = np.ones((2 * max(1, round(_MARGIN * width)) + 1,) * 2, np.uint8)
    bare = skin & (cv2.dilate((glasses | eyes).astype(np.uint8), grow) == 0)
    lens = glasses & disc & ~eyes
    if not bare.any() or not lens.any():
        return Lenses("clear" if eyes.any() else "dark", None)
    luma = image.astype(np.uint32) @ np.array([77, 150, 29], np.uint32)
    ratio = float(np.median(luma[lens]) / max(1.0, np.median(luma[bare])))
    is_lens = cover >= _LENS_COVER or eyes.any()
    threshold = _DARK_WITH_EYES if eyes.any() else _DARK_WITHOUT_EYES
    return Lenses("dark" if is_lens and ratio <= threshold else "clear", ratio)
