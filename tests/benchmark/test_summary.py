from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from occset.benchmark.results.files import write_result
from occset.benchmark.results.result import Result
from occset.benchmark.summary import figures, summary
from occset.benchmark.tasks.deocclusion.columns import PIXEL_METRICS


def made(folder: Path, method: str, l1: np.ndarray, *, identity: float | None = None, **changed: object) -> Result:
    """A result whose L1 is given, and every other metric .5."""
    scores = pd.DataFrame({m.key: np.full(len(l1), 0.5) for m in PIXEL_METRICS})
    scores["l1"] = l1
    if identity is not None:
        scores["id"] = identity
    scores.insert(0, "sample", [f"s{i}" for i in range(len(l1))])
    scores.insert(1, "face", [f"f{i // 2}" for i in range(len(l1))])
    scores.insert(2, "type", "sunglasses")
    known: dict[str, object] = {
        "given": ["mask"],
        "control": False,
        "times": {"method": 1.5},
        "arcface": None if identity is None else {"file": "0", "name": "a.onnx"},
        "id_missing": "none" if identity is None else None,
    }
    result = Result(
        data="d",
        data_version="1",
        data_hash="0",
        protocol="sunglasses",
        protocol_hash="0",
        resolution=64,
        limit=None,
        samples=len(l1),
        method=method,
        method_reference=method,
        revision="1",
        code_version="0",
        seed=0,
        created="",
        **(known | changed),  # type: ignore[arg-type]
    )
    write_result(result, scores, folder)
    return result


@pytest.fixture
def results(tmp_path: Path) -> list[Result]:
    rng = np.random.default_rng(0)
    base = rng.uniform(0.1, 0.2, 40)
    return [
        made(tmp_path, "worst", base + 0.1),
        made(tmp_path, "input", base + 0.3, control=True, given=[]),
        made(tmp_path, "good", base + rng.normal(0, 1e-3, 40), given=[]),
        made(tmp_path, "as good", base + rng.normal(0, 1e-3, 40)),
    ]


def test_rows_come_best_first_with_ranks_that_ties_share(results: list[Result]) -> None:
    rows = {row["method"]: row for row in figures(results)}
    assert list(rows)[2:] == ["worst", "input"]
    assert {name: row["rank"] for name, row in rows.items()} == {"good": 1, "as good": 1, "worst": 3, "input": None}
    assert {name: row["given"] for name, row in rows.items()} == {
        "good": "automatic",
        "as good": "given the true mask",
        "worst": "given the true mask",
        "input": "control",
    }


def test_means_and_intervals(results: list[Result]) -> None:
    row = next(row for row in figures(results) if row["method"] == "worst")
    assert row["l1"]["mean"] == pytest.approx(results[0].scores["l1"].mean())
    assert row["l1"]["low"] < row["l1"]["mean"] < row["l1"]["high"]
    assert row["psnr"] == {"mean": 0.5, "low": 0.5, "high": 0.5}
    assert row["id"] is None
    assert row["ms_per_image"] == pytest.approx(1000 * 1.5 / 40, abs=0.06)


def test_the_table_says_the_same_as_text(results: list[Result]) -> None:
    row = next(row for row in summary(results) if row["method"] == "worst")
    mean = results[0].scores["l1"].mean()
    assert list(row) == ["rank", "method", "given", "L1", "PSNR", "SSIM", "ID", "ID2", "ms/image"]
    assert row["L1"].startswith(f"{mean:.4f} [0.")
    assert (row["PSNR"], row["ID"], row["ID2"]) == ("0.50 [0.50, 0.50]", "none", "none")


def test_identity_is_shown_where_it_was_scored(tmp_path: Path) -> None:
    (row,) = summary([made(tmp_path, "m", np.full(6, 0.1), identity=0.75)])
    assert row["ID"] == "0.7500 [0.7500, 0.7500]"


def test_one_face_has_no_interval_and_the_figures_are_valid_json(tmp_path: Path) -> None:
    found = figures([made(tmp_path, "m", np.array([0.1, 0.3]))])
    assert found[0]["l1"] == {"mean": pytest.approx(0.2), "low": None, "high": None}
    assert json.loads(json.dumps(found, allow_nan=False))[0]["rank"] == 1
    assert summary([made(tmp_path, "m", np.array([0.1, 0.3]))])[0]["L1"] == "0.2000 [?, ?]"


def test_controls_alone_have_no_rank(tmp_path: Path) -> None:
    assert [row["rank"] for row in figures([made(tmp_path, "input", np.full(4, 0.1), control=True)])] == [None]


def test_no_result_no_row() -> None:
    assert figures([]) == summary([]) == []
