"""Errors that a user can act on: each message names the file (or the name) and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class OccsetError(Exception):
    """Anything a user can put right. The command line prints its message without a traceback."""


class BadInput(OccsetError):
    """A file that cannot be used as it is: truncated, of another size, too large, unreadable."""


class UnsafePath(OccsetError):
    """A path that would leave the folder it must stay in."""


class NoSpace(OccsetError):
    """The disk is full or the folder cannot be written."""


class BrokenMethod(OccsetError):
    """A method returned something that cannot be scored, or raised."""


class MissingExtra(OccsetError):
    """A package that an optional part needs is not installed."""

    def __init__(self, package: str, extra: str, what: str) -> None:
        super().__init__(f"{what} needs {package}, which is not installed: run  pip install 'occset[{extra}]'")


class UnknownName(OccsetError):
    """A name that nothing is registered under; suggests the nearest known ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names)}"
        super().__init__(f"no {kind} is called '{name}': {hint}")
