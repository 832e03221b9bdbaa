"""What a training starts from: the weights of an earlier one, a checkpoint, or the released one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor, nn

from occset.models.registry import find
from occset.models.training.checkpoints import NAME, final_networks, short_hash
from occset.models.weight_files import load_weights
from occset.support.errors import BadInput, OccsetError

RELEASED = "released"
"""Stands for the weights that come with occset."""


def start_from(
    network: nn.Module,
    start: str | Path,
    name: str,
    keeps: str,
    grow: Callable[[Mapping[str, Tensor]], None] | None = None,
) -> str:
    """Give a network the weights of an earlier training.

    Args:
        network: of the same architecture; changed in place.
        start: a file of weights, a folder of shards, the folder of a training, finished or not, or the word "released"
            (a folder of that name is ./released).
        name: of the network in the registry.
        keeps: which network of the training's task is meant.
        grow: gives the network weights of a smaller one that do not fit as they are; raises an `OccsetError` if it cannot.

    Returns:
        The origin: one sentence with a hash, for whoever asks later.

    Raises:
        BadInput: there are no such weights.
        OccsetError: they are of another network.
    """
    known = find(name)
    is_released = str(start) == RELEASED
    if is_released and not known.is_released:
        raise BadInput(
            f"no weights of {known.title} come with this occset: name a checkpoint or the folder of a training"
        )
    path = known.released if is_released else Path(start)
    weights = _weights_in(path, known.title, keeps)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        if grow is None:
            raise OccsetError(f"{path}: is of another network than the preset's: choose its preset") from error
        try:
            grow(weights)
        except OccsetError as misfit:
            raise OccsetError(f"{path}: {misfit}: choose their preset") from misfit
    source = "the released weights" if is_released else path.name
    return f"the network starts from {source} ({short_hash(network.state_dict())})"


def _weights_in(path: Path, title: str, keeps: str) -> dict[str, Tensor]:
    """The state dict in a checkpoint, or in the folder of a training that need not have come to its end."""
    if not (path / NAME).is_file():
        return load_weights(path)[0]
    networks = final_networks(path)
    if keeps not in networks:
        raise OccsetError(f"{path}: a training of {', '.join(networks)}, not of {title}: name one of {title}")
    return networks[keeps]
