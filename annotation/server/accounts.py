"""The user of a Label Studio of one's own: making one, the token, a new password; none of it is seen by others."""

from __future__ import annotations

import os
import re
import secrets
import sqlite3
import subprocess
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from occset.annotation.server.environment import program_of, python_of, server_variables
from occset.annotation.server.processes import spawn
from occset.support.errors import BadInput, OccsetError

USERNAME = "curator@localhost"
DATABASE = "label_studio.sqlite3"


def new_user(name: str) -> tuple[dict[str, str], str | None]:
    """The variables that make Label Studio create a user, to be hidden, and the password if it is to be shown.

    Raises:
        BadInput: `name` is no e-mail address.
        OccsetError: LABEL_STUDIO_API_KEY or LABEL_STUDIO_PASSWORD cannot be used; neither is shown.
    """
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", name):
        raise BadInput(f"the user name {name!r} is no e-mail address: choose one such as {USERNAME}")
    token = os.environ.get("LABEL_STUDIO_API_KEY") or secrets.token_hex(20)
    if not re.fullmatch("[0-9A-Za-z_-]{20,40}", token):
        remedy = "unset it, and one is made"
        raise OccsetError(f"LABEL_STUDIO_API_KEY is no token for a new user (20 to 40 letters and digits): {remedy}")
    password, shown = _password()
    variables = {"USERNAME": name, "PASSWORD": password, "USER_TOKEN": token}
    return {f"LABEL_STUDIO_{key}": value for key, value in variables.items()}, shown


def set_password(environment: Path, folder: Path, username: str, given: str | None = None) -> str | None:
    """Set a new password for a user of the server whose data is in `folder`, whether it runs or not; takes seconds.

    Args:
        environment: with Label Studio.
        folder: of the server's data.
        username: who has an account there.
        given: the password; None for the one of LABEL_STUDIO_PASSWORD, or a random one.

    Returns:
        The password to be shown; None if it was given.

    Raises:
        OccsetError: Label Studio refused; shows the end of what it said.
    """
    password, shown = _password() if given is None else (given, None)
    arguments = ["reset_password", "--username", username, "--data-dir", str(folder)]
    python, program, variables = python_of(environment), program_of(environment), server_variables(folder)
    hidden = [f"--password={password}"]  # as one word: a password may begin with a hyphen, as an option does
    process = spawn(python, program, arguments, variables, subprocess.PIPE, {}, hidden)
    process.stdin = None  # it is closed, and communicate would flush it
    try:
        printed = process.communicate(timeout=300.0)[0].decode(errors="replace")
    except BaseException:
        process.kill()
        process.communicate()
        raise
    if process.returncode or not re.search("successfully changed|same as current", printed):
        raise OccsetError(
            f"Label Studio set no new password for {username}: see what it said, and try again\n"
            f"  {end_of(printed, [password])}"
        )
    return shown


def make_password() -> str:
    """A random password."""
    return secrets.token_urlsafe(12)


def is_password(text: str) -> bool:
    """Whether Label Studio takes a text as a password: 8 to 128 characters."""
    return 8 <= len(text) <= 128


def query_database(folder: Path, query: str, *values: str, writing: bool = False) -> list[object]:
    """The first column of what the database answers; empty while it has no tables.

    `writing` is for a server that does not run: after it was killed, the database may have to be set right first.

    Raises:
        OccsetError: it is missing or damaged.
    """
    path = folder / DATABASE
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode={'rw' if writing else 'ro'}", uri=True)) as database:
            return [row[0] for row in database.execute(query, values)]
    except sqlite3.Error as error:
        if "no such table" in str(error):
            return []
        remedy = "put a copy of it back, or choose another folder with --data-dir"
        raise OccsetError(f"cannot read Label Studio's database {path} ({error}): {remedy}") from error


def end_of(printed: str, hidden: Iterable[str]) -> str:
    """The last lines that a program printed, without the secrets in `hidden`."""
    for secret in hidden:
        printed = printed.replace(secret, "***")
    lines = [line.rstrip() for line in printed.splitlines() if line.strip()]
    return "\n  ".join(lines[-12:]) or "(nothing)"


def _password() -> tuple[str, str | None]:
    """A password, and once more if nobody knows it yet."""
    given = os.environ.get("LABEL_STUDIO_PASSWORD")
    if given is None:
        made = make_password()
        return made, made
    if not is_password(given):
        raise OccsetError("LABEL_STUDIO_PASSWORD must have 8 to 128 characters: choose another one, or unset it")
    return given, None
