"""What `occset.models` offers, its examples, and that asking for the list of networks loads none of them."""

from __future__ import annotations

import doctest
import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import occset.models
from occset.dataset.occlusion_set import OcclusionSet
from occset.models.registry import NETWORKS, find, networks
from occset.support import references as registry
from occset.support.errors import UnknownName

EXAMPLES = [
    "occset.models.registry",
    "occset.models.pretrained",
    "occset.models.training.registered",
    "occset.models.torch_data",
]
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("module", EXAMPLES)
def test_the_examples_run(
    module: str, plain_set: OcclusionSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(plain_set.path, tmp_path / "my-set")
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert result.attempted >= 2 and result.failed == 0


def test_what_is_public_is_listed_and_documented() -> None:
    assert dir(occset.models) == ["list", "load", "train"]
    for name in dir(occset.models):
        assert ">>> " in (getattr(occset.models, name).__doc__ or "")
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        occset.models.lode  # noqa: B018


def test_listing_loads_nothing_heavy() -> None:
    script = (
        "import sys, occset.models\nprint(occset.models.list())\n"
        "assert not {'torch', 'numpy', 'cv2', 'pandas'} & set(sys.modules), sorted(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stdout) == (0, f"{list(NETWORKS)}\n"), done.stderr


def test_every_network_holds_what_the_registry_promises() -> None:
    for name, network in networks().items():
        assert network.name == name and network.says and network.title
        presets = network.all_presets()
        assert all(preset.training.name == key and preset.says for key, preset in presets.items())
        assert callable(registry.load(network.task)) and registry.load(network.inference).name == name
        assert registry.load(network.task).name == name
        if network.is_released:
            assert (ROOT / "data_cards" / network.card).is_file()
            assert registry.load(network.recipe).steps
    with pytest.raises(UnknownName, match="no network is called 'nss': did you mean ns"):
        find("nss")
    with pytest.raises(UnknownName, match="no preset is called 'papr': did you mean paper"):
        find("ns").preset("papr")
    assert (find("ns").environment, find("ns").released.name) == ("OCCSET_NS", "ns")
