from __future__ import annotations

import base64
import gzip
import itertools
import json
import logging
import re
import sqlite3
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from occset.annotation.api import client, studio
from occset.annotation.api import task_list as listing
from occset.annotation.api.address import checked_url, is_loopback, iso_time
from occset.annotation.api.client import LostConnection, connect
from occset.support.errors import BadInput, MissingExtra, OccsetError
from tests.annotation.conftest import RunningStudio

TOKEN = "5ecret" + "0" * 34

Answer = tuple[int, Any]  # status and what is sent, as JSON unless it is bytes


class Fake:
    """A server that answers what a test wants; each answer is a function of query and body, by "METHOD /path"."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.answers: dict[str, Callable[[dict[str, str], bytes], Answer]] = {
            "GET /api/version": lambda query, body: (200, {"release": "1.23.2", "edition": "Community"}),
            "GET /api/current-user/whoami": lambda query, body: (200, {"id": 1}),
        }
        self.headers: dict[str, str] = {}
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                parts = urlsplit(self.path)
                what = f"{self.command} {parts.path}"
                fake.asked.append((what, self.headers.get("Authorization")))
                query = {key: values[0] for key, values in parse_qs(parts.query).items()}
                status, content = fake.answers.get(what, lambda query, body: (404, {}))(query, body)
                data = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(data)), **fake.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(data)
                except OSError:  # the client has heard enough
                    self.close_connection = True
                if int(fake.headers.get("Content-Length", 0)) > len(data):
                    self.close_connection = True

            do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - names of http.server

            def log_message(self, *message: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def count(self, what: str) -> int:
        return sum(asked == what for asked, _ in self.asked)


@pytest.fixture
def fakes() -> Iterator[Callable[[], Fake]]:
    made: list[Fake] = []

    def make() -> Fake:
        made.append(Fake())
        return made[-1]

    yield make
    for fake in made:
        fake.server.shutdown()
        fake.server.server_close()


@pytest.fixture
def fake(fakes: Callable[[], Fake]) -> Fake:
    return fakes()


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr("occset.annotation.server.local_server.find_local", lambda: None)
    for name in ("LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY", "OCCSET_ANY_LABEL_STUDIO"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # this machine is not asked through a proxy


def after(times: int, first: Answer, then: Answer) -> Callable[[dict[str, str], bytes], Answer]:
    """Answers `first` so many times, and `then` afterwards."""
    count = itertools.count()
    return lambda query, body: first if next(count) < times else then


def test_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OccsetError, match=r"occset annotate start.*LABEL_STUDIO_URL"):
        connect()
    with pytest.raises(OccsetError, match=r"http://127.0.0.1:9.*occset annotate start"):
        connect("http://127.0.0.1:9", TOKEN)
    with pytest.raises(OccsetError, match="set LABEL_STUDIO_API_KEY"):
        connect("http://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "label_studio_sdk", None)
    with pytest.raises(MissingExtra, match=r"pip install 'occset\[annotate\]'"):
        connect("http://127.0.0.1:9", TOKEN)


@pytest.mark.parametrize("answer", [(200, b"<html>"), (200, ["release"]), (200, {"release": 1}), (404, {}),
                                    (200, b"[" * 100_000)])  # fmt: skip
def test_another_program_listens_and_gets_no_token(fake: Fake, answer: Answer) -> None:
    fake.answers["GET /api/version"] = lambda query, body: answer
    with pytest.raises(OccsetError, match="is not Label Studio"):
        connect(fake.url, TOKEN)
    assert fake.asked == [("GET /api/version", None)]


def test_another_version(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    for release in ("1.24.0", "2.23.2", "1.2.3", "nightly\x1b[31m"):
        fake.answers["GET /api/version"] = lambda query, body, release=release: (200, {"release": release})
        with pytest.raises(OccsetError, match=r"1\.23\.x.*OCCSET_ANY_LABEL_STUDIO=1") as caught:
            connect(fake.url, TOKEN)
        assert release.split("\x1b")[0] in str(caught.value) and "\x1b" not in str(caught.value)
    monkeypatch.setenv("OCCSET_ANY_LABEL_STUDIO", "1")
    assert connect(fake.url, TOKEN).version == "nightly\\x1b[31m"
    fake.answers["GET /api/version"] = after(2, (503, {}), (200, {"release": "1.23.9"}))
    assert connect(fake.url, TOKEN).version == "1.23.9"


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_not_repeated(fake: Fake, status: int) -> None:
    fake.answers["GET /api/current-user/whoami"] = lambda query, body: (status, {"detail": f"bad {TOKEN}"})
    with pytest.raises(OccsetError, match="refuses the token: set LABEL_STUDIO_API_KEY") as caught:
        connect(fake.url, TOKEN)
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    assert fake.count("GET /api/current-user/whoami") == 1
    for strange in ("a b", "a\nb", "ü"):
        with pytest.raises(OccsetError, match="refuses the token"):
            connect(fake.url, strange)


def test_the_token_is_in_no_message_and_no_log(fake: Fake, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    line = connect(fake.url, TOKEN)
    fake.answers["POST /api/projects/"] = lambda query, body: (400, {"detail": f"no {TOKEN}", "validation_errors": {"title": ["short"]}})  # fmt: skip  # noqa: E501
    fake.answers["GET /api/users/"] = lambda query, body: (500, {"detail": TOKEN})
    with pytest.raises(OccsetError, match=r"refuses.*\(400\).*short") as refused:
        line.create_project("a", "<View/>", "b", "c")
    with pytest.raises(LostConnection, match="it answered 500") as lost:
        line.users()
    for error in (refused.value, lost.value):
        assert TOKEN not in "".join(traceback.format_exception(error)) and "***" in str(error)
    assert TOKEN not in caplog.text and fake.url in caplog.text
    assert TOKEN not in repr(line) + repr(line._line) + str(vars(line))


@pytest.mark.parametrize("url", ["http://ann:pa55word@127.0.0.1:1", "http://pa55word@h", "https://:pa55word@h"])
def test_an_address_with_a_password(url: str) -> None:
    with pytest.raises(OccsetError, match="holds a user or a password") as caught:
        connect(url, TOKEN)
    assert "pa55word" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("url", ["ftp://h", "127.0.0.1:8080", "file:///etc", "http://", "http://h:99999", "http://h?t=1",
                                 "http://[::1"])  # fmt: skip
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(OccsetError, match="is not an address"):
        connect(url, TOKEN)


def test_addresses_and_moments() -> None:
    assert checked_url(" https://Label.example/studio// ") == "https://label.example/studio"
    assert checked_url("http://[::1]:8080/") == "http://[::1]:8080"
    assert is_loopback("http://[::1]:8080") and is_loopback("http://localhost") and not is_loopback("http://10.0.0.1")
    same = {"2026-11-24T17:00:22.400000Z", "2026-11-24 17:00:22.400000 +00:00", "2026-11-24T18:00:22.4+01:00"}
    assert {iso_time(text) for text in same} == {"2026-11-24T17:00:22.400000Z"}
    assert iso_time("2026-11-24T17:00:22") == "2026-11-24T17:00:22.000000Z"
    for text in ("yesterday", "9999-12-31T23:59:59-23:00", "0001-01-01T00:00:00+23:00"):
        with pytest.raises(BadInput, match=re.escape(f"'{text}'")):
            iso_time(text)


@pytest.mark.parametrize("path", ["/api/version", "/api/current-user/whoami", "/api/users/"])
def test_a_redirect_is_not_followed(fake: Fake, fakes: Callable[[], Fake], path: str) -> None:
    elsewhere = fakes()

    def send_on(query: dict[str, str], body: bytes) -> Answer:
        fake.headers["Location"] = elsewhere.url + path
        return 302, {}

    fake.answers[f"GET {path}"] = send_on
    with pytest.raises(OccsetError, match="sends on to another address"):
        connect(fake.url, TOKEN).users()
    assert elsewhere.asked == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning:label_studio_sdk")
def test_a_personal_access_token_is_renewed(fake: Fake) -> None:
    def token(kind: str, until: float) -> str:
        parts = ({"alg": "HS256", "typ": "JWT"}, {"token_type": kind, "exp": int(until)})
        packed = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
        return ".".join([*packed, "c2lnbmF0dXJl"])

    lasting, access = token("refresh", time.time() + 9999), token("access", time.time() + 999)
    fake.answers["POST /api/token/refresh/"] = lambda query, body: (
        (200, {"access": access}) if json.loads(body) == {"refresh": lasting} else (401, {})
    )
    connect(fake.url, lasting)
    assert fake.asked[-1] == ("GET /api/current-user/whoami", f"Bearer {access}")
    with pytest.raises(OccsetError, match="refuses the token"):
        connect(fake.url, token("refresh", time.time() - 9))
    fake.answers["POST /api/token/refresh/"] = lambda query, body: (401, {"detail": lasting})
    with pytest.raises(OccsetError, match="refuses the token") as caught:
        connect(fake.url, lasting)
    assert lasting not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("first", [(502, {}), (503, b"busy"), (504, {}), (429, {}), (500, {"detail": "database is locked"}),
                                   (200, b'[{"id": 1, "em'), (200, b"")])  # fmt: skip
def test_what_may_be_repeated_is_repeated(fake: Fake, first: Answer) -> None:
    known = connect(fake.url, TOKEN)
    fake.answers["GET /api/users/"] = after(
        2, first, (200, [{"id": 1, "email": "ann@b.co"}, {"id": 2, "email": "ann@c"}])
    )
    assert known.users() == {1: "ann-1", 2: "ann-2"}
    fake.answers["GET /api/tasks/7/"] = lambda query, body: (200, {"id": 7, "data": {"image": "x", "key": "k"}})
    fake.answers["PATCH /api/tasks/7/"] = after(1, first, (200, {}))
    known.requeue(7, 3, "look again")
    assert fake.count("PATCH /api/tasks/7/") == 2
    fake.answers["GET /api/users/"] = lambda query, body: first
    with pytest.raises(LostConnection, match="run the same command again"):
        known.users()
    assert fake.count("GET /api/users/") == 3 + client.TRIES


@pytest.mark.parametrize("first", [(502, {}), (500, {}), (201, b'{"task_ids": [1,'), (201, {"import": 5})])
def test_what_must_not_be_repeated_is_sent_once(fake: Fake, first: Answer) -> None:
    known = connect(fake.url, TOKEN)
    fake.answers["POST /api/projects/1/import"] = fake.answers["POST /api/projects/"] = lambda query, body: first
    with pytest.raises(LostConnection):
        known.import_tasks(1, [{"data": {}}])
    assert fake.count("POST /api/projects/1/import") == 1
    if first[0] != 201:
        with pytest.raises(LostConnection):
            known.create_project("abc", "", "", "")
        assert fake.count("POST /api/projects/") == 1


def test_a_body_that_is_cut_off_or_too_large(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    known = connect(fake.url, TOKEN)
    fake.answers["GET /api/users/"] = lambda query, body: (200, [])
    fake.headers = {"Content-Length": "4000"}
    pauses: list[float] = []  # counted here: a try may end on a connection that the server has just closed
    with monkeypatch.context() as patch:
        patch.setattr(client.time, "sleep", pauses.append)
        with pytest.raises(LostConnection):
            known.users()
    assert len(pauses) == client.TRIES - 1 and 1 < fake.count("GET /api/users/") <= client.TRIES
    monkeypatch.setattr(client, "LARGEST_ANSWER", 1 << 20)
    bomb = gzip.compress(b" " * (8 << 20))
    fake.answers["GET /api/users/"] = lambda query, body: (200, bomb)
    fake.headers = {"Content-Encoding": "gzip"}
    with pytest.raises(OccsetError, match="is longer than 1 MB"):
        known.users()


@pytest.mark.parametrize("answer", [[], {"tasks": 1, "total": 1}, {"tasks": [1], "total": 1}, {"tasks": []},
                                    {"tasks": [{"id": "1", "data": {}, "updated_at": ""}], "total": 1},
                                    {"tasks": [{"id": 1, "data": [], "updated_at": "2026-01-01"}], "total": 1},
                                    {"tasks": [{"id": 1, "data": {}, "updated_at": "soon"}], "total": 1},
                                    {"tasks": [], "total": 5}])  # fmt: skip
def test_lists_that_are_none(fake: Fake, answer: object) -> None:
    known = connect(fake.url, TOKEN)
    fake.answers["GET /api/tasks/"] = lambda query, body: (200, answer)
    with pytest.raises(OccsetError):
        list(known.tasks(1))
    fake.answers["GET /api/projects/"] = lambda query, body: (200, answer)
    with pytest.raises(OccsetError):
        known.find_projects("occset:1")


def test_a_moment_that_is_none(fake: Fake) -> None:
    known = connect(fake.url, TOKEN)
    good, end = {"id": 2, "updated_at": "2026-01-01"}, "9999-12-31T23:59:59-23:00"
    task: dict[str, Any] = {"id": 7, "data": {}, "updated_at": "2026-01-01", "created_at": "?", "annotations": []}
    task["annotations"] = [{"id": 1, "updated_at": "soon", "created_at": end}, good]
    fake.answers["GET /api/tasks/"] = lambda query, body: (200, {"tasks": [task], "total": 1})
    (read,) = known.tasks(1)
    assert read["updated_at"] == read["annotations"][1]["updated_at"] == "2026-01-01T00:00:00.000000Z"
    assert (read["created_at"], read["annotations"][0]) == ("?", task["annotations"][0])
    task["updated_at"] = end
    with pytest.raises(OccsetError, match="task 7: updated at '9999"):
        list(known.tasks(1))


def test_lists_that_never_end(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_TASKS", 500)
    monkeypatch.setattr(studio, "_MOST_PAGES", 5)
    known, numbers = connect(fake.url, TOKEN), itertools.count(1)

    def task(number: int) -> dict[str, Any]:
        return {"id": number, "data": {}, "updated_at": iso_time(f"{2000 + number // 400}-01-01 00:00:00.{number:06d}")}

    def more(query: dict[str, str], body: bytes) -> Answer:
        return 200, {"tasks": [task(next(numbers)) for _ in range(listing.PAGE)], "total": 10**9}

    same = [task(number) for number in range(listing.PAGE)]
    moment = [{**one, "updated_at": "2026-01-01"} for one in same]
    for answer in (more, lambda query, body: (200, {"tasks": same, "total": 10**9}),
                   lambda query, body: (200, {"tasks": moment, "total": 10**9}),
                   lambda query, body: (200, {"tasks": same[::-1], "total": 10**9})):  # fmt: skip
        fake.answers["GET /api/tasks/"] = answer
        with pytest.raises(OccsetError, match="never ends"):
            for _ in known.tasks(1):
                pass
    fake.answers["GET /api/projects/"] = lambda query, body: (200, {"results": [], "next": "more"})
    with pytest.raises(OccsetError, match="never ends"):
        known.projects()


class Busy:
    """Tasks that annotators update while they are listed; answers the queries that `Studio.tasks` writes."""

    def __init__(self, count: int, seed: int, moments: int) -> None:
        self.rng, self.clock = np.random.default_rng(seed), 1000
        self.times = {number: int(self.rng.integers(moments)) for number in range(1, count + 1)}
        self.left = 40  # updates until the annotators go home

    def update(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            if self.left > 0:
                self.left, self.clock = self.left - 1, self.clock + 1
                self.times[int(number)] = self.clock

    def answer(self, query: dict[str, str], body: bytes) -> Answer:
        asked = json.loads(query["query"])
        numbers = list(self.times)
        for item in asked["filters"]["items"]:
            value = int(item["value"][-7:-1]) if item["type"] == "Datetime" else item["value"]
            by = self.times if item["type"] == "Datetime" else {number: number for number in numbers}
            holds = {"greater": lambda a, b: a > b, "greater_or_equal": lambda a, b: a >= b, "less_or_equal": lambda a, b: a <= b}  # fmt: skip  # noqa: E501
            numbers = [number for number in numbers if holds[item["operator"]](by[number], value)]
        if asked["ordering"] == ["tasks:id"]:
            numbers.sort()
        else:
            numbers.sort(key=lambda number: (self.times[number], self.rng.random()))  # ties in any order
        page = numbers[: int(query["page_size"])]
        if self.rng.random() < 0.5 and page:  # between the ids and the tasks, and just the last one
            self.update([page[-1]])
        tasks = [{"id": number, "data": {}, "updated_at": moment(self.times[number])} for number in page]
        self.update(self.rng.choice(list(self.times), 2))
        return 200, {"tasks": tasks, "total": len(numbers)}


def moment(number: int) -> str:
    return f"2026-01-01 00:00:00.{number:06d} +00:00"


@pytest.mark.parametrize("moments", [1, 3, 900])
@pytest.mark.parametrize("seed", range(4))
def test_no_task_is_skipped_while_annotators_work(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, seed: int, moments: int
) -> None:
    monkeypatch.setattr(listing, "PAGE", 25)
    known, busy = connect(fake.url, TOKEN), Busy(220, seed, moments)
    fake.answers["GET /api/tasks/"] = busy.answer
    latest: dict[int, str] = {}
    for task in known.tasks(1):
        latest[task["id"]] = max(latest.get(task["id"], ""), task["updated_at"])
    assert set(latest) == set(busy.times)
    busy.left = 0
    for task in known.tasks(1, since=max(latest.values())):  # as the next pull does
        latest[task["id"]] = max(latest.get(task["id"], ""), task["updated_at"])
    assert latest == {number: iso_time(moment(time)) for number, time in busy.times.items()}


def test_a_real_server(label_studio: RunningStudio, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    known = connect(label_studio.url, label_studio.token, label_studio.document_root)
    assert known.version.startswith("1.23.") and known.local
    with pytest.raises(OccsetError, match="refuses the token"):
        connect(label_studio.url, "0" * 40)
    assert "tester" in known.users().values()
    xml = '<View><Image name="image" value="$image"/></View>'
    made = known.create_project("client", xml, "of a test occset:0123456789abcdef", "do <b>this</b>", annotators=2)
    assert [one["id"] for one in known.find_projects("occset:0123456789abcdef")] == [made["id"]]
    assert (made["expert_instruction"], made["show_instruction"], made["maximum_annotations"]) == (
        "do <b>this</b>",
        True,
        2,
    )
    known.set_instruction(made["id"], "do <i>that</i>")
    (changed,) = known.find_projects("occset:0123456789abcdef")
    assert (changed["expert_instruction"], changed["label_config"]) == ("do <i>that</i>", xml)
    ids = known.import_tasks(made["id"], [{"data": {"image": f"/{i}", "key": str(i), "note": ""}} for i in range(23)])
    database = label_studio.data_dir / "label_studio.sqlite3"
    with sqlite3.connect(database) as connection:  # ten of them share a moment
        connection.execute(
            f"UPDATE task SET updated_at='2026-01-01 00:00:00.500000' WHERE id BETWEEN {ids[3]} AND {ids[12]}"
        )
    monkeypatch.setattr(listing, "PAGE", 4)
    monkeypatch.setattr(listing, "_OVERLAP", 2)
    listed = list(known.tasks(made["id"], results=False))
    assert sorted(task["id"] for task in listed[:10]) == ids[3:13]
    assert sorted(task["id"] for task in listed) == ids
    since = listed[-1]["updated_at"]
    known.requeue(ids[4], 3, "again, <b>please</b>")
    again = list(known.tasks(made["id"], since=since))
    assert [task["id"] for task in again][-1] == ids[4] and again[-1]["overlap"] == 3
    assert again[-1]["data"] == {"image": "/4", "key": "4", "note": "again, <b>please</b>"}
    known.delete_tasks(made["id"], [])
    known.delete_tasks(made["id"], ids[:2])
    known.delete_tasks(made["id"], ids[:2])  # as after a lost answer
    assert sorted(task["id"] for task in known.tasks(made["id"])) == ids[2:]
    folder = label_studio.document_root / "client"
    folder.mkdir()
    for _ in range(2):
        known.connect_files(made["id"], folder)
    assert len(known._line.ask("GET", "/api/storages/localfiles/", repeat=True, params={"project": made["id"]})) == 1
    known.delete_project(made["id"])
    with pytest.raises(OccsetError, match="was it deleted meanwhile"):
        list(known.tasks(made["id"]))


def test_what_one_annotator_nested_too_deep_is_cut_off_and_the_others_are_read(fake: Fake) -> None:
    deep = b'{"a":' * 700 + b"1" + b"}" * 700
    page = b'[{"id": 1, "result": [' + deep + b']}, {"id": 2, "result": [{"type": "choices"}]}]'
    fake.answers["GET /api/users/"] = lambda query, body: (200, page)
    answer = connect(fake.url, TOKEN)._line.ask("GET", "/api/users/", repeat=False)
    assert answer[1] == {"id": 2, "result": [{"type": "choices"}]}
    assert answer[0]["id"] == 1 and json.loads(json.dumps(answer)) == answer
