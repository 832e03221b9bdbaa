"""The experiment of the mining curve: what is planted, what is summed up, and a run of the smallest size."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.mining_curve import curve
from experiments.mining_curve.experiment import Point, Setup, points, run
from experiments.mining_curve.planting import HARD, FixedProtocol, Shares, fixed_protocol, held, plant
from occset.checks.check import check
from occset.dataset.occlusion_set import OcclusionSet
from occset.support.errors import OccsetError

TINY = Setup(seeds=1, size=32, labels=(3,), coarse=16, retrain=16, tested=8, batch=8)


@pytest.fixture
def data(make_set: Callable[..., OcclusionSet]) -> OcclusionSet:
    return make_set("real", faces=24, each=5, size=96)


def test_planted_faces_wear_what_no_label_knows_of(data: OcclusionSet, tmp_path: Path) -> None:
    planted = plant(data, tmp_path / "planted", 0, 32, Shares(labelled=0.5, planted=0.4))
    assert check(planted, 1) == []
    train = data.faces[data.faces["split"] == "train"]
    assert set(planted.faces["source_id"]) == set(train["id"])
    assert set(planted.faces["split"]) == {"train"}
    labelled = planted.faces["mask"].notna()
    assert labelled.sum() == len(train) // 2
    wearing = 0
    for row in planted.faces.to_dict("records"):
        truth = planted.load_truth(row["id"])
        image, clean = planted.load_image(row["id"]), data.load_face(row["source_id"])
        assert image.shape == (64, 64, 3)
        if isinstance(row["mask"], str):
            label = planted.load_face(row["id"])[1]
            assert not ((truth["face"] > 0) & (label == 0)).any()
            assert (np.count_nonzero(label) > np.count_nonzero(truth["face"])) == bool(truth["planted"])
        wearing += bool(truth["planted"])
        assert clean[1].any()
    assert wearing == pytest.approx(0.4 * len(train), abs=2)
    assert not set(planted.occluders["category"]) & set(HARD)
    assert set(planted.occluders["split"]) == set(planted.textures["split"]) == {"train"}


def test_planting_twice_gives_the_same_set_and_another_seed_another(
    data: OcclusionSet, tmp_path: Path, digest_of: Callable[[Path], str]
) -> None:
    one, two, other = (plant(data, tmp_path / n / "set", s, 32, Shares()) for n, s in (("a", 0), ("b", 0), ("c", 1)))
    assert digest_of(one.path) == digest_of(two.path) != digest_of(other.path)
    (one.path / "planted.json").unlink()  # it was cut off before it ended
    (one.path / "faces.parquet").unlink()
    assert digest_of(plant(data, one.path, 0, 32, Shares()).path) == digest_of(two.path)


@pytest.fixture
def digest_of() -> Callable[[Path], str]:
    import hashlib

    def digest(folder: Path) -> str:
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}

    return digest


def test_the_protocol_is_of_test_faces_and_test_occluders_alone(data: OcclusionSet) -> None:
    protocol = fixed_protocol(data, 32, 12)
    assert protocol.types == ["bare", "hair", "sunglasses", "hand", "mask", "object"] * 2
    assert protocol.images.shape == (12, 32, 32, 3) and protocol.truth.shape == (12, 32, 32)
    assert held(data, HARD) == ["hand", "mask", "object"]
    with pytest.raises(OccsetError, match="no occluder of scarf in both train and test"):
        held(data, ("scarf",))


def test_iou_by_hand() -> None:
    truth = np.zeros((3, 4, 4), bool)
    truth[0, :2] = truth[1, :2] = True
    soft = np.zeros((3, 4, 4), np.uint8)
    soft[0, :2] = 255
    soft[1, 1:3] = 128
    soft[1, 0] = 127
    found = FixedProtocol(np.zeros((3, 4, 4, 3), np.uint8), truth, ["bare", "hand", "hand"]).score(soft)
    assert found["by_type"] == {"bare": 1.0, "hand": pytest.approx((1 / 3 + 1) / 2)}  # nothing there, nothing found
    assert found["iou"] == pytest.approx((1 + 1 / 3 + 1) / 3)


def made_up(seed: int, arm: str, labels: int, iou: float) -> dict[str, Any]:
    return {"seed": seed, "arm": arm, "labels": labels, "iou": iou, "errors_found": labels // 2, "hard_found": 1}


POINTS = [
    made_up(0, "none", 0, 0.70), made_up(0, "all", 90, 0.80), made_up(0, "mined", 10, 0.76), made_up(0, "random", 10, 0.72),
    made_up(1, "none", 0, 0.60), made_up(1, "all", 90, 0.80), made_up(1, "mined", 10, 0.68), made_up(1, "random", 10, 0.66),
]  # fmt: skip


def test_the_share_of_the_gap_is_taken_within_each_seed() -> None:
    rows = {(row["arm"], row["labels"]): row for row in curve.summarise(POINTS)}
    assert list(rows) == [("none", 0), ("random", 10), ("mined", 10), ("all", 90)]
    mined = rows["mined", 10]
    assert mined["closed"] == pytest.approx((0.6 + 0.4) / 2)
    assert mined["closed_sd"] == pytest.approx(np.sqrt(2) * 0.1)
    assert (mined["iou"], mined["iou_sd"]) == (pytest.approx(0.72), pytest.approx(np.sqrt(2) * 0.04))
    assert mined["found"] == 6
    assert (rows["none", 0]["closed"], rows["all", 90]["closed"]) == (0.0, 1.0)
    (gain,) = curve.advantage(list(rows.values()))
    assert (gain["labels"], gain["times"]) == (10, pytest.approx(0.5 / 0.25))


def test_the_drawing_is_svg_that_shows_every_point() -> None:
    rows = curve.summarise(POINTS)
    root = ElementTree.fromstring(curve.draw(rows, "64 px & <3 seeds>"))
    tag = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{tag}circle")) == 2
    assert len(root.findall(f"{tag}polyline")) == 2
    texts = [text.text for text in root.findall(f"{tag}text")]
    assert "64 px & <3 seeds>" in texts and "all 90 labels" in texts and "no label" in texts
    mined, random = (float(circle.get("cy")) for circle in root.findall(f"{tag}circle"))
    assert mined < random  # the better one is drawn higher


def test_the_points_of_a_seed() -> None:
    assert list(points(TINY, 4)) == [
        Point(4, "none", 0), Point(4, "all", 0), Point(4, "mined", 3), Point(4, "random", 3),
    ]  # fmt: skip


@pytest.mark.slow
def test_a_run_resumes_with_the_same_figures_and_refuses_another_experiment(data: OcclusionSet, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = run(data, out, TINY, workers=1)
    assert [(p["arm"], p["labels"]) for p in found[:1] + found[2:]] == [("none", 0), ("mined", 3), ("random", 3)]
    assert found[1]["labels"] == (data.faces["split"] == "train").sum()
    assert all(0 <= p["iou"] <= 1 for p in found)
    file = Point(0, "mined", 3).file(out)
    before = file.read_bytes()
    file.unlink()
    again = run(data, out, TINY, workers=1)
    assert file.read_bytes() == before
    assert again == found
    picks = json.loads((out / "seed-0" / "picks-0003.json").read_text())["picks"]
    assert len({pick["id"] for pick in picks}) == 3
    with pytest.raises(OccsetError, match=r"holds another experiment \(other retrain\): choose another --out"):
        run(data, out, replace(TINY, retrain=32), workers=1)
