"""From what annotators said to the set, without a server: verdicts, comments, figures, and hostile tasks."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pytest

from occset.annotation.labels import task_reader
from occset.annotation.labels.codec import encode_bitmask
from occset.annotation.labels.regions import Region
from occset.annotation.pull import drawn_occluders
from occset.annotation.pull.merging import Options, Pulled
from occset.annotation.pull.pull import pull
from occset.annotation.push.sent_prelabels import Sent, add_sent
from occset.checks.check import check
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.usable import usable_faces
from occset.mining.signals import iou
from occset.pictures.masks import decode_rle, encode_rle
from occset.rounds.ledger import Ledger, read_round
from occset.rounds.opening import open_chosen
from occset.rounds.report import report
from occset.rounds.verdicts import revoke
from occset.rounds.versions import history
from tests.annotation.fake_studio import FakeStudio, chosen, painted, written
from tests.fixture_types import MakeSet


def disc(x: int = 128, radius: int = 60) -> np.ndarray:
    mask = np.zeros((256, 256), np.uint8)
    cv2.circle(mask, (x, 140), radius, 255, -1)
    return mask


class World:
    """A set with an open round of six faces, and its server."""

    def __init__(self, data: OcclusionSet, honeypots: float = 0.0, overlap: int = 1) -> None:
        self.data = data
        self.faces = usable_faces(data, "train")[:6]
        self.ledger: Ledger = open_chosen(data, self.faces, honeypots=honeypots)
        self.studio = FakeStudio(self.ledger, overlap)

    def pull(self, **options: Any) -> Pulled:
        return pull(self.data, self.studio.as_studio(), None, Options(**options))

    def row(self, name: str) -> dict[str, Any]:
        rows = read_round(self.data.path).rows
        return dict(rows.astype(object).where(rows.notna(), None).set_index("id").loc[name].to_dict())

    def honeypots(self) -> list[dict[str, Any]]:
        rows = self.ledger.rows
        return list(rows[rows["arm"] == "honeypot"].to_dict("records"))  # type: ignore[arg-type]


@pytest.fixture
def world(make_set: MakeSet) -> World:
    return World(make_set(faces=30))


def test_verdicts_arrive_take_faces_out_and_do_not_wait_for_ever(world: World) -> None:
    bad, odd, passed, mixed, good, left = world.faces
    world.studio.say(bad, chosen("quality", "unusable"), written("two faces"))
    world.studio.say(odd, painted(disc()), chosen("discuss", "needs discussion"), written("a mirror?"))
    world.studio.say(passed, was_cancelled=True)
    world.studio.say(mixed, chosen("quality", "unusable"))
    world.studio.say(mixed, painted(disc()), by=2)
    world.studio.say(good, painted(disc()), chosen("quality", "unsure"), written("blurred edge"))
    pulled = world.pull()
    assert (pulled.merged, pulled.excluded, pulled.refused) == (1, 4, [])
    assert set(pulled.waiting) == {odd, passed, mixed, left}
    assert {entry["id"]: entry["reason"] for entry in pulled.discussion} == {
        bad: "called unusable by ann: two faces",
        odd: "ann wants to discuss it: a mirror?",
        passed: "skipped by ann",
        mixed: "called unusable by ann",
    }
    verdicts = {face: world.row(face)["verdict"] for face in world.faces}
    assert verdicts == {bad: "unusable", odd: "discuss", passed: "skipped", mixed: "discuss", good: None, left: None}
    assert set(usable_faces(world.data, "train")) & set(world.faces) == {good, left}
    row = world.row(bad)
    assert (row["decision"], row["comment"], row["quality"], row["annotators"].tolist(), row["labelled"]) == (
        "excluded", "ann: two faces", "unusable", ["ann"], "2030-01-01T00:00:07.000000Z",
    )  # fmt: skip
    # an ordinary label brings its words too
    assert (world.row(good)["comment"], world.row(good)["quality"]) == ("ann: blurred edge", "unsure")
    assert history(world.data, good)[-1].comment == "ann: blurred edge"
    told = {row["id"]: row for row in report(world.data).samples}
    assert (told[bad]["verdict"], told[bad]["comment"]) == ("unusable", "ann: two faces")
    assert (told[good]["quality"], told[good]["comment"]) == ("unsure", "ann: blurred edge")
    again = world.pull()
    assert (again.merged, again.excluded, len(again.discussion)) == (0, 0, 4)
    done = world.pull(finish=True)
    assert done.waiting == [] and check(world.data, 1) == []
    assert {face: world.row(face)["decision"] for face in (odd, passed, left)} == {
        odd: "excluded", passed: "excluded", left: "missing",
    }  # fmt: skip


def test_a_verdict_that_was_revoked_stays_so_until_somebody_says_something_new(world: World) -> None:
    face = world.faces[0]
    annotation = world.studio.say(face, chosen("quality", "unusable"), updated_at="2020-01-01T00:00:00.000000Z")
    assert world.pull().excluded == 1
    revoke(world.data, face)
    for options in ({}, {"everything": True}):
        pulled = world.pull(**options)
        assert (pulled.excluded, pulled.discussion) == (0, []) and face in usable_faces(world.data, "train")
    annotation |= {"updated_at": "2040-01-01T00:00:00.000000Z"}  # submitted once more
    world.studio.by_id[face]["updated_at"] = "2040-01-01T00:00:00.000000Z"
    assert world.pull().excluded == 1 and face not in usable_faces(world.data, "train")
    annotation |= {"updated_at": "2041-01-01T00:00:00.000000Z", "result": [painted(disc())]}
    world.studio.by_id[face]["updated_at"] = "2041-01-01T00:00:00.000000Z"
    assert world.pull().merged == 1 and face in usable_faces(world.data, "train")
    assert [v.verdict for v in history(world.data, face)] == [None, "unusable", "revoked", "unusable", None]


def test_the_readers_own_failure_refuses_that_task_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two, three, four, *_ = world.faces
    for face in (one, two, three, four):
        world.studio.say(face, painted(disc(), "face", f"region-{face}"))
    world.studio.say(four, painted(disc(100, 30), "occluder", "o"), painted(disc()), chosen("category", "cup", "o"))
    nested: Any = []
    for _ in range(100_000):
        nested = [nested]
    world.studio.by_id[two]["annotations"][0]["result"] = nested
    decode, cut = task_reader.decode_region, drawn_occluders.cut_outs

    def fails(region: Region, *rest: Any) -> np.ndarray:
        if region.id == f"region-{one}":
            raise MemoryError("a reader's own failure")
        return decode(region, *rest)

    monkeypatch.setattr(task_reader, "decode_region", fails)
    monkeypatch.setattr(drawn_occluders, "cut_outs", lambda *_: cut(None, None, None, None, None))  # type: ignore[arg-type]
    pulled = world.pull()
    why = dict(pulled.refused)
    number = world.studio.by_id[one]["annotations"][0]["id"]
    assert f"annotation {number}: cannot be read (MemoryError): label it again" in why[one]
    assert "nested too deeply" in why[f"task {world.studio.by_id[two]['id']}"]
    assert "its label was merged, but an occluder was not: cannot be cut out (AttributeError)" in why[four]
    assert pulled.merged == 2 and pulled.halves == [four] and len(pulled.refused) == 3
    monkeypatch.undo()
    assert world.pull().occluders == 1  # the next pull takes what failed


def two_headers(url: str) -> str:
    """A bitmask with a second header, of half the size, behind the first; what is checked in one is decoded by the other."""
    data = base64.b64decode(url.partition(",")[2])
    content = b"IHDR" + struct.pack(">II", 128, 128) + data[24:29]
    second = struct.pack(">I", 13) + content + struct.pack(">I", zlib.crc32(content))
    return "data:image/png;base64," + base64.b64encode(data[:33] + second + data[33:]).decode()


def test_a_bitmask_of_two_headers_stops_nobodys_pull(world: World) -> None:
    one, two, *_ = world.faces
    region = painted(disc()) | {"type": "bitmasklabels", "from_name": "bitmask"}
    for face, url in ((one, two_headers(encode_bitmask(disc()))), (two, encode_bitmask(disc()))):
        world.studio.say(face, region | {"value": {"imageDataURL": url, "bitmasklabels": ["face"]}})
    pulled = world.pull()
    ((name, why),) = pulled.refused
    assert name == one and "has two headers" in why
    assert pulled.merged == 1 and np.array_equal(world.data.load_face(two)[1], disc())


def test_half_a_label_says_which_half_was_taken(world: World) -> None:
    face = world.faces[0]
    small = np.zeros((256, 256), np.uint8)
    small[100:120, 100:180] = 255
    world.studio.say(face, painted(disc()), painted(small, "occluder", "o"), chosen("category", "food", "o"))
    pulled = world.pull()
    ((name, why),) = pulled.refused
    assert name == face and pulled.halves == [face] and pulled.merged == 1
    assert "its label was merged, but an occluder was not" in why and "below 32 pixels, the least of a cut-out" in why
    assert np.array_equal(world.data.load_face(face)[1], np.where(small > 0, 0, disc()))


def test_a_honeypot_scores_the_annotator_and_not_the_model(make_set: MakeSet) -> None:
    world = World(make_set(faces=40), honeypots=1.0)
    pots = world.honeypots()
    assert len(pots) == 6
    truths = [decode_rle(row["label_before"], row["height"], row["width"]) for row in pots]
    given = disc(110, 70)
    # the pre-labels of the last two are not known, as in a round that an older version pushed
    known = {row["id"]: Sent(given, "ns-1") for row in pots[:4]} | {world.faces[0]: Sent(disc(120), "ns-1")}
    add_sent(world.data.path, 1, known)
    names = [row["id"] for row in pots]
    world.studio.say(names[0], painted(truths[0]))
    world.studio.say(names[1], painted(given, origin="prediction"))  # submitted as it came
    world.studio.say(names[2], painted(truths[2]), chosen("discuss", "needs discussion"))
    world.studio.say(names[3], painted(disc(30, 20)), chosen("quality", "unusable"))
    world.studio.say(names[4], painted(truths[4], origin="prediction"))  # whose work is this?
    world.studio.say(names[5], painted(truths[5], origin="prediction-changed"), by=2)
    world.studio.say(world.faces[0], painted(disc(120), origin="prediction"), chosen("quality", "unsure"))
    world.studio.say(world.faces[1], painted(disc()), written("hm"))
    ann, bo = world.pull().annotators
    left = iou(given, truths[1])
    assert (ann["annotator"], ann["labels"], ann["count"]) == ("ann", 2, 2)
    assert ann["iou"] == pytest.approx((1 + left) / 2) and ann["lowest_iou"] == pytest.approx(left)
    assert ann["given_iou"] == pytest.approx((iou(given, truths[0]) + left) / 2)
    assert (ann["untouched"], ann["unsure"], ann["comments"]) == (3, 1, 1)
    held = [(truths[0], given), (given, given), (truths[2], given), (disc(30, 20), given), (disc(120), disc(120))]
    assert ann["prelabel_iou"] == pytest.approx(np.mean([iou(*pair) for pair in held]))
    assert (bo["annotator"], bo["labels"], bo["count"], bo["iou"], bo["untouched"], bo["prelabel_iou"]) == (
        "bo", 0, 1, 1.0, 0, None,
    )  # fmt: skip
    rows = {row["annotator"]: row for row in report(world.data).annotators}
    assert rows["ann"]["honeypots"] == 2 and rows["ann"]["honeypot IoU"] == pytest.approx(ann["iou"])
    assert (rows["ann"]["untouched"], rows["ann"]["unsure"], rows["ann"]["comments"]) == (3, 1, 1)
    assert not any(name in set(world.data.faces["id"]) for name in names)
    assert json.loads((world.data.path / "rounds/001/annotators.json").read_text()) == [ann, bo]


def test_figures_of_an_older_pull_are_still_read(world: World) -> None:
    world.studio.say(world.faces[0], painted(disc()))
    world.pull()
    old = [
        {"annotator": "ann", "count": 3, "iou": 0.9, "distance": 1.0, "precision": 1, "recall": 0.9, "lowest_iou": 0.8}
    ]
    (world.data.path / "rounds/001/annotators.json").write_text(json.dumps(old))
    (row,) = report(world.data).annotators
    assert (row["honeypots"], row["honeypot IoU"], row["lowest"], row["untouched"]) == (3, 0.9, 0.8, None)


def test_two_who_disagree_are_no_verdict(make_set: MakeSet) -> None:
    world = World(make_set(faces=30), overlap=2)
    face, other, *_ = world.faces
    world.studio.say(face, painted(disc(100)))
    world.studio.say(face, painted(disc(160)), by=2)
    world.studio.say(other, painted(disc()), origin="manual")
    pulled = world.pull()
    assert pulled.requeued == [face] and pulled.excluded == 0 and len(pulled.waiting) == 6
    assert face in usable_faces(world.data, "train") and world.row(face)["verdict"] is None
    assert encode_rle(world.data.load_face(face)[1]) == world.row(face)["label_before"]
