"""Lines of progress: what they say at a given time, and that they come by themselves."""

from __future__ import annotations

import sys
import time

import pytest

from occset.support import console, progress
from occset.support.progress import Lines, duration


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (89.4, "89 s"),
        (91, "2 min"),
        (30 * 60, "30 min"),
        (5370, "1 h 30 min"),
        (3 * 3600 + 290, "3 h 05 min"),
    ],
)
def test_a_time_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_line_says_what_is_done_and_what_is_left() -> None:
    clock = Clock()
    lines = Lines("rendering", print, clock=clock)
    clock.now += 30
    assert lines.line() == "rendering: at work for 30 s"
    lines.report(0, 300)
    clock.now += 10
    lines.report(50, 300)
    assert lines.line() == "rendering: 50 of 300 (17%) in 40 s, 5.0 a second, about 50 s left"
    clock.now += 5  # nothing new came
    assert lines.line() == "rendering: 50 of 300 (17%) in 45 s, 5.0 a second, about 50 s left"


def test_what_was_done_before_does_not_count_as_fast() -> None:
    clock = Clock()
    lines = Lines("bench types", print, clock=clock)
    lines.report(80, 100)  # of a run that was cut off
    assert lines.line() == "bench types: 80 of 100 (80%) in 0 s"
    clock.now += 120
    lines.report(84, 100)
    assert lines.line() == "bench types: 84 of 100 (84%) in 2 min, 30.0 s each, about 8 min left"


def test_nothing_to_do_is_no_division() -> None:
    lines = Lines("checking", print)
    lines.report(0, 0)
    assert lines.line() == "checking: 0 of 0 in 0 s"


def test_lines_come_without_a_report_and_end_with_the_work() -> None:
    said: list[str] = []
    with Lines("fitting", said.append, every=0.05):
        time.sleep(0.5)
    count = len(said)
    assert count >= 3 and set(said) == {"fitting: at work for 0 s"} | set(said[-1:])
    time.sleep(0.2)
    assert len(said) <= count + 1


def test_many_short_works_are_not_silent_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_AT_LEAST_S", 0.01)
    monkeypatch.setattr(Lines, "heard", time.monotonic())
    said: list[str] = []
    began = time.monotonic()
    for number in range(20):  # each takes a tenth of the time between two lines
        with Lines(f"part {number}", said.append, every=0.6):
            time.sleep(0.06)
    taken = time.monotonic() - began
    assert 1 <= len(said) <= taken / 0.6, "one line in each period, whichever work is going on"
    assert "part 0: at work for 0 s" not in said, "not before the first period is over"


def test_the_command_line_says_them_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress.Lines.__init__, "__defaults__", (0.05, time.monotonic))
    with console.progress_bar("faces photos:\x1b[2J") as report:
        report(3, 12)
        time.sleep(0.3)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0] == "faces photos:\\x1b[2J: 3 of 12 (25%) in 0 s"


def test_on_a_terminal_there_is_a_bar_and_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(console, "Lines", None)  # would be called
    with console.progress_bar("rendering") as report:
        report(1, 2)


def test_every_half_minute() -> None:
    assert progress.EVERY_S == 30
    assert Lines("x", print).every == 30
