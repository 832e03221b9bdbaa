"""Run every command that users read, in its order, on 40 real faces: does it work, and is it ever silent for long?

The commands are those of README.md and of the site.

``python -m tests.readme_commands --real DIR [--work DIR] [--only REGEX]`` prints a line for each; its status is 1 where one
failed or was silent for more than a minute. What would take long is limited, and what names something of the reader's own
is filled in, by `LIMITS` alone.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from occset.annotation.server.environment import find_environment
from tests.readme_blocks import ROOT, command_lines, everything
from tests.readme_folders import first_sample, lay_out, write_corrections, write_predictions

SILENT_S = 60.0
"""The longest that a command may say nothing."""

LONGEST_S = 1200.0
"""A command that runs longer is ended and counts as failed."""


class Limit(NamedTuple):
    """What is typed instead of a line that `pattern` matches as a whole; `typed` is a template of `re.sub`."""

    pattern: str
    typed: str
    why: str


LIMITS = (
    Limit(
        r"make bench", "make -C {root} -o {venv}/.product bench VENV={venv} WORK={work}/bench LIMIT=8", "200 samples"
    ),
    Limit(r"make test", "make -C {root} -n test", "it runs this"),
    Limit(
        r"pip install (-e .*)",
        r"cd {root} && pip install --dry-run --no-deps --no-build-isolation \1",
        "installed already",
    ),
    Limit(r"(occset bench --data .*?--audit)", r"\1 --limit 16", "200 samples of all controls"),
    Limit(r"(occset bench --data .*?)( --limit \d+)?", r"\1 --limit 8", "200 and more samples"),
    Limit(r"(occset render .*) --count 1000 (.*)", r"\1 --count 16 \2", "1000 samples"),
    Limit(r"(occset render .*) --count 300000 (.*)", r"\1 --count 16 \2", "300000 samples"),
    Limit(r"(occset publish .*) --count 2000 (.*)", r"\1 --count 16 \2", "2000 samples"),
    Limit(r"occset explain 3f9c (.*)", r"occset explain {sample} \1", "a sample of this set"),
    Limit(r"(occset mine .*) --top 500 (.*)", r"\1 --top 12 \2", "there are 28 faces to choose from"),
    Limit(
        r"(occset train ng .*--preset )laptop(-linear)?( .*)",
        r"\1demo\3 --epochs 1",
        "a quarter of an hour an epoch; what goes on from the weights of another preset has its tests",
    ),
    Limit(r"(occset bench privacy .*)", r"\1 --people people", "the set has too few people to set a threshold by"),
    Limit(r"(occset train .*)", r"\1 --epochs 1", "minutes"),
    Limit(
        r"occset serve",
        "timeout --preserve-status 60 occset serve --no-browser --port {port}",
        "it runs until it is stopped",
    ),
    Limit(r"occset view my-set( --pull)?", "occset view --help", "FiftyOne wants an environment of its own"),
    Limit(r"occset annotate start", "occset annotate start --port {port}", "8080 may be another's"),
)

PREPARED: dict[str, Callable[[Path], None]] = {
    r"occset round close .*": write_corrections,
    r"occset bench .*predictions:my-outputs.*": write_predictions,
}
"""What the reader does between two commands."""

LABEL_STUDIO = r"occset annotate .*"
"""What needs a Label Studio; not run where none is installed, since it would install one."""


class Ran(NamedTuple):
    """One command: as it stands there, as it was typed, and what became of it."""

    line: str
    typed: str
    status: int | None
    seconds: float
    silent: float
    output: str

    @property
    def fault(self) -> str:
        """What is wrong with it; nothing where it was not run."""
        if self.status not in (0, None):
            return f"ended with status {self.status}"
        return f"was silent for {self.silent:.0f} s" if self.silent > SILENT_S else ""


def typed(line: str, places: dict[str, str]) -> str:
    """What is typed for a line: the first of `LIMITS` that fits, filled in with `places`."""
    for limit in LIMITS:
        if re.fullmatch(limit.pattern, line):
            return re.sub(f"^{limit.pattern}$", limit.typed, line).format(**places)
    return line


def run(line: str, cwd: Path, environment: dict[str, str], longest: float = LONGEST_S) -> tuple[int, float, float, str]:
    """Type a line into a shell.

    Returns:
        Status (negative where it was ended), seconds, the most seconds between two lines of output, or before the first or
        after the last, and all that it said.
    """
    began = last = time.monotonic()
    silent, said = 0.0, []
    process = subprocess.Popen(
        ["bash", "-c", line],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    assert process.stdout is not None
    timer = threading.Timer(longest, os.killpg, (process.pid, signal.SIGKILL))
    timer.start()
    try:
        for text in process.stdout:
            now = time.monotonic()
            silent, last = max(silent, now - last), now
            said.append(text)
        status = process.wait()
    finally:
        timer.cancel()
    now = time.monotonic()
    return status, now - began, max(silent, now - last), "".join(said)


def run_all(real: Path, work: Path, only: str = "") -> Iterator[Ran]:
    """Run the commands of all pages in their order in a folder that is laid out for them.

    Args:
        real: the folder of real photos.
        work: an empty folder.
        only: run no other lines than those in which this is found.
    """
    lay_out(work, real)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LABEL_STUDIO_")} | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "PYTHONPATH": str(ROOT),
        "XDG_DATA_HOME": str(work / "share"),  # Label Studio's data
    }
    studio = find_environment() is not None
    try:
        for line in command_lines(everything()):
            if not re.search(only, line):
                continue
            if re.fullmatch(LABEL_STUDIO, line) and not studio:
                yield Ran(line, "(no Label Studio is installed here)", None, 0, 0, "")
                continue
            for pattern, prepare in PREPARED.items():
                if re.fullmatch(pattern, line):
                    prepare(work)
            shown = typed(line, _places(line, work))
            yield Ran(line, shown, *run(shown, work, environment))
    finally:
        if studio and (work / "share").exists():
            run("occset annotate stop", work, environment)


def _places(line: str, work: Path) -> dict[str, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return {
        "root": shlex.quote(str(ROOT)),
        "venv": shlex.quote(sys.prefix),
        "work": shlex.quote(str(work)),
        "port": str(port),
        "sample": first_sample(work) if line.startswith("occset explain") else "",
    }


def report(ran: Ran) -> str:
    """A line for a person, and where it failed the last lines of what was said."""
    took = "not run" if ran.status is None else f"{ran.seconds:6.1f} s, silent {ran.silent:5.1f} s"
    lines = [f"{'FAULT' if ran.fault else '  ok '} {took:>24}  {ran.line}"]
    lines += [f"    as {ran.typed}"] if ran.typed != ran.line else []
    lines += [f"    {ran.fault}", *(f"      {said}" for said in ran.output.splitlines()[-15:])] if ran.fault else []
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, required=True, help="folder of real photos")
    parser.add_argument("--work", type=Path, help="empty folder to work in; one that is removed again by default")
    parser.add_argument("--only", default="", help="run no other lines than those in which this is found")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as spare:
        folder = asked.work or Path(spare)
        folder.mkdir(parents=True, exist_ok=True)
        faults = 0
        for one in run_all(asked.real.absolute(), folder.absolute(), asked.only):
            print(report(one), flush=True)
            faults += bool(one.fault)
    sys.exit(bool(faults))
