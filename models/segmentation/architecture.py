"""Which U-Net NS is. The one module that imports segmentation_models_pytorch, and that only to build one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from occset.support.errors import MissingExtra, OccsetError

if TYPE_CHECKING:
    from torch import nn

STRIDE = 32
"""Sides of what goes in are multiples of it."""

MOST_SIDE, MOST_CHANNELS = 2048, 2048
"""Of a network: a file of weights says what is built, and may be a stranger's."""


@dataclass(frozen=True)
class Architecture:
    """What has to be known to build the network again.

    Attributes:
        encoder: a name of segmentation_models_pytorch; the paper's is "resnet18".
        decoder: channels of the five decoder blocks, the deepest first.
        size: side in pixels of the pictures it was trained on.
    """

    encoder: str = "resnet18"
    decoder: tuple[int, ...] = (256, 128, 64, 32, 16)
    size: int = 256

    def build(self) -> nn.Module:
        """The network with random weights: normalised (B, 3, H, W) float in, logits (B, 1, H, W) out.

        Raises:
            MissingExtra: segmentation_models_pytorch is not installed.
            OccsetError: it knows no such encoder.
        """
        try:
            import segmentation_models_pytorch as smp
        except ImportError as error:
            raise MissingExtra("segmentation_models_pytorch", "models", "NS") from error
        if len(self.decoder) != 5 or self.size % STRIDE:
            raise OccsetError(f"a U-Net has five decoder blocks and a side that is a multiple of {STRIDE}: {self}")
        if not 0 < self.size <= MOST_SIDE or not all(0 < width <= MOST_CHANNELS for width in self.decoder):
            raise OccsetError(f"a U-Net has sides up to {MOST_SIDE} and blocks up to {MOST_CHANNELS} channels: {self}")
        try:
            return smp.Unet(self.encoder, encoder_weights=None, decoder_channels=list(self.decoder), classes=1)
        except KeyError as error:
            raise OccsetError(f"segmentation_models_pytorch knows no encoder '{self.encoder}': {error}") from error


def build_encoder(name: str) -> Any:
    """An encoder with random weights, for another network: (B, 3, H, W) in, a list of maps out, the deepest last.

    Raises:
        MissingExtra: segmentation_models_pytorch is not installed.
        OccsetError: it knows no such encoder.
    """
    try:
        from segmentation_models_pytorch.encoders import get_encoder
    except ImportError as error:
        raise MissingExtra("segmentation_models_pytorch", "models", "an encoder") from error
    try:
        return get_encoder(name, in_channels=3, depth=5, weights=None)
    except KeyError as error:
        raise OccsetError(f"segmentation_models_pytorch knows no encoder '{name}': {error}") from error
