"""Bars by type: lengths are those of the figures, and what is missing is not drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from occset.benchmark.leaderboards import bars as module
from occset.benchmark.leaderboards import build
from occset.benchmark.leaderboards.bars import bars, order_of_types, ticks_of, types_of
from occset.benchmark.leaderboards.tables import read_tables
from occset.benchmark.results.result import Result
from occset.pictures.images import read_image
from tests.benchmark import result_files

add_result = result_files.add_result

BLUE, ORANGE = module._COLOURS[:2]

AddResult = Callable[..., Result]


@pytest.fixture
def results(tmp_path: Path, add_result: AddResult) -> Path:
    """Two methods, of which the first is nearer to the ceiling, between floor and ceiling."""
    add_result("good", 0.8, second=0.9)
    add_result("poor", 0.5, second=0.87)
    add_result("input", 0.2, second=0.85, control=True, given=[])
    add_result("truth", 1.0, second=0.99, control=True)
    add_result("noise", 0.1, second=0.80, control=True)
    return tmp_path / "results"


def height_of(sheet: np.ndarray, colour: tuple[int, int, int]) -> int:
    """Of the highest bar of a colour, in pixels; the small square of the legend aside."""
    where = (sheet == colour).all(-1)
    where[:120] = False
    return int(where.sum(0).max())


def test_a_panel_for_each_judge_and_longer_bars_for_who_recovers_more(results: Path) -> None:
    (table,) = read_tables([results])
    sheet = bars(table, ("id", "id2"))
    one = bars(table, ("id",))
    assert sheet is not None and one is not None
    assert sheet.shape[0] - one.shape[0] == module._TOP + module._PANEL + module._BOTTOM
    good, poor = height_of(one, BLUE), height_of(one, ORANGE)
    assert good / poor == pytest.approx((0.8 - 0.2) / (0.5 - 0.2), rel=0.06), "bars rise from the floor"
    assert types_of(table) == ["hair", "mask", "sunglasses"]


def test_what_cannot_be_compared_is_not_drawn(tmp_path: Path, add_result: AddResult) -> None:
    add_result("good", 0.8)
    (table,) = read_tables([tmp_path / "results"])
    assert bars(table, ("id",)) is None, "no floor"
    add_result("input", 0.2, control=True, given=[])
    (table,) = read_tables([tmp_path / "results"])
    assert bars(table, ("id",)) is not None
    assert bars(table, ("id2",)) is None and bars(table, ()) is None
    add_result("blind", 0.9, arcface=None, id_missing="no file")
    (table,) = read_tables([tmp_path / "results"])
    sheet = bars(table, ("id",))
    assert sheet is not None
    assert sorted([height_of(sheet, BLUE) > 0, height_of(sheet, ORANGE) > 0]) == [False, True]


def test_the_order_of_types_is_told_where_the_interval_shows_one(tmp_path: Path, add_result: AddResult) -> None:
    result = add_result("good", 0.8, second=0.9)
    (table,) = read_tables([tmp_path / "results"])
    scores = result.scores.copy()
    by_type = scores.groupby("type")["id"].mean()
    assert by_type["hair"] > by_type["mask"] > by_type["sunglasses"]  # by .05 each, as `make_scores` makes them
    assert order_of_types(table.rows[0], "id") == "hair > mask > sunglasses"
    noisy = scores.assign(id=np.where(scores["type"] == "mask", scores["id"].mean(), scores["id"]))
    noisy["id"] = noisy["id"] + np.where(np.arange(len(noisy)) % 2, 0.3, -0.3)
    table.rows[0].result._scores = pd.DataFrame(noisy)  # type: ignore[attr-defined]
    assert ">" not in order_of_types(table.rows[0], "id")


@pytest.mark.parametrize(
    ("low", "high", "ticks", "digits"),
    [
        (0.181, 1.032, [0.2, 0.4, 0.6, 0.8, 1.0], 1),
        (0.853, 1.006, [0.9, 0.95, 1.0], 2),
        (-0.1, 0.4, [-0.1, 0.0, 0.1, 0.2, 0.3, 0.4], 1),
        (0.98, 1.0, [0.98, 0.985, 0.99, 0.995, 1.0], 3),
    ],
)
def test_an_axis_has_round_values(low: float, high: float, ticks: list[float], digits: int) -> None:
    found, decimals = ticks_of(low, high)
    assert found == pytest.approx(ticks) and decimals == digits


def test_figures_are_written_beside_the_page(results: Path, tmp_path: Path) -> None:
    made = build(results, tmp_path / "site", figures=True)
    assert "figure-1-types-identity.png" in made
    assert read_image(made["figure-1-types-identity.png"]).shape[0] > 2 * module._PANEL
