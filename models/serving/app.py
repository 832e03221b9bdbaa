"""The three paths of the page: itself, a photo, and a built-in face."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from occset.models.serving.answers import MOST_PIXELS, Answer, Answering, NoFace
from occset.models.serving.example import EXAMPLES, example
from occset.models.serving.guard import MOST_BYTES, Guard, Receive, Refused, Send, read_body
from occset.models.serving.jobs import Busy, Gone, Jobs
from occset.support import pages
from occset.support.errors import BadInput, MissingExtra

try:
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, Response
    from starlette.routing import Route, Router
except ModuleNotFoundError as error:
    if error.name not in ("starlette", "anyio"):
        raise
    raise MissingExtra("starlette", "serve", "the page of  occset serve") from error

_PATHS = ("/", "/deocclude", "/example/[0-9]")
_RETRY_SECONDS = 5


def make_app(answering: Answering, jobs: Jobs, own_names_only: bool, secret: str, say: Callable[[str], None]) -> Guard:
    """The page as an ASGI application.

    Args:
        answering: repairs the photos.
        jobs: where it does.
        own_names_only, secret, say: see `Guard`.
    """
    words = {
        "title": "The face without what hides it",
        "megabytes": str(MOST_BYTES >> 20),
        "megapixels": str(MOST_PIXELS // 1_000_000),
        "examples": str(EXAMPLES),
    }
    page = pages.fill("occset.models.serving", words, served=True).encode()

    async def show(request: Request) -> Response:
        return HTMLResponse(page)

    async def photo(request: Request) -> Response:
        with _place(jobs):
            data = await read_body(request.scope, request.receive)
            return await _answer(lambda: answering.of_photo(data), jobs, request.receive)

    async def built_in(request: Request) -> Response:
        given = str(request.path_params["number"])
        number = next((number for number in range(EXAMPLES) if str(number) == given), None)
        if number is None:
            raise Refused(HTTPStatus.NOT_FOUND, f"There are {EXAMPLES} built-in faces, from 0.")
        with _place(jobs):
            return await _answer(lambda: answering.of_pixels(example(number)), jobs, request.receive)

    async def nowhere(scope: Any, receive: Receive, send: Send) -> None:
        raise Refused(HTTPStatus.NOT_FOUND, "There is no such path.")

    routes = [
        Route("/", show, methods=["GET"]),
        Route("/deocclude", photo, methods=["POST"]),
        Route("/example/{number}", built_in, methods=["POST"]),
    ]
    # a router by itself: around it an application would answer errors before the guard hears of them
    app = Router(routes, redirect_slashes=False, default=nowhere)
    return Guard(app, own_names_only, secret, _PATHS, say)


class _place:  # noqa: N801 - read as a word
    """`Jobs.place`, with a sentence where there is none."""

    def __init__(self, jobs: Jobs) -> None:
        self._place = jobs.place()

    def __enter__(self) -> None:
        try:
            self._place.__enter__()
        except Busy:
            words = "Other photos are being worked on. Try again in a moment."
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, words, {"retry-after": str(_RETRY_SECONDS)}) from None

    def __exit__(self, *raised: object) -> None:
        self._place.__exit__(*raised)  # type: ignore[arg-type]


async def _answer(work: Callable[[], Answer], jobs: Jobs, receive: Receive) -> Response:
    async def left() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    def make() -> tuple[str, bytes]:
        return work().form()

    try:
        kind, body = await jobs.run(make, left())
    except (BadInput, NoFace) as error:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, _sentence(str(error))) from None
    except MemoryError:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "The photo is too large for this machine's memory.") from None
    except Gone:
        raise ConnectionError from None
    return Response(body, media_type=kind)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
