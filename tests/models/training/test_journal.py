from __future__ import annotations

import math

import pytest
import torch

from occset.models.training.journal import Journal, Marks


def test_means_since_the_last_call() -> None:
    journal = Journal()
    for step, loss in enumerate((1.0, 2.0, 6.0)):
        journal.note(step, "judge", torch.tensor(loss), {"dice": loss / 2})
    assert journal.means() == {}  # nobody has looked yet
    assert journal.look() is None
    assert journal.means() == {"judge/loss": 3.0, "judge/dice": 1.5}
    journal.note(3, "judge", torch.tensor(8.0), {})
    journal.look()
    assert journal.means() == {"judge/loss": 8.0}


def test_the_first_loss_that_is_not_finite_is_named_with_its_step() -> None:
    journal = Journal()
    journal.note(40, "judge", torch.tensor(1.0), {})
    journal.note(41, "judge", torch.tensor(math.nan), {"dice": torch.tensor(0.5), "bce": math.inf})
    journal.note(42, "judge", torch.tensor(math.nan), {})
    assert str(journal.look()) == "step 42: the loss of judge is not finite (loss nan, dice 0.5, bce inf)"


def test_speed_leaves_out_the_first_step_and_old_ones() -> None:
    journal = Journal()
    assert journal.steps_per_second() == 0
    journal.took(30.0)
    assert journal.steps_per_second() == pytest.approx(1 / 30)
    for seconds in [5.0] * 100 + [0.5] * 200:
        journal.took(seconds)
    assert journal.steps_per_second() == pytest.approx(2.0)


def test_marks_double_from_the_first_and_are_passed_once() -> None:
    marks = Marks(10.0)
    assert [marks.took(4.0) for _ in range(11)] == [None, None, 10, None, 20, None, None, None, None, 40, None]
    assert marks.seconds == 44
    assert Marks(10.0, 39.0).took(0.5) is None and Marks(10.0, 39.0).took(1.0) == 40  # on from a checkpoint
    assert Marks(1.0).took(9.0) == 8  # of several in one step the last
    assert Marks(None).took(1e9) is None
