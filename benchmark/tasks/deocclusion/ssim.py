r"""Structural similarity of two uint8 pictures as a map, computed only where they differ.

For one channel, with Gaussian-weighted means mu and population variances v over an 11 x 11 window (sigma 1.5),

    SSIM = (2 mu_x mu_y + C1) / (mu_x^2 + mu_y^2 + C1) * (2 v_xy + C2) / (v_x + v_y + C2),
    C1 = (0.01 R)^2, C2 = (0.03 R)^2, R = the range (1 on 0..1, 255 here).

The border is mirrored without repeating the edge pixel ("reflect" of NumPy, PyTorch and OpenCV's BORDER_REFLECT_101;
SciPy, and so scikit-image, calls another thing "reflect": it repeats the edge). So the mean of the map equals
torchmetrics, and the map equals scikit-image's (`gaussian_weights=True, use_sample_covariance=False`) from 5 pixels
inside the border on.

With d = x - y and s = x + y the same reads

    1 - SSIM = l + c - l c,   l = mu_d^2 / ((mu_s^2 + mu_d^2) / 2 + C1),   c = v_d / ((v_s + v_d) / 2 + C2),

which is zero, exactly, wherever a window sees no difference, and needs four filtered maps instead of five.
"""

from __future__ import annotations

import math
import threading

import cv2
import numpy as np

WINDOW, SIGMA = 11, 1.5
RADIUS = WINDOW // 2
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

_KERNEL = np.exp(-(np.arange(-RADIUS, RADIUS + 1, dtype=np.float64) ** 2) / (2 * SIGMA**2))
_KERNEL /= _KERNEL.sum()

Box = tuple[slice, slice]


def ssim_map(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """SSIM of two pictures for each pixel and channel.

    Args:
        x: (H, W, 3) uint8, H and W at least 6.
        y: the same shape.

    Returns:
        (H, W, 3) float64, at most 1.
    """
    full = np.ones(x.shape, dtype=np.float64)
    box, deficit = ssim_deficit(x, y)
    full[box] -= deficit
    return full


def ssim_deficit(x: np.ndarray, y: np.ndarray) -> tuple[Box, np.ndarray]:
    """1 - SSIM where it can differ from zero.

    Args:
        x: (H, W, 3) uint8.
        y: the same shape.

    Returns:
        box: rows and columns that enclose every pixel whose window sees a difference; outside it SSIM is exactly 1.
        deficit: (h, w, 3) float64 inside the box, valid until this thread's next call; empty for equal pictures.
    """
    height, width, channels = x.shape
    # as a picture of one channel, three times as wide, whose bounding rectangle OpenCV finds
    left, top, wide, high = cv2.boundingRect(cv2.absdiff(x, y).reshape(height, width * channels))
    if not high:
        return (slice(0, 0), slice(0, 0)), np.zeros((0, 0, channels))
    left, right = left // channels, (left + wide - 1) // channels + 1
    rows, outer_rows, inner_rows = _grow(top, top + high, height)
    columns, outer_columns, inner_columns = _grow(left, right, width)
    deficit = _deficit(x[outer_rows, outer_columns], y[outer_rows, outer_columns])
    return (rows, columns), deficit[inner_rows, inner_columns]


def _grow(start: int, stop: int, size: int) -> tuple[slice, slice, slice]:
    """The span whose windows meet start..stop, the span those windows read, and the first inside the second.

    The outer span ends at the picture's border or a radius beyond the inner one, so what is mirrored at a cut that is
    not the border never reaches the inner span.
    """
    inner = slice(max(0, start - RADIUS), min(size, stop + RADIUS))
    outer = slice(max(0, start - 2 * RADIUS), min(size, stop + 2 * RADIUS))
    return inner, outer, slice(inner.start - outer.start, inner.stop - outer.start)


_scratch = threading.local()


def _workspace(shape: tuple[int, ...]) -> np.ndarray:
    """(6, *shape) float64 of unspecified content, reused by this thread: fresh pages would cost a third of the time."""
    size = 6 * math.prod(shape)
    buffer = getattr(_scratch, "buffer", None)
    if buffer is None or buffer.size < size:
        buffer = _scratch.buffer = np.empty(size)
    return buffer[:size].reshape(6, *shape)


def _blur(x: np.ndarray, out: np.ndarray) -> None:
    cv2.sepFilter2D(x, cv2.CV_64F, _KERNEL, _KERNEL, dst=out, borderType=cv2.BORDER_REFLECT_101)


def _deficit(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """1 - SSIM of a crop, in this thread's workspace; float64, since variances are small differences of large numbers."""
    s, d, mean_s, mean_d, variance_s, variance_d = _workspace(x.shape)
    cv2.add(x, y, dst=s, dtype=cv2.CV_64F)
    cv2.subtract(x, y, dst=d, dtype=cv2.CV_64F)
    _blur(s, mean_s)
    _blur(d, mean_d)
    s *= s
    d *= d
    _blur(s, variance_s)
    _blur(d, variance_d)
    mean_s *= mean_s
    mean_d *= mean_d
    variance_s -= mean_s
    variance_d -= mean_d
    luminance, contrast = mean_d, variance_d
    mean_s += mean_d
    mean_s *= 0.5
    mean_s += C1
    variance_s += variance_d
    variance_s *= 0.5
    variance_s += C2
    luminance /= mean_s
    contrast /= variance_s
    both = np.multiply(luminance, contrast, out=s)
    luminance += contrast
    luminance -= both
    return luminance
