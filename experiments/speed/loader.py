"""How fast samples of NS are made, against how fast NS eats them; and how many cores a GPU would keep busy with it.

Run as ``python -m experiments.speed.loader [SET]``; without a set, a small built-in one is made. Every sample is drawn,
rendered by Eq. 2 and changed in geometry and colour, as in a training; faces and cut-outs are in the workers' memory after
the first batches, as they are in a training after its first epoch.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from experiments.speed.row import row

LIMIT = 3.0
SIZE, BATCH, WORKERS = 128, 16, 2
_WARM_UP, _BATCHES = 50, 200
_STEPS = 8
APPETITES = (500, 2000)
"""Samples a second of two GPUs, a modest one and a large one."""


def measure(folder: Path | None = None) -> list[dict[str, Any]]:
    """Time the loader alone on two workers, and NS's training alone on this machine's cores, one after the other.

    Args:
        folder: of a set; a built-in one is made when None.

    Returns:
        Rows of `experiments.speed.row`, in milliseconds a sample: the loader against NS, with its limit; then the
        CPU time of a sample against each GPU, where the ratio is the number of cores that the GPU needs.
    """
    from experiments.speed.training import engine_times

    if folder is None:
        with tempfile.TemporaryDirectory() as made:
            built = _make_set(Path(made) / "set")
            ours, one_core = 1000 / loader_speed(built), 1000 * cpu_seconds(built)
    else:
        ours, one_core = 1000 / loader_speed(folder), 1000 * cpu_seconds(folder)
    eats = 1000 * float(np.median(engine_times({}, _STEPS)["engine"])) / BATCH
    rows = [
        row(
            f"a training sample of {SIZE} px, {WORKERS} loader processes alone / NS's training step for one sample alone",
            ours,
            eats,
            f"at most 1/{LIMIT:g}",
            ours * LIMIT <= eats,
        )
    ]
    for appetite in APPETITES:
        name = f"CPU time of a sample of {SIZE} px / a GPU that eats {appetite} a second (the ratio: cores it needs)"
        rows.append(row(name, one_core, 1000 / appetite))
    return rows


def cpu_seconds(folder: Path) -> float:
    """CPU time of one sample, whatever else this machine does; handing it to the training process is not in it."""
    import cv2

    from occset.dataset.occlusion_set import OcclusionSet
    from occset.models.segmentation.samples import SegmentationSamples

    count = _WARM_UP * BATCH
    samples, threads = SegmentationSamples(OcclusionSet(folder), SIZE, 2 * count), cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        for index in range(count):
            samples(0, index)
        started = time.process_time()
        for index in range(count, 2 * count):
            samples(0, index)
        return (time.process_time() - started) / count
    finally:
        cv2.setNumThreads(threads)


def loader_speed(folder: Path) -> float:
    """Samples a second out of two loader processes, read as fast as they come, once their memories are warm."""
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.models.segmentation.samples import SegmentationSamples
    from occset.models.training.loading import batches
    from occset.models.training.presets import TrainingPreset

    count = _WARM_UP + _BATCHES
    preset = TrainingPreset("loader", BATCH, 1, count * BATCH, 1e-3)
    samples = SegmentationSamples(OcclusionSet(folder), SIZE, preset.epoch_size)
    found = batches(samples, preset, 0, workers=WORKERS)
    for _ in range(_WARM_UP):
        next(found)
    started = time.perf_counter()
    taken = sum(1 for _ in found)
    return taken * BATCH / (time.perf_counter() - started)


def _make_set(folder: Path) -> Path:
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.importing.add_source import add_source

    data = OcclusionSet.create(folder)
    for kind, count in (("faces", 60), ("occluders", 60), ("textures", 20)):
        add_source(data, kind, f"builtin:{count}", workers=WORKERS)
    return folder


if __name__ == "__main__":
    for line in measure(Path(sys.argv[1]) if len(sys.argv) > 1 else None):
        print(line)
