"""NR's network: an encoder of pictures, and a head that gives the coefficient vector."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from occset.models.reconstruction.coefficients import Layout
from occset.models.reconstruction.presets import STRIDE, Architecture


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
