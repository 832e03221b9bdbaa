"""Speed of the L1/PSNR/SSIM suite against torchmetrics, one thread each, in one run.

Run as ``python -m experiments.speed.metrics``. Ours is everything `evaluate` returns (four
regions, three measures, Table 1) for methods whose output is the picture with its hole filled; the peer is torchmetrics'
functional SSIM and PSNR of the whole picture alone, one picture at a time.
"""

from __future__ import annotations

import time
from typing import Any

import cv2
import numpy as np

from experiments.speed.row import row
from occset.benchmark.tasks.deocclusion.pixels import evaluate

LIMIT = 5.0
SIZE = 256


def measure(pairs: int = 1000, distinct: int = 50) -> list[dict[str, Any]]:
    """Time both over the same pairs.

    Args:
        pairs: pairs scored by each side at 256 px.
        distinct: different pairs that are cycled through, so that memory stays small.

    Returns:
        Two rows, see `experiments.speed.row`, in milliseconds a pair: methods that fill the hole and leave the rest,
        and the worst case, methods that repaint every pixel, where the raw output's SSIM needs the whole picture.
    """
    import torch

    threads = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    try:
        filled, repainted = _pairs(distinct, repaint=False), _pairs(distinct, repaint=True)
        peer = _time_peer(filled, pairs) * 1000 / pairs
        ours, worst = (_time_ours(data, pairs) * 1000 / pairs for data in (filled, repainted))
    finally:
        cv2.setNumThreads(threads[0])
        torch.set_num_threads(threads[1])
    limit, most = f"at most 1/{LIMIT:g}", 1 / LIMIT
    name = f"L1/PSNR/SSIM suite / torchmetrics' SSIM and PSNR, {pairs} pairs at {SIZE} px"
    return [
        row(f"{name}, holes filled", ours, peer, limit, ours / peer <= most),
        row(f"{name}, every pixel repainted", worst, peer),
    ]


Pairs = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, list[str]]


def _pairs(count: int, *, repaint: bool) -> Pairs:
    """Smooth pictures with a hole of the size of sunglasses or of a hand, in turns, and a noisy fill."""
    rng = np.random.default_rng(0)
    truths = np.stack(
        [
            cv2.resize(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
            for _ in range(count)
        ]
    )
    footprints = np.zeros((count, SIZE, SIZE), dtype=np.uint8)
    for index, mask in enumerate(footprints):
        x, y = (int(v) for v in rng.integers(-15, 16, 2))
        if index % 2:
            cv2.ellipse(mask, (128 + x, 160 + y), (45, 75), 30, 0, 360, 255, -1)
        else:
            for side in (-42, 42):
                cv2.ellipse(mask, (128 + side + x, 108 + y), (36, 26), 0, 0, 360, 255, -1)
            cv2.line(mask, (90 + x, 100 + y), (166 + x, 100 + y), 255, 7)
    holes = footprints.copy()
    holes[:, 225:] = 0
    inputs = np.where(footprints[..., None] > 0, np.uint8(30), truths)
    noisy = np.clip(truths + rng.normal(0, 12, truths.shape), 0, 255).astype(np.uint8)
    predictions = noisy if repaint else np.where(footprints[..., None] > 0, noisy, inputs)
    return predictions, inputs, truths, footprints, holes, [str(i) for i in range(count)]


def _time_ours(data: Pairs, pairs: int, batch: int = 10) -> float:
    predictions, inputs, truths, footprints, holes, names = data
    start = time.perf_counter()
    for first in range(0, pairs, batch):
        part = slice(first % len(names), first % len(names) + min(batch, pairs - first))
        evaluate(predictions[part], inputs[part], truths[part], footprints[part], holes[part], names[part])
    return time.perf_counter() - start


def _time_peer(data: Pairs, pairs: int) -> float:
    import torch
    from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

    predictions, truths = (
        torch.from_numpy(a).permute(0, 3, 1, 2).float().div(255).contiguous() for a in (data[0], data[2])
    )
    start = time.perf_counter()
    with torch.inference_mode():
        for index in range(pairs):
            at = index % len(truths)
            structural_similarity_index_measure(predictions[at : at + 1], truths[at : at + 1], data_range=1.0)
            peak_signal_noise_ratio(predictions[at : at + 1], truths[at : at + 1], data_range=1.0)
    return time.perf_counter() - start


if __name__ == "__main__":
    for line in measure():
        print(line)
