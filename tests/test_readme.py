"""What README.md and the site show works: their Python runs as it stands, and commands name verbs and options that exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from occset.dataset.occlusion_set import OcclusionSet
from tests.readme_blocks import PAGES, README, ROOT, command_lines, everything, parse

SHORT_PROTOCOLS = """
from dataclasses import replace
from occset.benchmark.protocols import frozen
rules = {name: replace(rule, count=12, size=64) for name, rule in frozen.published().items()}
frozen.published = lambda: rules
"""
"""Put before the page's lines by way of `sitecustomize`, so that they themselves run as a reader would run them."""


def python_block() -> str:
    (block,) = re.findall(r"^```python\n(.*?)^```", everything(), re.MULTILINE | re.DOTALL)
    return str(block)


def test_the_python_runs_as_it_stands(tmp_path: Path, make_set: Callable[..., OcclusionSet]) -> None:
    make_set("my-set", faces=20, each=5)
    patches = tmp_path / "patches"
    patches.mkdir()
    (patches / "sitecustomize.py").write_text(SHORT_PROTOCOLS)
    (tmp_path / "readme.py").write_text(python_block())
    done = subprocess.run(
        [sys.executable, "readme.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"PYTHONPATH": str(patches), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip(), "it shows nothing"


def test_the_python_opens_renders_and_scores_in_ten_lines() -> None:
    block = python_block()
    assert "my-set" in block
    for what, calls in (("open a set", ["occset.open("]), ("render", ["Samples("]), ("score", ["run(", "evaluate("])):
        assert any(call in block for call in calls), f"the Python does not {what}"
    lines = [
        line for line in block.splitlines() if line.strip() and not line.lstrip().startswith(("#", "import", "from"))
    ]
    assert len(lines) <= 12


def test_the_main_job_is_shown() -> None:
    verbs = [line.split()[1] for line in command_lines(everything(), "occset")]
    assert {"new", "check", "bench", "leaderboard"} <= set(verbs)


def test_every_command_line_can_be_typed() -> None:
    lines = command_lines(everything(), "occset")
    assert lines, "no page shows a command line"
    for line in lines:
        parse(line)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("occset bnech --data x", "no verb 'bnech'"),
        ("occset check my-set --deep", "--deep"),
        ("occset new", "SET"),
        ("occset bench --limit many", "--limit"),
        ("occset bench list --method x", "--method"),
        ("occset train ns --data x --epoch 1", "--epoch"),
    ],
)
def test_a_wrong_command_line_would_be_found(line: str, wrong: str) -> None:
    with pytest.raises(AssertionError, match=wrong):
        parse(line)


@pytest.mark.parametrize(
    "line",
    [
        "occset bench --data my-set --protocol types --methods telea,pca --limit 20 --json | jq .",
        "occset bench check-method my_module:Method  # seconds",
        "occset new my-set --faces builtin:400 --occluders builtin:400",
        "occset bench --help",
        "occset --version",
    ],
)
def test_a_right_command_line_passes(line: str) -> None:
    parse(line)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_files_that_are_linked_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


def test_the_readme_is_short_and_names_a_page_for_each_user() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(text.split()) < 700
    for page in PAGES[1:4]:
        assert page.relative_to(ROOT).as_posix() in text
