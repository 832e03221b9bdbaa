"""A tiny training of NS comes to the weights that it came to before the engine learnt of several networks.

The hash of the weights is compared where torch, the processor's instructions, the threads and the set are those of the
recording; everywhere else the mean and deviation of some of the weights have to be near, since floats are not the same on
every machine.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.segmentation.architecture import Architecture
from occset.models.segmentation.presets import SegmentationPreset
from occset.models.training.checkpoints import NAME, load
from occset.models.training.presets import TrainingPreset
from occset.models.training.registered import train
from tests.conftest import fill

TOLD = json.loads((Path(__file__).parents[1] / "training" / "made_by_format_1" / "ns-golden.json").read_text())
PRESET = SegmentationPreset(
    Architecture("resnet18", (16, 16, 8, 8, 8), 64),
    TrainingPreset("golden", 4, 2, 12, 1e-3, weight_decay=1e-2, warmup=2, plan="cosine", clip=1.0, ema=0.99),
)


def digest(state: dict[str, torch.Tensor]) -> str:
    found = hashlib.sha256()
    for name, value in state.items():
        found.update(name.encode())
        found.update(value.contiguous().numpy().tobytes())
    return found.hexdigest()


@pytest.mark.parametrize("workers", [0, 1])
def test_the_weights_are_the_same(tmp_path: Path, workers: int) -> None:
    data = fill(OcclusionSet.create(tmp_path / "set"), faces=12, each=2)
    train("ns", data, PRESET, tmp_path / "ns", seed=3, workers=workers, accelerator="cpu", say=lambda _: None)
    state = load(tmp_path / "ns" / NAME)
    weights, average = state.networks["segmentation"], state.averages["segmentation"]
    for name, (mean, deviation) in TOLD["summary"].items():
        assert float(average[name].float().mean()) == pytest.approx(mean, rel=0.02, abs=2e-3)
        assert float(average[name].float().std()) == pytest.approx(deviation, rel=0.02, abs=2e-3)
    here = (torch.__version__, torch.backends.cpu.get_cpu_capability(), torch.get_num_threads(), data.content_hash())
    if here == (TOLD["torch"], TOLD["cpu"], TOLD["threads"], TOLD["content_hash"]):
        assert (digest(weights), digest(average)) == (TOLD["weights"], TOLD["average"])
        if "starts from scratch" in state.origin:  # no ImageNet weights are installed here
            assert state.origin == TOLD["origin"]
