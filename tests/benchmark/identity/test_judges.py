"""The two judges of identity: their columns by hand, dlib's network where it is installed, what is said where it is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from occset.benchmark.identity import dlib_faces
from occset.benchmark.identity.dlib_faces import FILE, SIZE, TEMPLATE, DlibFaces, NoDlib, find_dlib
from occset.benchmark.identity.judge import DLIB, CosineJudge, find_second
from occset.benchmark.protocols.frozen import open_protocol
from occset.benchmark.runner.planned import find_judges
from occset.benchmark.runner.run import run
from occset.benchmark.tasks import deocclusion
from occset.dataset.occlusion_set import OcclusionSet
from occset.doctor import examine
from occset.models.arcface import ArcFaceFile, align
from occset.support.errors import BadInput


class Corner:
    """Knows people by two values of a corner's colour, as an angle."""

    def embed(self, images: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        angle = np.deg2rad(images[:, 0, 0, 0].astype(np.float64))
        return np.stack((np.cos(angle), np.sin(angle)), 1).astype(np.float32)


def flat(*angles: int) -> np.ndarray:
    return np.stack([np.full((8, 8, 3), angle, np.uint8) for angle in angles])


def test_columns_are_the_cosine_the_gain_and_the_gap() -> None:
    judge = CosineJudge(Corner())
    judge.key = "id2"
    points = np.zeros((2, 5, 2))
    with pytest.raises(RuntimeError, match="look"):
        judge.columns(flat(0, 0), points)
    judge.look(flat(0, 10), flat(60, 100), points)  # the inputs are 60 and 90 degrees off
    first, second = judge.columns(flat(30, 100), points)  # the method 30 and 90
    assert list(first) == list(DLIB.columns) == ["id2", "id2_gained", "id2_gap"]
    assert list(first.values()) == pytest.approx([0.75**0.5, 0.75**0.5 - 0.5, 0.5], abs=1e-6)
    assert list(second.values()) == pytest.approx([0, 0, 1], abs=1e-6)


def test_the_share_of_the_gap_is_pooled(tmp_path: Path) -> None:
    metric = deocclusion.TASK.metrics["id2_closed"]
    import pandas as pd

    scores = pd.DataFrame({"id2_gained": [0.1, 0.0], "id2_gap": [0.2, 0.8]})
    weights = metric.weights(scores)
    assert weights is not None
    assert metric.values(scores).sum() / weights.sum() == pytest.approx(0.1)  # not the mean of .5 and 0
    assert metric.needs == ("id2_gained", "id2_gap")


def test_chips_put_the_points_where_dlib_has_them() -> None:
    image = np.zeros((1, 200, 220, 3), np.uint8)
    points = TEMPLATE * 1.25 + [9, 4]
    for x, y in points.round().astype(int):
        image[0, y - 1 : y + 2, x - 1 : x + 2] = 255
    found = align(image, points[None], TEMPLATE, SIZE)
    assert found.shape == (1, SIZE, SIZE, 3)
    for x, y in TEMPLATE.round().astype(int):
        assert found[0, y, x].min() > 150
    assert (found > 100).any(axis=3).sum() < 5 * 16
    with pytest.raises(BadInput, match="span no face"):
        align(image, np.zeros((1, 5, 2)))
    with pytest.raises(BadInput, match="five points a face"):
        align(image, points)
    with pytest.raises(BadInput, match="uint8 images"):
        align(image.astype(np.float32), points[None], TEMPLATE, SIZE)


def test_without_dlib_the_column_is_missing_and_everyone_says_how_to_get_it(
    bench_set: OcclusionSet, tmp_path: Path, no_arcface: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dlib_faces.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NoDlib, match=r"dlib, which is not installed: run  pip install 'occset\[identity\]'"):
        find_dlib()
    why = find_second(None)
    assert isinstance(why, str)
    (line,) = [line for line in examine() if line.part == "dlib file"]
    assert not line.ok
    assert "pip install 'occset[identity]'" in line.meaning
    protocol = open_protocol(bench_set, "sunglasses", 1)
    judges = find_judges(deocclusion.TASK, {})
    (result,) = run(bench_set, protocol, ["input"], tmp_path / "r", judges=judges, workers=1).results
    assert result.judges == {"id2": {"missing": why}}
    assert not {"id2", "id2_gained", "id2_gap"} & set(result.scores)


def test_a_file_that_is_named_and_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(dlib_faces.importlib.util, "find_spec", lambda name: object() if name == "dlib" else None)
    monkeypatch.setenv("OCCSET_DLIB", str(tmp_path / "none.dat"))
    with pytest.raises(BadInput, match=r"none\.dat: there is no such file"):
        find_dlib()
    (tmp_path / "none.dat").write_bytes(b"network")
    assert (find_dlib().origin, find_dlib().path.name) == ("environment", "none.dat")
    assert find_dlib(tmp_path / "none.dat").origin == "argument"
    monkeypatch.delenv("OCCSET_DLIB")
    with pytest.raises(NoDlib, match=FILE.replace(".", r"\.")):
        find_dlib()


# --- with dlib ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def network() -> DlibFaces:
    try:
        return DlibFaces()
    except NoDlib as error:
        pytest.skip(str(error))


def test_a_file_that_is_no_network_is_refused(network: DlibFaces, tmp_path: Path) -> None:
    (tmp_path / "text.dat").write_text("no network")
    with pytest.raises(BadInput, match=r"text\.dat: is not dlib's"):
        DlibFaces(tmp_path / "text.dat")


def test_embeddings_are_unit_vectors_that_do_not_depend_on_the_batch(network: DlibFaces) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 160, 160, 3), np.uint8)
    points = np.repeat(TEMPLATE[None], 3, axis=0)
    found = network.embed(images, points)
    assert found.shape == (3, 128)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert np.array_equal(network.embed(images[1:2], points[1:2])[0], found[1])
    assert len(network.embed(images[:0], points[:0])) == 0


@pytest.mark.real
def test_it_tells_people_apart(network: DlibFaces, real_data: Path) -> None:
    from occset.pictures.detector import detector_if_there
    from occset.pictures.images import read_image

    detector = detector_if_there()
    if detector is None:
        pytest.skip("no face detector is installed: pip install 'occset[identity]'")
    vectors, who = [], []
    for person in sorted((real_data / "lfw_identities").iterdir())[:12]:
        for file in sorted(person.glob("*.jpg"))[:2]:
            image = read_image(file)
            faces = detector.detect(image)
            if faces:
                largest = max(faces, key=lambda face: face.area)
                vectors.append(network.embed(image[None], largest.landmarks[None].astype(np.float64))[0])
                who.append(person.name)
    cosines = np.stack(vectors) @ np.stack(vectors).T
    same = np.array(who)[:, None] == np.array(who)
    np.fill_diagonal(same, False)
    different = np.array(who)[:, None] != np.array(who)
    assert cosines[same].mean() > 0.93
    assert cosines[different].mean() < 0.87
    assert (cosines[different] > 0.91).mean() < 0.03


def test_its_columns_bound_the_methods(
    network: DlibFaces, bench_set: OcclusionSet, tmp_path: Path, tiny_arcface: Callable[[int], ArcFaceFile]
) -> None:
    protocol = open_protocol(bench_set, "sunglasses", 1)
    judges = {"id": tiny_arcface(1), "id2": network.file}
    done = run(
        bench_set, protocol, ["truth", "input", "mean-colour"], tmp_path / "r", judges=judges, workers=1, limit=4
    )
    scores = {result.method: result.scores for result in done.results}
    assert done.results[0].judges == {"id2": {"file": network.file.sha256, "name": FILE}}
    for key in ("id", "id2"):
        assert scores["truth"][key].to_numpy() == pytest.approx(1, abs=1e-5)
        assert scores["truth"][f"{key}_gained"].to_numpy() == pytest.approx(scores["truth"][f"{key}_gap"], abs=1e-5)
        assert not scores["input"][f"{key}_gained"].any()
        assert scores["input"][f"{key}_gap"].to_numpy() == pytest.approx(1 - scores["input"][key].to_numpy(), abs=1e-5)
        assert scores["mean-colour"][f"{key}_gap"].equals(scores["input"][f"{key}_gap"])
