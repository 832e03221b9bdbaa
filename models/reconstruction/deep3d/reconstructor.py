"""The published network ready for use, with the Basel model that its user imported."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from occset.models.morphable.base import LinearModel
from occset.models.morphable.store import open_morphable
from occset.models.pretrained import load
from occset.models.reconstruction.deep3d import PUBLISHED, conventions
from occset.models.reconstruction.deep3d.checkpoint import read_checkpoint
from occset.models.reconstruction.deep3d.network import Deep3dNetwork
from occset.models.reconstruction.drawer import FaceDrawer
from occset.models.reconstruction.reconstructor import FaceReconstructor
from occset.models.registry import Network
from occset.support.errors import BadInput, OccsetError

MORPHABLE = "bfm09"
"""The model that its coefficients are of."""

SUFFIXES = (".pth", ".pt")
"""Of files that torch saved."""


class PublishedDeep3d(FaceReconstructor):
    """Deep3DFaceReconstruction's network in its PyTorch version, whose weights the user has.

    Coefficients are in our order and units, seen through `occset.models.reconstruction.deep3d.conventions.lens`; pictures
    are drawn by its own light, which knows no curve of a screen.
    """

    name = PUBLISHED.name
    citations = ("Deng et al., Accurate 3D Face Reconstruction with Weakly-Supervised Learning, CVPR Workshops 2019",)

    def __init__(
        self,
        weights: Path | None = None,
        device: str = "auto",
        threads: int | None = None,
        morphable: str | Path = MORPHABLE,
    ) -> None:
        """Find the file; it is read when first needed.

        Args:
            weights: ``epoch_20.pth``; what the variable `OCCSET_DEEP3D_PYTORCH` names when None.
            device: "cpu", "cuda", or "auto", which takes a GPU where there is one.
            threads: of the processor; as torch has it when None.
            morphable: "bfm09" once it is imported, or a file of it.

        Raises:
            BadInput: no file is named, or it is not there.
        """
        named = weights or os.environ.get(PUBLISHED.environment)
        if not named:
            raise BadInput(
                f"the weights of {PUBLISHED.title} do not come with occset: name its epoch_20.pth with --weights, or in "
                f"the variable {PUBLISHED.environment}"
            )
        self.morphable = str(morphable)
        super().__init__(Path(named), device, threads)

    @classmethod
    def known(cls) -> Network:
        """It is none of the registry's."""
        return PUBLISHED

    def read(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The state dict, and what stands beside weights of ours."""
        of = {"morphable": self.morphable, "size": conventions.SIDE, "colours": conventions.LAYOUT.colours}
        return read_checkpoint(self.weights), {"network": of}

    def build(self, about: Mapping[str, Any]) -> nn.Module:
        """The network with random weights."""
        return Deep3dNetwork()

    @cached_property
    def model(self) -> LinearModel:
        """The Basel model.

        Raises:
            BadInput: it is not imported, or another model is named.
        """
        model = open_morphable(self.morphable)
        sizes = (len(model.identity_basis), len(model.expression_basis), len(model.texture_basis))
        if model.name != MORPHABLE or sizes != conventions.LAYOUT.sizes[1:4]:
            raise BadInput(
                f"{self.weights}: its coefficients are of {MORPHABLE} (80, 64 and 80 modes), not of '{model.name}' "
                f"{sizes}: run  occset models morphable import {MORPHABLE} FILE"
            )
        return model

    @cached_property
    def drawer(self) -> FaceDrawer:
        """Draws by their camera and their light."""
        colours = conventions.LAYOUT.colours
        return FaceDrawer(self.model, colours, self.device, conventions.lens(), linear=False)

    @torch.no_grad()
    def vectors(self, batch: Tensor) -> Tensor:
        """(B, S, S, 3) uint8 RGB, aligned faces on the network's device, to (B, 257) coefficients in our order.

        Raises:
            BadInput: what the network answers is not finite.
        """
        pictures = batch.permute(0, 3, 1, 2).float() / 255
        raw: Tensor = self.network(conventions.crop(pictures).contiguous(memory_format=torch.channels_last))
        if not torch.isfinite(raw).all():  # weights that are finite can still overflow
            raise BadInput(f"{self.weights}: what the network answers is not finite: restore the file, or name another")
        centre = self.model.mean.mean(0).to(raw.device)
        return conventions.to_vectors(raw, centre)


def open_reconstructor(weights: Path | None = None, morphable: str | None = None, device: str = "auto") -> Any:
    """NR, or the published network where the file of weights is one that torch saved.

    Args:
        weights: of NR, or ``epoch_20.pth``; the released ones when None.
        morphable: for ``epoch_20.pth`` alone, "bfm09" when None.
        device: "cpu", "cuda" or "auto".

    Raises:
        OccsetError: a morphable model is named for weights that say themselves which one they are of.
        BadInput: there are no weights.
    """
    if weights is not None and weights.suffix.lower() in SUFFIXES:
        return PublishedDeep3d(weights, device, morphable=morphable or MORPHABLE)
    if morphable is not None:
        raise OccsetError(
            "--morphable goes with Deep3DFaceReconstruction's epoch_20.pth alone: weights of NR say which morphable "
            "model they are of"
        )
    return load("nr", weights, device)
