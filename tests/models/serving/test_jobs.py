"""One photo at a time, some wait, more are told so, and who has left is not worked for."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from occset.models.serving.jobs import Busy, Gone, Jobs


async def stays() -> None:
    await asyncio.Event().wait()


def test_one_at_a_time_in_their_order() -> None:
    running, most, order = 0, 0, []

    def work(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        time.sleep(0.02)
        running -= 1
        order.append(number)
        return number * 2

    async def all_of_them() -> list[int]:
        jobs = Jobs()
        return await asyncio.gather(*(jobs.run(lambda n=n: work(n), stays()) for n in range(5)))  # type: ignore[misc]

    assert asyncio.run(all_of_them()) == [0, 2, 4, 6, 8]
    assert (most, order) == (1, [0, 1, 2, 3, 4])


def test_places_are_counted_and_given_back() -> None:
    jobs = Jobs(places=2)
    with jobs.place():
        with jobs.place(), pytest.raises(Busy), jobs.place():
            pass
        with pytest.raises(ValueError, match="broken"), jobs.place():
            raise ValueError("broken")
        with jobs.place():
            pass


def test_an_error_of_the_work_arrives() -> None:
    async def fails() -> None:
        await Jobs().run(lambda: 1 // 0, stays())

    with pytest.raises(ZeroDivisionError):
        asyncio.run(fails())


def test_what_nobody_waits_for_is_never_begun_and_what_has_begun_ends_first() -> None:
    go, done = threading.Event(), []

    async def scene() -> None:
        jobs = Jobs()

        async def leaves() -> None:
            await asyncio.sleep(0.05)

        first = asyncio.ensure_future(jobs.run(lambda: (go.wait(5), done.append("first")), leaves()))
        await asyncio.sleep(0)  # it is handed in
        with pytest.raises(Gone):
            await jobs.run(lambda: done.append("second"), leaves())
        assert not first.done() and not done  # its place is kept while it runs
        go.set()
        await first

    asyncio.run(scene())
    assert done == ["first"]
