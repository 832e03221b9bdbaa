"""The figures of a round, worked out by hand, and the verbs that lead there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from occset.dataset.occlusion_set import OcclusionSet
from occset.pictures.masks import encode_rle, write_mask
from occset.rounds.closing import close_round
from occset.rounds.commands import round_
from occset.rounds.ledger import Ledger, read_round, write_round
from occset.rounds.opening import open_chosen, open_round
from occset.rounds.report import report
from occset.support.errors import BadInput, OccsetError

SIDE = 96


def band(rows: int) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:rows] = 255
    return mask


@pytest.fixture
def closed(drawn_set: Callable[..., OcclusionSet], colour_model: str, tmp_path: Path) -> OcclusionSet:
    """A round of two mined and two random faces with known labels before and after; one is missing."""
    data = drawn_set()
    ledger, _ = open_round(data, 2, 2, colour_model, workers=1)
    rows = ledger.rows.copy()
    rows["label_before"] = [encode_rle(band(40)), None, encode_rle(band(50)), encode_rle(band(60))]
    rows["signal"] = ["entropy", "fragments", None, None]
    write_round(data.path, Ledger(ledger.setup, rows))
    for face, after in zip(rows["id"], (20, 30, 50), strict=False):
        write_mask(tmp_path / "labels" / f"{face}.png", band(after))
    close_round(data, tmp_path / "labels", finish=True)
    return data


def test_the_figures_by_hand(closed: OcclusionSet) -> None:
    found = report(closed)
    mined, random = found.arms
    assert (mined["arm"], mined["picked"], mined["corrected"], mined["labelled"]) == ("mined", 2, 1, 1)
    assert (mined["compared"], mined["IoU before/after"], mined["changed"]) == (1, 0.5, 1.0)
    assert mined["area change"] == 0.5
    assert (random["picked"], random["confirmed"], random["missing"], random["waiting"]) == (2, 1, 1, 0)
    assert (random["IoU before/after"], random["changed"], random["area change"]) == (1.0, 0.0, 0.0)
    assert random["seconds each"] is None
    assert [(r["arm"], r["signal"], r["picked"], r["compared"]) for r in found.reasons] == [
        ("mined", "entropy", 1, 1),
        ("mined", "fragments", 1, 0),
    ]
    assert [s["area_change"] for s in found.samples] == [-0.5, None, 0.0, None]
    assert found.setup["waiting"] == 0
    assert {"opened", "closed", "model", "weights_hash", "seed"} <= set(found.setup)


def test_time_agreement_and_annotators_by_hand(closed: OcclusionSet) -> None:
    ledger = read_round(closed.path)
    rows = ledger.rows.copy()
    rows["annotators"] = pd.Series([["ana"], ["ben", "ana"], ["ben"], None], dtype=object)
    rows["lead_time"], rows["agreement"] = [10.0, 50.0, 20.0, None], [None, 0.6, None, None]
    rows.loc[2, "arm"] = "honeypot"
    write_round(closed.path, Ledger(ledger.setup, rows))
    found = report(closed)
    assert [row["arm"] for row in found.work] == ["mined", "honeypot", "random", "all"]
    assert found.work[-1] == {
        "arm": "all",
        "timed": 3,
        "median seconds": 20.0,
        "total seconds": 80.0,
        "by several": 1,
        "agreement": 0.6,
        "lowest agreement": 0.6,
    }
    assert found.work[2]["median seconds"] is None
    keys = ("annotator", "labels", "median seconds", "honeypots", "honeypot IoU", "shared")
    assert [tuple(row[key] for key in keys) for row in found.annotators] == [
        ("ana", 2, 10.0, 0, None, 0),
        ("ben", 1, 20.0, 1, 1.0, 0),
    ]
    assert found.samples[1]["annotators"] == ["ben", "ana"]


def test_a_round_that_waits_for_all_its_labels_has_figures(
    drawn_set: Callable[..., OcclusionSet], colour_model: str
) -> None:
    data = drawn_set()
    open_round(data, 2, 1, colour_model, workers=1)
    found = report(data)
    assert [(arm["waiting"], arm["area change"]) for arm in found.arms] == [(2, None), (1, None)]
    assert (found.annotators, found.categories) == ([], [])


def test_the_verb_gives_tables_and_json(closed: OcclusionSet) -> None:
    result = CliRunner().invoke(round_, ["report", str(closed.path)])
    assert result.exit_code == 0
    assert "by arm" in result.output and "IoU before/after" in result.output
    printed = CliRunner().invoke(round_, ["report", str(closed.path), "--round", "1", "--json"])
    assert json.loads(printed.stdout)["arms"] == json.loads(json.dumps(report(closed).arms))
    missing = CliRunner().invoke(round_, ["report", str(closed.path), "--round", "4"])
    assert isinstance(missing.exception, OccsetError)
    assert "there is no round 4" in str(missing.exception)


def test_the_verbs_of_a_whole_round(drawn_set: Callable[..., OcclusionSet], colour_model: str, tmp_path: Path) -> None:
    data = drawn_set()
    opening = ["open", str(data.path), "--model", colour_model, "--top", "3", "--random", "2", "--workers", "1"]
    result = CliRunner().invoke(round_, opening)
    assert result.exit_code == 0, result.output
    assert "3 mined and 2 random faces wait for labels" in result.output
    refused = CliRunner().invoke(round_, opening)
    assert "round 1 is open" in str(refused.exception)
    labels = tmp_path / "labels"
    picks = list(read_round(data.path).rows["id"])
    for face in picks[:4]:
        write_mask(labels / f"{face}.png", band(40))
    closing = ["close", str(data.path), "--labels", str(labels)]
    result = CliRunner().invoke(round_, closing)
    assert result.exit_code == 1 and "the opposite of the label" in result.output
    (doubted,) = set(picks[:4]) & set(read_round(data.path).waiting)
    assert f"--confirm {doubted}" in result.output
    annotated = {face: data.face_row(face)["mask"] for face in picks[:4]}
    result = CliRunner().invoke(round_, [*closing, "--confirm", doubted])
    assert result.exit_code == 0, result.output
    assert annotated != {face: OcclusionSet(data.path).face_row(face)["mask"] for face in picks[:4]}
    assert "4 labels read, 1 faces of the set changed" in result.output
    assert "1 picks still wait" in result.output
    write_mask(labels / "f123.png", band(40))
    result = CliRunner().invoke(round_, [*closing, "--finish", "--json", "--threshold", "127"])
    assert result.exit_code == 1
    assert "refused f123.png" in result.output
    assert json.loads(result.stdout)["waiting"] == []
    assert CliRunner().invoke(round_, [*opening, "--seed", "1"]).exit_code == 0


def test_each_annotator_has_the_scores_of_their_own_masks(drawn_set: Callable[..., OcclusionSet]) -> None:
    data = drawn_set()
    open_chosen(data, sorted(data.faces.loc[data.faces["split"] == "train", "id"])[:1])
    row = {
        "annotator": "ann",
        "count": 3,
        "iou": 0.9,
        "lowest_iou": 0.8,
        "distance": 1.0,
        "precision": 1.0,
        "recall": 1.0,
    }
    path = data.path / "rounds" / "001" / "annotators.json"
    path.write_text(json.dumps([row]))
    (ann,) = report(data).annotators
    assert (ann["annotator"], ann["labels"], ann["honeypots"], ann["honeypot IoU"], ann["lowest"]) == (
        "ann",
        0,
        3,
        0.9,
        0.8,
    )
    for broken in ('[{"annotator": "ann"}]', json.dumps([row | {"count": float("inf")}])):
        path.write_text(broken)
        with pytest.raises(BadInput, match=r"annotators.json.*pull again"):
            report(data)
