"""The backend with the released NS, and with a real Label Studio that asks it."""

from __future__ import annotations

import base64
import json
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from occset.annotation.api.client import connect
from occset.annotation.backend.prelabelling import Backend, make_server, pictures_in, register
from occset.annotation.labels.codec import decode_brush
from occset.annotation.labels.prelabel import prelabel, to_prediction
from occset.pictures.images import read_image
from tests.annotation.conftest import RunningStudio

SECRET = "correct horse battery"
SETUP = """<View><Image name="image" value="$image"/>
<BrushLabels name="brush" toName="image"><Label value="face"/><Label value="occluder"/></BrushLabels></View>"""
KEYS = [f"{i:016x}" for i in range(4)]


class Bright:
    """Takes what is bright for face."""

    name, weights_hash, size = "bright", "0123456789abcdef", 64

    def segment(self, images: np.ndarray) -> np.ndarray:
        return images.max(axis=3)


class Line:
    """Label Studio's own interface, as the browser uses it."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = url, token

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """The answer; raises HTTPError for a status of 400 and more."""
        headers = {"Authorization": f"Token {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def connect_backend(self, project: int, url: str, title: str, user: str, secret: str) -> int:
        """What `register` needs, without what the product does besides."""
        content = {"project": project, "url": url, "title": title, "auth_method": "BASIC_AUTH"}
        login = {"basic_auth_user": user, "basic_auth_pass": secret}
        return int(self.ask("POST", "/api/ml/", {**content, **login})["id"])


class Opened:
    """A project with tasks that have no predictions yet."""

    def __init__(self, line: Line, number: int, tasks: list[int]) -> None:
        self.line, self.number, self.tasks = line, number, tasks

    def open(self, task: int) -> list[dict[str, Any]]:
        """What the browser asks when a task is opened: its predictions."""
        return list(self.line.ask("GET", f"/api/tasks/{task}?project={self.number}")["predictions"])

    def kept(self) -> list[dict[str, Any]]:
        """The predictions in the database, without asking for new ones."""
        return list(self.line.ask("GET", f"/api/predictions/?project={self.number}"))


@pytest.fixture
def opened(label_studio: RunningStudio) -> Iterator[Opened]:
    line = Line(label_studio.url, label_studio.token)
    folder = Path(label_studio.document_root) / f"backend-test-{time.time_ns()}"
    folder.mkdir(parents=True)
    project = line.ask("POST", "/api/projects/", {"title": "backend test", "label_config": SETUP})["id"]
    try:
        for i, key in enumerate(KEYS):
            image = np.full((128, 128, 3), 20, np.uint8)
            cv2.circle(image, (64, 64), 20 + 8 * i, (230, 230, 230), -1)
            cv2.imwrite(str(folder / f"{key}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 95])
        names = [*KEYS, "missing"]
        tasks = [{"image": f"/data/local-files/?d={folder.name}/{key}.jpg", "key": key, "note": ""} for key in names]
        answer = line.ask("POST", f"/api/projects/{project}/import?return_task_ids=true", tasks)
        yield Opened(line, project, answer["task_ids"])
    finally:
        line.ask("DELETE", f"/api/projects/{project}/")
        shutil.rmtree(folder)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def backend(label_studio: RunningStudio, said: list[str]) -> Iterator[Backend]:
    pictures = pictures_in(Path(label_studio.document_root))
    with make_server(Bright(), SECRET, pictures, port=0, say=said.append) as server:
        yield server


def count(said: list[str], start: str) -> int:
    return sum(line.startswith(start) for line in said)


def test_opening_a_task_brings_its_prediction_into_the_database(
    opened: Opened, backend: Backend, label_studio: RunningStudio, said: list[str]
) -> None:
    studio: Any = opened.line
    register(studio, opened.number, backend.url, SECRET)
    (shown,) = opened.open(opened.tasks[1])
    image = read_image(next(Path(label_studio.document_root).glob(f"backend-test-*/{KEYS[1]}.jpg")))
    wanted = to_prediction(prelabel(Bright(), [image])[0], KEYS[1])
    assert shown["model_version"] == "bright-0123456789ab" and shown["score"] == pytest.approx(wanted["score"])
    assert shown["result"] == wanted["result"]  # what push would have sent
    assert decode_brush(shown["result"][0]["value"]["rle"], 128, 128)[64, 64] == 255
    assert [(one["task"], one["model_version"]) for one in opened.kept()] == [(opened.tasks[1], shown["model_version"])]
    # opened again it is not asked for again
    asked = count(said, "POST /predict")
    assert opened.open(opened.tasks[1])[0]["id"] == shown["id"] and count(said, "POST /predict") == asked
    # the next one of the labelling queue
    following = opened.line.ask("GET", f"/api/projects/{opened.number}/next")
    assert [one["model_version"] for one in following["predictions"]] == [shown["model_version"]]
    # a saved label calls the webhook, without the secret, and is not held up by it
    began = time.perf_counter()
    opened.line.ask("POST", f"/api/tasks/{opened.tasks[1]}/annotations/", {"result": shown["result"], "lead_time": 1})
    assert time.perf_counter() - began < 1
    assert label_studio.token not in "".join(said) and SECRET not in "".join(said)


def test_all_at_once_and_one_whose_picture_is_missing(opened: Opened, backend: Backend, said: list[str]) -> None:
    studio: Any = opened.line
    register(studio, opened.number, backend.url, SECRET)
    selection = {"project": opened.number, "selectedItems": {"all": True, "excluded": []}}
    action = f"/api/dm/actions?id=retrieve_tasks_predictions&project={opened.number}"
    opened.line.ask("POST", action, selection)
    # nothing is kept for the last, so that it is asked for again once its picture is there
    assert sorted(one["task"] for one in opened.kept()) == opened.tasks[:-1]
    assert opened.open(opened.tasks[-1]) == []
    assert count(said, f"task {opened.tasks[-1]}: no pre-label: ") == 2


def connections(opened: Opened) -> list[tuple[int, str]]:
    found = opened.line.ask("GET", f"/api/ml/?project={opened.number}")
    return sorted((one["id"], one["url"]) for one in found)


def webhooks(opened: Opened) -> set[str]:
    return {one["url"] for one in opened.line.ask("GET", f"/api/webhooks/?project={opened.number}")}


def test_on_another_port_the_backend_takes_the_place_of_its_predecessors(
    opened: Opened, label_studio: RunningStudio, said: list[str]
) -> None:
    studio = connect(label_studio.url, label_studio.token, label_studio.document_root)
    pictures = pictures_in(Path(label_studio.document_root))
    mine = "http://127.0.0.1:9/mine/webhook"
    opened.line.ask("POST", "/api/webhooks/", {"project": opened.number, "url": mine})
    with (
        make_server(Bright(), "of somebody else, long", pictures, port=0, say=lambda _: None) as foreign,
        make_server(Bright(), SECRET, pictures, port=0, say=said.append) as first,
        make_server(Bright(), SECRET, pictures, port=0, say=said.append) as second,
    ):
        register(studio, opened.number, first.url, SECRET)
        ((number, url),) = connections(opened)
        assert url == first.url and webhooks(opened) == {mine}
        # as an occset that knew less has left them, and one that the user made
        opened.line.connect_backend(opened.number, second.url, "occset", "occset", SECRET)
        theirs = opened.line.connect_backend(opened.number, foreign.url, "theirs", "occset", "of somebody else, long")
        hook = f"{foreign.url}/webhook"
        assert len(connections(opened)) == 3 and webhooks(opened) == {mine, hook, f"{second.url}/webhook"}
    said.clear()
    with make_server(Bright(), "new at each start, long", pictures, port=0, say=said.append) as third:
        for _ in range(2):
            register(studio, opened.number, third.url, "new at each start, long")
            assert connections(opened) == [(number, third.url), (theirs, foreign.url)]
            assert webhooks(opened) == {mine, hook}
        (shown,) = opened.open(opened.tasks[0])
        opened.line.ask("POST", f"/api/tasks/{opened.tasks[0]}/annotations/", {"result": shown["result"]})
    assert count(said, "POST /predict 200") == 1 and not any("401" in line or "/webhook" in line for line in said)
    # with no backend up, what it has drawn is still shown
    assert [one["id"] for one in opened.open(opened.tasks[0])] == [shown["id"]]


def test_with_the_wrong_secret_nothing_arrives_and_the_task_opens(
    opened: Opened, backend: Backend, said: list[str]
) -> None:
    studio: Any = opened.line
    with pytest.raises(urllib.error.HTTPError) as caught:
        register(studio, opened.number, backend.url, "another secret, as long")
    assert caught.value.code == 400 and b"401" in caught.value.read()
    register(studio, opened.number, backend.url, SECRET)  # as after a restart of the backend with a new secret
    port = int(backend.url.rpartition(":")[2])
    backend.stop()
    with make_server(Bright(), "another secret, as long", lambda _: None, port=port, say=said.append):
        said.clear()
        assert opened.open(opened.tasks[0]) == [] and opened.kept() == []
        assert count(said, "GET /health 200") == 1 and count(said, "POST /setup 401") == 1
        assert count(said, "POST /predict") == 0 and SECRET not in "".join(said)


def test_another_labelling_setup_is_refused_at_once(opened: Opened, backend: Backend) -> None:
    other = SETUP.replace('name="brush"', 'name="paint"')
    opened.line.ask("PATCH", f"/api/projects/{opened.number}/", {"label_config": other})
    studio: Any = opened.line
    with pytest.raises(urllib.error.HTTPError) as caught:
        register(studio, opened.number, backend.url, SECRET)
    assert caught.value.code == 400
    assert opened.open(opened.tasks[0]) == []


def predict(url: str, tasks: list[dict[str, Any]]) -> tuple[dict[str, Any], float]:
    """The backend's answer and how long it took, seconds."""
    login = base64.b64encode(f"occset:{SECRET}".encode()).decode()
    request = urllib.request.Request(url + "/predict", json.dumps({"tasks": tasks}).encode())
    request.add_header("Authorization", f"Basic {login}")
    began = time.perf_counter()
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read()), time.perf_counter() - began


def test_released_ns_answers_at_once_with_the_mask_that_push_sends(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from occset.mining.model import open_model
    from occset.models.builtin.faces import render_face

    face = render_face(3, size=512)
    cv2.imwrite(str(tmp_path / f"{KEYS[0]}.jpg"), face.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
    task = {"id": 1, "data": {"image": f"/data/local-files/?d={KEYS[0]}.jpg", "key": KEYS[0]}}
    with make_server(open_model("ns"), SECRET, pictures_in(tmp_path), port=0, say=lambda _: None) as server:
        first, seconds = predict(server.url, [task])
        later = sorted(predict(server.url, [task])[1] for _ in range(5))
    assert seconds < 1 and later[2] < 0.5, (seconds, later)
    pushed = to_prediction(prelabel(open_model("ns"), [read_image(tmp_path / f"{KEYS[0]}.jpg")])[0], KEYS[0])
    assert json.dumps(first["results"]) == json.dumps([pushed])
    mask = decode_brush(pushed["result"][0]["value"]["rle"], 512, 512) > 127
    truth = face.mask > 127
    assert (mask & truth).sum() / (mask | truth).sum() > 0.85 and pushed["score"] > 0.8
