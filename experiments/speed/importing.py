"""Making built-in faces, and importing real ones where they are at hand, against the minute that a person waits."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from experiments.speed.row import row
from occset.dataset.occlusion_set import OcclusionSet
from occset.importing.add_source import add_source

MINUTE_MS = 60_000.0
_FACES = 200
WORKERS = 2


def measure() -> list[dict[str, Any]]:
    """Add 200 built-in faces with two processes, and all real faces of `OCCSET_REAL_DATA`.

    Returns:
        Rows of `experiments.speed.row`; without real photos the second is left out.
    """
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        seconds = _seconds(Path(folder) / "builtin", f"builtin:{_FACES}")
        rows.append(_against_a_minute(f"{_FACES} built-in faces at 256 px made, embedded and stored", seconds))
        real = Path(os.environ.get("OCCSET_REAL_DATA", "../shared/data")) / "celebamask_hq"
        if real.is_dir():
            count = len(list((real / "CelebA-HQ-img").iterdir()))
            seconds = _seconds(Path(folder) / "real", f"celebamask-hq:{real}")
            rows.append(_against_a_minute(f"{count} CelebAMask-HQ faces imported", seconds))
    return rows


def _seconds(folder: Path, spec: str) -> float:
    started = time.perf_counter()
    add_source(OcclusionSet.create(folder), "faces", spec, workers=WORKERS)
    return time.perf_counter() - started


def _against_a_minute(what: str, seconds: float) -> dict[str, Any]:
    name = f"{what}, {WORKERS} processes / a minute"
    return row(name, seconds * 1000, MINUTE_MS, "at most 60 s", seconds * 1000 <= MINUTE_MS)


if __name__ == "__main__":
    for line in measure():
        print(line)
