"""One photo at a time: the next ones wait, some few, and whoever comes then is told that all is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

MOST_SENT = 8
"""Photos that are held at once: being sent, waiting, or being worked on."""

Made = TypeVar("Made")


class Busy(Exception):
    """All places are taken."""


class Gone(Exception):
    """Who asked has left before it was their turn."""


class Jobs:
    """Works in a thread of its own, so that the page answers meanwhile; the networks use all cores for one photo already."""

    def __init__(self, places: int = MOST_SENT) -> None:
        self._left = places
        self._worker = ThreadPoolExecutor(1, "occset-serve")

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place, from before the photo is read until its answer is there.

        Raises:
            Busy: there is none.
        """
        if not self._left:
            raise Busy
        self._left -= 1
        try:
            yield
        finally:
            self._left += 1

    async def run(self, work: Callable[[], Made], left: Awaitable[None]) -> Made:
        """What ``work()`` returns or raises, in its turn.

        Args:
            work: is called in the thread.
            left: returns when nobody waits for the answer any more; what has not begun by then is never begun.

        Raises:
            Gone: it was not begun.
        """
        job = self._worker.submit(work)
        waiting: asyncio.Future[Made] = asyncio.wrap_future(job)
        watching: asyncio.Future[None] = asyncio.ensure_future(left)
        both: set[asyncio.Future[Any]] = {waiting, watching}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done() and job.cancel():
                raise Gone
            return await waiting  # what has begun keeps its place to its end
        finally:
            watching.cancel()

    def close(self) -> None:
        """Begin nothing more; what runs is not waited for."""
        self._worker.shutdown(wait=False, cancel_futures=True)
