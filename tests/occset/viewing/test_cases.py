"""The worst cases of a bench as entries: who is in, in which order, and what stands side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from occset.pictures.images import read_image, write_png
from occset.support.errors import OccsetError
from occset.viewing.cases import entries_of_cases, side_by_side, views_of_cases


def case(folder: Path, method: str, worst: int, kept: bool = True, height: int = 8) -> dict[str, Any]:
    pictures: dict[str, Path | None] = {}
    for at, name in enumerate(("Input", method, "Truth")):
        pictures[name] = folder / f"{method}-{worst}-{name}.png"
        write_png(pictures[name], np.full((height if at else 8, 6, 3), 50 * at, np.uint8))
    if not kept:
        pictures[method] = None
    about = {"protocol": "sunglasses", "data": "set", "task": "deocclusion", "method": method, "control": False}
    return {
        **about, "sample": f"s{worst}", "face": "f1", "type": "sun, glasses", "worst": worst, "metric": "L1",
        "scores": {"l1": 0.5 / worst, "id": 0.25}, "pictures": pictures,
    }  # fmt: skip


def test_pictures_stand_side_by_side_with_the_scores(tmp_path: Path) -> None:
    cases = [case(tmp_path, "ours <b>", 1), case(tmp_path, "ours <b>", 2, kept=False), case(tmp_path, "telea", 1)]
    entries, problems, missing = entries_of_cases(cases, tmp_path / "out")
    assert (len(entries), problems, missing) == (2, [], 1)
    first = entries[0]
    strip = read_image(tmp_path / "out" / first.file)
    assert strip.shape == (8, 3 * 6 + 2 * 8, 3) and first.size == (8, 34)
    assert [int(strip[0, x, 0]) for x in (0, 6, 14, 20, 28)] == [0, 255, 50, 255, 100]
    assert first.told["shown"] == "Input | ours <b> | Truth"
    assert (first.told["worst"], first.told["l1"], first.told["id_"], first.told["type"]) == (
        1,
        0.5,
        0.25,
        "sun, glasses",
    )
    names = [view.name for view in views_of_cases(entries)]
    assert names == [
        "worst of ours <b>", "worst of ours <b> by type", "worst of telea", "worst of telea by type",
        "the same sample by all methods",
    ]  # fmt: skip


def test_pictures_of_other_sizes_are_named(tmp_path: Path) -> None:
    entries, problems, _ = entries_of_cases([case(tmp_path, "ours", 1, height=9)], tmp_path / "out")
    assert entries == [] and "differ in height" in problems[0][1] and "ours" in problems[0][0]
    with pytest.raises(OccsetError, match="differ in height"):
        side_by_side([np.zeros((4, 4, 3), np.uint8), np.zeros((5, 4, 3), np.uint8)])
