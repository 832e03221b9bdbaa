"""Ctrl-C and SIGTERM on the command line: at any moment one line on standard error, and never a traceback.

Python raises KeyboardInterrupt wherever the program happens to be. In a finaliser it is printed as "Exception ignored in",
and then lost; while a module is imported, compiled code may print it, or turn it into an error of its own; while a worker
process is started, the process becomes an orphan. So the first signal waits until such a place is left; the second one ends
at once.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}
"""Exit status by signal, as shells count: 128 and its number."""

_WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "stopped by SIGTERM"}
_AGAIN_S = 0.02
_IMPORTING = "<frozen importlib._bootstrap>"
_TRACKER_IS_QUIET = "ignore::UserWarning:multiprocessing.resource_tracker"

USUAL = "what was finished is kept: run the same command again and it goes on where it stopped"
"""What is true of a verb that says nothing of its own."""


class Interrupted(Exception):
    """A verb was interrupted and ended in good order; its text says what was kept and how to go on."""

    def __init__(self, message: str, number: int = signal.SIGINT) -> None:
        super().__init__(message)
        self.status = STATUS[signal.Signals(number)]


class Stop(KeyboardInterrupt):
    """What a signal raises: KeyboardInterrupt, for SIGTERM as well."""


class _Ears:
    """What was heard so far in this process."""

    def __init__(self) -> None:
        self.kept = USUAL
        self.number: int | None = None  # of the first signal
        self.raised = False
        self.again = False  # the next signal is the first one, sent again by ourselves
        self.shields = 0


_ears = _Ears()


def word_of(number: int | None) -> str:
    """A signal in words, "interrupted" or "stopped by SIGTERM"."""
    return _WORDS[signal.Signals(number or signal.SIGINT)]


def listen(kept: str = USUAL) -> None:
    """Hear Ctrl-C and SIGTERM from now on, in the main thread, unless they are ignored (a job in the background).

    Args:
        kept: what a user is told after "occset: interrupted; ".
    """
    _ears.__init__()  # type: ignore[misc]
    _ears.kept = kept
    sys.unraisablehook = _unraisable(sys.unraisablehook)
    if _TRACKER_IS_QUIET not in sys.warnoptions:
        sys.warnoptions.append(_TRACKER_IS_QUIET)  # on a sudden end it tidies up, which is nothing to warn of
    for number in STATUS:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            signal.signal(number, _hear)


def deafen() -> None:
    """Let signals pass unheard: what is left to do is a moment's tidying up."""
    for number in STATUS:
        if signal.getsignal(number) is _hear:
            signal.signal(number, lambda *_: None)  # SIG_IGN would make Python warn of a signal that is on its way


def tell(number: int | None = None) -> int:
    """Say in one line that the command was interrupted, once; returns the exit status."""
    deafen()
    number = number or _ears.number or signal.SIGINT
    # past Python's own stream, in which we may be in the middle of a line of our own
    os.write(2, f"occset: {word_of(number)}; {_ears.kept}\n".encode())
    return STATUS[signal.Signals(number)]


def leave(status: int) -> NoReturn:
    """End this process now, as all is said and written; worker processes that are still busy notice, and end too."""
    deafen()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


@contextmanager
def shielded() -> Iterator[None]:
    """What is begun in here is not cut off by the first signal, which comes right after."""
    _ears.shields += 1
    try:
        yield
    finally:
        _ears.shields -= 1


def _hear(number: int, frame: FrameType | None) -> None:
    again, _ears.again = _ears.again, False
    if not again and _ears.number is not None:
        _end_at_once()
    _ears.number = _ears.number or number
    if _ears.raised:
        return
    if _ears.shields or not _can_be_raised(frame):
        _send_again()
        return
    _ears.raised = True
    raise Stop


def _end_at_once() -> None:
    """At the second signal; everything that is written is whole, so nothing is lost, and workers leave by themselves."""
    if os.isatty(2):
        os.write(2, b"\x1b[?25h\n")  # a progress bar hides the cursor
    os._exit(tell())


def _can_be_raised(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name == "__del__" or frame.f_code.co_filename == _IMPORTING:
            return False
        frame = frame.f_back
    return True


def _send_again() -> None:
    timer = threading.Timer(_AGAIN_S, _arrive)
    timer.daemon = True
    timer.start()


def _arrive() -> None:
    _ears.again = True
    thread = threading.main_thread().ident
    if thread is not None and _ears.number is not None:
        signal.pthread_kill(thread, _ears.number)  # to the main thread, which may sleep in a system call


def _unraisable(before: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A hook for exceptions that nobody can catch: an interrupt among them is raised again a moment later."""

    def hook(event: Any) -> None:
        if issubclass(event.exc_type, Stop):
            _ears.raised = False
            _send_again()
        else:
            before(event)

    return hook
