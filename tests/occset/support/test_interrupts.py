"""Signals at moments at which Python cannot raise KeyboardInterrupt without a traceback, each in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from occset.support import interrupts

ROOT = Path(__file__).parents[3]

FRAME = """
import os, signal, sys, threading, time, weakref
from occset.support import interrupts

NUMBER = signal.{name}

def send(after=0.2):
    threading.Timer(after, os.kill, (os.getpid(), NUMBER)).start()

class Tidy:
    def __del__(self):
        send()
        time.sleep(0.6)
        print("tidied up")

class Thing:
    pass

def called_back(_):
    send()
    time.sleep(0.6)
    print("never said")

def swallowed():
    try:
        time.sleep(10)
    except BaseException:
        print("swallowed", flush=True)
    send()
    time.sleep(20)

try:
    interrupts.listen("all is kept")
{body}
    time.sleep(20)
    print("went on")
except KeyboardInterrupt:
    interrupts.leave(interrupts.tell())
finally:
    print("the end")
"""

MOMENTS = {
    "in between": ("send()", ""),
    "in a finaliser": ("thing = Tidy()\ndel thing", "tidied up\n"),
    "in a callback": ("thing = Thing()\nr = weakref.ref(thing, called_back)\ndel thing", ""),
    "in an import": ("import slow_module", "imported\n"),
    "in a shield": (
        "send()\nwith interrupts.shielded():\n    time.sleep(0.6)\n    print('begun and done')",
        "begun and done\n",
    ),
    "once more": ("send()\nswallowed()", "swallowed\n"),
    "twice at once": ("send()\nsend()", None),
}


def run(tmp_path: Path, body: str, name: str = "SIGINT") -> subprocess.CompletedProcess[str]:
    (tmp_path / "slow_module.py").write_text(
        "import os, signal, threading, time\n"
        "threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "try:\n    time.sleep(0.6)\nexcept BaseException:\n    raise ImportError('as compiled code does it')\n"
        "print('imported', flush=True)\n"
    )
    indented = "\n".join(f"    {line}" for line in body.splitlines())
    (tmp_path / "driver.py").write_text(FRAME.format(name=name, body=indented))
    return subprocess.run(
        [sys.executable, "driver.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=15,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.parametrize("moment", MOMENTS)
def test_at_any_moment_it_is_one_line(tmp_path: Path, moment: str) -> None:
    body, out = MOMENTS[moment]
    done = run(tmp_path, body)
    assert (done.returncode, done.stderr) == (130, "occset: interrupted; all is kept\n")
    assert out is None or done.stdout == out


def test_sigterm_is_named(tmp_path: Path) -> None:
    done = run(tmp_path, "send()", "SIGTERM")
    assert (done.returncode, done.stderr) == (143, "occset: stopped by SIGTERM; all is kept\n")


def test_what_is_ignored_stays_ignored(tmp_path: Path) -> None:
    done = run(tmp_path, "send()\ntime.sleep(0.6)\nraise SystemExit(0)", "SIGTERM")
    assert done.returncode == 143
    body = "signal.signal(NUMBER, signal.SIG_IGN)\ninterrupts.listen()\nsend()\ntime.sleep(0.6)\nraise SystemExit(0)"
    done = run(tmp_path, body, "SIGTERM")
    assert (done.returncode, done.stderr) == (0, "")


def test_after_the_end_nothing_is_said(tmp_path: Path) -> None:
    done = run(tmp_path, "interrupts.deafen()\nsend()\ntime.sleep(0.6)\nraise SystemExit(0)")
    assert (done.returncode, done.stdout, done.stderr) == (0, "the end\n", "")


def test_statuses_are_those_of_shells() -> None:
    assert interrupts.STATUS == {2: 130, 15: 143}
    assert interrupts.word_of(None) == interrupts.word_of(2) == "interrupted"
    assert interrupts.Interrupted("kept", signal.SIGTERM).status == 143
