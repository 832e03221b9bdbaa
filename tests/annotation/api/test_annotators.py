"""Accounts of other annotators on a Label Studio that really runs: who may log in, and with what."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from occset.annotation.api import annotators as module
from occset.annotation.api.annotators import add_annotator
from occset.annotation.api.client import connect
from occset.annotation.server.accounts import DATABASE
from occset.support.errors import BadInput, OccsetError
from tests.annotation.annotating import call
from tests.annotation.conftest import RunningStudio
from tests.annotation.server.test_local_server import log_in


@pytest.fixture(autouse=True)
def no_other_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY", "LABEL_STUDIO_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


def rights(server: RunningStudio, mail: str) -> tuple[int, int]:
    """Whether a user is of the staff, and a superuser."""
    with sqlite3.connect(f"{(server.data_dir / DATABASE).as_uri()}?mode=ro", uri=True) as database:
        query = "SELECT is_staff, is_superuser FROM htx_user WHERE email = ?"
        (found,) = database.execute(query, [mail]).fetchall()
    return found


def files_with(folder: Path, secret: str) -> list[str]:
    held = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in held if secret.encode() in path.read_bytes()]


def test_a_second_annotator_logs_in_and_has_a_name_of_their_own(label_studio: RunningStudio) -> None:
    made = add_annotator("Anna", data_dir=label_studio.data_dir)
    assert (made.mail, made.url) == ("anna@localhost", label_studio.url)
    assert made.password and len(made.password) >= 12 and made.password not in repr(made)
    assert log_in(label_studio.url, "anna@localhost", made.password)
    assert not log_in(label_studio.url, "anna@localhost", label_studio.password)
    assert rights(label_studio, "anna@localhost") == (0, 0), "no administrator"
    assert rights(label_studio, label_studio.username) == (1, 1), "as the curator is"
    assert files_with(label_studio.data_dir, made.password) == []
    studio = connect(label_studio.url, label_studio.token, label_studio.document_root)
    assert {"anna", "tester"} <= set(studio.users().values())

    with pytest.raises(OccsetError, match=r"anna@localhost has an account.*--new-password"):
        add_annotator("anna@localhost", data_dir=label_studio.data_dir)
    assert log_in(label_studio.url, "anna@localhost", made.password), "nothing was changed"
    given = add_annotator("anna", "given-by-hand", new_password=True, data_dir=label_studio.data_dir)
    assert given.password is None
    assert log_in(label_studio.url, "anna@localhost", "given-by-hand")
    assert not log_in(label_studio.url, "anna@localhost", made.password)


def test_an_account_whose_making_was_cut_off_is_finished_by_a_new_password(
    label_studio: RunningStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise OccsetError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(module, "set_password", refuse)
        with pytest.raises(OccsetError, match=r"no password yet: try --new-password \(the disk is full\)"):
            add_annotator("bert", data_dir=label_studio.data_dir)
    assert not log_in(label_studio.url, "bert@localhost", "")
    made = add_annotator("bert", new_password=True, data_dir=label_studio.data_dir)
    assert made.password and log_in(label_studio.url, "bert@localhost", made.password)


def test_an_address_written_in_capitals_is_found(label_studio: RunningStudio) -> None:
    call(label_studio, "POST", "/api/users/", {"email": "Carla@localhost", "username": "carla"})
    with pytest.raises(OccsetError, match="carla@localhost has an account"):
        add_annotator("carla", data_dir=label_studio.data_dir)


@pytest.mark.parametrize("name", ["", "anna berta", "@localhost", "anna@", "-anna", "anna;x", "a" * 70, "änna"])
def test_what_is_no_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no name to log in with"):
        add_annotator(name, data_dir=tmp_path)


@pytest.mark.parametrize("password", ["", "seven77", "x" * 129])
def test_a_password_that_cannot_be_used_is_not_shown(password: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="a password has 8 to 128 characters") as error:
        add_annotator("anna", password, data_dir=tmp_path)
    assert not password or password not in str(error.value)


def test_without_a_local_server_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OccsetError, match="occset annotate start"):
        add_annotator("anna", data_dir=tmp_path)
    monkeypatch.setenv("LABEL_STUDIO_URL", "https://labels.example.org")
    with pytest.raises(OccsetError, match=r"labels\.example\.org, which is not the local server: invite people there"):
        add_annotator("anna", data_dir=tmp_path)


def test_the_command_shows_the_password_once_or_takes_it_from_standard_input(
    label_studio: RunningStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    from occset.annotation.cli import annotate

    monkeypatch.setattr(module, "find_local", lambda data_dir: label_studio.server)
    shown = CliRunner().invoke(annotate, ["add-user", "dora"])
    assert shown.exit_code == 0, shown.output
    (line,) = [line for line in shown.stderr.splitlines() if "with the password" in line]
    assert log_in(label_studio.url, "dora@localhost", line.split("  ")[1])
    # a random password begins with a hyphen once in 64 times, which must not be read as an option
    quiet = CliRunner().invoke(annotate, ["add-user", "emil", "--password-stdin"], input="-told-by-a-friend\n")
    assert quiet.exit_code == 0 and "-told-by-a-friend" not in quiet.output and "with the password" not in quiet.output
    assert log_in(label_studio.url, "emil@localhost", "-told-by-a-friend")
