from __future__ import annotations

import html
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from occset.annotation.api import client
from occset.annotation.api.client import LostConnection, connect
from occset.annotation.api.studio import Studio
from occset.annotation.labels.codec import decode_brush
from occset.annotation.pull.status import status
from occset.annotation.push.project import FOLDER, figures, instruction
from occset.annotation.push.push import push
from occset.annotation.push.sent_prelabels import read_sent
from occset.annotation.push.task_names import key_of, marker_of, picture_of, title_of
from occset.annotation.push.task_pictures import Shelf, copy_of
from occset.dataset.occlusion_set import OcclusionSet
from occset.mining.signals import iou
from occset.pictures.images import write_png
from occset.pictures.masks import decode_rle, encode_rle
from occset.rounds.honeypots import MOST_RIGHT, honeypot_path
from occset.rounds.ledger import LEDGER, Ledger, Setup, read_round, write_round
from occset.support.errors import BadInput, OccsetError
from tests.annotation.conftest import RunningStudio
from tests.annotation.lossy_proxy import LossyProxy
from tests.conftest import fill

_numbers = itertools.count(1)
NewRound = Callable[..., int]


class Halves:
    """A model that is sure of the left half, half sure of the rest."""

    name, weights_hash, size = "halves", "0123456789abcdef", 64

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        chances = np.full(images.shape[:3], 0.25, np.float32)
        chances[:, :, :32] = 1
        return chances


class Nothing(Halves):
    name = "nothing"

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        return np.zeros(images.shape[:3], np.float32)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> OcclusionSet:
    return fill(OcclusionSet.create(tmp_path_factory.mktemp("push") / "faces"), faces=200, each=1, size=512)


@pytest.fixture
def new_round(data: OcclusionSet) -> NewRound:
    """A function that writes the ledger of a round of the first faces of the set."""

    def make(faces: int = 30, honeypots: int = 0) -> int:
        number = next(_numbers)
        rows = [
            {"id": row["id"], "arm": "chosen", "rank": i, "label_before": row["mask"], "width": 512, "height": 512}
            for i, row in enumerate(data.faces.head(faces).to_dict("records"), 1)
        ]
        truth = np.zeros((200, 200), np.uint8)
        truth[20:180, 20:180] = 255
        truth[90:180, 90:110] = 0
        for i in range(honeypots):
            write_png(honeypot_path(data.path, number, f"h{i:015x}"), np.full((200, 200, 3), 90 + i, np.uint8))
            rows.append({"id": f"h{i:015x}", "arm": "honeypot", "rank": i + 1, "label_before": encode_rle(truth)})
            rows[-1] |= {"width": 200, "height": 200}
        frame = pd.DataFrame([{**dict.fromkeys(LEDGER.names), "source_id": "s", **row} for row in rows])
        setup = Setup(number, "", "", "", 0, 0, 0, faces, data.content_hash(), chosen=faces, honeypots=honeypots)
        write_round(data.path, Ledger(setup, frame[LEDGER.names]))
        return number

    return make


@pytest.fixture
def studio(label_studio: RunningStudio) -> Studio:
    return connect(label_studio.url, label_studio.token, label_studio.document_root)


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_FIRST_PAUSE", 0.01)


def keys_there(data: OcclusionSet, studio: Studio, number: int) -> Counter[str]:
    """How many tasks each key has, in the one project of the round."""
    (project,) = studio.find_projects(marker_of(read_round(data.path, number)))
    return Counter(task["data"]["key"] for task in studio.tasks(project["id"], results=False))


def each_once(data: OcclusionSet, number: int) -> Counter[str]:
    ledger = read_round(data.path, number)
    return Counter(key_of(marker_of(ledger), name) for name in ledger.rows["id"])


def fetch(url: str, token: str | None) -> bytes:
    request = urllib.request.Request(url, headers={"Authorization": f"Token {token}"} if token else {})
    with urllib.request.urlopen(request, timeout=20) as response:
        return bytes(response.read())


def test_200_tasks_with_prelabels_take_less_than_10_seconds(
    data: OcclusionSet, studio: Studio, new_round: NewRound, label_studio: RunningStudio
) -> None:
    number, steps = new_round(200), []
    begin = time.perf_counter()
    pushed = push(data, studio, number, Halves(), progress=lambda done, total: steps.append((done, total)))
    took = time.perf_counter() - begin
    print(f"pushed 200 tasks with pre-labels in {took:.2f} s")
    assert took < 10 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))  # beside other work it takes as much longer
    assert (pushed.new, pushed.already, pushed.removed, pushed.skipped, pushed.missing) == (200, 0, 0, [], [])
    assert steps == sorted(steps) and steps[0] == (0, 200) and steps[-1] == (200, 200)
    assert keys_there(data, studio, number) == each_once(data, number)

    assert pushed.project is not None
    tasks = list(studio.tasks(pushed.project))
    by_id = sorted(tasks, key=lambda task: task["id"])
    keys = [task["data"]["key"] for task in by_id]
    assert keys == sorted(keys) and keys != [key_of(marker_of(read_round(data.path, number)), name)
                                             for name in data.faces["id"]]  # fmt: skip
    drawn = decode_brush(tasks[0]["predictions"][0]["result"][0]["value"]["rle"], 512, 512)
    assert set(np.unique(drawn)) == {0, 255} and drawn[:, :250].all() and not drawn[:, 262:].any()
    assert tasks[0]["predictions"][0]["model_version"] == "halves-0123456789ab"
    assert tasks[0]["predictions"][0]["score"] == pytest.approx(0.75)

    key_to_row = {key_of(marker_of(read_round(data.path, number)), row["id"]): row for row in
                  read_round(data.path, number).rows.to_dict("records")}  # fmt: skip
    jpeg, _ = copy_of(picture_of(data, number, key_to_row[tasks[0]["data"]["key"]]))
    address = studio.url + tasks[0]["data"]["image"]
    assert fetch(address, label_studio.token) == jpeg
    with pytest.raises(urllib.error.HTTPError):
        fetch(address, None)

    again = push(data, studio, number, Halves())
    assert (again.new, again.already, again.project) == (0, 200, pushed.project)
    assert keys_there(data, studio, number) == each_once(data, number)


def test_another_server_gets_the_pictures_uploaded_once(
    data: OcclusionSet, label_studio: RunningStudio, new_round: NewRound
) -> None:
    remote, number = connect(label_studio.url, label_studio.token), new_round(3)
    pushed = push(data, remote, number, kind="none")
    assert pushed.project is not None and not remote.local
    tasks = list(remote.tasks(pushed.project))
    rows = {key_of(marker_of(read_round(data.path, number)), row["id"]): row for row in
            read_round(data.path, number).rows.to_dict("records")}  # fmt: skip
    for task in tasks:
        assert task["data"]["image"].startswith(f"/data/upload/{pushed.project}/")
        jpeg, _ = copy_of(picture_of(data, number, rows[task["data"]["key"]]))
        assert fetch(remote.url + task["data"]["image"], label_studio.token) == jpeg
        shelf = Shelf(remote, pushed.project, "any")
        assert shelf.place(task["data"]["key"], jpeg) == task["data"]["image"]
    assert len(tasks) == 3 and len(remote.uploads(pushed.project)) == 3 + len(figures())


def test_a_dry_run_sends_nothing(
    data: OcclusionSet, studio: Studio, new_round: NewRound, label_studio: RunningStudio
) -> None:
    number, before = new_round(5), [project["id"] for project in studio.projects()]
    files = sorted(label_studio.document_root.rglob("*"))
    found = push(data, studio, number, Halves(), dry_run=True)
    assert (found.new, found.already, found.project, found.url) == (5, 0, None, "")
    assert [project["id"] for project in studio.projects()] == before
    assert sorted(label_studio.document_root.rglob("*")) == files
    push(data, studio, number, kind="none")
    assert push(data, studio, number, dry_run=True).already == 5


def test_what_is_drawn_already(data: OcclusionSet, studio: Studio, new_round: NewRound) -> None:
    number = new_round(2, honeypots=2)
    ledger = read_round(data.path, number)
    pushed = push(data, studio, number, kind="label")
    keys = {key_of(marker_of(ledger), row["id"]): row for row in ledger.rows.to_dict("records")}
    assert pushed.project is not None
    for task in studio.tasks(pushed.project):
        row = keys[task["data"]["key"]]
        side = row["width"]
        drawn = decode_brush(task["predictions"][0]["result"][0]["value"]["rle"], side, side)
        label = decode_rle(row["label_before"], side, side)
        if row["arm"] == "honeypot":  # the truth would be a present
            assert 0.3 < iou(drawn, label) <= MOST_RIGHT
            assert np.array_equal(read_sent(data.path, number)[row["id"]].mask, drawn)
        else:
            assert np.array_equal(drawn, label)
        assert set(task["data"]) == {"image", "key", "note", "place"} and row["id"] not in str(task)
    shown = [task["data"]["place"] for task in sorted(studio.tasks(pushed.project), key=lambda task: task["id"])]
    assert shown == [f"Face {n} of {len(keys)}" for n in range(1, len(keys) + 1)], "in the order of the label stream"
    empty = push(data, studio, new_round(2), Nothing())
    assert empty.project is not None
    assert [task["predictions"] for task in studio.tasks(empty.project)] == [[], []]


def test_a_face_that_cannot_be_read_is_named_and_the_rest_is_sent(
    data: OcclusionSet, studio: Studio, new_round: NewRound, tmp_path: Path
) -> None:
    number = new_round(4)
    shutil.copytree(data.path, tmp_path / "copy")
    copy = OcclusionSet(tmp_path / "copy")
    broken, gone, lost = list(read_round(copy.path, number).rows["id"][:3])
    (copy.path / copy.face_row(broken)["image"]).write_bytes(b"no picture")
    (copy.path / copy.face_row(gone)["image"]).unlink()
    copy.write("faces", copy.faces[copy.faces["id"] != lost])
    pushed = push(copy, studio, number, kind="none")
    assert [name for name, _ in sorted(pushed.skipped)] == sorted([broken, gone, lost])
    assert (pushed.new, pushed.missing) == (1, [])
    assert push(data, studio, number, kind="none").new == 3


def test_every_third_request_is_lost(
    data: OcclusionSet, studio: Studio, new_round: NewRound, label_studio: RunningStudio, no_pauses: None
) -> None:
    number, failures = new_round(200), 0
    with LossyProxy(label_studio.url) as proxy:
        for _ in range(4):
            try:
                lossy = connect(proxy.url, label_studio.token, label_studio.document_root)
                pushed = push(data, lossy, number, kind="none")
                break
            except LostConnection as error:
                failures += 1
                assert "run the same command again" in str(error)
        else:
            raise AssertionError("four pushes were not enough")
    print(f"{failures} pushes failed, lost {dict(proxy.lost)} of {proxy.seen} requests")
    assert min(proxy.lost.values()) >= 1 and len(proxy.lost) == 3
    assert pushed.missing == []
    assert keys_there(data, studio, number) == each_once(data, number)


@pytest.mark.parametrize("what", ["POST /api/projects/$", r"POST /api/projects/\d+/import"])
@pytest.mark.parametrize("kind", ["before", "after", "middle"])
def test_the_answer_to_what_must_not_be_repeated_is_lost(
    data: OcclusionSet,
    studio: Studio,
    new_round: NewRound,
    label_studio: RunningStudio,
    no_pauses: None,
    kind: str,
    what: str,
) -> None:
    number = new_round(60)
    with LossyProxy(label_studio.url, only=what, kinds=(kind,)) as proxy:
        lossy = connect(proxy.url, label_studio.token, label_studio.document_root)
        proxy.every, proxy.seen = 2, 1  # the first one, and then every second
        try:
            pushed = push(data, lossy, number, kind="none")
        except LostConnection as error:
            assert kind == "before" and "run the same command again" in str(error)
            push(data, lossy, number, kind="none")
        else:
            assert pushed.removed == 0  # it looked before it sent again
    assert proxy.lost[kind] >= 1
    assert keys_there(data, studio, number) == each_once(data, number)


@pytest.mark.parametrize("kind", ["before", "after", "middle"])
def test_the_answer_to_an_upload_is_lost(
    data: OcclusionSet, studio: Studio, new_round: NewRound, label_studio: RunningStudio, no_pauses: None, kind: str
) -> None:
    number = new_round(3)
    with LossyProxy(label_studio.url, every=2, only="commit_to_project=false", kinds=(kind,)) as proxy:
        pushed = push(data, connect(proxy.url, label_studio.token), number, kind="none")
    assert proxy.lost[kind] >= 1 and pushed.project is not None
    assert uploaded(studio, pushed.project) == 3 + len(figures())
    assert keys_there(data, studio, number) == each_once(data, number)


def uploaded(studio: Studio, project: int) -> int:
    """How many files were uploaded, also those that were uploaded twice."""
    return len(studio._line.ask("GET", f"/api/projects/{project}/file-uploads", True, params={"all": "true"}))


def instruction_of(data: OcclusionSet, studio: Studio, number: int) -> str:
    (project,) = studio.find_projects(marker_of(read_round(data.path, number)))
    assert project["show_instruction"]
    return str(project["expert_instruction"])


def shown_pictures(data: OcclusionSet, studio: Studio, number: int) -> list[str]:
    """The addresses of the guidelines' pictures, as a browser reads them."""
    sources = re.findall(r'<img src="(.*?)"', instruction_of(data, studio, number))
    return [html.unescape(source) for source in sources]


@pytest.mark.parametrize("local", [True, False])
def test_the_guidelines_show_their_pictures(
    data: OcclusionSet, label_studio: RunningStudio, new_round: NewRound, local: bool
) -> None:
    number, root = new_round(2), label_studio.document_root if local else None
    # what is lost is never reached: the proxy counts
    with LossyProxy(label_studio.url, every=1000, only="PATCH|commit_to_project|storages|file-uploads") as proxy:
        through = connect(proxy.url, label_studio.token, root)
        pushed = push(data, through, number, kind="none")
        assert pushed.project is not None
        addresses, text, asked = (
            shown_pictures(data, through, number),
            instruction_of(data, through, number),
            proxy.seen,
        )
        push(data, through, number, kind="none")
        assert proxy.seen == asked, "the second push has nothing to place"
    assert instruction_of(data, through, number) == text
    written = re.findall(r"figures/(.+?\.jpg)", (FOLDER / "guidelines.md").read_text())
    assert len(addresses) == len(written) == len(figures())
    for name, address in zip(written, addresses, strict=True):
        assert fetch(label_studio.url + address, label_studio.token) == figures()[name].read_bytes()
        with pytest.raises(urllib.error.HTTPError):
            fetch(label_studio.url + address, None)
    assert uploaded(through, pushed.project) == (0 if local else 2 + len(figures()))
    assert len(list(through.tasks(pushed.project))) == 2


@pytest.mark.parametrize(
    ("cut", "every", "seen"),
    [(r"PATCH /api/projects/\d+/$", 1, 0), ("commit_to_project=false", 1000, 996)],  # all; of the uploads the fourth
)
def test_a_push_cut_off_before_the_guidelines_had_their_pictures_is_repaired(
    data: OcclusionSet,
    label_studio: RunningStudio,
    new_round: NewRound,
    no_pauses: None,
    cut: str,
    every: int,
    seen: int,
) -> None:
    number, remote = new_round(2), connect(label_studio.url, label_studio.token)
    with LossyProxy(label_studio.url, only=cut, kinds=("after",)) as proxy:
        lossy = connect(proxy.url, label_studio.token)
        proxy.every, proxy.seen = every, seen
        if every == 1:
            proxy.kinds = ("before",)
            with pytest.raises(LostConnection, match="run the same command again"):
                push(data, lossy, number, kind="none")
            assert shown_pictures(data, remote, number) == []
        else:
            assert push(data, lossy, number, kind="none").new == 2
    assert proxy.lost
    pushed = push(data, remote, number, kind="none")
    assert pushed.project is not None and len(set(shown_pictures(data, remote, number))) == len(figures())
    assert uploaded(remote, pushed.project) == 2 + len(figures())
    assert keys_there(data, remote, number) == each_once(data, number)


def test_without_a_place_for_a_picture_the_guidelines_are_text(
    data: OcclusionSet, studio: Studio, new_round: NewRound, label_studio: RunningStudio
) -> None:
    number = new_round(2)
    marker = marker_of(read_round(data.path, number))
    in_the_way = label_studio.document_root / marker.replace(":", "-") / "hand.jpg"
    in_the_way.mkdir(parents=True)
    assert push(data, studio, number, kind="none").new == 2
    assert instruction_of(data, studio, number) == instruction()
    in_the_way.rmdir()
    assert push(data, studio, number, kind="none").already == 2
    assert len(shown_pictures(data, studio, number)) == len(figures())


def test_guidelines_that_somebody_wrote_stay(data: OcclusionSet, studio: Studio, new_round: NewRound) -> None:
    number = new_round(2)
    pushed = push(data, studio, number, kind="none")
    assert pushed.project is not None
    studio.set_instruction(pushed.project, "<p>Ears count too.</p>")
    push(data, studio, number, kind="none")
    assert instruction_of(data, studio, number) == "<p>Ears count too.</p>"


SCRIPT = """
import logging, sys
logging.basicConfig(level=logging.DEBUG)
logging.getLogger("markdown_it").setLevel(logging.INFO)  # it would fill the pipe, which is read at the end
from occset.annotation.api.client import connect
from occset.annotation.push.push import push
from occset.dataset.occlusion_set import OcclusionSet
from pathlib import Path
from occset.support.errors import OccsetError
studio = connect(document_root=Path(sys.argv[3]))
print("ready", flush=True)
try:
    print(push(OcclusionSet(sys.argv[1]), studio, int(sys.argv[2]), kind="none", progress=lambda *n: print(n, flush=True)))
except OccsetError as error:
    sys.exit(str(error))
"""


def start_push(
    data: OcclusionSet, number: int, label_studio: RunningStudio, errors: int = subprocess.PIPE
) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "LABEL_STUDIO_URL": label_studio.url,
        "LABEL_STUDIO_API_KEY": label_studio.token,
    }
    command = [sys.executable, "-c", SCRIPT, str(data.path), str(number), str(label_studio.document_root)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)


def test_a_push_that_is_killed_goes_on(
    data: OcclusionSet, studio: Studio, new_round: NewRound, label_studio: RunningStudio
) -> None:
    number, rng = new_round(200), np.random.default_rng(4)
    sent = []
    for lines in (2, 3, 3):  # "ready", what is there, after one batch
        process = start_push(data, number, label_studio, subprocess.DEVNULL)  # nobody reads a pipe here
        assert process.stdout is not None
        for _ in range(lines):
            assert process.stdout.readline() != ""
        time.sleep(rng.uniform(0, 0.6))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        sent.append(push(data, studio, number, dry_run=True).already)
    print(f"after each kill there were {sent} of 200")
    assert sent == sorted(sent) and sent[-1] >= 100
    pushed = push(data, studio, number, kind="none")
    assert pushed.new + pushed.already == 200
    assert keys_there(data, studio, number) == each_once(data, number)


def test_the_server_is_killed_in_the_middle_of_a_push(
    data: OcclusionSet, studio: Studio, new_round: NewRound, label_studio: RunningStudio, no_pauses: None
) -> None:
    number = new_round(120)

    def kill_after_the_first_batch(done: int, total: int) -> None:
        if done == 50:
            label_studio.kill()

    with pytest.raises(LostConnection, match="run the same command again"):
        push(data, studio, number, kind="none", progress=kill_after_the_first_batch)
    with pytest.raises(OccsetError, match="occset annotate start"):
        connect(label_studio.url, label_studio.token)
    label_studio.restart()
    pushed = push(data, studio, number, kind="none")
    assert (pushed.already, pushed.new) == (50, 70)
    assert keys_there(data, studio, number) == each_once(data, number)


def test_two_pushes_at_once(
    data: OcclusionSet, studio: Studio, new_round: NewRound, label_studio: RunningStudio, tmp_path: Path
) -> None:
    number = new_round(60)
    copy = tmp_path / "faces"
    shutil.copytree(data.path, copy)  # a lock keeps two pushes of one folder apart, nothing those of two
    failures: list[BaseException] = []

    def run(path: Path) -> None:
        try:
            own = connect(label_studio.url, label_studio.token, label_studio.document_root)
            push(OcclusionSet(path), own, number, kind="none")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(path,)) for path in (data.path, copy)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(isinstance(error, OccsetError) for error in failures), failures
    push(data, studio, number, kind="none")
    assert keys_there(data, studio, number) == each_once(data, number)


def test_of_two_tasks_of_one_sample_the_one_with_work_in_it_stays(
    data: OcclusionSet, studio: Studio, new_round: NewRound
) -> None:
    number = new_round(4)
    pushed = push(data, studio, number, kind="none")
    assert pushed.project is not None
    tasks = sorted(studio.tasks(pushed.project), key=lambda task: task["id"])
    twins = studio.import_tasks(pushed.project, [{"data": task["data"]} for task in tasks])
    studio._one("POST", f"/api/tasks/{twins[0]}/annotations/", repeat=False, json={"result": [], "lead_time": 3})
    studio._one("POST", f"/api/tasks/{twins[1]}/drafts", repeat=False, json={"result": [], "lead_time": 3})
    for number_of_task in (tasks[2]["id"], twins[2]):  # both worked on: both stay
        path = f"/api/tasks/{number_of_task}/annotations/"
        studio._one("POST", path, repeat=False, json={"result": [], "was_cancelled": True})
    again = push(data, studio, number, kind="none")
    assert (again.new, again.removed) == (0, 3)
    left = {task["id"] for task in studio.tasks(pushed.project)}
    assert left == {twins[0], twins[1], tasks[2]["id"], twins[2], tasks[3]["id"]}


def test_a_task_of_somebody_else_under_a_key_of_ours(data: OcclusionSet, studio: Studio, new_round: NewRound) -> None:
    number = new_round(2)
    project = push(data, studio, number, kind="none").project
    assert project is not None
    ours = sorted(studio.tasks(project), key=lambda task: task["id"])
    strange = [{"image": "https://elsewhere.example/a.jpg", "key": task["data"]["key"]} for task in ours]
    theirs = studio.import_tasks(project, [{"data": {**one, "note": ""}} for one in strange])
    studio.import_tasks(project, [{"data": {"image": "", "key": [ours[0]["data"]["key"]], "note": ""}}])
    studio._one("POST", f"/api/tasks/{theirs[0]}/annotations/", repeat=False, json={"result": []})
    again = push(data, studio, number, kind="none")
    assert (again.already, again.new, again.removed) == (2, 0, 0)
    studio.delete_tasks(project, [ours[1]["id"]])
    again = push(data, studio, number, kind="none")
    assert (again.already, again.new, again.removed) == (1, 1, 0)
    assert {ours[0]["id"], *theirs} <= {task["id"] for task in studio.tasks(project)}
    found = status(data, studio, number)
    assert (found.pushed, found.labelled, found.waiting) == (2, 0, 2), "what strangers put there is none of ours"


def test_the_empty_one_of_two_projects_goes(data: OcclusionSet, studio: Studio, new_round: NewRound) -> None:
    number = new_round(3)
    marker = marker_of(read_round(data.path, number))
    first = push(data, studio, number, kind="none")
    config = studio.find_projects(marker)[0]["label_config"]
    studio.create_project("a twin", config, f"twin {marker}", "")
    assert push(data, studio, number, kind="none").project == first.project
    assert [project["id"] for project in studio.find_projects(marker)] == [first.project]
    assert studio.find_projects(marker)[0]["title"] == title_of(data, number) == f"faces, round {number}"


def test_a_project_whose_controls_were_taken_out(data: OcclusionSet, studio: Studio, new_round: NewRound) -> None:
    number = new_round(2)
    marker = marker_of(read_round(data.path, number))
    control = '<Choices name="q" toName="image"><Choice value="a"/></Choices>'
    config = f'<View><Image name="image" value="$image"/>{control}</View>'
    made = studio.create_project("edited", config, f"x {marker}", "")
    with pytest.raises(OccsetError, match=rf"projects/{made['id']}/data.*brush"):
        push(data, studio, number, kind="none")


def test_status_counts(data: OcclusionSet, studio: Studio, new_round: NewRound) -> None:
    number = new_round(6)
    assert (status(data, studio, number).pushed, status(data, studio, number).url) == (0, "")
    pushed = push(data, studio, number, kind="none", annotators=2)
    assert pushed.project is not None
    ids = [task["id"] for task in studio.tasks(pushed.project)]
    for task, content in [(ids[0], {"lead_time": 4}), (ids[0], {"lead_time": 8}), (ids[1], {"lead_time": 9}),
                          (ids[2], {"was_cancelled": True})]:  # fmt: skip
        studio._one("POST", f"/api/tasks/{task}/annotations/", repeat=False, json={"result": [], **content})
    studio._one("POST", f"/api/tasks/{ids[3]}/drafts", repeat=False, json={"result": [], "lead_time": 3})
    found = status(data, studio, number)
    # one annotator who labels twice is one annotator, and a face that was begun is not one that nobody looked at
    assert (found.pushed, found.labelled, found.partly, found.skipped, found.waiting) == (6, 0, 2, 1, 2)
    assert (found.drafts, found.picks, found.decided, found.url) == (1, 6, 0, pushed.url)
    assert found.annotators == [{"annotator": "tester", "labelled": 2, "skipped": 1, "median_lead_time": 8.5}]


def test_the_token_is_nowhere(
    data: OcclusionSet, studio: Studio, new_round: NewRound, label_studio: RunningStudio, tmp_path: Path
) -> None:
    number, token = new_round(60), label_studio.token
    process = start_push(data, number, label_studio)
    seen = []
    while process.poll() is None and len(seen) < 100:
        try:
            seen.append(Path(f"/proc/{process.pid}/cmdline").read_bytes().decode())
        except OSError:
            break
        time.sleep(0.05)
    output, errors = process.communicate()
    assert process.returncode == 0 and "new=60" in output and "DEBUG" in errors
    for text in (
        output,
        errors,
        *seen,
        repr(studio),
        repr(studio._line),
        str(vars(studio)),
        label_studio.log.read_text(),
    ):
        assert token not in text
    for path in (*data.path.rglob("*"), *label_studio.document_root.rglob("*")):
        assert not path.is_file() or token.encode() not in path.read_bytes()
    with LossyProxy(label_studio.url, only="import", every=1) as proxy:
        lossy = connect(proxy.url, token, label_studio.document_root)
        try:
            lossy.import_tasks(1, [])
        except LostConnection as error:
            assert token not in "".join(traceback.format_exception(error))
        else:
            raise AssertionError("nothing was lost")


def test_a_copy_is_a_square_jpeg_no_larger_than_the_face() -> None:
    image = np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8)
    jpeg, side = copy_of(image)
    assert side == 300 and jpeg[:3] == b"\xff\xd8\xff"
    assert copy_of(np.zeros((1024, 1024, 3), np.uint8))[1] == 512
    with pytest.raises(BadInput):
        copy_of(image[..., 0])
