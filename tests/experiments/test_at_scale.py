"""The estimate of a large job from a small one."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments import at_scale
from experiments.at_scale import profile, whole_job
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe
from occset.samples.render import Renderer


def test_the_whole_job_is_the_small_one_many_times() -> None:
    told = {one["what"]: one["value"] for one in whole_job({"seconds": 18.0, "bytes": 2e8}, 2, 1000, 10_000_000)}
    assert told["core-hours"] == "100"
    assert told["hours on 64 such cores"] == "1.6"
    assert told["terabytes"] == "2.00"
    assert told["megabytes a second that 64 cores write"] == "356"


def test_the_time_of_pngs_is_what_comes_on_top_of_rendering(
    plain_set: OcclusionSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(renderer: Renderer, recipe: Recipe) -> None:
        renderer.render(recipe)
        time.sleep(0.2)

    monkeypatch.setattr(at_scale, "members_of", slow)
    made, written = profile(plain_set, 64, 4)
    assert (made["part"], written["part"]) == ("draw and render", "four PNGs and JSON")
    assert float(written["ms"]) > 150 > float(made["ms"]) > 0
    assert int(written["share"].rstrip("%")) > 50


def test_it_renders_with_each_number_of_workers(plain_set: OcclusionSet) -> None:
    command = [
        sys.executable,
        "-m",
        "experiments.at_scale",
        str(plain_set.path),
        "--samples=8",
        "--size=48",
        "--shard=2",
    ]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True, env={"COLUMNS": "200"}
    )
    assert "1 worker " in done.stdout and "2 workers" in done.stdout
    assert "10,000,000 samples" in done.stdout
