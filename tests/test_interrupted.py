"""`occset new`, `train ns` and `bench`, interrupted at random moments: one line, a status, and a folder to go on with."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from occset.dataset.occlusion_set import OcclusionSet

ROOT = Path(__file__).parents[1]

DRIVER = """
import importlib.abc, importlib.util, sys
import occset.__main__ as command

class Small(importlib.abc.MetaPathFinder):
    # the preset "demo" becomes a tiny one and protocols short ones, when they are loaded and not before
    def find_spec(self, name, path, target=None):
        change = {"occset.models.segmentation.presets": tiny, "occset.benchmark.protocols.frozen": short}.get(name)
        if change is None:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        sys.meta_path.insert(0, self)
        execute = spec.loader.exec_module
        spec.loader.exec_module = lambda module: (execute(module), change(module))
        return spec

def tiny(module):
    training = module.TrainingPreset("demo", 4, 5, 40, 1e-3, checkpoint_every=3)
    module.PRESETS["demo"] = module.SegmentationPreset(module.Architecture("resnet18", (16, 16, 8, 8, 8), 64), training)

def short(module):
    from dataclasses import replace
    rules = {name: replace(rule, count=120, size=64) for name, rule in module.published().items()}
    module.published = lambda: rules

def heard(kept, listen=command.interrupts.listen):
    listen(kept)
    print("ready", flush=True)  # from here on nothing is the system's own way to end

if __name__ == "__main__":
    sys.meta_path.insert(0, Small())
    command.interrupts.listen = heard
    command.main()
"""

Start = Callable[..., "subprocess.Popen[str]"]

pytestmark = pytest.mark.skipif(not hasattr(os, "killpg"), reason="interrupts a group of processes, as POSIX has them")


@pytest.fixture
def start(tmp_path: Path, make_set: Callable[..., OcclusionSet]) -> Start:
    """A function that starts a verb on a small set, in a group of its own, past the start of Python itself."""
    (tmp_path / "driver.py").write_text(DRIVER)
    make_set("set")
    verbs = {
        "new": "new made --faces builtin:24 --occluders builtin:24 --workers 2",
        "train": "train ns --data set --out trained --workers 2 --accelerator cpu",
        "bench": "bench --data set --out benched --protocol types --methods telea,pca --limit 64 --workers 2",
    }

    def run(verb: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "driver.py", *verbs[verb].split()],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OCCSET_ARCFACE": ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell in the background ignores it
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    return run


def end(process: subprocess.Popen[str], number: int = signal.SIGINT) -> tuple[int, str]:
    """Send a signal to all processes of a command, as a terminal does; its status and what it said."""
    if process.poll() is None:
        os.killpg(process.pid, number)
    try:
        _, said = process.communicate(timeout=300)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return process.returncode, said


def is_clean(status: int, said: str) -> bool:
    """Whether a command was interrupted, rather than done; what it said is one line about that, and no traceback."""
    assert "Traceback" not in said and "ignored" not in said and "Error" not in said, said
    told = [line for line in said.splitlines() if line.startswith("occset: ")]
    if status == 0:
        assert not told, said
        return False
    assert status == 130, said
    (line,) = told
    assert line == said.splitlines()[-1]
    assert "interrupted" in line and "run the same command again and it goes on" in line
    return True


def opens(folder: Path, verb: str) -> None:
    from occset.models.training.checkpoints import NAME, load

    if verb == "new" and (folder / "made" / "occset.json").exists():
        OcclusionSet(folder / "made").refresh()
    if verb == "train" and (folder / "trained" / NAME).exists():
        assert 0 <= load(folder / "trained" / NAME).step <= 50
    if verb == "bench":
        assert len(OcclusionSet(folder / "set").faces) == 20


def moments(start: Start, folder: Path, verb: str, count: int, seed: int) -> int:
    """Interrupt a verb so many times; how often there was something to interrupt."""
    rng = np.random.default_rng([seed, *verb.encode()])
    interrupted = 0
    for _ in range(count):
        process = start(verb)
        time.sleep(float(rng.uniform(0.0, 8.0)))
        if is_clean(*end(process)):
            interrupted += 1
        else:  # it was done before: begin anew
            for name in ("made", "trained", "benched"):
                shutil.rmtree(folder / name, ignore_errors=True)
        opens(folder, verb)
    return interrupted


@pytest.mark.parametrize("verb", ["new", "train", "bench"])
def test_a_handful_of_moments(start: Start, tmp_path: Path, verb: str) -> None:
    assert moments(start, tmp_path, verb, 3, seed=1) > 0


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["new", "train", "bench"])
def test_fifty_moments(start: Start, tmp_path: Path, verb: str) -> None:
    assert moments(start, tmp_path, verb, 50, seed=2) > 10
    process = start(verb)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said


@pytest.mark.parametrize(("number", "status", "word"), [(2, 130, "interrupted"), (15, 143, "stopped by SIGTERM")])
@pytest.mark.parametrize("later", [0.0, 1.5])
def test_in_the_first_steps_of_a_training(
    start: Start, tmp_path: Path, number: int, status: int, word: str, later: float
) -> None:
    """When its loader processes start, and when they work: also of them none says that it was killed."""
    process = start("train")
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("training ns: "):
            break
    time.sleep(later)
    ended, said = end(process, number)
    assert ended == status, said
    progress = "ns, demo: "  # lines of every half minute, on a machine that is busy
    (line,) = [line for line in said.splitlines() if not line.startswith(progress)]  # no word of memory, no traceback
    begin, _, rest = line.partition(" after step ")
    assert begin == f"occset: ns was {word}"
    step, _, rest = rest.partition(" ")
    assert 0 <= int(step) < 50
    assert rest == "of 50, which trained keeps: run the same command again and it goes on from there"
    opens(tmp_path, "train")


def test_sigterm_while_it_loads(start: Start) -> None:
    status, said = end(start("bench"), signal.SIGTERM)
    assert status == 143
    assert said == (
        "occset: stopped by SIGTERM; results and batches that were finished stay: run the same command again and it goes "
        "on where it stopped\n"
    )


SERVER = """
import numpy as np, sys, typer
import occset.__main__ as command
from occset import cli

app = typer.Typer()

@app.command()
def serve():
    from occset.annotation.backend.prelabelling import make_server
    class Model:
        segment = staticmethod(lambda images: images[..., 0])
    server = make_server(Model(), "s" * 32, lambda _: None, port=0)
    with server:
        print("ready", flush=True)
        server.serve()

if __name__ == "__main__":
    sys.modules["serving"] = sys.modules["__main__"]
    cli.VERBS["doctor"] = "serving:app"
    sys.argv = ["occset", "doctor"]
    command.main()
"""


def test_a_server_that_ctrl_c_ends_has_ended_well(start: Start, tmp_path: Path) -> None:
    (tmp_path / "driver.py").write_text(SERVER)
    process = start("bench")
    time.sleep(0.3)
    assert end(process) == (0, "stopped\n")
