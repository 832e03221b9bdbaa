"""Eq. 1: what hides the face is what the render covers and no visible face is."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from occset.models.inpainting.colour import match_colours

RIM = 0.012
"""What is added around the hidden part, in widths of the picture: soft edges of occluders are seen as face."""
SPECK = 0.004
"""Hidden pieces smaller than this share of the face are slips of the two outlines."""
_SLIP = 0.012  # in widths: how far two outlines of one face may lie apart
_INSIDE, _NEAR = 0.02, 0.12  # in widths: that far from the outline nothing is a slip; that near to an occluder is of it


def hidden(rendered: Tensor, face: Tensor) -> Tensor:
    """``Mo = Mm - Mm * Mf`` (Eq. 1), with Mm thresholded, so that its soft rim is no occluder.

    Args:
        rendered: (B, 1, H, W) 0..1, Mm: how much of a pixel the rendered face covers.
        face: (B, 1, H, W) 0..1, Mf: how surely a pixel is visible face.

    Returns:
        (B, 1, H, W) 0..1: 1 where the face is hidden.
    """
    whole = (rendered > 0.5).to(face.dtype)
    return whole - whole * face


def tidied(found: Tensor, whole: Tensor) -> Tensor:
    """The hidden part without slips of the outlines, and with a rim for soft edges.

    What vanishes when it is eroded by a slip's width is a slip; so is a rest that is a speck of the face. Thin parts are
    kept in the midst of the face by what else is hidden: the bridge of glasses, strands of hair, the handle of a cup.

    Args:
        found: (B, 1, S, S) 0..1, Mo of Eq. 1.
        whole: (B, 1, S, S) 0 or 1, Mm.
    """
    slip = max(1, round(_SLIP * found.shape[-1]))
    hard = (found > 0.5).float()
    opened = widened(-widened(-hard, slip), slip) * hard
    large = opened.flatten(1).sum(1) >= SPECK * whole.flatten(1).sum(1).clamp_min(1)
    kept = opened * large[:, None, None, None]
    midst = -widened(-whole, max(1, round(_INSIDE * found.shape[-1])))
    near = widened(kept, max(1, round(_NEAR * found.shape[-1])))
    return with_rim(torch.maximum(kept, hard * midst * near))


def with_rim(mask: Tensor) -> Tensor:
    """A mask (B, 1, S, S) of 0 and 1, wider by `RIM` all around."""
    return widened(mask, max(1, round(RIM * mask.shape[-1])))


def widened(values: Tensor, by: int) -> Tensor:
    """(B, C, H, W): the highest value in the square of ``2 by + 1`` pixels around each pixel, of those in the picture.

    Of spans of 1, 2, 4, ... pixels, along rows and then along columns: a twentieth of the time of pooling.
    """
    whole = 2 * by + 1
    for axis, margins in ((3, (by, by, 0, 0)), (2, (0, 0, by, by))):
        values, span = F.pad(values, margins, value=-torch.inf), 1
        while span < whole:
            step = min(span, whole - span)
            count = values.shape[axis] - step
            values = torch.maximum(values.narrow(axis, 0, count), values.narrow(axis, step, count))
            span += step
    return values


class Look(NamedTuple):
    """What is known of an occluded face before anything is painted; (B, 1, S, S) of 0 and 1, but for the render.

    Attributes:
        whole: Mm, the rendered face.
        hidden: Mo, where it is hidden.
        render: (B, 3, S, S) 0..1, Im.
        visible: where the face is rendered and seen.
    """

    whole: Tensor
    hidden: Tensor
    render: Tensor
    visible: Tensor


def look(
    picture: Tensor, face: Tensor, render: Tensor, mask: Tensor, told: Tensor | None = None, match: bool = True
) -> Look:
    """Put together what NS and NR say: the same in training and at work.

    Args:
        picture: (B, 3, S, S) 0..1, occluded.
        face: (B, 1, S, S), Mf, 0 or 1.
        render: (B, 3, S, S), what NR draws; cut off at 0 and 1.
        mask: (B, 1, S, S) 0..1, how much of a pixel it covers.
        told: (B, 1, S, S), 0 or 1, what is hidden, where somebody knows; by Eq. 1 when None.
        match: bring the render into the colours of the visible face; not the paper's.
    """
    whole = (mask > 0.5).to(picture.dtype)
    found = tidied(hidden(mask, face), whole) if told is None else told
    shown = render.clamp(0, 1)
    visible = whole * face * (1 - found)
    if match:
        shown = match_colours(shown, picture, visible)
    return Look(whole, found, shown, visible)
