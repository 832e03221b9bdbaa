"""Pulling from a Label Studio that really runs: every mask to the bit, nothing twice, nothing lost."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from occset.annotation.api.client import connect
from occset.annotation.api.studio import Studio
from occset.annotation.pull.merging import Options
from occset.annotation.pull.pull import pull
from occset.annotation.pull.raw_tasks import Raw
from occset.annotation.push.push import push
from occset.annotation.push.task_names import key_of, marker_of
from occset.checks.check import check
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.usable import usable_faces
from occset.pictures.masks import decode_rle, encode_rle, to_coco
from occset.rounds.ledger import Ledger, read_round
from occset.rounds.opening import open_chosen, open_random
from occset.rounds.verdicts import revoke
from occset.rounds.versions import history
from occset.support.errors import OccsetError
from tests.annotation.annotating import Oval, annotate_round, brush, call, choice, submit, tasks_of
from tests.annotation.conftest import RunningStudio


@pytest.fixture
def studio(label_studio: RunningStudio) -> Studio:
    return connect(label_studio.url, label_studio.token, label_studio.document_root)


@pytest.fixture
def copied(plain_set: OcclusionSet, tmp_path: Path) -> OcclusionSet:
    """A set that may be changed."""
    shutil.copytree(plain_set.path, tmp_path / "set")
    data = OcclusionSet(tmp_path / "set")
    # what a set was opened with names its project: each test has one of its own
    data.note(name=f"{tmp_path.name}")
    data.write("textures", data.textures.assign(category=tmp_path.name))
    return data


def pushed(data: OcclusionSet, studio: Studio, count: int = 4, **more: Any) -> tuple[Ledger, int]:
    ids = sorted(data.faces.loc[data.faces["split"] == "train", "id"])[:count]
    honeypots = more.pop("honeypots", 0.0)
    ledger = open_chosen(data, ids, honeypots=honeypots)
    project = push(data, studio, 1, Oval(), **more).project
    return ledger, project


def tasks_by_id(server: RunningStudio, project: int, ledger: Ledger) -> dict[str, Any]:
    keys = {key_of(marker_of(ledger), face): face for face in ledger.rows["id"]}
    return {keys[task["data"]["key"]]: task for task in tasks_of(server, project)}


def new_user(server: RunningStudio, name: str) -> int:
    """Number of a user made for this test."""
    mail = f"{name}-{os.urandom(3).hex()}@example.org"
    return call(server, "POST", "/api/users/", {"email": mail, "username": name, "password": "a-long-one"})["id"]


def blob(side: int = 256, x: int = 128, y: int = 140, radius: int = 60) -> np.ndarray:
    mask = np.zeros((side, side), np.uint8)
    cv2.circle(mask, (x, y), radius, 255, -1)
    return mask


def labelled_and_pulled(
    server: RunningStudio, studio: Studio, data: OcclusionSet
) -> tuple[str, int, dict[str, Any], dict[str, Any]]:
    """A face of a round of one, its project, its task, and its annotation: a disc of 60 pixels, which the set holds."""
    ledger, project = pushed(data, studio, 1)
    face = ledger.rows["id"][0]
    task = tasks_by_id(server, project, ledger)[face]
    annotation = submit(server, task["id"], [brush(blob(), "face", "a")])
    pull(data, studio)
    return face, project, task, annotation


def relabel(server: RunningStudio, annotation: dict[str, Any], mask: np.ndarray) -> None:
    """Edit an annotation so that it says another mask."""
    call(server, "PATCH", f"/api/annotations/{annotation['id']}/", {"result": [brush(mask, "face", "a")]})


def test_two_hundred_tasks_there_and_back_to_the_bit(
    label_studio: RunningStudio, studio: Studio, tmp_path: Path, make_set: Callable[..., OcclusionSet]
) -> None:
    data = make_set("many", faces=270, each=2, size=512)
    ledger = open_random(data, 180, honeypots=20 / 180)
    assert len(ledger.rows) == 200
    started = time.perf_counter()
    sent = push(data, studio, 1, Oval())
    took = time.perf_counter() - started
    print(f"200 tasks with pre-labels pushed in {took:.1f} s")
    assert sent.new == 200 and took < 10
    truths = {row["id"]: row["label_before"] for row in ledger.rows.to_dict("records")}
    drawn = annotate_round(
        label_studio, sent.project, ledger, lambda row: decode_rle(truths[row["id"]], row["height"], row["width"])
    )
    started = time.perf_counter()
    pulled = pull(data, studio, 1)
    print(f"200 labels pulled in {time.perf_counter() - started:.1f} s")
    assert (pulled.merged, pulled.refused, pulled.waiting, pulled.discussion) == (200, [], [], [])
    rows = read_round(data.path).rows.set_index("id")
    for name, mask in drawn.items():
        assert rows.loc[name, "label_after"] == encode_rle(mask), name
        if rows.loc[name, "arm"] != "honeypot":
            assert to_coco(data.load_face(name)[1]) == to_coco(mask)
    assert set(rows["decision"]) == {"corrected"} and (rows["lead_time"] == 12.5).all()
    assert rows["iou"].between(0.8, 1).all()
    (score,) = pulled.annotators
    assert score["count"] == 20 and 0.8 < score["iou"] < 1
    assert check(data, 1) == []
    before = data.content_hash()
    again = pull(data, studio, 1)
    assert (again.merged, again.changed, again.kept) == (0, 0, 0)
    assert OcclusionSet(data.path).content_hash() == before


def test_regions_of_one_label_are_united_and_an_occluder_wins(
    label_studio: RunningStudio, studio: Studio, copied: OcclusionSet
) -> None:
    ledger, project = pushed(copied, studio, 1)
    face = ledger.rows["id"][0]
    task = tasks_by_id(label_studio, project, ledger)[face]
    soft = blob(radius=50).copy()
    soft[:, 128:] = np.where(soft[:, 128:] > 0, 127, 0)  # not above 127
    hand = cv2.GaussianBlur(blob(x=150, y=170, radius=30), (9, 9), 2)
    start = task["predictions"][0]["result"][0]
    stroke = blob(x=60, y=60, radius=20)
    result = [start, brush(stroke, "face", "b"), brush(soft, "face", "c"), brush(hand, "occluder", "d")]
    submit(label_studio, task["id"], [*result, choice("category", "hand", "d")])
    pulled = pull(copied, studio)
    assert (pulled.merged, pulled.occluders, pulled.refused) == (1, 1, [])
    from occset.annotation.labels.codec import decode_brush

    model = decode_brush(start["value"]["rle"], 256, 256)
    expected = ((model > 127) | (stroke > 127) | (soft > 127)) & ~(hand > 127)
    assert (copied.load_face(face)[1] == expected * np.uint8(255)).all()
    (row,) = copied.occluders[copied.occluders["round"] == 1].to_dict("records")
    assert (row["category"], row["face"], row["annotator"], row["lead_time"]) == ("hand", face, "tester", 12.5)
    assert row["split"] == "train" and row["licence"] == copied.face_row(face)["licence"]
    alpha = copied.load_cutout(row["id"])[..., 3]
    assert (
        len(np.unique(alpha)) > 5
        and abs(int((alpha > 127).sum()) - int((hand > 127).sum())) < 0.25 * (hand > 127).sum()
    )
    assert check(copied, 1) == []


def test_an_occluder_that_nobody_named_is_taken_and_told_once(
    label_studio: RunningStudio, studio: Studio, copied: OcclusionSet
) -> None:
    ledger, project = pushed(copied, studio, 2)
    faces = list(ledger.rows["id"])
    tasks = tasks_by_id(label_studio, project, ledger)
    start = tasks[faces[0]]["predictions"][0]["result"][0]
    hand = blob(x=150, y=170, radius=30)
    submit(label_studio, tasks[faces[0]]["id"], [start, brush(hand, "occluder", "d")])
    turned = {**start, "origin": "prediction-changed", "value": {**start["value"], "brushlabels": ["occluder"]}}
    other = brush(blob(radius=50), "face", "b")
    submit(label_studio, tasks[faces[1]]["id"], [turned, other, choice("category", "mask", turned["id"])])
    pulled = pull(copied, studio)
    assert (pulled.merged, pulled.occluders) == (1, 1)
    ((face, doubt),) = pulled.doubts
    assert face == faces[0] and "region d: an occluder without category, taken as object: select it" in doubt
    assert copied.occluders.loc[copied.occluders["face"] == face, "category"].tolist() == ["object"]
    ((refused, why),) = pulled.refused
    assert refused == faces[1] and "became an occluder" in why and "select it, press 1" in why
    assert (pull(copied, studio).doubts, json.loads(json.dumps(pulled.to_dict()))["doubts"]) == ([], [[face, doubt]])


def test_a_correction_is_a_new_version_and_replaces_its_cutouts(
    label_studio: RunningStudio, studio: Studio, copied: OcclusionSet
) -> None:
    ledger, project = pushed(copied, studio, 2)
    face, other = ledger.rows["id"]
    task = tasks_by_id(label_studio, project, ledger)[face]
    first = [brush(blob(), "face", "a"), brush(blob(x=150, radius=25), "occluder", "b"), choice("category", "cup", "b")]
    annotation = submit(label_studio, task["id"], first)
    assert pull(copied, studio).occluders == 1
    source = history(copied, face)[0].label
    held = copied.face_row(face)["mask"]
    second = [
        brush(blob(radius=55), "face", "a"),
        brush(blob(x=100, radius=25), "occluder", "b"),
        choice("category", "hand", "b"),
    ]
    call(label_studio, "PATCH", f"/api/annotations/{annotation['id']}/", {"result": second, "lead_time": 20.0})
    pulled = pull(copied, studio)
    assert (pulled.kept, pulled.merged, pulled.changed, pulled.occluders) == (1, 1, 1, 1)
    assert [v.label for v in history(copied, face)] == [source, held, copied.face_row(face)["mask"]]
    mine = copied.occluders[copied.occluders["round"] == 1]
    assert list(mine["category"]) == ["hand"]
    # the raw JSON of both is kept
    names = sorted(path.name for path in Raw(copied.path, 1).folder.iterdir())
    assert names == [f"p{project}-t{task['id']}.00{n}.json.gz" for n in (1, 2)]
    # taken away again in Label Studio: the label stays, and is in the history
    call(label_studio, "DELETE", f"/api/annotations/{annotation['id']}/")
    assert pull(copied, studio).changed == 0
    assert copied.face_row(face)["mask"] == history(copied, face)[-1].label
    assert pull(copied, studio).waiting == [other]


def test_annotators_who_disagree_get_a_third_who_settles_it(
    label_studio: RunningStudio, studio: Studio, copied: OcclusionSet
) -> None:
    ledger, project = pushed(copied, studio, 2, annotators=2)
    face, easy = ledger.rows["id"]
    tasks = tasks_by_id(label_studio, project, ledger)
    people = [new_user(label_studio, name) for name in ("bo", "cy")]
    submit(label_studio, tasks[face]["id"], [brush(blob(), "face", "a")])
    submit(label_studio, tasks[easy]["id"], [brush(blob(), "face", "a")])
    first = pull(copied, studio)
    assert first.merged == 0 and len(first.waiting) == 2 and first.discussion == []
    submit(label_studio, tasks[easy]["id"], [brush(blob(radius=59), "face", "a")], completed_by=people[0])
    submit(label_studio, tasks[face]["id"], [brush(blob(radius=30), "face", "a")], completed_by=people[0])
    second = pull(copied, studio)
    assert (second.merged, second.requeued, second.waiting) == (1, [face], [face])
    assert "disagree" in second.discussion[0]["reason"] and f"task={tasks[face]['id']}" in second.discussion[0]["url"]
    assert json.loads((copied.path / "rounds/001/discussion.json").read_text()) == second.discussion
    asked = call(label_studio, "GET", f"/api/tasks/{tasks[face]['id']}/")
    assert (asked["overlap"], asked["is_labeled"]) == (3, False) and "disagree" in asked["data"]["note"]
    assert pull(copied, studio).requeued == []  # once
    submit(label_studio, tasks[face]["id"], [brush(blob(radius=58), "face", "a")], completed_by=people[1])
    third = pull(copied, studio)
    assert (third.merged, third.discussion, third.waiting) == (1, [], [])
    row = read_round(copied.path).rows.set_index("id").loc[face]
    assert len(row["annotators"]) == 3 and row["lead_time"] == 37.5 and 0.2 < row["agreement"] < 0.9
    found = copied.load_face(face)[1] > 0
    assert np.count_nonzero(found ^ (blob() > 0)) < 0.1 * np.count_nonzero(blob())


def test_flagged_and_skipped_ones_wait_until_the_round_is_finished(
    label_studio: RunningStudio, studio: Studio, copied: OcclusionSet
) -> None:
    ledger, project = pushed(copied, studio, 4)
    faces = list(ledger.rows["id"])
    tasks = tasks_by_id(label_studio, project, ledger)
    comment = {
        "type": "textarea",
        "from_name": "comment",
        "to_name": "image",
        "id": "c",
        "value": {"text": ["a <b>mirror</b>"]},
    }
    submit(
        label_studio,
        tasks[faces[0]]["id"],
        [brush(blob(), "face", "a"), choice("discuss", "needs discussion"), comment],
    )
    submit(label_studio, tasks[faces[1]]["id"], [choice("quality", "unusable")])
    submit(label_studio, tasks[faces[2]]["id"], [], was_cancelled=True)
    pulled = pull(copied, studio)
    assert (pulled.merged, pulled.excluded, pulled.refused) == (0, 3, [])
    assert set(pulled.waiting) == {faces[0], faces[2], faces[3]}, "an unusable face is done with"
    assert not set(usable_faces(copied, "train")) & set(faces[:3])
    reasons = {entry["id"]: entry["reason"] for entry in pulled.discussion}
    assert reasons == {
        faces[0]: "tester wants to discuss it: a <b>mirror</b>",
        faces[1]: "called unusable by tester",
        faces[2]: "skipped by tester",
    }
    done = pull(copied, studio, options=Options(finish=True))
    assert done.waiting == [] and check(copied, 1) == []
    decisions = read_round(copied.path).rows.set_index("id")["decision"].to_dict()
    assert decisions == {**dict.fromkeys(faces[:3], "excluded"), faces[3]: "missing"}
    # a label that comes late is still merged
    submit(label_studio, tasks[faces[3]]["id"], [brush(blob(), "face", "a")])
    assert pull(copied, studio).merged == 1
    assert revoke(copied, faces[1]).verdict == "unusable" and faces[1] in usable_faces(copied, "train")
    assert pull(copied, studio, options=Options(everything=True)).excluded == 0, "the curator's word is the later one"


def test_hostile_labels_are_refused_one_by_one_and_the_rest_is_merged(
    label_studio: RunningStudio, studio: Studio, copied: OcclusionSet
) -> None:
    ledger, project = pushed(copied, studio, 8)
    faces = list(ledger.rows["id"])
    tasks = tasks_by_id(label_studio, project, ledger)
    good = brush(blob(), "face", "a")
    short = {**good, "value": {**good["value"], "rle": good["value"]["rle"][:-40]}}
    huge = {**good, "original_width": 10**9, "original_height": 10**9}
    unknown = brush(blob(), "<script>alert(1)</script>", "a")
    named = {**good, "id": "<img src=x onerror=alert(1)>"}
    crowd = [
        {"id": str(n), "type": "rectanglelabels", "from_name": "x", "to_name": "image", "value": {}}
        for n in range(100_000)
    ]
    for face, result in zip(faces, ([short], [huge], [unknown], [named], crowd, [good], [good]), strict=False):
        submit(label_studio, tasks[face]["id"], result)
    moved = {**tasks[faces[6]]["data"], "image": "http://elsewhere.example/a.jpg"}
    call(label_studio, "PATCH", f"/api/tasks/{tasks[faces[6]]['id']}/", {"data": moved})
    stranger = call(
        label_studio,
        "POST",
        f"/api/projects/{project}/import?return_task_ids=true",
        [{"data": {"image": "x", "key": "f" * 16}}],
    )
    submit(label_studio, stranger["task_ids"][0], [good])
    started = time.perf_counter()
    pulled = pull(copied, studio)
    assert time.perf_counter() - started < 20
    rows = read_round(copied.path).rows.set_index("id")
    merged = set(rows.index[rows["label_after"].notna()])
    assert merged == {faces[3], faces[5]}
    refused = dict(pulled.refused)
    assert set(refused) == {
        faces[0],
        faces[1],
        faces[2],
        faces[4],
        f"task {tasks[faces[6]]['id']}",
        f"task {stranger['task_ids'][0]}",
    }
    assert all(f"task {tasks[face]['id']}" in refused[face] for face in faces[:3])
    assert pulled.waiting == sorted(set(faces) - merged, key=faces.index)
    # put right in Label Studio, it is merged by the next pull
    annotation = call(label_studio, "GET", f"/api/tasks/{tasks[faces[0]]['id']}/")["annotations"][0]
    call(label_studio, "PATCH", f"/api/annotations/{annotation['id']}/", {"result": [good]})
    assert pull(copied, studio).merged == 1


def test_two_tasks_of_one_sample_are_taken_together(
    label_studio: RunningStudio, studio: Studio, copied: OcclusionSet
) -> None:
    ledger, project = pushed(copied, studio, 1)
    face = ledger.rows["id"][0]
    task = tasks_by_id(label_studio, project, ledger)[face]
    twin = call(label_studio, "POST", f"/api/projects/{project}/import?return_task_ids=true", [{"data": task["data"]}])
    submit(label_studio, task["id"], [brush(blob(radius=40), "face", "a")])
    submit(label_studio, twin["task_ids"][0], [brush(blob(radius=50), "face", "a")])
    pulled = pull(copied, studio)
    assert pulled.merged == 1 and pulled.refused == []
    assert copied.face_row(face)["mask"] == encode_rle(blob(radius=50))  # the annotator's later word


def test_a_set_without_a_project_says_what_to_do(studio: RunningStudio, copied: OcclusionSet) -> None:
    open_random(copied, 2)
    with pytest.raises(OccsetError, match=r"has no project of round 1 .* occset annotate push"):
        pull(copied, studio)


def test_an_edit_arrives_though_the_kept_json_was_lost_or_broken(
    label_studio: RunningStudio, studio: Studio, copied: OcclusionSet
) -> None:
    face, project, task, annotation = labelled_and_pulled(label_studio, studio, copied)
    shutil.rmtree(Raw(copied.path, 1).folder)
    relabel(label_studio, annotation, blob(radius=50))
    assert pull(copied, studio).merged == 1
    assert copied.face_row(face)["mask"] == encode_rle(blob(radius=50))
    relabel(label_studio, annotation, blob(radius=40))
    pull(copied, studio)
    (newest,) = [p for p in Raw(copied.path, 1).folder.iterdir() if ".002." in p.name]
    newest.write_bytes(b"cut off")
    assert "remove it and pull again" in dict(pull(copied, studio).refused)[f"task {task['id']}"]
    newest.unlink()
    assert pull(copied, studio).refused == []
    assert copied.face_row(face)["mask"] == encode_rle(blob(radius=40))
    assert Raw(copied.path, 1).load(project, task["id"])["annotations"][0]["id"] == annotation["id"]


def test_a_later_label_from_a_folder_stays_until_newer_words_come(
    label_studio: RunningStudio, studio: Studio, copied: OcclusionSet, tmp_path: Path
) -> None:
    from occset.pictures.masks import write_mask
    from occset.rounds.closing import close_round

    face, _, task, annotation = labelled_and_pulled(label_studio, studio, copied)
    write_mask(tmp_path / "labels" / f"{face}.png", blob(radius=30))
    soon = time.time() + 5
    os.utime(tmp_path / "labels" / f"{face}.png", (soon, soon))
    close_round(copied, tmp_path / "labels")
    call(label_studio, "PATCH", f"/api/tasks/{task['id']}/", {"meta": {"seen": True}, "overlap": 2})
    call(label_studio, "PATCH", f"/api/tasks/{task['id']}/", {"overlap": 1})
    assert pull(copied, studio, options=Options(finish=True)).changed == 0
    assert copied.face_row(face)["mask"] == encode_rle(blob(radius=30))
    time.sleep(max(0.0, soon + 1 - time.time()))
    relabel(label_studio, annotation, blob(radius=45))
    assert pull(copied, studio).changed == 1
    assert copied.face_row(face)["mask"] == encode_rle(blob(radius=45))


def test_a_task_that_was_deleted_has_nothing_more_to_say(
    label_studio: RunningStudio, studio: Studio, copied: OcclusionSet
) -> None:
    ledger, project = pushed(copied, studio, 2, annotators=2)
    bad, odd = ledger.rows["id"]
    tasks = tasks_by_id(label_studio, project, ledger)
    submit(label_studio, tasks[bad]["id"], [brush(blob(), "nonsense", "a")])
    submit(label_studio, tasks[odd]["id"], [brush(blob(), "face", "a"), choice("discuss", "needs discussion")])
    first = pull(copied, studio)
    assert [name for name, _ in first.refused] == [bad] and [entry["id"] for entry in first.discussion] == [odd]
    studio.delete_tasks(project, [tasks[bad]["id"], tasks[odd]["id"]])
    assert push(copied, studio, 1, Oval()).new == 2
    again = tasks_by_id(label_studio, project, ledger)
    other = new_user(label_studio, "dee")
    for face in (bad, odd):
        submit(label_studio, again[face]["id"], [brush(blob(), "face", "a")])
    submit(label_studio, again[bad]["id"], [brush(blob(), "face", "a")], completed_by=other)
    submit(label_studio, again[odd]["id"], [brush(blob(radius=20), "face", "a")], completed_by=other)
    second = pull(copied, studio)
    assert (second.merged, second.refused, second.requeued) == (1, [], [odd])


def test_a_clock_that_was_set_back_hides_no_label(
    label_studio: RunningStudio, studio: Studio, copied: OcclusionSet
) -> None:
    import sqlite3

    ledger, project = pushed(copied, studio, 2)
    early, late = ledger.rows["id"]
    tasks = tasks_by_id(label_studio, project, ledger)
    submit(label_studio, tasks[early]["id"], [brush(blob(), "face", "a")])
    with sqlite3.connect(label_studio.data_dir / "label_studio.sqlite3", timeout=30) as database:
        database.execute("UPDATE task SET updated_at = '2099-01-01 00:00:00' WHERE id = ?", [tasks[early]["id"]])
    database.close()
    assert pull(copied, studio).merged == 1
    submit(label_studio, tasks[late]["id"], [brush(blob(), "face", "a")])
    assert pull(copied, studio, options=Options(finish=True)).merged == 1


def test_what_may_not_be_relabelled_any_more_lets_the_round_end(
    label_studio: RunningStudio, studio: Studio, copied: OcclusionSet
) -> None:
    from occset.dataset.recipes import Recipe, recipes_to_bytes

    ledger, project = pushed(copied, studio, 1)
    face = ledger.rows["id"][0]
    (copied.path / "recipes").mkdir(exist_ok=True)
    (copied.path / "recipes" / "mine.parquet").write_bytes(recipes_to_bytes([Recipe(face, (), 64, "bare", 0, 0, 0)]))
    submit(label_studio, tasks_by_id(label_studio, project, ledger)[face]["id"], [brush(blob(), "face", "a")])
    assert "delete the annotation" in dict(pull(copied, studio).refused)[face]
    done = pull(copied, studio, options=Options(finish=True))
    assert done.waiting == [] and list(read_round(copied.path).rows["decision"]) == ["missing"]
