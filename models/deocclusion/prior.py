"""What NS and NR say of an occluded face: where it is hidden (Eq. 1), and how it would look there."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from occset.models.inpainting.colour import match_colours
from occset.models.inpainting.hidden import hidden
from occset.models.pretrained import load
from occset.models.reconstruction.reconstructor import FaceReconstructor
from occset.models.segmentation.segmenter import FaceSegmenter

RIM = 0.012
"""What is added around the hidden part, in widths of the picture: soft edges of occluders are seen as face."""
SPECK = 0.004
"""Hidden pieces smaller than this share of the face are slips of the two outlines."""
_SLIP = 0.012  # in widths: how far two outlines of one face may lie apart


class Prior(NamedTuple):
    """Of B pictures of side S.

    Attributes:
        picture: (B, 3, S, S) 0..1, as it came.
        face: (B, 1, S, S) 0..1, Mf: how surely a pixel is visible face.
        whole: (B, 1, S, S) 0 or 1, Mm: the rendered face.
        hidden: (B, 1, S, S) 0 or 1, Mo: the face is hidden here.
        render: (B, 3, S, S) 0..1, Im in the colours of the visible face.
        vectors: (B, D) NR's coefficients.
    """

    picture: Tensor
    face: Tensor
    whole: Tensor
    hidden: Tensor
    render: Tensor
    vectors: Tensor


class FacePrior:
    """NS and NR together. Picklable: both read their weights again where they are used."""

    def __init__(
        self, segmentation: Path | None = None, reconstruction: Path | None = None, device: str = "auto"
    ) -> None:
        """Find the weights of both networks; the released ones where none are named.

        Raises:
            BadInput: there are none.
        """
        self.segmenter: FaceSegmenter = load("ns", segmentation, device)
        self.reconstructor: FaceReconstructor = load("nr", reconstruction, device)
        self.device = self.reconstructor.device

    @torch.no_grad()
    def look(self, images: np.ndarray, masks: np.ndarray | None = None) -> Prior:
        """Look at a batch.

        Args:
            images: (B, S, S, 3) uint8 RGB, aligned faces.
            masks: (B, S, S) uint8, above 0 = hidden, of one's own; what NS and NR find when None.
        """
        pixels = torch.from_numpy(np.ascontiguousarray(images)).to(self.device)
        picture = pixels.permute(0, 3, 1, 2).float() / 255
        face = torch.from_numpy(self.segmenter.probabilities(images))[:, None].to(self.device)
        vectors = self.reconstructor.vectors(pixels)
        view = self.reconstructor.drawer.view(vectors, images.shape[1])
        whole = (view.mask > 0.5).float()
        if masks is None:
            found = tidied(hidden(view.mask, (face > 0.5).float()), whole)
        else:
            found = torch.from_numpy((np.asarray(masks) > 0).astype(np.float32))[:, None].to(self.device)
        trusted = whole * (face > 0.5).float() * (1 - found)
        render = match_colours(view.image.clamp(0, 1), picture, trusted)
        return Prior(picture, face, whole, found, render, vectors)


def tidied(found: Tensor, whole: Tensor) -> Tensor:
    """The hidden part without slips of the outlines, and with a rim for soft edges.

    What vanishes when it is eroded by a slip's width is a slip; so is a rest that is a speck of the face.

    Args:
        found: (B, 1, S, S) 0..1, Mo of Eq. 1.
        whole: (B, 1, S, S) 0 or 1, Mm.
    """
    side = found.shape[-1]
    slip, rim = max(1, round(_SLIP * side)), max(1, round(RIM * side))
    hard = (found > 0.5).float()
    core = -F.max_pool2d(-hard, 2 * slip + 1, 1, slip)
    opened = F.max_pool2d(core, 2 * slip + 1, 1, slip) * hard
    large = opened.flatten(1).sum(1) >= SPECK * whole.flatten(1).sum(1).clamp_min(1)
    kept = opened * large[:, None, None, None]
    return F.max_pool2d(kept, 2 * rim + 1, 1, rim)
