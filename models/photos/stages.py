"""Where the time of a photo goes: ``with stage("NS"): ...`` costs nothing unless somebody asks by ``with profiled()``.

Times are of the stage alone: what a stage inside it takes is counted there.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType

_REST = "all else"


@dataclass
class Profile:
    """Seconds by stage, in the order in which stages were first met.

    Attributes:
        seconds: of each stage, and of "all else" once the profile is closed.
        whole: from beginning to end.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    whole: float = 0.0
    _open: list[float] = field(default_factory=list)  # for each open stage, what those inside it took

    def shares(self) -> dict[str, float]:
        """Of each stage, 0..1, together 1."""
        return {name: seconds / self.whole if self.whole else 0.0 for name, seconds in self.seconds.items()}

    def rows(self) -> list[dict[str, str]]:
        """A table for the user."""
        told = [
            {"stage": name, "seconds": f"{self.seconds[name]:.3f}", "share": f"{share:.1%}"}
            for name, share in self.shares().items()
        ]
        return [*told, {"stage": "all", "seconds": f"{self.whole:.3f}", "share": "100.0%"}]


_asked: ContextVar[Profile | None] = ContextVar("profile of stages", default=None)


@contextmanager
def profiled() -> Iterator[Profile]:
    """Measure the stages that run inside, in this thread; the profile is whole when it ends."""
    profile = Profile()
    token, began = _asked.set(profile), time.perf_counter()
    try:
        yield profile
    finally:
        _asked.reset(token)
        profile.whole = time.perf_counter() - began
        profile.seconds[_REST] = max(0.0, profile.whole - sum(profile.seconds.values()))


class stage:  # noqa: N801 - reads as a word in `with stage("NS")`
    """A part of the work by name.

    >>> with profiled() as profile:
    ...     with stage("detect"):
    ...         faces = sorted([3, 1, 2])
    >>> list(profile.seconds)
    ['detect', 'all else']
    """

    def __init__(self, name: str) -> None:
        self.name, self.profile, self.began = name, _asked.get(), 0.0

    def __enter__(self) -> None:
        """Begin."""
        if self.profile is not None:
            self.profile.seconds.setdefault(self.name, 0.0)
            self.profile._open.append(0.0)
            _settle()
            self.began = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, whatever happened."""
        if self.profile is not None:
            _settle()
            took = time.perf_counter() - self.began
            inside = self.profile._open.pop()
            self.profile.seconds[self.name] += took - inside
            if self.profile._open:
                self.profile._open[-1] += took


def _settle() -> None:
    """Let an accelerator finish what it was given, so that its time counts where it belongs."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.synchronize()
