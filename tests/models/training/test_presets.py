from __future__ import annotations

import math
from typing import Any

import pytest

from occset.models.training.presets import TrainingPreset, learning_rate
from occset.support.errors import OccsetError


def preset(**changes: Any) -> TrainingPreset:
    return TrainingPreset("p", **{"batch": 4, "epochs": 5, "epoch_size": 80, "learning_rate": 0.1, **changes})


def test_steps_are_counted() -> None:
    assert (preset().steps_per_epoch, preset().steps) == (20, 100)


def test_a_constant_rate_after_a_linear_warm_up() -> None:
    rates = [learning_rate(preset(warmup=4), step) for step in (0, 1, 2, 3, 4, 99)]
    assert rates == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1, 0.1])


def test_half_a_cosine_wave() -> None:
    rates = [learning_rate(preset(plan="cosine"), step) for step in (0, 25, 50, 75)]
    assert rates == pytest.approx([0.1, 0.1 * (0.5 + math.sqrt(0.125)), 0.05, 0.1 * (0.5 - math.sqrt(0.125))])
    assert 0 < learning_rate(preset(plan="cosine"), 99) < 1e-4
    after = preset(plan="cosine", warmup=20)  # the wave spans the 80 steps that are left
    assert [learning_rate(after, step) for step in (19, 20, 60)] == pytest.approx([0.1, 0.1, 0.05])


def test_the_rate_drops_once() -> None:
    dropping = preset(plan="drop", drop_at=0.6, drop_to=0.2)
    assert [learning_rate(dropping, step) for step in (0, 59, 60, 99)] == pytest.approx([0.1, 0.1, 0.02, 0.02])


def test_a_warm_up_longer_than_the_training_never_divides_by_zero() -> None:
    long = preset(plan="cosine", warmup=100)
    assert learning_rate(long, 99) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch": 0}, "batch is 0, it must be a whole number of at least 1"),
        ({"epochs": True}, "epochs is True"),
        ({"learning_rate": float("nan")}, "learning_rate is nan, it must be above 0"),
        ({"betas": (0.9, 1.0)}, "betas"),
        ({"plan": "linear"}, "plan is 'linear', it must be one of constant, cosine, drop"),
        ({"precision": "bf16"}, "one of 32-true, bf16-mixed, 16-mixed, auto"),
        ({"ema": 1.0}, "ema is 1.0, it must be between 0 and 1, or None"),
        ({"clip": 0.0}, "clip"),
        ({"drop_at": 1.2}, "drop_at"),
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"warmup": -1}, "warmup"),
        ({"epoch_size": 83}, "epoch_size 83 is no multiple of batch 4: use 80 or 84"),
        ({"epoch_size": 3}, "of batch 4: use 4$"),
    ],
)
def test_what_makes_no_sense_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(OccsetError, match="preset p: .*" + message.replace("(", r"\(")):
        preset(**changes)


def test_a_preset_survives_its_dictionary() -> None:
    original = preset(betas=(0.5, 0.9), clip=1.0, ema=0.99, plan="drop")
    values = original.to_dict()
    assert values["betas"] == [0.5, 0.9]  # plain values only
    assert TrainingPreset.from_dict(values) == original


def test_a_dictionary_with_other_fields_is_refused() -> None:
    with pytest.raises(OccsetError, match="has no momentum"):
        TrainingPreset.from_dict({**preset().to_dict(), "momentum": 1})
    with pytest.raises(OccsetError, match=r"no training preset: .*'batch'"):
        TrainingPreset.from_dict({k: v for k, v in preset().to_dict().items() if k != "batch"})


def test_a_network_has_settings_of_its_own() -> None:
    own = {"judge": {"learning_rate": 0.4, "betas": [0.5, 0.9], "ema": None, "every": 3}}
    several = preset(ema=0.9, clip=1.0, networks=own)
    judge, other = several.of("judge"), several.of("other")
    assert (judge.learning_rate, judge.betas, judge.ema, judge.clip) == (0.4, (0.5, 0.9), None, 1.0)
    assert (other.learning_rate, other.ema) == (0.1, 0.9)
    assert (several.every("judge"), several.every("other")) == (3, 1)
    assert TrainingPreset.from_dict(several.to_dict()) == several
    assert several != preset(ema=0.9, clip=1.0)
    assert "networks" not in preset().to_dict()  # as every version before wrote it


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"batch": 3}, "batch cannot be set for the network judge alone"),
        ({"every": 0}, "every of judge is 0, it must be a whole number of at least 1"),
        ({"clip": -1.0}, "clip is -1.0, it must be above 0"),
    ],
)
def test_settings_of_a_network_that_make_no_sense_are_named(
    own: dict[str, float] | dict[str, int], message: str
) -> None:
    with pytest.raises(OccsetError, match=message):
        preset(networks={"judge": own})
