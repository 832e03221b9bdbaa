"""What the guidelines tell an annotator to do, done in a real browser: the way of working, and every key of their table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from occset.annotation.api.annotators import add_annotator
from occset.annotation.api.client import connect
from occset.annotation.labels.task_reader import read_annotation, read_task
from occset.annotation.push.project import FOLDER
from occset.composition.categories import CATEGORIES
from occset.support.errors import BadInput
from tests.annotation import browser_steps as steps
from tests.annotation.annotating import call
from tests.annotation.browser_projects import (
    SIDE,
    annotation_of,
    brushes,
    grey_face,
    line,
    make_project,
)
from tests.annotation.conftest import RunningStudio

pytestmark = [
    pytest.mark.skipif(steps.NO_BROWSER is not None, reason=str(steps.NO_BROWSER)),
    pytest.mark.xdist_group("browser"),
]
CORNERS = [(128, 128), (384, 128), (384, 256)]
INSIDE = (330, 160)


@pytest.fixture(scope="module")
def project(label_studio: RunningStudio) -> dict[str, Any]:
    """A project with our labelling page and eight pre-labelled tasks."""
    return make_project(label_studio, [""] * 8)


@pytest.fixture
def opened(label_studio: RunningStudio, project: dict[str, Any], page: steps.WebDriver) -> Callable[[int], int]:
    """Opens the task of a number, the first is 0, with the brush in hand, and gives its id."""

    def open_it(number: int) -> int:
        task = int(project["tasks"][number])
        steps.open_task(page, label_studio.url, project["number"], task)
        steps.press(page, "B")
        steps.wait_for(page, "brush and pre-label", lambda now: now["tool"] == "BrushTool" and now["regions"])
        return task

    return open_it


def labels(now: dict[str, Any]) -> list[str]:
    return [region["label"] for region in now["regions"]]


def test_erase_paint_say_what_hides_the_face_and_submit(
    label_studio: RunningStudio, opened: Callable[[int], int], page: steps.WebDriver, artefacts: Path
) -> None:
    _, mask = grey_face()
    task = opened(0)
    assert steps.headings(page)[0] == "Face 1 of 8"
    steps.select_by_key(page, 0)
    hint = "Selected: B paints, E erases, U lets go. 1 and 2 would rename it: press U first."
    assert hint in steps.headings(page)
    steps.press(page, "E")
    steps.wait_for(page, "the eraser", lambda now: now["tool"] == "EraserTool")
    erased, beside, over = [(256, 150), (256, 220)], [(60, 120), (60, 240)], [(180, 300), (330, 300)]
    steps.paint_stroke(page, erased)
    steps.press(page, "B")
    steps.wait_for(page, "the brush", lambda now: now["tool"] == "BrushTool")
    assert labels(steps.paint_stroke(page, beside)) == ["face"], "what is painted belongs to the selected area"
    steps.unselect(page)
    assert hint not in steps.headings(page)
    steps.choose_label(page, "occluder")
    assert labels(steps.paint_stroke(page, over)) == ["face", "occluder"]
    steps.press(page, "D")
    steps.wait(page, "a tick at hand", lambda driver: steps.is_chosen(driver, "hand"))
    page.save_screenshot(str(artefacts / "20-way-of-the-guidelines.png"))
    steps.press(page, "Ctrl+Enter")
    steps.wait_for(page, "the server's answer", lambda now: str(now["id"]).isdigit())

    annotation = annotation_of(label_studio, task)
    (first, whole), (second, hand) = brushes(annotation["result"])
    assert (first, second) == ("face", "occluder")
    changed = (whole > 127) != (mask > 0)
    assert changed[line(erased, 1) > 0].all() and (whole > 127)[line(beside, 1) > 0].all()
    assert not changed[(line(erased, 41) | line(beside, 41)) == 0].any(), "the rest is as it was drawn beforehand"
    reading = read_annotation(annotation, SIDE)
    assert np.array_equal(reading.face > 0, (whole > 127) & ~(hand > 127))
    assert [occluder.category for occluder in reading.occluders] == ["hand"] and reading.doubts == ()


def test_what_selects_and_what_does_not(opened: Callable[[int], int], page: steps.WebDriver) -> None:
    opened(1)
    for point in ((256, 150), (180, 250), (256, 420)):
        steps.click(page, point)
    steps.choose(page, "unsure")  # whatever the clicks were to do is done by now
    now = steps.state(page)
    assert now is not None and labels(now) == ["face"] and steps.selected(now) == [], (
        "a click with the brush does nothing"
    )
    steps.press(page, "V")
    steps.wait_for(page, "the arrow", lambda now: now["tool"] == "MoveTool")
    steps.click(page, (180, 250))
    steps.wait_for(page, "the area", lambda now: steps.selected(now) == [0])
    steps.press(page, "Esc")
    steps.wait_for(page, "nothing selected", lambda now: steps.selected(now) == [])
    steps.select_region(page, 0)
    steps.unselect(page)
    steps.choose_label(page, "occluder")
    steps.paint_stroke(page, [(150, 200), (360, 200)])
    steps.press(page, "O")
    steps.unselect(page)
    steps.select_by_key(page, 0)
    steps.select_by_key(page, 1)
    assert steps.is_chosen(page, "object")


def test_an_occluder_without_a_name_is_not_submitted(
    label_studio: RunningStudio, opened: Callable[[int], int], page: steps.WebDriver, artefacts: Path
) -> None:
    task = opened(2)
    steps.choose_label(page, "occluder")
    steps.paint_stroke(page, [(150, 200), (360, 200)])
    steps.unselect(page)
    steps.choose_label(page, "occluder", "polygon")
    after = steps.draw_polygon(page, CORNERS)
    assert steps.selected(after) == [], "a closed polygon is let go of"
    steps.press(page, "Ctrl+Enter")
    asked = "Say what the selected occluder is, with a key or a click in the list. If it is part of the face, press 1. "
    page.save_screenshot(str(artefacts / "21-no-name.png"))
    assert steps.warning(page) == f"{asked}Then submit again."
    steps.wait_for(page, "the stroke, selected", lambda now: steps.selected(now) == [1])
    steps.press(page, "1")
    steps.wait_for(page, "another label", lambda now: labels(now) == ["face", "face", "occluder"])
    steps.press(page, "Ctrl+Enter")
    assert steps.warning(page).startswith(asked)
    steps.wait_for(page, "the polygon, selected", lambda now: steps.selected(now) == [2])
    steps.press(page, "F")
    steps.wait(page, "a tick at food", lambda driver: steps.is_chosen(driver, "food"))
    steps.press(page, "Ctrl+Enter")
    steps.wait_for(page, "the server's answer", lambda now: str(now["id"]).isdigit())
    reading = read_annotation(annotation_of(label_studio, task), SIDE)
    assert [occluder.category for occluder in reading.occluders] == ["food"] and reading.doubts == ()


def test_a_pre_label_that_was_renamed_is_asked_about_and_refused(
    label_studio: RunningStudio, opened: Callable[[int], int], page: steps.WebDriver
) -> None:
    task = opened(3)
    steps.select_by_key(page, 0)
    steps.press(page, "2")  # without U before it
    steps.wait_for(page, "another label", lambda now: labels(now) == ["occluder"])
    steps.press(page, "Ctrl+Enter")
    assert "If it is part of the face, press 1" in steps.warning(page)
    steps.press(page, "M")
    steps.wait(page, "a tick at mask", lambda driver: steps.is_chosen(driver, "mask"))
    steps.unselect(page)
    steps.choose_label(page, "face")
    steps.paint_stroke(page, [(60, 120), (60, 240)])
    steps.submit(page)
    annotation = annotation_of(label_studio, task)
    with pytest.raises(BadInput, match=r"drawn beforehand became an occluder.*select it, press 1, and update"):
        read_annotation(annotation, SIDE)

    assert opened(3) == task
    steps.select_by_key(page, 0)
    steps.press(page, "1")
    steps.wait_for(page, "its label", lambda now: labels(now) == ["face", "face"])
    steps.press(page, "Ctrl+Enter")
    steps.wait(page, "the server's word", lambda driver: is_face(label_studio, task))
    assert read_annotation(annotation_of(label_studio, task), SIDE).occluders == ()


def is_face(server: RunningStudio, task: int) -> bool:
    return [label for label, _ in brushes(annotation_of(server, task)["result"])] == ["face", "face"]


def keys_of_the_table() -> dict[str, str]:
    """Each key of the guidelines' table, and what it does."""
    table = (FOLDER / "guidelines.md").read_text(encoding="utf-8").partition("|---|---|\n")[2].partition("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()]
    return {key: does for keys, does in rows for key in keys.split(", ")}


class Keyboard:
    """Presses keys of the table, and notes which."""

    def __init__(self, page: steps.WebDriver) -> None:
        self.page, self.pressed = page, set[str]()

    def press(self, key: str, what: str, condition: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """A key, and what is to become true of the editor."""
        self.pressed.add(key)
        steps.press(self.page, key)
        return steps.wait_for(self.page, f"{what}, by {key}", condition)

    def resize(self, key: str, what: str, condition: Callable[[int], bool]) -> None:
        """A key, and the size of what is in hand; pressed again where the toolbar did not listen to it yet."""
        self.pressed.add(key)
        for _ in range(10):
            steps.press(self.page, key)
            if steps.happens(self.page, lambda page: condition((steps.state(page) or {})["size"])):
                return
        raise AssertionError(f"no {what}, by {key}")

    def tick(self, key: str, name: str) -> None:
        """A key, and the choice that it ticks."""
        self.pressed.add(key)
        steps.press(self.page, key)
        steps.wait(self.page, f"a tick at {name}, by {key}", lambda page: steps.is_chosen(page, name))

    def zoom(self, key: str, what: str, condition: Callable[[float, float], bool]) -> None:
        """A key, and how wide the picture is before and after."""
        self.pressed.add(key)
        before = steps.settled_box(self.page)[2]
        steps.press(self.page, key)
        steps.wait(self.page, f"{what}, by {key}", lambda page: condition(before, steps.picture_box(page)[2]))


def test_every_key_of_the_table_does_what_it_says(
    label_studio: RunningStudio, project: dict[str, Any], opened: Callable[[int], int], page: steps.WebDriver
) -> None:
    told = keys_of_the_table()
    task, keyboard = opened(4), Keyboard(page)
    for check in (check_tools, check_labels, check_view, check_choices):
        check(page, keyboard)
    keyboard.press("Ctrl+Enter", "a number of the server's", lambda now: str(now["id"]).isdigit())
    assert read_annotation(annotation_of(label_studio, task), SIDE).quality == "unusable"
    task = steps.open_stream(page, label_studio.url, project["number"])["task"]  # only there is anything to skip
    steps.close_instruction(page)
    keyboard.pressed.add("Ctrl+Space")
    steps.press(page, "Ctrl+Space")
    steps.wait(page, "the skip", lambda driver: was_skipped(label_studio, task))
    assert keyboard.pressed == set(told), "each key of the table was tried, and none is tried that is not in it"


def was_skipped(server: RunningStudio, task: int) -> bool:
    found = call(server, "GET", f"/api/tasks/{task}/")["annotations"]
    return bool(found) and found[0]["was_cancelled"]


def check_tools(page: steps.WebDriver, keyboard: Keyboard) -> None:
    """What is in hand, its size, and what is selected."""
    keyboard.press("V", "the arrow", lambda now: now["tool"] == "MoveTool")
    keyboard.press("Alt+.", "the first area", lambda now: steps.selected(now) == [0])
    keyboard.press("E", "the eraser", lambda now: now["tool"] == "EraserTool")
    keyboard.resize("]", "larger eraser", lambda size: size == 15)
    steps.paint_stroke(page, [(256, 150), (256, 220)])
    keyboard.press("Ctrl+Z", "no stroke", lambda now: now["regions"][0]["strokes"] == 0)
    keyboard.press("Ctrl+Shift+Z", "the stroke", lambda now: now["regions"][0]["strokes"] == 1)
    steps.select_by_key(page, 0)
    keyboard.press("B", "the brush", lambda now: now["tool"] == "BrushTool" and now["size"] == 15)
    keyboard.resize("[", "smaller brush", lambda size: size == 10)
    keyboard.press("U", "nothing selected", lambda now: steps.selected(now) == [])
    steps.select_by_key(page, 0)
    keyboard.press("Esc", "nothing selected", lambda now: steps.selected(now) == [])


def check_labels(page: steps.WebDriver, keyboard: Keyboard) -> None:
    """What the next area is called, and what a selected one is; deleting it."""
    keyboard.press("1", "face", lambda now: now["brush"] == [["brush", "face"]])
    keyboard.press("2", "occluder", lambda now: now["brush"] == [["brush", "occluder"]])
    steps.paint_stroke(page, [(150, 200), (360, 200)])
    keyboard.press("1", "another label", lambda now: labels(now) == ["face", "face"])
    keyboard.press("2", "its label", lambda now: labels(now) == ["face", "occluder"])
    keyboard.press("Backspace", "one area less", lambda now: labels(now) == ["face"])
    keyboard.press("3", "a polygon of the face", lambda now: now["brush"] == [["polygon", "face"]])
    keyboard.press("4", "a polygon", lambda now: now["brush"] == [["polygon", "occluder"]])
    steps.draw_polygon(page, CORNERS)
    steps.click(page, INSIDE)
    steps.wait_for(page, "the polygon, selected", lambda now: steps.selected(now) == [1])


def check_view(page: steps.WebDriver, keyboard: Keyboard) -> None:
    """What is seen, and how large; the polygon stays selected."""
    keyboard.press("Alt+H", "the polygon hidden", lambda now: [r["hidden"] for r in now["regions"]] == [False, True])
    keyboard.press("Alt+H", "the polygon", lambda now: not any(r["hidden"] for r in now["regions"]))
    keyboard.press("Ctrl+H", "all hidden", lambda now: all(r["hidden"] for r in now["regions"]))
    keyboard.press("Ctrl+H", "all areas", lambda now: not any(r["hidden"] for r in now["regions"]))
    keyboard.zoom("Ctrl+=", "a larger picture", lambda before, after: after > before)
    keyboard.zoom("Ctrl+-", "a smaller picture", lambda before, after: after < before)
    keyboard.pressed.add("Ctrl+wheel")
    assert steps.zoom_in(page, (256, 256)) > 1.3
    keyboard.zoom("Shift+1", "the whole picture", lambda before, after: after < before and is_whole(page))
    keyboard.zoom("Shift+2", "its real size", lambda before, after: round(after) == SIDE)
    keyboard.press("H", "the hand", lambda now: now["tool"] == "ZoomPanTool")


def is_whole(page: steps.WebDriver) -> bool:
    """Whether all of the picture lies inside its frame."""
    left, top, width, height, _, _ = steps.picture_box(page)
    script = "return Htx.annotationStore.selected.names.get('image').stageRef.container().getBoundingClientRect()"
    frame = page.execute_script(script)
    across, down = left - frame["left"], top - frame["top"]
    return min(across, down) > -1 and across + width < frame["width"] + 1 and down + height < frame["height"] + 1


def check_choices(page: steps.WebDriver, keyboard: Keyboard) -> None:
    """The names of an occluder, as their records have them, and what is said of the whole."""
    steps.select_by_key(page, 1)
    for category in CATEGORIES.values():
        keyboard.tick(category.hotkey.upper(), category.name)
    for key, name in {"7": "good", "8": "unsure", "9": "unusable", "0": "needs discussion"}.items():
        keyboard.tick(key, name)


def test_a_second_annotator_sees_the_project_and_is_told_apart(
    label_studio: RunningStudio, project: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LABEL_STUDIO_URL", raising=False)
    made = add_annotator("greta", data_dir=label_studio.data_dir)
    with steps.browser(tmp_path / "profile") as theirs:
        steps.log_in(theirs, label_studio.url, made.mail, str(made.password))
        task = steps.open_stream(theirs, label_studio.url, project["number"])["task"]
        steps.close_instruction(theirs)
        steps.press(theirs, "Ctrl+Enter")
        steps.wait_for(theirs, "the next task", lambda now: now["task"] not in (None, task))
    known = connect(label_studio.url, label_studio.token, label_studio.document_root).users()
    readings, problems = read_task(call(label_studio, "GET", f"/api/tasks/{task}/"), SIDE)
    assert problems == [], "a task that the curator skipped may come to her"
    assert [known[reading.annotator] for reading in readings if not reading.skipped] == ["greta"]


def test_a_brush_has_its_first_size_again_in_the_next_picture(
    opened: Callable[[int], int], page: steps.WebDriver
) -> None:
    """As the guidelines say; should Label Studio keep it one day, they may be shorter."""
    opened(5)
    Keyboard(page).resize("]", "larger brush", lambda size: size == 20)
    opened(6)
    assert steps.state(page)["size"] == 15
