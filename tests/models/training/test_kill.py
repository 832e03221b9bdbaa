"""Trainings in a process of their own that are killed, or interrupted from a terminal, loader processes and all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from occset.models.training.checkpoints import NAME, load
from tests.models.training import training_task

ROOT = Path(__file__).parents[3]

DRIVER = """
import sys
from pathlib import Path
from tests.models.training import training_task

if __name__ == "__main__":
    out, workers, seconds, every = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    task = training_task.BrightTask(training_task.Patches(seconds=seconds))
    preset = training_task.small_preset(checkpoint_every=every, validate_every=4)
    print("ready", flush=True)
    outcome = training_task.train(
        task, out, preset=preset, workers=workers, progress=lambda done, _: print(f"step {done}", flush=True)
    )
    print("interrupted" if outcome.interrupted else "done", outcome.step, flush=True)
"""

pytestmark = pytest.mark.skipif(not hasattr(os, "killpg"), reason="kills a group of processes, as POSIX has them")
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A function that starts the training, in a group of its own, and returns it past its imports."""
    (tmp_path / "driver.py").write_text(DRIVER)
    started = []

    def run(out: Path, workers: int = 1, seconds: float = 0.0, every: int = 2) -> subprocess.Popen[str]:
        command = [sys.executable, str(tmp_path / "driver.py"), str(out), str(workers), str(seconds), str(every)]
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            # in the background of a shell Ctrl-C is ignored, and a child would inherit that
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield run
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def undisturbed(out: Path) -> dict:
    preset = training_task.small_preset(checkpoint_every=2, validate_every=4)
    training_task.train(training_task.BrightTask(), out, preset=preset)
    return training_task.everything(out)


def wait_for(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout is not None
    for found in process.stdout:
        if found.strip() == line:
            return
    raise AssertionError(f"never said {line}: {process.stderr.read() if process.stderr else ''}")


def test_killed_in_the_middle_it_loses_no_more_than_the_steps_since_the_checkpoint(
    start: Start, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    process = start(out, every=5, seconds=0.005)
    wait_for(process, "step 13")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert 10 <= load(out / NAME).step <= 20
    whole = undisturbed(tmp_path / "whole")
    process = start(out, every=5)
    said, errors = process.communicate(timeout=60)
    assert said.splitlines()[-1] == "done 20", errors
    assert training_task.same(training_task.everything(out), whole)
    assert not list(out.glob(".occset-*"))


@pytest.mark.slow
def test_killed_at_any_moment(start: Start, tmp_path: Path) -> None:
    """Ten kills in a row, from the start of the workers to the last checkpoint, of one training."""
    out, rng = tmp_path / "out", np.random.default_rng(0)
    whole = undisturbed(tmp_path / "whole")
    reached = 0
    for _ in range(10):
        process = start(out, workers=2, seconds=0.02, every=1)
        time.sleep(float(rng.uniform(0.2, 6.0)))
        alive = process.poll() is None
        os.killpg(process.pid, signal.SIGKILL) if alive else None
        said, errors = process.communicate()
        steps = [int(line.split()[1]) for line in said.splitlines() if line.startswith("step")]
        if (out / NAME).exists():
            step = load(out / NAME).step
            assert step >= max([reached, *(s - 1 for s in steps)]), errors
            reached = step
    said, errors = start(out, workers=1).communicate(timeout=60)
    assert said.splitlines()[-1] == "done 20", errors
    assert training_task.same(training_task.everything(out), whole)


@pytest.mark.parametrize("moment", ["ready", "step 1"])
def test_ctrl_c_reaches_the_whole_group_and_harms_nobody(start: Start, tmp_path: Path, moment: str) -> None:
    """As a terminal sends it: to the loader processes too, which may still be importing."""
    out = tmp_path / "out"
    process = start(out, workers=2, seconds=0.02)
    if moment == "ready":
        time.sleep(1.0)  # past the import of Fabric, when the loader processes start
    else:
        wait_for(process, moment)
    os.killpg(process.pid, signal.SIGINT)
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    last = said.splitlines()[-1]
    assert last.startswith("interrupted"), (said, errors)
    assert load(out / NAME).step == int(last.split()[1]) < 20
    said, errors = start(out, workers=0).communicate(timeout=60)
    assert said.splitlines()[-1] == "done 20", errors
    assert training_task.same(training_task.everything(out), undisturbed(tmp_path / "whole"))
