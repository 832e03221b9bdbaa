from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from occset.pictures.landmarks import TEMPLATES, five_points, similarity, template, transform_points


def test_templates_are_symmetric_and_scale_about_the_corner() -> None:
    for name in sorted(set(TEMPLATES) - {"builtin"}):
        small, large = template(256, name), template(512, name)
        assert np.allclose(large, (small + 0.5) * 2 - 0.5)
        mirrored = np.column_stack([511 - large[:, 0], large[:, 1]])
        assert np.allclose(mirrored[[1, 0, 2, 4, 3]], large)
        assert large[0, 0] < large[1, 0] and large[0, 1] < large[2, 1] < large[3, 1]


def test_built_in_faces_keep_their_place() -> None:
    """Whoever moves it makes other faces of all of them."""
    expected = [[98.0, 120.0], [158.0, 120.0], [128.0, 152.0], [104.5, 178.0], [151.5, 178.0]]
    assert np.array_equal(template(256, "builtin"), expected)


@pytest.mark.real
def test_the_template_is_the_mean_of_real_faces(real_data: Path) -> None:
    pytest.importorskip("onnxruntime")
    from occset.pictures.detector import FaceDetector, find_detector
    from occset.pictures.images import read_image

    if find_detector() is None:
        pytest.skip("no SCRFD file: pip install 'occset[identity]'")
    detector = FaceDetector()
    files = sorted((real_data / "celebamask_hq" / "CelebA-HQ-img").glob("*.jpg"))[::15]
    found = np.array([detector.detect(read_image(file))[0].landmarks for file in files])
    assert len(found) == 60
    assert np.abs(found.mean(axis=0) - template(512)).max() < 6  # 1.2 % of the width; heads turn to either side


def test_five_of_sixty_eight() -> None:
    points = np.random.default_rng(0).uniform(0, 100, (68, 2))
    five = five_points(points)
    assert np.allclose(five[0], points[36:42].mean(axis=0)) and np.allclose(five[1], points[42:48].mean(axis=0))
    assert np.array_equal(five[2:], points[[30, 48, 54]])
    assert np.array_equal(five_points(five), five)
    with pytest.raises(ValueError, match=r"\(5, 2\) or \(68, 2\)"):
        five_points(points[:10])


@pytest.mark.parametrize("seed", range(5))
def test_similarity_recovers_a_known_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    angle, scale, shift = rng.uniform(-3, 3), rng.uniform(0.1, 9), rng.uniform(-50, 50, 2)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    source = rng.uniform(-40, 40, (5, 2))
    matrix = similarity(source, source @ linear.T + shift)
    assert np.allclose(matrix, np.column_stack([linear, shift]))
    assert np.allclose(transform_points(source, matrix), source @ linear.T + shift)


def test_similarity_is_the_least_squares_one_and_never_mirrors() -> None:
    rng = np.random.default_rng(9)
    source, target = rng.normal(size=(5, 2)), rng.normal(size=(5, 2))
    # unknowns a, b, x, y of the linear system u = a x - b y + tx, v = b x + a y + ty
    rows = [[x, -y, 1, 0] for x, y in source] + [[y, x, 0, 1] for x, y in source]
    a, b, tx, ty = np.linalg.lstsq(np.array(rows), target.T.ravel(), rcond=None)[0]
    assert np.allclose(similarity(source, target), [[a, -b, tx], [b, a, ty]])
    assert np.linalg.det(similarity(source, source * [-1, 1])[:, :2]) >= 0


def test_similarity_refuses_what_determines_nothing() -> None:
    with pytest.raises(ValueError, match="coincide"):
        similarity(np.ones((5, 2)), np.ones((5, 2)))
    with pytest.raises(ValueError, match="same N"):
        similarity(np.ones((5, 2)), np.ones((4, 2)))
