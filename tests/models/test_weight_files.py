"""Weights to files and back: shards, half precision, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from occset.models import weight_files
from occset.models.weight_files import load_weights, save_weights, weights_hash
from occset.support.errors import BadInput

ABOUT = {"network": {"encoder": "e"}, "seed": 3}


def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {"a": torch.randn(40, 10), "b": torch.randn(490), "n": torch.tensor(7)}


def test_whole_precision_comes_back_to_the_bit(tmp_path: Path) -> None:
    files = save_weights(state(), tmp_path, ABOUT, half=False)
    assert [f.name for f in files] == ["model.safetensors"]
    for path in (tmp_path, files[0]):
        found, about = load_weights(path)
        assert about == ABOUT
        assert found.keys() == state().keys()
        assert all(torch.equal(found[k], v) for k, v in state().items())


def test_half_precision_comes_back_as_float32_and_integers_stay(tmp_path: Path) -> None:
    save_weights(state(), tmp_path, ABOUT)
    found, _ = load_weights(tmp_path)
    assert found["a"].dtype == torch.float32
    assert torch.equal(found["a"], state()["a"].half().float())
    assert found["n"].dtype == torch.int64 and found["n"] == 7


def test_shards_keep_to_the_limit_and_are_read_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weight_files, "SHARD_BYTES", 2600)
    monkeypatch.setattr(weight_files, "_HEADER", 600)
    files = save_weights(state(), tmp_path, ABOUT, "net", half=False)
    assert [f.name for f in files] == ["net-00001-of-00002.safetensors", "net-00002-of-00002.safetensors"]
    assert all(f.stat().st_size <= 2600 for f in files)
    for path in (tmp_path, files[1]):
        found, _ = load_weights(path)
        assert all(torch.equal(found[k], v) for k, v in state().items())
    files[0].unlink()
    with pytest.raises(BadInput, match=r"net-00001-of-00002\.safetensors is missing"):
        load_weights(tmp_path)


def test_another_number_of_shards_replaces_the_old_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weight_files, "SHARD_BYTES", 2600)
    monkeypatch.setattr(weight_files, "_HEADER", 600)
    save_weights(state(), tmp_path, ABOUT, half=False)
    monkeypatch.undo()
    save_weights(state(), tmp_path, ABOUT, half=False)
    assert [f.name for f in tmp_path.iterdir()] == ["model.safetensors"]


def test_what_half_precision_cannot_hold_is_kept_whole(tmp_path: Path) -> None:
    save_weights({"big": torch.tensor([1e6, 0.1]), "small": torch.tensor([0.1])}, tmp_path, ABOUT)
    found, _ = load_weights(tmp_path)
    assert torch.equal(found["big"], torch.tensor([1e6, 0.1]))
    assert found["small"].item() == torch.tensor(0.1).half().item()


def test_weights_that_are_not_finite_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="'bad'"):
        save_weights({"bad": torch.tensor([float("nan")])}, tmp_path, ABOUT)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("what", ["cut", "foreign", "absent"])
def test_broken_files_are_refused_by_name(tmp_path: Path, what: str) -> None:
    file = save_weights(state(), tmp_path, ABOUT)[0]
    if what == "cut":
        file.write_bytes(file.read_bytes()[:-100])
    elif what == "foreign":
        file.write_bytes(b"\x80\x04pickled")
    else:
        file.unlink()
    with pytest.raises(BadInput, match="model.safetensors" if what != "absent" else str(tmp_path)):
        load_weights(file if what != "absent" else tmp_path)


def test_hash_tells_weights_apart(tmp_path: Path) -> None:
    save_weights(state(), tmp_path / "one", ABOUT)
    save_weights(state(), tmp_path / "two", ABOUT)
    assert weights_hash(tmp_path / "one") == weights_hash(tmp_path / "two")
    save_weights(state() | {"b": torch.zeros(490)}, tmp_path / "two", ABOUT)
    assert weights_hash(tmp_path / "one") != weights_hash(tmp_path / "two")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16])
def test_a_file_whose_weights_are_not_finite_is_refused_by_name(
    tmp_path: Path, value: float, kind: torch.dtype
) -> None:
    weights = {**state(), "layer.weight": torch.tensor([[1.0, value]]).to(kind)}
    data = weight_files._safetensors().save(weights, {"about": "{}"})
    (tmp_path / "model.safetensors").write_bytes(data)
    with pytest.raises(BadInput, match=r"the weights 'layer\.weight' are not finite"):
        load_weights(tmp_path)


@pytest.mark.parametrize("about", ["[" * 100_000, '{"a":' * 500 + "1" + "}" * 500, '{"network": 1, "network": 2}', ""])
def test_notes_of_a_stranger_are_refused_by_name(tmp_path: Path, about: str) -> None:
    (tmp_path / "model.safetensors").write_bytes(weight_files._safetensors().save(state(), {"about": about}))
    with pytest.raises(BadInput, match=r"model\.safetensors: is not a file of weights that occset wrote \(\w*Error: "):
        load_weights(tmp_path)


def test_figures_that_python_writes_beyond_json_are_read(tmp_path: Path) -> None:
    save_weights(state(), tmp_path, {**ABOUT, "iou": float("nan")})
    assert load_weights(tmp_path)[1]["iou"] != load_weights(tmp_path)[1]["iou"]
