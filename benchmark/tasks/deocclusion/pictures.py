"""L1, PSNR and SSIM of one picture, by the conventions of the bench; `pixels` computes whole batches."""

from __future__ import annotations

import numpy as np

from occset.benchmark.tasks.deocclusion.pixels import over_region
from occset.benchmark.tasks.deocclusion.ssim import ssim_deficit
from occset.support.errors import OccsetError


def l1(prediction: np.ndarray, truth: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Mean absolute difference on 0..1, over pixels and channels.

    Args:
        prediction: (H, W, 3) uint8 RGB.
        truth: the same shape.
        mask: (H, W) uint8, above 0 where pixels count, such as the hole; all of them when None.

    Returns:
        0 (the same) to 1.

    Raises:
        OccsetError: shapes or types that do not fit, or a mask without a pixel.

    >>> import numpy as np
    >>> from occset.benchmark import l1
    >>> truth = np.zeros((8, 8, 3), np.uint8)
    >>> l1(truth + np.uint8(51), truth)
    0.2
    """
    return _figure("l1", prediction, truth, mask)


def psnr(prediction: np.ndarray, truth: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Peak signal-to-noise ratio, 10 log10(1 / MSE) on 0..1, the MSE over pixels and channels.

    Args, errors: as `l1`.

    Returns:
        dB, at most 60.

    >>> import numpy as np
    >>> from occset.benchmark import psnr
    >>> truth = np.zeros((8, 8, 3), np.uint8)
    >>> hole = np.zeros((8, 8), np.uint8)
    >>> hole[2:6, 2:6] = 255
    >>> prediction = np.where(hole[..., None] > 0, np.uint8(51), truth)
    >>> round(psnr(prediction, truth, hole), 2), round(psnr(prediction, truth), 2)
    (13.98, 20.0)
    """
    return _figure("psnr", prediction, truth, mask)


def ssim(prediction: np.ndarray, truth: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Structural similarity for each channel (Gaussian window of 11, sigma 1.5, reflected border), averaged.

    Args, errors: as `l1`. Pictures must have at least 6 pixels a side. The windows of masked pixels reach beyond the mask.

    Returns:
        At most 1 (the same).

    >>> import numpy as np
    >>> from occset.benchmark import ssim
    >>> truth = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    >>> ssim(truth, truth), ssim(255 - truth, truth) < 0
    (1.0, True)
    """
    return _figure("ssim", prediction, truth, mask)


def _figure(key: str, prediction: np.ndarray, truth: np.ndarray, mask: np.ndarray | None) -> float:
    for what, array in (("prediction", prediction), ("truth", truth)):
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or array.shape != truth.shape:
            raise OccsetError(f"the {what} must be (H, W, 3) uint8 like the truth, not {array.shape} {array.dtype}")
    if mask is not None:
        if mask.shape != truth.shape[:2] or mask.dtype not in (np.uint8, bool):
            raise OccsetError(f"the mask must be {truth.shape[:2]} uint8 like the truth, not {mask.shape} {mask.dtype}")
        if not mask.any():
            raise OccsetError("the mask holds no pixel, so there is nothing to score")
        mask = np.where(mask, np.uint8(255), np.uint8(0))
    return float(over_region("", prediction, truth, mask, *ssim_deficit(prediction, truth))[key])
