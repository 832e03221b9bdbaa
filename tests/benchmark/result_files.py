"""Small result files for tests, made through the same calls as the runner's, and fixtures that write them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from occset.benchmark.results.files import write_result
from occset.benchmark.results.result import Result, picture_path
from occset.benchmark.tasks.deocclusion.columns import PIXEL_METRICS
from occset.pictures.images import write_png

ARCFACE = {"file": "9c" * 32, "name": "w600k_mbf.onnx"}
DLIB = {"file": "4d" * 32, "name": "dlib.dat"}
TYPES = ("hair", "mask", "sunglasses")
AddResult = Callable[..., Result]  # takes a method, its quality, and what else a result holds
AddControls = Callable[..., None]


def make_scores(
    quality: float,
    samples: int = 24,
    *,
    identity: bool = True,
    second: float | None = None,
    version: int = 1,
    seed: int = 0,
) -> pd.DataFrame:
    """Two samples a face, three types in turn; `quality` 0..1 moves every metric the good way, `second` those of dlib."""
    rng = np.random.default_rng(seed)
    scores = pd.DataFrame({"sample": [f"s{i:04d}" for i in range(samples)]})
    scores["face"] = [f"f{i // 2:03d}" for i in range(samples)]
    scores["type"] = [TYPES[i % 3] for i in range(samples)]
    hard = np.array([0.0, 0.05, 0.1])[np.arange(samples) % 3] + rng.normal(0, 0.005, samples)
    for metric in PIXEL_METRICS:
        good = quality - hard
        scores[metric.key] = 0.5 - 0.4 * good if not metric.higher_is_better else good * (50 if metric.unit else 1)
    for key, found in (("id", quality if identity else None), ("id2", second)):
        if found is not None:
            scores[key] = found - hard
            if version > 1:
                scores[f"{key}_gained"], scores[f"{key}_gap"] = found - 0.2, 0.8
    return scores


def make_result(method: str = "telea", **changes: Any) -> Result:
    """A result of 24 samples of protocol "types" on data "toy", changed as told."""
    settings: dict[str, Any] = {
        "data": "toy",
        "data_version": "1.0",
        "data_hash": "ab" * 32,
        "protocol": "types",
        "protocol_hash": "cd" * 32,
        "resolution": 32,
        "limit": None,
        "samples": 24,
        "method": method,
        "method_reference": f"toy:{method}",
        "revision": "1",
        "given": ["mask"],
        "control": False,
        "code_version": "0.1.0",
        "seed": 0,
        "created": "2026-01-02T03:04:05Z",
        "machine": {"cpus": 2},
        "times": {"method": 1.5},
        "arcface": ARCFACE,
    }
    return Result(**(settings | changes))


@pytest.fixture
def add_result(tmp_path: Path) -> Callable[..., Result]:
    """Write a result into tmp_path/results: `add_result("ng", 0.8, given=[], ...)`."""

    def add(
        method: str, quality: float, *, second: float | None = None, seed: int = 0, pictures: int = 0, **changes: Any
    ) -> Result:
        judged = {} if second is None else {"judges": {"id2": DLIB}, "metric_version": 2}
        result = make_result(method, **(judged | changes))
        scores = make_scores(
            quality,
            result.samples,
            identity=result.arcface is not None,
            second=second,
            version=result.metric_version,
            seed=seed,
        )
        folder = tmp_path / "results" / result.protocol
        write_result(result, scores, folder)
        for at, sample in enumerate(scores["sample"][:pictures]):
            shade = np.full((32, 32, 3), 10 * at + int(100 * quality), np.uint8)
            write_png(picture_path(folder, result, sample), shade)
            for what in ("input", "truth", "hole"):
                write_png(picture_path(folder, result, sample, what), np.full((32, 32, 3), 10 * at, np.uint8))
        return result

    return add


@pytest.fixture
def add_controls(add_result: Callable[..., Result]) -> Callable[..., None]:
    """The floor and the ceiling."""

    def add(**changes: Any) -> None:
        add_result("input", 0.2, given=[], control=True, **changes)
        add_result("truth", 1.0, given=["truth"], control=True, **changes)

    return add


@pytest.fixture
def add_masks(tmp_path: Path) -> Callable[..., Result]:
    """Write a result of segmentation into tmp_path/results: `add_masks("ns", 0.9, given=[], ...)`."""

    def add(method: str, quality: float, **changes: Any) -> Result:
        of_task = {"task": "segmentation", "arcface": None, "id_missing": "masks show nobody"}
        result = make_result(method, **({"protocol": "segmentation", "protocol_hash": "ef" * 32} | of_task | changes))
        scores = make_scores(quality, result.samples, identity=False)[["sample", "face", "type", "ssim"]]
        share = scores.pop("ssim").clip(0, 1)
        for key in ("iou", "precision", "recall", "boundary_f"):
            scores[key] = share
        scores["true_positive"] = (1000 * share).astype(int)
        scores["false_positive"] = 1000 - scores["true_positive"]
        scores["false_negative"] = 7
        write_result(result, scores, tmp_path / "results" / result.protocol)
        return result

    return add
