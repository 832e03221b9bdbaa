"""A task that the bench has never heard of: one folder and one line of the registry, and everything works."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from occset.benchmark.protocols.hashing import data_hash
from occset.benchmark.results.files import load_results
from occset.benchmark.tasks import registry
from occset.benchmark.tasks.opening import open_method, task_of
from occset.dataset.occlusion_set import OcclusionSet
from tests.benchmark.conftest import BATCH, COUNT, SIZE
from tests.fixture_types import Occset, Said

ONE_LINE = ("toy", "tests.benchmark.toy_task:TASK")


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line that registers it."""
    monkeypatch.setitem(registry.TASKS, *ONE_LINE)


@pytest.fixture
def bench(toy: None, bench_set: OcclusionSet, occset: Occset, tmp_path: Path, no_arcface: None) -> Occset:
    """A function: `occset bench --protocol brightness` on the small set, with further arguments."""

    def run(*arguments: object, workers: int = 1) -> Said:
        common = ("--data", bench_set.path, "--protocol", "brightness", "--out", tmp_path / "r", "--workers", workers)
        return occset("bench", *common, *arguments)

    return run


MINE = """
import numpy as np

class Mine:
    "Brightness of all pixels."
    name, given = "mine", ()

    def measure(self, images):
        levels = images.mean(axis=(1, 2, 3)) / 255
        return levels.astype(np.float32), np.full(images.shape[:3], 255, np.uint8)

class Peeks(Mine):
    given = ("truth",)

class TellsOneThing(Mine):
    def measure(self, images):
        return np.zeros(len(images))

class MixesTheBatch(Mine):
    def measure(self, images):
        return np.full(len(images), images.mean() / 255, np.float32), np.zeros(images.shape[:3], np.uint8)
"""


def test_it_runs_with_its_defaults_its_bounds_and_its_audit(bench: Occset, tmp_path: Path) -> None:
    said = bench("--audit", "--json")
    assert said.status == 0, said.err
    found = json.loads(said.out)
    assert {row["method"] for row in found["table"]} == {"truth", "grey"}
    assert [v["must"] for v in found["audit"]] == ["truth above grey", "truth is 0"]
    assert all(v["ok"] for v in found["audit"])
    by_default = json.loads(bench("--json").out)
    assert {row["method"]: row["rank"] for row in by_default["table"]} == {"middle": 1, "truth": None, "grey": None}
    assert set(by_default["reused"]) == {"grey", "truth"}
    for result in load_results(tmp_path / "r"):
        assert (result.task, result.samples, result.id_missing) == ("toy", COUNT, "this task shows nobody")


def test_several_workers_write_what_one_does(bench: Occset, tmp_path: Path) -> None:
    one = json.loads(bench("--methods", "middle,constant:0.25", "--json").out)["table"]
    (tmp_path / "r").rename(tmp_path / "first")
    two = json.loads(bench("--methods", "middle,constant:0.25", "--json", workers=2).out)["table"]
    for row in (*one, *two):
        row.pop("ms_per_image")
    assert one == two and len(one) == 4


def test_an_outsiders_method_is_checked_run_and_ranked(
    bench: Occset, write_method: Callable[..., str], occset: Occset
) -> None:
    spec = write_method(MINE, attribute="Mine")
    assert task_of(spec).name == "toy"
    checked = occset("bench", "check-method", spec, "--json")
    assert checked.status == 0
    rows = {row["check"]: row for row in json.loads(checked.out)}
    assert list(rows) == ["opens", "returns", "repeats", "inputs", "batch", "range", "speed"]
    assert rows["opens"]["says"] == "mine, given nothing: automatic, for toy"
    assert "float32, uint8" in rows["returns"]["says"]
    mixes = json.loads(occset("bench", "check-method", spec.replace(":Mine", ":MixesTheBatch"), "--json").out)
    assert [row["check"] for row in mixes if not row["ok"]] == ["batch"]
    peeks = occset("bench", "check-method", spec.replace(":Mine", ":Peeks"))
    assert peeks.status == 1 and "the answer, which only the built-in controls" in " ".join(peeks.out.split())
    table = {row["method"]: row for row in json.loads(bench("--methods", f"{spec},middle", "--json").out)["table"]}
    assert {table["mine"]["rank"], table["middle"]["rank"]} <= {1, 2}
    assert table["mine"]["found"]["mean"] == 1
    broken = bench("--methods", spec.replace(":Mine", ":TellsOneThing"))
    assert broken.status == 1 and "must return one brightness a picture" in broken.err


def test_it_is_listed_and_has_its_page(bench: Occset, occset: Occset, tmp_path: Path) -> None:
    listed = {(row["task"], row["name"]) for row in json.loads(occset("bench", "list", "--json").out)}
    assert {
        ("toy", "middle"),
        ("toy", "constant:LEVEL"),
        ("toy", "brightness"),
        ("toy", "package.module:Class"),
    } <= listed
    bench("--methods", "middle")
    made = occset("leaderboard", tmp_path / "r", "--out", tmp_path / "site")
    assert made.status == 0, made.err
    page = (tmp_path / "site" / "index.html").read_text()
    assert "<title>Brightness leaderboard</title>" in page
    (block,) = re.findall(r'id="data">(.*?)</script>', page, re.S)
    (table,) = json.loads(block)["tables"]
    assert [row["role"] for row in table["rows"]] == ["", "ceiling", "floor"]
    assert table["metrics"] == ["error", "found"] and len(table["pictures"]) == 8
    assert len(table["pictures"][0]["methods"]) == 3
    rows = list(csv.DictReader((tmp_path / "site" / "leaderboard.csv").read_text().splitlines()))
    assert {row["type"] for row in rows} == {"all", "worn", "bare"}
    assert "Brightness is the mean" in page


def test_truth_that_it_names_is_part_of_its_data(bench_set: OcclusionSet) -> None:
    from occset.benchmark.protocols.frozen import open_protocol
    from occset.benchmark.runner.planned import result_head

    protocol = open_protocol(bench_set, "brightness", 1)
    faces = bench_set.faces.copy()
    faces["truth"] = faces["truth"].astype(object)
    faces.loc[faces["id"] == protocol.recipes[0].face, "truth"] = "truth/one.npz"
    bench_set.write("faces", faces)
    (bench_set.path / "truth").mkdir()

    def stated(value: float) -> str:
        np.savez(bench_set.path / "truth" / "one.npz", **{"coefficients/shape": np.array([value])})
        return result_head(OcclusionSet(bench_set.path), protocol, None, {}).data_hash

    assert stated(1.0) == stated(1.0) != stated(2.0)
    assert stated(1.0) != data_hash(bench_set, protocol.recipes)


DRIVER = f"""
import sys
from dataclasses import replace

from occset.benchmark.protocols import frozen
from occset.benchmark.runner import worker
from occset.benchmark.tasks import registry
from occset.cli import main

registry.TASKS[{ONE_LINE[0]!r}] = {ONE_LINE[1]!r}
rules = {{name: replace(rule, count={COUNT}, size={SIZE}) for name, rule in frozen.published().items()}}
frozen.published = lambda: rules
worker.BATCH = {BATCH}

if __name__ == "__main__":
    main()
"""

DIES_ONCE = """
import os, signal
from pathlib import Path
import numpy as np

LOG = Path(r"{log}")

class Method:
    name, given, revision = "dies", (), "1"

    def measure(self, images):
        calls = LOG.read_text() if LOG.exists() else ""
        LOG.write_text(calls + str(len(images)) + " ")
        if calls.split() == ["8", "8"]:
            os.kill(os.getpid(), signal.SIGKILL)
        return np.full(len(images), 0.5, np.float32), np.zeros(images.shape[:3], np.uint8)
"""


def test_a_run_that_was_killed_goes_on_where_it_was(
    bench: Occset, bench_set: OcclusionSet, write_method: Callable[..., str], tmp_path: Path
) -> None:
    log = tmp_path / "calls"
    spec = write_method(DIES_ONCE.format(log=log), "dies_once")
    driver = tmp_path / "driver.py"
    driver.write_text(DRIVER)
    words = ["bench", "--data", bench_set.path, "--protocol", "brightness", "--out", tmp_path / "r", "--workers", 1]
    search = [str(tmp_path / "outside"), str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")]
    killed = subprocess.run(
        [sys.executable, str(driver), *map(str, words), "--methods", spec],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(search)},
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert log.read_text().split() == ["8", "8", "8"] and not list((tmp_path / "r").glob("*dies*.json"))
    done = bench("--methods", spec, "--json")
    assert done.status == 0, done.err
    assert log.read_text().split() == ["8"] * 4, "only the batch that was lost is asked for again"
    assert {row["method"] for row in json.loads(done.out)["table"]} == {"dies", "truth", "grey"}


def test_names_of_other_tasks_mean_what_they_meant() -> None:
    assert task_of("truth").name == "deocclusion"
    assert task_of("middle").name == "toy"
    assert open_method("truth", "toy").given == ("truth", "face")
