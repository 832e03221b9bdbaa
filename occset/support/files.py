"""Files that are written whole or not at all, and paths that stay inside their folder.

A write goes to a temporary file in the same folder, is flushed to the disk and then renamed over the target, so that a
process killed at any moment leaves the old file or the new one, never half of one. What a killed process leaves behind
is a temporary file whose name `clean_leftovers` recognises.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import platform
import re
import shutil
import time
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path

from occset.support.errors import NoSpace, UnsafePath

_HOST = f"{zlib.crc32(platform.node().encode()):08x}"
_TEMPORARY = re.compile(r"^\.occset-(?P<host>[0-9a-f]{8})-(?P<pid>\d+)-[0-9a-f]{12}\.tmp(\.[A-Za-z0-9]{1,10})?$")
_STALE_SECONDS = 24 * 3600.0
_REMEDIES = {
    errno.ENOSPC: "the disk is full: free some space there and run the command again",
    errno.EDQUOT: "the disk quota is used up: free some space there and run the command again",
    errno.EACCES: "no right to write there: change the folder's permissions or choose another folder",
    errno.EPERM: "no right to write there: change the folder's permissions or choose another folder",
    errno.EROFS: "the file system is read-only: choose another folder",
}


@contextlib.contextmanager
def _readable_errors(path: Path) -> Iterator[None]:
    """Turn the errors of a full or closed disk into `NoSpace`; others pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in _REMEDIES:
            raise
        raise NoSpace(f"cannot write {path}: {_REMEDIES[error.errno]}") from error


_CANNOT_FLUSH = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


def _sync_folder(folder: Path) -> None:
    """Flush a folder's entries, so that a rename survives a power cut. A no-op where folders cannot be opened."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        _flush(handle)
    finally:
        os.close(handle)


def _flush(handle: int) -> None:
    """Write through to the disk; file systems that cannot, such as some shares and FUSE, are taken as they are."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _CANNOT_FLUSH:
            raise


@contextlib.contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; on leaving without an error it becomes `path`.

    The temporary name keeps the suffix of `path`, for writers that go by it. On an error nothing is left behind and an
    older `path` stays as it was.

    Raises:
        NoSpace: the disk is full or the folder cannot be written; names the path and the remedy.
    """
    path = Path(path)
    temporary = path.parent / f".occset-{_HOST}-{os.getpid()}-{uuid.uuid4().hex[:12]}.tmp{path.suffix[:11]}"
    try:
        with _readable_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            with temporary.open("rb+") as stream:
                _flush(stream.fileno())
            os.replace(temporary, path)  # noqa: PTH105 - the one call that tests replace to simulate a closed folder
            _sync_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_atomic(path: Path | str, data: bytes) -> None:
    """Write `data` to `path` whole or not at all; makes the folder where it is missing.

    Raises:
        NoSpace: the disk is full or the folder cannot be written; nothing is left behind.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def copy_atomic(src: Path | str, dst: Path | str) -> None:
    """Copy the bytes of `src` to `dst` whole or not at all (no permissions, no times).

    Raises:
        NoSpace: the disk is full or the folder cannot be written; nothing is left behind.
        OSError: `src` cannot be read.
    """
    with Path(src).open("rb") as source, atomic_path(dst) as temporary, temporary.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)


def join_below(root: Path | str, relative: str) -> Path:
    """Return `root / relative`, which lies below `root` by its name; links may lead anywhere.

    For folders of the user's own, where a link means what it leads to. What others may have made, such as a set, is
    joined by `safe_join`.

    Raises:
        UnsafePath: `relative` is absolute, holds `..` or a null byte, or is empty.
    """
    root = Path(root)
    parts = re.split(r"[/\\]", relative)
    if not relative.strip() or "\0" in relative or ".." in parts or parts[0] == "" or re.match(r"^[A-Za-z]:", relative):
        raise UnsafePath(f"'{relative}' is not a path inside {root}: use one that is relative and has no '..'")
    return root / relative


def safe_join(root: Path | str, relative: str) -> Path:
    """Return `root / relative`, which stays inside `root` even through symbolic links.

    Raises:
        UnsafePath: as `join_below`, or it leads outside through a link.
    """
    root, joined = Path(root), join_below(root, relative)
    inside, whole = (os.path.realpath(path) for path in (root, joined))  # several times as fast as Path.resolve
    if whole != inside and not whole.startswith(inside.rstrip(os.sep) + os.sep):
        raise UnsafePath(f"'{relative}' leads out of {root} through a symbolic link: replace the link by a copy")
    return joined


def sha256_file(path: Path | str) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_bytes(data: bytes) -> str:
    """Hexadecimal SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def _is_alive(pid: int) -> bool:
    """Whether a process of this machine has the number `pid` and still runs."""
    with contextlib.suppress(OSError, IndexError):  # only Linux has it
        # "pid (name) state ...", where the name may hold anything; a zombie (Z) was killed and is not yet reaped
        if Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] in (b"Z", b"X"):
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it exists and belongs to someone else
    return True


def clean_leftovers(folder: Path | str) -> list[Path]:
    """Remove temporary files of processes that were killed, in `folder` and below; return what was removed.

    A file goes when its process, of this machine, no longer lives, and when it is older than a day: its process may
    have been one of another machine, or its number have been given to another process.
    """
    removed = []
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            match = _TEMPORARY.match(name)
            if match is None:
                continue
            path = Path(parent, name)
            with contextlib.suppress(OSError):  # it is gone, or lies where nothing can be removed
                is_old = time.time() - path.stat().st_mtime > _STALE_SECONDS
                if is_old or (match["host"] == _HOST and not _is_alive(int(match["pid"]))):
                    path.unlink()
                    removed.append(path)
    return removed


def data_folder() -> Path:
    """Where things of the user's lie that belong to no set: ``XDG_DATA_HOME/occset``, or ``~/.local/share/occset``; it need
    not be there yet."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base).absolute() / "occset"
