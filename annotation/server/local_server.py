"""A Label Studio of the user's own: started apart from the terminal, bound to this machine, its data in one private folder.

The folder (mode 0700) holds the server's database and uploads, `server.log`, `server.json` (where the server is, never how
to get in) and `files`, from which it serves pictures. Token and password reach the server through its standard input: they
are in no list of processes, no environment, no file of occset's. The token is read from the server's own database.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from occset.annotation.server.accounts import DATABASE, USERNAME, end_of, new_user, query_database, set_password
from occset.annotation.server.environment import (
    VERSION,
    make_environment,
    make_template,
    program_of,
    python_of,
    server_variables,
)
from occset.annotation.server.processes import end, is_busy, is_running, listens, read_json, spawn
from occset.support import reading
from occset.support.errors import BadInput, NoSpace, OccsetError
from occset.support.files import copy_atomic, data_folder, write_atomic
from occset.support.locks import only_writer

_STATE = "server.json"
_LOG = "server.log"
_LOG_BYTES = 5_000_000
_SAY_SECONDS = 5.0
_SERVING = {
    "ENABLE_LEGACY_API_TOKEN": "true",
    "LOCAL_FILES_SERVING_ENABLED": "true",
    "ML_BLOCK_LOCAL_IP": "false",  # the backend that pre-labels runs on this machine
    "SSRF_PROTECTION_ENABLED": "false",
    "DISABLE_SIGNUP_WITHOUT_LINK": "true",  # others of this machine reach the port too
    "ALLOWED_HOSTS": "127.0.0.1,localhost",
    "CORS_ALLOW_ALL_ORIGINS": "false",
}


@dataclass(frozen=True)
class LocalServer:
    """A Label Studio of this user that runs on this machine.

    `password` is set only by the `start` that made it, to be shown once.
    """

    url: str
    port: int
    pid: int
    version: str
    username: str
    data_dir: Path
    document_root: Path
    password: str | None = field(default=None, repr=False, compare=False)

    @property
    def log(self) -> Path:
        """What the server prints."""
        return self.data_dir / _LOG

    def token(self) -> str:
        """The user's token, read from the server's own database.

        Raises:
            OccsetError: the database cannot be read or has no token for the user.
        """
        query = "SELECT t.key FROM authtoken_token t JOIN htx_user u ON u.id = t.user_id WHERE lower(u.email) = ?"
        rows = query_database(self.data_dir, query, self.username.lower())
        if not rows:
            raise OccsetError(
                f"{self.data_dir}: no token for {self.username}: run  occset annotate start --username NAME"
            )
        return str(rows[0])


def default_data_dir() -> Path:
    """`XDG_DATA_HOME` or `~/.local/share`, and `occset/label-studio` in it."""
    return data_folder() / "label-studio"


def find_local(data_dir: Path | None = None) -> LocalServer | None:
    """The server that `start` left running on `data_dir` (default: `default_data_dir`), or None. Takes no time."""
    folder = (data_dir or default_data_dir()).absolute()
    server = _read_state(folder)
    if server is None or not _is_alive(server) or listens(server.pid, server.port) is False:
        return None
    return server


def start(
    data_dir: Path | None = None,
    port: int = 8080,
    document_root: Path | None = None,
    username: str | None = None,
    new_password: bool = False,
    say: Callable[[str], None] = lambda text: None,
    limit: float = 300.0,
) -> LocalServer:
    """Start Label Studio, or return the one that runs on this data directory already.

    A user that is new gets the password of `LABEL_STUDIO_PASSWORD` and the token of `LABEL_STUDIO_API_KEY`, or random
    ones; a user that is there keeps theirs.

    Args:
        data_dir: where the server keeps everything; made with mode 0700, or one that an earlier start made.
        port: of 127.0.0.1, 1 to 65535. A server that runs already keeps its own.
        document_root: a folder whose subfolders the server may serve pictures from; default: `files` in `data_dir`.
        username: an e-mail address; default: the first user of the database, or `USERNAME`.
        new_password: set a new password for a user that is there.
        say: gets lines of progress; never a secret.
        limit: seconds the server may take to answer.

    Raises:
        OccsetError: the port is busy, the server ends or does not answer in time (shows the end of its log), it is of
            another version, or one of the two variables cannot be used.
        BadInput: `document_root` is missing, or `data_dir` is a folder with something else in it.
        NoSpace: `data_dir` cannot be written.
    """
    folder = (data_dir or default_data_dir()).absolute()
    if not 1 <= port <= 65535:
        raise BadInput(f"port {port} is not one of 1 to 65535: choose another one with --port")
    _open_folder(folder)
    root = _open_root(document_root, folder)
    environment = make_environment(say)
    with only_writer(folder):
        server = find_local(folder)
        if server is None:
            stop(folder)  # one whose start was killed before it answered
            return _launch(environment, folder, port, root, username, new_password, say, limit)
        remedy = "run  occset annotate stop  and start it again"
        if document_root is not None and server.document_root != root:
            raise OccsetError(f"the Label Studio at {server.url} serves files from {server.document_root}: {remedy}")
        if username is not None and username.lower() != server.username.lower():
            raise OccsetError(f"the Label Studio at {server.url} was started for {server.username}: {remedy}")
        say(f"Label Studio runs already at {server.url}")
        return replace(server, password=set_password(environment, folder, server.username) if new_password else None)


def stop(data_dir: Path | None = None, wait: float = 10.0) -> bool:
    """End the server of `data_dir`, by force after `wait` seconds; its data stays. Returns whether one ran."""
    folder = (data_dir or default_data_dir()).absolute()
    server = _read_state(folder)
    ran = server is not None and _is_alive(server)
    if server is not None and ran:
        end(server.pid, _marks(folder), wait)
    (folder / _STATE).unlink(missing_ok=True)
    return ran


def _launch(
    environment: Path,
    folder: Path,
    port: int,
    root: Path,
    username: str | None,
    new_password: bool,
    say: Callable[[str], None],
    limit: float,
) -> LocalServer:
    if is_busy(port):
        raise _busy(port)
    if not (folder / DATABASE).exists():
        copy_atomic(make_template(environment, say), folder / DATABASE)
        (folder / DATABASE).chmod(0o600)
    users = query_database(folder, "SELECT email FROM htx_user ORDER BY id", writing=True)
    name = username.lower() if username else str(users[0]) if users else USERNAME
    server = LocalServer(f"http://127.0.0.1:{port}", port, 0, VERSION, name, folder, root)
    hidden: dict[str, str] = {}
    if name.lower() not in {str(user).lower() for user in users}:
        hidden, password = new_user(name)
        server = replace(server, password=password)
    elif new_password:
        server = replace(server, password=set_password(environment, folder, server.username))
    begin = _turn_log(server.log)
    say(f"Label Studio {VERSION}: starting")
    with server.log.open("ab") as output:
        own = {**_SERVING, "LOCAL_FILES_DOCUMENT_ROOT": str(root)}
        variables = server_variables(folder) | {f"LABEL_STUDIO_{key}": value for key, value in own.items()}
        arguments = ["start", "--no-browser", "--internal-host", "127.0.0.1", "-p", str(port), *_marks(folder)]
        process = spawn(python_of(environment), program_of(environment), arguments, variables, output, hidden)
    server = replace(server, pid=process.pid)
    try:
        _write_state(server)
        _wait(server, process, begin, say, limit, hidden)
    except BaseException:
        end(server.pid, _marks(folder), 2.0)
        process.poll()
        (folder / _STATE).unlink(missing_ok=True)
        raise
    process.returncode = 0  # it outlives this process, which is no news to warn of
    return server


def _wait(
    server: LocalServer,
    process: subprocess.Popen[bytes],
    begin: int,
    say: Callable[[str], None],
    limit: float,
    hidden: dict[str, str],
) -> None:
    """Until the server answers, and it is this process that does."""
    since = said = time.monotonic()
    while True:
        ended = process.poll() is not None
        printed = server.log.read_bytes()[begin:].decode(errors="replace")
        if "Trying to start at" in printed or "That port is already in use" in printed:
            raise _busy(server.port)  # taken in the last seconds; Label Studio would go to another one
        now = time.monotonic()
        if ended or now - since > limit:
            what = "ended while it started" if ended else f"did not answer within {limit:.0f} s"
            raise OccsetError(f"Label Studio {what}: the end of {server.log} is\n  {end_of(printed, hidden.values())}")
        if listens(server.pid, server.port) is not False and read_json(f"{server.url}/health", 2.0) is not None:
            break
        if now - said >= _SAY_SECONDS:
            said = now
            what = "bringing its database up to date" if "Initializing database" in printed else "starting"
            say(f"Label Studio: {what}, {now - since:.0f} s")
        time.sleep(0.1)
    version = (read_json(f"{server.url}/api/version", 10.0) or {}).get("release")
    if version != VERSION:
        raise OccsetError(
            f"{server.url} is Label Studio {version}, and occset needs {VERSION}: unset OCCSET_LABEL_STUDIO"
        )


def _busy(port: int) -> OccsetError:
    release = (read_json(f"http://127.0.0.1:{port}/api/version", 1.0) or {}).get("release")
    remedy = "choose another one with --port"
    if release:
        return OccsetError(
            f"port {port} is used by another Label Studio ({release}): set LABEL_STUDIO_URL to use it, or {remedy}"
        )
    return OccsetError(f"port {port} is in use by another program, or not yours to use: {remedy}")


def _turn_log(log: Path) -> int:
    """Set a long log aside; returns where the next start begins in it, in bytes."""
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_suffix(".old.log"))
    log.touch(mode=0o600)
    return log.stat().st_size


def _open_folder(folder: Path) -> None:
    own = {DATABASE, _STATE, _LOG, "files"}
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = {path.name for path in folder.iterdir()}
        if names and not names & own:
            raise BadInput(f"{folder} has other files in it: choose an empty or new folder with --data-dir")
        folder.chmod(0o700)
    except OSError as error:
        raise NoSpace(
            f"cannot use the folder {folder} ({error.strerror}): choose another one with --data-dir"
        ) from error


def _open_root(document_root: Path | None, folder: Path) -> Path:
    if document_root is None:
        (folder / "files").mkdir(mode=0o700, exist_ok=True)
        return folder / "files"
    if not document_root.is_dir():
        raise BadInput(f"{document_root} is no folder to serve pictures from: make it or name another one")
    return document_root.absolute()


def _marks(folder: Path) -> list[str]:
    """Arguments that tell the server of a data directory from all other processes."""
    return ["--data-dir", str(folder)]


def _is_alive(server: LocalServer) -> bool:
    return is_running(server.pid, _marks(server.data_dir))


def _write_state(server: LocalServer) -> None:
    names = ("pid", "port", "url", "version", "username")
    state = {name: getattr(server, name) for name in names} | {"document_root": str(server.document_root)}
    write_atomic(server.data_dir / _STATE, json.dumps(state, indent=1).encode())


def _read_state(folder: Path) -> LocalServer | None:
    try:
        state = reading.read_json(folder / _STATE)
        port, pid = int(state["port"]), int(state["pid"])
        version, username, root = str(state["version"]), str(state["username"]), Path(str(state["document_root"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return LocalServer(f"http://127.0.0.1:{port}", port, pid, version, username, folder, root)
