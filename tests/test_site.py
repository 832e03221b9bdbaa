"""The site: it builds, shows every public name and verb, and its pages of formats are those of the code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import occset.benchmark
import occset.models
from occset.benchmark.protocols.frozen import published
from occset.cli import VERBS
from occset.dataset.recipes import SCHEMA
from occset.dataset.records import TABLES
from occset.publishing.formats.export import FORMATS
from occset.rounds.ledger import LEDGER
from occset.sources.registry import SOURCES

ROOT = Path(__file__).parents[1]
FORMAT_PAGES = ROOT / "docs" / "formats"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_verb_and_every_public_name_is_there(site: Path) -> None:
    commands = (site / "reference" / "commands.html").read_text(encoding="utf-8")
    for verb in VERBS:
        assert f'id="occset-{verb}"' in commands
    assert "--protocol" in commands and "check-identity" in commands
    names = (site / "reference" / "python.html").read_text(encoding="utf-8")
    for name in (*occset.models.__all__, *occset.benchmark.__all__, "OcclusionSet", "Samples", "open", "create"):
        assert re.search(rf'id="[\w.]+\.{name}"', names), f"docs/reference/python.md does not show {name}"


def test_cards_and_guidelines_are_a_part_of_it(site: Path) -> None:
    cards = {path.stem for path in (ROOT / "data_cards").glob("*.md")} - {"README"}
    assert cards and all((site / "cards" / f"{card}.html").is_file() for card in (*cards, "guidelines"))
    assert "../cards/ns.html" in (site / "formats" / "weights.html").read_text(encoding="utf-8")


def test_it_fetches_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        found = re.findall(r'(?:src|href)="(https?://[^"]+)"', page.read_text(encoding="utf-8"))
        fetched = [link for link in found if link.endswith((".css", ".js", ".woff2", ".png", ".svg"))]
        assert fetched == [], page.name


def columns_told(page: str, heading: str = "") -> set[str]:
    """What the first column of a page's tables names; those of one heading where it is given."""
    text = (FORMAT_PAGES / page).read_text(encoding="utf-8")
    text = text.partition(f"## {heading}\n")[2].partition("\n## ")[0] if heading else text
    return {
        name for line in re.findall(r"^\| (`.+?) \|", text, re.MULTILINE) for name in re.findall(r"`([\w-]+)`", line)
    }


@pytest.mark.parametrize("table", TABLES)
def test_the_columns_of_a_set_are_told(table: str) -> None:
    assert columns_told("set.md", f"{table}.parquet") == set(TABLES[table].names)


def test_the_columns_of_recipes_and_ledgers_are_told() -> None:
    layer = SCHEMA.field("layers").type.value_type
    assert columns_told("recipes.md") == {*SCHEMA.names, *(layer.field(i).name for i in range(layer.num_fields))}
    assert columns_told("labels.md") == set(LEDGER.names)


def test_protocols_sources_and_layouts_are_told() -> None:
    assert columns_told("results.md") == set(published())
    told = (FORMAT_PAGES / "sources.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([\w-]+):", told, re.MULTILINE)) == set(SOURCES)
    told = (FORMAT_PAGES / "exports.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([\w-]+)` \|", told, re.MULTILINE)) == set(FORMATS)
