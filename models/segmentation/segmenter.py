"""NS ready for use: pictures in, soft masks of the visible face out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from occset.models.segmentation.network import Architecture, pooled_features, to_input
from occset.models.weight_files import RELEASED, load_weights, weights_hash
from occset.support.errors import BadInput, OccsetError

RELEASED_NS = RELEASED / "ns"
ENVIRONMENT = "OCCSET_NS"
"""Names weights that stand in for the released ones, in the bench too."""
_BATCH = 16  # pictures a pass: larger batches only take more memory on a CPU


class FaceSegmenter:
    """NS with trained weights.

    A method of the bench's segmentation protocols, and what mining looks at faces with. Picklable: the weights are read
    again where it is used.
    """

    name = "ns"
    given: tuple[str, ...] = ()
    citations = ("Yin et al., Segmentation-Reconstruction-Guided Facial Image De-occlusion, 2021",)

    def __init__(self, weights: Path | None = None, device: str = "auto", threads: int | None = None) -> None:
        """Find the weights; they are read when first needed.

        Args:
            weights: a .safetensors file or a folder of shards; when None what `OCCSET_NS` names, else the released ones.
            device: "cpu", "cuda", or "auto", which takes a GPU where there is one.
            threads: of the processor; as torch has it when None.

        Raises:
            BadInput: there are no weights.
        """
        self.weights, self.threads = Path(weights or os.environ.get(ENVIRONMENT) or RELEASED_NS), threads
        self.device = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        self.weights_hash = weights_hash(self.weights)
        self.revision = self.weights_hash[:12]
        self._loaded: tuple[Any, Architecture] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Without the network."""
        return {**self.__dict__, "_loaded": None}

    @property
    def size(self) -> int:
        """Side in pixels at which the network looks at pictures."""
        return self._network()[1].size

    def _network(self) -> tuple[Any, Architecture]:
        if self._loaded is None:
            state, about = load_weights(self.weights)
            try:
                found = about["network"]
                architecture = Architecture(found["encoder"], tuple(found["decoder"]), int(found["size"]))
                network = architecture.build()
                network.load_state_dict(state)
            except (KeyError, TypeError, ValueError, RuntimeError) as error:
                raise BadInput(f"{self.weights}: is not a checkpoint of NS ({error}): name another") from error
            try:
                network = network.to(self.device)
            except (RuntimeError, AssertionError) as error:  # torch's ways to say that there is none
                raise OccsetError(f"the device '{self.device}' cannot be used here: take cpu ({error})") from error
            network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
            self._loaded = network, architecture
        return self._loaded

    def _batches(self, images: np.ndarray) -> list[Tensor]:
        """Normalised batches at the network's size, on its device."""
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
            raise BadInput(f"NS takes (B, H, W, 3) uint8 images, not {images.dtype} {images.shape}")
        network, architecture = self._network()
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        device = next(network.parameters()).device
        side = (architecture.size, architecture.size)
        batches = []
        for at in range(0, len(images), _BATCH):
            x = to_input(torch.from_numpy(np.array(images[at : at + _BATCH])).to(device))
            if x.shape[2:] != side:
                x = F.interpolate(x, size=side, mode="bilinear", align_corners=False, antialias=True)
            batches.append(x)
        return batches

    @torch.inference_mode()
    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """How surely each pixel is visible face.

        Args:
            images: (B, H, W, 3) uint8 RGB, aligned faces, of any size.

        Returns:
            (B, H, W) float32 on 0..1.

        Raises:
            BadInput: the weights are none of NS, or what comes out of them is not finite.
        """
        shape = images.shape[1:3]
        found = [np.zeros((0, *shape), np.float32)]
        for x in self._batches(images):
            p = torch.sigmoid(self._network()[0](x))
            if not torch.isfinite(p).all():  # weights that are finite can still overflow
                raise BadInput(
                    f"{self.weights}: what the network answers is not finite: restore the file, or name another"
                )
            found.append(F.interpolate(p, size=shape, mode="bilinear", align_corners=False)[:, 0].cpu().numpy())
        return np.concatenate(found)

    def segment(self, images: np.ndarray) -> np.ndarray:
        """(B, H, W, 3) uint8 RGB in; (B, H, W) uint8 soft masks out, 255 = certainly visible face."""
        return np.rint(self.probabilities(images) * 255).astype(np.uint8)

    @torch.inference_mode()
    def features(self, images: np.ndarray) -> np.ndarray:
        """What the encoder sees: (B, H, W, 3) uint8 RGB to (B, D) float32, its deepest map averaged over the picture."""
        network = self._network()[0]
        found = [pooled_features(network, x).cpu().numpy() for x in self._batches(images)]
        return np.concatenate(found) if found else np.zeros((0, 0), np.float32)
