"""The worst cases of each method, as `occset view --results` shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from occset.benchmark.leaderboards.cases import worst_cases
from occset.support.errors import BadInput
from tests.benchmark import result_files
from tests.benchmark.result_files import AddControls, AddResult

add_result, add_controls = result_files.add_result, result_files.add_controls


def test_the_worst_come_first_and_say_what_was_kept(
    tmp_path: Path, add_result: AddResult, add_controls: AddControls
) -> None:
    good = add_result("good", 0.8, given=[], pictures=4)
    add_result("<b>other</b>", 0.6, seed=1)
    add_controls(pictures=4)
    cases = worst_cases(tmp_path / "results", most=10)
    mine = [case for case in cases if case["method"] == "good"]
    l1 = good.scores.set_index("sample")["l1"]
    assert [case["worst"] for case in mine] == list(range(1, 11))
    assert [case["sample"] for case in mine] == list(l1.sort_values(ascending=False, kind="stable").index[:10])
    assert all(case["scores"]["l1"] == l1[case["sample"]] for case in mine)
    assert {"sample", "face", "type"}.isdisjoint(mine[0]["scores"]) and mine[0]["type"] in result_files.TYPES
    everything = worst_cases(tmp_path / "results", most=99)
    kept = {case["sample"] for case in everything if case["method"] == "good" and None not in case["pictures"].values()}
    assert kept == {"s0000", "s0001", "s0002", "s0003"}
    assert list(mine[0]["pictures"]) == ["Input", "good", "Truth"]
    others = [case for case in cases if case["method"] == "<b>other</b>"]
    assert others and all(case["pictures"]["<b>other</b>"] is None for case in others)


def test_a_picture_that_leads_elsewhere_is_not_shown(tmp_path: Path, add_result: AddResult) -> None:
    add_result("good", 0.8, pictures=1)
    (secret := tmp_path / "secret.png").write_bytes(b"no")
    (path,) = (tmp_path / "results").rglob("*.pictures/s0000.png")
    path.unlink()
    path.symlink_to(secret)
    case = next(case for case in worst_cases(tmp_path / "results") if case["sample"] == "s0000")
    assert case["pictures"]["good"] is None
    with pytest.raises(BadInput, match="no such folder"):
        worst_cases(tmp_path / "nowhere")
