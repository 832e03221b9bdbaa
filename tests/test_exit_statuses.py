"""The table of exit statuses, held against what commands return."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from occset import cli
from occset.dataset.occlusion_set import OcclusionSet
from occset.rounds.opening import open_random
from occset.support import interrupts

PAGE = Path(__file__).parents[1] / "docs" / "conventions" / "exit-statuses.md"
Run = Callable[..., tuple[int, str]]
Make = Callable[[OcclusionSet, Path], tuple[object, ...]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """The command line in this process: gives status and the last line on standard error."""

    def call(*args: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["occset", *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        lines = capfd.readouterr().err.splitlines()
        return int(ended.value.code or 0), lines[-1] if lines else ""

    return call


def documented() -> dict[int, str]:
    text = PAGE.read_text(encoding="utf-8")
    return {int(number): says for number, says in re.findall(r"^\| (\d+) \| (.+) \|$", text, re.MULTILINE)}


def test_the_table_names_what_can_be_returned() -> None:
    assert list(documented()) == [0, 1, 2, *sorted(interrupts.STATUS.values())]
    assert "Ctrl-C" in documented()[130] and "SIGTERM" in documented()[143]


def test_all_was_done(run: Run, plain_set: OcclusionSet) -> None:
    assert documented()[0].startswith("all was done")
    assert run("info", plain_set.path)[0] == run("check", plain_set.path, "--workers", 1)[0] == run("--version")[0] == 0


def broken_photo(data: OcclusionSet, folder: Path) -> tuple[object, ...]:
    (folder / "photos").mkdir()
    (folder / "photos" / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    (folder / "photos" / "good.png").write_bytes((data.path / data.faces["image"][0]).read_bytes())
    return ("new", folder / "made", "--faces", f"photos:{folder / 'photos'}?align=no", "--workers", 1)


def lost_picture(data: OcclusionSet, _: Path) -> tuple[object, ...]:
    (data.path / data.faces["image"][0]).unlink()
    return ("check", data.path, "--workers", 1)


def label_of_nobody(data: OcclusionSet, folder: Path) -> tuple[object, ...]:
    open_random(data, 2)
    (folder / "labels").mkdir()
    (folder / "labels" / "nobody.png").write_bytes((data.path / data.faces["image"][0]).read_bytes())
    return ("round", "close", data.path, "--labels", folder / "labels")


def method_that_breaks(_: OcclusionSet, folder: Path) -> tuple[object, ...]:
    lines = ("class Short:", "    name = 'short'", "    given = ()", "    def deocclude(self, images, masks):")
    (folder / "short_method.py").write_text("\n".join([*lines, "        return images[:1]", ""]))
    sys.path.insert(0, str(folder))
    return ("bench", "check-method", "short_method:Short")


@pytest.mark.parametrize("make", [broken_photo, lost_picture, label_of_nobody, method_that_breaks])
def test_done_but_not_all_and_the_last_line_says_why(
    run: Run, make_set: Callable[..., OcclusionSet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Make
) -> None:
    assert documented()[1].startswith("done, but") and "as the last line says" in documented()[1]
    monkeypatch.setattr(sys, "path", list(sys.path))
    status, last = run(*make(make_set(), tmp_path))
    assert status == 1
    assert re.search(r" \(exit status 1: .+\)$", last), last


def test_not_done(run: Run, tmp_path: Path) -> None:
    assert documented()[2].startswith("not done: one line")
    for wrong in (["chekc"], ["info", tmp_path], ["info"], ["bench", "--limit", 0], ["leaderboard", tmp_path / "none"]):
        status, last = run(*wrong)
        assert status == 2 and last.startswith("occset: ")


@pytest.mark.parametrize("number", [2, 15])
def test_interrupted(run: Run, monkeypatch: pytest.MonkeyPatch, plain_set: OcclusionSet, number: int) -> None:
    def interrupt(*_: object, **__: object) -> None:
        interrupts._ears.number = number
        raise KeyboardInterrupt

    monkeypatch.setattr(interrupts, "_ears", interrupts._Ears())
    monkeypatch.setattr("occset.checks.check.check", interrupt)
    status, last = run("check", plain_set.path)
    assert status == interrupts.STATUS[number]  # type: ignore[index]
    assert status in documented()
    assert last.startswith(f"occset: {interrupts.word_of(number)}; ")
