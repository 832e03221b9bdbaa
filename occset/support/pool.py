"""Maps over chunks of work: in this process, or in a pool of processes.

The one place that starts workers, so that another kind of pool can be added here and nowhere else.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, TypeVar

from occset.support.errors import OccsetError

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""One thread a worker: there are as many workers as cores."""

T = TypeVar("T")
R = TypeVar("R")

_make_worker: Any = None
_worker: Any = None


def default_workers() -> int:
    """As many workers as there are cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_chunks(make_worker: Callable[[], Callable[[T], R]], chunks: Sequence[T], workers: int) -> Iterator[R]:
    """Yield ``worker(chunk)`` for each chunk, in the order of the chunks.

    Args:
        make_worker: picklable; called once in each process, returns the function that does the work.
        chunks: picklable pieces of work.
        workers: number of processes; 1 works in this one.

    Raises:
        OccsetError: a worker process died (killed, or out of memory).
        Whatever a worker raises.
    """
    if workers <= 1 or len(chunks) <= 1:
        function = make_worker()
        for chunk in chunks:
            yield function(chunk)
        return
    context = multiprocessing.get_context("spawn")  # fork would copy threads of torch and OpenCV in any state
    pool = ProcessPoolExecutor(
        min(workers, len(chunks)), mp_context=context, initializer=_start, initargs=(make_worker,)
    )
    # libraries read these when they are loaded, which in a worker is before any of our code runs
    added = [name for name in THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        waiting: list[Future[R]] = []
        remaining = iter(chunks)
        for chunk in remaining:
            waiting.append(pool.submit(_run, chunk))
            if len(waiting) > 2 * workers:
                yield _result(waiting.pop(0))
        while waiting:
            yield _result(waiting.pop(0))
    except BrokenProcessPool as error:
        raise OccsetError(
            "a worker process died, killed or out of memory: run again, it goes on where it stopped; try --workers 1 "
            "(and a script of your own must start its work below  if __name__ == '__main__':)"
        ) from error
    finally:
        for name in added:
            os.environ.pop(name, None)
        pool.shutdown(wait=True, cancel_futures=True)


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
