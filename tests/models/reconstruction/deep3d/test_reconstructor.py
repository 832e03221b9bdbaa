"""The published network in use: reconstruct on the command line, the bench, and what is refused."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from occset.models.morphable.store import import_morphable
from occset.models.reconstruction.deep3d.reconstructor import PublishedDeep3d, open_reconstructor
from occset.support.errors import BadInput, OccsetError
from tests.models.morphable.made_models import bfm_arrays
from tests.models.reconstruction.deep3d.published import (
    draw_slowly,
    made_state,
    raw_vectors,
    write_bfm,
    write_checkpoint,
)
from tests.models.reconstruction.rendered import rendered_faces

SAID = raw_vectors(1, seed=2)[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With epoch_20.pth and BFM_model_front.mat, both made."""
    found = tmp_path_factory.mktemp("published")
    write_checkpoint(found / "epoch_20.pth", made_state(SAID))
    write_bfm(found / "BFM_model_front.mat")
    return found


@pytest.fixture
def network(folder: Path) -> PublishedDeep3d:
    return PublishedDeep3d(folder / "epoch_20.pth", "cpu", 1, folder / "BFM_model_front.mat")


def test_what_it_says_of_a_picture_is_drawn_over_the_face(network: PublishedDeep3d) -> None:
    images = np.stack([item.image for item in rendered_faces(2, seed=3)])
    vectors, renders, masks = network.reconstruct(images)
    assert vectors.shape == (2, 257) and renders.shape == images.shape and masks.shape == images.shape[:3]
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-5
    told = network.geometry(vectors, 128)
    assert set(told) == {"points", "landmarks", "vertices"}  # its light and albedo are not linear
    raw = network.network(_seen(network, images)).numpy()[0]
    assert np.abs(raw - SAID).max() < 0.5
    marks = draw_slowly(bfm_arrays(), raw).landmarks
    side, left, up = 261, 18, 39  # of their crop in ours, worked out by hand from their script
    assert np.abs(told["points"][0] - ((marks + (left, up) + 0.5) * (128 / side) - 0.5)).max() < 0.05
    again = pickle.loads(pickle.dumps(network)).reconstruct(images)
    assert np.array_equal(again[0], vectors) and np.array_equal(again[1], renders)


def _seen(network: PublishedDeep3d, images: np.ndarray) -> Any:
    import torch

    from occset.models.reconstruction.deep3d.conventions import crop

    return crop(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)


def test_reconstruct_takes_the_file_and_the_imported_model(
    occset: Callable[..., Any], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    photo, out = tmp_path / "a.png", tmp_path / "mesh"
    cv2.imwrite(str(photo), rendered_faces(1, seed=4)[0].image[:, :, ::-1])
    words = ("reconstruct", photo, "--no-align", "--out", out, "--device", "cpu", "--weights", folder / "epoch_20.pth")
    said = occset(*words)
    assert said.status == 2 and "occset models morphable import bfm09 FILE" in said.err
    import_morphable("bfm09", folder / "BFM_model_front.mat")
    said = occset(*words)
    assert said.status == 0, said.err
    told = json.loads((out / "a.json").read_text())
    assert told["morphable"] == "bfm09" and told["network"].startswith("deep3d-pytorch ")
    yaw = float(np.degrees(SAID[225]))
    assert told["angles"]["yaw"] == pytest.approx(yaw, abs=6) and abs(yaw) > 6
    assert (out / "a.ply").is_file() and (out / "a.png").is_file()
    said = occset(*words, "--morphable", "procedural")
    assert said.status == 2 and "of bfm09 (80, 64 and 80 modes), not of 'procedural'" in said.err


def test_weights_of_ours_say_their_model_themselves(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OccsetError, match=r"epoch_20\.pth alone"):
        open_reconstructor(None, "bfm09")
    assert open_reconstructor(folder / "epoch_20.pth", device="cpu").morphable == "bfm09"
    monkeypatch.delenv("OCCSET_DEEP3D_PYTORCH", raising=False)
    with pytest.raises(BadInput, match="OCCSET_DEEP3D_PYTORCH"):
        PublishedDeep3d()
    monkeypatch.setenv("OCCSET_DEEP3D_PYTORCH", str(folder / "epoch_20.pth"))
    assert PublishedDeep3d(device="cpu").weights == folder / "epoch_20.pth"
