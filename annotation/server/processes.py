"""What the system knows of a server's process: whether it is ours, where it listens; and starting one with secrets."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from occset.support.reading import parse_json

_STARTS = 1.0  # seconds that a program may take to show its arguments

# Whatever follows a program's name is seen by all users of the machine, and its environment by the same user's programs;
# what comes through standard input by nobody.
_LAUNCH = """
import json, os, runpy, sys
hidden = json.load(sys.stdin)
os.environ.update(hidden["variables"])
sys.argv = sys.argv[1:] + hidden["arguments"]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def spawn(
    python: Path,
    script: Path,
    arguments: Sequence[str],
    variables: Mapping[str, str],
    output: IO[bytes] | int,
    hidden_variables: Mapping[str, str],
    hidden_arguments: Sequence[str] = (),
) -> subprocess.Popen[bytes]:
    """Start a Python script apart from this terminal; what it writes is the user's alone (umask 077).

    Args:
        python: the interpreter.
        script: run as the main program.
        arguments: open to all who list processes.
        variables: the whole environment.
        output: for its standard output and error.
        hidden_variables: put into the environment by the process itself, from its standard input.
        hidden_arguments: likewise behind `arguments`.
    """
    process = subprocess.Popen(
        [str(python), "-I", "-u", "-c", _LAUNCH, str(script), *arguments],
        env=dict(variables),
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd=script.parent,
        start_new_session=True,
        umask=0o077,
    )
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it has died: whoever waits for it says so
        process.stdin.write(json.dumps({"variables": hidden_variables, "arguments": list(hidden_arguments)}).encode())
        process.stdin.close()
    return process


def is_running(pid: int, marks: Sequence[str]) -> bool:
    """Whether process `pid` lives and has each of `marks` among its arguments: numbers are given to others again."""
    if pid <= 0:
        return False
    try:
        arguments = _arguments(pid)
        return all(mark in arguments for mark in marks)
    except OSError:
        if Path("/proc/self/cmdline").exists():
            return False
    listed = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return all(mark in listed.stdout for mark in marks)


def _arguments(pid: int) -> list[str]:
    """Of a process; [""] of a zombie.

    A program that has just been started has none for a moment: whoever started it is told so before they are set.

    Raises:
        OSError: there is no such process, or the system does not tell (not Linux).
    """
    until = time.monotonic() + _STARTS
    while True:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        if arguments != [""] or not _has_program(pid) or time.monotonic() > until:
            return arguments
        time.sleep(0.005)


def _has_program(pid: int) -> bool:
    """Whether a process runs a program: one that has ended, or is the kernel's own, does not."""
    try:
        return bool(Path(f"/proc/{pid}/exe").readlink().name)
    except OSError:
        return False


def end(pid: int, marks: Sequence[str], wait: float) -> None:
    """End a process that has `marks`, by force after `wait` seconds; its port and files are free on return."""
    for number, seconds in ((signal.SIGTERM, wait), (signal.SIGKILL, 10.0)):
        if not is_running(pid, marks):
            break
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        _wait_while(lambda: is_running(pid, marks), seconds)
    _wait_while(lambda: _holds_files(pid), 5.0)  # a process that ends loses its arguments first
    with contextlib.suppress(ChildProcessError):  # ours, if this process started it: else it stays as a zombie
        os.waitpid(pid, os.WNOHANG)


def _wait_while(holds: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while holds() and time.monotonic() < until:
        time.sleep(0.02)


def _holds_files(pid: int) -> bool:
    """Whether a process that is ending has not ended; False where the system does not tell (not Linux)."""
    try:
        # "pid (name) state ...", where the name may hold anything. A zombie (Z) has closed all, once its threads have too
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
        return state not in (b"Z", b"X") or len(list(Path(f"/proc/{pid}/task").iterdir())) > 1
    except (OSError, IndexError):
        return False


def listens(pid: int, port: int) -> bool | None:
    """Whether process `pid` itself listens on a TCP port (IPv4); None where the system does not tell (not Linux)."""
    try:
        rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
        sockets = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "0A"}
        for handle in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                if str(handle.readlink()) in sockets:
                    return True
    except OSError:
        return False if Path("/proc/self/net/tcp").exists() else None
    return False


def is_busy(port: int) -> bool:
    """Whether something listens on a port of 127.0.0.1, or it is not ours to listen on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server that has just ended does not count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    with socket.socket() as probe:  # some systems let two bind, one of them to all addresses
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def read_json(url: str, seconds: float) -> dict[str, Any] | None:
    """The JSON object that a server of this machine answers with, asked without a proxy; None for anything else."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=seconds) as answer:
            value = parse_json(answer.read(1 << 20))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
