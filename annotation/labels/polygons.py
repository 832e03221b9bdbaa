"""Polygons as Label Studio keeps them, points in percent of the picture, to masks."""

from __future__ import annotations

import numpy as np


def fill_polygon(points: np.ndarray, height: int, width: int | None = None) -> np.ndarray:
    """Fill a closed polygon as the browser shows it.

    A pixel is on where its centre lies inside, by the non-zero winding rule of an HTML canvas: what a line that crosses
    itself runs around twice is inside too. A centre on the outline belongs to the polygon on its right or below, so that
    two that share an edge cover each pixel once. (OpenCV's `fillPoly` also paints each pixel that the outline touches,
    half a pixel too much all around.)

    Args:
        points: (N, 2) float, x and y in percent of the picture; they may lie outside it.
        height, width: of the picture, pixels; 100 percent. Without a width it is square.

    Returns:
        (height, width) uint8, 0 or 255.
    """
    width = height if width is None else width
    ends = np.asarray(points, np.float64) * (np.array([width, height]) / 100) - 0.5  # pixel centres at integers
    starts = np.roll(ends, 1, axis=0)
    downward = starts[:, 1] < ends[:, 1]
    upper, lower = np.where(downward[:, None], starts, ends), np.where(downward[:, None], ends, starts)
    first, stop = (np.clip(np.ceil(y[:, 1]), 0, height).astype(np.int64) for y in (upper, lower))
    counts = stop - first  # rows whose centres an edge crosses
    edge = np.repeat(np.arange(len(ends)), counts)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    share = (row - upper[edge, 1]) / (lower - upper)[edge, 1]
    crossing = upper[edge, 0] + share * (lower - upper)[edge, 0]
    column = np.clip(np.ceil(crossing), 0, width).astype(np.int64)  # the first centre at the crossing or right of it
    winding = np.zeros((height, width + 1), np.int32)
    np.add.at(winding, (row, column), np.where(downward[edge], 1, -1))
    return (np.cumsum(winding[:, :width], axis=1) != 0) * np.uint8(255)
