"""The network of NS: input, encoder weights by name and by order, refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from occset.models.segmentation.network import MEAN, STD, Architecture, load_encoder, pooled_features, to_input
from occset.support.errors import BadInput, OccsetError

NARROW = Architecture("resnet18", (16, 16, 8, 8, 8), 64)


def test_input_is_normalised_by_imagenet() -> None:
    images = torch.tensor(np.array([[[[0, 128, 255]]]], np.uint8))
    found = to_input(images).flatten().tolist()
    assert found == pytest.approx([(v / 255 - m) / s for v, m, s in zip((0, 128, 255), MEAN, STD, strict=True)])


def test_logits_have_the_size_of_the_picture() -> None:
    net = NARROW.build().eval()
    assert net(torch.zeros(2, 3, 64, 96)).shape == (2, 1, 64, 96)
    assert pooled_features(net, torch.zeros(2, 3, 64, 64)).shape == (2, 512)


@pytest.mark.parametrize(
    ("architecture", "says"),
    [(Architecture("resnet181"), "no encoder 'resnet181'"), (Architecture(size=100), "32"),
     (Architecture(decoder=(8, 8)), "five decoder blocks")],
)  # fmt: skip
def test_impossible_networks_are_refused(architecture: Architecture, says: str) -> None:
    with pytest.raises(OccsetError, match=says):
        architecture.build()


def classifier(rename: bool) -> dict[str, torch.Tensor]:
    """A ResNet-18's state dict with a classifier at its end, under the usual names or under others."""
    torch.manual_seed(5)
    body = NARROW.build().encoder.state_dict()
    body = {k: torch.randn_like(v) if v.is_floating_point() else v for k, v in body.items()}
    named = {f"_{i}.{k.split('.')[-1]}" if rename else k: v for i, (k, v) in enumerate(body.items())}
    return {**named, "fc.weight": torch.zeros(10, 512), "fc.bias": torch.zeros(10)}


@pytest.mark.parametrize("rename", [False, True])
def test_encoder_weights_by_name_or_order(tmp_path: Path, rename: bool) -> None:
    state = classifier(rename)
    torch.save(state, tmp_path / "resnet18-mine.pth")
    net = NARROW.build()
    assert "resnet18-mine.pth" in load_encoder(net, "resnet18", tmp_path / "resnet18-mine.pth")
    for found, wanted in zip(net.encoder.state_dict().values(), state.values(), strict=False):
        assert torch.equal(found, wanted)


def test_cached_weights_are_found_and_absent_ones_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    assert load_encoder(NARROW.build(), "resnet18", None).endswith("starts from scratch")
    (tmp_path / "checkpoints").mkdir()
    torch.save(classifier(False), tmp_path / "checkpoints" / "resnet18-f37072fd.pth")
    assert "resnet18-f37072fd.pth" in load_encoder(NARROW.build(), "resnet18", None)


@pytest.mark.parametrize("what", ["foreign", "other"])
def test_files_that_do_not_fit_are_refused_by_name(tmp_path: Path, what: str) -> None:
    file = tmp_path / "weights.pth"
    if what == "foreign":
        file.write_bytes(b"nothing of the kind")
    else:
        torch.save({"layer.weight": torch.zeros(3)}, file)
    with pytest.raises(BadInput, match=r"weights\.pth"):
        load_encoder(NARROW.build(), "resnet18", file)


def test_nothing_that_runs_code_is_unpickled(tmp_path: Path) -> None:
    file = tmp_path / "evil.pth"
    torch.save({"layer.weight": Path("x")}, file)
    with pytest.raises(BadInput, match=r"evil\.pth"):
        load_encoder(NARROW.build(), "resnet18", file)
