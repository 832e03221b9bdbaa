"""Pre-labels on demand: the HTTP server that Label Studio asks when a task without predictions is opened.

It speaks Label Studio's ML protocol as release 1.23 does: `/health`, then `/setup`, then `/predict`, for each opening.
The model stays in memory and works in one thread, picture by picture, so that memory is bounded and an opened task
waits behind single pictures of a long request, not behind all of it. Pictures are read from a folder; no address that a
request names is ever fetched.
"""

from __future__ import annotations

import os
import secrets
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from occset.annotation.backend.loopback import LoopbackServer
from occset.annotation.backend.loopback_requests import USER, Refused, Route
from occset.annotation.labels.prelabel import prelabel, takes_faces, to_prediction, version_of
from occset.pictures.images import read_image
from occset.rounds.honeypots import damage
from occset.support.console import printable
from occset.support.console import say as to_terminal
from occset.support.errors import BadInput, UnsafePath
from occset.support.files import safe_join

if TYPE_CHECKING:
    from occset.annotation.api.studio import Studio

SECRET = "OCCSET_BACKEND_SECRET"
"""The environment variable that holds the shared secret."""

TITLE = "occset"
"""Of the connection in Label Studio. Not the model's version: a project whose `model_version` is the title of a
connection shows no stored predictions while that backend is down."""

MOST_TASKS, MOST_PIXELS = 200, 1 << 24
ANSWER_SECONDS = 90.0  # Label Studio waits 100 for /predict
_LOCAL_FILES = "/data/local-files/"

ReadPicture = Callable[[dict[str, Any]], np.ndarray | None]
"""Takes a task's data; returns (H, W, 3) uint8 RGB, or None where there is no such picture."""


def secret_from_environment() -> str:
    """The shared secret: of the environment, else a new one for this run."""
    return os.environ.get(SECRET) or secrets.token_urlsafe(32)


def pictures_in(document_root: Path) -> ReadPicture:
    """Read the pictures that Label Studio serves from its document root, by the path in their address.

    Takes addresses `/data/local-files/?d=PATH`, with no host. Raises, when called, `UnsafePath` for a path that leaves
    the folder and `BadInput` for what is no picture or has more than 4096 x 4096 pixels.
    """

    def read(data: dict[str, Any]) -> np.ndarray | None:
        address = data.get("image")
        if not isinstance(address, str) or not address.startswith(_LOCAL_FILES):
            return None
        paths = urllib.parse.parse_qs(urllib.parse.urlsplit(address).query).get("d", [])
        return read_image(safe_join(document_root, paths[0]), MOST_PIXELS) if len(paths) == 1 else None

    return read


class Backend:
    """A server that is bound and warm; `serve` answers until Ctrl-C, `start` does so in a thread of its own."""

    def __init__(
        self,
        model: Any,
        secret: str,
        read_picture: ReadPicture,
        port: int,
        host: str,
        say: Callable[[str], None],
        truths: Mapping[str, np.ndarray],
    ) -> None:
        """See `make_server`."""
        self.version, self.say = version_of(model), say
        self._model, self._read_picture, self._truths = model, read_picture, truths
        self._worker = ThreadPoolExecutor(1, "occset-model")  # torch keeps what makes it fast for each thread
        self._serving: threading.Thread | None = None
        self._server = LoopbackServer(self._routes(), secret, host, port, say)
        try:
            self._worker.submit(self._warm).result()
        except BaseException:
            self.stop()
            raise

    @property
    def url(self) -> str:
        """Where it answers."""
        return self._server.url

    def serve(self) -> None:
        """Answer until Ctrl-C or `stop`, then close."""
        try:
            self.start()
            while self._serving is not None and self._serving.is_alive():
                self._serving.join(0.5)
        except KeyboardInterrupt:
            self.say("stopped")
        finally:
            self.stop()

    def start(self) -> None:
        """Answer in a thread of its own until `stop`; nothing new where it does so already."""
        if self._serving is not None:
            return
        self._serving = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._serving.start()

    def stop(self) -> None:
        """Close the port; a picture that the model works on is finished, what waits is refused. Twice does no harm."""
        if self._serving is not None:
            self._server.shutdown()
            self._serving.join()
            self._serving = None
        self._server.server_close()
        self._worker.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def _warm(self) -> None:
        """Read the weights and compile what gets compiled, the codec's loops too."""
        guess = prelabel(self._model, [np.zeros((512, 512, 3), np.uint8)])[0]
        to_prediction(guess._replace(mask=np.full_like(guess.mask, 255)), "")

    def _routes(self) -> dict[str, Route]:
        def nothing(_: Any) -> tuple[dict[str, Any], int]:
            return {}, 0

        def healthy(_: Any) -> tuple[dict[str, Any], int]:
            return {"status": "UP", "model_class": TITLE}, 0

        def versions(_: Any) -> tuple[dict[str, Any], int]:
            return {"versions": [self.version]}, 0

        return {
            "/health": Route(healthy, "GET", "none", secret=False),
            "/setup": Route(self._set_up),
            "/predict": Route(self._predict, heavy=True),
            "/versions": Route(versions, "GET", "none"),
            # each saved label comes to /webhook; nothing is learnt here, so nothing of it is read
            **{path: Route(nothing, body="dropped") for path in ("/webhook", "/delete", "/duplicate_model")},
        }

    def _set_up(self, body: Any) -> tuple[dict[str, Any], int]:
        """Say the model's version, or that its labels do not fit; Label Studio then does not ask for any."""
        if not isinstance(body, dict) or not takes_faces(body.get("schema")):
            words = "the labelling setup has no brush 'face' on 'image': use a project that occset annotate push made"
            raise Refused(HTTPStatus.BAD_REQUEST, words)
        return {"model_version": self.version}, 0

    def _predict(self, body: Any) -> tuple[dict[str, Any], int]:
        """One prediction for each task in their order; an empty list where there is no picture, so that none is kept."""
        tasks = body.get("tasks") if isinstance(body, dict) else None
        if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
            raise Refused(HTTPStatus.BAD_REQUEST, "no list of tasks")
        if len(tasks) > MOST_TASKS:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {MOST_TASKS} tasks at once")
        end = monotonic() + ANSWER_SECONDS
        return {"results": [self._ask(task, end) for task in tasks], "model_version": self.version}, len(tasks)

    def _ask(self, task: dict[str, Any], end: float) -> dict[str, Any] | list[Any]:
        """Let the worker do one task, which waits its turn among those of other requests."""
        stopping = Refused(HTTPStatus.SERVICE_UNAVAILABLE, "the backend stops")
        try:
            future = self._worker.submit(self._one, task)
        except RuntimeError:
            raise stopping from None
        try:
            return future.result(max(0.0, end - monotonic()))
        except CancelledError:
            raise stopping from None
        except TimeoutError:
            future.cancel()
            words = "the model did not get through these tasks in time: ask for fewer at once"
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, words) from None

    def _one(self, task: dict[str, Any]) -> dict[str, Any] | list[Any]:
        """The prediction for a task; an empty list, and a line that says why, where it has no picture."""
        data, number = task.get("data"), task.get("id")
        name = f"task {number}" if type(number) is int and 0 <= number < 1 << 63 else "a task without a number"
        image, why = None, "its picture is not in the served folder"
        try:
            image = self._read_picture(data) if isinstance(data, dict) else None
        except (UnsafePath, ValueError):
            why = "the path of its picture leaves the served folder, or is none"
        except (BadInput, OSError) as error:
            why = printable(str(error))[:300]
        if image is None or not isinstance(data, dict):
            self.say(f"{name}: no pre-label: {why}")
            return []
        key = data.get("key")
        guess = prelabel(self._model, [image])[0]
        if not isinstance(key, str) or not key.isascii():
            return to_prediction(guess, name)
        truth = self._truths.get(key)
        if truth is not None and truth.shape == guess.mask.shape:  # a honeypot measures the annotator, not the model
            guess = guess._replace(mask=damage(guess.mask, truth, key))
        return to_prediction(guess, key)


def make_server(
    model: Any,
    secret: str,
    read_picture: ReadPicture,
    port: int = 9090,
    host: str = "127.0.0.1",
    say: Callable[[str], None] = to_terminal,
    truths: Mapping[str, np.ndarray] | None = None,
) -> Backend:
    """Bind a backend and warm its model, so that the first answer is as fast as the others.

    Args:
        model: as `occset.mining.model.open_model` returns it.
        secret: asked for in HTTP basic auth, with the user "occset", everywhere but at `/health`.
        read_picture: see `pictures_in`.
        port: 0 for any that is free.
        host: a loopback address.
        say: takes a line for each request: its path, status, tasks and milliseconds, nothing of what it holds.
        truths: of honeypots, by the key of their task, (side, side) uint8 0/255; their pre-labels are damaged.

    Raises:
        OccsetError: the port is busy, the host is not loopback, the secret is short, or the model cannot be used.
    """
    return Backend(model, secret, read_picture, port, host, say, truths or {})


def register(studio: Studio, project: int, url: str, secret: str) -> None:
    """Let a project of Label Studio ask the backend at `url`, which has to be serving: it is asked at once.

    Twice does no harm: a connection that occset made before is replaced.

    Raises:
        OccsetError: Label Studio could not be reached or could not reach the backend.
    """
    studio.connect_backend(project, url, TITLE, USER, secret)
