"""Presets of NR: what is trained, how long, how fast."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from occset.models.reconstruction.architecture import Architecture
from occset.models.reconstruction.losses import Weights
from occset.models.segmentation.mix import Mix
from occset.models.training.presets import TrainingPreset, fitted


@dataclass(frozen=True)
class ReconstructionPreset:
    """Everything about a training of NR but its data and its seed.

    Attributes:
        architecture: the network.
        training: the engine's part.
        weights: of the losses, Eq. 9.
        colours: sets of harmonics of the light: 1 as in the paper, 3 for tinted light.
        render: side in pixels at which the face is drawn for the losses.
        coarse: draw the decimated level of the morphable model.
        identity_share: share of a step's samples that the identity loss looks at.
        mix: what samples show, and how often.
        epoch_is_set: an epoch has as many samples as the split has faces, whatever `training` says.
        says: one line for lists.
    """

    architecture: Architecture
    training: TrainingPreset
    weights: Weights = Weights()  # noqa: RUF009 - frozen
    colours: int = 3
    render: int = 128
    coarse: bool = True
    identity_share: float = 1.0
    mix: Mix = Mix(bare=0.15, double=0.25)  # noqa: RUF009 - frozen
    epoch_is_set: bool = False
    says: str = ""

    def fitted(self, faces: int, epochs: int | None = None) -> ReconstructionPreset:
        """The preset for a set of so many faces, with another number of epochs where one is given."""
        return replace(self, training=fitted(self.training, faces, epochs, self.epoch_is_set))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the metadata of weights."""
        return {
            "network": {**self.architecture.to_dict(), "colours": self.colours},
            "training": self.training.to_dict(),
            "weights": asdict(self.weights),
            "mix": asdict(self.mix),
            "identity_share": self.identity_share,
        }


@dataclass(frozen=True)
class Options:
    """What a training of NR takes besides the common options."""

    morphable: Annotated[str, "Morphable model: procedural, or an imported one."] = "procedural"
    albedo: Annotated[Path | None, "Learned albedo that the faces were fitted with."] = None
    renderer: Annotated[str, "What draws for the losses: torch, or nvdiffrast on a GPU."] = "torch"
    encoder_weights: Annotated[Path | None, "ImageNet weights of the encoder, saved by torch."] = None
    segmentation: Annotated[Path | None, "NS whose encoder it starts from, if alike; the released one by default."] = (
        None
    )


_LITE = "timm-tf_efficientnet_lite0"

PRESETS = {
    preset.training.name: preset
    for preset in (
        ReconstructionPreset(
            Architecture("resnet18", 96, spatial=32, hidden=256),
            TrainingPreset(
                "demo", 16, 4, 1600, 5e-4, weight_decay=1e-2, warmup=50, plan="cosine", precision="auto",
                clip=1.0, ema=0.99,
            ),
            render=64, identity_share=0.0,
            says="96 px, narrow, without the identity loss, minutes on a laptop: shows that it works",
        ),
        ReconstructionPreset(
            Architecture(_LITE, 128, spatial=64, hidden=768),
            TrainingPreset(
                "laptop", 16, 7, 3200, 6e-4, weight_decay=1e-2, warmup=100, plan="cosine", precision="auto",
                clip=1.0, ema=0.998, checkpoint_every=100,
            ),
            render=96, identity_share=0.25,
            says="128 px, from NS's encoder, half an hour on two cores: the released checkpoint",
        ),
        ReconstructionPreset(
            Architecture("resnet50", 224),
            TrainingPreset("paper", 16, 50, 16, 1e-4, plan="drop", drop_at=0.5, drop_to=0.2),
            colours=1, render=224, coarse=False, epoch_is_set=True,
            says="the paper's numbers: ResNet-50, 224 px, Adam 1e-4 dropped to a fifth half way, batch 16, 50 epochs",
        ),
        ReconstructionPreset(
            Architecture("resnet50", 224, hidden=1024),
            TrainingPreset(
                "fast", 64, 40, 12800, 4e-4, weight_decay=1e-2, warmup=200, plan="cosine", precision="auto",
                clip=1.0, ema=0.999,
            ),
            render=224, coarse=False,
            says="224 px, one modern GPU, bf16",
        ),
    )
}  # fmt: skip
"""Every preset by name."""
