"""Reads ``epoch_20.pth``: the state dict ``net_recon`` of it, by torch's reader of weights, which executes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from occset.models.reconstruction.deep3d.network import Deep3dNetwork
from occset.models.torch_files import read_torch
from occset.support.errors import BadInput

STATE = "net_recon"
"""What the state dict is called in the file, which also holds that of the optimiser."""

_REMEDY = "give Deep3DFaceRecon_pytorch's epoch_20.pth"


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The state dict of `Deep3dNetwork`.

    Args:
        path: a file that torch saved.

    Raises:
        BadInput: no such file, no file of weights alone, another network, or a number that is not finite; names file and
            entry.
    """
    found = read_torch(path, _REMEDY)
    state = found.get(STATE) if isinstance(found, dict) else None
    if not isinstance(state, Mapping):
        raise BadInput(f"{path}: holds no state dict '{STATE}': {_REMEDY}")
    return _checked(state, path)


def _checked(state: Mapping[Any, Any], path: Path) -> dict[str, Tensor]:
    """The entries in memory of their own, once they are known to be those of the network."""
    with torch.device("meta"):  # names and shapes alone
        wanted = Deep3dNetwork().state_dict()
    others = [key for key in state if key not in wanted]
    missing = [key for key in wanted if key not in state]
    if others or missing:
        what = f"holds '{str(others[0])[:80]}'" if others else f"lacks '{missing[0]}'"
        raise BadInput(f"{path}: {what} and is not the ResNet-50 with seven heads: {_REMEDY}")
    for key, like in wanted.items():
        value = state[key]
        if not isinstance(value, Tensor) or value.layout != torch.strided or value.is_complex():
            raise BadInput(f"{path}: '{key}' is no tensor of plain numbers: {_REMEDY}")
        if value.shape != like.shape:
            raise BadInput(f"{path}: '{key}' is {tuple(value.shape)} instead of {tuple(like.shape)}: {_REMEDY}")
        if not torch.isfinite(value).all():
            raise BadInput(f"{path}: '{key}' holds numbers that are not finite: {_REMEDY}")
    return {key: state[key].to(like.dtype).clone() for key, like in wanted.items()}
