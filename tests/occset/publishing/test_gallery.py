"""The page of a set: strangers' text stays text, it asks for nothing from outside, and filters in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.publishing import gallery
from occset.publishing.gallery import write_gallery
from occset.support.errors import OccsetError
from tests.occset.publishing.conftest import NAMES


class Reader(HTMLParser):
    """Figures with their attributes and texts, and every attribute that could load or run something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.figures: list[dict[str, str]] = []
        self.names: list[str] = []
        self.wrong: list[tuple[str, str | None]] = []
        self.tags: set[str] = set()
        self.open = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open = tag
        self.tags.add(tag)
        if tag == "figure":
            self.figures.append(dict(attrs))
        for name, value in attrs:
            loads = name in ("src", "href", "srcset", "action") and not value.startswith("data:")
            if loads or name == "style" or name.startswith("on"):
                self.wrong.append((name, value))

    def handle_data(self, data: str) -> None:
        if self.open == "b":
            self.names.append(data)
            self.open = ""


def test_the_page_shows_the_set_and_nothing_in_it_is_markup(hostile_set: OcclusionSet, tmp_path: Path) -> None:
    path, broken = write_gallery(hostile_set, tmp_path / "page")
    page = path.read_text()
    read = Reader(page)
    assert broken == [] and read.wrong == [] and "i" not in read.tags
    assert len(read.figures) == 18 + 7 + 4
    shown = [(one["data-table"], one["data-split"], one["data-kind"]) for one in read.figures]
    for table, column in (("faces", "source"), ("occluders", "category"), ("textures", "category")):
        rows = getattr(hostile_set, table)
        expected = sorted((table, split, kind) for split, kind in zip(rows["split"], rows[column], strict=True))
        assert sorted(one for one in shown if one[0] == table) == expected
    names = {name for name in NAMES if "\n" not in name}
    assert names <= set(read.names) and "line break" in read.names
    flags = [one["data-flags"].split("\n") for one in read.figures if one["data-table"] == "faces"]
    assert sum("no mask" in one for one in flags) == 1 and sum("out of use: unusable" in one for one in flags) == 1
    assert page.count("<path") == 17, "a mask for each face but one"
    assert re.search(r"default-src 'none'; img-src data:", page) and "http:" not in page and "https:" not in page
    assert str(hostile_set.path) not in page
    write_gallery(hostile_set, tmp_path / "again")
    assert (tmp_path / "again" / "index.html").read_text() == page


def test_a_limit_takes_of_each_split_and_kind_and_says_so(hostile_set: OcclusionSet, tmp_path: Path) -> None:
    path, _ = write_gallery(hostile_set, tmp_path / "page", limit=4)
    read = Reader(path.read_text())
    faces = [one for one in read.figures if one["data-table"] == "faces"]
    assert len(faces) == 4 and {one["data-split"] for one in faces} == {"train", "val", "test"}
    cutouts = [(one["data-split"], one["data-kind"]) for one in read.figures if one["data-table"] == "occluders"]
    assert len(set(cutouts)) == 4, "no two of one split and kind while others have none"
    assert "18 faces (of which 4 here), 7 cut-outs (of which 4 here), 4 textures." in path.read_text()


def test_what_cannot_be_shown_is_named(
    hostile_set: OcclusionSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, occset: Callable[..., Any]
) -> None:
    face = hostile_set.faces.iloc[0]
    (hostile_set.path / face["image"]).write_bytes(b"no picture")
    done = occset("gallery", hostile_set.path, "--out", tmp_path / "page")
    assert done.status == 1 and f"left out {face['id']}: " in done.err
    page = (tmp_path / "page" / "index.html").read_text()
    assert f"<li>{face['id']}: images/" in page and page.count("<figure") == 28
    (tmp_path / "file").write_text("x")
    with pytest.raises(OccsetError, match="is a file"):
        write_gallery(hostile_set, tmp_path / "file")
    with pytest.raises(OccsetError, match="from 1"):
        write_gallery(hostile_set, tmp_path / "page", limit=0)
    monkeypatch.setattr(gallery, "LARGEST", 1000)
    with pytest.raises(OccsetError, match="smaller --limit"):
        write_gallery(hostile_set, tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.xdist_group("browser")
def test_filters_in_a_browser(hostile_set: OcclusionSet, tmp_path: Path) -> None:
    steps = pytest.importorskip("tests.annotation.browser_steps")
    if steps.NO_BROWSER:
        pytest.skip(steps.NO_BROWSER)
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select

    path, _ = write_gallery(hostile_set, tmp_path / "page")
    with steps.browser(tmp_path / "profile") as page:
        page.get(path.as_uri())

        def choose(name: str, value: str) -> str:
            Select(page.find_element(By.CSS_SELECTOR, f"[data-filter={name}]")).select_by_value(value)
            return page.find_element(By.CSS_SELECTOR, "[data-role=count]").text

        assert choose("table", "faces") == "18 of 29 pictures"
        test_faces = int((hostile_set.faces["split"] == "test").sum())
        assert choose("split", "test") == f"{test_faces} of 29 pictures"
        choose("split", "")
        assert choose("flag", "no mask") == "1 of 29 pictures"
        choose("table", "occluders")
        assert page.find_element(By.CSS_SELECTOR, "[data-role=none]").is_displayed()
        choose("flag", "")
        assert choose("kind", "hand/../x") == "1 of 29 pictures"
        choose("kind", "")
        choose("table", "faces")
        outline = page.find_element(By.CSS_SELECTOR, ".faces svg")
        assert outline.is_displayed()
        page.find_element(By.CSS_SELECTOR, "[data-role=outlines]").click()
        assert not outline.is_displayed()
        assert not [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"]
