"""Making built-in faces and importing real ones, against the minute that a person waits and against decoding their files."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import cv2

from experiments.speed.row import row
from occset.checks.check import check
from occset.dataset.occlusion_set import OcclusionSet
from occset.importing import add_source as add_source_module
from occset.importing.add_source import add_source

MINUTE_MS = 60_000.0
MOST_TIMES = 3.0
_FACES = 200
WORKERS = 2


def measure() -> list[dict[str, Any]]:
    """Add 200 built-in faces with two processes, and all real faces of `OCCSET_REAL_DATA`.

    Returns:
        Rows of `experiments.speed.row`; without real photos the others are left out.
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
            rows.append(_against_decoding(Path(folder) / "bare", real, count))
    return rows


def _against_decoding(folder: Path, real: Path, count: int) -> dict[str, Any]:
    """Import and check without detector, ArcFace and harvest, against reading each file once; one process, both once."""
    files = sorted(path for path in real.rglob("*") if path.suffix in (".jpg", ".png"))
    started = time.process_time()
    for file in files:
        cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    decoding = time.process_time() - started
    started = time.process_time()
    with mock.patch.object(add_source_module, "open_embedder", lambda file: None):
        data = OcclusionSet.create(folder)
        add_source(data, "faces", f"celebamask-hq:{real}?harvest=no&landmarks=template", workers=1)
    check(data, workers=1)
    ours = time.process_time() - started
    name = f"{count} CelebAMask-HQ faces imported and checked, without detector, ArcFace and harvest / decoding their files"
    return row(name, ours * 1000, decoding * 1000, f"at most {MOST_TIMES:g}", ours <= MOST_TIMES * decoding)


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
