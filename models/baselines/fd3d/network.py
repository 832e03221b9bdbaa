"""FD3D's autoencoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from occset.models.baselines.layers import SLOPE, Residual, unfolded
from occset.models.baselines.presets import Shape


class FD3DNetwork(nn.Module):
    """Down, across, up, without skip connections: all that comes out has been through the code.

    `Shape.widths` are the channels of the levels, `Shape.blocks` counts residual blocks of the code.
    """

    def __init__(self, shape: Shape) -> None:
        """Random weights."""
        super().__init__()
        self.unshuffle, widths = shape.unshuffle, shape.widths
        levels = range(len(widths) - 1)
        self.stem = nn.Conv2d(6 * shape.unshuffle**2, widths[0], 3, padding=1)
        self.down = nn.Sequential(*(Residual(widths[i], widths[i + 1], 0.5) for i in levels))
        self.code = nn.Sequential(*(Residual(widths[-1], widths[-1]) for _ in range(shape.blocks)))
        self.up = nn.Sequential(*(Residual(widths[i + 1], widths[i], 2) for i in reversed(levels)))
        self.last = nn.Conv2d(widths[0], 3 * shape.unshuffle**2, 3, padding=1)

    def forward(self, picture: Tensor, hole: Tensor, render: Tensor | None = None) -> dict[str, Tensor]:
        """Paint.

        Args:
            picture: (B, 3, S, S) on 0..1, occluded.
            hole: not looked at; all rivals are called alike.
            render: (B, 3, S, S) on 0..1, the rendered face on black; all black, no face, when None.

        Returns:
            "painted", (B, 3, S, S) float32 on 0..1: the whole picture.
        """
        rendered = torch.zeros_like(picture) if render is None else render
        x = F.pixel_unshuffle(2 * torch.cat((picture, rendered), 1) - 1, self.unshuffle)
        x = self.up(self.code(self.down(self.stem(x.contiguous(memory_format=torch.channels_last)))))
        return {"painted": unfolded(self.last(F.leaky_relu(x, SLOPE)), self.unshuffle)}
