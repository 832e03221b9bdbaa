"""Controls of real photos: the photo itself, of which the truth is not known, between less and more face than it shows."""

from __future__ import annotations

import numpy as np

_GREEN = np.array((0, 255, 0), np.uint8)


class GreenFace:
    """The whole face painted one green, which no network may take for a face; NS takes a grey for one now and then."""

    name = "green-face"
    given: tuple[str, ...] = ("face",)

    def deocclude(self, images: np.ndarray, masks: np.ndarray | None, *, face: np.ndarray) -> np.ndarray:
        """Paint the rendered face's pixels; (B, H, W, 3) uint8 RGB and (B, H, W) uint8 masks in, pictures out."""
        return np.where(face[..., None] > 0, _GREEN, images)


class RenderedFace:
    """The rendered face laid over the photo: nothing hides it, and it looks like no photo."""

    name = "render"
    given: tuple[str, ...] = ("face", "render")

    def deocclude(
        self, images: np.ndarray, masks: np.ndarray | None, *, face: np.ndarray, render: np.ndarray
    ) -> np.ndarray:
        """Lay `render` over `images` where `face` is set; all (B, H, W[, 3]) uint8."""
        return np.where(face[..., None] > 0, render, images)
