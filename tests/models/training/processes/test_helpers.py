from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from occset.models.training.checkpoints import NAME, load
from occset.models.training.processes.helpers import helpers
from occset.models.training.processes.layout import Layout
from occset.support.errors import BadInput, OccsetError
from tests.models.training import training_task

BrightTask, everything = training_task.BrightTask, training_task.everything
small_preset, train = training_task.small_preset, training_task.train

ROOT = Path(__file__).parents[4]
SHARED: dict = {"freeze_normalisation": True, "epochs": 2}
"""With frozen normalisations, no dropout and a loss that is a mean over images, processes can share a batch exactly."""

SCRIPT = """
import sys
from pathlib import Path
from tests.models.training import training_task
if __name__ == "__main__":
    preset = training_task.small_preset(freeze_normalisation=True, epochs=2)
    said = []
    outcome = training_task.train(training_task.BrightTask(dropout=0.0), Path(sys.argv[1]), preset=preset, say=said.append)
    print(f"step {outcome.step} rank {outcome.rank} said {len(said)} metrics {sorted(outcome.metrics)}", flush=True)
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One process with the whole batch."""
    out = tmp_path_factory.mktemp("alone")
    train(BrightTask(dropout=0.0), out, preset=small_preset(**SHARED))
    return out


def assert_close(a: Path, b: Path) -> None:
    ours, theirs = everything(a), everything(b)
    assert set(ours) == set(theirs)
    assert ours["/step"] == theirs["/step"] == 10
    for key, value in ours.items():
        if isinstance(value, torch.Tensor):
            assert torch.allclose(value.double(), theirs[key].double(), rtol=1e-4, atol=1e-6), key


def test_two_processes_learn_what_one_learns(tmp_path: Path, alone: Path) -> None:
    before, threads = dict(os.environ), torch.get_num_threads()
    task = BrightTask(dropout=0.0)
    outcome = train(task, tmp_path, preset=small_preset(**SHARED), devices=2, workers=1)
    assert (outcome.step, outcome.interrupted) == (10, False)
    assert_close(tmp_path, alone)
    assert [len(share) for share in task.seen] == [4] * 10  # half of each batch was seen here
    assert task.seen[0] == [(0, 0), (0, 1), (0, 2), (0, 3)]
    assert (dict(os.environ), torch.get_num_threads()) == (before, threads)
    assert not torch.distributed.is_initialized()


def test_all_stop_together_and_go_on_together(tmp_path: Path, alone: Path) -> None:
    first = train(BrightTask(dropout=0.0, at_step=StopHere(3)), tmp_path, preset=small_preset(**SHARED), devices=2)
    assert (first.interrupted, first.step, load(tmp_path / NAME).step) == (True, 4, 4)
    train(BrightTask(dropout=0.0), tmp_path, preset=small_preset(**SHARED), devices=2)
    assert_close(tmp_path, alone)


class StopHere:
    """Asks the first process to stop in a step, as a batch system does."""

    def __init__(self, step: int) -> None:
        self.step = step

    def __call__(self, number: int) -> None:
        if number == self.step and os.environ.get("RANK") == "0":
            os.kill(os.getpid(), 15)


class FailsInTheOther(BrightTask):
    """What goes wrong in the second process alone."""

    def __init__(self, way: str) -> None:
        super().__init__(dropout=0.0)
        self.way = way

    def loss(
        self, network: str, networks: Mapping[str, nn.Module], batch: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        loss, parts = super().loss(network, networks, batch)
        if os.environ["RANK"] == "1" and self.calls == 7:
            if self.way == "error":
                raise BadInput("picture 7 is torn: mend it")
            if self.way == "dies":
                os._exit(9)
            loss = loss * torch.nan
        return loss, parts


@pytest.mark.parametrize(
    ("way", "kind", "message"),
    [
        ("nan", OccsetError, "step 7: the loss of judge is not finite"),
        ("error", BadInput, "^picture 7 is torn: mend it$"),
        ("dies", OccsetError, "another process of this training died"),
    ],
)
def test_what_goes_wrong_elsewhere_is_told_here(tmp_path: Path, way: str, kind: type[Exception], message: str) -> None:
    started = time.monotonic()
    with pytest.raises(kind, match=message):
        train(FailsInTheOther(way), tmp_path, preset=small_preset(**SHARED), devices=2)
    assert load(tmp_path / NAME).step == 5
    assert time.monotonic() - started < 30


def test_a_refused_checkpoint_is_refused_in_all(alone: Path) -> None:
    with pytest.raises(OccsetError, match="another training"):
        train(BrightTask(), alone, preset=small_preset(**SHARED), devices=2, seed=9)


@pytest.mark.slow
def test_torchrun(tmp_path: Path, alone: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, str(tmp_path / "script.py"), str(tmp_path / "out")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    # two processes share the output, and one may write between the other's text and its line break
    lines = sorted(re.findall(r"step \d+ rank \d said \d metrics \['accuracy'\]", done.stdout))
    assert lines == [f"step 10 rank {rank} said {3 - 3 * rank} metrics ['accuracy']" for rank in (0, 1)]
    assert_close(tmp_path / "out", alone)


class DiesOnArrival:
    """Kills the process that unpickles it, as a lack of memory would."""

    def __reduce__(self) -> Any:
        return (os._exit, (9,))


def test_a_helper_that_dies_before_it_starts_is_missed() -> None:
    """And not waited for: torch's own patience is half an hour."""
    before, started = dict(os.environ), time.monotonic()
    with (
        pytest.raises(OccsetError, match="another process of this training died"),
        helpers(Layout("cpu", 2, 1, False, 0), print, (DiesOnArrival(),)),
    ):
        raise AssertionError("went on without it")
    assert time.monotonic() - started < 60
    assert dict(os.environ) == before


def test_what_cannot_be_sent_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(OccsetError, match=r"cannot be sent to other processes .*lambda.*: define its classes"):
        train(BrightTask(at_step=lambda _: None), tmp_path, devices=2)
