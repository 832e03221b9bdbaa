"""A face as a mean plus a sum of eigenfaces, of which only the visible pixels are looked at.

With the axes U (orthonormal columns), their variances L and a residual of variance s^2, a picture is x = m + U z + e with
z ~ N(0, L), e ~ N(0, s^2). The most probable z given the visible values V is

    z = (U_V' U_V + s^2 L^-1)^-1  U_V' (x_V - m_V).

This is the paper's references [11-14] as a prior; `occset.models.linear_face.learning` learns it from faces of which parts
are hidden.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_SURE = 0.999  # a small pixel that mixes in something hidden is hidden


class LinearFace(nn.Module):
    """A basis with K axes for pictures of S x S pixels; buffers alone, nothing in it learns by gradients."""

    mean: Tensor
    axes: Tensor
    variances: Tensor
    noise: Tensor
    region: Tensor

    def __init__(self, size: int, axes: int) -> None:
        """An empty basis, to be filled by `fill` or from a state dict: it answers with grey.

        Args:
            size: S, side in pixels of its pictures.
            axes: K.
        """
        super().__init__()
        self.size = size
        self.register_buffer("mean", torch.full((size * size, 3), 0.5))
        self.register_buffer("axes", torch.zeros(size * size, 3, axes))
        self.register_buffer("variances", torch.ones(axes))
        self.register_buffer("noise", torch.ones(()))
        self.register_buffer("region", torch.zeros(size * size))

    def fill(self, other: LinearFace) -> None:
        """Take over the basis of another one of the same size and number of axes."""
        self.load_state_dict(other.state_dict())

    @torch.no_grad()
    def forward(self, pictures: Tensor, visible: Tensor) -> Tensor:
        """The most probable faces.

        Args:
            pictures: (B, 3, H, H) float on 0..1; what stands at pixels that are not visible is not used.
            visible: (B, 1, H, H), from 0.5 on a pixel shows the face.

        Returns:
            (B, 3, H, H) float32 on 0..1, m + U z; where the basis knows nothing of a pixel, its mean.
        """
        side = pictures.shape[-1]
        with torch.autocast(pictures.device.type, enabled=False):  # a system of equations wants full precision
            seen = (visible >= 0.5).float()
            share = _shrunk(seen, self.size)
            small = _shrunk(pictures.float() * seen, self.size) / share.clamp_min(1e-3)
            mask = (share >= _SURE).float().flatten(2).transpose(1, 2) * self.region[:, None].float()
            found = self.infer(small.flatten(2).transpose(1, 2), mask)
            face = found.transpose(1, 2).unflatten(2, (self.size, self.size))
            grown = F.interpolate(face, (side, side), mode="bicubic", align_corners=False)
        return grown.clamp(0, 1)

    def infer(self, values: Tensor, mask: Tensor) -> Tensor:
        """The most probable pictures at the basis's own size.

        Args:
            values: (B, S * S, 3) float32 on 0..1.
            mask: (B, S * S, 1) float32, 1 where they are seen.

        Returns:
            (B, S * S, 3) float32, not cut off at 0 and 1.
        """
        mean, axes = self.mean.float(), self.axes.float()
        variances, noise = self.variances.float(), self.noise.float()
        inside = self.region > 0
        flat = axes[inside].flatten(0, 1)
        weight = mask[:, inside].expand(-1, -1, 3).flatten(1)
        off = (values[:, inside] - mean[inside]).flatten(1) * weight
        normal = torch.stack([flat.T @ (flat * one[:, None]) for one in weight])
        normal = normal + torch.diag(noise / variances.clamp_min(1e-12))
        # in double precision: variances of the axes span seven orders of magnitude
        lower = torch.linalg.cholesky(normal.double())
        z = torch.cholesky_solve((off @ flat).double()[..., None], lower)[..., 0].float()
        return mean + (z @ axes.flatten(0, 1).T).unflatten(1, mean.shape)


def _shrunk(pictures: Tensor, side: int) -> Tensor:
    return F.interpolate(pictures, (side, side), mode="area")
