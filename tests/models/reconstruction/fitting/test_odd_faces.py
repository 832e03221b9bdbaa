"""Faces that no fit can do much with: it gives numbers or says what is wrong, and never stores what is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
import torch

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.morphable.procedural import procedural_model
from occset.models.reconstruction.fits import fits_of
from occset.models.reconstruction.fitting import fit
from occset.models.reconstruction.fitting.fit import Fitter, fit_faces, problem_of
from occset.sources.items import FaceItem
from tests.models.reconstruction.rendered import SIZE, draw_parts, face_model, rendered_faces


class Odd(NamedTuple):
    image: np.ndarray
    mask: np.ndarray
    points: np.ndarray


def turned_to_the_side(yaw: float) -> Odd:
    parts = draw_parts(1, 3)
    pose = parts.pose.clone()
    pose[0, :3] = torch.tensor([0.0, yaw, 0.0])
    parts = parts._replace(pose=pose)
    with torch.no_grad():
        view, points = face_model()(parts, SIZE), face_model().landmarks(parts, SIZE)
    image = np.rint(view.image[0].clamp(0, 1).permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    mask = np.where(view.mask[0, 0].numpy() > 0.5, 255, 0).astype(np.uint8)
    return Odd(image, mask, points[0].double().numpy())


@pytest.fixture(scope="module")
def odd() -> dict[str, Odd]:
    """By what is odd about them."""
    item = rendered_faces(1, seed=7)[0]
    image, mask, points = item.image, item.mask, item.landmarks
    assert mask is not None and points is not None
    away = np.array([[1.0, 0, 108], [0, 1, 0]])  # only an edge of the face is left in the frame
    small = cv2.resize(cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA), (SIZE, SIZE))
    return {
        "plain": Odd(image, mask, points),
        "black": Odd(np.zeros_like(image), mask, points),
        "nothing visible": Odd(image, np.zeros_like(mask), points),
        "upside down": Odd(image[::-1, ::-1].copy(), mask[::-1, ::-1].copy(), SIZE - 1 - points),
        "out of the frame": Odd(
            cv2.warpAffine(image, away, (SIZE, SIZE)), np.full_like(mask, 255), points + np.array([108.0, 0])
        ),
        "from the side": turned_to_the_side(np.radians(80)),
        "16 px": Odd(small, mask, points),
    }


@pytest.fixture(scope="module")
def rows(odd: dict[str, Odd]) -> dict[str, dict[str, Any]]:
    """Their fits."""
    images, masks, points = (np.stack([getattr(each, name) for each in odd.values()]) for name in Odd._fields)
    return dict(zip(odd, Fitter(procedural_model()).fit(images, masks, points), strict=True))


def test_every_fit_is_made_of_numbers(rows: dict[str, dict[str, Any]]) -> None:
    for name, row in rows.items():
        assert np.isfinite(row["vector"]).all(), name
        assert np.isfinite([row["residual"], row["landmark_error"], row["share"]]).all(), name


def test_a_render_that_shows_none_of_the_face_is_flagged(rows: dict[str, dict[str, Any]]) -> None:
    assert rows["nothing visible"]["problem"] == "the render covers 0% of the visible face"
    assert rows["nothing visible"]["residual"] == 0  # it is wrong nowhere
    assert "of the visible face" in rows["out of the frame"]["problem"]
    assert not rows["plain"]["problem"] and not rows["16 px"]["problem"]


def test_whichever_way_a_face_is_turned_its_pose_is_found(rows: dict[str, dict[str, Any]]) -> None:
    upside = rows["upside down"]["vector"][:6]
    assert abs(np.pi - abs(upside[2])) < 0.12 and not rows["upside down"]["problem"]
    side = rows["from the side"]["vector"][:6]
    assert side[1] == pytest.approx(np.radians(80), abs=0.12) and not rows["from the side"]["problem"]


def test_a_black_picture_is_a_face_without_light(rows: dict[str, dict[str, Any]]) -> None:
    at = Fitter(procedural_model()).layout.slices()["light"]
    black, plain = (rows[name]["vector"][at].reshape(9, 3)[0].mean() for name in ("black", "plain"))
    assert black < plain
    assert rows["black"]["residual"] < 0.12  # of a black photo it is how bright the render is


def test_what_is_no_number_is_told_and_not_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    items = [as_photo(item) for item in rendered_faces(2, seed=8)]
    data.add_rows("faces", [data.store_face(item, "test") for item in items])
    whole = fit.Fitter.fit

    def broken(fitter: Fitter, images: np.ndarray, masks: np.ndarray, points: np.ndarray) -> list[dict[str, Any]]:
        found = whole(fitter, images, masks, points)
        vector = found[0]["vector"] * np.float32("nan")
        return [{**found[0], "vector": vector, "problem": problem_of(torch.from_numpy(vector), 0.1, 0.01, 1)}, found[1]]

    monkeypatch.setattr(fit.Fitter, "fit", broken)
    report = fit_faces(data, procedural_model(), "landmarks", workers=1)
    assert report.fitted == 1 and [why for _, why in report.problems] == ["its fit is not finite"]
    assert len(fits_of(OcclusionSet(data.path), procedural_model()).rows) == 1  # and the file can be read
    assert problem_of(torch.zeros(3), 0.1, float("nan"), 1.0) == "not finite"
    assert "covers 40%" in problem_of(torch.zeros(3), 0.0, 0.01, 1.0, 0.4)


def as_photo(item: FaceItem, size: int = SIZE) -> FaceItem:
    """A rendered face of which nothing is known but its mask and landmarks, at another size."""
    assert item.mask is not None and item.landmarks is not None
    image = cv2.resize(item.image, (size, size), interpolation=cv2.INTER_AREA)
    mask = cv2.resize(item.mask, (size, size), interpolation=cv2.INTER_NEAREST)
    points = (item.landmarks + 0.5) * (size / item.image.shape[1]) - 0.5
    return FaceItem(
        name=f"{item.name}-{size}", image=image, licence="made by a test", mask=mask, landmarks=points,
        landmarks_source="source",
    )  # fmt: skip


def test_faces_of_16_px_are_fitted_in_a_set(tmp_path: Path) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    items = [as_photo(item, 16) for item in rendered_faces(2, seed=8)]
    data.add_rows("faces", [data.store_face(item, "test") for item in items])
    report = fit_faces(data, procedural_model(), workers=1)
    assert report.fitted == 2 and not report.problems
    for row in fits_of(data, procedural_model()).rows.values():
        assert row["stage"] == "photometry" and np.isfinite(row["vector"]).all() and row["residual"] < 0.2
