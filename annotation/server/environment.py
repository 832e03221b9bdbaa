"""Label Studio in an environment of its own, made once in the user's cache; the product's own environment stays as it is.

Beside it lies a migrated, empty database: copied into a new data directory it makes a first start take seconds rather
than a minute. `python -m occset.annotation.server.environment` makes both.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from occset.support.errors import NoSpace, OccsetError
from occset.support.files import copy_atomic, write_atomic
from occset.support.locks import only_writer
from occset.support.reading import read_json

# What is sent and read (brush codes, update times, local files, the tables of its database) was measured on this one, and
# others differ in it. To raise it, run the tests with the new one and look at each that fails.
VERSION = "1.23.2"

Say = Callable[[str], None]

_NEEDED_BYTES = 2 * 10**9  # 1.0 GB once installed, and what pip unpacks on the way
_LIMIT_SECONDS = 3600.0
_SAY_SECONDS = 10.0
# Label Studio reads HOST, PORT, DEBUG, PASSWORD, CI and a hundred more such names, with and without a prefix, so that it
# gets only what a program needs to run.
_PASSED_ON = frozenset({"PATH", "HOME", "USER", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH"})
_NOT_FOR_PIP = frozenset({"VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_REQUIRE_VIRTUALENV"})
_QUIET = {
    "COLLECT_ANALYTICS": "false",
    "LATEST_VERSION_CHECK": "false",
    "SENTRY_DSN": "",  # empty, not absent: else errors go to the maker's own address
    "FRONTEND_SENTRY_DSN": "",
    "FEATURE_FLAGS_OFFLINE": "true",
    "LOG_LEVEL": "WARNING",
    "DEBUG": "false",
}


def find_environment() -> Path | None:
    """The folder of an environment that has Label Studio `VERSION`: the one `OCCSET_LABEL_STUDIO` names, else the cached.

    Raises:
        OccsetError: `OCCSET_LABEL_STUDIO` names a folder without Label Studio, or with another version of it.
    """
    named = os.environ.get("OCCSET_LABEL_STUDIO")
    if named:
        return _check_named(Path(named).expanduser().absolute())
    environment = _cache() / "environment"
    try:
        made = read_json(_marker())["version"] == VERSION
    except (OSError, ValueError, KeyError, TypeError):
        return None
    usable = made and python_of(environment).exists() and program_of(environment).exists()  # a Python may be taken away
    return environment if usable else None


def make_environment(say: Say) -> Path:
    """Return the folder of an environment with Label Studio; one is made, and the database beside it, where none is.

    That takes 2 to 5 minutes, the network and 1 GB. One that was cut off is made anew; while another process makes it,
    this one waits.

    Args:
        say: gets a line of progress at each stage, and every ten seconds within one.

    Raises:
        NoSpace: the cache cannot be written or the disk is full.
        OccsetError: this Python cannot make environments, pip failed, or Label Studio cannot set up its database.
    """
    environment = find_environment()
    if environment is None:
        with ExitStack() as stack:
            _take(stack, say)
            environment = find_environment() or _build(say)
    make_template(environment, say)
    return environment


def make_template(environment: Path, say: Say) -> Path:
    """Return the file of a migrated database without users, of `VERSION`; it is made where it is missing.

    Raises:
        NoSpace: the cache cannot be written.
        OccsetError: Label Studio cannot set up its database; shows the end of what it printed.
    """
    template = _cache() / "template" / "label_studio.sqlite3"
    if template.is_file():
        return template
    with ExitStack() as stack:
        _take(stack, say)
        if template.is_file():  # another process made it meanwhile
            return template
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="migrating-", dir=_cache())))
        command = [
            str(python_of(environment)),
            "-I",
            str(program_of(environment)),
            "version",
        ]  # migrates before it prints
        _run(command, server_variables(folder), _cache() / "migrate.log", "Label Studio: setting up its database", say)
        made = folder / template.name
        _check_template(made)
        copy_atomic(made, template)
    return template


def server_variables(data_dir: Path) -> dict[str, str]:
    """All environment variables for a Label Studio that keeps its data in `data_dir` and calls nobody."""
    kept = {name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith("LC_")}
    own = {"LABEL_STUDIO_BASE_DATA_DIR": str(data_dir), "XDG_CONFIG_HOME": str(data_dir / "config")}
    return kept | {f"LABEL_STUDIO_{name}": value for name, value in _QUIET.items()} | own


def python_of(environment: Path) -> Path:
    """The Python of an environment."""
    return environment / "bin" / "python"


def program_of(environment: Path) -> Path:
    """The script `label-studio` of an environment; run it by `python_of`, since its first line may be too long a path."""
    return environment / "bin" / "label-studio"


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).absolute() / "occset" / f"label-studio-{VERSION}"


def _marker() -> Path:
    return _cache() / "complete.json"


def _check_named(environment: Path) -> Path:
    where = f"OCCSET_LABEL_STUDIO={environment}"
    remedy = "name another one, or unset it and occset makes one of its own"
    if not (program_of(environment).is_file() and python_of(environment).exists()):
        raise OccsetError(f"{where}: no environment with bin/label-studio in it: {remedy}")
    names = [path.name for path in environment.glob("lib/python*/site-packages/label_studio-*.dist-info")]
    found = {name.removeprefix("label_studio-").removesuffix(".dist-info") for name in names}
    if found != {VERSION}:
        has = f"Label Studio {', '.join(sorted(found))}" if found else "no version of Label Studio that can be told"
        raise OccsetError(f"{where} has {has}, and occset needs {VERSION}: {remedy}")
    return environment


def _take(stack: ExitStack, say: Say) -> None:
    """Hold the cache until `stack` ends; waits for another process that holds it, which the system frees when it dies."""
    waited = False
    while True:
        try:
            stack.enter_context(only_writer(_cache()))
            return
        except NoSpace:
            raise
        except OccsetError:
            if not waited:
                say("Label Studio: another occset is installing it: waiting")
            waited = True
            time.sleep(0.5)


def _build(say: Say) -> Path:
    cache = _cache()
    environment = cache / "environment"
    if importlib.util.find_spec("ensurepip") is None:
        name = f"python3.{sys.version_info.minor}-venv"
        raise OccsetError(
            f"this Python cannot make environments: run  apt install {name}  (Debian, Ubuntu) and try again"
        )
    if shutil.disk_usage(cache).free < _NEEDED_BYTES:
        raise NoSpace(
            f"{cache}: Label Studio needs 2 GB there: free some, or set XDG_CACHE_HOME to a folder of another disk"
        )
    say(f"Label Studio {VERSION} is installed once, apart from occset, in {cache}: 2 to 5 minutes, 1 GB")
    _marker().unlink(missing_ok=True)
    shutil.rmtree(environment, ignore_errors=True)
    variables = {k: v for k, v in os.environ.items() if k not in _NOT_FOR_PIP}
    variables = {k: v for k, v in variables.items() if not k.startswith(("PYTHON", "LABEL_STUDIO_"))}
    variables |= {"PIP_USER": "0", "PYTHONNOUSERSITE": "1", "PYTHONUNBUFFERED": "1"}
    _run([sys.executable, "-I", "-m", "venv", str(environment)], variables, cache / "venv.log", "an environment", say)
    quiet = ["--progress-bar", "off", "--no-input", "--disable-pip-version-check"]
    install = [str(python_of(environment)), "-m", "pip", "install", *quiet, f"label-studio=={VERSION}"]
    _run(install, variables, cache / "pip.log", "Label Studio", say, _count_packages)
    write_atomic(_marker(), json.dumps({"version": VERSION, "python": sys.version.split()[0]}).encode())
    say("Label Studio: installed")
    return environment


def _run(
    command: Sequence[str],
    variables: Mapping[str, str],
    log: Path,
    what: str,
    say: Say,
    stage: Callable[[str], str] | None = None,
) -> None:
    """Run a command with its output in `log`, and say how far it is; `stage` reads that from the output."""
    say(what)
    begin = said = time.monotonic()
    with (
        log.open("wb") as stream,
        subprocess.Popen(
            command,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
        ) as process,
    ):
        try:
            while process.poll() is None:
                time.sleep(0.1)
                now = time.monotonic()
                if now - begin > _LIMIT_SECONDS:
                    raise OccsetError(f"{what} takes longer than an hour: see {log}, and try again")
                if now - said >= _SAY_SECONDS:
                    said = now
                    text = stage(log.read_text(errors="replace")) if stage else ""
                    say(f"{what}: {text}{now - begin:.0f} s")
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise _failure(what, log)


def _count_packages(output: str) -> str:
    lines = output.splitlines()
    installing = [line for line in lines if line.startswith("Installing collected packages:")]
    if installing:
        return f"installing {installing[-1].count(',') + 1} packages, "
    return f"{sum(line.startswith('Collecting ') for line in lines)} packages fetched, "


def _failure(what: str, log: Path) -> OccsetError:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    said = "\n  ".join([line for line in lines if line.startswith("ERROR:")][-5:] or lines[-5:])
    if "No space left on device" in said:
        return NoSpace(f"{what}: the disk is full: free some space, or set XDG_CACHE_HOME to a folder of another disk")
    return OccsetError(
        f"{what} failed: check the network and try again; all of it is in {log}, and its end is\n  {said}"
    )


def _check_template(path: Path) -> None:
    """A template that holds a user would give every copy the same token."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            tables = ("htx_user", "authtoken_token", "organization")
            rows = [database.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0] for name in tables]
            migrated = database.execute("SELECT COUNT(*) FROM django_migrations").fetchone()[0]
    except sqlite3.Error as error:
        raise OccsetError(f"Label Studio made no database that can be read ({error}): see {path.parent}") from error
    if any(rows) or not migrated:
        raise OccsetError("Label Studio's new database is not empty: it cannot serve as a template")


if __name__ == "__main__":
    from occset.support.console import say as print_line

    try:
        print_line(f"Label Studio {VERSION}: {make_environment(print_line)}")
    except OccsetError as failure:
        print_line(str(failure))
        sys.exit(1)
