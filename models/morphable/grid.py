"""Meshes whose vertices are a grid of rows (running down) and columns (running to the picture's right)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

_ROWS, _COLUMNS = (
    (95.0, -122.0),
    112.0,
)  # what the decimated level covers: from the hairline to under the chin, to the ears
_ROW_GAP, _COLUMN_GAP = 9.0, 8.5  # millimetres of the chart between its neighbours at most


def grid_triangles(rows: int, columns: int) -> Tensor:
    """(T, 3), two triangles a cell, counter-clockwise seen from outside."""
    index = torch.arange(rows * columns).view(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    first, second = torch.stack((a, c, b), -1), torch.stack((b, c, d), -1)
    return torch.stack((first, second), -2).reshape(-1, 3)


def grid_mirror(rows: int, columns: int) -> Tensor:
    """(V,), each vertex's mirror vertex where columns lie symmetrically."""
    return torch.arange(rows * columns).view(rows, columns).flip(1).reshape(-1)


def coarse_grid(columns: np.ndarray, rows: np.ndarray, landmarks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The rows and columns of the front of the face that hold landmarks, and others where these lie far apart.

    Args:
        columns: (C,) chart p of the columns, rising and symmetric.
        rows: (R,) chart q of the rows, falling.
        landmarks: (68,) vertices.

    Returns:
        (W,) vertices of the grid, row by row; (S, 3) triangles that count in them; and for each of all vertices the place
        of the kept one in whose cell it lies, (V,), -1 for those that lie outside.
    """
    of_rows, of_columns = (each.unique().numpy() for each in (landmarks // len(columns), landmarks % len(columns)))
    down = _filled(of_rows, rows, _nearest(rows, _ROWS[0]), _nearest(rows, _ROWS[1]), _ROW_GAP)
    middle = len(columns) // 2
    right = of_columns[of_columns >= middle]
    right = _filled(right, columns, middle, _nearest(columns, _COLUMNS), _COLUMN_GAP)
    across = np.concatenate((len(columns) - 1 - right[:0:-1], right))
    vertices = (down[:, None] * len(columns) + across).reshape(-1)
    cell_right = _cells(columns[middle:], columns[right])
    cell_across = np.concatenate((-cell_right[:0:-1], cell_right))  # counted from the middle, for exact symmetry
    cell_across = np.where(np.isnan(cell_across), -1, cell_across + len(right) - 1)
    cell_down = _cells(rows, rows[down])
    cells = cell_down[:, None] * len(across) + cell_across
    cells = np.where(np.isnan(cells) | (cell_across < 0), -1, cells).astype(np.int64).reshape(-1)
    return torch.from_numpy(vertices), grid_triangles(len(down), len(across)), torch.from_numpy(cells)


def _cells(places: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """For each place the number of the nearest kept one; NaN for those beyond them."""
    nearest = np.abs(places[:, None] - kept[None]).argmin(1).astype(float)
    outside = (places < kept.min()) | (places > kept.max())
    return np.where(outside, np.nan, nearest)


def _nearest(places: np.ndarray, place: float) -> int:
    return int(np.abs(places - place).argmin())


def _filled(chosen: np.ndarray, places: np.ndarray, first: int, last: int, gap: float) -> np.ndarray:
    """Indices into ``places`` from first to last: the chosen ones, and more of them where two lie further than gap."""
    known = np.unique(np.concatenate((chosen, [first, last])))
    found = []
    for a, b in pairwise(known):
        parts = int(np.ceil(abs(places[b] - places[a]) / gap))
        between = np.linspace(places[a], places[b], parts + 1)[:-1]
        found.append(np.abs(places[None] - between[:, None]).argmin(1))
    return np.unique(np.concatenate((*found, known[-1:])))
