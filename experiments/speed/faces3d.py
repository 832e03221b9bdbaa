"""How fast 3D faces are found: a fit, stage by stage, against what is promised, and NR against its own network."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.speed.row import row

_COUNT, _SIZE = 16, 128
_CORES = 2
LANDMARKS_A_MINUTE, PHOTOMETRY_A_MINUTE = 300, 30
MOST_TIMES = 3.0
_REPEATS = 5


def measure() -> list[dict[str, Any]]:
    """The rows; times are of one face, on one thread, the peer of a fit being the promise on two cores."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [*_fit_rows(), *_reconstruct_rows()]
    finally:
        torch.set_num_threads(threads)


def _faces() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Built-in faces at 128 px: pictures, masks, 68 landmarks."""
    from occset.models.builtin.faces import render_face

    faces = [render_face(index, size=_SIZE) for index in range(_COUNT)]
    return tuple(np.stack([getattr(f, name) for f in faces]) for name in ("image", "mask", "landmarks"))  # type: ignore[return-value]


def _fit_rows() -> list[dict[str, Any]]:
    from occset.models.morphable.procedural import procedural_model
    from occset.models.reconstruction.fitting.fit import Fitter, StageTimes

    fitter = Fitter(procedural_model())
    images, masks, landmarks = _faces()
    fitter.fit(images, masks, landmarks)
    fitter.times = StageTimes()
    fitter.fit(images, masks, landmarks)
    rows = []
    for stage, promised in (("landmarks", LANDMARKS_A_MINUTE), ("photometry", PHOTOMETRY_A_MINUTE)):
        ours = fitter.times.seconds[stage] / _COUNT * 1000
        allowed = 60_000 * _CORES / promised
        name = f"fit, {stage} / {promised} faces a minute on {_CORES} cores"
        rows.append(row(name, ours, allowed, "at most 1", ours <= allowed))
    return rows


def _reconstruct_rows() -> list[dict[str, Any]]:
    from occset.models.pretrained import load
    from occset.models.registry import find

    if not find("nr").is_released:
        return []
    import torch

    network = load("nr", device="cpu")
    image = _faces()[0][:1]
    batch = torch.from_numpy(image)
    whole = _best_ms(lambda: network.reconstruct(image))
    alone = _best_ms(lambda: network.vectors(batch))
    name = "reconstruct, one aligned face / its network alone"
    return [row(name, whole, alone, f"at most {MOST_TIMES:g}", whole <= MOST_TIMES * alone)]


def _best_ms(step: Callable[[], Any]) -> float:
    step()
    times = []
    for _ in range(_REPEATS):
        start = time.process_time()
        step()
        times.append(time.process_time() - start)
    return min(times) * 1000
