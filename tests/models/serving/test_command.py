"""`occset serve`: where it listens, who may come, and how it ends."""

from __future__ import annotations

import base64
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from occset.models.serving.server import listen_on, secret_for, url_of
from occset.support.errors import OccsetError
from tests.models.serving.talking import serving

SECRET = "correct horse battery"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_its_good_end_in_one_line(tmp_path: Path, number: signal.Signals) -> None:
    head = b"POST /deocclude HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 9\r\n\r\n"
    with serving(tmp_path) as served, served.connect(), served.connect(head):  # which it does not wait for
        time.sleep(0.5)
        os.kill(served.process.pid, number)
        assert served.process.wait(60) == 0
        said = [line for line in served.lines() if not line.startswith("POST /deocclude ")]
        assert said[1:] == ["stopped: the page is gone, and nothing that was sent there is kept"], said


def test_with_a_secret_it_asks_for_it(tmp_path: Path) -> None:
    with serving(tmp_path, OCCSET_SERVE_SECRET=SECRET) as served:
        assert SECRET not in served.log.read_text()
        heard = served.ask("GET", "/")
        assert heard.status == 401 and heard.headers["www-authenticate"].startswith('Basic realm="occset"')
        known = {"Authorization": "Basic " + base64.b64encode(f"occset:{SECRET}".encode()).decode()}
        assert served.ask("GET", "/", headers=known).status == 200


def test_other_machines_come_in_with_a_secret_only() -> None:
    for host in ("0.0.0.0", "::", "192.168.1.5", "", "studio"):
        with pytest.raises(OccsetError, match=r"ssh -L .* or set OCCSET_SERVE_SECRET"):
            secret_for(host, {})
        assert secret_for(host, {"OCCSET_SERVE_SECRET": SECRET}) == SECRET
    assert secret_for("127.0.0.1", {}) == secret_for("::1", {}) == ""
    for short in ("x" * 15, "pässwörter sind lang", "sixteen\ncharacters"):
        with pytest.raises(OccsetError, match="16 or more plain characters"):
            secret_for("127.0.0.1", {"OCCSET_SERVE_SECRET": short})


def test_the_command_refuses_a_network_and_a_port_that_is_taken(
    occset: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OCCSET_SERVE_SECRET", raising=False)
    said = occset("serve", "--host", "0.0.0.0", "--port", "0", "--no-browser")
    assert said.status == 2 and said.err.startswith("occset: --host 0.0.0.0: others than this machine")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = occset("serve", "--port", taken.getsockname()[1], "--no-browser")
    assert said.status == 2 and "choose another with --port" in said.err


def test_an_address_has_a_link() -> None:
    with listen_on("127.0.0.1", 0) as four:
        assert url_of(four) == f"http://127.0.0.1:{four.getsockname()[1]}"
    if socket.has_ipv6:
        with listen_on("::1", 0) as six:
            assert url_of(six) == f"http://[::1]:{six.getsockname()[1]}"
    with pytest.raises(OccsetError, match=r"cannot listen on 203\.0\.113\.7:8088"):
        listen_on("203.0.113.7", 8088)
