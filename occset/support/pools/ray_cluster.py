"""Maps over chunks of work on a Ray cluster, whose workers may be other machines.

Ray is not a dependency of the core: ``pip install 'occset[scale]'``. Every node needs the same occset, and sees the set's
folder and the output's folder under the same path, as on a network file system.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from occset.support.errors import MissingExtra, OccsetError

RETRIES = 3
"""How often a piece of work whose worker died is given to another one, before it is called what kills them."""

AHEAD = 4
"""Pieces of work that may have ended before the first of them has, as a multiple of those that are done at once."""

KNOCK_S = 10.0
"""For an answer of the cluster's head."""

T = TypeVar("T")
R = TypeVar("R")


def map_on_ray(
    make_worker: Callable[[], Callable[[T], R]], chunks: Sequence[T], address: str, workers: int | None = None
) -> Iterator[R]:
    """Yield ``worker(chunk)`` for each chunk, in the order of the chunks, by one worker a core of a Ray cluster.

    Args:
        make_worker: picklable; called once in each worker, returns the function that does the work, which may do a piece
            twice, if a worker or its machine dies.
        chunks: picklable pieces of work.
        address: of the cluster's head, such as 10.0.0.1:6379; auto is the one that runs on this machine.
        workers: at most so many at once; one a core of the cluster by default.

    Raises:
        MissingExtra: Ray is not installed.
        OccsetError: no cluster answers, or a piece of work kills every worker that it is given to.
        Whatever a worker raises.
    """
    if not chunks:
        return
    with _connected(address) as ray:
        work = ray.remote(num_cpus=1, max_retries=RETRIES)(_work)
        made = [
            ray.put(make_worker)
        ]  # once into each node; in a list, so that it is not fetched for each piece of work
        busy: dict[Any, int] = {}
        ended: dict[int, Any] = {}
        begun = given = 0
        while given < len(chunks):
            at_once = workers or 2 * _cores(
                ray, address
            )  # asked anew, since machines come and go; 2: none waits for us
            while len(busy) < at_once and begun < min(len(chunks), given + AHEAD * at_once):
                busy[work.remote(made, chunks[begun])] = begun
                begun += 1
            for reference in ray.wait(list(busy), num_returns=1)[0]:
                ended[busy.pop(reference)] = reference
            while given in ended:  # what was raised is raised at its place
                yield _result(ray, ended.pop(given), given)
                given += 1


_workers: dict[
    Any, Callable[[Any], Any]
] = {}  # in a process of the cluster, which does one piece of work after another


def _work(made: list[Any], chunk: Any) -> Any:
    """What comes of a piece of work; a user's mistake as a `Failed`, for its exception may not unpickle."""
    import cv2
    import ray

    from occset.support.pools.processes import Failed

    try:
        if made[0] not in _workers:
            cv2.setNumThreads(1)
            _workers.clear()  # of an earlier command
            _workers[made[0]] = ray.get(made[0])()
        return _workers[made[0]](chunk)
    except OccsetError as error:
        return Failed(type(error), str(error))


def _cores(ray: Any, address: str) -> int:
    cores = int(ray.cluster_resources().get("CPU", 0))
    if cores < 1:
        raise OccsetError(f"the Ray cluster at {address} has no core to work with: start nodes with --num-cpus")
    return cores


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # as Ray will do anyway, without its warning
    try:
        import ray
    except ImportError as error:
        raise MissingExtra("ray", "scale", "--ray") from error
    if ray.is_initialized():  # by a script of the user's own, which goes on with it
        yield ray
        return
    heard = signal.getsignal(signal.SIGTERM)
    try:
        _answers(address)
        ray.init(address=address, namespace="occset", log_to_driver=False, logging_level=logging.ERROR)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, heard)  # Ray would leave without a word
    except (OSError, RuntimeError, ValueError) as error:  # ConnectionError and TimeoutError are kinds of OSError
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise OccsetError(
            f"no Ray cluster could be joined at {address} ({why}): start its head with  ray start --head , further "
            "machines with  ray start --address HEAD:6379 , all with the same versions of Ray, Python and occset"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()  # what still works is ended with it: it belongs to this driver


def _answers(address: str) -> None:
    """Knock at an address that has a port: Ray itself would try for minutes.

    Raises:
        OSError: nobody answers.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_S).close()


def _result(ray: Any, reference: Any, number: int) -> Any:
    from occset.support.pools.processes import Failed

    try:
        found = ray.get(reference)
    except ray.exceptions.RayTaskError:
        raise  # what the work itself raised
    except ray.exceptions.RayError as error:
        raise OccsetError(
            f"piece of work {number} ended its worker {RETRIES + 1} times, killed or out of memory: look at the memory "
            "of the cluster's nodes, and run again, it goes on where it stopped"
        ) from error
    if isinstance(found, Failed):
        raise found.error()
    return found
