"""One writer at a time in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from occset.support.errors import NoSpace, OccsetError
from occset.support.files import clean_leftovers


@contextmanager
def only_writer(folder: Path) -> Iterator[bool]:
    """Hold ``folder``, made if missing, against other writers of occset; the system lets go when the process ends.

    Yields:
        Whether it is held: some systems and file systems know no such locks.

    Raises:
        NoSpace: the folder cannot be made.
        OccsetError: another process holds it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NoSpace(f"cannot make the folder {folder} ({error.strerror}): choose another one") from error
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield False
        return
    handle = os.open(folder, os.O_RDONLY)  # the folder itself, so that no lock file is left behind
    try:
        held = True
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OccsetError(f"{folder}: another occset is writing here: wait until it has ended") from error
        except OSError:
            held = False  # such as some network file systems
        yield held
    finally:
        os.close(handle)


def clear_temporaries(folder: Path, held: bool) -> None:
    """Remove what killed processes left half-written; all of it where the folder is held, since then nobody else writes.

    A process that was killed may count as living for seconds, until its parent or the system has taken note, and its
    number may be given to another; whoever holds the folder need not ask.
    """
    clean_leftovers(folder)
    for path in folder.rglob(".occset-*.tmp*") if held else ():
        path.unlink(missing_ok=True)
