from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from occset.models.training.loading import batch_indices, batches, stack
from occset.support.errors import BadInput, OccsetError
from tests.models.training import training_task

Patches, small_preset = training_task.Patches, training_task.small_preset


def test_every_sample_of_an_epoch_is_seen_once_whatever_the_processes() -> None:
    preset = small_preset(batch=8, epoch_size=24, epochs=2)
    for world in (1, 2, 4):
        seen = [batch_indices(preset, step, rank, world) for step in range(6) for rank in range(world)]
        assert [pair for share in seen for pair in share] == [(e, i) for e in range(2) for i in range(24)]


def test_the_number_of_workers_changes_nothing() -> None:
    preset = small_preset(epochs=2)
    expected = [
        np.stack([Patches(3)(epoch, index)["image"] for epoch, index in batch_indices(preset, step)])
        for step in range(3, 10)
    ]
    for workers in (0, 1, 2):
        found = [batch["image"].numpy() for batch in batches(Patches(3), preset, 3, workers=workers)]
        assert len(found) == 7
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_the_processes_share_a_batch() -> None:
    preset = small_preset(epochs=1)
    whole = next(batches(Patches(), preset, 0))["place"]
    parts = [next(batches(Patches(), preset, 0, rank, 2))["place"] for rank in (0, 1)]
    assert torch.equal(torch.cat(parts), whole)


def test_loading_draws_nothing_from_the_networks_generator() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    next(batches(Patches(), small_preset(), 0))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_users_mistake_comes_through_as_it_is(workers: int) -> None:
    samples = Patches(broken=(0, 17))
    with pytest.raises(BadInput, match=r"^sample 0/17 is torn: mend it$"):
        list(batches(samples, small_preset(), 0, workers=workers))


def test_a_killed_worker_is_said_so() -> None:
    with pytest.raises(OccsetError, match=r"worker process died, .* run again"):
        list(batches(Patches(killing=(1, 3)), small_preset(), 0, workers=1))


def test_samples_that_differ_are_refused() -> None:
    with pytest.raises(OccsetError, match=r"differ.*\(2, 2\).*\(3, 2\)"):
        stack([{"image": np.zeros((2, 2))}, {"image": np.zeros((3, 2))}])
    with pytest.raises(OccsetError, match="uint8"):
        stack([{"image": np.zeros(2)}, {"image": np.zeros(2, np.uint8)}])


@dataclass(frozen=True)
class About:
    """Samples that tell about the process they were made in."""

    def __call__(self, epoch: int, index: int) -> dict[str, np.ndarray]:
        ignores = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        return {"about": np.array([os.getpid(), torch.get_num_threads(), cv2.getNumThreads(), ignores])}


def test_workers_start_once_have_one_thread_and_leave_ctrl_c_to_us() -> None:
    before = dict(os.environ)
    rows = torch.cat([batch["about"] for batch in batches(About(), small_preset(), 0, workers=2)])
    pids = set(rows[:, 0].tolist())
    assert len(pids) == 2  # over four epochs
    assert os.getpid() not in pids
    assert rows[:, 1:].unique(dim=0).tolist() == [[1, 1, 1]]
    assert dict(os.environ) == before
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


HOLD = """
import time
from occset.models.training.loading import batches
from tests.models.training import training_task
from tests.models.training.test_loading import About
if __name__ == "__main__":
    found = batches(About(), training_task.small_preset(), 0, workers=2)
    print(sorted({int(next(found)["about"][0, 0]) for _ in range(2)}), flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
def test_workers_leave_with_a_killed_parent(tmp_path: Path) -> None:
    (tmp_path / "hold.py").write_text(HOLD)
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "hold.py")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as parent:
        assert parent.stdout is not None
        pids = eval(parent.stdout.readline())
        parent.kill()
    assert len(pids) == 2
    until = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < until:
        time.sleep(0.05)
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
