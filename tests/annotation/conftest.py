"""A Label Studio that really runs: one for each process of the tests, with data of its own."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from occset.annotation.server.environment import find_environment, make_environment
from occset.annotation.server.local_server import LocalServer, find_local, start, stop
from occset.annotation.server.processes import end
from occset.support.errors import OccsetError

if TYPE_CHECKING:
    from selenium.webdriver.remote.webdriver import WebDriver

_TRIES = 3  # another process may take the port between its choice and the start


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class RunningStudio:
    """What tests need of a running Label Studio."""

    data_dir: Path
    username: str = "tester@localhost"
    server: LocalServer = field(init=False)
    password: str = field(init=False, repr=False)
    token: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for left in reversed(range(_TRIES)):
            try:
                self._start(_free_port())
                break
            except OccsetError as error:
                if "--port" not in str(error) or not left:
                    raise
        assert self.server.password is not None
        self.password, self.token = self.server.password, self.server.token()

    def _start(self, port: int) -> None:
        hidden = [name for name in os.environ if name.startswith("LABEL_STUDIO_")]
        with mock.patch.dict(os.environ):
            for name in hidden:
                del os.environ[name]
            self.server = start(self.data_dir, port=port, username=self.username)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def document_root(self) -> Path:
        return self.server.document_root

    @property
    def log(self) -> Path:
        return self.server.log

    def kill(self) -> None:
        """As if the power went: the process gets no chance to end in order."""
        os.kill(self.server.pid, signal.SIGKILL)
        end(self.server.pid, ["--data-dir", str(self.data_dir)], 10.0)  # waits until it is gone

    def restart(self) -> None:
        """Start it again at the same address, whether it was killed or runs."""
        stop(self.data_dir)
        self._start(self.server.port)


@pytest.fixture(scope="session")
def label_studio_environment() -> Path:
    """The folder of the environment; tests that ask for it are skipped where it is missing and cannot be made."""
    if os.environ.get("OCCSET_MAKE_LABEL_STUDIO") == "1":
        try:
            return make_environment(lambda text: None)
        except OccsetError as error:
            pytest.skip(f"Label Studio cannot be installed here: {error}")
    environment = find_environment()
    if environment is None:
        pytest.skip("Label Studio is not installed: make test installs it")
    return environment


@pytest.fixture(scope="session")
def label_studio(label_studio_environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """A running Label Studio of `VERSION`, shared by the tests of one process; leave it running."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("label-studio")
        stack.callback(stop, folder)
        studio = RunningStudio(folder)
        assert find_local(folder) is not None
        yield studio


@pytest.fixture(scope="session")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: the folder that OCCSET_ARTEFACTS names, else a temporary one."""
    named = os.environ.get("OCCSET_ARTEFACTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("screens")
    folder.mkdir(parents=True, exist_ok=True)
    print(f"screenshots: {folder}")
    return folder


@pytest.fixture(scope="session")
def page(label_studio: RunningStudio, tmp_path_factory: pytest.TempPathFactory, artefacts: Path) -> Iterator[WebDriver]:
    """A browser in which the curator is logged in."""
    from tests.annotation import browser_steps as steps  # skips where there is no selenium

    with steps.browser(tmp_path_factory.mktemp("profile")) as driver:
        driver.get(f"{label_studio.url}/user/login/")
        driver.save_screenshot(str(artefacts / "1-login.png"))
        steps.log_in(driver, label_studio.url, label_studio.username, label_studio.password)
        yield driver
