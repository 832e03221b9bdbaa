"""In: the picture with what hides the face drowned in noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from occset.support.errors import OccsetError

MEAN, DEVIATION = 0.5, 0.25
"""Of the Gaussian noise, on 0..1, where it is cut off."""


def noise(seed: int, height: int, width: int) -> Tensor:
    """(3, height, width) float32 on 0..1; the same seed gives the same values."""
    values = np.random.default_rng(seed).standard_normal((3, height, width), dtype=np.float32)
    return torch.from_numpy(np.clip(MEAN + DEVIATION * values, 0, 1))


def drowned(pictures: Tensor, hidden: Tensor, seeds: Sequence[int]) -> Tensor:
    """In: pictures whose hidden pixels are replaced by noise. Nothing of these pixels is left.

    Args:
        pictures: (B, 3, H, W) float on 0..1.
        hidden: Mo, (B, 1, H, W); from 0.5 on a pixel counts as hidden, so that no soft edge lets through what hides.
        seeds: one a picture, so that its noise does not depend on the others in the batch.

    Raises:
        OccsetError: there is another number of seeds than of pictures.
    """
    if len(seeds) != len(pictures):
        raise OccsetError(f"{len(pictures)} pictures to drown in noise came with {len(seeds)} seeds: give one each")
    values = torch.stack([noise(seed, *pictures.shape[2:]) for seed in seeds]).to(pictures)
    return torch.where(hidden >= 0.5, values, pictures)


def given(
    picture: Tensor,
    render: Tensor,
    whole: Tensor,
    hidden: Tensor,
    seeds: Sequence[int],
    linear: Tensor | None = None,
    other: tuple[Tensor, Tensor] | None = None,
) -> dict[str, Tensor]:
    """What NG is given of an occluded picture, by the names of `occset.models.inpainting.architecture.INPUTS`.

    Args:
        picture: I, (B, 3, H, W) on 0..1.
        render: Im, the rendered face, the same shape.
        whole: Mm, (B, 1, H, W), 0 or 1.
        hidden: Mo, (B, 1, H, W), 0 or 1.
        seeds: of the noise, one a picture.
        linear: the linear face, as the render; None where the network takes none.
        other: what the face's other half shows, (B, 3, H, W) on 0..1, and where that is known, (B, 1, H, W), 0 or 1; None
            where the network does not take it.

    Returns:
        "noisy" (In), "hidden" (Mo), and "render": Im on the face, the picture around it where that is not hidden; "linear",
        where it is given, in the same way; "mirrored" and "valid" as they came.
    """
    around = picture * (1 - whole) * (1 - hidden)
    parts = {"noisy": drowned(picture, hidden, seeds), "render": render * whole + around, "hidden": hidden}
    if linear is not None:
        parts["linear"] = linear * whole + around
    if other is not None:
        parts["mirrored"], parts["valid"] = other
    return parts
