"""NR ready for use: pictures in; coefficients, renders and masks of the whole face out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from occset.models.morphable.base import LinearModel
from occset.models.morphable.store import BUILT_IN, READERS
from occset.models.pretrained import Pretrained, scaled
from occset.models.reconstruction.albedo import open_face_model, unpack_albedo
from occset.models.reconstruction.coefficients import Layout
from occset.models.reconstruction.drawer import FaceDrawer
from occset.models.reconstruction.presets import Architecture
from occset.models.segmentation.network import to_input
from occset.support.errors import BadInput

_MADE_HERE = ("model", "drawer")


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
            BadInput: there is no such model, it is not imported, or the weights are of one of other sizes.
        """
        network, about = self.network, self.about["network"]
        name = str(about.get("morphable"))[:80]
        if name not in (BUILT_IN, *READERS):  # a stranger's weights name no file of ours
            raise BadInput(
                f"{self.weights}: is of the morphable model '{name}', which there is not: name other weights"
            )
        try:
            model = open_face_model(name)
        except BadInput as error:
            raise BadInput(f"{self.weights}: is of the morphable model '{name}': {error}") from error
        if about["albedo"]:
            packed = {key: getattr(network, f"albedo_{key}").cpu() for key in ("vertices", "mean", "basis")}
            model = unpack_albedo(model, packed, self.weights)
        sizes = [len(model.identity_basis), len(model.expression_basis), len(model.texture_basis)]
        if sizes != list(about["sizes"])[1:4]:
            raise BadInput(f"{self.weights}: is of a morphable model of other sizes than '{about['morphable']}'")
        return model

    @cached_property
    def drawer(self) -> FaceDrawer:
        """Draws what the network says."""
        return FaceDrawer(self.model, int(self.about["network"]["colours"]), self.device)

    def __getstate__(self) -> dict[str, Any]:
        """Without the network and the models."""
        return {key: value for key, value in super().__getstate__().items() if key not in _MADE_HERE}

    @property
    def layout(self) -> Layout:
        """Of the coefficients."""
        return self.drawer.layout

    @property
    def size(self) -> int:
        """Side in pixels at which the network looks at pictures."""
        return int(self.about["network"]["size"])

    @property
    def topology(self) -> str:
        """Name of the mesh whose vertices `geometry` gives, see `occset.benchmark.methods.interfaces.Reconstructor`."""
        return self.model.name

    @torch.no_grad()
    def vectors(self, batch: Tensor) -> Tensor:
        """(B, H, W, 3) uint8 RGB, aligned faces on the network's device, to (B, D) coefficients.

        Raises:
            BadInput: what the network answers is not finite.
        """
        found: Tensor = self.network(scaled(to_input(batch), self.size))
        if not torch.isfinite(found).all():  # weights that are finite can still overflow
            raise BadInput(f"{self.weights}: what the network answers is not finite: restore the file, or name another")
        return found

    def coefficients(self, images: np.ndarray) -> np.ndarray:
        """(B, H, W, 3) uint8 RGB, aligned faces, to (B, D) float32.

        Raises:
            BadInput: the pictures are none, or what the network answers is not finite.
        """
        found = [np.zeros((0, self.layout.size), np.float32)]
        found += [self.vectors(batch).cpu().numpy() for batch in self.batches(images)]
        return np.concatenate(found)

    def reconstruct(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """See `occset.benchmark.methods.interfaces.Reconstructor`: coefficients, renders on black, masks.

        Raises:
            BadInput: the pictures are no squares, or what the network answers is not finite.
        """
        if images.ndim != 4 or images.shape[1] != images.shape[2]:
            raise BadInput(f"{self.title} takes square pictures of aligned faces, not {images.shape}")
        vectors = self.coefficients(images)
        return (vectors, *self.drawer.pictures(vectors, images.shape[1]))

    def geometry(self, coefficients: np.ndarray, size: int) -> dict[str, np.ndarray]:
        """What coefficients say beside the picture, see `FaceDrawer.geometry`."""
        return self.drawer.geometry(coefficients, size)


class Twin(FaceReconstructor):
    """The unhardened twin with trained weights: same network, data and steps, but no occluder in training.

    It stands for Deep3DFaceReconstruction ([37] of the paper) in tables: what hardening brings is its distance to NR.
    """

    name = "deep3d"


class WholeFaces:
    """The mask Mm of the whole face in each picture, for mining; see `occset.mining.scoring.Rendered`. Picklable."""

    def __init__(self, weights: Path | None = None) -> None:
        """Find NR's weights; released ones by default.

        Raises:
            BadInput: there are none.
        """
        self.network = FaceReconstructor(weights, device="cpu", threads=1)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """(B, S, S, 3) uint8 RGB, aligned, to (B, S, S) uint8, 255 = the rendered face covers this pixel."""
        return self.network.reconstruct(images)[2]
