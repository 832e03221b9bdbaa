"""The commands of README.md and the site: all are known to the script that runs them, and on real faces all of them work."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from tests.readme_blocks import PAGES, PROGRAMS, ROOT, all_options, blocks, command_lines, everything, told_options
from tests.readme_commands import LIMITS, PREPARED, SILENT_S, Ran, report, run, run_all, typed
from tests.readme_folders import own_methods

PLACES = {"root": "/clone", "venv": "/venv", "work": "/work", "port": "8081", "sample": "0123456789ab"}
TEXT = """Text with `occset check --json` in it, and

    pip install -e '.[models]'
    occset new x \\
        --faces photos:.

    occset check x

between.

    class Mine:

        name = "mine"

```console
$ occset info x
```
```python
    print("indented in a fence")
```
"""


def test_blocks_are_told_apart() -> None:
    assert [tuple(block) for block in blocks(TEXT)] == [
        (3, "shell", ["pip install -e '.[models]'", "occset new x --faces photos:.", "occset check x"]),
        (11, "python", ["class Mine:", "", '    name = "mine"']),
        (16, "shell", ["occset info x"]),
        (19, "python", ['    print("indented in a fence")']),
    ]
    assert command_lines(TEXT, "occset") == ["occset new x --faces photos:.", "occset check x", "occset info x"]
    assert told_options(TEXT) == {"--json"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_block_of_a_page_is_known(page: Path) -> None:
    for block in blocks(page.read_text(encoding="utf-8")):
        place = f"{page.name}, line {block.line}"
        assert block.language in ("shell", "python", "text"), f"{place}: a block of {block.language}"
        if block.language == "python":
            compile("\n".join(block.lines), place, "exec")
        for line in block.lines if block.language == "shell" else []:
            assert line.split()[0] in PROGRAMS, f"{place}: tests/readme_commands.py knows no '{line}'"


def test_make_and_pip_are_asked_for_what_there_is() -> None:
    text = everything()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {line.split()[1] for line in command_lines(text, "make")} <= targets
    extras = set(re.findall(r"^([a-z]+) = \[", (ROOT / "pyproject.toml").read_text(), re.MULTILINE))
    asked = re.findall(r"pip install (?:-e )?'(?:\.|occset)\[([a-z,]+)\]'", text)
    assert len(asked) >= len(command_lines(text, "pip")) > 0
    assert {extra for some in asked for extra in some.split(",")} <= extras


def test_every_option_that_is_told_is_one_of_some_verb() -> None:
    known = all_options()
    assert {"--data", "--no-align", "--epochs", "--new-password", "-h"} & known == {
        "--data",
        "--no-align",
        "--epochs",
        "--new-password",
    }
    told = told_options(everything())
    assert len(told) > 10
    assert told - known == set()


def test_every_limit_and_preparation_is_of_a_line_that_is_there() -> None:
    lines = command_lines(everything())
    for pattern in [limit.pattern for limit in LIMITS] + list(PREPARED):
        assert any(re.fullmatch(pattern, line) for line in lines), f"no page has a line like '{pattern}' any more"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("occset bench --data s --protocol types --limit 200", "occset bench --data s --protocol types --limit 8"),
        ("occset bench --data s --audit", "occset bench --data s --audit --limit 16"),
        ("occset bench list", "occset bench list"),
        ("occset explain 3f9c --data s", "occset explain 0123456789ab --data s"),
        ("pip install -e '.[x]'", "cd /clone && pip install --dry-run --no-deps --no-build-isolation -e '.[x]'"),
        ("occset new s --faces photos:DIR", "occset new s --faces photos:DIR"),
    ],
)
def test_slow_lines_are_limited_and_others_typed_as_they_stand(line: str, expected: str) -> None:
    assert typed(line, PLACES) == expected


def test_the_pages_own_class_becomes_a_module(tmp_path: Path) -> None:
    names: dict[str, type] = {}
    exec(compile(own_methods(everything()), "mymodule.py", "exec"), names)
    assert names["Mine"].name == "mine"  # type: ignore[attr-defined]
    assert hasattr(names["Mine"], "deocclude") and hasattr(names["MySegmenter"], "segment")


def test_silence_is_measured_before_between_and_after_lines(tmp_path: Path) -> None:
    environment = {**os.environ, "HERE": "here"}
    for line, silent in (
        ("sleep 0.6; echo $HERE", 0.6),
        ("echo $HERE; sleep 0.6; echo there >&2; sleep 0.3", 0.6),
        ("echo $HERE; sleep 0.3; echo; sleep 0.8", 0.8),
    ):
        status, seconds, measured, said = run(line, tmp_path, environment)
        assert status == 0 and said.startswith("here\n")
        assert silent - 0.05 <= measured < silent + 0.5 and seconds > measured


def test_a_command_that_fails_or_never_ends_is_a_fault(tmp_path: Path) -> None:
    failed = Ran("x", "y", *run("echo no; exit 3", tmp_path, dict(os.environ)))
    assert failed.fault == "ended with status 3"
    assert report(failed).splitlines()[1:] == ["    as y", "    ended with status 3", "      no"]
    status, seconds, _, _ = run("sleep 60 & wait", tmp_path, dict(os.environ), longest=0.5)
    assert status == -9 and seconds < 30
    assert Ran("x", "x", 0, 99, SILENT_S + 1, "").fault == "was silent for 61 s"
    assert Ran("x", "x", 0, 99, SILENT_S - 1, "").fault == ""
    assert Ran("x", "", None, 0, 0, "").fault == ""


@pytest.mark.slow
@pytest.mark.real
def test_every_command_works_on_forty_real_faces_and_is_never_silent_for_a_minute(
    real_data: Path, tmp_path: Path
) -> None:
    faults = []
    for ran in run_all(real_data, tmp_path):
        print(report(ran), file=sys.stderr)
        faults += [report(ran)] if ran.fault else []
    assert faults == []
