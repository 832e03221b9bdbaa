"""A curator in a real browser on a real server: what is seen, painted, erased and chosen is what the API gives back."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from occset.annotation.api.client import connect
from occset.annotation.labels.task_reader import read_annotation
from occset.annotation.pull.pull import pull
from occset.annotation.pull.raw_tasks import Raw
from occset.annotation.push.project import figures
from occset.annotation.push.push import push
from occset.annotation.push.task_names import key_of, marker_of
from occset.checks.check import check
from occset.dataset.occlusion_set import OcclusionSet
from occset.rounds.opening import open_chosen
from tests.annotation import browser_steps as steps
from tests.annotation.annotating import Oval, call, tasks_of
from tests.annotation.browser_projects import (
    SIDE,
    annotation_of,
    brushes,
    grey_face,
    inside,
    line,
    make_project,
    result_of,
)
from tests.annotation.conftest import RunningStudio

pytestmark = [
    pytest.mark.skipif(steps.NO_BROWSER is not None, reason=str(steps.NO_BROWSER)),
    pytest.mark.xdist_group("browser"),
]
FACE_COLOUR = np.array([0x00, 0xC8, 0xFF])


@pytest.fixture(scope="module")
def project(label_studio: RunningStudio) -> dict[str, Any]:
    """A project with our labelling page and five pre-labelled tasks, the third with a note."""
    return make_project(label_studio, ("", "", "Look at the <b>chin</b>", "", ""))


@pytest.fixture(scope="module")
def face() -> tuple[np.ndarray, np.ndarray]:
    """What each task of the project shows, and its pre-label."""
    return grey_face()


def tinted(screen: np.ndarray, colour: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """Where half of a colour lies over a grey picture, (H, W) bool."""
    expected = (grey[..., None].astype(float) + colour) / 2
    return np.abs(screen - expected).max(axis=2) < 40


@pytest.fixture
def open_nth(label_studio: RunningStudio, project: dict[str, Any], page: steps.WebDriver) -> Callable[[int], None]:
    """A function that opens the task of a number in the browser, the first is 0."""

    def open_it(number: int) -> None:
        steps.open_task(page, label_studio.url, project["number"], project["tasks"][number])

    return open_it


def test_what_is_painted_is_what_comes_back(
    label_studio: RunningStudio,
    open_nth: Callable[[int], None],
    page: steps.WebDriver,
    face: tuple[np.ndarray, np.ndarray],
    artefacts: Path,
) -> None:
    picture, mask = face
    open_nth(0)
    page.save_screenshot(str(artefacts / "2-task.png"))
    screen = steps.screen_of_picture(page)
    seen = tinted(screen, FACE_COLOUR, picture[..., 0])
    assert seen[inside(mask, 4)].mean() > 0.99, "the pre-label lies over the face"
    assert not seen[inside(255 - mask, 4)].any(), "and nowhere else, not in its hole either"

    assert "hand" not in steps.choices_shown(page)
    steps.choose_label(page, "occluder")
    stroke = [(150, 200), (256, 260), (360, 200)]
    steps.paint_stroke(page, stroke)
    steps.choose(page, "hand")
    page.save_screenshot(str(artefacts / "3-painted.png"))
    magenta = steps.screen_of_picture(page)[260, 256].astype(int)
    assert magenta[0] > 90 + magenta[1], "the stroke is seen in the occluder's colour"
    annotation = steps.submit(page)
    page.save_screenshot(str(artefacts / "4-submitted.png"))

    result = result_of(label_studio, annotation)
    (first, kept), (second, alpha) = brushes(result)
    assert (first, second) == ("face", "occluder")
    assert np.array_equal(kept, mask), "the pre-label comes back bit for bit"
    assert len(np.unique(alpha)) > 10, "a stroke is anti-aliased"
    assert alpha.max() == 255
    painted = alpha > 127
    assert painted[line(stroke, 1) > 0].all(), "the stroke lies where the mouse went"
    assert not painted[line(stroke, 41) == 0].any()
    category = next(r for r in result if r["from_name"] == "category")
    assert category["value"]["choices"] == ["hand"]
    assert category["id"] == next(r["id"] for r in result if r["value"].get("brushlabels") == ["occluder"])
    assert {r["from_name"] for r in result} == {"brush", "category"}, "a simple task needs no more"


def test_a_fresh_stroke_of_the_same_label_is_a_region_of_its_own(
    label_studio: RunningStudio,
    open_nth: Callable[[int], None],
    page: steps.WebDriver,
    face: tuple[np.ndarray, np.ndarray],
    artefacts: Path,
) -> None:
    _, mask = face
    open_nth(1)
    steps.choose_label(page, "face")
    assert not {"hand", "hair"} & set(steps.choices_shown(page)), "a face has no category"
    stroke = [(200, 470), (300, 470)]
    after = steps.paint_stroke(page, stroke)
    assert [r["label"] for r in after["regions"]] == ["face", "face"]
    steps.unselect(page)
    steps.select_by_key(page, 0)
    steps.take_eraser(page)
    erased = [(256, 150), (256, 220)]
    steps.paint_stroke(page, erased)
    steps.choose(page, "unsure")
    steps.choose(page, "needs discussion")
    steps.write_comment(page, "is this a fringe?")
    page.save_screenshot(str(artefacts / "5-erased.png"))
    result = result_of(label_studio, steps.submit(page))

    (first, rest), (second, alpha) = brushes(result)
    assert (first, second) == ("face", "face")
    assert (alpha > 127)[line(stroke, 1) > 0].all()
    gone = (mask > 0) & (rest <= 127)
    assert gone[line(erased, 1) > 0].all(), "the eraser took away what it went over"
    assert not gone[line(erased, 41) == 0].any(), "and nothing else"
    assert not (rest[mask == 0] > 127).any()
    values = {r["from_name"]: r["value"] for r in result if r["type"] in ("choices", "textarea")}
    assert values["quality"]["choices"] == ["unsure"]
    assert values["discuss"]["choices"] == ["needs discussion"]
    assert values["comment"]["text"] == ["is this a fringe?"], "kept though nobody pressed Enter"


def test_a_note_is_shown_as_text(open_nth: Callable[[int], None], page: steps.WebDriver, artefacts: Path) -> None:
    open_nth(2)
    heads = steps.headings(page, ".occset-picture")
    page.save_screenshot(str(artefacts / "6-note.png"))
    assert heads == ["Look at the <b>chin</b>"]


def test_polygons_have_a_category_too(
    label_studio: RunningStudio,
    open_nth: Callable[[int], None],
    page: steps.WebDriver,
    face: tuple[np.ndarray, np.ndarray],
) -> None:
    _, mask = face
    open_nth(2)
    steps.choose_label(page, "occluder", "polygon")
    after = steps.draw_polygon(page, [(128, 128), (384, 128), (384, 256)])
    assert steps.selected(after) == [] and "food" not in steps.choices_shown(page), "a closed polygon is let go of"
    steps.click(page, (330, 160))
    steps.wait_for(page, "the polygon in hand", lambda now: steps.selected(now) == [1])
    assert "food" in steps.choices_shown(page)
    steps.press(page, "f")
    steps.wait(page, "a tick at food", lambda driver: steps.is_chosen(driver, "food"))
    result = result_of(label_studio, steps.submit(page))
    polygon = next(r for r in result if r["type"] == "polygonlabels")
    corners = np.array(polygon["value"]["points"]) / 100 * SIDE
    assert np.abs(corners - [(128, 128), (384, 128), (384, 256)]).max() < 2
    assert polygon["value"]["polygonlabels"] == ["occluder"]
    category = next(r for r in result if r["from_name"] == "category")
    assert (category["id"], category["value"]["choices"]) == (polygon["id"], ["food"])
    assert np.array_equal(brushes(result)[0][1], mask)


def test_an_occluder_that_was_renamed_to_face_is_read(
    label_studio: RunningStudio,
    project: dict[str, Any],
    open_nth: Callable[[int], None],
    page: steps.WebDriver,
    face: tuple[np.ndarray, np.ndarray],
) -> None:
    _, mask = face
    open_nth(4)
    steps.choose_label(page, "occluder")
    stroke = [(200, 470), (300, 470)]
    steps.paint_stroke(page, stroke)
    steps.choose(page, "hand")
    steps.press(page, "1")  # with the region in hand
    steps.wait_for(page, "another name", lambda now: [r["label"] for r in now["regions"]] == ["face", "face"])
    result = result_of(label_studio, steps.submit(page))
    read = read_annotation(annotation_of(label_studio, project["tasks"][4]), SIDE)
    assert read.occluders == ()
    assert "category" not in {region["from_name"] for region in result}, "the browser takes it away"
    assert np.array_equal(read.face > 0, (mask > 0) | (brushes(result)[1][1] > 127))
    assert (read.face > 0)[line(stroke, 1) > 0].all()


def one_annotation(server: RunningStudio, task: int) -> list[dict[str, Any]]:
    """The result of a task's only annotation, once it is there."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if found := call(server, "GET", f"/api/tasks/{task}/annotations/"):
            (annotation,) = found
            return annotation["result"]
        time.sleep(0.05)
    raise AssertionError(f"nothing was submitted of task {task}")


def theirs(result: list[dict[str, Any]]) -> list[tuple[str, np.ndarray]]:
    """As `brushes`, decoded by Label Studio's own decoder."""
    from label_studio_sdk.converter.brush import decode_rle

    drawn = [region for region in result if region["type"] == "brushlabels"]
    shape = (SIDE, SIDE, 4)
    return [(r["value"]["brushlabels"][0], np.reshape(decode_rle(r["value"]["rle"]), shape)[..., 3]) for r in drawn]


def prelabel_seen(page: steps.WebDriver, photo: np.ndarray, mask: np.ndarray) -> None:
    """The screen shows the face's colour over the photo where the mask is, and nowhere else."""
    screen = steps.screen_of_picture(page).astype(float)
    marked = (photo + FACE_COLOUR) / 2
    differs = np.abs(marked - photo).max(axis=2) > 40  # elsewhere the photo has that colour itself
    seen = np.abs(screen - marked).sum(axis=2) < np.abs(screen - photo).sum(axis=2)
    assert seen[inside(mask, 4) & differs].mean() > 0.98
    assert seen[inside(255 - mask, 4) & differs].mean() < 0.02
    assert (differs & (mask > 0)).sum() > 0.5 * (mask > 0).sum()


def test_from_push_through_the_stream_to_pull(
    label_studio: RunningStudio, page: steps.WebDriver, make_set: Callable[..., OcclusionSet], artefacts: Path
) -> None:
    data = make_set("pushed", faces=6, size=SIDE)
    data.note(name="from the browser")
    ledger = open_chosen(data, sorted(data.faces.loc[data.faces["split"] == "train", "id"])[:2])
    studio = connect(label_studio.url, label_studio.token, label_studio.document_root)
    pushed = push(data, studio, 1, Oval())
    assert pushed.project is not None and pushed.new == 2
    tasks = {task["id"]: task for task in tasks_of(label_studio, pushed.project)}
    faces = {key_of(marker_of(ledger), face): face for face in ledger.rows["id"]}

    # the first: a stroke beside the pre-label, a hand before it
    steps.open_stream(page, label_studio.url, pushed.project)
    wide = "return [...document.querySelectorAll('.occset-guidelines img')].map(i => i.naturalWidth)"
    steps.wait(page, "the pictures", lambda driver: driver.execute_script(wide) == [648] * len(figures()))
    page.save_screenshot(str(artefacts / "9-pushed-guidelines.png"))
    steps.close_instruction(page)
    first = steps.state(page)["task"]
    assert first in tasks
    ((_, start),) = theirs(tasks[first]["predictions"][0]["result"])
    photo, _ = data.load_face(faces[tasks[first]["data"]["key"]])
    prelabel_seen(page, photo, start)
    page.save_screenshot(str(artefacts / "10-pushed-task.png"))
    assert steps.headings(page)[0] == "Face 1 of 2"
    steps.choose_label(page, "face")
    beside, over = [(60, 120), (60, 240)], [(180, 300), (330, 330)]
    steps.paint_stroke(page, beside)
    steps.unselect(page)
    steps.choose_label(page, "occluder")
    steps.paint_stroke(page, over)
    steps.choose(page, "hand")
    page.save_screenshot(str(artefacts / "11-pushed-painted.png"))
    steps.press_submit(page)
    raw = {first: one_annotation(label_studio, first)}

    # the second, which the stream brings: painted while zoomed in
    second = steps.wait_for(page, "the next task", lambda now: now["ready"] and now["task"] not in (None, first))[
        "task"
    ]
    assert {first, second} == set(tasks)
    assert steps.headings(page)[0] == "Face 2 of 2"
    assert steps.zoom_in(page, (256, 200)) > 1.3
    steps.choose_label(page, "occluder")
    closer = [(236, 180), (280, 220)]
    steps.paint_stroke(page, closer)
    page.save_screenshot(str(artefacts / "12-zoomed.png"))
    steps.press_submit(page)
    assert steps.warning(page).startswith("Say what the selected occluder is")
    steps.press(page, "O")
    steps.wait(page, "a tick at object", lambda driver: steps.is_chosen(driver, "object"))
    steps.press_submit(page)
    raw[second] = one_annotation(label_studio, second)
    page.save_screenshot(str(artefacts / "13-saved.png"))

    pulled = pull(data, studio, 1)
    assert (pulled.merged, pulled.occluders, pulled.refused, pulled.waiting) == (2, 2, [], [])
    assert pulled.doubts == []
    for task, result in raw.items():
        drawn = theirs(result)
        face_alpha = np.max([alpha for label, alpha in drawn if label == "face"], axis=0)
        (hidden,) = [alpha for label, alpha in drawn if label == "occluder"]
        expected = (face_alpha > 127) & ~(hidden > 127)
        face = faces[tasks[task]["data"]["key"]]
        mask = data.load_face(face)[1]
        assert set(np.unique(mask)) == {0, 255} and np.array_equal(mask > 0, expected)
        (cutout,) = data.occluders[data.occluders["face"] == face].to_dict("records")
        assert cutout["category"] == ("hand" if task == first else "object")
        (kept,) = Raw(data.path, 1).folder.glob(f"p{pushed.project}-t{task}.*.json.gz")
        (annotation,) = json.loads(gzip.decompress(kept.read_bytes()))["annotations"]
        assert annotation["result"] == result
    labels = [label for label, _ in theirs(raw[first])]
    assert labels == ["face", "face", "occluder"] and np.array_equal(theirs(raw[first])[0][1], start)
    mask = data.load_face(faces[tasks[first]["data"]["key"]])[1] > 0
    assert mask[line(beside, 1) > 0].all() and not start[line(beside, 1) > 0].any()
    assert start[line(over, 1) > 0].all() and not mask[line(over, 1) > 0].any()
    hidden = theirs(raw[second])[-1][1] > 127
    assert hidden[line(closer, 1) > 0].all() and not hidden[line(closer, 41) == 0].any()
    assert check(data, 1) == []


def test_the_stream_shows_the_guidelines_with_their_pictures_first(
    label_studio: RunningStudio, project: dict[str, Any], page: steps.WebDriver, artefacts: Path
) -> None:
    steps.open_stream(page, label_studio.url, project["number"])
    wide = "return [...document.querySelectorAll('.occset-guidelines img')].map(i => i.naturalWidth)"
    steps.wait(page, "the pictures", lambda driver: driver.execute_script(wide) == [648] * len(figures()))
    page.save_screenshot(str(artefacts / "7-guidelines.png"))
    steps.close_instruction(page)
    assert steps.state(page)["task"] in project["tasks"]
    page.save_screenshot(str(artefacts / "8-stream.png"))
