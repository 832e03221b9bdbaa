"""The labelling page, what is refused of an edited one, and the guidelines."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from occset.annotation.push.project import check_config, figures, guidelines, instruction, labelling_config
from occset.composition.categories import CATEGORIES
from occset.support.errors import OccsetError

PAGE = labelling_config()


def element(name: str) -> ElementTree.Element:
    return next(e for e in ElementTree.fromstring(PAGE).iter() if e.get("name") == name)


def values(name: str) -> list[str | None]:
    return [e.get("value") for e in element(name) if e.get("value")]


def keys() -> dict[str, str]:
    """Key to what it stands for, of all controls."""
    found = [(e.get("hotkey"), f"{e.tag}:{e.get('value')}") for e in ElementTree.fromstring(PAGE).iter()]
    listed = [key for key, _ in found if key]
    assert len(listed) == len(set(listed)), "no key stands for two things"
    return {key: what for key, what in found if key}


def test_the_page_offers_the_categories_that_placement_knows() -> None:
    assert set(values("category")) == set(CATEGORIES)
    assert values("brush") == values("polygon") == ["face", "occluder"]
    assert values("quality") == ["good", "unsure", "unusable"]
    assert values("discuss") == ["needs discussion"]


def test_each_category_has_the_key_that_its_record_says() -> None:
    keys = {e.get("value"): e.get("hotkey") for e in element("category")}
    assert keys == {name: category.hotkey for name, category in CATEGORIES.items()}


def test_keys_do_not_collide_with_those_of_label_studio() -> None:
    taken = set("behvupwz") | {"[", "]"}  # tools of the picture, unselect, undo
    assert not taken & set(keys())
    choices = [e for e in ElementTree.fromstring(PAGE).iter() if e.tag in ("Label", "Choice")]
    assert all(e.get("hotkey") for e in choices)


def test_nothing_is_required_so_that_a_simple_task_takes_two_clicks() -> None:
    assert "required" not in PAGE.lower()


def test_label_studio_s_own_check_accepts_the_page() -> None:
    interface = pytest.importorskip("label_studio_sdk.label_interface").LabelInterface(PAGE)
    interface.validate()
    size = {"original_width": 8, "original_height": 8, "image_rotation": 0}
    region = {"id": "a", "type": "brushlabels", "from_name": "brush", "to_name": "image", **size}
    region["value"] = {"format": "rle", "rle": [0, 0, 0, 0], "brushlabels": ["occluder"]}
    assert interface.validate_region(region)
    region["value"] = {"format": "rle", "rle": [0, 0, 0, 0], "brushlabels": ["hat"]}
    assert not interface.validate_region(region)


def test_the_page_itself_and_one_with_more_on_it_pass() -> None:
    check_config(PAGE)
    more = PAGE.replace(
        "</View>\n</View>", '<Choices name="mood" toName="image"><Choice value="x"/></Choices></View></View>'
    )
    assert more != PAGE
    check_config(more.replace('<Choice value="hat"', '<Choice value="veil"/><Choice value="hat"'))
    check_config(re.sub(r"<Style>.*?</Style>", "", PAGE, flags=re.S))


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('name="brush"', 'name="pen"', "BrushLabels called brush"),
        ('name="image"', 'name="picture"', "Image called image"),
        ('value="$image"', 'value="$url"', r"\$image"),
        ('<TextArea name="comment"', '<Rating name="comment"', "TextArea called comment"),
        ('<Choice value="hair"', '<Choice value="Hair"', "category of the labelling page lacks hair"),
        ('<Label value="occluder"', '<Label value="thing"', "brush of the labelling page lacks occluder"),
        ('perRegion="true"', "", "category of the labelling page has another perRegion"),
        ('name="quality" toName="image"', 'name="quality" toName="text"', "quality of the labelling page is not for"),
    ],
)
def test_what_is_missing_is_named(old: str, new: str, named: str) -> None:
    edited = PAGE.replace(old, new)
    assert edited != PAGE
    with pytest.raises(OccsetError, match=f"{named}.*Settings"):
        check_config(edited)


@pytest.mark.parametrize(
    ("xml", "named"),
    [
        ("", "not XML"),
        ("<View>", "not XML"),
        ("\x00", "not XML"),
        ("<View>" * 5000, "not XML"),
        ('<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><View>&b;</View>', "document type"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><View/>', "document type"),
        (f"<View>{' ' * 1_000_001}</View>", "1000014 characters"),
        ("<View/>", "Image called image"),
    ],
)
def test_hostile_pages_are_refused_in_words(xml: str, named: str) -> None:
    with pytest.raises(OccsetError, match=named):
        check_config(xml)


def test_the_guidelines_name_every_key() -> None:
    """The table of keys, as text, agrees with the page."""
    rows = re.findall(r"<tr>\s*<td>(.*?)</td>\s*<td>(.*?)</td>", guidelines(), flags=re.S)
    told: dict[str, str] = {}
    for left, right in rows:
        names = right.split(": ")[-1].split(", ")
        for place, key in enumerate(left.split(", ")):
            told[key.lower()] = names[min(place, len(names) - 1)]
    for key, what in keys().items():
        value = what.partition(":")[2]
        assert told[key] == value, key


def test_an_instruction_holds_no_picture_but_those_it_was_given() -> None:
    text = instruction()
    assert "<img" not in text
    assert "<h2>What is an occluder</h2>" in text
    assert "<table>" in text
    assert "figures/" not in text
    given = instruction({"hand.jpg": '/data/local-files/?d=guidelines/hand.jpg&x="1', "beard.jpg": "/b.jpg"})
    assert given.count("<img") == 2
    assert 'src="/data/local-files/?d=guidelines/hand.jpg&amp;x=&quot;1"' in given
    assert "data:" not in given


def test_the_page_of_guidelines_needs_nothing_else() -> None:
    page = guidelines()
    assert page.count('src="data:image/jpeg;base64,') == len(figures()) == 7
    assert not re.findall(r'(?:src|href)="(?!data:)', page)


def test_the_text_shows_all_pictures_and_no_other() -> None:
    written = Path(figures()["hand.jpg"].parents[1] / "guidelines.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(figures/(.+?)\)", written)) == set(figures())


def test_pictures_are_small_and_drawn_by_the_committed_module() -> None:
    assert sum(file.stat().st_size for file in figures().values()) < 400_000
    pytest.importorskip("torch")
    from occset.annotation.push import guideline_pictures

    assert {f"{name}.jpg" for name in guideline_pictures.FIGURES} == set(figures())
    drawn = np.asarray(guideline_pictures.draw("clear-glasses")).astype(int)
    kept = cv2.cvtColor(cv2.imread(str(figures()["clear-glasses.jpg"])), cv2.COLOR_BGR2RGB).astype(int)
    assert drawn.shape == kept.shape
    assert np.abs(drawn - kept).mean() < 4, "draw them again: python -m occset.annotation.push.guideline_pictures"


def test_colours_of_the_pictures_are_those_of_the_page() -> None:
    pytest.importorskip("torch")
    from occset.annotation.push import guideline_pictures as drawn

    for name in ("brush", "polygon"):
        colours = [e.get("background") for e in element(name)]
        assert colours == ["#{:02X}{:02X}{:02X}".format(*c) for c in (drawn.FACE, drawn.OCCLUDER)]
