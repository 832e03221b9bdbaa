"""Learns a linear face from pictures of which parts are hidden by hair, glasses or the picture's rest.

What is hidden is filled in by the basis itself and the basis learned again (the EM of a probabilistic PCA with missing
values). What the axes leave over is far from independent between neighbouring pixels, so that s^2 is measured by what it is
for: of every tenth picture, put aside, probe holes over eyes and mouth are inferred with several s^2; the best is kept.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from occset.models.linear_face.basis import LinearFace
from occset.support.errors import OccsetError

SIZE, AXES = 64, 160

ITERATIONS = 2
"""Times that what is hidden is filled in."""

FEWEST = 4
"""Faces that a basis can be learned from."""

_REGION = 0.02  # share of the faces that show a pixel, from which on the basis models it
_FACTORS = 10.0 ** np.arange(0, 5, 0.5)
_HELD_OUT, _FEWEST_TO_PROBE = 10, 40
_PROBES = ((0.35, 0.58, 0.2, 0.8), (0.5, 0.85, 0.25, 0.75))  # top, bottom, left, right: the eyes; nose and mouth
_LEAST_NOISE = (1 / 255) ** 2 / 12  # variance that rounding makes
_CHUNK = 64


def learn(
    pictures: np.ndarray, masks: np.ndarray, axes: int = AXES, noise: float | None = None, seed: int = 0
) -> LinearFace:
    """Learn a basis.

    Args:
        pictures: (N, S, S, 3) uint8 RGB, aligned faces.
        masks: (N, S, S) uint8, from 128 on a pixel is visible face.
        axes: K; where there are fewer pictures than that, the last axes are 0.
        noise: s^2 on 0..1, where it was measured before; measured, with enough faces, when None.
        seed: of the search for the axes.

    Returns:
        The basis, on the CPU.

    Raises:
        OccsetError: there are too few pictures.
    """
    if len(pictures) < FEWEST:
        raise OccsetError(f"a linear face is learned from at least {FEWEST} faces, and there are {len(pictures)}")
    count, size = pictures.shape[:2]
    values = torch.from_numpy(pictures.reshape(count, size * size, 3).astype(np.float32) / 255)
    seen = torch.from_numpy((masks.reshape(count, size * size, 1) > 127).astype(np.float32))
    aside = torch.arange(count) % _HELD_OUT == 0
    if noise is None and count >= _FEWEST_TO_PROBE:
        rest = _learned(values[~aside], seen[~aside], size, axes, seed)
        noise = _best_noise(rest, values[aside], seen[aside])
    basis = _learned(values, seen, size, axes, seed)
    if noise is not None:
        basis.noise.fill_(noise)
    return basis


def _learned(values: Tensor, seen: Tensor, size: int, axes: int, seed: int) -> LinearFace:
    basis = LinearFace(size, axes)
    shown = seen.mean(0)[:, 0]
    basis.region.copy_((shown >= _REGION).float())
    inside = basis.region > 0
    mean = (values * seen).sum(0) / seen.sum(0).clamp_min(1)
    basis.mean.copy_(torch.where(inside[:, None], mean, basis.mean))
    filled = torch.where(seen > 0, values, basis.mean)[:, inside].flatten(1)
    for turn in range(ITERATIONS + 1):
        _take_axes(basis, filled, inside, axes, seed)
        if turn < ITERATIONS:
            for at in range(0, len(values), _CHUNK):
                part = slice(at, at + _CHUNK)
                told = basis.infer(values[part], seen[part])[:, inside]
                filled[part] = torch.where(seen[part][:, inside] > 0, values[part][:, inside], told).flatten(1)
    return basis


def _take_axes(basis: LinearFace, filled: Tensor, inside: Tensor, axes: int, seed: int) -> None:
    """Mean, axes, variances and residual of complete pictures, (N, D) of the region."""
    count = len(filled)
    mean = filled.mean(0)
    off = filled - mean
    kept = min(axes, count - 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _, singular, found = torch.svd_lowrank(off, q=min(kept + 20, *off.shape), niter=3)
    variances = singular[:kept].square() / max(1, count - 1)
    left = (off.square().sum() / max(1, count - 1) - variances.sum()).clamp_min(0)
    basis.mean[inside] = mean.unflatten(0, (-1, 3))
    basis.axes.zero_()
    basis.axes[inside, :, :kept] = found[:, :kept].unflatten(0, (-1, 3))
    basis.variances.fill_(1e-12)
    basis.variances[:kept] = variances
    basis.noise.fill_(max(float(left) / off.shape[1], _LEAST_NOISE))


def _best_noise(basis: LinearFace, values: Tensor, seen: Tensor) -> float:
    """The s^2 that infers what probes hide best; the basis is changed meanwhile."""
    start = float(basis.noise)
    y, x = (np.mgrid[: basis.size, : basis.size] + 0.5) / basis.size
    errors = np.zeros(len(_FACTORS))
    for top, bottom, left, right in _PROBES:
        box = torch.from_numpy(((y > top) & (y < bottom) & (x > left) & (x < right)).ravel()[:, None]).float()
        for number, factor in enumerate(_FACTORS):
            basis.noise.fill_(start * float(factor))
            told = torch.cat(
                [basis.infer(v, s * (1 - box)) for v, s in zip(values.split(_CHUNK), seen.split(_CHUNK), strict=True)]
            )
            errors[number] += float(((told - values).square() * seen * box).sum())
    return start * float(_FACTORS[int(errors.argmin())])
