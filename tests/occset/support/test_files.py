from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from occset.support.errors import NoSpace, UnsafePath
from occset.support.files import atomic_path, clean_leftovers, copy_atomic, safe_join, sha256_file, write_atomic


def test_write_makes_folders_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.bin"
    write_atomic(path, b"old")
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in path.parent.iterdir()] == ["file.bin"]


def test_an_error_inside_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.png"
    write_atomic(path, b"old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        assert temporary.suffix == ".png" and temporary.parent == tmp_path
        temporary.write_bytes(b"half")
        raise RuntimeError("stopped")
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_that_cannot_flush_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(handle: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    write_atomic(tmp_path / "deep" / "file.bin", b"kept")
    assert (tmp_path / "deep" / "file.bin").read_bytes() == b"kept"


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_a_disk_that_failed_to_flush_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    write_atomic(tmp_path / "file.bin", b"old")

    def refuse(handle: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises((OSError, NoSpace)):
        write_atomic(tmp_path / "file.bin", b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["file.bin"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full, which is always full")
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    with pytest.raises(NoSpace, match=r"file\.bin.*disk is full.*free some space"), atomic_path(path) as temporary:
        temporary.write_bytes(b"half")
        with Path("/dev/full").open("wb", buffering=0) as full:
            full.write(b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_tiny_disk_keeps_what_was_finished(tmp_path: Path) -> None:
    mounted = tmp_path / "tiny"
    mounted.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(mounted)], capture_output=True)
    if done.returncode:
        pytest.skip("no right to mount a small file system")
    try:
        write_atomic(mounted / "small", b"kept")
        with pytest.raises(NoSpace, match="large"):
            write_atomic(mounted / "large", b"x" * 200_000)
        assert [p.name for p in mounted.iterdir()] == ["small"]
        assert (mounted / "small").read_bytes() == b"kept"
    finally:
        subprocess.run(["umount", str(mounted)], check=True)


@pytest.mark.parametrize(("number", "remedy"), [(errno.EACCES, "permissions"), (errno.EROFS, "read-only")])
def test_a_closed_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, remedy: str) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("occset.support.files.os.replace", refuse)
    with pytest.raises(NoSpace, match=rf"cannot write .*file\.bin: .*{remedy}"):
        write_atomic(tmp_path / "file.bin", b"data")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_rights(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(NoSpace, match="permissions"):
        write_atomic(closed / "file.bin", b"data")


def test_other_errors_pass_unchanged(tmp_path: Path) -> None:
    write_atomic(tmp_path / "file", b"")
    with pytest.raises(FileExistsError):
        write_atomic(tmp_path / "file" / "below", b"data")


def test_copy(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(range(256)) * 9000)
    copy_atomic(tmp_path / "a", tmp_path / "b")
    assert sha256_file(tmp_path / "b") == hashlib.sha256(bytes(range(256)) * 9000).hexdigest()
    with pytest.raises(FileNotFoundError):
        copy_atomic(tmp_path / "none", tmp_path / "c")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


@pytest.mark.parametrize(
    "relative",
    ["/etc/passwd", "../a", "a/../../b", "a\\..\\b", "\\a", "C:\\a", "C:a", "", " ", "a\0b", "out/file", "out"],
)
def test_paths_that_leave_the_folder(tmp_path: Path, relative: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "out").symlink_to(tmp_path)
    with pytest.raises(UnsafePath):
        safe_join(root, relative)


def test_paths_that_stay(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "inner").symlink_to(tmp_path / "real")
    assert safe_join(tmp_path, "a/b..c.png") == tmp_path / "a" / "b..c.png"
    assert safe_join(tmp_path, "inner/file") == tmp_path / "inner" / "file"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc, which tells zombies from the living")
def test_a_zombie_is_not_alive(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    until = time.monotonic() + 30
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < until
        time.sleep(0.01)
    with atomic_path(tmp_path / "a") as own:
        left = tmp_path / own.name.replace(f"-{os.getpid()}-", f"-{process.pid}-")
        left.write_bytes(b"half")
        own.write_bytes(b"whole")
        assert clean_leftovers(tmp_path) == [left]  # it was not reaped yet, but will never finish
    assert process.wait() == 0


def test_leftovers_of_a_killed_process_go_and_those_of_a_living_one_stay(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from occset.support.files import atomic_path\n"
        "with atomic_path(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_bytes(b'half'); os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "sub" / "file.png")], check=False)
    (left,) = (tmp_path / "sub").iterdir()
    assert left.read_bytes() == b"half"
    (tmp_path / ".occset-notes.tmp").write_bytes(b"not ours")
    with atomic_path(tmp_path / "busy.png") as busy:
        busy.write_bytes(b"going on")
        assert clean_leftovers(tmp_path) == [left]
        old = time.time() - 3 * 86400
        os.utime(busy, (old, old))
        assert clean_leftovers(tmp_path) == [busy]
        busy.write_bytes(b"again")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".occset-notes.tmp", "busy.png", "sub"]
