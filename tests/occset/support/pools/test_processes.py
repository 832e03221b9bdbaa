from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from occset.support.errors import BadInput, MissingExtra, NoSpace, OccsetError, UnknownName
from occset.support.pools.processes import default_workers, map_chunks

JOBS = """
import os, signal
from occset.support.errors import UnknownName

def square():
    return lambda n: n * n

def who():
    made_by = os.getpid()
    return lambda n: (made_by, os.getpid())

def failing(kind, *args):
    def work(n):
        if n == 3:
            raise kind(*args)
        return n
    return work

def cannot_start():
    raise UnknownName("split", "tran", ["train"])

def dies():
    return lambda n: os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """A module that workers can import, wherever the tests are started from."""
    folder = tmp_path_factory.mktemp("jobs")
    (folder / "pool_jobs.py").write_text(JOBS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield importlib.import_module("pool_jobs")


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_results_come_in_order(jobs: ModuleType, workers: int) -> None:
    assert list(map_chunks(jobs.square, list(range(25)), workers)) == [n * n for n in range(25)]


def test_nothing_to_do(jobs: ModuleType) -> None:
    assert list(map_chunks(jobs.square, [], 4)) == []
    assert default_workers() >= 1


def test_each_process_makes_its_worker_once(jobs: ModuleType) -> None:
    seen = list(map_chunks(jobs.who, list(range(20)), 2))
    assert all(made == did for made, did in seen)
    assert os.getpid() not in {did for _, did in seen}
    assert len(set(seen)) <= 2


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("kind", "args"),
    [
        (BadInput, ["a.jpg is broken: remove it"]),
        (NoSpace, ["cannot write b: the disk is full"]),
        (UnknownName, ["occluder", "o12", ["o13"]]),
        (MissingExtra, ["torch", "models", "built-in faces"]),
    ],
)
def test_a_mistake_keeps_its_kind_and_its_words(
    jobs: ModuleType, workers: int, kind: type[Exception], args: list[str]
) -> None:
    with pytest.raises(kind) as caught:
        list(map_chunks(partial(jobs.failing, kind, *args), list(range(6)), workers))
    assert str(caught.value) == str(kind(*args))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_cannot_start_says_why(jobs: ModuleType, workers: int) -> None:
    with pytest.raises(UnknownName, match="no split is called 'tran': did you mean train"):
        list(map_chunks(jobs.cannot_start, [1, 2, 3], workers))


def test_other_errors_pass(jobs: ModuleType) -> None:
    with pytest.raises(ZeroDivisionError):
        list(map_chunks(partial(jobs.failing, ZeroDivisionError, "x"), list(range(6)), 2))


def test_a_worker_that_is_killed_is_said(jobs: ModuleType) -> None:
    with pytest.raises(OccsetError, match=r"a worker process died.*--workers 1"):
        list(map_chunks(jobs.dies, [1, 2], 2))


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, pathlib, sys, time\n"
        "from occset.support.pools.processes import map_chunks\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "def make():\n"
        "    (folder / f'pid-{os.getpid()}').touch()\n"
        "    return lambda n: time.sleep(60)\n"
        "if __name__ == '__main__':\n"
        "    list(map_chunks(make, [1, 2], 2))\n"
    )
    process = subprocess.Popen([sys.executable, str(script), str(tmp_path)], start_new_session=True)
    pids: list[int] = []
    until = time.monotonic() + 60
    while len(pids) < 2 and time.monotonic() < until:
        time.sleep(0.05)
        pids = [int(p.name[4:]) for p in tmp_path.glob("pid-*")]
    assert len(pids) == 2
    os.kill(process.pid, signal.SIGKILL)  # the parent alone
    process.wait()
    until = time.monotonic() + 20
    while any(_lives(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(_lives(pid) for pid in pids)


def _lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stream:  # noqa: PTH123
            return stream.read().rpartition(")")[2].split()[0] != "Z"  # a zombie has ended
    except FileNotFoundError:
        return False


def _threads() -> Callable[[object], str | None]:
    return lambda _: os.environ.get("OMP_NUM_THREADS")


def test_workers_have_one_thread_each_and_the_parent_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert list(map_chunks(_threads, [1, 2, 3], 2)) == ["1", "1", "1"]
    assert "OMP_NUM_THREADS" not in os.environ
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert list(map_chunks(_threads, [1, 2, 3], 2)) == ["2", "2", "2"]
