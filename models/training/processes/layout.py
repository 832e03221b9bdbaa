"""The processes of one training: which devices they use, and what all of them agree on."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed

from occset.support.errors import OccsetError
from occset.support.pools.processes import Failed

_PATIENCE = datetime.timedelta(hours=12)  # others wait while the first one validates


@dataclass(frozen=True)
class Layout:
    """Which devices a training runs on.

    Attributes:
        accelerator: "cpu", "cuda" or whatever else Fabric knows.
        devices: processes on this machine, one device each.
        nodes: machines.
        launched: the processes were started by torchrun.
        rank: of this process in the whole training.
    """

    accelerator: str
    devices: int
    nodes: int
    launched: bool
    rank: int

    @property
    def world(self) -> int:
        """Processes in all."""
        return self.devices * self.nodes


def find_layout(accelerator: str = "auto", devices: int | str = "auto", nodes: int = 1) -> Layout:
    """What "auto" means here: every GPU there is, or one process on a CPU; what torchrun says where it started us.

    Raises:
        OccsetError: a number that makes no sense, or several machines without torchrun.
    """
    if accelerator in ("auto", "gpu"):
        has_mps = torch.backends.mps.is_available()
        accelerator = "cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu"
    if torch.distributed.is_available() and torch.distributed.is_torchelastic_launched():
        world, local = int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])
        return Layout(accelerator, local, max(1, world // local), True, int(os.environ["RANK"]))
    if devices in ("auto", -1, "-1"):
        devices = max(1, torch.cuda.device_count()) if accelerator == "cuda" else 1
    if not str(devices).isdigit() or int(devices) < 1:
        raise OccsetError(f"devices is {devices!r}: give a number of devices, or auto")
    if nodes > 1:
        raise OccsetError(
            f"{nodes} machines: start the command on each of them with torchrun, such as "
            f"torchrun --nnodes {nodes} --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint HOST:29400 ..."
        )
    return Layout(accelerator, int(devices), 1, False, 0)


class Team:
    """What the processes tell each other beside gradients; does nothing where there is one process.

    A group of its own over gloo, so that a word between processes never waits for an accelerator.
    """

    def __init__(self, rank: int, world: int) -> None:
        self.rank, self.world = rank, world
        self._group: Any = torch.distributed.new_group(backend="gloo", timeout=_PATIENCE) if world > 1 else None

    def any(self, flags: Sequence[bool]) -> list[bool]:
        """For each flag, whether it is up in any process."""
        if self._group is None:
            return list(flags)
        up = torch.tensor(flags, dtype=torch.int32)
        torch.distributed.all_reduce(up, torch.distributed.ReduceOp.MAX, group=self._group)
        return [bool(value) for value in up.tolist()]

    def mean(self, values: dict[str, float]) -> dict[str, float]:
        """The mean over all processes of each of the values, whose names are the same everywhere."""
        if self._group is None or not values:
            return values
        total = torch.tensor(list(values.values()), dtype=torch.float64)
        torch.distributed.all_reduce(total, group=self._group)
        return dict(zip(values, (total / self.world).tolist(), strict=True))

    def first(self, value: Any) -> Any:
        """The first process's value that is not None."""
        if self._group is None:
            return value
        found: list[Any] = [None] * self.world
        torch.distributed.all_gather_object(found, value, group=self._group)
        return next((v for v in found if v is not None), None)

    def tell(self, make: Callable[[], Any]) -> Any:
        """What ``make`` returns in process 0, in all of them; its OccsetError is raised in all of them."""
        told: list[Any] = [None]
        if self.rank == 0:
            try:
                told = [make()]
            except OccsetError as error:
                if self._group is None:
                    raise
                told = [Failed(type(error), str(error))]
        if self._group is not None:
            torch.distributed.broadcast_object_list(told, src=0, group=self._group)
        if isinstance(told[0], Failed):
            raise told[0].error()
        return told[0]


def leave() -> None:
    """Take this process out of its group, so that another training may follow."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
