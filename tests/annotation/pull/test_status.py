"""How far a round is: every face counted once, whatever a lost connection or an annotator did twice."""

from __future__ import annotations

import copy

from occset.annotation.pull.status import status
from occset.dataset.usable import usable_faces
from occset.rounds.opening import open_chosen
from tests.annotation.fake_studio import FakeStudio
from tests.fixture_types import MakeSet


def test_no_face_is_counted_twice(make_set: MakeSet) -> None:
    data = make_set(faces=30)
    faces = usable_faces(data, "train")[:8]
    studio = FakeStudio(open_chosen(data, faces), overlap=2)
    both, one_twice, changed_mind, skipped, begun, twin, foreign, _ = faces
    studio.say(both, by=1)
    studio.say(both, by=2, lead_time=8.0)
    studio.say(one_twice, by=1)
    studio.say(one_twice, by=1, lead_time=20.0)  # the same person again
    studio.say(changed_mind, by=2, was_cancelled=True)
    studio.say(changed_mind, by=2, lead_time=16.0)
    studio.say(skipped, by=3, was_cancelled=True)
    studio.by_id[begun]["drafts"] = [{"id": 1}]
    studio.by_id[both]["drafts"] = [{"id": 2}]  # somebody looks at it again
    other = copy.deepcopy(studio.by_id[twin])  # a lost connection left two tasks of one face
    studio.by_id["a twin"] = {**other, "id": 77}
    studio.say(twin, by=1)
    studio.say("a twin", by=2, lead_time=6.0)
    studio.by_id[foreign]["data"]["key"] = "0" * 16  # none of ours
    found = status(data, studio.as_studio())
    assert (found.picks, found.decided, found.pushed) == (8, 0, 7)
    assert (found.labelled, found.partly, found.skipped, found.drafts, found.waiting) == (2, 2, 1, 1, 1)
    assert found.labelled + found.partly + found.skipped + found.drafts + found.waiting == found.pushed
    assert found.annotators == [
        {"annotator": "ann", "labelled": 3, "skipped": 0, "median_lead_time": 4.0},
        {"annotator": "bo", "labelled": 3, "skipped": 0, "median_lead_time": 8.0},
        {"annotator": "cy", "labelled": 0, "skipped": 1, "median_lead_time": None},
    ]
