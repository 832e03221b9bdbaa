"""The commands as a curator types them, from `annotate start` to `annotate stop`, on a server that they start themselves."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from occset.annotation.server.accounts import DATABASE
from occset.annotation.server.local_server import find_local, stop
from occset.dataset.occlusion_set import OcclusionSet
from occset.pictures.masks import decode_rle, encode_rle
from occset.rounds.ledger import read_round
from tests.annotation.annotating import annotate_round, call, tasks_of
from tests.annotation.conftest import RunningStudio
from tests.fixture_types import MakeSet

MODEL = """
class Bright:
    name, weights_hash, size = "bright", "0123456789abcdef", 64

    def segment(self, images):
        return images.max(axis=3)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Curator:
    """Types commands, and keeps all that they print and all that a list of processes shows meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.printed = folder, ""
        own = {"XDG_DATA_HOME": str(folder / "data"), "PYTHONPATH": str(folder)}
        dropped = ("LABEL_STUDIO_", "OCCSET_BACKEND")
        self.variables = {k: v for k, v in os.environ.items() if not k.startswith(dropped)} | own
        self.processes: set[str] = set()
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()

    def _watch(self) -> None:
        while not self._done.wait(0.1):
            listed = subprocess.run(["ps", "axww", "-o", "args="], capture_output=True, text=True, check=False)
            self.processes |= set(listed.stdout.splitlines())

    def close(self) -> None:
        self._done.set()
        self._watcher.join()

    def begin(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "occset.cli", *words],
            cwd=self.folder, env=self.variables | variables, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell in the background ignores it
        )  # fmt: skip

    def end(self, process: subprocess.Popen[str]) -> SimpleNamespace:
        out, err = process.communicate(timeout=60)
        self.printed += out + err
        assert "Traceback" not in err, err
        return SimpleNamespace(rc=process.returncode, out=out, err=err)

    def types(self, *words: str, **variables: str) -> SimpleNamespace:
        return self.end(self.begin(*words, **variables))


@pytest.fixture
def curator(label_studio_environment: Path, tmp_path: Path) -> Iterator[Curator]:
    found = Curator(tmp_path)
    yield found
    found.close()
    stop(tmp_path / "data/occset/label-studio")


def files_of(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def test_from_start_to_stop(curator: Curator, make_set: MakeSet, label_studio_environment: Path) -> None:
    data = make_set("set", faces=12, each=2)
    port = free_port()
    started = curator.types("annotate", "start", "--port", str(port))
    assert started.rc == 0 and f"http://127.0.0.1:{port}" in started.err and "curator@localhost" in started.err
    (line,) = [line for line in started.err.splitlines() if "with the password" in line]
    password = line.split("  ")[1]
    local = find_local(curator.folder / "data/occset/label-studio")
    assert local is not None and local.url == f"http://127.0.0.1:{port}" and len(password) >= 12
    again = curator.types("annotate", "start", "--port", str(free_port()))
    assert again.rc == 0 and local.url in again.err and "runs already" in again.err

    (curator.folder / "mine.py").write_text(MODEL)
    assert curator.types("annotate", "push", "set", "--random", "3", "--dry-run").err.startswith(
        "round 1 would be opened"
    )
    assert not (data.path / "rounds").exists()
    pushed = curator.types("annotate", "push", "set", "--random", "3", "--prelabel", "none", "--json")
    told = json.loads(pushed.out)
    assert (pushed.rc, told["new"], told["missing"], told["skipped"]) == (0, 3, [], [])
    assert told["url"] in pushed.err
    rehearsed = curator.types("annotate", "push", "set", "--prelabel", "none", "--dry-run")
    assert rehearsed.rc == 0 and "0 faces would be sent, 3 were there already" in rehearsed.err
    status = json.loads(curator.types("annotate", "status", "set", "--json").out)
    assert (status["pushed"], status["waiting"], status["labelled"], status["decided"]) == (3, 3, 0, 0)

    server = SimpleNamespace(url=local.url, token=local.token())
    backend_port = str(free_port())
    backend = curator.begin("annotate", "backend", "set", "--model", "mine:Bright", "--port", backend_port)
    try:
        task = tasks_of(server, told["project"])[0]["id"]
        until, shown = time.monotonic() + 30, []
        while not shown and time.monotonic() < until:
            time.sleep(0.2)
            shown = call(server, "GET", f"/api/tasks/{task}?project={told['project']}")["predictions"]
        assert [one["model_version"] for one in shown] == ["bright-0123456789ab"]
        ledger = read_round(data.path)

        def truth(row: dict[str, Any]) -> np.ndarray:
            return decode_rle(row["label_before"], row["height"], row["width"])

        drawn = annotate_round(server, told["project"], ledger, truth, wobble=1.5)
    finally:
        backend.send_signal(signal.SIGINT)
        ended = curator.end(backend)
    assert ended.rc == 0 and ended.err.rstrip().endswith("stopped")
    assert f"asks http://127.0.0.1:{backend_port} now" in ended.err and "POST /predict 200" in ended.err

    pulled = curator.types("annotate", "pull", "set", "--page", "page.html")
    assert pulled.rc == 0 and "3 labels merged, 3 faces changed" in pulled.err and "the round is closed" in pulled.err
    assert "<html" in (curator.folder / "page.html").read_text()[:300].lower()
    data = OcclusionSet(data.path)
    assert {face: data.face_row(face)["mask"] for face in drawn} == {f: encode_rle(mask) for f, mask in drawn.items()}
    report = json.loads(curator.types("round", "report", "set", "--json").out)
    assert report["arms"][0]["arm"] == "random" and report["arms"][0]["corrected"] == 3
    face = next(iter(drawn))
    versions = json.loads(curator.types("round", "history", "set", face, "--json").out)
    assert [(one["round"], one["version"]) for one in versions] == [(0, 0), (1, 1)]
    assert versions[1]["annotators"] == "curator"
    once_more = curator.types("annotate", "pull", "set")
    assert once_more.rc == 0 and "0 labels merged, 0 faces changed" in once_more.err

    token = local.token()
    ended = curator.types("annotate", "stop")
    assert ended.rc == 0 and ended.err == "Label Studio has stopped\n"
    words = (["pull", "set"], ["status", "set"], ["backend"], ["push", "set", "--prelabel", "none"])
    for process in [curator.begin("annotate", *one) for one in words]:
        refused = curator.end(process)
        assert refused.rc == 2 and refused.out == ""
        assert (
            refused.err == "occset: no Label Studio runs here: run  occset annotate start  , or set LABEL_STUDIO_URL\n"
        )

    curator.close()
    assert any("annotate pull set" in line for line in curator.processes)  # it did watch
    assert not any(token in line or password in line for line in curator.processes)
    assert token not in curator.printed and curator.printed.count(password) == 1
    own = curator.folder / "data"
    assert password.encode() not in (own / "occset/label-studio" / DATABASE).read_bytes()
    kept = {path for path in files_of(curator.folder) if path.name != DATABASE}
    assert any(path.name == "server.log" for path in kept)
    cache = files_of(label_studio_environment.parent / "template") + [
        path for path in label_studio_environment.parent.iterdir() if path.is_file()
    ]
    for path in [*kept, *cache]:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        assert token.encode() not in content and password.encode() not in content, path


def test_start_greets_the_server_that_is_named(label_studio: RunningStudio, curator: Curator) -> None:
    named = {"LABEL_STUDIO_URL": label_studio.url, "LABEL_STUDIO_API_KEY": label_studio.token}
    greeted = curator.types("annotate", "start", **named)
    assert greeted.rc == 0 and "nothing to start" in greeted.err and label_studio.url in greeted.err
    assert not (curator.folder / "data").exists() and label_studio.token not in curator.printed
    refused = curator.types("annotate", "backend", **named)
    assert refused.rc == 2 and "the backend reads the pictures of the local server" in refused.err
