"""`kill -9` at random moments of `occset render`: what is there opens, and the next run ends as if nothing had been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from occset.checks.check import check
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import read_recipes
from occset.pictures.images import read_image

COUNT = 200


def start(data: OcclusionSet, out: Path, workers: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "occset.cli", "render", str(data), "--out", str(out), "--seed", "3"]
    command += ["--count", str(COUNT), "--size", "128", "--workers", str(workers)]
    return subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def begun(process: subprocess.Popen[str], out: Path) -> None:
    """Wait until the run has written its first file, or is over."""
    while process.poll() is None and not (out / "render.json").exists():
        time.sleep(0.01)


def kill_many_times(
    data: OcclusionSet, folder: Path, digest: Callable[[Path], dict[str, str]], kills: int, seed: int
) -> None:
    whole = folder / "whole"
    process = start(data.path, whole, 2)
    begun(process, whole)
    started = time.monotonic()
    assert process.wait(300) == 0
    took = time.monotonic() - started
    expected = digest(whole)
    assert len(expected) == 4 * COUNT + 2
    before = digest(data.path)

    rng = np.random.default_rng(seed)
    done, struck, round_ = 0, 0, 0
    while done < kills:
        out = folder / f"out-{round_}"
        round_ += 1
        for _ in range(int(rng.integers(1, 4))):
            process = start(data.path, out, workers=int(rng.integers(1, 4)))
            if rng.random() < 0.9:  # else perhaps before it has begun
                begun(process, out)
            time.sleep(rng.uniform(0, 0.9 * took))
            alone = rng.random() < 0.25  # the workers are left, and have to see it
            if process.poll() is None:
                struck += 1
                (os.kill if alone else os.killpg)(process.pid, signal.SIGKILL)
            process.wait()
            done += 1
            for path in out.glob("parts/*.parquet"):
                read_recipes(path)
            for path in [p for p in out.glob("*/*.png") if p.name[0] != "."][:20]:
                read_image(path)  # what has its name is whole
        process = start(data.path, out, 2)
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
        assert digest(out) == expected
    assert struck >= kills // 2  # most of them fell while it ran
    assert digest(data.path) == before
    assert [f for f in check(OcclusionSet(data.path), workers=1) if f.level == "error"] == []


def test_render_survives_a_few_kills(
    plain_set: OcclusionSet, tmp_path: Path, digest: Callable[[Path], dict[str, str]]
) -> None:
    kill_many_times(plain_set, tmp_path, digest, kills=6, seed=1)


@pytest.mark.slow
def test_render_survives_twenty_kills(
    plain_set: OcclusionSet, tmp_path: Path, digest: Callable[[Path], dict[str, str]]
) -> None:
    kill_many_times(plain_set, tmp_path, digest, kills=20, seed=2)
