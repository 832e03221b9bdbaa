"""The pictures of worst cases: made once more after all samples were scored, also of a result that was there already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from occset.benchmark.leaderboards.cases import worst_cases
from occset.benchmark.protocols.frozen import open_protocol
from occset.benchmark.results.result import worst_samples
from occset.benchmark.runner.run import Run, run
from occset.benchmark.runner.worker import SHOWN
from occset.dataset.occlusion_set import OcclusionSet
from occset.pictures.images import read_image
from tests.fixture_types import Occset


@pytest.fixture
def bench(plain_set: OcclusionSet, tmp_path: Path) -> Run:
    protocol = open_protocol(plain_set, "sunglasses", 1)
    return run(plain_set, protocol, ["pca", "telea", "input", "truth"], tmp_path / "results", limit=24, workers=1)


def test_of_the_worst_all_pictures_are_kept_and_nothing_else_changes(
    bench: Run, plain_set: OcclusionSet, tmp_path: Path
) -> None:
    before = {p: p.read_bytes() for p in (tmp_path / "results").rglob("*") if p.is_file()}
    assert any(None in case["pictures"].values() for case in worst_cases(tmp_path / "results", 5))
    protocol = open_protocol(plain_set, "sunglasses", 1)
    methods = ["pca", "telea", "input", "truth"]
    again = run(plain_set, protocol, methods, tmp_path / "results", limit=24, workers=1, worst=5)
    assert again.reused == methods
    assert {p: p.read_bytes() for p in before} == before
    cases = worst_cases(tmp_path / "results", 5)
    assert len(cases) == 20 and all(None not in case["pictures"].values() for case in cases)
    first = {recipe.sample for recipe in protocol.recipes[:SHOWN]}
    late = [case for case in cases if case["method"] in ("pca", "telea") and case["sample"] not in first]
    assert late, "of these the pictures would not be kept"
    for case in late:
        shown = read_image(case["pictures"][case["method"]]).astype(float)
        truth = read_image(case["pictures"]["Truth"]).astype(float)
        assert abs(shown - truth).max() > 0
    new = set((tmp_path / "results").rglob("*.png")) - set(before)
    assert new and all(p.is_relative_to(tmp_path / "results" / "worst") for p in new)
    run(plain_set, protocol, methods, tmp_path / "results", limit=24, workers=1, worst=5)
    assert set((tmp_path / "results").rglob("*.png")) - set(before) == new


def test_a_kept_picture_is_the_one_that_was_scored(bench: Run, plain_set: OcclusionSet, tmp_path: Path) -> None:
    """The worst among the first samples: its picture of the run, and the one that is made once more elsewhere."""
    protocol = open_protocol(plain_set, "sunglasses", 1)
    result = bench.results[0]
    first = [recipe.sample for recipe in protocol.recipes[:SHOWN]]
    sample = next(one for one in worst_samples(result, 24) if one in first)
    made = tmp_path / "results" / f"{result.stem}.pictures" / f"{sample}.png"
    kept = made.read_bytes()
    made.unlink()
    run(plain_set, protocol, ["pca", "telea", "input", "truth"], tmp_path / "results", limit=24, workers=1, worst=24)
    assert (tmp_path / "results" / "worst" / f"{result.stem}.pictures" / f"{sample}.png").read_bytes() == kept


class FailsLater:
    """Paints the first time that it is run, and breaks in every later call."""

    name, given, calls = "fails-later", (), 0

    def deocclude(self, images: Any, masks: Any, **known: Any) -> Any:
        type(self).calls += 1
        if self.calls > 2:
            raise RuntimeError("no more")
        return images


def test_a_method_that_breaks_by_then_keeps_its_result(plain_set: OcclusionSet, tmp_path: Path) -> None:
    protocol = open_protocol(plain_set, "sunglasses", 1)
    told: list[tuple[int, int]] = []
    done = run(
        plain_set, protocol, [("mine", FailsLater()), "input", "truth"], tmp_path / "results", limit=24, workers=1,
        worst=24, progress=lambda *at: told.append(at),
    )  # fmt: skip
    assert not done.broken
    assert done.results[0].method == "fails-later"
    assert any("no pictures of fails-later's worst samples" in note and "no more" in note for note in done.notes)
    assert told[-4:] == [(0, 3), (1, 3), (2, 3), (3, 3)] and told[-5] == (6, 6)


def test_the_command_takes_it_and_the_page_is_as_before(
    bench: Run, plain_set: OcclusionSet, tmp_path: Path, occset: Occset
) -> None:
    asked = ("bench", "--data", plain_set.path, "--methods", "telea", "--limit", 24, "--out", tmp_path / "results")
    occset(*asked, "--workers", 1, "--worst", 3)
    assert list((tmp_path / "results" / "worst").rglob("*.png"))
    said = occset("leaderboard", tmp_path / "results", "--out", tmp_path / "site")
    assert "is not there" not in said.err
