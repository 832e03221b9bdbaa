"""Which precision a training computes in."""

from __future__ import annotations

import pytest

from occset.models.training.processes import precision


def test_what_a_preset_names_is_taken() -> None:
    assert precision.resolve("bf16-mixed", "cpu") == "bf16-mixed"
    assert precision.resolve("32-true", "cuda") == "32-true"


@pytest.mark.parametrize(("seconds", "chosen"), [((1.0, 0.3), "bf16-mixed"), ((1.0, 40.0), "32-true")])
def test_auto_takes_what_is_faster_here(
    monkeypatch: pytest.MonkeyPatch, seconds: tuple[float, float], chosen: str
) -> None:
    import torch

    times = {torch.float32: seconds[0], torch.bfloat16: seconds[1]}
    monkeypatch.setattr(precision, "_seconds", times.__getitem__)
    precision.bfloat16_pays.cache_clear()
    assert precision.resolve("auto", "cpu") == chosen
    precision.bfloat16_pays.cache_clear()


def test_the_probe_measures_and_leaves_the_generator_alone() -> None:
    import torch

    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    assert 0 < precision._seconds(torch.float32) < 5
    assert torch.equal(torch.rand(2), expected)
