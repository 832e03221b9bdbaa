"""epoch_20.pth: read by its names, used as its makers' network uses it, and refused by name where it is not that."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from occset.models import torch_files
from occset.models.reconstruction.deep3d.checkpoint import read_checkpoint
from occset.models.reconstruction.deep3d.network import HEADS, Deep3dNetwork
from occset.support.errors import BadInput
from tests.models.reconstruction.deep3d.published import flat_state, made_state, raw_vectors, write_checkpoint

State = dict[str, Any]


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return made_state(raw_vectors(1)[0])


def test_it_answers_as_torchvision_network_with_seven_heads(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    from torchvision.models import resnet50

    read = read_checkpoint(write_checkpoint(tmp_path / "epoch_20.pth", state))
    network = Deep3dNetwork()
    network.load_state_dict(read)
    other = resnet50(weights=None)
    kept = {key.removeprefix("backbone."): value for key, value in state.items() if key.startswith("backbone.")}
    assert set(other.state_dict()) - set(kept) == {"fc.weight", "fc.bias"}
    other.load_state_dict(kept, strict=False)
    other.fc = torch.nn.Identity()
    picture = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        pooled = other.eval()(picture)
        heads = [pooled @ state[f"final_layers.{k}.weight"][:, :, 0, 0].T for k in range(7)]
        theirs = torch.cat([head + state[f"final_layers.{k}.bias"] for k, head in enumerate(heads)], 1)
        ours = network.eval()(picture)
    assert ours.shape == (2, 257) == (2, sum(HEADS))
    assert torch.allclose(ours, theirs, atol=1e-4)
    assert (ours[0] - ours[1]).abs().max() > 1e-4  # it looks at the picture


def test_half_precision_is_read_as_single(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    half = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    read = read_checkpoint(write_checkpoint(tmp_path / "e.pth", half))
    assert {value.dtype for value in read.values()} == {torch.float32, torch.int64}


def without(name: str) -> Callable[[State], Any]:
    return lambda state: {key: value for key, value in state.items() if key != name}


def with_entry(name: str, value: Any) -> Callable[[State], Any]:
    return lambda state: {**state, name: value}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without("final_layers.4.bias"), "lacks 'final_layers.4.bias'"),
        (without("backbone.layer4.2.bn3.running_var"), "lacks 'backbone.layer4.2.bn3.running_var'"),
        (with_entry("backbone.fc.weight", torch.zeros(257, 2048)), "holds 'backbone.fc.weight'"),
        (with_entry("final_layers.0.weight", torch.zeros(100, 2048, 1, 1)), r"'final_layers.0.weight' is \(100, 2048"),
        (with_entry("final_layers.6.bias", torch.tensor([float("nan")])), "'final_layers.6.bias' holds numbers that"),
        (with_entry("final_layers.6.bias", torch.tensor([1j])), "'final_layers.6.bias' is no tensor of plain numbers"),
        (with_entry("final_layers.6.bias", [0.0]), "'final_layers.6.bias' is no tensor of plain numbers"),
        (lambda state: list(state), "no state dict 'net_recon'"),
        (lambda state: None, "no state dict 'net_recon'"),
    ],
)
def test_another_network_is_refused_by_name(tmp_path: Path, change: Callable[[State], Any], said: str) -> None:
    file = write_checkpoint(tmp_path / "epoch_20.pth", change(flat_state()))
    with pytest.raises(BadInput, match=said) as caught:
        read_checkpoint(file)
    assert "epoch_20.pth" in str(caught.value)


def _touch(file: str) -> None:
    Path(file).touch()


def test_nothing_in_it_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "executed"

    class Touches:
        def __reduce__(self) -> tuple[Any, ...]:
            return _touch, (str(mark),)

    hidden = write_checkpoint(tmp_path / "a.pth", {**flat_state(), "more": Touches()})
    (tmp_path / "b.pth").write_bytes(pickle.dumps({"net_recon": Touches()}))
    torch.save(Touches(), tmp_path / "c.pth", _use_new_zipfile_serialization=False)
    torch.save(torch.nn.Linear(2, 2), tmp_path / "d.pth")
    (tmp_path / "e.pth").write_bytes(hidden.read_bytes()[:-2000])
    (tmp_path / "f.pth").write_bytes(b"")
    for name in "abcdef":
        with pytest.raises(BadInput, match=rf"{name}\.pth: is no file of weights alone"):
            read_checkpoint(tmp_path / f"{name}.pth")
    assert not mark.exists()
    for path in (tmp_path, tmp_path / "none.pth"):
        with pytest.raises(BadInput, match="is not a file"):
            read_checkpoint(path)
    monkeypatch.setattr(torch_files, "MOST_BYTES", 1000)
    with pytest.raises(BadInput, match="more than 1000 bytes"):
        read_checkpoint(hidden)
    _touch(str(mark))
    assert mark.exists()  # it would have shown
