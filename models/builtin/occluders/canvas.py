"""A supersampled RGBA canvas in the units of a 256 px aligned face, and the shapes and shading drawn on it.

Coordinates are (x, y) with pixel centres at integers of the 256 px frame, so a cut-out that belongs to a place of the face
is drawn where it lies: eyes at (98, 120) and (158, 120), nose tip (128, 148), mouth corners (104, 178) and (152, 178).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from occset.pictures.images import extend_colour

FACE_POINTS = np.array([[98, 120], [158, 120], [128, 148], [104, 178], [152, 178]], np.float32)
"""The five points, (5, 2), of the face that anchored cut-outs are designed around."""

_OVERSAMPLE = 2
_FRACTION_BITS = 4  # cv2 takes points in 1/16 pixels
_MARGIN = 2  # pixels left around the alpha box
VISIBLE = 8  # the least alpha whose colour may be carried on under transparent pixels


@dataclass
class DrawnOccluder:
    """A cut-out made by code.

    Attributes:
        rgba: (H, W, 4) uint8, straight alpha, RGB order; cropped to its alpha box. Where alpha is 0, RGB continues the
            nearest visible colour.
        category: what it is.
        landmarks: (5, 2) float32 pixels of `rgba`: the face points it was designed around (they may lie outside), or
            None when it has no natural place on a face.
    """

    rgba: np.ndarray
    category: str
    landmarks: np.ndarray | None = None


class Canvas:
    """Premultiplied float RGBA on which layers are painted from back to front.

    Args:
        box: (left, top, right, bottom) of the canvas in face units.
        size: side in pixels of the face that the units refer to.
        angle: degrees by which everything drawn is turned clockwise about the middle of the box.
    """

    def __init__(self, box: tuple[float, float, float, float], size: int, angle: float = 0.0) -> None:
        self.scale = _OVERSAMPLE * size / 256
        self.origin = np.array(box[:2], np.float32)
        self.middle = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2], np.float32)
        width, height = (_OVERSAMPLE * int(np.ceil((box[i + 2] - box[i]) * size / 256)) for i in (0, 1))
        self.shape = (height, width)
        c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        self.turn = np.array([[c, -s], [s, c]], np.float32)
        self.colour = np.zeros((height, width, 3), np.float32)
        self.alpha = np.zeros((height, width), np.float32)

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """Face units (n, 2) to canvas pixels (n, 2)."""
        turned = (np.asarray(points, np.float32) - self.middle) @ self.turn.T + self.middle
        return (turned + 0.5 - self.origin) * self.scale - 0.5

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Face units x and y of every canvas pixel, each (H, W) float32."""
        x = (np.arange(self.shape[1], dtype=np.float32) + 0.5) / self.scale - 0.5 + self.origin[0] - self.middle[0]
        y = (np.arange(self.shape[0], dtype=np.float32) + 0.5) / self.scale - 0.5 + self.origin[1] - self.middle[1]
        back = self.turn.T
        gx = back[0, 0] * x[None] + back[0, 1] * y[:, None] + self.middle[0]
        gy = back[1, 0] * x[None] + back[1, 1] * y[:, None] + self.middle[1]
        return gx, gy

    # Shapes: each returns a new (H, W) uint8 mask, 0..255 with anti-aliased edges. OpenCV fills the pixels that the
    # outline passes through, so shapes come out up to half a canvas pixel larger on each side.

    def polygon(self, points: np.ndarray) -> np.ndarray:
        """Mask of the filled polygon (n, 2)."""
        mask = np.zeros(self.shape, np.uint8)
        cv2.fillPoly(mask, [self._fixed(points)], 255, cv2.LINE_AA, _FRACTION_BITS)
        return mask

    def ellipse(self, centre: tuple[float, float], rx: float, ry: float, angle: float = 0.0) -> np.ndarray:
        """Mask of an ellipse with half axes `rx`, `ry`, turned by `angle` degrees."""
        return self.polygon(oval(centre, rx, ry, angle))

    def stroke(self, points: np.ndarray, width: float, closed: bool = False) -> np.ndarray:
        """Mask of a line of `width` units through the points (n, 2)."""
        mask = np.zeros(self.shape, np.uint8)
        thick = max(1, round(width * self.scale))
        cv2.polylines(mask, [self._fixed(points)], closed, 255, thick, cv2.LINE_AA, _FRACTION_BITS)
        return mask

    def _fixed(self, points: np.ndarray) -> np.ndarray:
        return np.round(self.pixels(points) * 2**_FRACTION_BITS).astype(np.int32)

    def soft(self, mask: np.ndarray, blur: float) -> np.ndarray:
        """The mask blurred by a Gaussian of `blur` units."""
        return cv2.GaussianBlur(mask, (0, 0), max(blur * self.scale, 0.3))

    # Painting.

    def paint(
        self,
        mask: np.ndarray,
        colour: np.ndarray | tuple[float, float, float],
        shade: np.ndarray | float = 1.0,
        opacity: float = 1.0,
    ) -> None:
        """Lay a colour over what is there.

        Args:
            mask: (H, W) uint8.
            colour: RGB 0..1, (3,) or (H, W, 3).
            shade: factor on the colour, one number or (H, W).
            opacity: 0..1 factor on the mask.
        """
        part = _box(mask)
        amount = mask[part].astype(np.float32) * (opacity / 255)
        tint = np.asarray(colour, np.float32)
        tint = tint[part] if tint.ndim == 3 else tint
        light = shade[part][..., None] if isinstance(shade, np.ndarray) else shade
        layer = np.clip(tint * light, 0, 1) * amount[..., None]
        self.colour[part] = self.colour[part] * (1 - amount)[..., None] + layer
        self.alpha[part] = self.alpha[part] * (1 - amount) + amount

    def darken(self, mask: np.ndarray, strength: float, shift: tuple[float, float] = (0, 0)) -> None:
        """Cast a shadow on what is painted: `strength` 0..1 where `mask`, moved by `shift` units, is 255."""
        if shift != (0, 0):
            move = np.array([[1, 0, shift[0] * self.scale], [0, 1, shift[1] * self.scale]], np.float32)
            mask = cv2.warpAffine(mask, move, (self.shape[1], self.shape[0]))
        part = _box(mask)
        self.colour[part] *= (1 - mask[part].astype(np.float32) * (strength / 255))[..., None]

    def shine(self, mask: np.ndarray, strength: float, colour: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> None:
        """Mix `colour` into what is painted, by `strength` 0..1 where `mask` is 255; alpha stays."""
        part = _box(mask)
        amount = (mask[part].astype(np.float32) * (strength / 255))[..., None]
        light = self.alpha[part][..., None] * np.asarray(colour, np.float32)
        self.colour[part] += (light - self.colour[part]) * amount

    def erase(self, mask: np.ndarray, strength: float = 1.0) -> None:
        """Make transparent where `mask` is 255."""
        part = _box(mask)
        keep = 1 - mask[part].astype(np.float32) * (strength / 255)
        self.colour[part] *= keep[..., None]
        self.alpha[part] *= keep

    def finish(self, category: str, anchored: bool = False) -> DrawnOccluder:
        """Average down, crop to the alpha box and give back straight alpha; `anchored` adds the face points."""
        small = (self.shape[1] // _OVERSAMPLE, self.shape[0] // _OVERSAMPLE)
        alpha = cv2.resize(self.alpha, small, interpolation=cv2.INTER_AREA)
        colour = cv2.resize(self.colour, small, interpolation=cv2.INTER_AREA)
        alpha8 = (alpha * 255 + 0.5).clip(0, 255).astype(np.uint8)
        x, y, w, h = cv2.boundingRect(alpha8)
        left, top = max(x - _MARGIN, 0), max(y - _MARGIN, 0)
        part = np.s_[top : y + h + _MARGIN, left : x + w + _MARGIN]
        straight = colour[part] / np.maximum(alpha[part], 1e-4)[..., None]
        rgb = (straight * 255 + 0.5).clip(0, 255).astype(np.uint8)
        rgba = extend_colour(np.dstack([rgb, alpha8[part]]), VISIBLE)
        landmarks = None
        if anchored:
            landmarks = (self.pixels(FACE_POINTS) + 0.5) / _OVERSAMPLE - 0.5 - np.array([left, top], np.float32)
        return DrawnOccluder(np.ascontiguousarray(rgba), category, landmarks)


def _box(mask: np.ndarray) -> tuple[slice, slice]:
    """The part of the canvas where a mask is not 0."""
    x, y, w, h = cv2.boundingRect(mask)
    return slice(y, y + h), slice(x, x + w)


# Outlines, (n, 2) float32.


def oval(centre: tuple[float, float], rx: float, ry: float, angle: float = 0.0, power: float = 2.0) -> np.ndarray:
    """Ellipse; `power` above 2 makes it boxier. `angle` in degrees."""
    t = np.linspace(0, 2 * np.pi, 65)[:-1]
    c, s = np.cos(t), np.sin(t)
    points = np.stack([rx * np.sign(c) * np.abs(c) ** (2 / power), ry * np.sign(s) * np.abs(s) ** (2 / power)], -1)
    a = np.deg2rad(angle)
    return (points @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) + centre).astype(np.float32)


def rounded(left: float, top: float, right: float, bottom: float, radius: float) -> np.ndarray:
    """Rectangle with round corners."""
    t = np.linspace(0, np.pi / 2, 9)
    arc = np.stack([np.cos(t), np.sin(t)], -1) * radius
    corners = [((right - radius, bottom - radius), (1, 1)), ((left + radius, bottom - radius), (-1, 1)),
               ((left + radius, top + radius), (-1, -1)), ((right - radius, top + radius), (1, -1))]  # fmt: skip
    parts = [np.array(at) + arc[:: 1 if sx * sy > 0 else -1] * (sx, sy) for at, (sx, sy) in corners]
    return np.concatenate(parts).astype(np.float32)


def curve(points: np.ndarray | Sequence[tuple[Any, Any]], closed: bool = False, steps: int = 8) -> np.ndarray:
    """Smooth (Catmull-Rom) line through the points (n, 2)."""
    knots = np.asarray(points, np.float32)
    if closed:
        knots = np.concatenate([knots[-1:], knots, knots[:2]])
    else:
        knots = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    t = np.linspace(0, 1, steps, endpoint=False, dtype=np.float32)[:, None]
    a, b, c, d = (knots[i : len(knots) - 3 + i, None] for i in range(4))
    line = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - 3 * c + d - a) * t**3)
    line = line.reshape(-1, 2)
    return line if closed else np.concatenate([line, knots[-2:-1]])


def mirrored(points: np.ndarray, axis: float = 128.0) -> np.ndarray:
    """Points reflected about the vertical line x = `axis`, in reverse order (so that a half outline continues)."""
    return (np.asarray(points, np.float32) * (-1, 1) + (2 * axis, 0))[::-1]
