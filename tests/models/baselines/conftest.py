"""A fitted set that the tests of all rivals share and must not change."""

from __future__ import annotations

from pathlib import Path

import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.reconstruction.albedo import open_face_model
from occset.models.reconstruction.fitting.fit import fit_faces
from tests.models.reconstruction.rendered import fill_rendered


@pytest.fixture(scope="session")
def fitted_set(tmp_path_factory: pytest.TempPathFactory) -> OcclusionSet:
    """Rendered faces, fitted by the released NR's morphable model."""
    data = fill_rendered(OcclusionSet.create(tmp_path_factory.mktemp("rivals") / "set"), faces=24)
    fit_faces(data, open_face_model(albedo=Path("released")), workers=1)
    return data
