"""The verbs of whole faces, as they are typed: fit, learn-albedo, reconstruct, deocclude, mine --render."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.morphable.procedural import procedural_model
from occset.models.reconstruction.albedo import load_albedo
from occset.models.reconstruction.albedo_faces import learn_from_set
from occset.models.reconstruction.fits import fits_of
from occset.models.reconstruction.reconstructor import WholeFaces
from occset.support.errors import OccsetError
from tests.fixture_types import Occset
from tests.models.reconstruction.rendered import fill_rendered, rendered_faces


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two aligned squares, one behind a green bar."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, item in enumerate(rendered_faces(2, seed=90)):
        image = item.image.copy()
        if number:
            image[74:100, 36:92] = (40, 170, 60)
        cv2.imwrite(str(folder / f"{number}.png"), image[:, :, ::-1])
    return folder


def test_fit_tells_what_it_found_and_nothing_of_what_it_did_not(occset: Occset, tmp_path: Path) -> None:
    fill_rendered(OcclusionSet.create(tmp_path / "set"), faces=6)
    said = occset("fit", tmp_path / "set", "--workers", 1)
    assert said.status == 0 and "6 faces fitted, 0 of them poorly" in said.err
    assert "nan" not in said.err and "processor time" not in said.err  # rendered faces keep what they are
    again = occset("fit", tmp_path / "set", "--workers", 1)
    assert again.status == 0 and "0 faces fitted" in again.err and "nan" not in again.err


def test_an_albedo_is_learned_from_faces_that_were_fitted_to_pixels(occset: Occset, tmp_path: Path) -> None:
    data = fill_rendered(OcclusionSet.create(tmp_path / "set"), faces=40)
    with pytest.raises(OccsetError, match="occset fit"):
        learn_from_set(data)
    fits = fits_of(data, procedural_model())
    assert occset("fit", data.path, "--workers", 1).status == 0
    # as if they were photos: what they were rendered from stands for a fit to their pixels
    fits = fits_of(data, procedural_model())
    fits.add([{**row, "stage": "photometry", "residual": 0.05} for row in fits.rows.values()])
    out = tmp_path / "albedo"
    said = occset("models", "morphable", "learn-albedo", data.path, "--out", out, "--components", 6)
    assert said.status == 0 and "6 components" in said.err
    learned = load_albedo(procedural_model(), out)
    assert learned.texture_basis.shape[0] == 6 and np.isfinite(learned.mean_albedo.numpy()).all()
    seen = learned.skin
    away = (learned.mean_albedo - procedural_model().mean_albedo).abs()[seen].mean()
    assert away < 0.15  # the faces' mean is near that of the model they were drawn from


def test_reconstruct_writes_by_the_released_weights(occset: Occset, photos: Path, tmp_path: Path) -> None:
    said = occset("reconstruct", photos, "--out", tmp_path / "mesh", "--no-align", "--mesh", "obj")
    assert said.status == 0 and "2 faces in" in said.err
    told = json.loads((tmp_path / "mesh" / "0.json").read_text())
    assert len(told["coefficients"]["light"]) == 9 and told["morphable"] == "procedural"
    assert {p.name for p in (tmp_path / "mesh").iterdir()} == {
        f"{n}.{s}" for n in (0, 1) for s in ("obj", "png", "json")
    }


def test_deocclude_repairs_by_the_released_weights(occset: Occset, photos: Path, tmp_path: Path) -> None:
    arguments = ("--out", tmp_path / "faces", "--no-align", "--save-mask", tmp_path / "masks")
    said = occset("deocclude", photos, *arguments)
    assert said.status == 0 and "2 faces in" in said.err and "1.png: nothing hides" not in said.err
    mask = cv2.imread(str(tmp_path / "masks" / "1.png"), cv2.IMREAD_GRAYSCALE)
    assert (mask[78:96, 42:86] > 0).mean() > 0.9


def test_mining_by_the_rendered_face_fills_its_column(occset: Occset, tmp_path: Path) -> None:
    data = fill_rendered(OcclusionSet.create(tmp_path / "set"), faces=8)
    plain = json.loads(occset("mine", data.path, "--top", 2, "--workers", 1, "--json").out)
    by_render = json.loads(occset("mine", data.path, "--top", 2, "--workers", 1, "--json", "--render").out)
    assert all(row["render_disagreement"] is None for row in plain)
    assert all(0 <= row["render_disagreement"] <= 1 for row in by_render)


def test_whole_faces_cover_what_is_hidden() -> None:
    items = rendered_faces(2, seed=91)
    images = np.stack([item.image for item in items])
    images[:, 74:100, 36:92] = 20
    masks = WholeFaces()(images)
    assert masks.shape == images.shape[:3]
    assert (masks[:, 78:96, 50:78] > 0).mean() > 0.9
