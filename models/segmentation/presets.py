"""Presets of NS: what is trained, how long, how fast."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from occset.models.segmentation.architecture import Architecture
from occset.models.segmentation.mix import Mix
from occset.models.training.presets import TrainingPreset, fitted


@dataclass(frozen=True)
class SegmentationPreset:
    """Everything about a training of NS but its data and its seed.

    Attributes:
        architecture: the network.
        training: the engine's part.
        ohem_keep: share of the pixels that count in the cross-entropy, see `losses.ohem_bce_loss`.
        epoch_is_set: an epoch has as many samples as the split has faces, whatever `training` says.
        mix: what samples show, and how often.
        says: one line for lists.
    """

    architecture: Architecture
    training: TrainingPreset
    ohem_keep: float = 0.25
    epoch_is_set: bool = False
    mix: Mix = Mix()  # noqa: RUF009 - frozen
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
            "mix": asdict(self.mix),
        }


@dataclass(frozen=True)
class Options:
    """What a training of NS takes besides the common options."""

    encoder_weights: Annotated[Path | None, "ImageNet weights of the encoder, saved by torch."] = None


_SECOND = Mix(bare=0.15, double=0.3, more={"hand": 1.5, "hair": 1.3}, labelled=3)  # more of what the first is weak at

PRESETS = {
    preset.training.name: preset
    for preset in (
        SegmentationPreset(
            Architecture("resnet18", (64, 48, 32, 24, 16), 128),
            TrainingPreset(
                "demo", 16, 4, 1600, 1e-3, weight_decay=1e-2, warmup=50, plan="cosine", precision="auto",
                clip=1.0, ema=0.99,
            ),
            says="128 px, narrow, minutes on a laptop: shows that it works",
        ),
        SegmentationPreset(
            Architecture("timm-tf_efficientnet_lite0", (128, 64, 48, 32, 16), 128),
            TrainingPreset(
                "laptop", 16, 10, 4800, 1e-3, weight_decay=1e-2, warmup=100, plan="cosine", precision="auto",
                clip=1.0, ema=0.998,
            ),
            says="128 px, three quarters of an hour on two cores: first half of the released checkpoint",
        ),
        SegmentationPreset(
            Architecture("timm-tf_efficientnet_lite0", (128, 64, 48, 32, 16), 192),
            TrainingPreset(
                "laptop-192", 16, 6, 3200, 5e-4, weight_decay=1e-2, warmup=50, plan="cosine", precision="auto",
                clip=1.0, ema=0.998, checkpoint_every=100,
            ),
            says="192 px, half an hour on two cores, from what `laptop` came to: its second half",
        ),
        SegmentationPreset(
            Architecture("timm-tf_efficientnet_lite0", (128, 64, 48, 32, 16), 192),
            TrainingPreset(
                "second-192", 16, 12, 1600, 6e-4, weight_decay=1e-2, warmup=50, plan="cosine", precision="auto",
                clip=1.0, ema=0.998, checkpoint_every=50,
            ),
            mix=_SECOND,
            says="192 px, an hour on two cores, from a first checkpoint, with faces that it labelled: see occset label",
        ),
        SegmentationPreset(
            Architecture("timm-tf_efficientnet_lite0", (128, 64, 48, 32, 16), 256),
            TrainingPreset(
                "second-256", 16, 5, 800, 3e-4, weight_decay=1e-2, warmup=30, plan="cosine", precision="auto",
                clip=1.0, ema=0.998, checkpoint_every=50,
            ),
            mix=_SECOND,
            says="256 px, half an hour on two cores, from what `second-192` came to",
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
                "fast", 64, 60, 12800, 1e-3, weight_decay=1e-2, warmup=200, plan="cosine", precision="auto",
                clip=1.0, ema=0.999,
            ),
            says="256 px, one modern GPU, bf16",
        ),
    )
}  # fmt: skip
"""Every preset by name."""
