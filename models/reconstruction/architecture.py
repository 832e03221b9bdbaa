"""Which network NR is: an encoder of pictures, and a head that gives the coefficient vector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from occset.models.reconstruction.coefficients import Layout
from occset.models.segmentation.architecture import build_encoder
from occset.support.errors import OccsetError

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


class ReconstructionNetwork(nn.Module):
    """Pictures to coefficient vectors; what comes out of the head is scaled by what is typical of each coefficient."""

    middle: Tensor
    spread: Tensor

    def __init__(
        self, encoder: Any, architecture: Architecture, layout: Layout, albedo: tuple[int, int] | None = None
    ) -> None:
        super().__init__()
        self.layout, self.size = layout, architecture.size
        self.encoder = encoder
        channels = int(encoder.out_channels[-1])
        layers: list[nn.Module] = []
        if architecture.spatial:
            places = (architecture.size // STRIDE) ** 2
            layers += [nn.Conv2d(channels, architecture.spatial, 1), nn.ReLU(), nn.Flatten()]
            channels = architecture.spatial * places
        else:
            layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        if architecture.hidden:
            layers += [nn.Linear(channels, architecture.hidden), nn.ReLU()]
            channels = architecture.hidden
        self.head = nn.Sequential(*layers, nn.Linear(channels, layout.size))
        last = self.head[-1]
        assert isinstance(last, nn.Linear)
        nn.init.normal_(last.weight, std=0.001)  # begins at the typical face, whose gradients mean something
        nn.init.zeros_(last.bias)
        middle, spread = layout.typical()
        self.register_buffer("middle", middle, persistent=False)
        self.register_buffer("spread", spread, persistent=False)
        if albedo is not None:
            vertices, components = albedo
            self.register_buffer("albedo_vertices", torch.zeros(vertices, dtype=torch.int32))
            self.register_buffer("albedo_mean", torch.zeros(vertices, 3))
            self.register_buffer("albedo_basis", torch.zeros(components, vertices, 3))

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, S, S) normalised pictures (see `occset.models.segmentation.network.to_input`) to (B, D) vectors."""
        raw: Tensor = self.head(self.encoder(x)[-1])
        return self.middle + self.spread * raw.float()
