"""Progress as plain lines, for logs of batch systems and of other programs, where nothing can be drawn over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

EVERY_S = 30.0
"""Between two lines, whichever work they are of; a command that takes less says nothing."""

_AT_LEAST_S = 1.0
"""Work that takes less says nothing, even if all was silent before."""


def duration(seconds: float) -> str:
    """A time as people read it: "40 s", "12 min", "3 h 05 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


class Lines:
    """Within ``with``: a line every half minute, whether or not anything was done meanwhile.

    The half minute counts from the last line of all works of this process, so that many short ones are not silent together.

    Args:
        what: is being done.
        say: takes the lines.
        every: seconds between them.
        clock: seconds from anywhere.
    """

    heard = time.monotonic()
    """When the last line of any work was said; before the first, when this was loaded."""

    def __init__(
        self,
        what: str,
        say: Callable[[str], None],
        every: float = EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.what, self.say, self.every, self.clock = what, say, every, clock
        self._began = clock()
        self._first: tuple[float, int] | None = None  # when the first report came, and what was done then
        self._last: tuple[float, int, int] | None = None
        self._over = threading.Event()

    def report(self, done: int, total: int) -> None:
        """Take note that so much is done."""
        now = self.clock()
        self._first = self._first or (now, done)
        self._last = (now, done, total)

    def line(self) -> str:
        """What there is to say now: done, all, rate and what is left; the rate is that since the first report."""
        taken = duration(self.clock() - self._began)
        if self._first is None or self._last is None:
            return f"{self.what}: at work for {taken}"
        (start, before), (now, done, total) = self._first, self._last
        share = f" ({done / total:.0%})" if total else ""
        line = f"{self.what}: {done} of {total}{share} in {taken}"
        if done <= before or now <= start:
            return line
        each = (now - start) / (done - before)
        rate = f"{each:.1f} s each" if each > 1 else f"{1 / each:.1f} a second"
        return f"{line}, {rate}, about {duration(each * max(0, total - done))} left"

    def __enter__(self) -> Lines:
        """Begin."""
        threading.Thread(target=self._run, name="occset-progress", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        """End; no line comes any more."""
        self._over.set()

    def _run(self) -> None:
        while not self._over.wait(max(min(_AT_LEAST_S, self.every), self.every - (time.monotonic() - Lines.heard))):
            self.say(self.line())
            Lines.heard = time.monotonic()
