"""The list of related work that cannot be run: whoever is named says what it needs and why; links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "benchmark" / "RELATED.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if line.startswith("| ")]


@pytest.mark.parametrize("name", ["SSDA", "LSTM autoencoder", "OA-GAN", "ERGAN", "FOCUS", "DECA"])
def test_each_says_what_it_needs_and_why_it_is_no_method(name: str) -> None:
    (row,) = [cells for cells in ROWS if cells[0].startswith(name)]
    assert len(row) == 4 and all(len(cell) > 10 for cell in row[1:])


def test_links_lead_somewhere_and_users_find_the_list() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        assert (ROOT / "benchmark" / target.partition("#")[0]).is_file(), target
    guide = ROOT / "docs" / "guides" / "researcher.md"
    assert "(../../benchmark/RELATED.md)" in guide.read_text(encoding="utf-8")
    assert "(../benchmark/RELATED.md)" in (ROOT / "data_cards" / "rivals.md").read_text(encoding="utf-8")
