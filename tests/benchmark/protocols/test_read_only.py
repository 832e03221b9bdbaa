"""A set that cannot be written to is benched all the same, and looked at."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from occset.benchmark import evaluate
from occset.benchmark.protocols import frozen
from occset.benchmark.protocols.frozen import open_protocol
from occset.cli import main
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import read_recipes
from occset.support.errors import BadInput, NoSpace

MODEL = """
import numpy as np

class Middle:
    name, weights_hash = "middle", "none"

    def probabilities(self, images):
        return np.where(images.mean(axis=-1) > 127, 0.9, 0.1).astype(np.float32)

    def features(self, images):
        return images.reshape(len(images), -1)[:, :8].astype(np.float32) + 1
"""

Close = Callable[..., None]


@pytest.fixture
def close(monkeypatch: pytest.MonkeyPatch) -> Close:
    """A function that closes a folder to every kind of writing, as a file system does that is mounted read-only."""

    def close(folder: Path, number: int = errno.EROFS, tells: bool = True) -> None:
        root = folder.resolve()

        def refuse(path: str | bytes | int | Path) -> None:
            if not isinstance(path, int) and Path(os.fsdecode(path)).absolute().is_relative_to(root):
                raise OSError(number, os.strerror(number), str(path))

        def guarded(name: str, at: int) -> None:
            real = getattr(os, name)

            def call(*args: Any, **options: Any) -> Any:
                refuse(args[at])
                return real(*args, **options)

            monkeypatch.setattr(os, name, call)

        for name, at in (("mkdir", 0), ("replace", 1), ("rename", 1), ("unlink", 0), ("rmdir", 0), ("utime", 0)):
            guarded(name, at)
        real_access = os.access

        def access(path: str | bytes | int | Path, mode: int) -> bool:
            return real_access(path, mode) and not (
                tells and mode & os.W_OK and Path(path).absolute().is_relative_to(root)
            )

        monkeypatch.setattr(os, "access", access)
        real_open, real_io = os.open, io.open

        def low(path: str | bytes | int | Path, flags: int, *args: Any, **options: Any) -> int:
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                refuse(path)
            return real_open(path, flags, *args, **options)

        def high(file: str | bytes | int | Path, mode: str = "r", *args: Any, **options: Any) -> Any:
            if set(mode) & set("wax+"):
                refuse(file)
            return real_io(file, mode, *args, **options)

        monkeypatch.setattr(os, "open", low)
        monkeypatch.setattr(io, "open", high)

    return close


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize(
    ("number", "tells"), [(errno.EROFS, True), (errno.EROFS, False), (errno.EACCES, True), (errno.ENOSPC, False)]
)
def test_its_protocol_is_kept_where_the_results_are(
    bench_set: OcclusionSet, tmp_path: Path, close: Close, number: int, tells: bool
) -> None:
    before = tree(bench_set.path)
    close(bench_set.path, number, tells)
    spare = tmp_path / "results" / "protocols"
    first = open_protocol(bench_set, "sunglasses", 1, spare=spare)
    assert first.path == spare / "set" / "sunglasses.parquet" and tree(bench_set.path) == before
    again = open_protocol(OcclusionSet(bench_set.path), "sunglasses", 1, spare=spare)
    assert (again.hash, again.recipes) == (first.hash, first.recipes)
    with pytest.raises(NoSpace, match=r"cannot write .*set/protocols"):
        open_protocol(bench_set, "types", 1)


def test_it_is_the_protocol_that_the_set_would_hold(
    bench_set: OcclusionSet, copy_set: Callable[[str], OcclusionSet], tmp_path: Path
) -> None:
    kept = open_protocol(bench_set, "sunglasses", 1, kept=tmp_path / "kept")
    assert kept.path == tmp_path / "kept" / "sunglasses.parquet" and not (bench_set.path / "protocols").exists()
    assert tree(tmp_path / "kept") == ["sunglasses.parquet"]
    own = open_protocol(copy_set("other"), "sunglasses", 1)
    assert own.hash == kept.hash
    frozen_there = open_protocol(bench_set, "types", 1)
    assert open_protocol(bench_set, "types", 1, kept=tmp_path / "kept").path == frozen_there.path, "goes before others"


def test_a_protocol_of_another_set_is_named(
    bench_set: OcclusionSet, copy_set: Callable[[str], OcclusionSet], tmp_path: Path
) -> None:
    open_protocol(bench_set, "sunglasses", 1, kept=tmp_path / "kept")
    other = copy_set("other")
    used = {recipe.face for recipe in open_protocol(bench_set, "sunglasses", 1, kept=tmp_path / "kept").recipes}
    other.write("faces", other.faces[~other.faces["id"].isin(used)])
    with pytest.raises(BadInput, match=r"sunglasses\.parquet: is of another set than .*other"):
        open_protocol(other, "sunglasses", 1, kept=tmp_path / "kept")


def test_where_nothing_can_be_kept_it_is_said_before_the_work(
    bench_set: OcclusionSet, tmp_path: Path, close: Close, monkeypatch: pytest.MonkeyPatch
) -> None:
    close(tmp_path, errno.EROFS)
    monkeypatch.setattr(frozen, "_make", lambda *args: pytest.fail("it was made for nothing"))
    with pytest.raises(NoSpace, match="read-only: choose another folder with --protocols"):
        open_protocol(bench_set, "sunglasses", 1, spare=tmp_path / "spare")


def test_every_verb_that_only_looks_works_on_it(
    bench_set: OcclusionSet,
    tmp_path: Path,
    close: Close,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before, work = tree(bench_set.path), tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    close(bench_set.path, errno.EROFS)
    data = str(bench_set.path)

    def run(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["occset", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert ended.value.code in (0, None), said.err
        return str(said.out + said.err)

    run("info", data)
    run("check", data, "--workers", "1")
    run("render", data, "--out", "r", "--count", "2", "--size", "64", "--workers", "1")
    recipes = work / "r" / "recipes.parquet"
    run("explain", read_recipes(recipes)[0].sample, "--data", data, "--recipes", str(recipes), "--out", "one.png")
    assert (work / "one.png").exists()
    (work / "middle_model.py").write_text(MODEL)
    monkeypatch.syspath_prepend(str(work))
    run("mine", data, "--model", "middle_model:Middle", "--out", "hard.csv", "--workers", "1")
    assert (work / "hard.csv").exists()
    said = run("bench", "--data", data, "--methods", "telea", "--out", "res", "--limit", "2", "--workers", "1")
    assert (
        "protocol sunglasses is kept in" in said
        and (work / "res" / "protocols" / "set" / "sunglasses.parquet").exists()
    )
    assert tree(bench_set.path) == before


def test_evaluate_needs_no_place_either(bench_set: OcclusionSet, close: Close) -> None:
    class Grey:
        name, given = "grey", ("mask",)

        def deocclude(self, images: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
            return (images * 0 + 127).astype("uint8")

    close(bench_set.path, errno.EROFS)
    assert len(evaluate(Grey(), bench_set.path, "sunglasses", limit=2)) == 2
