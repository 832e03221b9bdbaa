"""Whose a process is, also in the moment in which the system does not tell yet."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from occset.annotation.server.processes import end, is_running

pytestmark = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs Linux's /proc")

MARKS = ["--mine", "a-mark-of-its-own"]


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", *MARKS])
    yield process
    process.kill()
    process.wait()


def test_a_program_that_shows_no_arguments_yet_is_waited_for(
    sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    read, asked = Path.read_bytes, []

    def late(path: Path) -> bytes:
        if path.name == "cmdline" and len(asked) < 3:
            asked.append(path)
            return b""
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", late)
    assert is_running(sleeper.pid, MARKS) and len(asked) == 3
    asked.clear()
    end(sleeper.pid, MARKS, 2.0)
    assert not is_running(sleeper.pid, MARKS) and len(asked) == 3


def test_others_and_those_that_ended_are_not_ours(sleeper: subprocess.Popen[bytes]) -> None:
    assert is_running(sleeper.pid, MARKS) and not is_running(sleeper.pid, ["--another"])
    sleeper.kill()
    while Path(f"/proc/{sleeper.pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z":
        pass
    assert not is_running(sleeper.pid, MARKS)  # a zombie, which has no program
    assert not is_running(0, MARKS)
