"""Where time goes: stages by name, each without what is inside it."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from occset.models.photos import stages
from occset.models.photos.stages import profiled, stage


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that only goes where it is told to."""
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(stages, "time", SimpleNamespace(perf_counter=lambda: now.seconds))
    return now


def test_a_stage_is_counted_without_what_is_inside_it(clock: SimpleNamespace) -> None:
    with profiled() as profile:
        clock.seconds += 1
        for _ in range(2):
            with stage("paste"):
                clock.seconds += 2
                with stage("blend"):
                    clock.seconds += 3
        clock.seconds += 1
    assert profile.seconds == {"paste": 4, "blend": 6, "all else": 2} and profile.whole == 12
    assert sum(profile.shares().values()) == pytest.approx(1)
    assert profile.rows()[:2] == [
        {"stage": "paste", "seconds": "4.000", "share": "33.3%"},
        {"stage": "blend", "seconds": "6.000", "share": "50.0%"},
    ]
    assert profile.rows()[-1] == {"stage": "all", "seconds": "12.000", "share": "100.0%"}


def test_a_stage_that_fails_is_counted_too(clock: SimpleNamespace) -> None:
    with profiled() as profile:
        with pytest.raises(ZeroDivisionError), stage("read"):
            clock.seconds += 5
            raise ZeroDivisionError
        with stage("write"):
            clock.seconds += 1
    assert profile.seconds == {"read": 5, "write": 1, "all else": 0}


def test_nothing_is_kept_where_nobody_asks() -> None:
    with stage("alone"):
        pass
    with profiled() as profile:
        pass
    assert list(profile.seconds) == ["all else"]


def test_it_costs_next_to_nothing_where_nobody_asks() -> None:
    began = time.thread_time()
    for _ in range(10_000):
        with stage("x"):
            pass
    assert (time.thread_time() - began) / 10_000 < 2e-5  # a face passes ten, and takes a tenth of a second
