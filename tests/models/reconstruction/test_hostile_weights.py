"""Weights of NR that a stranger wrote: refused by name, whatever they say of themselves, and nothing in them is executed."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from occset.models.reconstruction.coefficients import Layout
from occset.models.reconstruction.presets import Architecture
from occset.models.reconstruction.reconstructor import FaceReconstructor
from occset.models.weight_files import save_weights
from occset.support.errors import OccsetError

SMALL = Architecture("timm-mobilenetv3_small_minimal_100", 32)  # quick to write and to read
LAYOUT = Layout(80, 64, 80, 3)
ABOUT: dict[str, Any] = {
    **SMALL.to_dict(), "colours": 3, "morphable": "procedural", "sizes": list(LAYOUT.sizes), "albedo": [5, 80],
}  # fmt: skip


@lru_cache(maxsize=1)
def small_state() -> dict[str, torch.Tensor]:
    return SMALL.build(LAYOUT, (5, 80)).state_dict()


def opened(folder: Path, about: Any, state: dict[str, torch.Tensor] | None = None) -> FaceReconstructor:
    save_weights(small_state() if state is None else state, folder, about)
    network = FaceReconstructor(folder, "cpu", 1)
    network.reconstruct(np.zeros((1, 32, 32, 3), np.uint8))
    return network


def test_what_we_wrote_ourselves_is_taken(tmp_path: Path) -> None:
    assert opened(tmp_path, {"network": ABOUT}).layout == LAYOUT


@pytest.mark.parametrize(
    "change",
    [
        {"sizes": None},
        {"sizes": "abcde"},
        {"sizes": [6, 80, 64, 80]},
        {"sizes": [6, -80, 64, 80, 27]},
        {"sizes": [6, 10**9, 64, 80, 27]},
        {"sizes": [6, float("inf"), 64, 80, 27]},
        {"sizes": [3, 80, 64, 80, 27]},
        {"colours": 2},
        {"colours": "three"},
        {"encoder": "../../resnet18"},
        {"encoder": ["resnet18"]},
        {"encoder": "resnet34"},
        {"size": 10**9},
        {"size": -32},
        {"size": float("nan")},
        {"spatial": 10**9},
        {"hidden": -1},
        {"albedo": [10**15, 80]},
        {"albedo": [-5, 80]},
        {"albedo": "of another"},
        {"albedo": [5]},
        {"albedo": None},
        {"morphable": "another"},
        {"morphable": {}},
    ],
)
def test_what_stands_beside_them_may_say_anything(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(OccsetError) as caught:
        opened(tmp_path, {"network": ABOUT | change})
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("about", [{}, {"network": None}, {"network": []}, {"network": "nr"}, {"network": {}}])
def test_nothing_may_stand_beside_them(tmp_path: Path, about: Any) -> None:
    with pytest.raises(OccsetError, match=str(tmp_path)):
        opened(tmp_path, about)


def put(name: str, value: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda state: {**state, name: value(state[name])}


@pytest.mark.parametrize(
    "change",
    [
        put("albedo_vertices", lambda v: v - 1),
        put("albedo_vertices", lambda v: v + 10**6),
        put("albedo_mean", lambda v: v[:3]),
        put("head.2.weight", lambda v: v.T),
        put("head.2.bias", lambda v: v[:9]),
        lambda state: {key: value for key, value in state.items() if key != "head.2.bias"},
        lambda state: {**state, "more": torch.zeros(3)},
        put("head.2.bias", lambda v: v * 0 + 3e38),  # finite, and the answer is not
    ],
)
def test_tensors_that_do_not_fit_are_refused(tmp_path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    with pytest.raises(OccsetError, match=str(tmp_path)):
        opened(tmp_path, {"network": ABOUT}, change(small_state()))


def test_a_pickle_by_the_name_of_weights_is_not_opened(tmp_path: Path) -> None:
    mark = tmp_path / "executed"

    class Touches:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (mark,)

    (tmp_path / "model.safetensors").write_bytes(pickle.dumps(Touches()))
    torch.save({"head.2.bias": Touches()}, tmp_path / "other.safetensors")
    for path in (tmp_path, tmp_path / "model.safetensors", tmp_path / "other.safetensors"):
        with pytest.raises(OccsetError, match=r"is not a file of weights"):
            FaceReconstructor(path, "cpu", 1).vectors(torch.zeros(1, 32, 32, 3, dtype=torch.uint8))
    assert not mark.exists()
    pickle.loads((tmp_path / "model.safetensors").read_bytes())
    assert mark.exists()  # it would have shown
