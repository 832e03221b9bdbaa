"""The backend by itself: what it answers, whom it refuses, how fast, and that it keeps no secret."""

from __future__ import annotations

import base64
import contextlib
import gc
import http.client
import json
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from occset.annotation.backend import loopback, loopback_requests
from occset.annotation.backend.prelabelling import Backend, make_server, pictures_in, register, secret_from_environment
from occset.annotation.labels.codec import decode_brush
from occset.annotation.labels.prelabel import prelabel, to_prediction
from occset.mining.signals import iou
from occset.pictures.images import read_image
from occset.rounds.honeypots import MOST_RIGHT, damage
from occset.support.errors import BadInput, OccsetError, UnsafePath

SECRET = "correct horse battery"
SETUP = """<View><Image name="image" value="$image"/>
<BrushLabels name="brush" toName="image"><Label value="face"/></BrushLabels></View>"""


class Red:
    """Takes the red channel for face; waits where told to."""

    name, weights_hash, size = "red", "0123456789abcdef", 64

    def __init__(self) -> None:
        self.may_go = threading.Event()
        self.may_go.set()
        self.works = threading.Event()
        self.seconds = 0.0
        self.breaks = False

    def segment(self, images: np.ndarray) -> np.ndarray:
        self.works.set()
        assert self.may_go.wait(20)
        time.sleep(self.seconds)
        if self.breaks:
            raise RuntimeError("no memory for /secret/picture")
        return images[..., 0]


class Asked:
    """An answer: status, JSON, seconds."""

    def __init__(self, status: int, answer: Any, seconds: float) -> None:
        self.status, self.answer, self.seconds = status, answer, seconds


def basic(secret: str, user: str = "occset") -> str:
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()


def ask(
    server: Backend,
    path: str,
    body: object = None,
    method: str | None = None,
    secret: str | None = SECRET,
    headers: dict[str, str] | None = None,
) -> Asked:
    """One request, as Label Studio sends it."""
    began = time.perf_counter()
    host, port = server.url.removeprefix("http://").split(":")
    line = http.client.HTTPConnection(host, int(port), timeout=30)
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    sent = {} if secret is None else {"Authorization": basic(secret)}
    try:
        line.request(method or ("GET" if body is None else "POST"), path, data, {**sent, **(headers or {})})
        answer = line.getresponse()
        text = answer.read()
        return Asked(answer.status, json.loads(text) if text else None, time.perf_counter() - began)
    finally:
        line.close()


@contextlib.contextmanager
def speaking(server: Backend, text: bytes) -> Iterator[socket.socket]:
    """A connection on which `text` was sent as it is."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(text)
        yield line


def heard(line: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    with contextlib.suppress(ConnectionError):
        return b"".join(iter(lambda: line.recv(65536), b""))
    return b""


def task(key: str, number: int = 1, image: str | None = None) -> dict[str, Any]:
    return {"id": number, "data": {"image": image or f"/data/local-files/?d=set%2F{key}.jpg", "key": key}}


def keys(count: int) -> list[str]:
    return [f"{i:016x}" for i in range(count)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A document root with pictures in its folder `set`, and a picture beside it."""
    folder = tmp_path / "served" / "set"
    folder.mkdir(parents=True)
    for i, key in enumerate(keys(4)):
        image = np.random.default_rng(i).integers(0, 256, (6, 6, 3), np.uint8)
        cv2.imwrite(str(folder / f"{key}.jpg"), cv2.resize(image, (120 + i, 100)), [cv2.IMWRITE_JPEG_QUALITY, 95])
    cv2.imwrite(str(tmp_path / "outside.jpg"), np.full((50, 50, 3), 255, np.uint8))
    return folder.parent


class Running:
    """A backend, its model and what it said."""

    def __init__(self, server: Backend, model: Red, lines: list[str]) -> None:
        self.server, self.model, self.lines = server, model, lines


@pytest.fixture
def run(root: Path) -> Iterator[Callable[[], Running]]:
    """Makes a running backend on a free port, stopped at the end."""
    with contextlib.ExitStack() as stack:

        def make() -> Running:
            lines: list[str] = []
            model = Red()
            server = make_server(model, SECRET, pictures_in(root), port=0, say=lines.append)
            stack.callback(model.may_go.set)
            stack.enter_context(server)
            model.works.clear()
            return Running(server, model, lines)

        yield make


@pytest.fixture
def running(run: Callable[[], Running]) -> Running:
    return run()


@contextlib.contextmanager
def asking(running: Running, body: object) -> Iterator[list[Asked]]:
    """A predict that the model is busy with meanwhile; its answer stands in the list afterwards."""
    running.model.may_go.clear()
    running.model.works.clear()
    answers: list[Asked] = []
    thread = threading.Thread(target=lambda: answers.append(ask(running.server, "/predict", body)))
    thread.start()
    assert running.model.works.wait(10)
    try:
        yield answers
    finally:
        running.model.may_go.set()
        thread.join(20)


# what it answers


def test_predictions_are_those_of_push_in_the_order_of_the_tasks(running: Running, root: Path) -> None:
    order = [keys(4)[i] for i in (2, 0, 3, 1)]
    found = ask(running.server, "/predict", {"tasks": [task(key, i) for i, key in enumerate(order)]})
    images = [read_image(root / "set" / f"{key}.jpg") for key in order]
    pushed = [to_prediction(guess, key) for guess, key in zip(prelabel(Red(), images), order, strict=True)]
    assert found.status == 200
    assert json.dumps(found.answer["results"]) == json.dumps(pushed)
    assert found.answer["model_version"] == "red-0123456789ab"


def test_a_honeypot_gets_a_guess_that_an_annotator_must_mend(root: Path) -> None:
    pot, face = keys(2)
    image = read_image(root / "set" / f"{pot}.jpg")
    truth = np.where(image[..., 0] > 127, 255, 0).astype(np.uint8)
    truths = {pot: truth, face: np.full((9, 9), 255, np.uint8)}  # the latter is of another picture
    with make_server(Red(), SECRET, pictures_in(root), port=0, say=lambda _: None, truths=truths) as server:
        results = ask(server, "/predict", {"tasks": [task(pot), task(face)]}).answer["results"]
    drawn = [decode_brush(one["result"][0]["value"]["rle"], 100, 120 + i) for i, one in enumerate(results)]
    guesses = [prelabel(Red(), [read_image(root / "set" / f"{key}.jpg")])[0] for key in (pot, face)]
    assert np.array_equal(drawn[0], damage(guesses[0].mask, truth, pot)) and iou(drawn[0], truth) <= MOST_RIGHT
    assert np.array_equal(drawn[1], guesses[1].mask)
    assert {one["model_version"] for one in results} == {"red-0123456789ab"}, "nothing tells them apart"


def test_what_label_studio_asks_before_and_besides(running: Running) -> None:
    body = {"project": "1.2", "schema": SETUP, "hostname": "", "access_token": "t", "extra_params": None}
    assert ask(running.server, "/health", secret=None).answer["status"] == "UP"
    assert ask(running.server, "/setup", body).answer == {"model_version": "red-0123456789ab"}
    assert ask(running.server, "/versions").answer == {"versions": ["red-0123456789ab"]}
    for path in ("/webhook", "/delete", "/duplicate_model"):
        assert ask(running.server, path, {"action": "ANNOTATION_CREATED"}).status == 200
    refused = ask(running.server, "/setup", {**body, "schema": "<View/>"})
    assert refused.status == 400 and "annotate push" in refused.answer["error"]


def test_a_task_without_a_picture_gets_no_prediction_and_a_line_and_the_others_get_theirs(
    running: Running, root: Path
) -> None:
    (root / "set" / "text.jpg").write_text("no picture")
    (root / "set" / "link.jpg").symlink_to(root.parent / "outside.jpg")
    local = "/data/local-files/?d="
    missing = ["set/none.jpg", "../outside.jpg", "%2e%2e/outside.jpg", "/etc/passwd", "set/link.jpg", "set/text.jpg"]
    addresses = [local + path for path in [*missing, "", "set", "set/\ud800.jpg", "set/%00.jpg", "a" * 5000]]
    addresses += ["http://127.0.0.1:1/data/local-files/?d=set/x.jpg", "/data/upload/1/x.jpg", "s3://b/x.jpg", "//x/y"]
    tasks: list[Any] = [task("k", i, address) for i, address in enumerate(addresses)]
    tasks += [{"id": 90}, {"id": 91, "data": []}, {"id": "9\n2", "data": {"image": 3}}, task(keys(1)[0], 93)]
    found = ask(running.server, "/predict", {"tasks": tasks})
    assert found.status == 200
    assert [bool(result) for result in found.answer["results"]] == [False] * (len(tasks) - 1) + [True]
    said = [line for line in running.lines if "no pre-label" in line]
    assert len(said) == len(tasks) - 1 and all("\n" not in line for line in said)
    assert said[0].startswith("task 0: ") and "does not exist" in said[0] and "leaves the served folder" in said[1]


def test_reading_pictures_stays_in_the_folder(root: Path) -> None:
    read = pictures_in(root)
    found = read({"image": f"/data/local-files/?d=set/{keys(1)[0]}.jpg"})
    assert found is not None and found.shape == (100, 120, 3)
    with pytest.raises(UnsafePath):
        read({"image": "/data/local-files/?d=../outside.jpg"})
    with pytest.raises(BadInput):
        read({"image": "/data/local-files/?d=set/none.jpg"})
    assert read({"image": f"http://evil/data/local-files/?d=set/{keys(1)[0]}.jpg"}) is None
    assert read({}) is None


def test_a_picture_too_large_is_not_decoded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("occset.annotation.backend.prelabelling.MOST_PIXELS", 100)
    with pytest.raises(BadInput):
        pictures_in(root)({"image": f"/data/local-files/?d=set/{keys(1)[0]}.jpg"})


def test_a_model_that_fails_is_an_error_and_not_the_end(running: Running) -> None:
    running.model.breaks = True
    failed = ask(running.server, "/predict", {"tasks": [task(keys(1)[0])]})
    assert failed.status == 500 and "secret" not in json.dumps(failed.answer) + "".join(running.lines)
    assert any("RuntimeError" in line for line in running.lines)
    running.model.breaks = False
    assert ask(running.server, "/predict", {"tasks": [task(keys(1)[0])]}).status == 200


# whom it refuses


@pytest.mark.parametrize("path", ["/setup", "/predict", "/webhook", "/versions", "/delete", "/nothing"])
@pytest.mark.parametrize(
    "header",
    [None, basic("wrong secret, but long"), basic(SECRET, "admin"), "Basic !!", f"Bearer {SECRET}", "Basic \xe9", ""],
)
def test_nothing_but_health_is_answered_without_the_secret(running: Running, path: str, header: str | None) -> None:
    sent = {} if header is None else {"Authorization": header}
    found = ask(running.server, path, None if path == "/versions" else {"tasks": []}, secret=None, headers=sent)
    assert found.status == 401 and set(found.answer) == {"error"}
    assert SECRET not in "".join(running.lines) and "wrong" not in "".join(running.lines)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:9090"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "localhost@evil.example"},
        {"Host": ""},
        {"Origin": "http://127.0.0.1:8080"},
        {"Origin": "null"},
    ],
)
def test_browsers_and_other_names_are_refused_even_with_the_secret(running: Running, headers: dict[str, str]) -> None:
    for path, body in (("/health", None), ("/predict", {"tasks": []})):
        assert ask(running.server, path, body, headers=headers).status == 403


def test_two_hosts_are_refused(running: Running) -> None:
    with speaking(running.server, b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n") as line:
        assert b" 403 " in heard(line)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"", 411),
        (b"Transfer-Encoding: chunked\r\n", 411),
        (b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", 411),
        (b"Content-Length: -1\r\n", 400),
        (b"Content-Length: 0x10\r\n", 400),
        (b"Content-Length: 2\r\nContent-Length: 3\r\n", 400),
        (b"Content-Length: 67108865\r\n", 413),
        (b"Content-Length: 99999999999999\r\n", 413),
    ],
)
def test_bodies_need_one_length_that_is_not_too_long(running: Running, headers: bytes, status: int) -> None:
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nAuthorization: {basic(SECRET)}\r\n".encode()
    with speaking(running.server, head + headers + b"\r\n{}") as line:
        line.shutdown(socket.SHUT_WR)
        assert f" {status} ".encode() in heard(line).split(b"\r\n")[0]


def test_a_body_too_long_is_answered_although_it_is_still_being_sent(running: Running) -> None:
    assert ask(running.server, "/webhook", b" " * (loopback_requests.MOST_BYTES + 1)).status == 413


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\xff\xfe{", 400),
        (b"{", 400),
        (b'{"tasks": [NaN]}', 400),
        (b"[" * 200_000, 400),
        (b'{"tasks": [' + b"9" * 5000 + b"]}", 400),
        (b"[]", 400),
        (b"{}", 400),
        (b'{"tasks": {}}', 400),
        (b'{"tasks": [1]}', 400),
        (b'{"tasks": [' + b",".join([b"{}"] * 201) + b"]}", 413),
        (b'{"tasks": []}', 200),
    ],
)
def test_bodies_have_to_be_what_they_should_be(running: Running, body: bytes, status: int) -> None:
    assert ask(running.server, "/predict", body).status == status
    assert ask(running.server, "/health").status == 200


def test_methods_and_paths_that_are_not_there(running: Running) -> None:
    assert ask(running.server, "/predict", method="GET").status == 405
    assert ask(running.server, "/health", {}).status == 405
    assert ask(running.server, "/../predict", {}).status == 404
    assert ask(running.server, "/train", {}).status == 404
    for method in ("OPTIONS", "PUT", "DELETE", "<b>"):
        assert ask(running.server, "/predict", method=method).status in (400, 501)
    assert not any("<b>" in line or ".." in line or "train" in line for line in running.lines)


def test_what_is_no_request_is_refused_and_not_repeated(running: Running) -> None:
    for text in (b"hunter2 hunter2 hunter2\r\n\r\n", b"GET /" + b"hunter2" * 20_000 + b" HTTP/1.1\r\n\r\n"):
        with speaking(running.server, text) as line:
            assert b"hunter2" not in heard(line)
    assert "hunter2" not in "".join(running.lines)


# how much and how long


def dripped(server: Backend, start: bytes) -> tuple[bytes, float]:
    """Send a byte now and then for as long as the other side takes them: what it answered, and after how long."""
    began = time.perf_counter()
    with speaking(server, start) as line:
        while time.perf_counter() - began < 5:
            with contextlib.suppress(ConnectionError):
                line.sendall(b"a")
            if select.select([line], [], [], 0.1)[0]:
                return heard(line), time.perf_counter() - began
    return b"still open", time.perf_counter() - began


def test_slow_senders_are_dropped_however_they_drip(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback_requests, "HEADER_SECONDS", 0.4)
    monkeypatch.setattr(loopback_requests, "BODY_SECONDS", 0.4)
    head = f"POST /setup HTTP/1.1\r\nHost: localhost\r\nAuthorization: {basic(SECRET)}\r\n".encode()
    found = [dripped(running.server, start) for start in (b"GET /hea", head, head + b"Content-Length: 90\r\n\r\n")]
    assert all(seconds < 2 for _, seconds in found), found
    assert [answer[:12] for answer, _ in found] == [b"", b"", b"HTTP/1.0 408"]
    assert ask(running.server, "/health").status == 200


def test_connections_are_counted(run: Callable[[], Running], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "MOST_THREADS", 2)
    running = run()
    lines = ("POST /setup HTTP/1.1", "Host: localhost", f"Authorization: {basic(SECRET)}", "Content-Length: 9", "", "")
    known = "\r\n".join(lines).encode()
    with speaking(running.server, known), speaking(running.server, known):
        time.sleep(0.2)
        with speaking(running.server, b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n") as third:
            assert b" 503 " in heard(third)
    time.sleep(0.2)  # both are gone, and their places are free again
    assert all(ask(running.server, "/health").status == 200 for _ in range(5))


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"GET /health HTTP/1.1\r\nHost: loc",
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic d3Jvbmc=\r\nContent-Length: 99\r\n",
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n",
    ],
    ids=["silent", "half a head", "no end of the head", "no secret"],
)
def test_strangers_who_send_slowly_keep_nobody_out(running: Running, start: bytes) -> None:
    """More of them than there are places, who come again as often as they are closed."""
    with contextlib.ExitStack() as stack:
        for _ in range(2 * loopback.MOST_THREADS + 3):
            stack.enter_context(speaking(running.server, start))
        for _ in range(3):
            found = ask(running.server, "/setup", {"schema": SETUP})
            assert found.status == 200 and found.seconds < 2
            for _ in range(loopback.MOST_THREADS):
                stack.enter_context(speaking(running.server, start))


def test_who_showed_the_secret_does_not_give_way(running: Running) -> None:
    with asking(running, {"tasks": [task(keys(1)[0])]}) as answers, contextlib.ExitStack() as stack:
        for _ in range(2 * loopback.MOST_THREADS):
            stack.enter_context(speaking(running.server, b"GET /hea"))
        assert ask(running.server, "/health").status == 200
    assert [answer.status for answer in answers] == [200]


def test_long_requests_are_counted_and_leave_room_for_quick_ones(
    run: Callable[[], Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loopback, "MOST_HEAVY", 1)
    running = run()
    body = {"tasks": [task(keys(1)[0])]}
    with asking(running, body) as answers:
        assert ask(running.server, "/predict", body).status == 503
        assert ask(running.server, "/health").status == 200
    assert [answer.status for answer in answers] == [200]
    assert ask(running.server, "/predict", body).status == 200


def test_health_setup_and_webhook_are_answered_while_the_model_works(running: Running) -> None:
    setup = {"schema": SETUP, "access_token": "t"}
    with asking(running, {"tasks": [task(keys(1)[0])]}) as answers:
        quick = [ask(running.server, "/health"), ask(running.server, "/setup", setup)]
        quick += [ask(running.server, "/webhook", b"x" * (20 << 20)), ask(running.server, "/versions")]
        assert not answers
    assert all(found.status == 200 and found.seconds < 1 for found in quick), [found.seconds for found in quick]


def test_an_opened_task_waits_for_pictures_and_not_for_a_whole_request(running: Running) -> None:
    running.model.seconds = 0.05
    long: list[Asked] = []
    body = {"tasks": [task(keys(1)[0], i) for i in range(40)]}
    thread = threading.Thread(target=lambda: long.append(ask(running.server, "/predict", body)))
    thread.start()
    assert running.model.works.wait(5)
    short = ask(running.server, "/predict", {"tasks": [task(keys(2)[1])]})
    thread.join()
    assert short.status == long[0].status == 200
    assert short.seconds < long[0].seconds / 2


def test_a_model_too_slow_is_given_up_before_label_studio_gives_up(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("occset.annotation.backend.prelabelling.ANSWER_SECONDS", 0.3)
    running.model.seconds = 0.2
    found = ask(running.server, "/predict", {"tasks": [task(keys(1)[0], i) for i in range(9)]})
    assert found.status == 503 and "fewer" in found.answer["error"] and found.seconds < 2


# secrets


def reachable(start: object) -> Iterator[object]:
    """All that an object holds, but modules, classes and the globals of functions."""
    seen, queue = {id(start)}, [start]
    while queue:
        one = queue.pop()
        yield one
        if isinstance(one, types.FunctionType):
            held: list[Any] = [one.__closure__, one.__defaults__]
        else:
            held = gc.get_referents(one)
        for other in held:
            if id(other) not in seen and not isinstance(other, types.ModuleType | type | types.FrameType):
                seen.add(id(other))
                queue.append(other)


def test_the_token_of_setup_is_kept_nowhere(running: Running) -> None:
    token = "".join(["0123", "4567"] * 5)
    body = {"project": "1", "schema": SETUP, "access_token": token, "extra_params": {"a": [{"access_token": token}]}}
    credentials = {"tasks": [task(keys(1)[0])], "params": {"login": token, "password": token}}
    answers = [ask(running.server, "/setup", body), ask(running.server, "/setup", {**body, "schema": "<View/>"})]
    answers += [ask(running.server, "/webhook", body), ask(running.server, "/predict", credentials)]
    answers += [ask(running.server, "/predict", {**credentials, "tasks": [task(keys(1)[0], 1, "/data/x")]})]
    answers += [ask(running.server, "/setup", json.dumps(body).encode()[:-1])]
    assert [found.status for found in answers] == [200, 400, 200, 200, 200, 400]
    assert token not in json.dumps([found.answer for found in answers]) + repr(running.server) + "".join(running.lines)
    held = list(reachable(running.server))
    assert any(one is running.model for one in held)  # the walk gets that far
    texts = [one if isinstance(one, bytes) else one.encode() for one in held if isinstance(one, str | bytes)]
    assert not any(token.encode() in text for text in texts)
    assert not any(SECRET.encode() in text or basic(SECRET).encode()[6:] in text for text in texts)


def test_lines_say_what_was_asked_and_nothing_of_what_it_held(running: Running) -> None:
    ask(
        running.server,
        "/predict?hunter2",
        {"tasks": [{**task(keys(1)[0]), "note": "hunter2"}]},
        headers={"X": "hunter2"},
    )
    ask(running.server, "/hunter2", {"hunter2": 1})
    time.sleep(0.1)
    assert running.lines[-2].startswith("POST /predict 200, 1 task, ") and running.lines[-2].endswith(" ms")
    assert running.lines[-1].startswith("POST (unknown path) 404, ")
    assert "hunter2" not in "".join(running.lines)


@pytest.mark.parametrize("secret", ["", "short", "sixteen or more é", "sixteen or more\n"])
def test_a_secret_that_is_none_is_refused(secret: str) -> None:
    with pytest.raises(OccsetError, match="OCCSET_BACKEND_SECRET") as caught:
        make_server(Red(), secret, lambda _: None, port=0)
    assert not secret or secret not in str(caught.value)


def test_the_secret_comes_from_the_environment_or_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCCSET_BACKEND_SECRET", SECRET)
    assert secret_from_environment() == SECRET
    monkeypatch.delenv("OCCSET_BACKEND_SECRET")
    one, other = secret_from_environment(), secret_from_environment()
    assert one != other and len(one) >= 32


# starting and stopping


def test_a_busy_port_is_said_with_what_to_do(running: Running) -> None:
    port = int(running.server.url.rpartition(":")[2])
    with pytest.raises(OccsetError, match=f"127.0.0.1:{port}.*--port"):
        make_server(Red(), SECRET, lambda _: None, port=port)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "example.org", ""])
def test_it_binds_loopback_only(host: str) -> None:
    with pytest.raises(OccsetError, match="this machine only"):
        make_server(Red(), SECRET, lambda _: None, port=0, host=host)


def test_a_model_that_cannot_be_used_frees_the_port(run: Callable[[], Running]) -> None:
    running = run()
    running.server.stop()
    port = int(running.server.url.rpartition(":")[2])
    broken = Red()
    broken.breaks = True
    with pytest.raises(RuntimeError):
        make_server(broken, SECRET, lambda _: None, port=port)
    make_server(Red(), SECRET, lambda _: None, port=port).stop()


def test_stopping_finishes_the_picture_and_refuses_what_waits(running: Running) -> None:
    with asking(running, {"tasks": [task(keys(1)[0], i) for i in range(5)]}) as answers:
        stopping = threading.Thread(target=running.server.stop)
        stopping.start()
        time.sleep(0.2)
        running.model.may_go.set()
        stopping.join(10)
        assert not stopping.is_alive()
    assert [answer.status for answer in answers] == [503]
    with pytest.raises(OSError):
        ask(running.server, "/health")
    running.server.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no Ctrl-C to send")
def test_ctrl_c_stops_it_without_a_traceback() -> None:
    code = (
        "import numpy as np\n"
        "from occset.annotation.backend.prelabelling import make_server\n"
        "class Model:\n"
        "    segment = staticmethod(lambda images: images[..., 0])\n"
        f"server = make_server(Model(), {SECRET!r}, lambda _: None, port=0)\n"
        "print(server.url, flush=True)\n"
        "with server:\n"  # as the command does, which registers in between
        "    server.serve()\n"
        "print('ended')\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell in the background ignores it
    )
    try:
        assert child.stdout is not None and child.stdout.readline().startswith("http://127.0.0.1:")
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        out, errors = child.communicate(timeout=10)
    finally:
        child.kill()
    assert (child.returncode, out.strip(), errors.strip()) == (0, "ended", "stopped")


def test_started_twice_it_serves_once(running: Running) -> None:
    before = threading.active_count()
    running.server.start()
    assert threading.active_count() == before
    running.server.stop()
    with pytest.raises(OSError):
        ask(running.server, "/health")


def test_registering_hands_on_url_and_secret() -> None:
    calls: list[tuple[Any, ...]] = []
    studio: Any = types.SimpleNamespace(connect_backend=lambda *given: calls.append(given))
    register(studio, 7, "http://127.0.0.1:9090", SECRET)
    assert calls == [(7, "http://127.0.0.1:9090", "occset", "occset", SECRET)]
