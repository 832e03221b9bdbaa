"""What one geometry costs against another: who is compared, the arithmetic, and a run on rendered faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from experiments.geometry import Outcome, choose, compare, fit_all, read_photos, table
from occset.dataset.occlusion_set import OcclusionSet
from occset.models.morphable.procedural import procedural_model
from occset.models.reconstruction.fitting.fit import Fitter
from occset.support.errors import OccsetError
from tests.models.reconstruction.rendered import fill_rendered


@pytest.fixture
def data(tmp_path: Path) -> OcclusionSet:
    return fill_rendered(OcclusionSet.create(tmp_path / "set"), faces=40)


def test_no_test_face_is_looked_at_and_none_twice(data: OcclusionSet) -> None:
    known, asked = choose(data, 10, 12)
    split = dict(zip(data.faces["id"], data.faces["split"], strict=True))
    assert len(set(known) | set(asked)) == 22 and {split[face] for face in known} == {"train"}
    assert {split[face] for face in asked} <= {"train", "val"}
    val = [face for face in split if split[face] == "val"]
    assert set(asked[: len(val)]) == set(val)  # those first
    assert choose(data, 10, 12) == (known, asked)
    with pytest.raises(OccsetError, match="too few"):
        choose(data, 400, 12)


def test_differences_are_paired() -> None:
    error = np.array([0.1, 0.2, 0.3, 0.4])
    away = np.array([0.01, 0.02, 0.01, 0.02])

    def outcome(moved: np.ndarray, flagged: int) -> Outcome:
        figures = dict.fromkeys(("residual", "landmark_error", "landmarks_alone"), error + moved)
        return Outcome(figures, 0.5, flagged)

    rows = table({"a": outcome(away, 3), "b": outcome(away * 0, 1)})
    assert rows[0]["a"] == 0.265 and rows[0]["b"] == 0.25
    # twice the deviation 0.0057735 over the root of four
    assert rows[0]["difference"] == "+0.0150 +- 0.0058"
    assert rows[3] == {"figure": "flagged", "a": 3, "b": 1, "difference": ""}


def test_rendered_faces_are_fitted_well_by_the_model_they_were_rendered_by(data: OcclusionSet) -> None:
    model = procedural_model()
    photos = read_photos(data, choose(data, 4, 4)[1], Fitter(model, "landmarks"))
    assert photos.images.shape == (len(photos.points), 128, 128, 3)
    told: list[int] = []
    found = fit_all(model, photos, told.append)
    assert sum(told) == len(photos.images) and found.flagged == 0 and found.seconds > 0
    assert found.figures["residual"].max() < 0.05
    assert (found.figures["landmark_error"] < 0.01).all()


@pytest.mark.slow
def test_a_geometry_that_cannot_change_costs_something(data: OcclusionSet) -> None:
    """The model against itself without its ways to change: the same photos, and the poorer one is worse at all of them."""
    import dataclasses

    model = procedural_model()
    stiff = dataclasses.replace(model, identity_basis=model.identity_basis * 0.05, geometry_id="", albedo_id="")
    found, count = compare(data, {"stiff": stiff, "whole": model}, learn=24, photos=6, components=4)
    assert count == 6
    rows = {row["figure"]: row for row in table(found)}
    assert rows["landmarks, widths"]["stiff"] > rows["landmarks, widths"]["whole"]
    assert rows["the same, no pixels"]["stiff"] > rows["the same, no pixels"]["whole"]
