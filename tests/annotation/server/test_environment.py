"""The environment of Label Studio: found, made once, made anew when it was cut off; with pip replaced by a stand-in."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from occset.annotation.server import environment as module
from occset.annotation.server.environment import (
    VERSION,
    find_environment,
    make_environment,
    make_template,
    program_of,
    python_of,
    server_variables,
)
from occset.support.errors import NoSpace, OccsetError

TABLES = ("htx_user (id)", "authtoken_token (key)", "organization (id)", "django_migrations (id)")


def fill(environment: Path, version: str = VERSION) -> Path:
    """What an installed environment has that anything looks at."""
    (environment / "bin").mkdir(parents=True, exist_ok=True)
    python_of(environment).touch()
    program_of(environment).touch()
    (environment / f"lib/python3.11/site-packages/label_studio-{version}.dist-info").mkdir(parents=True)
    return environment


def make_database(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        for table in TABLES:
            database.execute(f"CREATE TABLE {table}")
        for statement in ("INSERT INTO django_migrations VALUES (1)", *statements):
            database.execute(statement)
        database.commit()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("OCCSET_LABEL_STUDIO", raising=False)
    return tmp_path / "cache" / "occset" / f"label-studio-{VERSION}"


class Installer:
    """Stands in for the commands that are run; `fail` is raised by the one of that number."""

    def __init__(self, fail: int | None = None) -> None:
        self.fail = fail
        self.commands: list[list[str]] = []
        self.variables: list[dict[str, str]] = []

    def __call__(self, command: Sequence[str], variables: Mapping[str, str], log: Path, *rest: object) -> None:
        self.commands.append(list(command))
        self.variables.append(dict(variables))
        if self.fail == len(self.commands):
            raise KeyboardInterrupt
        if "venv" in command:
            (Path(command[-1]) / "bin").mkdir(parents=True)
            python_of(Path(command[-1])).touch()
        elif "pip" in command:
            time.sleep(0.3)
            program_of(Path(command[0]).parents[1]).touch()
        else:
            make_database(Path(variables["LABEL_STUDIO_BASE_DATA_DIR"]) / "label_studio.sqlite3")


def test_made_once_apart_from_the_product(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = {"LABEL_STUDIO_API_KEY": "t" * 40, "LABEL_STUDIO_PASSWORD": "p" * 9}
    own = {"VIRTUAL_ENV": sys.prefix, "PYTHONPATH": "/product", "PIP_TARGET": "/product", "PYTHONHOME": "/product"}
    for name, value in (secret | own | {"PIP_INDEX_URL": "file:///mirror"}).items():
        monkeypatch.setenv(name, value)
    installer, said = Installer(), []
    monkeypatch.setattr(module, "_run", installer)
    environment = make_environment(said.append)
    assert environment == cache / "environment" == find_environment()
    venv, pip, migrate = installer.commands
    assert venv[0] == sys.executable and venv[-1] == str(environment)
    assert pip[0] == migrate[0] == str(python_of(environment)) and pip[-1] == f"label-studio=={VERSION}"
    for variables in installer.variables:
        assert not (secret | own).keys() & variables.keys()
        assert "/product" not in variables.values()
    assert installer.variables[1]["PIP_INDEX_URL"] == "file:///mirror"  # where the user gets packages from
    assert any(VERSION in line and str(cache) in line for line in said)
    assert make_environment(said.append) == environment and len(installer.commands) == 3
    assert sorted(path.name for path in cache.iterdir()) == ["complete.json", "environment", "template"]


@pytest.mark.parametrize("step", [1, 2])
def test_one_that_was_cut_off_is_made_anew(cache: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    monkeypatch.setattr(module, "_run", Installer(fail=step))
    with pytest.raises(KeyboardInterrupt):
        make_environment(lambda text: None)
    assert find_environment() is None
    (cache / "environment" / "bin").mkdir(parents=True, exist_ok=True)
    program_of(cache / "environment").touch()  # as when pip was killed in its last second
    (cache / "environment" / "half").touch()
    assert find_environment() is None
    monkeypatch.setattr(module, "_run", Installer())
    assert find_environment() is None
    assert not (make_environment(lambda text: None) / "half").exists()


def test_two_at_once_make_it_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installer, found, said = Installer(), [], []
    monkeypatch.setattr(module, "_run", installer)
    threads = [threading.Thread(target=lambda: found.append(make_environment(said.append))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == [cache / "environment"] * 3
    assert [command for command in installer.commands if "pip" in command] == [installer.commands[1]]
    assert any("another occset" in line for line in said)


def test_one_that_no_longer_works_counts_as_none(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_run", Installer())
    environment = make_environment(lambda text: None)
    python_of(environment).unlink()
    python_of(environment).symlink_to("/python/that/was/taken/away")
    assert find_environment() is None
    python_of(environment).unlink()
    python_of(environment).touch()
    assert find_environment() == environment
    for text in (json.dumps({"version": "1.22.0"}), "[]", "{", ""):
        (cache / "complete.json").write_text(text)
        assert find_environment() is None


def test_one_of_the_users_own(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCCSET_LABEL_STUDIO", str(fill(tmp_path / "own")))
    assert find_environment() == tmp_path / "own"
    monkeypatch.setattr(module, "_run", Installer())
    assert make_environment(lambda text: None) == tmp_path / "own"
    assert [path.name for path in cache.iterdir()] == ["template"]  # nothing is installed, nor put into the own one
    monkeypatch.setenv("OCCSET_LABEL_STUDIO", str(fill(tmp_path / "old", "1.13.1")))
    with pytest.raises(OccsetError, match=rf"OCCSET_LABEL_STUDIO=.*1\.13\.1.*{VERSION}"):
        find_environment()
    monkeypatch.setenv("OCCSET_LABEL_STUDIO", str(tmp_path))
    with pytest.raises(OccsetError, match=r"no environment with bin/label-studio"):
        make_environment(lambda text: None)


def test_what_stands_in_the_way_is_told_before_anything_is_made(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_run", Installer(fail=1))
    with monkeypatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(OccsetError, match=rf"apt install python3\.{sys.version_info.minor}-venv"):
            make_environment(lambda text: None)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(3, 2, 10**9))  # type: ignore[attr-defined]
        with pytest.raises(NoSpace, match="XDG_CACHE_HOME"):
            make_environment(lambda text: None)
    if os.geteuid():
        cache.parent.mkdir(parents=True)
        cache.parent.chmod(0o500)
        with pytest.raises(NoSpace, match="cannot make the folder"):
            make_environment(lambda text: None)


def run(script: str, tmp_path: Path, said: list[str]) -> None:
    command = [sys.executable, "-u", "-c", script]
    module._run(command, {"PATH": os.environ["PATH"]}, tmp_path / "pip.log", "pip", said.append, module._count_packages)


def test_progress_comes_from_what_pip_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SAY_SECONDS", 0.3)
    said: list[str] = []
    lines = "Collecting label-studio==1\\n  Downloading x\\nCollecting Django>=5 (from label-studio)"
    wait = "import time; time.sleep(0.7)"
    run(f"print('{lines}'); {wait}; print('Installing collected packages: a, b, c'); {wait}", tmp_path, said)
    assert said[0] == "pip"
    assert any("2 packages fetched, " in line for line in said)
    assert "installing 3 packages, " in said[-1]


def test_a_failure_shows_what_pip_said(tmp_path: Path) -> None:
    noise = "print('Looking in indexes: https://a-mirror')\n" + "print('Collecting x')\n" * 20
    error = "print('ERROR: No matching distribution found for label-studio')\nraise SystemExit(1)"
    with pytest.raises(OccsetError, match=r"pip failed: check the network.*pip\.log") as failure:
        run(noise + error, tmp_path, [])
    assert str(failure.value).endswith("ERROR: No matching distribution found for label-studio")
    assert "a-mirror" not in str(failure.value)
    full = "print('ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device')\n"
    with pytest.raises(NoSpace, match="disk is full"):
        run(full + "raise SystemExit(1)", tmp_path, [])
    with pytest.raises(OccsetError, match="no module that is called so"):
        run("raise SystemExit('no module that is called so')", tmp_path, [])


def test_a_template_with_a_user_is_refused(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else all who start from it would share its token."""
    for statement in ("INSERT INTO htx_user VALUES (1)", "INSERT INTO authtoken_token VALUES ('x')"):
        monkeypatch.setattr(
            module, "_run", lambda _, variables, *rest, add=statement: make_database(database(variables), add)
        )
        with pytest.raises(OccsetError, match="not empty"):
            make_template(tmp_path, lambda text: None)
    monkeypatch.setattr(module, "_run", lambda _, variables, *rest: database(variables).touch())
    with pytest.raises(OccsetError, match="no database that can be read"):
        make_template(tmp_path, lambda text: None)
    assert list(cache.iterdir()) == []


def database(variables: Mapping[str, str]) -> Path:
    return Path(variables["LABEL_STUDIO_BASE_DATA_DIR"]) / "label_studio.sqlite3"


def test_label_studio_gets_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "PORT", "DEBUG", "PASSWORD", "SECRET_KEY", "DJANGO_DB", "HTTPS_PROXY", "LABEL_STUDIO_API_KEY"):
        monkeypatch.setenv(name, "of-ours")
    monkeypatch.setenv("LC_TIME", "C")
    variables = server_variables(tmp_path)
    assert "of-ours" not in variables.values()
    assert variables["PATH"] == os.environ["PATH"] and variables["LC_TIME"] == "C"
    assert variables["LABEL_STUDIO_SENTRY_DSN"] == "" and variables["LABEL_STUDIO_COLLECT_ANALYTICS"] == "false"
    assert variables["LABEL_STUDIO_BASE_DATA_DIR"] == str(tmp_path)


def test_real_environment_and_its_template(label_studio_environment: Path) -> None:
    begin = time.monotonic()
    script = [sys.executable, "-m", "occset.annotation.server.environment"]
    done = subprocess.run(script, capture_output=True, text=True, timeout=60, check=True)
    assert str(label_studio_environment) in done.stderr and done.stdout == ""
    assert time.monotonic() - begin < 10  # it is there: nothing is made
    modules = "import importlib.util as u; print(u.find_spec('occset'), u.find_spec('label_studio') is not None)"
    lines = [str(python_of(label_studio_environment)), "-I", "-c", modules]
    assert subprocess.run(lines, capture_output=True, text=True, check=True).stdout.split() == ["None", "True"]
    template = make_template(label_studio_environment, lambda text: None)
    with closing(sqlite3.connect(f"{template.as_uri()}?mode=ro", uri=True)) as opened:
        counts = [opened.execute(f"SELECT COUNT(*) FROM {table.split()[0]}").fetchone()[0] for table in TABLES]
    assert counts[:3] == [0, 0, 0] and counts[3] > 100
