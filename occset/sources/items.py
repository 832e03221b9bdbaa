"""What a source hands over. A source lists keys cheaply and reads one item at a time, so that a pool can share the work."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

SPLITS = ("train", "val", "test")
"""What a face, a cut-out or a texture may be used for."""


@dataclass
class OccluderItem:
    """An RGBA cut-out of something that hid a face.

    Attributes:
        name: its name inside the source, unique there.
        rgba: (H, W, 4) uint8, straight (not premultiplied) alpha 0..255, RGB order.
        category: one of `occset.composition.categories.CATEGORIES` (others are placed anywhere on the face).
        licence: terms as the source states them.
        landmarks: (5, 2) float pixels of `rgba`, the five points of the face it was cut from, or None.
            Points may lie outside the picture.
        from_face: `FaceItem.name` of the face it was harvested from, or None.
    """

    name: str
    rgba: np.ndarray
    category: str
    licence: str
    landmarks: np.ndarray | None = None
    from_face: str | None = None


@dataclass
class TextureItem:
    """An opaque patch: `image` is (H, W, 3) uint8 RGB."""

    name: str
    image: np.ndarray
    category: str
    licence: str


@dataclass
class FaceItem:
    """A face: a photo, aligned and cropped, with its visible-face mask.

    Attributes:
        name: its name inside the source, unique there.
        image: (H, W, 3) uint8 RGB, upright.
        licence: terms as the source states them.
        file: the file that decodes to exactly `image`, copied as it is; None stores `image` as PNG.
        mask: (H, W) uint8, 255 = visible face, or None where the source has no label.
        landmarks: (5, 2) or (68, 2) float pixels of `image` (x, y), pixel centres at integers, or None.
            Five points: the eye on the picture's left, on its right, nose tip, mouth corner left, right.
        landmarks_source: "source", "scrfd", "template" or "none".
        identity: who it is, where known.
        flags: judgements that a curator may override (`eyeglasses`, `dark_glasses`, ...), short strings.
        occluders: cut-outs harvested from this very photo.
        split: "train", "val" or "test" where the source decides that; None leaves it to the set.
        truth: further arrays known of a rendered face (`whole_face` mask, `bare` picture, coefficients, ...), or None.
    """

    name: str
    image: np.ndarray
    licence: str
    file: Path | None = None
    mask: np.ndarray | None = None
    landmarks: np.ndarray | None = None
    landmarks_source: str = "none"
    identity: str | None = None
    flags: dict[str, str] = field(default_factory=dict)
    occluders: list[OccluderItem] = field(default_factory=list)
    truth: dict[str, np.ndarray] | None = None
    split: str | None = None


@runtime_checkable
class FaceSource(Protocol):
    """Faces of one place. Picklable, since workers read."""

    name: str
    licence: str

    def face_keys(self) -> list[str]:
        """Keys of all faces, in a stable order; reads no picture."""
        ...

    def read_face(self, key: str) -> FaceItem:
        """Read one face; raises `occset.support.errors.OccsetError` naming the file when it cannot be used."""
        ...


@runtime_checkable
class OccluderSource(Protocol):
    """Cut-outs of one place. Picklable."""

    name: str
    licence: str

    def occluder_keys(self) -> list[str]:
        """Keys of all cut-outs, in a stable order."""
        ...

    def read_occluder(self, key: str) -> OccluderItem:
        """Read one cut-out; raises `occset.support.errors.OccsetError` naming the file when it cannot be used."""
        ...


@runtime_checkable
class TextureSource(Protocol):
    """Textures of one place. Picklable."""

    name: str
    licence: str

    def texture_keys(self) -> list[str]:
        """Keys of all textures, in a stable order."""
        ...

    def read_texture(self, key: str) -> TextureItem:
        """Read one texture; raises `occset.support.errors.OccsetError` naming the file when it cannot be used."""
        ...
