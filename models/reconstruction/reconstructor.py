"""NR ready for use: pictures in; coefficients, renders and masks of the whole face out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from occset.models.morphable.base import LinearModel
from occset.models.pretrained import Pretrained
from occset.models.reconstruction.albedo import unpack_albedo
from occset.models.reconstruction.architecture import Architecture
from occset.models.reconstruction.coefficients import Layout
from occset.models.reconstruction.face import FaceModel, View
from occset.models.reconstruction.opening import open_face_model
from occset.models.reconstruction.task import bounded
from occset.models.rendering import camera
from occset.models.rendering.colour import to_display
from occset.models.segmentation.network import to_input
from occset.support.errors import BadInput


class Reconstruction(NamedTuple):
    """What NR says of B pictures.

    Attributes:
        vectors: (B, D) coefficients.
        view: how the faces look, at the pictures' size.
        landmarks: (B, 68, 2) pixels of the pictures.
    """

    vectors: Tensor
    view: View
    landmarks: Tensor


class FaceReconstructor(Pretrained):
    """NR with trained weights; a method of the bench's protocol of reconstruction, and what NG's prior comes from."""

    name = "nr"
    citations = ("Yin et al., Segmentation-Reconstruction-Guided Facial Image De-occlusion, 2021",)

    def build(self, about: Mapping[str, Any]) -> nn.Module:
        """The network that "encoder", "size", "spatial", "hidden", "sizes" and "albedo" describe."""
        pose, identity, expression, texture, light = (int(number) for number in about["sizes"])
        layout = Layout(identity, expression, texture, int(about["colours"]))
        if (pose, light) != (layout.sizes[0], layout.sizes[-1]):
            raise ValueError(f"sizes {about['sizes']} are not those of a pose, a shape, an albedo and light")
        albedo = about["albedo"]
        return Architecture.from_dict(about).build(layout, (int(albedo[0]), int(albedo[1])) if albedo else None)

    @cached_property
    def model(self) -> LinearModel:
        """The morphable model, with the albedo that came with the weights.

        Raises:
            BadInput: the weights were trained with another version of it.
        """
        about, network = self.about["network"], self.network
        model = open_face_model(str(about["morphable"]))
        if about["albedo"]:
            packed = {key: getattr(network, f"albedo_{key}").cpu() for key in ("vertices", "mean", "basis")}
            model = unpack_albedo(model, packed, self.weights)
        sizes = [len(model.identity_basis), len(model.expression_basis), len(model.texture_basis)]
        if sizes != list(about["sizes"])[1:4]:
            raise BadInput(f"{self.weights}: is of a morphable model of other sizes than '{about['morphable']}'")
        return model

    @cached_property
    def face(self) -> FaceModel:
        """Draws what the network says, at the morphable model's full level."""
        return FaceModel(self.model, int(self.about["network"]["colours"]), coarse=False).to(self.device)

    def __getstate__(self) -> dict[str, Any]:
        """Without the network and the models."""
        kept = super().__getstate__()
        return {key: value for key, value in kept.items() if key not in ("model", "face")}

    @property
    def layout(self) -> Layout:
        """Of the coefficients."""
        return self.face.layout

    @property
    def size(self) -> int:
        """Side in pixels at which the network looks at pictures."""
        return int(self.about["network"]["size"])

    @torch.inference_mode()
    def coefficients(self, images: np.ndarray) -> np.ndarray:
        """(B, H, W, 3) uint8 RGB, aligned faces, to (B, D) float32.

        Raises:
            BadInput: the pictures are none, or what the network answers is not finite.
        """
        found = [np.zeros((0, self.layout.size), np.float32)]
        for batch in self.batches(images):
            found.append(self._vectors(batch).cpu().numpy())
        return np.concatenate(found)

    def _vectors(self, batch: Tensor) -> Tensor:
        x = to_input(batch)
        if x.shape[2:] != (self.size, self.size):
            x = F.interpolate(x, size=(self.size,) * 2, mode="bilinear", align_corners=False, antialias=True)
        vectors: Tensor = self.network(x)
        if not torch.isfinite(vectors).all():  # weights that are finite can still overflow
            raise BadInput(f"{self.weights}: what the network answers is not finite: restore the file, or name another")
        return vectors

    @torch.inference_mode()
    def look(self, images: Tensor) -> Reconstruction:
        """Reconstruct and draw.

        Args:
            images: (B, S, S, 3) uint8 RGB on the network's device.
        """
        vectors = self._vectors(images)
        return self.draw(vectors, images.shape[1])

    @torch.inference_mode()
    def draw(self, vectors: Tensor, size: int) -> Reconstruction:
        """How (B, D) coefficients look in a picture of `size`."""
        parts = bounded(self.layout.split(vectors))
        return Reconstruction(vectors, self.face(parts, size), self.face.landmarks(parts, size))

    def reconstruct(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """See `occset.benchmark.methods.interfaces.Reconstructor`: coefficients, renders on black, masks."""
        if images.ndim != 4 or images.shape[1] != images.shape[2]:
            raise BadInput(f"{self.title} takes square pictures of aligned faces, not {images.shape[1:3]}")
        vectors, renders, masks = [], [], []
        for batch in self.batches(images):
            found = self.look(batch)
            mask = found.view.mask
            shown = (found.view.image.clamp(0, 1) * 255).round().to(torch.uint8)
            renders.append((shown * (mask > 0)).permute(0, 2, 3, 1).cpu().numpy())
            masks.append(((mask[:, 0] > 0.5) * 255).to(torch.uint8).cpu().numpy())
            vectors.append(found.vectors.cpu().numpy())
        if not vectors:
            side = images.shape[1]
            return np.zeros((0, self.layout.size), np.float32), images[:0], np.zeros((0, side, side), np.uint8)
        return np.concatenate(vectors), np.concatenate(renders), np.concatenate(masks)

    @torch.inference_mode()
    def mesh(self, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The face part of (D,) coefficients as a mesh: (V, 3) millimetres in head axes, (V, 3) uint8 RGB albedo, (T, 3)
        triangles."""
        parts = self.layout.split(torch.from_numpy(vector)[None].to(self.device))
        used, corners = self.face.triangles.unique(return_inverse=True)
        vertices, albedo = self.face.vertices(parts)[0, used], self.face.albedo(parts)[0, used]
        colours = (to_display(albedo).clamp(0, 1) * 255).round().to(torch.uint8)
        return vertices.cpu().numpy(), colours.cpu().numpy(), corners.cpu().numpy()

    @property
    def topology(self) -> str:
        """Name of the mesh whose vertices `geometry` gives, see `occset.benchmark.methods.interfaces.Reconstructor`."""
        return self.model.name

    @torch.inference_mode()
    def geometry(self, coefficients: np.ndarray, size: int) -> dict[str, np.ndarray]:
        """What (B, D) coefficients say beside the picture: "points" (B, 68, 2) pixels of a picture of `size`, "landmarks"
        (B, 68, 3) and "vertices" (B, V, 3) in camera millimetres, "albedo" (B, V, 3), "light" (B, 9, C)."""
        parts = bounded(self.layout.split(torch.from_numpy(coefficients).to(self.device)))
        told = {
            "points": self.face.landmarks(parts, size),
            "landmarks": self.face.points(parts),
            "vertices": camera.to_camera(self.face.vertices(parts), parts.pose),
            "albedo": self.face.albedo(parts),
            "light": parts.light,
        }
        return {name: values.cpu().numpy() for name, values in told.items()}
