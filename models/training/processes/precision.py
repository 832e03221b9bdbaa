"""Which precision pays on this machine: bfloat16 is four times as fast as float32 on a processor that has units for it, and
up to ninety times as slow on one that has not."""

from __future__ import annotations

import time
from functools import lru_cache

import torch

_SIDE, _CHANNELS, _BATCH, _REPEATS = 32, 64, 8, 3


def resolve(precision: str, accelerator: str) -> str:
    """A preset's precision as Fabric names it: "auto" is "bf16-mixed" where that pays, else "32-true".

    Args:
        precision: of a preset.
        accelerator: "cpu", "cuda", ...
    """
    if precision != "auto":
        return precision
    if accelerator in ("cuda", "gpu"):
        pays = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    else:
        pays = accelerator == "cpu" and bfloat16_pays()  # of others nobody has tried it
    return "bf16-mixed" if pays else "32-true"


@lru_cache(maxsize=1)
def bfloat16_pays() -> bool:
    """Whether a convolution, forward and backward, takes less time in bfloat16 on this processor; tried once."""
    return _seconds(torch.bfloat16) < _seconds(torch.float32)


def _seconds(dtype: torch.dtype) -> float:
    """The best of some repeats."""
    generator = torch.Generator().manual_seed(0)  # leaves the training's own alone
    x = torch.rand(_BATCH, _CHANNELS, _SIDE, _SIDE, generator=generator)
    weight = torch.rand(_CHANNELS, _CHANNELS, 3, 3, generator=generator).requires_grad_()
    x, best = x.to(memory_format=torch.channels_last), float("inf")
    for _ in range(_REPEATS):
        started = time.perf_counter()
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            torch.nn.functional.conv2d(x, weight, padding=1).float().sum().backward()
        best = min(best, time.perf_counter() - started)
    return best
