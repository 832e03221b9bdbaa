"""Ranks, the score, and the choice that is hard and diverse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from occset.mining.choice import WEIGHTS, choose, ranks, score
from occset.mining.signals import SIGNALS


def table(**columns: list[float]) -> pd.DataFrame:
    count = len(next(iter(columns.values())))
    filled = {signal: columns.get(signal, [np.nan] * count) for signal in SIGNALS}
    return pd.DataFrame({"id": [f"f{i:02d}" for i in range(count)], **filled, "pieces": 1, "holes": 0})


def test_ranks_go_from_0_to_1_with_ties_in_the_middle_and_nothing_for_nothing() -> None:
    placed = ranks(table(entropy=[3.0, 1.0, 2.0, 2.0, np.nan], instability=[7.0] + [np.nan] * 4))
    assert list(placed["entropy"][:4]) == [1.0, 0.0, 0.5, 0.5]
    assert np.isnan(placed["entropy"][4])
    assert placed["instability"][0] == 0.5  # the only one of its kind
    assert placed["render_disagreement"].isna().all()


def test_the_score_is_the_weighted_power_mean_of_the_ranks_a_face_has() -> None:
    rows = table(entropy=[1.0, 2.0, 3.0], label_disagreement=[0.9, 0.1, np.nan])
    weights = WEIGHTS["entropy"], WEIGHTS["label_disagreement"]
    powers = [(0 * weights[0] + 1 * weights[1]) / sum(weights), (0.5**4 * weights[0] + 0) / sum(weights), 1.0]
    assert list(score(rows)) == pytest.approx([power**0.25 for power in powers])
    assert list(score(rows, {"entropy": 1.0})) == [0.0, 0.5, 1.0]


def test_the_choice_skips_the_twin_of_a_pick() -> None:
    rows = table(entropy=[9.0, 8.0, 7.0, 1.0])
    features = np.array([[0.0, 0], [0.1, 0], [5, 5], [9, 9]], np.float32)
    picked = choose(rows, features, 2, pool=1.5)
    assert list(picked["id"]) == ["f00", "f02"]  # f01 looks like f00, f03 is not among the hard ones
    assert list(picked["rank"]) == [1, 2]
    assert list(picked["place"]) == [1, 3]
    assert picked["distance"][0] == 0 < picked["distance"][1]
    assert list(choose(rows, features, 2, pool=1)["id"]) == ["f00", "f01"]


def test_the_reason_leads_with_the_strongest_signal() -> None:
    rows = table(entropy=[0.5, 0.1, 0.2], instability=[0.1, 0.3, 0.2])
    picked = choose(rows, np.eye(3), 2)
    assert list(picked["signal"]) == ["entropy", "instability"]
    assert picked["reason"][0].startswith("unsure inside the face (0.50 bits")
    assert "1 of 3; the hardest of all" in picked["reason"][0]
    assert picked["reason"][1].startswith("the mask changes by 30%")
    assert "unlike those before it (distance" in picked["reason"][1]


def test_the_order_of_rows_and_equal_scores_change_nothing() -> None:
    rng = np.random.default_rng(0)
    rows = table(entropy=list(rng.integers(0, 4, 40).astype(float)), fragments=list(rng.random(40).round(1)))
    features = rng.normal(size=(40, 5)).round(0)
    expected = choose(rows, features, 12)
    order = rng.permutation(40)
    again = choose(rows.iloc[order], features[order], 12)
    pd.testing.assert_frame_equal(expected, again)
    assert expected["id"].is_unique


def test_asking_for_more_than_there_is_gives_all() -> None:
    assert len(choose(table(entropy=[1.0, 2.0]), np.zeros((2, 3)), 5)) == 2
    assert len(choose(table(entropy=[1.0, 2.0]), np.zeros((2, 3)), 0)) == 0


def test_one_extreme_signal_beats_three_middling_ones() -> None:
    count = 21
    middling = [float(i) for i in range(count)]
    labels = [*range(1, count), 0]
    rows = table(
        entropy=middling, instability=middling, fragments=middling, label_disagreement=[float(v) for v in labels]
    )
    rows.loc[0, "label_disagreement"] = 99.0  # the model is sure of it in all other ways
    order = list(score(rows).sort_values(ascending=False).index)
    assert order.index(0) < order.index(count // 2)


def test_those_left_out_are_ranked_against_all_the_same() -> None:
    rows = table(entropy=[9.0, 8.0, 7.0, 1.0])
    features = np.arange(8, dtype=np.float32).reshape(4, 2)
    everyone = choose(rows, features, 4).set_index("id")
    some = choose(rows, features, 2, leave_out=["f00"]).set_index("id")
    assert list(some.index[:1]) == ["f01"] and "f00" not in some.index
    assert (some["score"] == everyone["score"][some.index]).all()
    assert (some["place"] == everyone["place"][some.index]).all()
    assert "2 of 4" in some["reason"]["f01"] and "the hardest that may be chosen" in some["reason"]["f01"]
