"""Eq. 1: what hides the face is what the render covers and no visible face is."""

from __future__ import annotations

from torch import Tensor


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
