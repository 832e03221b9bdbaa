"""Presets of NR: which network is trained, how long, how fast. Read without torch, since help texts tell of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from occset.models.segmentation.architecture import build_encoder
from occset.models.segmentation.mix import Mix
from occset.models.training.presets import TrainingPreset, fitted
from occset.support.errors import OccsetError

if TYPE_CHECKING:
    from occset.models.reconstruction.coefficients import Layout
    from occset.models.reconstruction.network import ReconstructionNetwork

STRIDE = 32
MOST_SIDE, MOST_HIDDEN, MOST_NUMBERS = 1024, 8192, 2048
"""Of a network: a file of weights says what is built, and may be a stranger's."""


@dataclass(frozen=True)
class Architecture:
    """What has to be known to build the network again.

    Attributes:
        encoder: a name of segmentation_models_pytorch; the paper's is "resnet50".
        size: side in pixels of the pictures it looks at, a multiple of 32.
        spatial: channels that each place of the deepest map keeps for the head, so that it knows where what lies; 0 for the
            paper's average over all places.
        hidden: width of the layer between; 0 for none, the paper's.
    """

    encoder: str = "resnet50"
    size: int = 224
    spatial: int = 0
    hidden: int = 0

    def build(self, layout: Layout, albedo: tuple[int, int] | None = None) -> ReconstructionNetwork:
        """The network with random weights.

        Args:
            layout: of the vectors it gives.
            albedo: vertices and components of the learned albedo that travels with the weights; None for the morphable
                model's own.

        Raises:
            MissingExtra: segmentation_models_pytorch is not installed.
            OccsetError: it knows no such encoder, or a size makes no sense.
        """
        fits = self.size % STRIDE == 0 and 0 < self.size <= MOST_SIDE and 0 <= self.spatial <= MOST_HIDDEN
        if not fits or not 0 <= self.hidden <= MOST_HIDDEN or layout.size > MOST_NUMBERS:
            raise OccsetError(
                f"NR has sides that are multiples of {STRIDE} up to {MOST_SIDE} and heads within reason: {self}"
            )
        from occset.models.reconstruction.network import ReconstructionNetwork

        encoder = build_encoder(self.encoder)
        return ReconstructionNetwork(encoder, self, layout, albedo)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as they stand beside weights."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Architecture:
        """What `to_dict` gave.

        Raises:
            KeyError, TypeError, ValueError: it is not.
        """
        return cls(str(values["encoder"]), int(values["size"]), int(values["spatial"]), int(values["hidden"]))


@dataclass(frozen=True)
class Weights:
    """Of Eq. 9: ``L = Lcoef + 1.92 Lpix + 0.2 Lid + 1.6e-3 Lldmk``."""

    coefficients: float = 1.0
    pixels: float = 1.92
    identity: float = 0.2
    landmarks: float = 1.6e-3


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
    weights: Weights = Weights()
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
