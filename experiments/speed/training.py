"""A step of the training engine against the same step in a plain loop, written down here in ten lines.

The network is the full U-Net on ResNet-18 at 128 px with a batch of 16, the samples lie in memory. Engine and loops take
their steps in turn, so that whatever slows this machine down slows all of them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experiments.speed.row import row

LIMIT = 1.05
SIZE, BATCH, STEPS, WARM_UP = 128, 16, 20, 3
_RATE, _DECAY, _CLIP = 1e-4, 1e-2, 1.0


class MemorySamples:
    """Noise to learn from, made once."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.images = rng.integers(0, 256, (4 * BATCH, SIZE, SIZE, 3), np.uint8)
        self.masks = rng.integers(0, 2, (4 * BATCH, SIZE, SIZE), np.uint8) * 255

    def __call__(self, epoch: int, index: int) -> dict[str, np.ndarray]:
        """One of the samples in turn."""
        return {"image": self.images[index % len(self.images)], "mask": self.masks[index % len(self.masks)]}


class MemoryTask:
    """NS's network on samples in memory."""

    name = "speed"

    def __init__(self) -> None:
        import torch

        torch.manual_seed(0)
        self.networks = {"segmentation": _network()}
        self.samples = MemorySamples()

    def loss(self, network: str, networks: Mapping[str, Any], batch: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Binary cross-entropy, and the same for the log."""
        loss = _loss(networks[network](_input(batch["image"])), batch["mask"])
        return loss, {"bce": loss}

    def validate(self, networks: Mapping[str, Any]) -> dict[str, float]:
        """Nothing: only steps are timed."""
        return {}

    def pictures(self, networks: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """None."""
        return {}


def measure() -> list[dict[str, Any]]:
    """Time the engine (bf16-mixed, channels-last) beside a plain loop of the same, and beside one in float32.

    Returns:
        Two rows, see `experiments.speed.row`, medians in milliseconds a step: against the same plain loop, with its
        limit, and against the float32 loop in torch's usual layout.
    """
    same, plain = plain_loop(mixed=True), plain_loop(mixed=False)
    times = engine_times({"same": same, "plain": plain})
    ours, peer, float32 = (float(np.median(times[name])) * 1000 for name in ("engine", "same", "plain"))
    name = f"a training step, U-Net/ResNet-18, {BATCH} pictures at {SIZE} px"
    return [
        row(
            f"{name} / a plain loop, both bf16 and channels-last",
            ours,
            peer,
            f"at most {LIMIT:g}",
            ours <= LIMIT * peer,
        ),
        row(f"{name}, bf16 and channels-last / a plain loop in float32", ours, float32),
    ]


def engine_times(others: Mapping[str, Callable[[], None]], steps: int = STEPS) -> dict[str, list[float]]:
    """Seconds of each step of the engine, under "engine", and of each other function, called after every step.

    The engine's time is all that passes between two calls of its progress function: samples stacked, logs, everything.
    """
    from occset.models.training.engine import fit
    from occset.models.training.presets import TrainingPreset

    times: dict[str, list[float]] = {name: [] for name in ("engine", *others)}
    left = time.perf_counter()

    def after_a_step(done: int, total: int) -> None:
        nonlocal left
        found = {"engine": time.perf_counter() - left}
        order = list(others) if done % 2 else list(others)[::-1]
        for name in order:
            started = time.perf_counter()
            others[name]()
            found[name] = time.perf_counter() - started
        for name, seconds in found.items() if done > WARM_UP else ():
            times[name].append(seconds)
        left = time.perf_counter()

    count = steps + WARM_UP
    preset = TrainingPreset(
        "speed", BATCH, 1, count * BATCH, _RATE, weight_decay=_DECAY, precision="bf16-mixed", clip=_CLIP, log_every=5
    )
    with tempfile.TemporaryDirectory() as folder:
        fit(MemoryTask(), preset, Path(folder), workers=0, accelerator="cpu", progress=after_a_step, say=lambda _: None)
    return times


def plain_loop(mixed: bool) -> Callable[[], None]:
    """A function that takes one step of the loop that one would write without an engine.

    Args:
        mixed: in bf16 and channels-last, with the fused optimiser, as the engine does; else float32 and torch's defaults.
    """
    import torch

    torch.manual_seed(0)
    layout = torch.channels_last if mixed else torch.contiguous_format
    network = _network().to(memory_format=layout).train()
    optimiser = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=_DECAY, fused=mixed)
    samples = MemorySamples()
    images, masks = torch.from_numpy(samples.images[:BATCH]), torch.from_numpy(samples.masks[:BATCH])

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            logits = network(_input(images).contiguous(memory_format=layout))
        loss = _loss(logits.float(), masks)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), _CLIP)
        optimiser.step()

    return step


def _network() -> Any:
    from occset.models.segmentation.network import Architecture

    return Architecture("resnet18", size=SIZE).build()


def _input(images: Any) -> Any:
    return images.permute(0, 3, 1, 2).float() / 255


def _loss(logits: Any, masks: Any) -> Any:
    import torch

    return torch.nn.functional.binary_cross_entropy_with_logits(logits[:, 0], masks.float() / 255)


if __name__ == "__main__":
    for line in measure():
        print(line)
