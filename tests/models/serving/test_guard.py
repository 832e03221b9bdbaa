"""Who may ask, what, how much and how slowly: the guard by itself, asked as a server asks an ASGI application."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import Any

import pytest

from occset.models.serving import guard
from occset.models.serving.guard import MOST_BYTES, Guard, Refused, is_loopback, read_body

OWN = {"host": "127.0.0.1:8088"}
SECRET = "correct horse battery"


def scope(method: str = "GET", path: str = "/", **headers: str) -> dict[str, Any]:
    raw = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in (OWN | headers).items()]
    return {"type": "http", "method": method, "path": path, "headers": raw}


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def ask(app: Any, asked: dict[str, Any], parts: Any = ()) -> tuple[int, dict[str, str], bytes, int]:
    """Status, headers, body, and how many parts of the request were taken."""
    sent, waiting, taken = [], iter(parts), 0

    async def receive() -> dict[str, Any]:
        nonlocal taken
        await asyncio.sleep(0)  # as a server does, which waits for bytes
        part = next(waiting, None)
        if part is None:
            return {"type": "http.disconnect"}
        taken += 1
        if isinstance(part, float):
            await asyncio.sleep(part)
            part = b""
        return {"type": "http.request", "body": part, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(asked, receive, send))
    start, *rest = sent
    assert not rest[-1].get("more_body")
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], headers, b"".join(message["body"] for message in rest), taken


def make(app: Any = hello, own: bool = True, secret: str = "", said: list[str] | None = None) -> Guard:
    return Guard(app, own, secret, ("/", "/deocclude"), (said if said is not None else []).append)


@pytest.mark.parametrize("host", ["127.0.0.1:8088", "localhost", "LOCALHOST:1", "127.9.8.7:99999", "[::1]:8088"])
def test_loopback_names_may_ask(host: str) -> None:
    status, headers, body, _ = ask(make(), scope(host=host, origin=f"http://{host}"))
    assert (status, body) == (200, b"hello")
    assert headers["cache-control"] == "no-store" and headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY" and "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},  # a name that its owner lets point here
        {"host": "127.0.0.1.evil.example"},
        {"host": "localhost.evil.example:8088"},
        {"host": "evil.example#127.0.0.1"},
        {"host": "0.0.0.0:8088"},
        {"host": ""},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "http://127.0.0.1:8088.evil.example"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_other_names_and_other_pages_may_not(headers: dict[str, str]) -> None:
    status, answered, body, _ = ask(make(), scope("POST", "/deocclude", **headers))
    assert status == 403 and set(json.loads(body)) == {"error"} and answered["connection"] == "close"


def test_two_hosts_and_none_are_refused() -> None:
    twice = scope()
    twice["headers"] *= 2
    none = {**scope(), "headers": []}
    assert ask(make(), twice)[0] == ask(make(), none)[0] == 403


def test_a_link_from_elsewhere_leads_to_the_page() -> None:
    assert ask(make(), scope(sec_fetch_site="cross-site"))[0] == 200


def test_a_network_may_call_it_as_it_likes_with_the_secret() -> None:
    app = make(own=False, secret=SECRET)
    right = "Basic " + base64.b64encode(f"occset:{SECRET}".encode()).decode()
    assert ask(app, scope(host="studio.local:8088", authorization=right))[0] == 200
    assert ask(app, scope(host="studio.local:8088", authorization=right, origin="http://other.local"))[0] == 403
    assert ask(app, scope(host="a b", authorization=right))[0] == 403
    wrong = "Basic " + base64.b64encode(b"occset:correct horse batterz").decode()
    for given in ("", wrong, right.replace("Basic", "Bearer"), right[:-4], "Basic \xff"):
        status, headers, _, _ = ask(app, scope(host="studio.local:8088", authorization=given))
        assert status == 401 and headers["www-authenticate"].startswith("Basic "), given


def test_an_error_says_nothing_of_the_request_and_is_not_the_end() -> None:
    async def breaks(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("the secret face")

    said: list[str] = []
    status, _, body, _ = ask(make(breaks, said=said), scope("POST", "/deocclude"))
    assert status == 500 and b"secret" not in body
    assert said[0] == "serve: ValueError while answering" and said[1].startswith("POST /deocclude 500, ")
    ask(make(said=said), scope("BREW", "/../etc/passwd\n"))
    assert said[2].startswith("(unknown method) (unknown path) 200, ")


async def takes(asked: Any, receive: Any, send: Any) -> None:
    await read_body(asked, receive)
    await hello(asked, receive, send)


def test_a_body_is_refused_at_the_limit_and_not_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "LINGER_SECONDS", 0.0)
    part = bytes(1 << 20)
    status, _, body, taken = ask(make(takes), scope("POST", content_type="image/png"), (part for _ in range(100)))
    assert status == 413 and b"32 MB at most" in body
    assert MOST_BYTES == 32 << 20 and taken in (33, 34)  # one more may be on its way, to be dropped
    said = scope("POST", content_type="image/png", content_length=str(100 << 20))
    status, _, _, taken = ask(make(takes), said, (part for _ in range(100)))
    assert status == 413 and taken <= 1  # not waited for
    long = scope("POST", content_type="image/png", content_length="9" * 5000)
    assert ask(make(takes), long)[0] == 413


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "text/html",
        "imagine/png",
        "",
    ],
)
def test_other_kinds_are_refused_unread(kind: str) -> None:
    status, _, _, taken = ask(make(takes), scope("POST", content_type=kind))
    assert (status, taken) == (415, 0)


def test_no_kind_and_two_kinds_are_refused() -> None:
    twice = scope("POST", content_type="image/png")
    twice["headers"].append((b"content-type", b"image/png"))
    assert ask(make(takes), scope("POST"))[0] == ask(make(takes), twice)[0] == 415


def test_a_slow_body_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.2)
    monkeypatch.setattr(guard, "LINGER_SECONDS", 0.1)
    began = time.monotonic()
    status, _, body, _ = ask(make(takes), scope("POST", content_type="image/png"), [0.05] * 100)
    assert status == 408 and b"in time" in body and time.monotonic() - began < 2


def test_a_sender_that_leaves_is_no_error() -> None:
    said: list[str] = []

    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError("there is nobody")

    asyncio.run(make(takes, said=said)(scope("POST", "/deocclude", content_type="image/png"), gone, send))
    assert said[0].startswith("POST /deocclude (left), ")
    with pytest.raises(Refused):
        asyncio.run(read_body(scope("POST"), gone))


def test_who_takes_no_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "SEND_SECONDS", 0.1)
    parts = []

    async def send(message: Any) -> None:
        parts.append(len(message.get("body", b"")))
        if len(parts) > 3:
            await asyncio.sleep(60)

    async def large(asked: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": bytes(10 << 20)})

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        asyncio.run(make(large)(scope(), hello, send))
    assert time.monotonic() - began < 5 and max(parts) <= 1 << 18


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("127.3.2.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("192.168.1.5", False), ("", False), ("127.1", False), ("studio", False)],
)  # fmt: skip
def test_what_is_this_machine_alone(host: str, own: bool) -> None:
    assert is_loopback(host) is own
