"""``occset train all``: which steps it takes, and that killed anywhere it comes to the same weights."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

import occset.models
from occset.dataset.occlusion_set import OcclusionSet
from occset.models.baselines import RIVALS
from occset.models.groups import common_presets, steps_of, train_group
from occset.models.reconstruction import released
from occset.models.registry import find, members
from occset.models.steps import Plan
from occset.models.training.checkpoints import NAME
from occset.models.weight_files import load_weights, weights_hash
from occset.support.errors import OccsetError, UnknownName
from tests.models.reconstruction.rendered import fill_rendered

ROOT = Path(__file__).parents[2]
NAMES = ("ns", "nr", "ng")

DRIVER = """
import sys
from tests.models import tiny_presets

if __name__ == "__main__":
    tiny_presets.install()
    from occset.__main__ import main
    main()
"""


@pytest.fixture(scope="module")
def rendered_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a set of rendered faces without fits; not to be changed."""
    return fill_rendered(OcclusionSet.create(tmp_path_factory.mktemp("all") / "set"), faces=24).path


def words_of(plan: Plan) -> list[str]:
    return [" ".join(step.command) for network in members("all") for step in steps_of(network, plan)]


def test_the_steps_for_rendered_faces(rendered_set: Path, tmp_path: Path) -> None:
    plan = Plan(rendered_set, "demo", tmp_path, ("--seed", "1"))
    common = f"--data {rendered_set} --preset demo --out {tmp_path}"
    assert words_of(plan) == [
        f"train ns {common}/ns --seed 1",
        f"fit {rendered_set}",
        f"train nr {common}/nr --seed 1 --segmentation {tmp_path}/ns/weights",
        f"fit {rendered_set}",
        f"train ng {common}/ng --seed 1 --segmentation {tmp_path}/ns/weights --reconstruction {tmp_path}/nr/weights",
    ]
    assert f"fit {rendered_set} --colours 1" in words_of(Plan(rendered_set, "paper", tmp_path))


def test_photos_get_an_albedo_of_their_own(
    plain_set: OcclusionSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(released, "LEAST_PHOTOS", 10)
    data, out = plain_set.path, tmp_path
    assert words_of(Plan(data, "demo", out))[1:] == [
        f"fit {data} --split train --limit 800",
        f"models morphable learn-albedo {data} --out {out}/albedo",
        f"fit {data} --albedo {out}/albedo",
        f"train nr --data {data} --preset demo --out {out}/nr --segmentation {out}/ns/weights --albedo {out}/albedo",
        f"fit {data} --albedo {out}/nr/weights",
        f"train ng --data {data} --preset demo --out {out}/ng --segmentation {out}/ns/weights "
        f"--reconstruction {out}/nr/weights",
    ]


def test_only_presets_that_all_have_are_taken(plain_set: OcclusionSet, tmp_path: Path) -> None:
    assert common_presets("all") == ["demo", "laptop", "paper", "fast"]
    assert "laptop-192" in find("ns").all_presets()
    for preset in ("laptop-192", "dmo"):
        with pytest.raises(UnknownName, match="preset of all of NS, NR, NG"):
            train_group("all", Plan(plain_set.path, preset, tmp_path / "x"), lambda words: 0)
    with pytest.raises(UnknownName, match="group of networks"):
        train_group("none", Plan(plain_set.path, "demo", tmp_path / "x"), lambda words: 0)
    assert not (tmp_path / "x").exists()


def test_the_rivals_are_trained_in_their_order(plain_set: OcclusionSet, tmp_path: Path) -> None:
    ran: list[str] = []
    plan = Plan(plain_set.path, "demo", tmp_path)
    weights = train_group("rivals", plan, lambda words: ran.append(" ".join(words)) or 0, say=lambda _: None)
    assert tuple(weights) == RIVALS
    assert ran[::2] == [f"fit {plain_set.path} --albedo released"] * len(RIVALS)
    assert ran[1::2] == [
        f"train {name} --data {plain_set.path} --preset demo --out {tmp_path / name}" for name in RIVALS
    ]


def test_rivals_are_not_trained_together_on_unequal_budgets(plain_set: OcclusionSet, tmp_path: Path) -> None:
    ran: list[Sequence[str]] = []
    with pytest.raises(OccsetError, match="no table could compare them; choose demo, laptop or fast"):
        train_group("rivals", Plan(plain_set.path, "paper", tmp_path), lambda words: ran.append(words) or 0)
    assert not ran


Start = Callable[[Path, Path], "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A function that starts the whole command on a set and into a folder, in a group of processes of its own."""
    (tmp_path / "driver.py").write_text(DRIVER)
    started: list[subprocess.Popen[str]] = []

    def run(data: Path, out: Path) -> subprocess.Popen[str]:
        words = [
            "train",
            "all",
            "--data",
            data,
            "--preset",
            "tiny",
            "--out",
            out,
            "--workers",
            0,
            "--accelerator",
            "cpu",
        ]
        process = subprocess.Popen(
            [sys.executable, str(tmp_path / "driver.py"), *map(str, words)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def copy_of(data: Path, folder: Path) -> Path:
    """The set without its fits, which are no part of its content."""
    shutil.copytree(data, folder, ignore=shutil.ignore_patterns("fits"))
    return folder


def hashes(out: Path) -> dict[str, str]:
    return {name: weights_hash(out / name / "weights") for name in NAMES}


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="kills a group of processes, as POSIX has them")
def test_killed_at_random_moments_it_comes_to_the_same_weights(
    start: Start, rendered_set: Path, tmp_path: Path
) -> None:
    """By SIGTERM, which it is told of and says so, and by SIGKILL, which nobody hears."""
    whole = start(copy_of(rendered_set, tmp_path / "one"), tmp_path / "whole")
    _, errors = whole.communicate(timeout=900)
    assert whole.returncode == 0, errors
    assert errors.count("(done before)") == 0 and f"OCCSET_NG={tmp_path / 'whole' / 'ng' / 'weights'}" in errors
    data, out, rng = copy_of(rendered_set, tmp_path / "two"), tmp_path / "out", np.random.default_rng(0)
    stopped = 0
    for number, name in enumerate(NAMES):  # while each of them is trained, a while after its first checkpoint
        process = start(data, out)
        while process.poll() is None and not (out / name / NAME).exists():
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 0.4))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL if number == 1 else signal.SIGTERM)
        _, errors = process.communicate(timeout=300)
        assert process.returncode in (0, 143, -signal.SIGKILL), errors
        assert "Traceback" not in errors
        if process.returncode == 143:
            assert "stopped by SIGTERM" in errors.splitlines()[-1] and "same command again" in errors
        stopped += process.returncode != 0
    assert stopped
    last = start(data, out)
    _, errors = last.communicate(timeout=900)
    assert last.returncode == 0, errors
    assert hashes(out) == hashes(tmp_path / "whole")
    _, about = load_weights(out / "ng" / "weights")
    assert about["network"]["segmentation"] == occset.models.load("ns", out / "ns" / "weights", device="cpu").revision
    assert about["network"]["reconstruction"] == occset.models.load("nr", out / "nr" / "weights", device="cpu").revision
    assert "the encoder starts from that of NS" in load_weights(out / "nr" / "weights")[1]["origin"]


@pytest.mark.slow
def test_the_demo_preset_on_built_in_faces(tmp_path: Path) -> None:
    """From nothing but code to a network that paints, one epoch each."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def occset_(*words: object) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "occset", *map(str, words)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    data, out = tmp_path / "set", tmp_path / "runs"
    occset_("new", data, "--faces", "builtin:60", "--occluders", "builtin:60", "--textures", "builtin:20")
    said = occset_("train", "all", "--data", data, "--preset", "demo", "--epochs", 1, "--out", out)
    assert "ng: step 200 of 200, validation l1 " in said
    again = occset_("train", "all", "--data", data, "--preset", "demo", "--epochs", 1, "--out", out)
    assert again.count("(done before)") == 5
    painter = occset.models.load("ng", out / "ng" / "weights", device="cpu")
    assert painter.size == 128
