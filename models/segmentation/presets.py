"""Presets of NS: what is trained, how long, how fast."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from occset.models.segmentation.architecture import Architecture
from occset.models.training.presets import TrainingPreset, fitted


@dataclass(frozen=True)
class SegmentationPreset:
    """Everything about a training of NS but its data and its seed.

    Attributes:
        architecture: the network.
        training: the engine's part.
        ohem_keep: share of the pixels that count in the cross-entropy, see `losses.ohem_bce_loss`.
        epoch_is_set: an epoch has as many samples as the split has faces, whatever `training` says.
        says: one line for lists.
    """

    architecture: Architecture
    training: TrainingPreset
    ohem_keep: float = 0.25
    epoch_is_set: bool = False
    says: str = ""

    def fitted(self, faces: int, epochs: int | None = None) -> SegmentationPreset:
        """The preset for a set of so many labelled faces, with another number of epochs where one is given."""
        return replace(self, training=fitted(self.training, faces, epochs, self.epoch_is_set))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the metadata of weights."""
        return {
            "network": {
                "encoder": self.architecture.encoder,
                "decoder": list(self.architecture.decoder),
                "size": self.architecture.size,
            },
            "training": self.training.to_dict(),
            "ohem_keep": self.ohem_keep,
        }


@dataclass(frozen=True)
class Options:
    """What a training of NS takes besides the common options."""

    encoder_weights: Annotated[Path | None, "ImageNet weights of the encoder, saved by torch."] = None


PRESETS = {
    preset.training.name: preset
    for preset in (
        SegmentationPreset(
            Architecture("resnet18", (64, 48, 32, 24, 16), 128),
            TrainingPreset(
                "demo", 16, 4, 1600, 1e-3, weight_decay=1e-2, warmup=50, plan="cosine", precision="bf16-mixed",
                clip=1.0, ema=0.99,
            ),
            says="128 px, narrow, minutes on a laptop: shows that it works",
        ),
        SegmentationPreset(
            Architecture("timm-tf_efficientnet_lite0", (128, 64, 48, 32, 16), 128),
            TrainingPreset(
                "laptop", 16, 10, 4800, 1e-3, weight_decay=1e-2, warmup=100, plan="cosine", precision="bf16-mixed",
                clip=1.0, ema=0.998,
            ),
            says="128 px, three quarters of an hour on two cores: first half of the released checkpoint",
        ),
        SegmentationPreset(
            Architecture("timm-tf_efficientnet_lite0", (128, 64, 48, 32, 16), 192),
            TrainingPreset(
                "laptop-192", 16, 6, 3200, 5e-4, weight_decay=1e-2, warmup=50, plan="cosine", precision="bf16-mixed",
                clip=1.0, ema=0.998, checkpoint_every=100,
            ),
            says="192 px, half an hour on two cores, from what `laptop` came to: its second half",
        ),
        SegmentationPreset(
            Architecture("resnet18", size=256),
            TrainingPreset("paper", 16, 30, 16, 1e-4),
            epoch_is_set=True,
            says="the paper's numbers: ResNet-18, 256 px, Adam 1e-4, batch 16, 30 epochs of the whole set",
        ),
        SegmentationPreset(
            Architecture("resnet18", size=256),
            TrainingPreset(
                "fast", 64, 60, 12800, 1e-3, weight_decay=1e-2, warmup=200, plan="cosine", precision="bf16-mixed",
                clip=1.0, ema=0.999,
            ),
            says="256 px, one modern GPU, bf16",
        ),
    )
}  # fmt: skip
"""Every preset by name."""
