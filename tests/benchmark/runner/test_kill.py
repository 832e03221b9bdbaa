"""`occset bench` killed with SIGKILL, workers and all, at random moments: from freezing the protocol to tidying up."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from occset.benchmark.protocols import frozen
from occset.benchmark.runner import worker
from occset.dataset.occlusion_set import OcclusionSet
from tests.fixture_types import Contents, Occset

METHODS = "telea,pca,input,noise"
COUNT, LIMIT, SIZE, BATCH = 250, 24, 64, 4  # many recipes, so that freezing takes its share of the moments

DRIVER = f"""
import sys
from dataclasses import replace

from occset.benchmark import audit, summary
from occset.benchmark.protocols import frozen
from occset.benchmark.runner import run, worker
from occset.benchmark.tasks.deocclusion import controls, evaluator
from occset.benchmark.tasks.deocclusion.methods import classical, pca
from occset.cli import main
from occset.benchmark.identity import dlib_faces
from occset.models import arcface

arcface._packaged = dlib_faces._packaged = lambda: None
rules = {{name: replace(rule, count={COUNT}, size={SIZE}) for name, rule in frozen.published().items()}}
frozen.published = lambda: rules
worker.BATCH = {BATCH}

if __name__ == "__main__":
    print("ready", file=sys.stderr, flush=True)
    main()
"""

pytestmark = pytest.mark.skipif(not hasattr(os, "killpg"), reason="kills a group of processes, as POSIX has them")


@dataclass
class Case:
    """A set, a folder of results, and the command line that benches one into the other."""

    data: Path
    out: Path
    driver: Path

    def command(self, workers: int) -> list[str]:
        return ["bench", "--data", str(self.data), "--out", str(self.out), "--protocol", "types", "--methods", METHODS,
                "--limit", str(LIMIT), "--workers", str(workers)]  # fmt: skip

    def start(self, workers: int) -> subprocess.Popen[str]:
        """The bench, in a group of its own, past its imports."""
        process = subprocess.Popen(
            [sys.executable, str(self.driver), *self.command(workers)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "HOME": str(self.driver.parent), "OCCSET_ARCFACE": ""},
        )
        assert process.stderr is not None
        assert process.stderr.readline() == "ready\n"
        return process

    def kill(self, workers: int, delay: float) -> bool:
        """Start it, kill the whole group after so many seconds; whether there was anything left to kill."""
        process = self.start(workers)
        time.sleep(delay)
        alive = process.poll() is None
        os.killpg(process.pid, signal.SIGKILL) if alive else None
        process.communicate()
        return alive


@pytest.fixture
def case(
    copy_set: Callable[[str], OcclusionSet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Case]:
    """A function that makes a fresh case; this process follows the same short rules as the driver."""
    monkeypatch.setattr(
        frozen,
        "published",
        lambda rules=frozen.published(): {n: replace(r, count=COUNT, size=SIZE) for n, r in rules.items()},
    )
    monkeypatch.setattr(worker, "BATCH", BATCH)
    driver = tmp_path / "driver.py"
    driver.write_text(DRIVER)
    sets = iter(range(1000))

    def make() -> Case:
        name = f"set-{next(sets)}"
        return Case(copy_set(name).path, tmp_path / f"results-{name}", driver)

    return make


def undisturbed(case: Case, workers: int) -> float:
    """Run to the end; returns the seconds it took after its imports."""
    process = case.start(workers)
    started = time.perf_counter()
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return time.perf_counter() - started


def temporary(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.name.startswith(".occset-") or p.name == ".parts"]


def survive(case: Callable[[], Case], occset: Occset, contents: Contents, kills: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference = case()
    seconds = {1: undisturbed(reference, 1)}
    whole = contents(reference.out)
    results = {*METHODS.split(","), "input", "truth"}  # floor and ceiling always run
    assert len(whole) == len(results) * (2 + BATCH) + 3 * BATCH
    pooled = case()
    seconds[2] = undisturbed(pooled, 2)
    assert contents(pooled.out) == whole
    caught = 0
    for i in range(kills):
        one = case()
        workers = 1 + i % 2
        caught += one.kill(workers, seconds[workers] * rng.uniform(0, 0.95))
        said = occset("check", one.data, "--workers", 1)
        assert said.status == 0, said.out + said.err
        frozen = one.data / "protocols" / "types.parquet"
        before = frozen.read_bytes() if frozen.exists() else None
        said = occset(*one.command(1))
        assert said.status == 0, said.err
        assert contents(one.out) == whole
        assert frozen.read_bytes() == before or before is None
        assert frozen.read_bytes() == (reference.data / "protocols" / "types.parquet").read_bytes()
        assert not temporary(one.out)
        assert not temporary(one.data)
        shutil.rmtree(one.data)
    assert caught >= kills / 2, f"only {caught} of {kills} kills came before the end"


def test_five_kills(case: Callable[[], Case], occset: Occset, contents: Contents, no_arcface: None) -> None:
    survive(case, occset, contents, 5, seed=1)


@pytest.mark.slow
def test_twenty_kills(case: Callable[[], Case], occset: Occset, contents: Contents, no_arcface: None) -> None:
    survive(case, occset, contents, 20, seed=2)


def test_one_run_killed_again_and_again_gets_to_the_same_end(
    case: Callable[[], Case], occset: Occset, contents: Contents, no_arcface: None
) -> None:
    reference, one = case(), case()
    assert occset(*reference.command(1)).status == 0
    for delay in (0.1, 0.5, 0.9):
        one.kill(1, delay)
    assert occset(*one.command(1)).status == 0
    assert contents(one.out) == contents(reference.out)


@pytest.mark.parametrize("half", [b"", b"PAR1 half of a table"])
def test_a_kill_in_the_very_write_of_the_protocol(
    case: Callable[[], Case], occset: Occset, half: bytes, no_arcface: None
) -> None:
    """What is left of it, a temporary file, is no protocol, disturbs no check, and goes with the next run."""
    from occset.support.files import atomic_path

    one = case()
    with pytest.raises(KeyboardInterrupt), atomic_path(one.data / "protocols" / "types.parquet") as path:
        name = path.name
        raise KeyboardInterrupt
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = one.data / "protocols" / name.replace(f"-{os.getpid()}-", f"-{dead.pid}-")
    left.write_bytes(half)
    said = occset("check", one.data, "--workers", 1)
    assert said.status == 0, said.out
    assert occset(*one.command(1)).status == 0
    assert not temporary(one.data)
