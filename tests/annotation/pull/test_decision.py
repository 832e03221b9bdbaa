"""What becomes of a sample: a label, a talk, another annotator, or waiting."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from occset.annotation.labels.task_reader import Occluder, Reading
from occset.annotation.pull.decision import decide

SIDE = 128
NAMES = {1: "ann", 2: "bo", 3: "cy"}


def disc(radius: int, x: int = 64) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(mask, (x, 64), radius, 255, -1)
    return mask


def reading(annotator: int, mask: np.ndarray, **more: Any) -> Reading:
    about = {"quality": "good", "discuss": False, "comment": "", "lead_time": 10.0, "skipped": False}
    about |= {"updated": f"2026-01-0{annotator}T00:00:00.000000Z", "annotation": 10 + annotator, "occluders": ()}
    return Reading(face=mask, annotator=annotator, **{**about, **more})


def test_one_annotator_is_taken_as_drawn() -> None:
    found = decide([reading(2, disc(40))], NAMES, 1)
    assert (found.mask == disc(40)).all() and found.best.annotator == 2
    assert (found.names, found.lead_time, found.agreement, found.annotations) == (("bo",), 10.0, None, (12,))
    assert (found.discuss, found.wanted, found.labelled) == ("", 0, "2026-01-02T00:00:00.000000Z")


def test_it_waits_for_as_many_as_were_asked_for_unless_the_round_ends() -> None:
    only = [reading(1, disc(40))]
    waiting = decide(only, NAMES, 2)
    assert waiting.mask is None and waiting.discuss == "" and waiting.wanted == 0
    assert decide(only, NAMES, 2, settle=True).mask is not None
    assert decide([], NAMES, 1).mask is None


def test_two_who_agree_meet_halfway() -> None:
    found = decide([reading(1, disc(40)), reading(2, disc(42))], NAMES, 2)
    assert found.agreement > 0.9 and found.lead_time == 20.0 and found.names == ("ann", "bo")
    assert (disc(40) <= found.mask).all() and (found.mask <= disc(42)).all()
    assert found.labelled == "2026-01-02T00:00:00.000000Z"
    assert [(p["one"], p["other"]) for p in found.pairs] == [("ann", "bo")]


def test_two_who_disagree_are_talked_about_and_a_third_is_asked() -> None:
    both = [reading(1, disc(40)), reading(2, disc(25))]
    found = decide(both, NAMES, 2)
    assert found.mask is None and found.wanted == 3
    assert "disagree: mean IoU 0.39" in found.discuss and "(ann, bo)" in found.discuss
    assert decide(both, NAMES, 2, least=0.3, farthest=1.0).mask is not None
    # settling takes few annotators, not a quarrel
    assert decide(both, NAMES, 2, settle=True).mask is None


def test_a_third_settles_it_and_the_nearest_gives_the_occluders() -> None:
    found = decide([reading(1, disc(40)), reading(2, disc(25)), reading(3, disc(41))], NAMES, 3)
    assert found.mask is not None and found.best.annotator in (1, 3) and found.discuss == ""
    apart = decide([reading(1, disc(20, 30)), reading(2, disc(20, 64)), reading(3, disc(20, 100))], NAMES, 3)
    assert apart.mask is None and apart.wanted == 4


def test_of_equal_readings_the_one_with_occluders_is_named_the_best() -> None:
    drawn = (Occluder(disc(10), "hand"),)
    found = decide([reading(1, disc(40)), reading(2, disc(40), occluders=drawn, lead_time=7.0)], NAMES, 2)
    assert (found.best.annotator, found.best_name, found.best.lead_time) == (2, "bo", 7.0)
    both = [reading(1, disc(40), occluders=drawn), reading(2, disc(40), occluders=drawn)]
    assert decide(both, {}, 2).best_name == "annotator-1"


def test_far_outlines_disagree_even_where_the_overlap_is_large() -> None:
    whole = np.full((SIDE, SIDE), 255, np.uint8)
    holed = whole.copy()
    holed[40:60, 40:60] = 0
    found = decide([reading(1, whole), reading(2, holed)], NAMES, 2)
    assert found.mask is None and found.wanted == 3


def test_what_annotators_flag_stays_out_in_their_words() -> None:
    odd = decide([reading(1, disc(40), discuss=True, comment="a mirror?")], NAMES, 1)
    assert odd.mask is None and odd.discuss == "ann wants to discuss it: a mirror?" and odd.wanted == 0
    bad = decide([reading(1, disc(40), quality="unusable"), reading(2, disc(40))], NAMES, 1)
    assert bad.mask is None and bad.discuss == "called unusable by ann"
    nothing = np.zeros((SIDE, SIDE), np.uint8)
    skipped = reading(1, nothing, skipped=True)
    assert decide([skipped], {}, 1).discuss == "skipped by annotator-1"
    other = decide([skipped, reading(2, disc(40))], NAMES, 1)
    assert other.names == ("bo",) and other.discuss == ""


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ([{"quality": "unusable"}], "unusable"),
        ([{"quality": "unusable"}, {"quality": "unusable"}], "unusable"),
        ([{"quality": "unusable"}, {"skipped": True}], "unusable"),
        ([{"quality": "unusable"}, {}], "discuss"),
        ([{"quality": "unusable", "discuss": True}], "discuss"),
        ([{"skipped": True}, {"skipped": True}], "skipped"),
        ([{"skipped": True, "discuss": True, "quality": "unusable"}], "skipped"),
        ([{"skipped": True}, {}], ""),
        ([{"quality": "unsure"}], ""),
        ([], ""),
    ],
)
def test_what_is_said_instead_of_a_label(
    said: list[Any] | list[dict[str, Any]] | list[dict[str, bool]] | list[dict[str, str]], verdict: str
) -> None:
    found = decide([reading(i, disc(40), **words) for i, words in enumerate(said, 1)], NAMES, 1)
    assert found.verdict == verdict and bool(found.discuss) is bool(verdict)
    assert (found.mask is None) is (bool(verdict) or not said)


def test_a_verdict_names_who_and_when_and_words_are_by_name() -> None:
    found = decide(
        [reading(2, disc(40), skipped=True, comment="no face"), reading(1, disc(40), skipped=True)], NAMES, 1
    )
    assert (found.names, found.labelled, found.lead_time) == (("ann", "bo"), "2026-01-02T00:00:00.000000Z", 20.0)
    assert (found.comment, found.discuss) == ("bo: no face", "skipped by ann; skipped by bo: no face")
    two = [reading(3, disc(40), quality="unsure", comment="blurred"), reading(1, disc(40), comment="a scar")]
    found = decide(two, NAMES, 1)
    assert (found.quality, found.comment, found.verdict) == ("unsure", "ann: a scar; cy: blurred", "")
