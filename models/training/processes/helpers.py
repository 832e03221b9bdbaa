"""The other processes of a training on this machine.

``torchrun`` and ``fabric run`` start theirs themselves. Where several devices are asked for without them, this process
becomes the first of the training and starts the others, told through the same environment variables.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any

import torch

from occset.models.training.processes.layout import Layout
from occset.support.errors import OccsetError
from occset.support.pools.processes import Failed, default_workers, leave_with_parent, quiet_start

_GRACE_S, _NOTICE_S = 20.0, 3.0  # for a helper to end by itself, and for one that broke the connection to be gone
_READY = "ready"


@contextmanager
def helpers(layout: Layout, work: Callable[..., None], arguments: tuple[Any, ...]) -> Iterator[None]:
    """Run ``work(*arguments)`` in the other processes of this machine, unless torchrun has started them.

    Args:
        layout: says how many.
        work: a function of a module; finds its rank in the environment, as under torchrun.
        arguments: picklable.

    Raises:
        OccsetError: what a helper raised; or a helper died; or the arguments cannot be sent to one.
    """
    if layout.launched or layout.devices == 1:
        yield
        return
    try:
        copy = pickle.dumps((work, arguments))  # left to multiprocessing, the weights would be memory that all share
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise OccsetError(
            f"this cannot be sent to other processes ({error}): define its classes and functions in a module, or start "
            "the script with torchrun"
        ) from error
    shared = _variables(layout.devices)
    before, threads = dict(os.environ), torch.get_num_threads()
    started: list[_Helper] = []
    try:
        with quiet_start(None):
            for rank in range(1, layout.devices):
                started.append(_Helper({**shared, **_ranks(rank)}, layout, copy))
        for helper in started:  # before anything that waits for all of them without looking whether they live
            helper.wait_until_ready()
        os.environ.update({**shared, **_ranks(0)})
        _share_cores(layout)
        yield
        for helper in started:
            helper.process.join(_GRACE_S)
    except RuntimeError as error:  # such as "connection closed by peer"
        ended = wait([helper.process.sentinel for helper in started], _NOTICE_S)
        for helper in started:
            helper.raise_report(error)
        if not ended:
            raise
        raise _died() from error
    finally:
        for helper in started:
            helper.process.kill()
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)
        torch.set_num_threads(threads)


class _Helper:
    """One of the other processes, and the line on which it reports."""

    def __init__(self, variables: dict[str, str], layout: Layout, copy: bytes) -> None:
        context = multiprocessing.get_context("spawn")
        self.reports, theirs = context.Pipe(duplex=False)
        self.process = context.Process(target=_help, args=(theirs, variables, layout, copy))
        self.process.start()
        theirs.close()

    def wait_until_ready(self) -> None:
        """Until it has loaded all it needs.

        Raises:
            OccsetError: it died over it.
        """
        with suppress(EOFError):  # the end that it held is closed
            if self.reports.recv() == _READY:
                return
        raise _died()

    def raise_report(self, cause: Exception) -> None:
        """Raise what it reported, if anything."""
        with suppress(EOFError):
            if self.reports.poll():
                raise self.reports.recv().error() from cause


def _died() -> OccsetError:
    return OccsetError(
        "another process of this training died, killed or out of memory: run again, it goes on from the last checkpoint "
        "(and a script of your own must start its work below  if __name__ == '__main__':)"
    )


def _variables(devices: int) -> dict[str, str]:
    """What torchrun would say."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
    return {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(devices),
        "LOCAL_WORLD_SIZE": str(devices),
        "TORCHELASTIC_RUN_ID": "occset",
        "GROUP_RANK": "0",
    }


def _ranks(rank: int) -> dict[str, str]:
    return {"RANK": str(rank), "LOCAL_RANK": str(rank)}


def _share_cores(layout: Layout) -> None:
    if layout.accelerator == "cpu":
        torch.set_num_threads(max(1, default_workers() // layout.devices))


def _help(reports: Connection, variables: dict[str, str], layout: Layout, copy: bytes) -> None:
    threading.Thread(target=leave_with_parent, daemon=True).start()
    os.environ.update(variables)
    _share_cores(layout)
    work, arguments = pickle.loads(copy)
    reports.send(_READY)
    try:
        work(*arguments)
    except OccsetError as error:
        reports.send(Failed(type(error), str(error)))
