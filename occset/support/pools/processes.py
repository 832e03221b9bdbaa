"""Maps over chunks of work: in this process, in a pool of processes, or where `map_chunks` is given one, on a cluster."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from typing import Any, TypeVar

from occset.support.errors import OccsetError
from occset.support.interrupts import shielded

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""One thread a worker: there are as many workers as cores."""

GRACE_S = 1.0
"""For workers to finish what they do when their work is given up, as by Ctrl-C; they leave with the command."""

_NOTICE_S = 0.3  # for a signal that ended the workers to be heard here too

T = TypeVar("T")
R = TypeVar("R")

_make_worker: Any = None
_worker: Any = None


def default_workers() -> int:
    """As many workers as there are cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_chunks(
    make_worker: Callable[[], Callable[[T], R]], chunks: Sequence[T], workers: int | None, ray: str | None = None
) -> Iterator[R]:
    """Yield ``worker(chunk)`` for each chunk, in the order of the chunks.

    Args:
        make_worker: picklable; called once in each process, returns the function that does the work.
        chunks: picklable pieces of work.
        workers: number of processes, all cores by default; 1 works in this one. On a cluster at most so many workers.
        ray: the address of a Ray cluster that works instead, see `map_on_ray`.

    Raises:
        MissingExtra: Ray is asked for and not installed.
        OccsetError: a worker process died (killed, or out of memory), or no cluster answers.
        Whatever a worker raises.
    """
    if ray is not None:
        from occset.support.pools.ray_cluster import map_on_ray

        yield from map_on_ray(make_worker, chunks, ray, workers)
        return
    workers = workers or default_workers()
    if workers <= 1 or len(chunks) <= 1:
        function = make_worker()
        for chunk in chunks:
            yield function(chunk)
        return
    context = multiprocessing.get_context("spawn")  # fork would copy threads of torch and OpenCV in any state
    pool = ProcessPoolExecutor(
        min(workers, len(chunks)), mp_context=context, initializer=_start, initargs=(make_worker,)
    )
    waiting: list[Future[R]] = []
    given_up = True
    try:
        for chunk in chunks:
            with quiet_start(1):
                waiting.append(pool.submit(_run, chunk))
            if len(waiting) > 2 * workers:
                yield _result(waiting.pop(0))
        while waiting:
            yield _result(waiting.pop(0))
        given_up = False
    except BrokenProcessPool as error:
        time.sleep(_NOTICE_S)
        raise OccsetError(
            "a worker process died, killed or out of memory: run again, it goes on where it stopped; try --workers 1 "
            "(and a script of your own must start its work below  if __name__ == '__main__':)"
        ) from error
    except OccsetError:
        given_up = False  # what the others do is worth finishing
        raise
    finally:
        _end(pool, GRACE_S if given_up else None)


def _end(pool: ProcessPoolExecutor, seconds: float | None) -> None:
    """Start nothing more, and wait for the workers to finish what they do: to the end, or so many seconds."""
    alive = [process.sentinel for process in (pool._processes or {}).values()]
    pool.shutdown(wait=seconds is None, cancel_futures=True)
    until = time.monotonic() + (seconds or 0.0)
    while alive and time.monotonic() < until:
        ended = multiprocessing.connection.wait(alive, max(0.0, until - time.monotonic()))
        alive = [sentinel for sentinel in alive if sentinel not in ended]


@contextmanager
def quiet_start(threads: int | None) -> Iterator[None]:
    """Processes started in here never see Ctrl-C, nor SIGTERM while they are still importing.

    The signals are blocked, which children inherit, and not ignored: one that arrives meanwhile reaches us afterwards.

    Args:
        threads: of each of them; None leaves that to the environment.
    """
    added = [name for name in THREADS if threads is not None and name not in os.environ]
    with shielded():
        os.environ.update(dict.fromkeys(added, str(threads)))  # libraries read these when they are loaded
        resource_tracker.ensure_running()  # multiprocessing's helper, whose start would unblock the signals again
        can_block = hasattr(signal, "pthread_sigmask")
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM}) if can_block else None
        try:
            yield
        finally:
            if before is not None:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            for name in added:
                os.environ.pop(name, None)


@dataclass(frozen=True)
class Failed:
    """A user's mistake on its way back: an exception whose constructor takes more than a message does not unpickle."""

    kind: type[OccsetError]
    message: str

    def error(self) -> OccsetError:
        """The exception as it was raised."""
        return self.kind.__new__(self.kind, self.message)


def _result(future: Future[Any]) -> Any:
    found = future.result()
    if isinstance(found, Failed):
        raise found.error()
    return found


def _start(make_worker: Callable[[], Callable[[Any], Any]]) -> None:
    global _make_worker
    import cv2

    cv2.setNumThreads(1)
    threading.Thread(target=leave_with_parent, daemon=True).start()
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # the pool ends its workers by it
    _make_worker = make_worker


def leave_with_parent() -> None:
    """End this worker as soon as its parent was killed, since nobody would ever tell it to stop."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _run(chunk: Any) -> Any:
    global _worker
    try:
        if _worker is None:  # made here and not in _start, whose errors the pool would not pass on
            _worker = _make_worker()
        return _worker(chunk)
    except OccsetError as error:
        return Failed(type(error), str(error))
