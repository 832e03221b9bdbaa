from __future__ import annotations

import base64
import copy
import json
import time
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from occset.annotation.labels import task_reader
from occset.annotation.labels.codec import encode_bitmask, encode_brush
from occset.annotation.labels.polygons import fill_polygon
from occset.annotation.labels.regions import MOST_COMMENT, MOST_REGIONS, Region
from occset.annotation.labels.task_reader import Reading, key_of_task, read_annotation, read_task
from occset.composition.categories import CATEGORIES
from occset.support.errors import BadInput

SIDE = 64
KEY = "0123456789abcdef"


def _disc(x: float, y: float, radius: float, value: int = 255) -> np.ndarray:
    rows, columns = np.indices((SIDE, SIDE))
    return np.where(np.hypot(columns - x, rows - y) < radius, np.uint8(value), np.uint8(0))


FACE, HAND, HAIR = _disc(32, 32, 24), _disc(20, 40, 9), _disc(32, 12, 10)


def _region(kind: str, label: str, shape: dict[str, Any], number: str = "r0") -> dict[str, Any]:
    return {
        "id": number,
        "type": f"{kind}labels",
        "from_name": kind,
        "to_name": "image",
        "original_width": SIDE,
        "original_height": SIDE,
        "image_rotation": 0,
        "origin": "manual",
        "value": {**shape, f"{kind}labels": [label]},
    }


def _brush(label: str, mask: np.ndarray, number: str = "r0") -> dict[str, Any]:
    return _region("brush", label, {"format": "rle", "rle": encode_brush(mask)}, number)


def _choice(name: str, chosen: str, number: str = "c0") -> dict[str, Any]:
    return {"id": number, "type": "choices", "from_name": name, "to_name": "image", "value": {"choices": [chosen]}}


def _annotation(*result: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "id": 7,
        "task": 3,
        "completed_by": 5,
        "lead_time": 12.5,
        "updated_at": "2026-11-24T17:07:38.509665Z",
        "was_cancelled": False,
        "result": list(result),
    } | changes


def _full() -> dict[str, Any]:
    """An annotation with one of everything."""
    square = {"points": [[10.0, 10.0], [30.0, 10.0], [30.0, 30.0], [10.0, 30.0]], "closed": True}
    return _annotation(
        _brush("face", FACE),
        _brush("occluder", HAND, "r1"),
        _choice("category", "hand", "r1"),
        _region("polygon", "occluder", square, "r2"),
        _region("bitmask", "face", {"imageDataURL": encode_bitmask(HAIR)}, "r3"),
        _choice("quality", "unsure"),
        _choice("discuss", "needs discussion"),
        {"id": "t", "type": "textarea", "from_name": "comment", "to_name": "image", "value": {"text": ["a", "b"]}},
        {"type": "relation", "from_id": "r0", "to_id": "r1", "direction": "right"},
    )


def test_everything_is_read() -> None:
    reading = read_annotation(_full(), SIDE)
    square = np.zeros((SIDE, SIDE), np.uint8)
    square[6:19, 6:19] = 255  # 10 to 30 percent of 64 are 6.4 to 19.2: centres 6.5 to 18.5
    assert [occluder.category for occluder in reading.occluders] == ["hand", "object"]
    assert np.array_equal(reading.occluders[0].mask, HAND) and np.array_equal(reading.occluders[1].mask, square)
    on = (FACE | HAIR) > 0
    assert np.array_equal(reading.face, np.where(on & (HAND == 0) & (square == 0), 255, 0))
    assert reading.face.dtype == np.uint8
    assert (reading.quality, reading.discuss, reading.comment, reading.skipped) == ("unsure", True, "a b", False)
    assert (reading.annotator, reading.annotation, reading.lead_time) == (5, 7, 12.5)
    assert reading.updated == "2026-11-24T17:07:38.509665Z"


def test_what_is_left_out_has_a_plain_meaning() -> None:
    reading = read_annotation(_annotation(_brush("face", FACE), lead_time=None), SIDE)
    assert (reading.quality, reading.discuss, reading.comment, reading.lead_time) == ("good", False, "", None)
    assert reading.occluders == ()


def test_alpha_counts_above_127_after_the_union() -> None:
    faint, strong = _disc(32, 32, 20, 127), _disc(32, 32, 10, 128)
    reading = read_annotation(_annotation(_brush("face", faint), _brush("face", strong, "r1")), SIDE)
    assert np.array_equal(reading.face > 0, strong > 0)
    reading = read_annotation(_annotation(_brush("face", FACE), _brush("occluder", faint, "r1")), SIDE)
    assert np.array_equal(reading.face, FACE) and reading.occluders == ()


def test_occluders_of_one_category_are_one_with_the_larger_alpha() -> None:
    soft, wide = _disc(20, 40, 6, 200), _disc(22, 40, 8, 140)
    parts = [_brush("occluder", soft, "r1"), _brush("occluder", wide, "r2")]
    parts += [_choice("category", "hand", number) for number in ("r1", "r2")]
    (occluder,) = read_annotation(_annotation(_brush("face", FACE), *parts), SIDE).occluders
    assert np.array_equal(occluder.mask, np.maximum(soft, wide))


def test_a_category_of_its_region_may_carry_the_regions_code() -> None:
    """The browser writes it so."""
    choice = _choice("category", "hand", "r1")
    choice["value"] |= {"format": "rle", "rle": encode_brush(HAND)}
    reading = read_annotation(_annotation(_brush("face", FACE), _brush("occluder", HAND, "r1"), choice), SIDE)
    assert [occluder.category for occluder in reading.occluders] == ["hand"]


def test_a_category_left_on_a_face_says_nothing() -> None:
    entries = (_brush("face", FACE), _brush("face", HAND, "r1"), _choice("category", "hand", "r1"))
    reading = read_annotation(_annotation(*entries), SIDE)
    assert reading.occluders == () and np.array_equal(reading.face > 0, (FACE > 127) | (HAND > 127))
    (doubt,) = reading.doubts
    assert doubt.startswith("task 3, annotation 7, region r1: is called face and has the category hand")
    assert "press 2, update, and pull again" in doubt


def test_an_occluder_without_category_is_an_object_and_told() -> None:
    corners = {"points": [[10.0, 10.0], [30.0, 10.0], [30.0, 30.0]], "closed": True}
    wiped_out = _brush("occluder", np.zeros_like(HAND), "r4")
    parts = [_brush("occluder", HAND, "r1"), _region("polygon", "occluder", corners, "r2"), wiped_out]
    named = [_brush("occluder", HAIR, "r3"), _choice("category", "hair", "r3")]
    reading = read_annotation(_annotation(_brush("face", FACE), *parts, *named), SIDE)
    assert [occluder.category for occluder in reading.occluders] == ["hair", "object"]
    begin = "task 3, annotation 7, region"
    assert [doubt.partition(": an occluder without category")[0] for doubt in reading.doubts] == [
        f"{begin} r1",
        f"{begin} r2",
    ]
    assert all("say what it is (or press 1 if it is part of the face), update" in doubt for doubt in reading.doubts)
    named_all = _annotation(_brush("face", FACE), parts[0], _choice("category", "hand", "r1"))
    assert read_annotation(named_all, SIDE).doubts == ()


@pytest.mark.parametrize("origin", ["prediction", "prediction-changed"])
def test_a_pre_label_that_became_an_occluder_is_refused(origin: str) -> None:
    """Somebody pressed 2 while it was selected; a category does not make it meant."""
    turned = _brush("occluder", FACE) | {"origin": origin}
    rest = [_brush("face", HAIR, "r1"), _choice("category", "hand", "r0")]
    with pytest.raises(
        BadInput, match=r"annotation 7, region r0: .* became an occluder.* select it, press 1, and update"
    ):
        read_annotation(_annotation(turned, *rest), SIDE)
    as_it_was = _brush("face", FACE) | {"origin": origin}
    reading = read_annotation(
        _annotation(as_it_was, _brush("occluder", HAND, "r1"), _choice("category", "hand", "r1")), SIDE
    )
    assert np.array_equal(reading.face > 0, (FACE > 127) & ~(HAND > 127))


@pytest.mark.parametrize("category", CATEGORIES)
def test_each_category_can_be_chosen(category: str) -> None:
    entries = (_brush("face", FACE), _brush("occluder", HAND, "r1"), _choice("category", category, "r1"))
    assert [o.category for o in read_annotation(_annotation(*entries), SIDE).occluders] == [category]


@pytest.mark.parametrize(
    ("entries", "changes"),
    [
        ([], {"was_cancelled": True}),
        ([_choice("discuss", "needs discussion")], {}),
        ([_choice("quality", "unusable")], {}),
        ([_brush("occluder", FACE), _choice("quality", "unusable")], {}),
    ],
)
def test_no_face_is_fine_where_it_was_said_so(entries: list[dict[str, Any]], changes: dict[str, Any]) -> None:
    reading = read_annotation(_annotation(*entries, **changes), SIDE)
    assert not reading.face.any() and reading.face.shape == (SIDE, SIDE)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([], "task 3, annotation 7: there is no face region: draw the face, skip the task"),
        ([_choice("quality", "good")], "there is no face region"),
        ([_brush("occluder", HAND)], "there is no face region"),
        ([_brush("face", HAND), _brush("occluder", FACE, "r1")], "no pixel of the face is left"),
        ([_brush("face", np.zeros((SIDE, SIDE), np.uint8))], "no pixel of the face is left"),
    ],
)
def test_no_face_is_refused_where_nothing_was_said(entries: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        read_annotation(_annotation(*entries), SIDE)


def test_of_a_skipped_task_nothing_drawn_counts_not_even_what_is_broken() -> None:
    broken = _brush("unknown", FACE)
    comment = {"type": "textarea", "from_name": "comment", "value": {"text": "two people"}}
    reading = read_annotation(_annotation(broken, comment, was_cancelled=True), SIDE)
    assert reading.skipped and not reading.face.any() and reading.comment == "two people"


def _with(region: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return region | changes


def _value(region: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return region | {"value": region["value"] | changes}


FACE_REGION = _brush("face", FACE)
LARGER = np.zeros((SIDE, SIDE + 1), np.uint8)
SQUARE = [[10, 10], [30, 10], [30, 30]]


@pytest.mark.parametrize(
    ("region", "words"),
    [
        (_value(FACE_REGION, rle=FACE_REGION["value"]["rle"][:-20]), ", region r0: .*cut off"),
        (_value(FACE_REGION, rle=encode_brush(LARGER)), "region r0: .*values"),
        (_value(FACE_REGION, rle=[]), "region r0"),
        (_value(FACE_REGION, rle=[0] * 10**6), "region r0: .*too long"),
        (_value(FACE_REGION, rle="AAAA"), "its rle is AAAA"),
        (_value(FACE_REGION, rle=[1.5] * 40), "region r0"),
        (_value(FACE_REGION, format="base64"), "format 'base64'"),
        (_value(FACE_REGION, brushlabels=["Face"]), "is called 'Face': a region is either face or occluder"),
        (_value(FACE_REGION, brushlabels=["face", "occluder"]), "'face and occluder'"),
        (_value(FACE_REGION, brushlabels=[]), "it has no label"),
        (_value(FACE_REGION, brushlabels="face"), "not a list of texts"),
        (_value(FACE_REGION, brushlabels=[["face"]]), "not a list of texts"),
        (_with(FACE_REGION, type="brush"), "it has no label"),
        (_with(FACE_REGION, type="rectanglelabels"), "type 'rectanglelabels' is no mask"),
        (_with(FACE_REGION, type="ellipselabels"), "type 'ellipselabels' is no mask"),
        (_with(FACE_REGION, type="keypointlabels"), "is no mask"),
        (_with(FACE_REGION, type=["brushlabels"]), "entry 1"),
        (_with(FACE_REGION, from_name="tag"), "drawn with 'tag'"),
        (_with(FACE_REGION, to_name="other"), "on 'other'"),
        (_with(FACE_REGION, id=9), "region's id is a text"),
        (_with(FACE_REGION, value=None), "its value is None"),
        (_with(FACE_REGION, original_width=SIDE * 2), f"picture of {SIDE * 2} x {SIDE} pixels"),
        (_with(FACE_REGION, original_height=10**400), "64 x a huge number pixels"),
        (_with(FACE_REGION, original_width=str(SIDE)), "drawn on a picture"),
        (_with(FACE_REGION, original_width=float("nan")), "drawn on a picture"),
        (_with(FACE_REGION, image_rotation=90), "turned by 90"),
        (_with(FACE_REGION, image_rotation=False), "turned by False"),
        (_region("polygon", "face", {"points": SQUARE, "closed": False}), "the polygon is open"),
        (_region("polygon", "face", {"points": SQUARE[:2]}), "2 points has no inside"),
        (_region("polygon", "face", {"points": [*SQUARE, [1e300, 0]]}), "at 1e\\+300, 0 percent"),
        (_region("polygon", "face", {"points": [*SQUARE, [10**400, 0]]}), "a huge number, 0 percent"),
        (_region("polygon", "face", {"points": [*SQUARE, [float("nan"), 0]]}), "nan, 0 percent"),
        (_region("polygon", "face", {"points": [*SQUARE, [True, 0]]}), "True, 0 percent"),
        (_region("polygon", "face", {"points": [*SQUARE, [1, 2, 3]]}), "is two numbers"),
        (_region("polygon", "face", {"points": [*SQUARE, "ab"]}), "is two numbers"),
        (_region("polygon", "face", {"points": SQUARE * 10**4}), "too many for a hand"),
        (_region("bitmask", "face", {"imageDataURL": "http://evil.example/a.png"}), "region r0: a bitmask is a PNG"),
        (_region("bitmask", "face", {"imageDataURL": encode_bitmask(LARGER)}), "65 x 64 was given for 64 x 64"),
        (_region("bitmask", "face", {"imageDataURL": encode_bitmask(FACE)[:200]}), "region r0"),
        (_choice("quality", "excellent"), "no quality is called 'excellent': choose one of good"),
        (_choice("category", "spoon", "r0"), "no category is called 'spoon'"),
        (_choice("category", "hand", "gone"), "belongs to region gone, which is not there"),
        (_choice("other", "good"), "nothing of ours is called 'other'"),
        (_with(_choice("quality", "good"), value={"choices": "good"}), "not a list of texts"),
        (_with(_choice("category", "hand"), id=None), "it belongs to no region"),
        (_with(_choice("quality", "good"), type="rating"), "type 'rating' is no mask"),
        ({"type": "textarea", "from_name": "comment", "value": {"text": [{}]}}, "its comment is a list"),
        ("region", "entry 1: this is no region"),
    ],
)
def test_broken_regions_are_refused_by_name(region: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=f"^task 3, annotation 7.*{words}"):
        read_annotation(_annotation(region, _brush("face", FACE, "r0")), SIDE)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": True}, "number is True"),
        ({"id": -1}, "number is -1"),
        ({"id": 10**30}, "a huge number"),
        ({"completed_by": None}, "completed by 'None'"),
        ({"completed_by": {"id": "5"}}, "completed by '5'"),
        ({"lead_time": "12"}, "lead time is 12"),
        ({"lead_time": float("inf")}, "lead time is inf"),
        ({"lead_time": -1}, "lead time is -1"),
        ({"lead_time": 10**400}, "lead time is a huge number"),
        ({"updated_at": "yesterday"}, "updated at 'yesterday'"),
        ({"updated_at": "0001-01-01T00:00:00+23:00"}, "is no time"),
        ({"updated_at": 5}, "updated at '5'"),
        ({"was_cancelled": 1}, "was_cancelled is 1"),
        ({"result": None}, "result is None"),
        ({"result": {}}, "result is an object"),
    ],
)
def test_broken_annotations_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=f"^task 3.*{words}"):
        read_annotation(_annotation(FACE_REGION, **changes), SIDE)


def test_two_answers_to_one_question_are_not_guessed_between() -> None:
    with pytest.raises(BadInput, match="two answers for the quality"):
        read_annotation(_annotation(FACE_REGION, _choice("quality", "good"), _choice("quality", "unsure")), SIDE)


def test_a_user_may_come_as_an_object_and_a_time_with_a_blank() -> None:
    changes = {"completed_by": {"id": 9, "email": "a@b.co"}, "updated_at": "2026-11-24 19:07:38.5 +02:00"}
    reading = read_annotation(_annotation(FACE_REGION, **changes), SIDE)
    assert (reading.annotator, reading.updated) == (9, "2026-11-24T17:07:38.500000Z")


def test_html_and_controls_come_out_short_and_printable() -> None:
    name = "<script>alert(1)</script>\x1b[31m\n\ud800" + "x" * 10**6
    for region in (_with(FACE_REGION, id=name, image_rotation=1), _value(FACE_REGION, brushlabels=[name])):
        with pytest.raises(BadInput) as error:
            read_annotation(_annotation(region), SIDE)
        assert len(str(error.value)) < 300 and str(error.value).isprintable()
    read_annotation(_annotation(_with(FACE_REGION, id=name)), SIDE)  # an id is only compared


def test_a_comment_is_one_line_of_what_can_be_printed_and_not_too_long() -> None:
    text = "a\x00b\x1b[2Jc \u202e<b>d</b>\r\n\te\ud800" + " end" * 10**5
    entry = {"type": "textarea", "from_name": "comment", "value": {"text": [text, "later"]}}
    comment = read_annotation(_annotation(FACE_REGION, entry), SIDE).comment
    assert comment.startswith("ab[2Jc <b>d</b> e end")  # plain text: pages escape it
    assert len(comment) <= MOST_COMMENT and comment.isprintable()
    comment.encode()


def test_many_regions_are_refused_before_any_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("occset.annotation.labels.regions.decode_brush", decode)
    for count in (MOST_REGIONS + 1, 10**5):
        start = time.perf_counter()
        with pytest.raises(BadInput, match=f"{count} (regions|entries), more than"):
            read_annotation(_annotation(*[FACE_REGION] * count), SIDE)
        assert time.perf_counter() - start < 1
    longest = _value(FACE_REGION, rle=[0] * (1 << 17))
    with pytest.raises(BadInput, match="too many for a hand"):
        read_annotation(_annotation(*[longest] * 100), SIDE)


def test_as_many_regions_as_allowed_are_read() -> None:
    regions = [_brush("face" if number % 2 else "occluder", FACE, f"r{number}") for number in range(MOST_REGIONS - 1)]
    with pytest.raises(BadInput, match="no pixel of the face is left"):
        read_annotation(_annotation(*regions), SIDE)


# tasks


def test_the_latest_annotation_of_each_annotator_counts() -> None:
    early, late = "2026-11-24T17:00:00.000000Z", "2026-11-24 18:00:00.000000 +00:00"
    old = _annotation(_brush("face", HAND), id=9, updated_at=early)
    new = _annotation(FACE_REGION, id=2, updated_at=late)
    same = _annotation(_brush("face", HAIR), id=3, updated_at=late)
    other = _annotation(id=4, completed_by=1, was_cancelled=True)
    readings, problems = read_task({"id": 3, "annotations": [same, new, old, other]}, SIDE)
    assert [(reading.annotator, reading.annotation, reading.skipped) for reading in readings] == [
        (1, 4, True),
        (5, 3, False),
    ]
    assert problems == []


def test_a_broken_annotation_is_listed_and_the_rest_read_but_nothing_earlier_instead() -> None:
    good = _annotation(FACE_REGION, id=1, completed_by=1)
    earlier = _annotation(FACE_REGION, id=2)
    broken = _annotation(_brush("hat", HAND), id=3)
    readings, problems = read_task({"id": 3, "annotations": [good, earlier, broken, None, {"id": 4}]}, SIDE)
    assert [reading.annotation for reading in readings] == [1]
    assert len(problems) == 3 and all(problem.startswith("task 3") for problem in problems)
    assert any("annotation 3, region r0: it is called 'hat'" in problem for problem in problems)


@pytest.mark.parametrize("task", [None, [], {}, {"id": 1, "annotations": {}}, {"annotations": [{}] * 10**5}])
def test_a_task_that_is_none_is_refused(task: Any) -> None:
    with pytest.raises(BadInput, match="task"):
        read_task(task, SIDE)


def _task(image: object, key: Any = KEY) -> dict[str, Any]:
    return {"id": 12, "data": {"image": image, "key": key, "note": ""}}


@pytest.mark.parametrize(
    "image",
    [
        f"/data/local-files/?d=round/{KEY}.jpg",
        f"/data/local-files/?d=a/round%20one/{KEY}.jpg",
        f"/data/local-files/?d=occset%2Fround/{KEY}.jpg",
        f"/data/upload/4/1a2b3c4d-{KEY}.jpg",
        f"http://127.0.0.1:8080/data/upload/4/1a2b3c4d-{KEY}.jpg",
        f"http://127.0.0.1:8080/data/local-files/?d=round/{KEY}.jpg",
    ],
)
def test_a_task_of_ours_is_known_by_its_key_and_picture(image: str) -> None:
    assert key_of_task(_task(image), {KEY}, server="http://127.0.0.1:8080/") == KEY


def test_a_server_may_live_below_a_path() -> None:
    image = f"https://labels.example/studio/data/upload/4/x-{KEY}.jpg"
    assert key_of_task(_task(image), {KEY}, server="https://labels.example/studio") == KEY
    with pytest.raises(BadInput):
        key_of_task(_task(image.replace("/studio", "/other")), {KEY}, server="https://labels.example/studio")


def test_local_files_lie_in_the_folder_of_their_round() -> None:
    task = _task(f"/data/local-files/?d=occset-0123/{KEY}.jpg")
    assert key_of_task(task, {KEY}, "occset:0123") == KEY
    with pytest.raises(BadInput, match="is not the one that was pushed"):
        key_of_task(task, {KEY}, "occset:4567")


@pytest.mark.parametrize(
    "image",
    [
        f"http://evil.example/data/upload/4/x-{KEY}.jpg",
        f"//evil.example/data/upload/4/x-{KEY}.jpg",
        f"http://127.0.0.1:8080@evil.example/data/upload/4/x-{KEY}.jpg",
        f"http://127.0.0.1:8081/data/upload/4/x-{KEY}.jpg",
        f"https://127.0.0.1:8080/data/upload/4/x-{KEY}.jpg",
        f"file:///data/upload/4/x-{KEY}.jpg",
        f"/data/upload/4/../../x-{KEY}.jpg",
        f"/data/upload/4/..%2F..%2Fx-{KEY}.jpg",
        "/data/upload/4/x-fedcba9876543210.jpg",
        f"/data/upload/4/x-{KEY}.jpg?next=http://evil.example",
        f"/data/upload/4/x-{KEY}.jpg\n",
        f"/data/upload/x/x-{KEY}.jpg",
        f"/data/local-files/?d=../{KEY}.jpg",
        f"/data/local-files/?d=a/../../{KEY}.jpg",
        f"/data/local-files/?d=a%2F..%2F{KEY}.jpg",
        f"/data/local-files/?d=/etc/{KEY}.jpg",
        f"/data/local-files/?d=a/{KEY}.jpg&d=/etc/passwd",
        "/data/local-files/?d=/etc/passwd",
        f"/etc/{KEY}.jpg",
        f"data:image/png;base64,{KEY}.jpg",
        "http://[",
        "",
        None,
        ["/data/upload/4/x.jpg"],
    ],
)
def test_a_picture_that_points_elsewhere_is_refused(image: object) -> None:
    with pytest.raises(BadInput, match=r"^task 12: its picture .* delete the task and push it again"):
        key_of_task(_task(image), {KEY}, server="http://127.0.0.1:8080")
    with pytest.raises(BadInput):
        key_of_task(_task(image), {KEY})


@pytest.mark.parametrize("key", ["fedcba9876543210", "", None, 5, ["x"], {}, "../" + KEY, "<b>"])
def test_an_unknown_key_is_refused(key: Any) -> None:
    with pytest.raises(BadInput, match="nothing was pushed under the key"):
        key_of_task(_task(f"/data/upload/4/x-{KEY}.jpg", key), {KEY, "<b>", "../" + KEY})


# anything at all


ODD = [None, True, False, 0, 1, -1, 64, 1e308, -0.0, 10**400, float("nan"), float("inf"), "", "x", "<b>", "\ud800"]
ODD += [[], {}, [[]], [None], [0] * 50, {"id": 1}, {"rle": [0]}, "face", ["face"], ["occluder"], "rle", [[1, 2]] * 3]
LEAVES = st.sampled_from(ODD) | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    LEAVES, lambda some: st.lists(some, max_size=4) | st.dictionaries(st.text(max_size=8), some, max_size=4)
)
VALID = _full()


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths to all of a value; of a code's numbers only the first ones, which hold its sizes."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:12]) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in _places(item, (*path, key)))]


PLACES = _places(VALID)


def _changed(value: Any, path: tuple[Any, ...], new: object) -> Any:
    if not path:
        return new
    value = copy.copy(value)
    value[path[0]] = _changed(value[path[0]], path[1:], new)
    return value


@given(changes=st.lists(st.tuples(st.sampled_from(PLACES), JSON), min_size=1, max_size=3))
@settings(max_examples=600, deadline=2000, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_anything_in_any_place_is_read_or_refused(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    annotation: Any = VALID
    for path, new in changes:
        try:
            annotation = _changed(annotation, path, new)
        except (TypeError, KeyError, IndexError, AttributeError):  # an earlier change took the place away
            continue
    try:
        reading = read_annotation(annotation, SIDE)
    except BadInput as error:
        assert str(error).startswith("task ") and len(str(error)) < 600
    else:
        assert isinstance(reading, Reading) and set(np.unique(reading.face)) <= {0, 255}
        json.dumps([reading.comment, reading.updated, reading.lead_time, reading.annotator], allow_nan=False)
    read_task({"id": 1, "annotations": [annotation, VALID]}, SIDE)


@given(JSON, JSON)
@settings(max_examples=200, deadline=None)
def test_any_task_is_known_or_refused(task: Any, part: object) -> None:
    for what in (
        task,
        {"id": part, "data": task},
        {"data": {"key": task, "image": part}},
        _task(task),
        _task(part, task),
    ):
        with pytest.raises(BadInput):
            key_of_task(what, {KEY}, server="http://localhost")


# polygons


def _winding(points: np.ndarray, x: float, y: float) -> int:
    """How often the polygon runs around a point, by angles."""
    angles = np.arctan2(points[:, 1] - y, points[:, 0] - x)
    steps = np.diff(np.append(angles, angles[0]))
    return round(float(((steps + np.pi) % (2 * np.pi) - np.pi).sum() / (2 * np.pi)))


@given(seed=st.integers(0, 10**6), count=st.integers(3, 12))
@settings(max_examples=40, deadline=None)
def test_a_polygon_holds_the_pixels_whose_centres_lie_inside(seed: int, count: int) -> None:
    """Any order of points: lines that cross, and points outside the picture."""
    side = 24
    points = np.random.default_rng(seed).uniform(-30, 130, (count, 2))
    slow = [[_winding(points * side / 100, x + 0.5, y + 0.5) != 0 for x in range(side)] for y in range(side)]
    assert np.array_equal(fill_polygon(points, side) > 0, np.array(slow))


def test_neighbours_share_no_pixel_and_leave_none_out() -> None:
    left = fill_polygon(np.array([[0, 0], [50, 0], [50, 100], [0, 100]]), 25)
    right = fill_polygon(np.array([[50, 0], [100, 0], [100, 100], [50, 100]]), 25)
    assert np.array_equal((left > 0).astype(int) + (right > 0), np.ones((25, 25)))
    assert (fill_polygon(np.array([[0, 0], [100, 0], [100, 100], [0, 100]]), 512) == 255).all()
    assert not fill_polygon(np.array([[10, 10], [90, 90], [10, 10]]), 512).any()


def test_percent_are_of_the_picture_and_exact() -> None:
    for start, stop in ((0, 7), (3, 200), (111, 512)):
        corners = np.array([[start, start], [stop, start], [stop, stop], [start, stop]]) / 512 * 100
        mask = np.zeros((512, 512), np.uint8)
        mask[start:stop, start:stop] = 255
        assert np.array_equal(fill_polygon(corners, 512), mask)


@pytest.mark.parametrize(
    ("origins", "untouched"),
    [
        (["prediction"], True),
        (["prediction", "prediction"], True),
        (["prediction-changed"], False),
        (["manual"], False),
        (["prediction", "manual"], False),
        ([None], False),
        ([["prediction"]], False),
    ],
)
def test_what_was_left_as_the_model_drew_it_is_known(origins: list[str | None], untouched: bool) -> None:
    regions = [{**_brush("face", FACE, f"r{at}"), "origin": origin} for at, origin in enumerate(origins)]
    assert read_annotation(_annotation(*regions), SIDE).untouched is untouched


def test_one_who_drew_nothing_left_nothing_untouched() -> None:
    assert not read_annotation(_annotation(_choice("quality", "unusable")), SIDE).untouched
    assert not read_annotation(
        _annotation({**_brush("face", FACE), "origin": "prediction"}, was_cancelled=True), SIDE
    ).untouched


@pytest.mark.parametrize(
    "failure", [RecursionError("deep"), MemoryError("much"), KeyError("lost"), ZeroDivisionError()]
)
def test_a_failure_of_the_reader_costs_one_annotation(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    decode = task_reader.decode_region

    def fails(region: Region, *rest: Any) -> np.ndarray:
        if region.id == "bad":
            raise failure
        return decode(region, *rest)

    monkeypatch.setattr(task_reader, "decode_region", fails)
    bad, good = _annotation(_brush("face", FACE, "bad")), _annotation(_brush("face", FACE), id=8, completed_by=6)
    readings, problems = read_task({"id": 3, "annotations": [bad, good]}, SIDE)
    assert [reading.annotator for reading in readings] == [6]
    name = type(failure).__name__
    assert problems == [f"task 3, annotation 7: cannot be read ({name}): label it again"]


def test_a_mask_that_nobody_could_see_is_refused_and_traces_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("occset.annotation.labels.codec._check_mask", lambda mask: None)  # others write such masks
    for region in (
        _brush("face", FACE // 255),
        _brush("occluder", HAND // 255, "r0"),
        _region("bitmask", "face", {"imageDataURL": _bitmask_of_ones()}),
    ):
        with pytest.raises(BadInput, match=r"region r0: its mask is of 0 and 1 of 255, which nobody saw"):
            read_annotation(_annotation(_brush("face", FACE, "r9"), region), SIDE)
    traces = np.zeros((SIDE, SIDE), np.uint8)
    traces[20, 4:60] = 1  # what a stroke leaves that was wiped out
    reading = read_annotation(_annotation(_brush("face", FACE), _brush("occluder", traces, "r1")), SIDE)
    assert np.array_equal(reading.face, FACE) and reading.occluders == ()


@pytest.mark.parametrize(("value", "seen"), [(65535, 255), (40000, 255), (255, None), (1, None)])
def test_a_bitmask_of_16_bits_is_read_or_refused(value: int, seen: int | None) -> None:
    rgba = np.zeros((SIDE, SIDE, 4), np.uint16)
    rgba[..., 3] = (FACE > 0) * value
    url = "data:image/png;base64," + base64.b64encode(cv2.imencode(".png", rgba)[1].tobytes()).decode()
    annotation = _annotation(_region("bitmask", "face", {"imageDataURL": url}))
    if seen is None:
        with pytest.raises(BadInput, match=f"alpha of at most {value} of 65535, which nobody saw"):
            read_annotation(annotation, SIDE)
    else:
        assert np.array_equal(read_annotation(annotation, SIDE).face, FACE)


def _bitmask_of_ones() -> str:
    rgba = np.zeros((SIDE, SIDE, 4), np.uint8)
    rgba[..., 3] = FACE // 255
    return "data:image/png;base64," + base64.b64encode(cv2.imencode(".png", rgba)[1].tobytes()).decode()
