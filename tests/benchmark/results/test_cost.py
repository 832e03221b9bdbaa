"""What a training took, in words; and that a result tells why it has no rank."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from occset.benchmark.results.cost import COSTS, budget_notes
from occset.benchmark.results.files import read_result, write_result
from occset.support.errors import BadInput
from tests.benchmark.result_files import make_result, make_scores

TRAINED = {"on": "a set", "parameters": 1_448_596, "macs": 935_608_320, "samples": 25_600, "seconds": 5400.0}


def test_numbers_in_words() -> None:
    result = make_result("pconv", trained=TRAINED)
    assert [cost.of(result) for cost in COSTS] == ["1.45 M", "0.94 G", "25,600", "90 min", ""]
    assert COSTS[-1].of(make_result("pconv", trained={**TRAINED, "processor": 240.0})) == "4 min"
    assert [cost.of(make_result()) for cost in COSTS] == [""] * 5


def test_what_was_trained_on_other_data_has_no_rank_and_says_so() -> None:
    assert make_result().unranked == "" and make_result().mark == "given the true mask"
    other = make_result("mi-gan", trained={"unranked": "trained on other data"})
    assert other.unranked == "trained on other data" and other.mark == "given the true mask, trained on other data"
    control = make_result("truth", control=True, trained={"unranked": "x"})
    assert control.unranked == "controls are not ranked" and control.mark == "control"


def test_unequal_budgets_are_told() -> None:
    equal = [make_result(name, trained={"samples": 25_600}) for name in ("a", "b")]
    longer = make_result("ours", trained={"samples": 83_200})
    outside = make_result("mi-gan", trained={"samples": 9, "unranked": "trained on other data"})
    assert budget_notes([*equal, make_result("telea"), outside]) == []
    (note,) = budget_notes([*equal, longer])
    assert note.endswith("those of equal budgets: a 25,600, b 25,600, ours 83,200.")


def test_equal_time_is_told_where_it_is_equal() -> None:
    slow, fast = ((name, {"samples": count, "processor": 240.0}) for name, count in (("slow", 2000), ("fast", 20_000)))
    (note,) = budget_notes([make_result(name, trained=trained) for name, trained in (slow, fast)])
    assert (
        note == "Trained for as many processor seconds each, 240, which were so many samples: fast 20,000, slow 2,000."
    )
    longer = make_result("longer", trained={"samples": 9000, "processor": 300.0})
    (note,) = budget_notes([make_result("slow", trained=slow[1]), longer])
    assert "not those of equal budgets" in note


def test_it_is_kept_in_the_file_and_only_where_something_is_stated(tmp_path: Path) -> None:
    path = write_result(make_result("pconv", trained=TRAINED), make_scores(0.5), tmp_path)
    assert read_result(path).trained == TRAINED
    silent = write_result(make_result("telea"), make_scores(0.5), tmp_path)
    assert "trained" not in json.loads(silent.read_text())


@pytest.mark.parametrize("trained", [{"macs": "many"}, {"magic": 1}, {"unranked": True}])
def test_what_is_no_such_statement_is_refused(trained: dict[str, object], tmp_path: Path) -> None:
    path = write_result(make_result("pconv", trained=TRAINED), make_scores(0.5), tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"trained": trained}))
    with pytest.raises(BadInput, match=rf"trained.{next(iter(trained))} is "):
        read_result(path)
