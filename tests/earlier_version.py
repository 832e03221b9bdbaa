"""What a test of an earlier version's files needs: the command line, readers of the plain formats, and all imports of ours.

Everything else is looked at with readers that are not ours (PNG, Parquet, JSON, CSV), so that the tests stay as they are
when modules move; what moves is named in the first lines below.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import math
import sys
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from occset import models
from occset.cli import main
from tests.models.training.training_task import BrightTask, everything, train

__all__ = ["BrightTask", "everything", "train"]

WEIGHTS = Path(models.__file__).parent / "weights"
VERSION_0_1 = Path(__file__).parent / "fixtures" / "version_0_1"
KINDS = ("image", "clean", "face", "occlusion")
"""Folders that `render` writes."""

DRAWN = ("--count", 12, "--seed", 5, "--split", "train", "--size", 64)
"""How samples are drawn anew from the set, after its round."""
RENDERED = ("--count", 2, "--seed", 3, "--split", "train", "--size", 32)
"""How the folder `rendered` was made."""
FROZEN = {"sunglasses": 6, "segmentation": 9, "natural": 9, "types": 10}
"""Protocols of the set, and how many of their samples, the first, are rendered."""


class Said(NamedTuple):
    """What a command line did."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, with --json."""
        return json.loads(self.out)


def occset(*words: object, status: int = 0) -> Said:
    """Run `occset ...` in this process and hold its exit status."""
    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["occset", *map(str, words)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
        code: Any = 0
    except SystemExit as left:
        code = left.code or 0
    finally:
        sys.argv = before
    assert code == status, f"occset {' '.join(map(str, words))} ended with {code}:\n{err.getvalue()}{out.getvalue()}"
    return Said(code, out.getvalue(), err.getvalue())


def pixels(path: Path) -> np.ndarray:
    """A PNG as it is stored, RGB or grey."""
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert found is not None, path
    return found if found.ndim == 2 else np.ascontiguousarray(found[..., ::-1])


def pixel_hash(path: Path) -> str:
    """Hash of the decoded pixels of a PNG, its shape included."""
    picture = pixels(path)
    return hashlib.sha256(repr(picture.shape).encode() + picture.tobytes()).hexdigest()[:32]


def sample_hashes(folder: Path) -> dict[str, dict[str, str]]:
    """Of each sample that `render` wrote, by file name, the hash of each of its pictures."""
    found: dict[str, dict[str, str]] = {}
    for kind in KINDS:
        for path in sorted((folder / kind).glob("*.png")):
            found.setdefault(path.stem, {})[kind] = pixel_hash(path)
    return found


def file_hashes(folder: Path) -> dict[str, str]:
    """Hash of every file below a folder, by its path; hidden ones, such as locks, are passed over."""
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.name[0] != "."]
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def frozen_hash(path: Path) -> str:
    """The hash that a protocol was frozen with, as it stands in the metadata of its Parquet file."""
    return str(pq.read_metadata(path).metadata[b"hash"].decode())


def read_results(folder: Path) -> dict[tuple[str, str], tuple[dict[str, Any], pd.DataFrame]]:
    """Every result below a folder by protocol and method: its JSON, and its scores by sample; of two the newer."""
    found: dict[tuple[str, str], tuple[dict[str, Any], pd.DataFrame]] = {}
    notes = [(json.loads(path.read_text()), path) for path in folder.rglob("*.result.json")]
    for note, path in sorted(notes, key=lambda pair: (pair[0]["created"], pair[0]["revision"])):
        scores = pd.read_parquet(path.with_name(path.name.replace(".result.json", ".scores.parquet")))
        found[note["protocol"], note["method"]] = note, scores.set_index("sample")
    return found


def ranking(site: Path) -> dict[str, dict[str, Any]]:
    """The rows of `leaderboard.csv` by protocol, type and method; figures as numbers, empty cells left out."""
    found: dict[str, dict[str, Any]] = {}
    for row in csv.DictReader((site / "leaderboard.csv").open(encoding="utf-8")):
        key = f"{row['protocol']}/{row['type']}/{row['method']}"
        assert key not in found, f"{key} stands twice"
        found[key] = {name: _number(value) for name, value in row.items() if value != ""}
    return found


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def released_hash(network: str = "ns") -> str:
    """Hash of the released weights of a network, as results name them: over the hashes of its files in order."""
    files = sorted((WEIGHTS / network).glob("*.safetensors"))
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def coarse(mask: np.ndarray) -> list[list[float]]:
    """Means over an 8 x 8 grid of a mask whose sides are multiples of 8: what float kernels hardly change."""
    height, width = mask.shape
    cells = mask.reshape(8, height // 8, 8, width // 8).mean(axis=(1, 3), dtype=np.float64)
    return [[round(float(v), 2) for v in row] for row in cells]


def lost(found: object, expected: object, within: float = 1e-9, where: str = "") -> list[str]:
    """What of `expected` is not in `found`, as sentences; new keys are no loss, numbers may differ by `within`."""
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            return [f"{where}: {found!r} is no object"]
        gone = [f"{where}/{key}: is gone" for key in expected if key not in found]
        both = [key for key in expected if key in found]
        return gone + [line for key in both for line in lost(found[key], expected[key], within, f"{where}/{key}")]
    if isinstance(expected, list):
        if not isinstance(found, list) or len(found) != len(expected):
            return [f"{where}: {found!r} instead of {expected!r}"]
        pairs = enumerate(zip(found, expected, strict=True))
        return [line for at, (a, b) in pairs for line in lost(a, b, within, f"{where}/{at}")]
    if isinstance(expected, float) and isinstance(found, int | float):
        same = math.isclose(found, expected, rel_tol=within, abs_tol=within)
        return [] if same else [f"{where}: {found} instead of {expected}"]
    return [] if found == expected else [f"{where}: {found!r} instead of {expected!r}"]
