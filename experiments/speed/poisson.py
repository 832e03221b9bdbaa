"""Speed of batched Poisson blending against OpenCV's `seamlessClone`, picture by picture, one thread each, in one run.

Run as ``python -m experiments.speed.poisson``. On a machine with a GPU the batch is also blended there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from experiments.speed.row import row

COUNT, SIZE = 32, 256
GPU_LIMIT = 5.0
_REPEATS = 5


def pictures() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Smooth sources and targets, (COUNT, SIZE, SIZE, 3) uint8 each, and ovals of the size of a face, 0/255."""
    rng = np.random.default_rng(0)
    masks = np.zeros((COUNT, SIZE, SIZE), np.uint8)
    for mask in masks:
        x, y = (int(v) for v in rng.integers(-12, 13, 2))
        cv2.ellipse(mask, (128 + x, 135 + y), (75 + x // 2, 100 + y // 2), 0, 0, 360, 255, -1)
    coarse = rng.integers(0, 256, (2, COUNT, 16, 16, 3), dtype=np.uint8)
    source, target = (np.stack([cv2.resize(one, (SIZE, SIZE)) for one in many]) for many in coarse)
    return source, target, masks


def clone_each(source: np.ndarray, target: np.ndarray, masks: np.ndarray) -> None:
    """OpenCV's way, with the centre that leaves each source where it is."""
    for one, into, mask in zip(source, target, masks, strict=True):
        x, y, width, height = cv2.boundingRect(mask)
        cv2.seamlessClone(one, into, mask, (x + width // 2, y + height // 2), cv2.NORMAL_CLONE)


def measure() -> list[dict[str, Any]]:
    """Time both in turns, best of five, in milliseconds a picture.

    Returns:
        A row, see `experiments.speed.row`, and one more where there is a GPU.
    """
    import torch

    from occset.models.poisson.blending import blend

    threads = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    source, target, masks = pictures()
    a, b = (torch.from_numpy(x).permute(0, 3, 1, 2).float().div(255).contiguous() for x in (source, target))
    inside = torch.from_numpy(masks > 0)[:, None]
    try:
        ours, peer = _best_ms(lambda: blend(a, b, inside), lambda: clone_each(source, target, masks))
        name = f"Poisson blending of {COUNT} pictures at {SIZE} px"
        rows = [row(f"{name} / seamlessClone", ours, peer, "at most 1", ours <= peer)]
        if torch.cuda.is_available():
            on_gpu = [x.cuda() for x in (a, b, inside)]

            def there() -> None:
                blend(*on_gpu)
                torch.cuda.synchronize()

            ours, peer = _best_ms(there, lambda: clone_each(source, target, masks))
            limit = f"at most 1/{GPU_LIMIT:g}"
            rows.append(row(f"{name} on a GPU / seamlessClone", ours, peer, limit, ours * GPU_LIMIT <= peer))
    finally:
        cv2.setNumThreads(threads[0])
        torch.set_num_threads(threads[1])
    return rows


def _best_ms(*works: Callable[[], Any]) -> list[float]:
    """The shortest time of each, run in turns, in milliseconds a picture; the first turn warms up."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(_REPEATS + 1):
        for work, kept in zip(works, times, strict=True):
            start = time.perf_counter()
            work()
            kept.append((time.perf_counter() - start) * 1e3 / COUNT)
    return [min(kept[1:]) for kept in times]


if __name__ == "__main__":
    for line in measure():
        print(line)
