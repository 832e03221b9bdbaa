"""Coefficients as people and the bench want them: pictures, masks, landmarks, geometry, meshes; in NumPy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from occset.models.morphable.base import LinearModel
from occset.models.reconstruction.coefficients import LENS, Coefficients, Layout, Lens
from occset.models.reconstruction.face import FaceModel, View
from occset.models.rendering import camera

BATCH = 8
"""Faces drawn at once: more only take more memory on a CPU."""


class Pictures(NamedTuple):
    """Renders (B, S, S, 3) uint8 RGB on black, and masks (B, S, S) uint8, 255 = the face covers this pixel."""

    renders: np.ndarray
    masks: np.ndarray


class FaceDrawer:
    """Draws coefficients of a morphable model at its full level."""

    def __init__(
        self, model: LinearModel, colours: int = 3, device: str = "cpu", lens: Lens = LENS, linear: bool = True
    ) -> None:
        """Take a model of any origin, with the albedo that the coefficients belong to; see `FaceModel` for the rest."""
        self.model = model
        self.face = FaceModel(model, colours, coarse=False, lens=lens, linear=linear).to(device)
        self.device = device

    @property
    def layout(self) -> Layout:
        """Of the coefficients."""
        return self.face.layout

    def _parts(self, vectors: np.ndarray) -> Coefficients:
        return bounded(self.layout.split(torch.from_numpy(np.asarray(vectors, np.float32)).to(self.device)))

    @torch.no_grad()
    def view(self, vectors: Tensor, size: int) -> View:
        """(B, D) coefficients as tensors: picture and soft mask of side `size`."""
        found: View = self.face(bounded(self.layout.split(vectors)), size)
        return found

    def pictures(self, vectors: np.ndarray, size: int) -> Pictures:
        """How (B, D) coefficients look in pictures of side `size`."""
        renders, masks = [np.zeros((0, size, size, 3), np.uint8)], [np.zeros((0, size, size), np.uint8)]
        for at in range(0, len(vectors), BATCH):
            view = self.view(torch.from_numpy(vectors[at : at + BATCH]).to(self.device), size)
            shown = (view.image.clamp(0, 1) * 255).round().to(torch.uint8) * (view.mask > 0)
            renders.append(shown.permute(0, 2, 3, 1).cpu().numpy())
            masks.append(((view.mask[:, 0] > 0.5) * 255).to(torch.uint8).cpu().numpy())
        return Pictures(np.concatenate(renders), np.concatenate(masks))

    @torch.no_grad()
    def landmarks(self, vectors: np.ndarray, size: int) -> np.ndarray:
        """The 68 landmarks, (B, 68, 2) pixels of pictures of side `size`."""
        return self.face.landmarks(self._parts(vectors), size).cpu().numpy()

    @torch.no_grad()
    def geometry(self, vectors: np.ndarray, size: int) -> dict[str, np.ndarray]:
        """See `occset.benchmark.methods.interfaces.Geometry`: "points" (B, 68, 2) pixels, "landmarks" (B, 68, 3) and
        "vertices" (B, V, 3) in camera millimetres; and where they are linear "albedo" (B, V, 3), "light" (B, 9, C)."""
        parts = self._parts(vectors)
        told = {
            "points": self.face.landmarks(parts, size),
            "landmarks": self.face.points(parts),
            "vertices": camera.to_camera(self.face.vertices(parts), parts.pose),
        }
        if self.face.linear:
            told |= {"albedo": self.face.albedo(parts), "light": parts.light}
        return {name: values.cpu().numpy() for name, values in told.items()}

    @torch.no_grad()
    def mesh(self, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The face part of (D,) coefficients: (V, 3) millimetres in head axes, (V, 3) uint8 RGB albedo, (T, 3) triangles."""
        parts = self._parts(vector[None])
        used, corners = self.face.triangles.unique(return_inverse=True)
        vertices, albedo = self.face.vertices(parts)[0, used], self.face.albedo(parts)[0, used]
        colours = (self.face.shown(albedo).clamp(0, 1) * 255).round().to(torch.uint8)
        return vertices.cpu().numpy(), colours.cpu().numpy(), corners.cpu().numpy()


def bounded(parts: Coefficients) -> Coefficients:
    """The parts with the head kept before the camera, so that a wild guess is drawn, not divided by."""
    pose = torch.cat((parts.pose[:, :5], parts.pose[:, 5:].clamp(-6000, -300)), 1)
    return parts._replace(pose=pose)
