"""Pulling through lost connections, a server that dies, and kills of the puller at each of its writes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from occset import cli
from occset.annotation.api import client
from occset.annotation.api import task_list as listing
from occset.annotation.api.client import LostConnection, connect
from occset.annotation.pull.pull import pull
from occset.annotation.pull.raw_tasks import state_path
from occset.annotation.push.push import push
from occset.annotation.push.task_names import key_of, marker_of
from occset.checks.check import check
from occset.dataset.occlusion_set import OcclusionSet
from occset.pictures.masks import decode_rle
from occset.rounds.ledger import Ledger, ledger_path
from occset.rounds.opening import open_random
from occset.rounds.versions import versions_path
from occset.support.errors import OccsetError
from tests.annotation.annotating import annotate_round, brush, call, choice, submit, tasks_of
from tests.annotation.conftest import RunningStudio
from tests.annotation.lossy_proxy import KINDS, LossyProxy

FACES, PAGE = 12, 3


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(listing, "PAGE", PAGE)  # so that a pull asks often
    monkeypatch.setattr(listing, "_OVERLAP", 1)


@pytest.fixture
def studio(label_studio: RunningStudio) -> RunningStudio:
    return connect(label_studio.url, label_studio.token, label_studio.document_root)


@pytest.fixture
def labelled(label_studio: RunningStudio, studio: RunningStudio, make_set: Callable[..., OcclusionSet]) -> OcclusionSet:
    """A set whose round was labelled; it and its copies can be pulled, which changes nothing on the server."""
    data, ledger = opened(make_set)
    project = push(data, studio, 1, kind="none").project
    annotate_round(label_studio, project, ledger, truth, occluder=worn, seed=1)
    return data


def opened(make_set: Callable[..., OcclusionSet]) -> tuple[OcclusionSet, Ledger]:
    """A set with an open round; what a set was opened with names its project: each test has one of its own."""
    data = make_set("original", faces=22, each=2)
    data.write("textures", data.textures.assign(category=data.path.parent.name))
    return data, open_random(data, FACES)


def truth(row: dict[str, Any]) -> np.ndarray:
    return decode_rle(row["label_before"], row["height"], row["width"])


def worn(row: dict[str, Any]) -> tuple[np.ndarray, str] | None:
    if row["rank"] % 3:
        return None
    mask = np.zeros((row["height"], row["width"]), np.uint8)
    mask[150:190, 100:150] = 255
    return mask, "hand"


def copy_of(data: OcclusionSet, name: str) -> OcclusionSet:
    target = data.path.with_name(name)
    shutil.copytree(data.path, target)
    return OcclusionSet(target)


def outcome(data: OcclusionSet) -> tuple[object, ...]:
    """All that a pull writes into a set, but when: tables, cut-outs, ledger, versions, the tasks as they came."""
    data = OcclusionSet(data.path)
    assert [found for found in check(data, 1) if found.level == "error"] == []
    files = (ledger_path(data.path, 1), versions_path(data.path, 1))
    raw = {path.name: path.read_bytes() for path in (data.path / "rounds/001/raw").iterdir() if path.name[0] != "."}
    cutouts = sorted(data.occluders["cutout"])
    assert all((data.path / name).is_file() for name in cutouts)
    merged = json.loads(state_path(data.path, 1).read_text())["merged"]
    return data.content_hash(), [path.read_bytes() for path in files], raw, cutouts, merged


def test_every_third_request_lost_gives_the_same(
    label_studio: RunningStudio, studio: RunningStudio, labelled: OcclusionSet
) -> None:
    undisturbed = copy_of(labelled, "undisturbed")
    assert pull(undisturbed, studio).merged == FACES
    with LossyProxy(label_studio.url) as proxy:
        far = connect(proxy.url, label_studio.token, label_studio.document_root)
        pulled = pull(labelled, far)
    assert set(proxy.lost) == set(KINDS) and sum(proxy.lost.values()) >= 3
    assert (pulled.merged, pulled.refused, pulled.waiting) == (FACES, [], [])
    assert outcome(labelled) == outcome(undisturbed)


def test_a_server_that_dies_while_tasks_come_leaves_the_set_as_it_was(
    label_studio: RunningStudio, studio: RunningStudio, labelled: OcclusionSet
) -> None:
    undisturbed = copy_of(labelled, "undisturbed")
    pull(undisturbed, studio)
    before, ledger = labelled.content_hash(), ledger_path(labelled.path, 1).read_bytes()

    def die(done: int, total: int) -> None:
        if done == PAGE:
            label_studio.kill()

    try:
        with pytest.raises(LostConnection, match=rf"lost the connection .*{label_studio.url}.*run the same command"):
            pull(labelled, studio, progress=die)
        assert OcclusionSet(labelled.path).content_hash() == before
        assert ledger_path(labelled.path, 1).read_bytes() == ledger
        assert not state_path(labelled.path, 1).exists() and not versions_path(labelled.path, 1).exists()
        assert len(list((labelled.path / "rounds/001/raw").iterdir())) == PAGE  # what came is kept
    finally:
        label_studio.restart()
    pulled = pull(labelled, studio)
    assert (pulled.merged, pulled.waiting) == (FACES, [])
    assert outcome(labelled) == outcome(undisturbed)


_KILLED = """
import os, random, signal, sys, time
from pathlib import Path
import cv2
cv2.setNumThreads(0)
from occset.annotation.api.client import connect
from occset.annotation.pull.pull import pull
from occset.dataset.occlusion_set import OcclusionSet
import occset.annotation.labels.cutouts, occset.annotation.labels.codec_loops, occset.importing.add_source, label_studio_sdk
import numpy as np
from occset.annotation.labels.codec import decode_brush, encode_brush
decode_brush(encode_brush(np.full((8, 8), 255, np.uint8)), 8, 8)  # compiled once for all
os.fsync = lambda handle: None
original, rename = Path(sys.argv[1]), os.replace

def one(folder, last, seconds):
    'Pull in a process of its own, which is killed before its rename number `last`, or after so many seconds.'
    child = os.fork()
    if child:
        if seconds is not None:
            time.sleep(seconds)
            os.kill(child, signal.SIGKILL)
        return os.waitpid(child, 0)[1]
    left = [last]
    def dying(source, target):
        left[0] -= 1
        if left[0] == 0:
            print(folder.name, Path(target).relative_to(folder), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        rename(source, target)
    if last:
        os.replace = dying
    try:
        token, root = os.environ["TOKEN"], Path(os.environ["ROOT"])
        pull(OcclusionSet(folder), connect(os.environ["URL"], token, root))
    except BaseException as error:
        print("failed", folder.name, repr(error), flush=True)
        os._exit(1)
    os._exit(0)

import shutil
number, ended = 0, False
while not ended:
    number += 1
    folder = original.with_name(f"write-{number}")
    shutil.copytree(original, folder)
    ended = one(folder, number, None) == 0
began = time.monotonic()
shutil.rmtree(folder)
shutil.copytree(original, folder)
assert one(folder, 0, None) == 0
took = time.monotonic() - began
shutil.rmtree(folder)
for number in range(int(sys.argv[2])):
    folder = original.with_name(f"moment-{number}")
    shutil.copytree(original, folder)
    one(folder, 0, random.Random(number).uniform(0.05, 0.9) * took)
"""


def correct(label_studio: RunningStudio, project: int, ledger: Ledger) -> None:
    """Labels come anew for two faces that have some, with another occluder and with none, and for two first ones."""
    keys = {key_of(marker_of(ledger), row["id"]): row for row in ledger.rows.to_dict("records")}
    tasks = {keys[task["data"]["key"]]["rank"]: task for task in tasks_of(label_studio, project)}
    rows = {row["rank"]: row for row in keys.values()}
    for rank in (3, 6):
        result = [brush(truth(rows[rank]), "face", "a")]
        if rank == 3:
            hat = np.zeros((256, 256), np.uint8)
            hat[40:100, 80:170] = 255
            result += [brush(hat, "occluder", "b"), choice("category", "hat", "b")]
        annotation = tasks[rank]["annotations"][0]["id"]
        call(label_studio, "PATCH", f"/api/annotations/{annotation}/", {"result": result, "lead_time": 33.0})
    for rank in (9, 10):
        hand = np.zeros((256, 256), np.uint8)
        hand[150:190, 60:110] = 255
        result = [brush(truth(rows[rank]), "face", "a"), brush(hand, "occluder", "b"), choice("category", "cup", "b")]
        submit(label_studio, tasks[rank]["id"], result)


def test_killed_at_each_of_its_writes_a_pull_is_finished_by_the_next(
    label_studio: RunningStudio,
    studio: RunningStudio,
    make_set: Callable[..., OcclusionSet],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listing, "PAGE", 100)
    data, ledger = opened(make_set)
    project = push(data, studio, 1, kind="none").project
    first = ledger.rows["id"][ledger.rows["rank"] < 9]
    annotate_round(label_studio, project, ledger, truth, ids=first, occluder=worn)
    pull(data, studio)
    correct(label_studio, project, ledger)
    undisturbed = copy_of(data, "undisturbed")
    assert pull(undisturbed, studio).occluders == 3
    wanted = outcome(undisturbed)
    variables = {"URL": label_studio.url, "TOKEN": label_studio.token, "ROOT": str(label_studio.document_root)}
    told = subprocess.run(
        [sys.executable, "-c", _KILLED, str(data.path), "4"],
        env={**os.environ, **variables}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert told.returncode == 0 and "failed" not in told.stdout, told
    at = dict(line.split(" ", 1) for line in told.stdout.splitlines())
    names = {Path(name).name for name in at.values()}
    assert names >= {"versions.parquet", "faces.parquet", "ledger.parquet", "occluders.parquet", "label-studio.json"}
    killed = sorted(data.path.parent.glob("write-*")) + sorted(data.path.parent.glob("moment-*"))
    assert len(killed) == len(at) + 4 and len(at) > 12
    for folder in killed:
        where = at.get(folder.name, folder.name)
        found = OcclusionSet(folder)
        errors = [str(one) for one in check(found, 1) if one.level == "error"]
        assert errors == [], where
        pull(found, studio)
        assert outcome(found) == wanted, where
        shutil.rmtree(folder)


def test_two_pulls_at_once_and_one_of_them_is_told_to_wait(studio: RunningStudio, labelled: OcclusionSet) -> None:
    messages = []

    def at_the_same_time(done: int, total: int) -> None:
        if done == PAGE:
            with pytest.raises(OccsetError) as caught:
                pull(OcclusionSet(labelled.path), studio)
            messages.append(str(caught.value))

    assert pull(labelled, studio, progress=at_the_same_time).merged == FACES
    (message,) = messages
    assert str(labelled.path) in message and "another occset is writing here: wait" in message


@pytest.fixture
def old_server() -> Iterator[str]:
    """A Label Studio of a version that occset does not know."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"release": "1.7.3"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *message: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("command", ["pull", "status", "backend", "push"])
def test_the_wrong_token_or_version_is_one_line(
    command: str,
    label_studio: RunningStudio,
    old_server: str,
    plain_set: OcclusionSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(plain_set.path, tmp_path / "set")
    open_random(OcclusionSet(tmp_path / "set"), 2)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "nothing"))
    secret = "0123456789abcdef" * 2 + "76543210"
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", secret)
    more = ["--prelabel", "none"] if command == "push" else []
    monkeypatch.setattr(sys, "argv", ["occset", "annotate", command, str(tmp_path / "set"), *more])
    for url, words in (
        (label_studio.url, "refuses the token: set LABEL_STUDIO_API_KEY"),
        (old_server, "is Label Studio 1.7.3, and occset was tried with 1.23.x: use that one"),
        ("http://127.0.0.1:9", "no Label Studio answers at http://127.0.0.1:9: run"),
    ):
        monkeypatch.setenv("LABEL_STUDIO_URL", url)
        with pytest.raises(SystemExit) as caught:
            cli.main()
        told = capsys.readouterr()
        assert caught.value.code == 2 and told.out == ""
        (line,) = told.err.splitlines()
        assert words in line and line.startswith("occset: ") and secret not in line
