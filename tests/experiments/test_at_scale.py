"""The estimate of a large job from a small one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from experiments.at_scale import profile, whole_job
from occset.dataset.occlusion_set import OcclusionSet


def test_the_whole_job_is_the_small_one_many_times() -> None:
    told = {one["what"]: one["value"] for one in whole_job({"seconds": 36.0, "bytes": 2e8}, 1000, 10_000_000)}
    assert told["core-hours"] == "100"
    assert told["hours on 64 cores, at the speed of one"] == "1.6"
    assert told["terabytes"] == "2.00"
    assert told["megabytes a second that 64 cores write"] == "356"


def test_the_parts_of_a_sample_are_all_of_it(plain_set: OcclusionSet) -> None:
    parts = profile(plain_set, 64, 8)
    assert [part["part"] for part in parts] == ["draw and render", "four PNGs and JSON"]
    assert sum(int(part["share"].rstrip("%")) for part in parts) == pytest.approx(100, abs=1)


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
