"""Ctrl-C as a wish: the first one lets the step end, the second one stops at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class Interrupts:
    """Within ``with``: ``asked`` turns true on Ctrl-C and on SIGTERM, which batch systems send before they kill.

    ``number`` is then the signal that asked. A second Ctrl-C does what it did before, which is to raise KeyboardInterrupt.
    Where signals cannot be caught (outside the main thread), and where Ctrl-C is ignored (a job in the background), nothing
    is changed.
    """

    def __init__(self) -> None:
        self.asked = False
        self.number: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        """Start to listen."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        """Give the signals back to whoever had them."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            self._before[signal.SIGINT](number, frame)
        self.asked, self.number = True, self.number or number
