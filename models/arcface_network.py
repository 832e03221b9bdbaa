"""ArcFace as a torch module, so that a loss can be of who a face is; the one module that imports onnx2torch."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from occset.models.arcface import SIZE, TEMPLATE, ArcFaceFile, find_arcface
from occset.pictures.landmarks import similarity
from occset.support.errors import BadInput, MissingExtra


class ArcFaceNetwork(nn.Module):
    """Embeddings of faces, differentiable in their pixels."""

    def __init__(self, file: ArcFaceFile | str | Path | None = None) -> None:
        """Turn an ArcFace ONNX file into a module.

        Args:
            file: as `occset.models.arcface.ArcFace` takes it.

        Raises:
            NoArcFace: there is no file.
            MissingExtra: onnx2torch is not installed.
            BadInput: the file cannot be turned into a module.
        """
        super().__init__()
        found = file if isinstance(file, ArcFaceFile) else find_arcface(file)
        self.sha256 = found.sha256
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                from onnx2torch import convert
        except ImportError as error:
            raise MissingExtra("onnx2torch", "train", "the identity loss") from error
        try:
            self.network = convert(str(found.path))
        except Exception as error:  # onnx2torch tells what it does not know in many ways
            raise BadInput(
                f"{found.path}: cannot be turned into a torch module ({error}): name another file"
            ) from error
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> ArcFaceNetwork:
        """Stays in evaluation mode: it is a judge."""
        return super().train(False)

    def forward(self, images: Tensor, matrices: Tensor) -> Tensor:
        """Embed.

        Args:
            images: (B, 3, H, W) display values 0..1.
            matrices: (B, 2, 3) of `alignments`: places in the 112 px crop to places in the picture, on -1..1 both.

        Returns:
            (B, 512) of unit length.
        """
        grid = F.affine_grid(matrices.to(images.dtype), [len(images), 3, SIZE, SIZE], align_corners=False)
        crop = F.grid_sample(images, grid, align_corners=False, padding_mode="zeros")
        return F.normalize(self.network((crop * 255 - 127.5) / 127.5), dim=1)


def alignments(points: np.ndarray, size: int) -> np.ndarray:
    """What `ArcFaceNetwork` warps by, from five points: (B, 5, 2) pixels of a picture of `size`, to (B, 2, 3) float32."""
    found = np.empty((len(points), 2, 3), np.float32)
    for into, face in zip(found, points, strict=True):
        matrix = np.vstack((similarity(face, TEMPLATE), (0, 0, 1)))  # picture pixels to crop pixels
        back = np.linalg.inv(matrix)
        into[:] = (_to_unit(size) @ back @ np.linalg.inv(_to_unit(SIZE)))[:2]
    return found


def _to_unit(size: int) -> np.ndarray:
    """(3, 3), pixels with centres at integers to -1..1 over the picture's edges."""
    return np.array([[2 / size, 0, 1 / size - 1], [0, 2 / size, 1 / size - 1], [0, 0, 1]])


def embed_pictures(network: ArcFaceNetwork, images: Tensor, points: np.ndarray) -> Tensor:
    """Embeddings (B, 512) of (B, 3, S, S) pictures by their (B, 5, 2) points."""
    return network(images, torch.from_numpy(alignments(points, images.shape[-1])).to(images.device))
