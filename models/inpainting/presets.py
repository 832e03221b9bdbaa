"""Presets of NG: what is trained, how long, how fast."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from occset.models.inpainting.architecture import (
    ARCHITECTURES,
    DISCRIMINATORS,
    PAPER_INPUTS,
    Architecture,
    DiscriminatorArchitecture,
)
from occset.models.segmentation.mix import Mix
from occset.models.training.presets import TrainingPreset, fitted
from occset.support.errors import OccsetError, UnknownName

GENERATOR, DISCRIMINATOR = "generator", "discriminator"


@dataclass(frozen=True)
class Weights:
    """Of the sum (15), the paper's by default; 0 leaves a loss out. The last two are not the paper's.

    Attributes:
        pix: of (10), the visible face.
        sm: of (11), the structure of the Poisson blend.
        bg: of (12), the background.
        id: of (7), who it is.
        tv: of (13), total variation.
        adv: of (14), the discriminator.
        matching: of `adversarial.feature_matching_loss`.
        perceptual: of `likeness.perceptual.perceptual_loss`.
    """

    pix: float = 10.0
    sm: float = 5.0
    bg: float = 5.0
    id: float = 0.2
    tv: float = 0.1
    adv: float = 0.01
    matching: float = 0.0
    perceptual: float = 0.0


@dataclass(frozen=True)
class InpaintingPreset:
    """Everything about a training of NG but its data and its seed.

    Attributes:
        architecture: the generator.
        judge: the discriminator.
        training: the engine's part.
        weights: of the losses, Eq. 15; the discriminator is left out where ``adv`` is 0.
        structure_erosion, background_erosion: pixels that Eqs. 11 and 12 take off the rim of their masks.
        match: bring the render into the colours of the visible face before it goes in; not the paper's.
        five_points: correct NR's pose by the points that the face detector finds, as the pipeline does; not the paper's.
        identity_share: share of a step's samples that the identity loss looks at.
        identity_in_place: it looks at what is painted in its place in the picture, as a judge will, and not at all that NG
            paints; not the paper's.
        penalty: gamma of R1 on the discriminator, see `adversarial.lazy_r1`; 0 for none, as in the paper.
        augment: the discriminator sees all pictures through DiffAugment; not the paper's.
        mix: what samples show, and how often.
        epoch_is_set: an epoch has as many samples as the split has faces, whatever `training` says.
        says: one line for lists.
    """

    architecture: Architecture
    judge: DiscriminatorArchitecture
    training: TrainingPreset
    weights: Weights = Weights()
    structure_erosion: int = 5
    background_erosion: int = 3
    match: bool = False
    five_points: bool = False
    identity_share: float = 1.0
    identity_in_place: bool = False
    penalty: float = 0.0
    augment: bool = False
    mix: Mix = Mix(bare=0.1, double=0.25)  # noqa: RUF009 - frozen
    epoch_is_set: bool = False
    says: str = ""

    @property
    def additions(self) -> dict[str, Any]:
        """What of the training is not the paper's, besides weights of losses: plain values of what is set."""
        names = ("identity_in_place", "penalty", "augment", "five_points")
        return {name: getattr(self, name) for name in names if getattr(self, name)}

    def fitted(self, faces: int, epochs: int | None = None) -> InpaintingPreset:
        """The preset for a set of so many faces, with another number of epochs where one is given."""
        return replace(self, training=fitted(self.training, faces, epochs, self.epoch_is_set))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the metadata of weights."""
        return {
            "network": {**self.architecture.to_dict(), "match": self.match},
            "discriminator": self.judge.to_dict(),
            "training": self.training.to_dict(),
            "weights": asdict(self.weights),
            "erosion": [self.structure_erosion, self.background_erosion],
            "mix": asdict(self.mix),
            "identity_share": self.identity_share,
            "additions": self.additions,
        }


@dataclass(frozen=True)
class Options:
    """What a training of NG takes besides the common options."""

    segmentation: Annotated[Path | None, "Weights of NS; the released ones by default."] = None
    reconstruction: Annotated[Path | None, "Weights of NR; the released ones by default."] = None
    without: Annotated[str, "A loss to leave out, such as sm (Eq. 11): the paper's ablation."] = ""
    plus: Annotated[str, "What the paper has not, with commas: identity, matching, perceptual, steady."] = ""


_BETAS = (0.5, 0.999)
_ON_RENDER = ("render",)
_WITH_LINEAR = (*PAPER_INPUTS, "linear")
_WITH_BOTH = (*_WITH_LINEAR, "mirrored", "valid")

_LINEAR = InpaintingPreset(
    replace(ARCHITECTURES["laptop"], inputs=_WITH_LINEAR, residual_on=("render", "linear")),
    DISCRIMINATORS["laptop"],
    TrainingPreset(
        "laptop-linear", 8, 12, 3200, 2e-4, betas=_BETAS, warmup=200, plan="cosine", precision="auto", clip=1.0,
        ema=0.999, checkpoint_every=100, marks=60.0,
    ),
    match=True, five_points=True, identity_share=0.5,
    says="laptop with the linear face as a second prior; can go on from laptop's weights by --start",
)  # fmt: skip

PRESETS = {
    preset.training.name: preset
    for preset in (
        InpaintingPreset(
            replace(ARCHITECTURES["demo"], residual_on=_ON_RENDER), DISCRIMINATORS["demo"],
            TrainingPreset(
                "demo", 8, 4, 1600, 4e-4, betas=_BETAS, warmup=50, plan="cosine", precision="auto", clip=1.0, ema=0.99,
            ),
            match=True, five_points=True, identity_share=0.0, weights=Weights(id=0.0),
            says="128 px, narrow, without the identity loss: shows that it works",
        ),
        InpaintingPreset(
            replace(ARCHITECTURES["laptop"], residual_on=_ON_RENDER), DISCRIMINATORS["laptop"],
            TrainingPreset(
                "laptop", 8, 20, 3200, 3e-4, betas=_BETAS, warmup=200, plan="cosine", precision="auto", clip=1.0,
                ema=0.999, checkpoint_every=100, marks=60.0,
            ),
            match=True, five_points=True, identity_share=0.5,
            says="128 px, a residual on the render in the photo's colours; for two cores",
        ),
        _LINEAR,
        replace(
            _LINEAR,
            architecture=replace(_LINEAR.architecture, inputs=_WITH_BOTH),
            training=replace(_LINEAR.training, name="laptop-sym"),
            says="laptop-linear that also sees the face's other half; can go on from laptop-linear's weights by --start",
        ),
        replace(
            _LINEAR,
            architecture=replace(ARCHITECTURES["laptop-256"], inputs=_WITH_LINEAR, residual_on=("render", "linear")),
            judge=DISCRIMINATORS["laptop-256"],
            training=replace(_LINEAR.training, name="laptop-256"),
            says="256 px on the grid of laptop-linear, from whose weights it goes on by --start",
        ),
        InpaintingPreset(
            ARCHITECTURES["paper"], DISCRIMINATORS["paper"],
            TrainingPreset("paper", 4, 80, 4, 1e-4, betas=_BETAS, plan="drop", drop_at=0.5, drop_to=0.1),
            epoch_is_set=True,
            says="the paper's numbers: 256 px, Adam 1e-4 dropped to a tenth half way, batch 4, 80 epochs",
        ),
        InpaintingPreset(
            replace(ARCHITECTURES["fast"], residual_on=_ON_RENDER), DISCRIMINATORS["fast"],
            TrainingPreset(
                "fast", 32, 60, 12800, 2e-4, betas=_BETAS, warmup=500, plan="cosine", precision="auto", clip=1.0,
                ema=0.999,
            ),
            match=True, five_points=True,
            says="256 px, one modern GPU, bf16",
        ),
    )
}  # fmt: skip
"""Every preset by name."""


ADDITIONS: dict[str, dict[str, Any]] = {
    "identity": {"identity_in_place": True, "weights": {"id": 2.0}},
    "matching": {"weights": {"matching": 1.0}},
    "perceptual": {"weights": {"perceptual": 1.0}},
    "steady": {"penalty": 1.0, "augment": True},
}
"""What a preset can have besides the paper's losses, by name: fields of `InpaintingPreset` and weights of losses.

- identity: a tenfold weight, and the judge sees what is painted in its place;
- matching: of the discriminator's features;
- perceptual: on the features of a VGG-16;
- steady: R1 and DiffAugment for the discriminator.
"""


def varied(preset: InpaintingPreset, options: Options) -> InpaintingPreset:
    """The preset without the loss, and with the additions, that a training's options name.

    "ssim" is the paper's word for "sm".

    Raises:
        OccsetError: there is no such loss, or no such addition.
    """
    if options.without:
        name = {"ssim": "sm"}.get(options.without, options.without)
        if name not in asdict(preset.weights):
            known = ", ".join(asdict(preset.weights))
            raise OccsetError(f"there is no loss '{options.without}' to leave out: choose one of {known}")
        preset = replace(preset, weights=replace(preset.weights, **{name: 0.0}))
    for name in filter(None, options.plus.split(",")):
        if name not in ADDITIONS:
            raise UnknownName("addition", name, ADDITIONS)
        more = dict(ADDITIONS[name])
        weights = replace(preset.weights, **more.pop("weights", {}))
        preset = replace(preset, weights=weights, **more)
    return preset
