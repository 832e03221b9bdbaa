"""A page that is served, with the released networks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from occset.models.deocclusion.deoccluder import Deoccluder
from occset.models.serving.answers import Answering
from occset.pictures.detector import FaceDetector
from tests.models.serving.talking import Served, serving


@pytest.fixture(scope="session")
def answering() -> Answering:
    return Answering(Deoccluder(device="cpu"), FaceDetector())


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served")) as running:
        yield running
