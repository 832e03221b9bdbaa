"""A new network is a folder and one line of the registry: here a toy, from its training to its help text."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.training.checkpoints import NAME
from occset.models.training.checkpoints import load as load_checkpoint
from occset.models.weight_files import load_weights, weights_hash

ROOT = Path(__file__).parents[2]
DRIVER = """
import sys
from occset.models.registry import NETWORKS

NETWORKS["toy"] = "tests.models.toy_network:NETWORK"

if __name__ == "__main__":
    exec(open(sys.argv.pop(1)).read() if sys.argv[1].endswith(".py") else "from occset.cli import main; main()")
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, plain_set: OcclusionSet) -> Run:
    """The command line, or a script, in a process in which the toy's line stands in the registry; in a folder with a set."""
    folder = tmp_path_factory.mktemp("toy")
    (folder / "driver.py").write_text(DRIVER)
    shutil.copytree(plain_set.path, folder / "work" / "set", ignore=shutil.ignore_patterns("protocols"))

    def call(*words: object, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TOY_RELEASED": str(folder / "released"),
            "COLUMNS": "200",
        }
        command = [sys.executable, "driver.py", *map(str, words)]
        return subprocess.run(
            command, cwd=folder, env={**environment, **variables}, capture_output=True, text=True, check=False
        )

    call.folder = folder  # type: ignore[attr-defined]
    return call


RELEASE = """
import subprocess
from pathlib import Path
from occset.models import registry, released

folders = {name: Path(name) for name in ("work", "real", "runs")}
run = lambda words: subprocess.run([sys.executable, "driver.py", *words]).returncode
released.make(registry.find("toy"), folders, install=True, run=run)
"""

LOAD = """
import numpy as np
import occset.models

assert {"ns", "nr", "ng", "toy"} <= {*occset.models.list(pretrained=True)}, occset.models.list()
network = occset.models.load("toy", device="cpu")
print(network.weights_hash, network.segment(np.zeros((3, 40, 40, 3), np.uint8)).shape)
done = occset.models.train("toy", "work/set", "tiny", "runs/again", start="released", workers=0, softness=0.5, say=print)
print(done.step)
try:
    occset.models.train("toy", "work/set", "tiny", "runs/other", encoder_weights="x")
except Exception as error:
    print(error)
"""


@pytest.fixture(scope="module")
def released(run: Run) -> Path:
    """The folder, with the toy's weights made by its recipe and put where released ones lie."""
    folder: Path = run.folder  # type: ignore[attr-defined]
    (folder / "release.py").write_text(RELEASE)
    done = run("release.py")
    assert done.returncode == 0, done.stderr
    return folder


def test_it_is_trained_and_released_by_its_recipe(run: Run, released: Path) -> None:
    assert weights_hash(released / "released") == weights_hash(released / "runs" / "toy" / "weights")
    _, about = load_weights(released / "released")
    assert about["network"] == {"channels": 4} and about["data"]["faces"] > 5
    again = run("release.py")
    assert again.returncode == 0 and again.stdout.count("(done before)") == 2


def test_a_training_goes_on_from_its_checkpoint(run: Run, released: Path) -> None:
    options = ("--data", "work/set", "--workers", 0, "--accelerator", "cpu", "--softness", 0.25)
    assert run("train", "toy", *options, "--out", "runs/soft").returncode == 0
    state = load_checkpoint(released / "runs" / "soft" / NAME)
    assert state.step == 6 and state.origin.endswith("it starts from scratch, softness 0.25")
    more = run("train", "toy", *options[:-2], "--out", "runs/soft")
    assert more.returncode == 2 and "softness 0.25 instead of" in more.stderr
    last = run("train", "toy", *options, "--out", "runs/soft")
    assert last.returncode == 0 and "going on after step 6" in last.stderr and "toy: step 6 of 6" in last.stderr


def test_it_is_loaded_by_name(run: Run, released: Path) -> None:
    (released / "load.py").write_text(LOAD)
    done = run("load.py")
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert lines[0] == f"{weights_hash(released / 'released')} (3, 40, 40)"
    assert any(line.startswith("the network starts from the released weights (") for line in lines)
    assert lines[-2:] == [
        "6",
        "training Toy takes no encoder_weights: what it takes besides the common options is softness",
    ]


def test_it_is_a_method_of_the_bench(run: Run, released: Path) -> None:
    done = run("bench", "--data", "work/set", "--protocol", "natural", "--methods", "toy,oval", "--limit", 4, "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["method"]: row for row in json.loads(done.stdout)["table"]}
    assert 0 <= rows["toy"]["iou"]["mean"] <= 1 and "oval" in rows
    assert "two convolutions" in run("bench", "list", "--json").stdout


def test_it_mines_and_segments_where_it_is_named(run: Run, released: Path) -> None:
    mined = run("mine", "work/set", "--model", "toy", "--top", 3, "--workers", 1, "--device", "cpu")
    assert mined.returncode == 0 and "were picked by toy" in mined.stderr, mined.stderr
    face = next((released / "work" / "set" / "images").rglob("*.png"))
    done = run("segment", face, "--model", "toy", "--no-align", "--out", "masks")
    assert done.returncode == 0 and "1 mask in masks" in done.stderr, done.stderr


def test_help_and_doctor_tell_of_it(run: Run, released: Path) -> None:
    assert "two convolutions that mark" in run("train", "--help").stdout
    told = run("train", "toy", "--help").stdout
    assert "--softness" in told and "tiny." in told and "runs/toy" in told and "--encoder-weights" not in told
    assert "ns, toy, or a class" in run("mine", "--help").stdout
    line = next(line for line in json.loads(run("doctor", "--json").stdout) if line["part"] == "network toy")
    assert line["ok"] and line["found"] == f"released, {weights_hash(released / 'released')[:12]}"
    assert line["meaning"].endswith("card: data_cards/toy.md")
    named = run("doctor", "--json", OCCSET_TOY="nowhere").stdout
    line = next(line for line in json.loads(named) if line["part"] == "network toy")
    assert not line["ok"] and "nowhere" in line["meaning"]
