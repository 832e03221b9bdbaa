"""PICNet's encoder, its two ways to a code, and its decoder; and its two discriminators."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from occset.models.baselines.discriminators import SLOPE, PatchDiscriminator
from occset.models.baselines.layers import Residual, ShortLongAttention, at_grid, folded, unfolded
from occset.models.baselines.picnet.gaussians import Gaussian, fixed_noise
from occset.models.baselines.presets import Shape


class PICNetwork(nn.Module):
    """`Shape.widths` are the channels of the levels, `Shape.latent` those of the code, `Shape.blocks` the prior's depth."""

    noise: Tensor

    def __init__(self, shape: Shape) -> None:
        """Random weights."""
        super().__init__()
        self.unshuffle, widths = shape.unshuffle, shape.widths
        deepest, levels = widths[-1], range(len(widths) - 1)
        self.stem = nn.Conv2d(4 * shape.unshuffle**2, widths[0], 3, padding=1)
        self.down = nn.ModuleList(Residual(widths[i], widths[i + 1], 0.5) for i in levels)
        self.posterior = nn.Conv2d(deepest, 2 * shape.latent, 1)
        self.inferred = nn.Sequential(*(Residual(deepest, deepest) for _ in range(shape.blocks)))
        self.prior = nn.Conv2d(deepest, 2 * shape.latent, 1)
        self.into = nn.Conv2d(shape.latent, deepest, 1)
        self.begin = Residual(deepest, deepest)
        self.up = nn.ModuleList(Residual(widths[i + 1], widths[i], 2) for i in levels)
        self.attention = ShortLongAttention(widths[-2], widths[-2])
        self.last = nn.Conv2d(widths[0], 3 * shape.unshuffle**2, 3, padding=1)
        side = shape.grid // 2 ** len(levels)
        self.register_buffer("noise", fixed_noise(shape.latent, side), persistent=False)
        for head in (self.posterior, self.prior):
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)  # type: ignore[arg-type]

    def forward(
        self, picture: Tensor, hole: Tensor, target: Tensor | None = None, noise: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Paint along the generative path, and, where the truth is told, along the reconstructive one.

        Args:
            picture: (B, 3, S, S) on 0..1; its values in the hole are not looked at.
            hole: (B, 1, S, S) of 0 and 1.
            target: (B, 3, S, S), the clean picture, in training alone. Then codes are drawn from torch's generator; without
                it the one fixed draw is taken.
            noise: (1, latent, h, w) standard normal, instead of that draw.

        Returns:
            "painted", (B, 3, S, S) float32 on 0..1; and in training "rebuilt", the reconstructive path's picture, and
            "prior" and "posterior", (B, 2, latent, h, w): means and deviations.
        """
        seen = self._encode(picture, hole)
        prior = Gaussian.of(self.prior(self.inferred(seen[-1])))
        if target is None:
            return {
                "painted": self._decode(seen, prior.at((self.noise if noise is None else noise).to(prior.mean)), hole)
            }
        posterior = Gaussian.of(self.posterior(self._encode(target, 1 - hole)[-1]))
        codes = torch.cat([one.at(torch.randn_like(one.mean)) for one in (prior, posterior)])
        twice = [torch.cat((level, level)) for level in seen]
        painted, rebuilt = self._decode(twice, codes, torch.cat((hole, hole))).chunk(2)
        told = {"prior": torch.stack(prior, 1), "posterior": torch.stack(posterior, 1)}
        return {"painted": painted, "rebuilt": rebuilt, **told}

    def _encode(self, picture: Tensor, hole: Tensor) -> list[Tensor]:
        """The map of every level; the last one has been through a rectifier."""
        levels = [self.stem(folded(picture, hole, self.unshuffle))]
        for down in self.down:
            levels.append(down(levels[-1]))
        return [*levels[:-1], F.leaky_relu(levels[-1], SLOPE)]

    def _decode(self, seen: list[Tensor], code: Tensor, hole: Tensor) -> Tensor:
        x = self.begin(seen[-1] + self.into(code.to(seen[-1].dtype)))
        for level in reversed(range(len(self.up))):
            x = self.up[level](x)
            if level == len(self.up) - 1:
                x = self.attention(x, seen[level], 1 - at_grid(hole, x.shape[-1]))
        return unfolded(self.last(F.leaky_relu(x, SLOPE)), self.unshuffle)


class PICDiscriminator(nn.Module):
    """One for each path: of pictures (B, 3, S, S) to logits (B, 1, h, w) and features."""

    def __init__(self, shape: Shape) -> None:
        """Random weights."""
        super().__init__()
        self.rebuilt, self.painted = PatchDiscriminator(shape), PatchDiscriminator(shape)

    def forward(self, pictures: Tensor, path: str) -> tuple[Tensor, list[Tensor]]:
        """What the discriminator of a path, "rebuilt" or "painted", says."""
        judge: PatchDiscriminator = getattr(self, path)
        found: tuple[Tensor, list[Tensor]] = judge(pictures)
        return found
