"""The released checkpoint: its files, its card, and what it does on faces that it never saw."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from occset.models.registry import find
from occset.models.segmentation.segmenter import FaceSegmenter
from occset.models.weight_files import RELEASED, SHARD_BYTES, load_weights, weight_files

RELEASED_NS = find("ns").released
ROOT = Path(__file__).parents[3]
CARD = (ROOT / "data_cards" / "ns.md").read_text(encoding="utf-8")


def test_files_are_small_half_precision_and_told_on_the_card() -> None:
    files = weight_files(RELEASED_NS)
    assert all(file.stat().st_size <= SHARD_BYTES for file in files)
    assert sum(file.stat().st_size for file in RELEASED.rglob("*.safetensors")) <= 80 << 20
    assert FaceSegmenter().weights_hash in CARD
    state, about = load_weights(RELEASED_NS)
    assert all(np.isfinite(v.numpy()).all() for v in state.values())
    assert about["network"]["encoder"] in CARD and str(about["data"]["faces"]) in CARD
    assert about["data"]["content_hash"] in CARD


def test_nothing_about_this_machine_is_in_the_files() -> None:
    for file in weight_files(RELEASED_NS):
        header = file.read_bytes()[: 1 << 16]
        assert not re.search(rb"/(work|root|home|tmp|opt)/", header)


def test_it_finds_built_in_faces(tmp_path: Path) -> None:
    # trained on photos alone: drawn faces are another world, in which it must still tell face from the rest
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.importing.add_source import add_source

    data = OcclusionSet.create(tmp_path / "set")
    add_source(data, "faces", "builtin:8", workers=1)
    pairs = [data.load_face(face) for face in data.faces["id"]]
    found = FaceSegmenter().segment(np.stack([image for image, _ in pairs])) > 127
    truth = np.stack([mask for _, mask in pairs]) > 0
    iou = (found & truth).sum((1, 2)) / (found | truth).sum((1, 2))
    assert iou.mean() > 0.85


@pytest.mark.slow
@pytest.mark.real
def test_it_holds_what_the_card_says_on_unseen_photos(real_data: Path, tmp_path: Path) -> None:
    def occset(*args: object) -> str:
        command = [sys.executable, "-m", "occset.cli", *map(str, args)]
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout

    faces, occluders = real_data / "celebamask_hq", real_data / "occluders"
    occset(
        "new", "set", "--faces", f"celebamask-hq:{faces}", "--occluders", f"faceocc:{occluders}",
        "--textures", f"faceocc:{occluders}",
    )  # fmt: skip
    told = json.loads(
        occset("bench", "--data", "set", "--protocol", "segmentation", "--methods", "ns,colour", "--json")
    )
    table = {row["method"]: row for row in told["table"]}
    assert told["samples"] == 1000
    assert table["ns"]["iou"]["mean"] > 0.90
    assert table["ns"]["precision"]["mean"] > 0.94
    assert table["ns"]["iou"]["low"] > table["colour"]["iou"]["high"]
