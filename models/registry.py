"""The networks, one line each: a name on the command line to the `Network` that its folder holds.

Everything that trains, lists, loads, mines or benches a network asks here, so a new one is its folder and its line.
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from occset.support import references as registry
from occset.support.errors import UnknownName

NETWORKS: dict[str, str] = {
    "ns": "occset.models.segmentation:NETWORK",
    "nr": "occset.models.reconstruction:NETWORK",
    "deep3d": "occset.models.reconstruction:TWIN",
    "ng": "occset.models.inpainting:NETWORK",
    "ng-no-ssim": "occset.models.inpainting:WITHOUT_SSIM",
    "ng-25k": "occset.models.inpainting:AS_LONG_AS_RIVALS",
    "pconv": "occset.models.baselines.pconv:NETWORK",
    "deepfill-v2": "occset.models.baselines.deepfill_v2:NETWORK",
    "picnet": "occset.models.baselines.picnet:NETWORK",
    "lafin": "occset.models.baselines.lafin:NETWORK",
    "fd3d": "occset.models.baselines.fd3d:NETWORK",
    "context-encoder": "occset.models.baselines.context_encoder:NETWORK",
}
"""Name to ``"module:attr"`` of its `Network`; the module loads nothing heavy."""

GROUPS: dict[str, str] = {
    "all": "NS, then NR, then NG, each on the one before.",
    "rivals": "The networks of others that NG is compared with.",
}
"""What ``occset train`` trains by one command: name to its line of help. Networks say which group they are in."""

_WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class Network:
    """What a network's folder says of it, by ``"module:attr"`` strings, so that a list of networks loads none.

    Attributes:
        name: on the command line, as in the registry.
        title: in messages, such as "NS".
        says: one line for help and lists.
        does: the task of the bench that it is a method of, such as "segmentation".
        task: class with `occset.models.training.registered.NetworkTask`'s constructor: what the engine trains.
        inference: class, a `occset.models.pretrained.Pretrained`: the network ready for use.
        presets: dictionary of named presets, the first one the default.
        options: frozen dataclass of what this network's training takes besides the common options: each field is
            ``Annotated[type, "help"]`` with a default. "" for none.
        recipe: the steps of `occset.models.steps.Step` that make the released weights again; "" where none are released.
        weights: folder of the released weights, in ``models/weights`` unless absolute.
        group: of `GROUPS`, which trains its networks in the order of the registry; "" for none.
        chain: function that takes a `occset.models.steps.Plan` and the network's name, and returns the steps that train it
            after those before it; its training alone where "".
        card: file in ``data_cards`` that tells what the weights were trained on.
        given: what its method is given on the bench besides the picture, such as ("mask",).
    """

    name: str
    title: str
    says: str
    does: str
    task: str
    inference: str
    presets: str
    options: str = ""
    recipe: str = ""
    weights: str = ""
    card: str = ""
    group: str = ""
    chain: str = ""
    given: tuple[str, ...] = ()

    @property
    def environment(self) -> str:
        """The variable that names weights instead of the released ones."""
        return f"OCCSET_{self.name.upper().replace('-', '_')}"

    @property
    def released(self) -> Path:
        """Folder of the released weights, whether there or not."""
        return _WEIGHTS / (self.weights or self.name.replace("-", "_"))  # folders of data are packages of the wheel

    @property
    def is_released(self) -> bool:
        """Whether weights come with occset."""
        return any(self.released.glob("*.safetensors"))

    def all_presets(self) -> dict[str, Any]:
        """Its presets by name, the default first."""
        found: dict[str, Any] = registry.load(self.presets)
        return found

    def preset(self, name: str) -> Any:
        """The preset of a name.

        Raises:
            UnknownName: there is none; suggests the nearest.
        """
        presets = self.all_presets()
        if name not in presets:
            raise UnknownName("preset", name, presets)
        return presets[name]


def find(name: str) -> Network:
    """The network of a name.

    Raises:
        UnknownName: there is none; suggests the nearest.
    """
    found: Network = registry.look_up("network", name, NETWORKS)
    return found


def networks() -> dict[str, Network]:
    """All networks by name, in the order of the registry; nothing heavy is loaded."""
    return {name: find(name) for name in NETWORKS}


def members(group: str) -> builtins.list[Network]:
    """The networks of a group, in the order in which they are trained."""
    return [network for network in networks().values() if network.group == group]


def inference_classes(does: str) -> dict[str, str]:
    """Name to the ``"module:attr"`` of the class, of every network that does a task of the bench."""
    return {name: network.inference for name, network in networks().items() if network.does == does}


def list(pretrained: bool = False) -> builtins.list[str]:
    """Names of the networks, as `load` and `train` take them.

    Args:
        pretrained: only those whose weights come with occset.

    >>> import occset.models
    >>> occset.models.list(pretrained=True)[:3]
    ['ns', 'nr', 'ng']
    """
    return [name for name, network in networks().items() if network.is_released or not pretrained]
