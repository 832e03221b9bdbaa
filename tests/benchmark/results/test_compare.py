from __future__ import annotations

from pathlib import Path

import pytest

from occset.benchmark.results.compare import compare
from occset.benchmark.results.files import write_result
from occset.support.errors import BadInput
from tests.benchmark.result_files import make_result, make_scores


def write(folder: Path, method: str, quality: float, **changes: object) -> None:
    write_result(make_result(method, **changes), make_scores(quality), folder)


def test_added_changed_lost_and_by_how_much(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    for folder in (a, b):
        write(folder, "same", 0.5)
    write(a, "lost", 0.4)
    write(b, "added", 0.4)
    write(a, "better", 0.5, revision="1", weights_hash="ab" * 32)
    write(b, "better", 0.6, revision="2", weights_hash="cd" * 32)
    write(b, "same", 0.5, created="2030-01-01T00:00:00+00:00")  # when it ran changes nothing
    rows = {row["method"]: row for row in compare(a, b)}
    assert {name: row["what"] for name, row in rows.items()} == {"lost": "lost", "added": "added", "better": "changed"}
    assert rows["better"]["other"] == "revision, weights, scores"
    assert rows["better"]["metric"] == "L1"
    # 0.5 - 0.4 (quality - hard): a tenth more quality is 0.04 less, whatever hard is
    assert rows["better"]["before"] - rows["better"]["after"] == pytest.approx(0.04)
    assert rows["lost"]["after"] is None and rows["added"]["before"] is None
    assert rows["lost"]["before"] == pytest.approx(make_scores(0.4)["l1"].mean())
    assert compare(a, a) == []


def test_the_latest_revision_counts_and_a_missing_folder_is_named(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    write(a, "m", 0.5, revision="1", created="2026-01-01T00:00:00+00:00")
    write(a, "m", 0.6, revision="2", created="2026-02-01T00:00:00+00:00")
    write(b, "m", 0.6, revision="2", created="2026-03-01T00:00:00+00:00")
    assert compare(a, b) == []
    with pytest.raises(BadInput, match="no such folder"):
        compare(a, tmp_path / "nowhere")
