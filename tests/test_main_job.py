"""The main job as a user runs it, command by command: on built-in data, and on the real photos where they are at hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from occset.benchmark.results.files import load_results
from occset.benchmark.results.result import Result


def occset(*words: object, cwd: Path, expect: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "occset.cli", *map(str, words)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"})
    assert done.returncode == expect, done.stderr[-3000:]
    return done


def main_job(folder: Path, sources: list[str], methods: str, limit: int) -> list:
    occset("new", "my-set", *sources, cwd=folder)
    checked = occset("check", "my-set", "--json", cwd=folder)
    assert not [f for f in json.loads(checked.stdout) if f["level"] == "error"]
    run = ["bench", "--data", "my-set", "--protocol", "sunglasses", "--limit", str(limit)]
    occset(*run, "--methods", methods, cwd=folder)
    audit = json.loads(occset(*run, "--audit", "--json", cwd=folder).stdout)
    assert [v["must"] for v in audit["audit"] if not v["ok"]] == []
    assert len(audit["audit"]) >= 18
    printed = occset("leaderboard", "results", "--out", "site", cwd=folder).stdout
    pages = [Path(line) for line in printed.splitlines() if line.endswith(".html")]
    assert len(pages) == 1
    page = (folder / pages[0]).read_text(encoding="utf-8")
    assert all(name in page for name in methods.split(","))
    assert "http" + "://" not in page.replace("http://www.w3.org", "")
    return load_results(folder / "results")


def by_method(results: Iterable[Result], metric: str) -> dict[str, float]:
    return {r.method: r.scores[metric].mean() for r in results}


def test_on_builtin_data(tmp_path: Path) -> None:
    sources = ["--faces", "builtin:30", "--occluders", "builtin:100", "--textures", "builtin:20"]
    results = main_job(tmp_path, sources, "telea,navier-stokes,pca,mean-colour", limit=16)
    l1 = by_method(results, "l1")
    assert l1["telea"] < l1["noise"]
    assert all(r.samples == 16 and r.limit == 16 for r in results)
    again = occset("bench", "--data", "my-set", "--limit", "16", "--methods", "telea", cwd=tmp_path)
    assert "not computed again: telea" in again.stderr


@pytest.mark.real
def test_on_real_photos(tmp_path: Path, real_data: Path) -> None:
    sources = ["--faces", f"celebamask-hq:{real_data / 'celebamask_hq'}"]
    sources += ["--occluders", f"faceocc:{real_data / 'occluders'}", "--textures", f"faceocc:{real_data / 'occluders'}"]
    results = main_job(tmp_path, sources, "telea,navier-stokes,patchmatch,pca", limit=16)
    l1, identity = by_method(results, "l1"), by_method(results, "id")
    # faces are alike, so what was learned from others beats what spreads the border inwards
    assert l1["pca"] < min(l1["telea"], l1["navier-stokes"], l1["patchmatch"]) < l1["input"]
    assert identity["truth"] == pytest.approx(1, abs=1e-5)
    table = json.loads(occset("info", "my-set", "--json", cwd=tmp_path).stdout)["tables"]
    assert sum(row["train"] + row["val"] + row["test"] for row in table if row["table"] == "faces") == 900
