"""All pixel metrics of a batch in one pass.

Predictions are scored as they would be used: pasted into the input inside the occluder's footprint (the composite).
The primary columns look at the hole, the footprint's part on the clean face, so an automatic method is not asked to
repaint the background behind the occluder. `occset.benchmark.tasks.deocclusion.columns` defines every column.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from occset.benchmark.tasks.deocclusion.ssim import Box, ssim_deficit
from occset.support.errors import OccsetError

PSNR_CAP = 60.0
"""dB; a perfect region would otherwise be infinite and swallow every mean."""


def evaluate(
    predictions: np.ndarray,
    inputs: np.ndarray,
    truths: np.ndarray,
    footprints: np.ndarray,
    holes: np.ndarray,
    names: Sequence[str],
) -> list[dict[str, float]]:
    """Score a batch.

    Args:
        predictions: (B, H, W, 3) uint8 RGB, already at the protocol's resolution.
        inputs: (B, H, W, 3) uint8 RGB, the occluded pictures.
        truths: (B, H, W, 3) uint8 RGB, the clean pictures.
        footprints: (B, H, W) uint8, 255 where the occluder is (alpha > 0, dilated).
        holes: (B, H, W) uint8, 255 on the footprint's part on the clean face.
        names: B sample names, for errors.

    Returns:
        For each sample a value for each of `occset.benchmark.metrics.PIXEL_METRICS`, by key.

    Raises:
        OccsetError: shapes or types that do not fit, an empty hole, or a hole outside its footprint; names the sample.
    """
    _check_batch(predictions, inputs, truths, footprints, holes, names)
    return [
        _evaluate_one(*sample) for sample in zip(predictions, inputs, truths, footprints, holes, names, strict=True)
    ]


def composite(prediction: np.ndarray, occluded: np.ndarray, footprint: np.ndarray) -> np.ndarray:
    """The prediction inside the footprint, the input outside.

    Args:
        prediction: (H, W, 3) uint8.
        occluded: (H, W, 3) uint8.
        footprint: (H, W) uint8, 0 or 255.

    Returns:
        (H, W, 3) uint8, a new array.
    """
    return cv2.copyTo(prediction, footprint, occluded.copy())


def _evaluate_one(
    prediction: np.ndarray,
    occluded: np.ndarray,
    truth: np.ndarray,
    footprint: np.ndarray,
    hole: np.ndarray,
    name: str,
) -> dict[str, float]:
    if not cv2.countNonZero(hole):
        raise OccsetError(f"sample '{name}' has an empty hole, so there is nothing to score: draw the sample again")
    if cv2.countNonZero(cv2.subtract(hole, footprint)):
        raise OccsetError(
            f"sample '{name}': the hole reaches outside the occluder's footprint; it must be a part of it"
        )
    pasted = composite(prediction, occluded, footprint)
    box, deficit = ssim_deficit(pasted, truth)
    scores: dict[str, float] = {}
    for prefix, region in (("", hole), ("footprint_", footprint), ("whole_", None)):
        scores |= over_region(prefix, pasted, truth, region, box, deficit)
    if np.array_equal(prediction, pasted):
        scores |= {f"raw_{key}": scores[f"whole_{key}"] for key in ("l1", "psnr", "ssim")}
    else:
        scores |= over_region("raw_", prediction, truth, None, *ssim_deficit(prediction, truth))
    scores["table1_pm1_l1"] = 2 * scores["l1"]
    scores["table1_pm1_psnr"] = scores["psnr"]
    scores["table1_01_l1"] = scores["l1"]
    scores["table1_01_psnr"] = scores["whole_psnr"]
    return scores


def over_region(
    prefix: str, picture: np.ndarray, truth: np.ndarray, region: np.ndarray | None, box: Box, deficit: np.ndarray
) -> dict[str, float]:
    """L1, PSNR and SSIM over the region's pixels (None: all) from the pictures and their SSIM deficit."""
    pixels = truth.shape[0] * truth.shape[1] if region is None else cv2.countNonZero(region)
    values = 3 * pixels
    # sums of uint8 differences: OpenCV adds them as integers, so both are exact
    absolute = cv2.norm(picture, truth, cv2.NORM_L1, mask=region)
    squared = cv2.norm(picture, truth, cv2.NORM_L2SQR, mask=region)
    return {
        f"{prefix}l1": absolute / (255 * values),
        f"{prefix}psnr": _psnr(squared / (255**2 * values)),
        f"{prefix}ssim": 1 - _sum_inside(deficit, None if region is None else region[box]) / values,
    }


def _psnr(mse: float) -> float:
    """10 log10(1 / mse) in dB for an MSE on 0..1, at most `PSNR_CAP`."""
    return PSNR_CAP if mse <= 10 ** (-PSNR_CAP / 10) else -10 * math.log10(mse)


def _sum_inside(values: np.ndarray, region: np.ndarray | None) -> float:
    """Sum of (h, w, 3) values over all channels of the region's pixels."""
    if not values.size:
        return 0.0
    if region is None:
        return float(values.sum())
    return float(np.sum(cv2.mean(values, mask=region))) * cv2.countNonZero(region)


def _check_batch(
    predictions: np.ndarray,
    inputs: np.ndarray,
    truths: np.ndarray,
    footprints: np.ndarray,
    holes: np.ndarray,
    names: Sequence[str],
) -> None:
    if truths.ndim != 4 or truths.shape[-1] != 3:
        raise OccsetError(f"truths must be (B, H, W, 3), not {truths.shape}")
    expected = {
        "predictions": predictions,
        "inputs": inputs,
        "footprints": footprints,
        "holes": holes,
        "truths": truths,
    }
    for what, array in expected.items():
        shape = truths.shape[:3] if what in ("footprints", "holes") else truths.shape
        if array.shape != shape or array.dtype != np.uint8:
            raise OccsetError(f"{what} must be uint8 of shape {shape}, not {array.dtype} of shape {array.shape}")
    if len(names) != len(truths):
        raise OccsetError(f"{len(truths)} samples came with {len(names)} names")
