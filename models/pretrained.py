"""What all networks that are ready for use share: where the weights come from, the device, pickling, batches."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from occset.models.registry import Network, find
from occset.models.weight_files import load_weights, weights_hash
from occset.support import references as registry
from occset.support.errors import BadInput, MissingExtra, OccsetError

BATCH = 16
"""Pictures a pass: larger batches only take more memory on a CPU."""


class Pretrained(ABC):
    """A network of the registry with trained weights. Picklable: the weights are read again where it is used.

    A class of it has the name that the registry knows, builds the network from what stands beside the weights, and offers
    what its task in the bench asks for.

    Attributes:
        weights: file or folder that was found.
        weights_hash: 64 hexadecimal digits over its files; `revision` are the first twelve.
        device: "cpu", "cuda", ...
    """

    name: ClassVar[str]
    given: tuple[str, ...] = ()

    def __init__(self, weights: Path | None = None, device: str = "auto", threads: int | None = None) -> None:
        """Find the weights; they are read when first needed.

        Args:
            weights: a .safetensors file or a folder of shards; when None what the variable `OCCSET_<NAME>` names, else the
                released ones.
            device: "cpu", "cuda", or "auto", which takes a GPU where there is one.
            threads: of the processor; as torch has it when None.

        Raises:
            BadInput: there are no weights.
        """
        known = self.known()
        self.title = known.title
        self.weights, self.threads = Path(weights or os.environ.get(known.environment) or known.released), threads
        self.device = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        self.weights_hash = weights_hash(self.weights)
        self.revision = self.weights_hash[:12]
        self._loaded: tuple[nn.Module, dict[str, Any]] | None = None

    @classmethod
    def known(cls) -> Network:
        """What the registry says of the network; a class of somebody else's weights says it itself."""
        return find(cls.name)

    def read(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The state dict in the file of weights, and what stands beside it.

        Raises:
            BadInput: it cannot be used; names the file.
        """
        return load_weights(self.weights)

    @abstractmethod
    def build(self, about: Mapping[str, Any]) -> nn.Module:
        """The network with random weights, from the entry "network" of what stands beside the weights.

        Raises:
            LookupError, TypeError, ValueError, OccsetError: the entry is of another network; told as a `BadInput` that
                names the file.
        """

    def __getstate__(self) -> dict[str, Any]:
        """Without the network."""
        return {**self.__dict__, "_loaded": None}

    @property
    def network(self) -> Any:
        """The network in evaluation mode, on its device, channels-last, without gradients."""
        return self._opened()[0]

    @property
    def about(self) -> dict[str, Any]:
        """What stands beside the weights: "network", "training", "data", "origin", ..."""
        return self._opened()[1]

    def _opened(self) -> tuple[nn.Module, dict[str, Any]]:
        if self._loaded is None:
            state, about = self.read()
            try:
                network = self.build(about["network"])
                network.load_state_dict(state)
            except MissingExtra:
                raise
            except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError, OccsetError) as error:
                raise BadInput(
                    f"{self.weights}: is not a checkpoint of {self.title} ({error}): name another"
                ) from error
            try:
                network = network.to(self.device)
            except (RuntimeError, AssertionError) as error:  # torch's ways to say that there is none
                raise OccsetError(f"the device '{self.device}' cannot be used here: take cpu ({error})") from error
            network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self._loaded = network, about
        return self._loaded

    def batches(self, images: np.ndarray) -> Iterator[Tensor]:
        """Pictures in batches of `BATCH` at most, as they are, on the network's device: (B, H, W, 3) uint8 each.

        Args:
            images: (N, H, W, 3) uint8 RGB.

        Raises:
            BadInput: they are not.
        """
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
            raise BadInput(f"{self.title} takes (B, H, W, 3) uint8 images, not {images.dtype} {images.shape}")
        device = next(self.network.parameters()).device
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        for at in range(0, len(images), BATCH):
            yield torch.from_numpy(np.array(images[at : at + BATCH])).to(device)


def scaled(pictures: Tensor, side: int) -> Tensor:
    """(B, C, S, S) float pictures at another side, bilinear and, where they shrink, averaged; as they are at their own."""
    if pictures.shape[-2:] == (side, side):
        return pictures
    return F.interpolate(pictures, size=(side, side), mode="bilinear", align_corners=False, antialias=True)


def load(name: str, weights: str | Path | None = None, device: str = "auto", threads: int | None = None) -> Any:
    """A network ready for use, by its name in the registry.

    Args:
        name: one of `occset.models.list()`.
        weights: a .safetensors file or a folder of shards; when None what the variable `OCCSET_<NAME>` names, else the
            released ones.
        device: "cpu", "cuda", or "auto", which takes a GPU where there is one.
        threads: of the processor; as torch has it when None.

    Returns:
        An object of the network's class, such as `occset.models.segmentation.segmenter.FaceSegmenter` for "ns".

    Raises:
        UnknownName: no network is called so.
        BadInput: there are no weights.

    >>> import numpy as np
    >>> import occset.models
    >>> network = occset.models.load("ns", device="cpu")
    >>> network.segment(np.zeros((1, 128, 128, 3), np.uint8)).shape  # soft masks, 255 = visible face
    (1, 128, 128)
    """
    make = registry.load(find(name).inference)
    return make(weights=None if weights is None else Path(weights), device=device, threads=threads)
