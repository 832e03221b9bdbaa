"""How fast a picture of a morphable model and its gradients are: coefficients in, gradients of the coefficients out.

A model of the Basel model's size (35,709 vertices, 80 + 64 + 80 modes, made here) at 224 px on one thread, alone and in a
batch of eight; on a GPU, where there is one and nvdiffrast with it, our own renderer beside that.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.speed.rasteriser import SIDE, bumpy_head
from experiments.speed.row import row

if TYPE_CHECKING:
    from occset.models.morphable.base import LinearModel

VERTICES = 35_709
LIMIT_MS, MOST_TIMES, BATCH = 150.0, 6.0, 8
_MODES = {"identity": 80, "expression": 64, "texture": 80}
_DISTANCE, _FOCAL = 600.0, 600.0
_REPEATS = {1: 9, BATCH: 5}


def made_model() -> LinearModel:
    """A bumpy ball of 100 mm with smooth random modes of a millimetre."""
    import torch

    from occset.models.morphable.base import LinearModel

    points, triangles = bumpy_head(189, 189)
    middle = (SIDE - 1) / 2
    mean = (points[:VERTICES] - np.float32([middle, middle, _DISTANCE])) * np.float32([1, -1, -1])
    draw = torch.Generator().manual_seed(0)
    vertices = torch.from_numpy(mean)

    def modes(count: int, scale: float) -> torch.Tensor:
        waves = torch.randn(count, 3, 3, generator=draw) / 40
        return scale * torch.sin(torch.einsum("kij,vj->kvi", waves, vertices) + torch.arange(3))

    return LinearModel(
        mean=vertices,
        identity_basis=modes(_MODES["identity"], 1.0),
        expression_basis=modes(_MODES["expression"], 0.5),
        mean_albedo=torch.full((VERTICES, 3), 0.5),
        texture_basis=modes(_MODES["texture"], 0.02),
        triangles=torch.from_numpy(triangles[(triangles < VERTICES).all(1)]),
        uv=torch.zeros(VERTICES, 2),
        landmarks=torch.arange(68),
        mirror=torch.arange(VERTICES),
        skin=torch.ones(VERTICES, dtype=torch.bool),
        coarse_vertices=torch.zeros(0, dtype=torch.int64),
        coarse_triangles=torch.zeros(0, 3, dtype=torch.int64),
        coarse_cells=torch.zeros(0, dtype=torch.int64),
    )


def step_of(model: LinearModel, batch: int, renderer: str = "torch") -> Callable[[], None]:
    """One forward and backward pass, from coefficients, pose and light to their gradients."""
    import torch

    from occset.models.rendering.lighting import AMBIENT
    from occset.models.rendering.render import render

    device = model.mean.device
    draw = torch.Generator().manual_seed(1)
    sizes = [*_MODES.values(), 6, 9]
    start = torch.cat([torch.randn(batch, size, generator=draw) * 0.1 for size in sizes], 1)
    start[:, -15:-9] = torch.tensor([0.1, 0.2, 0.0, 0.0, 0.0, -_DISTANCE])
    start[:, -9] = AMBIENT * 0.8
    coefficients = start.to(device).requires_grad_()

    def step() -> None:
        coefficients.grad = None
        identity, expression, texture, pose, light = coefficients.split(sizes, 1)
        vertices, colours = model.shape(identity, expression), model.albedo(texture)
        seen = render(vertices, model.triangles, colours, pose, light, SIDE, _FOCAL, renderer=renderer)
        ((seen.image - 0.3).square().mean() + seen.mask.mean()).backward()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return step


def _best_ms(step: Callable[[], None], repeats: int, clock: Callable[[], float] = time.process_time) -> float:
    """On one thread the process's own time, which others on the machine do not lengthen by as much."""
    step()
    times = []
    for _ in range(repeats):
        start = clock()
        step()
        times.append((clock() - start) * 1e3)
    return min(times)


def measure() -> list[dict[str, Any]]:
    """Best of several passes after one to warm up.

    Returns:
        Rows, see `experiments.speed.row`: a batch of one against 150 ms; a batch of eight against six times that of one;
        on a GPU, our renderer against nvdiffrast.
    """
    import torch

    model = made_model()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        steps = {batch: step_of(model, batch) for batch in _REPEATS}
        ms = {batch: _best_ms(step, _REPEATS[batch]) for batch, step in steps.items()}
    finally:
        torch.set_num_threads(threads)
    name = f"model of {VERTICES} vertices at {SIDE} px, forward and backward, one thread"
    rows = [
        row(f"{name}, 1 face / the budget", ms[1], LIMIT_MS, f"at most {LIMIT_MS:g} ms", ms[1] <= LIMIT_MS),
        row(
            f"{name}, {BATCH} faces / 1 face",
            ms[BATCH],
            ms[1],
            f"at most {MOST_TIMES:g} times",
            ms[BATCH] <= MOST_TIMES * ms[1],
        ),
    ]
    if torch.cuda.is_available() and importlib.util.find_spec("nvdiffrast"):
        there = model.to("cuda")
        ours, theirs = (
            _best_ms(step_of(there, BATCH, each), 20, time.perf_counter) for each in ("torch", "nvdiffrast")
        )
        rows.append(row(f"model of {VERTICES} vertices, {BATCH} faces on a GPU / nvdiffrast", ours, theirs))
    return rows


if __name__ == "__main__":
    for line in measure():
        print(line)
