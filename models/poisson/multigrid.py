"""Conjugate gradients with a multigrid preconditioner, for the grid Laplacian of masks of any shape.

The unknowns of level 0 are the pixels of a mask, and its matrix is ``diagonal`` on itself, -1 between neighbours. A coarse
node sits on every second pixel; its basis is the bilinear hat, cut off outside the mask, so a coarser matrix is

    A_coarse = P^T A P        (Galerkin; nine entries a row)

which keeps thin parts, holes and single known pixels that a mask of half the size would lose. One V-cycle with a damped
Jacobi step before and after is the preconditioner. Everything is made of slices of whole batches: the same on CPU and GPU.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cache
from types import EllipsisType

import torch
from torch import Tensor
from torch.nn import functional as F

DAMPING = 0.8
"""Of Jacobi's steps: the best for smoothing by the five-point Laplacian."""

COARSEST = 9
"""Sides up to which a level is solved by a dense matrix."""

_FIVE = (1, 3, 4, 5, 7)
"""The offsets of a pixel's four neighbours and of itself."""

MOST_STEPS = 200
"""Of conjugate gradients; masks of faces need four to six."""


@dataclass(frozen=True)
class Level:
    """One grid, finest first.

    Attributes:
        entries: (B, 9, h, w) the matrix by offset, row by row from (-1, -1) to (1, 1); None on level 0, where all
            neighbours have -1.
        diagonal: (B, 1, h, w), 0 at nodes that are no unknowns.
        smoother: (B, 1, h, w), `DAMPING` / diagonal, 0 at nodes that are no unknowns.
        inside: (B, 1, h, w) 0 or 1: the unknowns.
        inverse: (B, h w, h w) on the coarsest level, else None.
        kept: see `scratch`.
    """

    entries: Tensor | None
    diagonal: Tensor
    smoother: Tensor
    inside: Tensor
    inverse: Tensor | None = None
    kept: list[Tensor] = field(default_factory=list)

    def times(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        """The matrix times (B, C, h, w), which is 0 at what is no unknown; into ``out`` where it is given."""
        y = torch.mul(self.diagonal, x, out=out)
        if self.entries is None:
            y[..., 1:, :] -= x[..., :-1, :]
            y[..., :-1, :] -= x[..., 1:, :]
            y[..., 1:] -= x[..., :-1]
            y[..., :-1] -= x[..., 1:]
            return y.mul_(self.inside)
        for offset in (0, 1, 2, 3, 5, 6, 7, 8):
            here, there = _shifts(offset)
            y[here].addcmul_(self.entries[:, offset : offset + 1][here], x[there])
        return y

    def scratch(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Two tensors of unspecified content, the same ones for the same shape: fresh pages would cost half the time."""
        if not self.kept or self.kept[0].shape != like.shape:
            self.kept[:] = torch.empty_like(like), torch.empty_like(like)
        return self.kept[0], self.kept[1]


_Index = tuple[EllipsisType, slice, slice]


def _shifts(offset: int) -> tuple[_Index, _Index]:
    """Slices of the nodes that have a neighbour at an offset 0..8, and of these neighbours."""
    dy, dx = offset // 3 - 1, offset % 3 - 1
    own = {-1: slice(1, None), 0: slice(None), 1: slice(None, -1)}
    return (..., own[dy], own[dx]), (..., own[-dy], own[-dx])


def hierarchy(diagonal: Tensor) -> list[Level]:
    """All levels for a mask.

    Args:
        diagonal: (B, 1, H, W) float, above 0 at the unknowns, 0 elsewhere: at least the number of an unknown's
            neighbours that are unknowns too, and more at one of each connected part, or the matrix is singular.
    """
    level = _level(None, diagonal)
    levels = [level]
    while max(level.diagonal.shape[-2:]) > COARSEST:
        level = _level(*_coarser(level))
        levels.append(level)
    levels[-1] = _with_inverse(level)
    return levels


def _level(entries: Tensor | None, diagonal: Tensor) -> Level:
    inside = diagonal > 0
    smoother = torch.where(inside, DAMPING / diagonal.clamp_min(1e-12), 0.0)
    return Level(entries, diagonal, smoother, inside.to(diagonal.dtype))


def _coarser(fine: Level) -> tuple[Tensor, Tensor]:
    """Entries and diagonal of ``P^T A P``: at node I and offset k the sum over pixels p = 2 I + d and their offsets o of

    hat(d) * A_o(p) * hat(d + o - 2 k)
    """
    entries = _five_entries(fine) if fine.entries is None else fine.entries
    weights = _galerkin(_FIVE if fine.entries is None else tuple(range(9))).to(entries)
    height, width = entries.shape[2:]
    padded = F.pad(entries, (1, 2 - width % 2, 1, 2 - height % 2))
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        coarse = F.conv2d(padded, weights, stride=2)
    return coarse, coarse[:, 4:5]


def _five_entries(level: Level) -> Tensor:
    """(B, 5, H, W): the entries of level 0 at the offsets `_FIVE`."""
    entries = torch.zeros_like(level.diagonal).repeat(1, 5, 1, 1)
    entries[:, 2:3] = level.diagonal
    for at, offset in enumerate(_FIVE):
        if offset != 4:
            here, there = _shifts(offset)
            entries[:, at : at + 1][here] = -level.inside[here] * level.inside[there]
    return entries


@cache
def _galerkin(offsets: tuple[int, ...]) -> Tensor:
    """(9, N, 3, 3): ``hat(d) * hat(d + o - 2 k)`` for each offset k, each o of N, each d."""
    parts = (lambda offset: offset // 3 - 1, lambda offset: offset % 3 - 1)  # dy and dx

    def product(k: int, o: int, d: int) -> float:
        ways = [way for part in parts for way in (part(d), part(d) + part(o) - 2 * part(k))]
        return math.prod(max(0.0, 1 - abs(way) / 2) for way in ways)

    values = [[[product(k, o, d) for d in range(9)] for o in offsets] for k in range(9)]
    return torch.tensor(values).view(9, len(offsets), 3, 3)


def _with_inverse(level: Level) -> Level:
    batch, _, height, width = level.diagonal.shape
    count = height * width
    unit = torch.eye(count, device=level.diagonal.device).view(1, count, height, width).expand(batch, -1, -1, -1)
    matrix = level.times(unit * level.inside).flatten(2).to(torch.float64)
    # nodes that are no unknowns get a 1, and are never asked for; hats that a thin mask makes
    # alike would leave it singular but for rounding, and rounding may be of the wrong sign
    kept = level.diagonal.flatten(1).to(torch.float64)
    matrix += torch.diag_embed(torch.where(kept > 0, 1e-5 * kept, 1.0))
    inverse = torch.linalg.inv(matrix).to(level.diagonal.dtype)
    return replace(level, inverse=inverse)


def prolong(coarse: Tensor, out: Tensor) -> Tensor:
    """Bilinear, a coarse node on every even pixel: (B, C, H // 2 + 1, W // 2 + 1) into ``out``, (B, C, H, W)."""
    rows = coarse.new_empty(*out.shape[:3], coarse.shape[3])
    _doubled(coarse, rows, 2)
    return _doubled(rows, out, 3)


def _doubled(coarse: Tensor, out: Tensor, axis: int) -> Tensor:
    even, odd = _even_and_odd(out, axis)
    even.copy_(coarse.narrow(axis, 0, even.shape[axis]))
    left, right = (coarse.narrow(axis, start, odd.shape[axis]) for start in (0, 1))
    torch.add(left, right, out=odd).mul_(0.5)
    return out


def restrict(fine: Tensor) -> Tensor:
    """The transpose of `prolong`: (B, C, H, W) to (B, C, H // 2 + 1, W // 2 + 1)."""
    return _halved(_halved(fine, 3), 2)


def _halved(fine: Tensor, axis: int) -> Tensor:
    even, odd = _even_and_odd(fine, axis)
    shape = list(fine.shape)
    shape[axis] = fine.shape[axis] // 2 + 1
    coarse = fine.new_empty(shape)
    coarse.narrow(axis, 0, even.shape[axis]).copy_(even)
    if even.shape[axis] < shape[axis]:
        coarse.narrow(axis, shape[axis] - 1, 1).zero_()
    for start in (0, 1):
        coarse.narrow(axis, start, odd.shape[axis]).add_(odd, alpha=0.5)
    return coarse


def _even_and_odd(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    before = (slice(None),) * axis
    return x[(*before, slice(0, None, 2))], x[(*before, slice(1, None, 2))]


def v_cycle(levels: list[Level], residual: Tensor, at: int = 0) -> Tensor:
    """About ``A^-1 residual``, (B, C, h, w), till the next call; symmetric, as conjugate gradients want it."""
    level = levels[at]
    if level.inverse is not None:
        return (residual.flatten(2) @ level.inverse).view_as(residual)
    found, left = level.scratch(residual)
    torch.mul(level.smoother, residual, out=found)
    torch.sub(residual, level.times(found, left), out=left)
    found.addcmul_(prolong(v_cycle(levels, restrict(left), at + 1), left), level.inside)
    torch.sub(residual, level.times(found, left), out=left)
    return found.addcmul_(left, level.smoother)


def solve(levels: list[Level], right: Tensor, tolerance: float) -> Tensor:
    """Conjugate gradients for ``A x = right``, each channel of each picture a system of its own.

    A system rests as soon as its preconditioned residual, which is about its error, is nowhere above the tolerance; that
    is then added, which leaves an error several times smaller. So others in the batch do not matter.

    Args:
        levels: of `hierarchy`.
        right: (B, C, H, W), 0 at what is no unknown.
        tolerance: in the unit of x.
    """
    x, residual, image = torch.zeros_like(right), right.clone(), torch.empty_like(right)
    direction, before = torch.zeros_like(right), torch.ones_like(right[..., :1, :1])
    for _ in range(MOST_STEPS):
        guess = v_cycle(levels, residual)
        # the largest and the smallest: taking absolute values first would cost a pass
        going = torch.maximum(guess.amax((2, 3), keepdim=True), -guess.amin((2, 3), keepdim=True)) > tolerance
        if not bool(going.all()):
            x.addcmul_(guess, (~going).to(guess.dtype))
            residual *= going
            guess *= going
            if not bool(going.any()):
                break
        now = torch.linalg.vecdot(guess.flatten(2), residual.flatten(2))[..., None, None]
        direction.mul_(now / before).add_(guess)
        before = torch.where(now > 0, now, 1.0)
        levels[0].times(direction, image)
        curvature = torch.linalg.vecdot(direction.flatten(2), image.flatten(2))[..., None, None]
        step = torch.where(curvature > 0, now / curvature, 0.0)
        x.addcmul_(direction, step)
        residual.addcmul_(image, -step)
    return x
