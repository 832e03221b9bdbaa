"""Accounts for those who label on the local server: each annotator has one, since labels are told apart by their users."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from occset.annotation.api.address import checked_url
from occset.annotation.api.client import connect
from occset.annotation.server.accounts import is_password, make_password, set_password
from occset.annotation.server.environment import make_environment
from occset.annotation.server.local_server import find_local
from occset.support.errors import BadInput, OccsetError

_MAIL = re.compile(r"[a-z0-9][a-z0-9._+-]{0,62}@[a-z0-9][a-z0-9.-]{0,190}")


@dataclass(frozen=True)
class Annotator:
    """Who may log in now: the mail address, the server's address, and the password where it is to be shown, once."""

    mail: str
    url: str
    password: str | None = field(default=None, repr=False, compare=False)


def add_annotator(
    name: str,
    password: str | None = None,
    new_password: bool = False,
    say: Callable[[str], None] = lambda text: None,
    data_dir: Path | None = None,
) -> Annotator:
    """Make an account on the local server, of an ordinary user: no administrator. The password is stored nowhere but there.

    Label Studio's community edition has no roles: whoever has an account sees all projects of the server.

    Args:
        name: such as "anna", who then logs in as anna@localhost, or a mail address.
        password: 8 to 128 characters; None for a random one, to be shown.
        new_password: the account is there: give it another password.
        say: gets lines of progress; never a secret.
        data_dir: of the server; that of `occset annotate start` by default.

    Raises:
        BadInput: a name or password that cannot be used; the password is not shown.
        OccsetError: no local server runs, LABEL_STUDIO_URL names another one, there is such an account already (or none,
            for `new_password`), or Label Studio refuses.
        LostConnection: the server stopped answering.
    """
    mail = (name if "@" in name else f"{name}@localhost").lower()
    if not _MAIL.fullmatch(mail):
        raise BadInput(f"{name!r} is no name to log in with: take letters, digits, dots and hyphens, or a mail address")
    if password is not None and not is_password(password):
        raise BadInput("a password has 8 to 128 characters: choose another one")
    local = find_local(data_dir)
    named = os.environ.get("LABEL_STUDIO_URL")
    if named and (local is None or checked_url(named) != checked_url(local.url)):
        raise OccsetError(
            f"LABEL_STUDIO_URL names {named}, which is not the local server: invite people there, on its page Organization"
        )
    if local is None:
        raise OccsetError("no Label Studio runs here: run  occset annotate start  first")
    studio = connect(local.url, local.token(), local.document_root)
    known = {one.lower(): one for one in studio.mails().values()}
    if new_password and mail not in known:
        raise OccsetError(f"{mail} has no account at {local.url}: leave --new-password out, and one is made")
    if not new_password and mail in known:
        raise OccsetError(
            f"{mail} has an account at {local.url}: take another name, or set a password by --new-password"
        )
    if mail not in known:
        studio.create_user(mail)
    chosen = make_password() if password is None else password
    try:
        set_password(make_environment(say), local.data_dir, known.get(mail, mail), chosen)
    except OccsetError as error:
        raise OccsetError(f"{mail} has an account and no password yet: try --new-password ({error})") from error
    return Annotator(mail, local.url, chosen if password is None else None)
