"""Starting, finding and ending a local Label Studio; most on a small stand-in, some on the real one."""

from __future__ import annotations

import http.cookiejar
import http.server
import json
import os
import re
import socket
import stat
import subprocess
import sys
import textwrap
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from occset.annotation.server import local_server as module
from occset.annotation.server.environment import VERSION
from occset.annotation.server.local_server import find_local, start, stop
from occset.annotation.server.processes import is_running, spawn
from occset.support.errors import BadInput, OccsetError
from occset.support.locks import only_writer
from tests.annotation.conftest import RunningStudio

STAND_IN = """
import http.server, json, os, sqlite3, sys, time
folder = os.environ["LABEL_STUDIO_BASE_DATA_DIR"]
os.makedirs(folder, exist_ok=True)
database = sqlite3.connect(folder + "/label_studio.sqlite3")
for table in ("htx_user (id, email)", "authtoken_token (key, user_id)", "organization (id)", "django_migrations (id)"):
    database.execute("CREATE TABLE IF NOT EXISTS " + table)
database.execute("INSERT INTO django_migrations VALUES (1)")
database.commit()
if sys.argv[1] == "version":
    sys.exit()
if os.environ.get("LABEL_STUDIO_USERNAME"):
    database.execute("INSERT INTO htx_user VALUES (1, ?)", [os.environ["LABEL_STUDIO_USERNAME"]])
    database.execute("INSERT INTO authtoken_token VALUES (?, 1)", [os.environ["LABEL_STUDIO_USER_TOKEN"]])
    database.commit()
port = int(sys.argv[sys.argv.index("-p") + 1])
VERSION = "%(version)s"
class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"release": VERSION}).encode())
%(before)s
http.server.HTTPServer(("127.0.0.1", port), Answers).serve_forever()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def stand_in(folder: Path, before: str = "", version: str = VERSION) -> Path:
    """An environment whose label-studio answers like the real one, once `before` has run."""
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    python = folder / "bin" / "python"
    if not python.exists():
        python.symlink_to(sys.executable)
        (folder / "lib/python3/site-packages" / f"label_studio-{VERSION}.dist-info").mkdir(parents=True)
    script = STAND_IN % {"version": version, "before": textwrap.dedent(before)}
    (folder / "bin" / "label-studio").write_text(script)
    return folder


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data directory for the stand-in; whatever was started on it is ended."""
    for name in [name for name in os.environ if name.startswith("LABEL_STUDIO_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("OCCSET_LABEL_STUDIO", str(stand_in(tmp_path / "environment")))
    folder = tmp_path / "data"
    yield folder
    stop(folder, wait=1.0)


def running_on(folder: Path) -> list[str]:
    """The processes that serve a data directory."""
    return [p.name for p in Path("/proc").glob("[0-9]*") if is_running(int(p.name), ["--data-dir", str(folder)])]


@contextmanager
def other_server(answer: dict[str, Any]) -> Iterator[int]:
    """Another program's server, on a free port."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_start_find_again_stop(small: Path) -> None:
    port, said = free_port(), []
    server = start(small, port=port, say=said.append)
    assert (server.url, server.username) == (f"http://127.0.0.1:{port}", "curator@localhost")
    assert server.document_root == small / "files"
    assert find_local(small) == server
    assert server.password and server.password not in repr(server)
    assert server.token() not in "".join(said) + repr(server) and server.password not in "".join(said)
    assert re.fullmatch("[0-9a-f]{40}", server.token())
    for folder in (small, small / "files"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    again = start(small, port=free_port(), say=said.append)
    assert again == server and again.password is None  # shown once
    assert server.url in said[-1]
    assert stop(small) and find_local(small) is None and running_on(small) == []
    assert not stop(small)
    for _ in range(5):  # the port is free as soon as stop returns
        later = start(small, port=port)
        assert stop(small)
    later = start(small, port=port)
    assert later.pid != server.pid and later.password is None and later.token() == server.token()


def test_secrets_are_in_no_list_of_processes_and_no_file(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token, password = "f00d" * 10, "a-password-to-find"
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", token)
    monkeypatch.setenv("LABEL_STUDIO_PASSWORD", password)
    monkeypatch.setenv("HOST", "http://elsewhere")  # which Label Studio would take for its own
    server = start(small, port=free_port(), username="Ada@Localhost")
    assert server.password is None and server.token() == token and server.username == "ada@localhost"
    process = Path(f"/proc/{server.pid}")
    seen = process.joinpath("cmdline").read_bytes() + process.joinpath("environ").read_bytes()
    assert b"LABEL_STUDIO_SENTRY_DSN=\0" in seen and b"LABEL_STUDIO_COLLECT_ANALYTICS=false" in seen
    files = [path for path in small.rglob("*") if path.is_file() and path.suffix != ".sqlite3"]
    assert {"server.json", "server.log"} <= {path.name for path in files}
    for text in (seen, *(path.read_bytes() for path in files)):
        assert token.encode() not in text and password.encode() not in text
    assert b"elsewhere" not in seen


def test_a_crash_shows_the_end_of_the_log_without_secrets(small: Path, tmp_path: Path) -> None:
    before = """
    print("an old line")
    print(os.environ["LABEL_STUDIO_PASSWORD"], os.environ["LABEL_STUDIO_USER_TOKEN"])
    raise SystemExit("no such column: colour")
    """
    stand_in(tmp_path / "environment", before)
    with pytest.raises(
        OccsetError, match=r"ended while it started(?s:.*)\*\*\* \*\*\*\n  no such column: colour"
    ) as error:
        start(small, port=free_port())
    assert error.value.__cause__ is None and str(small / "server.log") in str(error.value)
    assert not (small / "server.json").exists() and running_on(small) == []
    stand_in(tmp_path / "environment")
    assert start(small, port=free_port()).token()  # what the crash left is no hindrance


def test_a_busy_port_is_refused_before_anything_starts(small: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(OccsetError, match=rf"port {port} is in use by another program.*--port"):
            start(small, port=port)
    with other_server({"release": "1.13.1"}) as port, pytest.raises(OccsetError, match=r"1\.13\.1.*LABEL_STUDIO_URL"):
        start(small, port=port)
    assert not (small / "server.json").exists() and not (small / "label_studio.sqlite3").exists()


def test_label_studio_must_not_move_to_another_port(small: Path, tmp_path: Path) -> None:
    stand_in(tmp_path / "environment", 'print("* Trying to start at", port + 1)\ntime.sleep(60)')
    with pytest.raises(OccsetError, match="--port"):
        start(small, port=free_port())
    assert running_on(small) == []


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="this system does not tell who listens")
def test_an_answer_of_another_program_is_not_taken_for_ours(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path / "environment", "time.sleep(60)")
    monkeypatch.setattr(module, "is_busy", lambda port: False)  # it came in between
    with other_server({"release": VERSION}) as port, pytest.raises(OccsetError, match="did not answer within 1 s"):
        start(small, port=port, limit=1.0)
    assert running_on(small) == [] and find_local(small) is None


def test_slow_starts_are_told_and_end_at_the_limit(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SAY_SECONDS", 0.2)
    stand_in(tmp_path / "environment", 'print("Initializing database..")\ntime.sleep(1)')
    said: list[str] = []
    start(small, port=free_port(), say=said.append)
    assert any("bringing its database up to date, " in line for line in said)
    stop(small)
    stand_in(tmp_path / "environment", "time.sleep(60)")
    with pytest.raises(OccsetError, match="did not answer within 1 s"):
        start(small, port=free_port(), limit=0.6)
    assert running_on(small) == []


def test_another_version_is_refused(small: Path, tmp_path: Path) -> None:
    stand_in(tmp_path / "environment", version="1.14.0")
    with pytest.raises(OccsetError, match=rf"Label Studio 1\.14\.0.*{re.escape(VERSION)}"):
        start(small, port=free_port())
    assert running_on(small) == [] and find_local(small) is None


def test_an_interrupted_start_leaves_no_server(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path / "environment", "time.sleep(60)")

    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        start(small, port=free_port())
    assert running_on(small) == [] and not (small / "server.json").exists()


def test_a_killed_start_is_taken_up(small: Path, tmp_path: Path) -> None:
    """Its server runs, and does not answer; it holds the database, so that it must end first."""
    environment = stand_in(tmp_path / "environment", "time.sleep(60)")
    small.mkdir()
    arguments = ["start", "-p", "1", "--data-dir", str(small)]
    variables = {"LABEL_STUDIO_BASE_DATA_DIR": str(small)}
    script = environment / "bin" / "label-studio"
    left = spawn(environment / "bin" / "python", script, arguments, variables, subprocess.DEVNULL, {})
    state = {"pid": left.pid, "port": free_port(), "version": VERSION, "username": "x@y", "document_root": "/"}
    (small / "server.json").write_text(json.dumps(state))
    assert find_local(small) is None
    stand_in(tmp_path / "environment")
    server = start(small, port=free_port())
    assert running_on(small) == [str(server.pid)]
    assert left.poll() is not None


def test_a_number_given_to_another_process_is_let_alone(small: Path) -> None:
    small.mkdir()
    state = {"pid": os.getpid(), "port": 8080, "version": VERSION, "username": "x@y", "document_root": "/"}
    (small / "server.json").write_text(json.dumps(state))
    assert find_local(small) is None
    assert not stop(small)  # and this test goes on
    assert not (small / "server.json").exists()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"pid": "x"}', "null", "\0", '{"pid": -1, "port": 1}'])
def test_a_broken_state_file_counts_as_none(small: Path, text: str) -> None:
    small.mkdir()
    (small / "server.json").write_text(text)
    assert find_local(small) is None and not stop(small)


def test_what_cannot_be_used_is_refused(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="--port"):
        start(small, port=0)
    with pytest.raises(BadInput, match="pictures"):
        start(small, document_root=tmp_path / "missing")
    photos = tmp_path / "photos"
    photos.mkdir(mode=0o755)
    (photos / "a.jpg").touch()
    with pytest.raises(BadInput, match="--data-dir"):
        start(photos)
    assert stat.S_IMODE(photos.stat().st_mode) == 0o755
    with pytest.raises(BadInput, match="e-mail"):
        start(small, port=free_port(), username="ada")
    for name, value in {"LABEL_STUDIO_PASSWORD": "s3cret!", "LABEL_STUDIO_API_KEY": "a.b" * 40}.items():
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            with pytest.raises(OccsetError, match=name) as error:
                start(small, port=free_port())
            assert value not in str(error.value)
    with only_writer(small), pytest.raises(OccsetError, match="another occset"):
        start(small, port=free_port())
    (small / "label_studio.sqlite3").write_bytes(b"no database" * 100)
    with pytest.raises(OccsetError, match=r"database.*copy of it"):
        start(small, port=free_port())
    assert running_on(small) == []


def test_a_running_server_is_not_changed_in_passing(small: Path, tmp_path: Path) -> None:
    server = start(small, port=free_port())
    with pytest.raises(OccsetError, match=r"serves files from .*annotate stop"):
        start(small, document_root=tmp_path)
    with pytest.raises(OccsetError, match=r"started for .*annotate stop"):
        start(small, username="other@localhost")
    assert find_local(small) == server


def test_a_long_log_is_set_aside(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOG_BYTES", 10)
    small.mkdir()
    (small / "server.log").write_text("a very old line\n")
    server = start(small, port=free_port())
    assert "old line" not in server.log.read_text()
    assert "old line" in (small / "server.old.log").read_text()


# what follows runs the real one


def ask(url: str, token: str | None = None, body: dict[str, Any] | None = None) -> Any:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Token {token}"} if token else {})
    request = urllib.request.Request(url, headers=headers, data=json.dumps(body).encode() if body else None)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
        return json.loads(answer.read())


def page_form(url: str, fields: dict[str, str]) -> int:
    """Fill in a form of the website; returns the status: 302 is success."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *args: object) -> None:
            return None

    cookies = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(cookies), Stay
    )
    page = opener.open(url, timeout=20).read().decode()
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found
    data = urllib.parse.urlencode(fields | {"csrfmiddlewaretoken": found[1]}).encode()
    try:
        return int(opener.open(url, data, timeout=20).status)
    except urllib.error.HTTPError as error:
        return error.code


def log_in(url: str, username: str, password: str) -> bool:
    return page_form(f"{url}/user/login/", {"email": username, "password": password}) == 302


def test_real_user_token_and_nobody_else(label_studio: RunningStudio) -> None:
    assert ask(f"{label_studio.url}/api/current-user/whoami", label_studio.token)["email"] == label_studio.username
    assert log_in(label_studio.url, label_studio.username, label_studio.password)
    for token in (None, "0" * 40):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask(f"{label_studio.url}/api/projects/", token)
    stranger = {"email": "stranger@localhost", "password": "long-enough-1"}
    assert page_form(f"{label_studio.url}/user/signup/", stranger) == 403
    assert not log_in(label_studio.url, "stranger@localhost", "long-enough-1")
    request = urllib.request.Request(f"{label_studio.url}/health", headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="400"):  # a page of the web that calls itself 127.0.0.1
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20)


def test_real_server_keeps_its_secrets_and_its_files(label_studio: RunningStudio) -> None:
    process = Path(f"/proc/{label_studio.server.pid}")
    seen = process.joinpath("cmdline").read_bytes() + process.joinpath("environ").read_bytes()
    data = label_studio.data_dir
    files = [path for path in data.rglob("*") if path.is_file() and not path.name.startswith("label_studio.sqlite3")]
    assert {"server.json", "server.log", ".env"} <= {path.name for path in files}
    for text in (seen, *(path.read_bytes() for path in files)):
        assert label_studio.token.encode() not in text and label_studio.password.encode() not in text
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "label_studio.sqlite3").stat().st_mode) == 0o600


def test_real_server_calls_nobody(label_studio: RunningStudio) -> None:
    page = urllib.request.urlopen(f"{label_studio.url}/user/login/", timeout=20).read().decode()
    assert "googletagmanager" not in page and "sentry-cdn" not in page
    settings = ask(f"{label_studio.url}/api/version")
    assert settings["label-studio-os-package"]["latest_version_from_pypi"] is None


def test_real_server_killed_and_started_again_has_its_data(label_studio: RunningStudio) -> None:
    project = ask(f"{label_studio.url}/api/projects/", label_studio.token, {"title": "kept through a kill"})
    label_studio.kill()
    assert find_local(label_studio.data_dir) is None
    with pytest.raises(urllib.error.URLError):
        ask(f"{label_studio.url}/api/version")
    begin = time.monotonic()
    label_studio.restart()
    assert time.monotonic() - begin < 30  # 3 to 5 s; a new database would take a minute
    kept = ask(f"{label_studio.url}/api/projects/{project['id']}/", label_studio.token)
    assert kept["title"] == "kept through a kill"
    assert label_studio.server.password is None and label_studio.server.token() == label_studio.token


def test_real_given_user_then_new_password(
    label_studio_environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, port, given = tmp_path / "data", free_port(), "given-by-the-curator"
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "c0ffee" * 6)
    monkeypatch.setenv("LABEL_STUDIO_PASSWORD", given)
    monkeypatch.setenv("DEBUG", "release")  # others' variables, which Label Studio would stumble over
    try:
        server = start(folder, port=port, username="Ada@Example.org")
        assert server.password is None
        assert ask(f"{server.url}/api/current-user/whoami", "c0ffee" * 6)["email"] == "ada@example.org"
        assert log_in(server.url, "ada@example.org", given)
        monkeypatch.delenv("LABEL_STUDIO_PASSWORD")
        monkeypatch.delenv("LABEL_STUDIO_API_KEY")
        changed = start(folder, new_password=True)
        assert changed == server and changed.password and changed.token() == "c0ffee" * 6
        assert log_in(server.url, "ada@example.org", changed.password)
        assert not log_in(server.url, "ada@example.org", given)
        assert changed.password not in server.log.read_text()
    finally:
        assert stop(folder)
