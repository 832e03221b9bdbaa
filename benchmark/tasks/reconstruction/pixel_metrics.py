"""How near a render is to the photo it was made from: Eq. 6 of the paper, on the clean picture.

With ``I^`` the render, ``If`` the clean picture on 0..1, ``Mf`` the face that it shows, and ``Mm`` what the render covers,

    lpix = sum over M of || I^ - If ||_2 / |M|,   M = Mf * Mm,   coverage = |M| / |Mf|

where ``|M|`` counts pixels, not pixels times channels. A render that covers nothing of the face gets `WORST`.
"""

from __future__ import annotations

import math

import numpy as np

from occset.pictures.masks import harden

WORST = math.sqrt(3)
"""Distance of black from white on 0..1: no render can be further off."""


def pixel_metrics(render: np.ndarray, mask: np.ndarray, clean: np.ndarray, face: np.ndarray) -> dict[str, float]:
    """The figures of one picture.

    Args:
        render: (H, W, 3) uint8 RGB.
        mask: (H, W) uint8, what the render covers; where above 127.
        clean: (H, W, 3) uint8 RGB, the picture without the occluder.
        face: (H, W) uint8, the face seen in it.

    Returns:
        ``lpix``; ``coverage``, 0..1; ``lpix_face``, the same sum over all of Mf, with black where the render covers nothing,
        divided by ``|Mf|``. A picture without any face has `WORST` and 0.
    """
    covered, seen = harden(mask) > 0, harden(face) > 0
    shown = np.where(covered[..., None], render, 0)
    distance = np.linalg.norm((shown.astype(np.float64) - clean) / 255, axis=-1)
    both = covered & seen
    return {
        "lpix": float(distance[both].mean()) if both.any() else WORST,
        "coverage": float(both.sum() / seen.sum()) if seen.any() else 0.0,
        "lpix_face": float(distance[seen].mean()) if seen.any() else WORST,
    }
