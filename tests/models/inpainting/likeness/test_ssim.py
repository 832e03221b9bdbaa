"""The map that gradients flow through against the benchmark's, which is tested against others."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from occset.benchmark.tasks.deocclusion.ssim import ssim_map as benchmark_map
from occset.models.inpainting.likeness.ssim import ssim_map


@pytest.mark.parametrize("shape", [(24, 31), (6, 40)])
def test_it_is_the_benchmarks_map(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    x, y = (rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for _ in range(2))
    y[: shape[0] // 2] = x[: shape[0] // 2] // 2 + 40  # alike but for light and contrast
    tensors = [torch.from_numpy(p).permute(2, 0, 1)[None].float() / 255 for p in (x, y)]
    found = ssim_map(*tensors)[0].permute(1, 2, 0).numpy()
    assert np.abs(found - benchmark_map(x, y)).max() < 1e-4


def test_gradients_are_those_of_finite_differences() -> None:
    generator = torch.Generator().manual_seed(1)
    x, y = (torch.rand(1, 1, 7, 8, generator=generator) for _ in range(2))
    x.requires_grad_()
    ssim_map(x, y).mean().backward()
    step = torch.zeros_like(x)
    step[0, 0, 2, 6] = 5e-3
    with torch.no_grad():
        slope = (ssim_map(x + step, y).mean() - ssim_map(x - step, y).mean()) / 1e-2
    assert x.grad is not None
    assert x.grad[0, 0, 2, 6] == pytest.approx(float(slope), rel=2e-2)


def test_low_precision_around_it_does_not_reach_it() -> None:
    generator = torch.Generator().manual_seed(2)
    x, y = (torch.rand(1, 3, 16, 16, generator=generator) for _ in range(2))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(ssim_map(x, y), ssim_map(x, y).float())
        inside = ssim_map(x, y)
    assert torch.equal(inside, ssim_map(x, y))
