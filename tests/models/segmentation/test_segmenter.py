"""NS ready for use: sizes, pickling, what it refuses, and photos on the command line."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from occset.models.segmentation.network import Architecture
from occset.models.segmentation.photos import segment_photos
from occset.models.segmentation.segmenter import FaceSegmenter
from occset.models.weight_files import save_weights
from occset.pictures.detector import Detection
from occset.pictures.images import read_image, write_png
from occset.pictures.landmarks import template
from occset.pictures.masks import read_mask
from occset.support.errors import BadInput, OccsetError

NARROW = Architecture("resnet18", (16, 16, 8, 8, 8), 64)
ABOUT = {"network": {"encoder": "resnet18", "decoder": [16, 16, 8, 8, 8], "size": 64}}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights")
    save_weights(NARROW.build().state_dict(), folder, ABOUT, half=False)
    return folder


def pictures(count: int, side: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (count, side, side, 3), np.uint8)


def test_probabilities_are_those_of_the_network(weights: Path) -> None:
    segmenter, images = FaceSegmenter(weights), pictures(3, 64)
    torch.manual_seed(0)
    net = NARROW.build().eval()
    x = (images / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    with torch.no_grad():
        wanted = torch.sigmoid(net(torch.from_numpy(x).permute(0, 3, 1, 2).float()))[:, 0].numpy()
    np.testing.assert_allclose(segmenter.probabilities(images), wanted, atol=2e-5)
    assert np.abs(segmenter.segment(images) - np.rint(wanted * 255)).max() <= 1


@pytest.mark.parametrize("side", [64, 100, 256])
def test_any_size_comes_back_in_its_size(weights: Path, side: int) -> None:
    segmenter = FaceSegmenter(weights)
    assert segmenter.segment(pictures(2, side)).shape == (2, side, side)
    assert segmenter.features(pictures(2, side)).shape == (2, 512)


def test_no_picture_is_no_mask(weights: Path) -> None:
    assert FaceSegmenter(weights).segment(np.zeros((0, 64, 64, 3), np.uint8)).shape == (0, 64, 64)


def test_a_batch_is_its_pictures_one_by_one(weights: Path) -> None:
    segmenter, images = FaceSegmenter(weights), pictures(18, 64)  # more than one pass
    one_by_one = np.concatenate([segmenter.probabilities(image[None]) for image in images])
    np.testing.assert_allclose(segmenter.probabilities(images), one_by_one, atol=2e-5)


def test_pickled_it_does_the_same(weights: Path) -> None:
    segmenter, images = FaceSegmenter(weights), pictures(2, 64)
    wanted = segmenter.segment(images)
    again = pickle.loads(pickle.dumps(segmenter))
    assert np.array_equal(again.segment(images), wanted)
    assert again.weights_hash == segmenter.weights_hash and len(again.weights_hash) == 64


def test_wrong_pictures_and_weights_are_refused(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="float64"):
        FaceSegmenter(weights).segment(pictures(1, 64) / 255)
    with pytest.raises(BadInput, match=str(tmp_path / "none")):
        FaceSegmenter(tmp_path / "none")
    save_weights({"x": torch.zeros(1)}, tmp_path / "other", {})
    with pytest.raises(BadInput, match="not a checkpoint of NS"):
        FaceSegmenter(tmp_path / "other").segment(pictures(1, 64))


class Fake:
    """A network that finds what is bright."""

    def segment(self, images: np.ndarray) -> np.ndarray:
        return images.max(axis=3)


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """Finds one face, where the aligned template lies in a picture that is twice as large and shifted by (40, 10)."""

    class Finds:
        def detect(self, image: np.ndarray, scales: int | None = None) -> list[Detection]:
            if image.max() == 0:
                return []
            points = template(512) + np.array([40, 10])
            return [Detection(np.array([40, 10, 552, 522], np.float32), 0.9, points.astype(np.float32))]

    monkeypatch.setattr("occset.models.photos.run.FaceDetector", Finds)


def bright_disc(file: Path, centre: tuple[int, int] = (296, 266)) -> np.ndarray:
    picture = np.zeros((560, 640, 3), np.uint8)
    picture[:] = 20
    cv2.circle(picture, centre, 120, (250, 250, 250), -1)
    write_png(file, picture)
    return picture[..., 0] > 127


def test_masks_are_laid_back_where_the_face_is(tmp_path: Path, detector: None) -> None:
    truth = bright_disc(tmp_path / "in" / "a" / "one.png")
    write_png(tmp_path / "in" / "black.png", np.zeros((100, 100, 3), np.uint8))
    (tmp_path / "in" / "broken.jpg").write_bytes(b"no picture")
    done = segment_photos(Fake(), [tmp_path / "in"], tmp_path / "out", sheet=tmp_path / "sheet.png")
    assert done.written == 1
    assert [name for name, _ in done.problems] == ["black.png", "broken.jpg"]
    assert "no face found" in done.problems[0][1]
    mask = read_mask(tmp_path / "out" / "a" / "one.png") > 0
    assert mask.shape == truth.shape
    assert (mask & truth).sum() / (mask | truth).sum() > 0.97
    assert read_image(tmp_path / "sheet.png").shape == (160, 320, 3)


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Finds two faces, a large one on the left and a small one on the right, in a photo of which nobody knows the way."""

    class Finds:
        def detect(self, image: np.ndarray, scales: int | None = None) -> list[Detection]:
            found = []
            for size, shift in ((256, (0, 30)), (128, (300, 60))):
                points = template(size) + np.array(shift)
                found.append(Detection(np.array([*shift, shift[0] + size, shift[1] + size], np.float32), 0.71, points))
            return found

        detect_all = detect

    monkeypatch.setattr("occset.models.photos.run.FaceDetector", Finds)


def test_all_faces_go_into_one_mask_and_those_left_are_counted(tmp_path: Path, crowd: None) -> None:
    picture = np.full((300, 460, 3), 20, np.uint8)
    cv2.circle(picture, (128, 158), 60, (250, 250, 250), -1)
    cv2.circle(picture, (364, 124), 30, (250, 250, 250), -1)
    write_png(tmp_path / "crowd.png", picture)
    truth = picture[..., 0] > 127
    one = segment_photos(Fake(), [tmp_path / "crowd.png"], tmp_path / "one")
    assert (one.written, one.left) == (1, (1, 1))
    assert [name for name, _ in one.doubtful] == ["crowd.png"] and "turned by 180" in one.doubtful[0][1]
    mask = read_mask(tmp_path / "one" / "crowd.png") > 0
    assert not mask[:, 300:].any() and (mask & truth)[:, :256].sum() > 0.95 * truth[:, :256].sum()
    for _ in range(2):  # a second run does not add to the first
        every = segment_photos(Fake(), [tmp_path / "crowd.png"], tmp_path / "all", all_faces=True)
    assert (every.written, every.left) == (2, (0, 0))
    mask = read_mask(tmp_path / "all" / "crowd.png") > 0
    assert (mask & truth).sum() / (mask | truth).sum() > 0.95


def test_aligned_squares_need_no_detector(tmp_path: Path) -> None:
    picture = np.zeros((300, 300, 3), np.uint8)
    picture[100:200, 50:150] = 255
    write_png(tmp_path / "square.png", picture)
    write_png(tmp_path / "long.png", picture[:200])
    done = segment_photos(
        Fake(), [tmp_path / "square.png", tmp_path / "long.png"], tmp_path / "out", align=False, soft=True
    )  # fmt: skip
    assert done.written == 1 and "--no-align" in done.problems[0][1]
    mask = read_image(tmp_path / "out" / "square.png")[..., 0]
    inside = mask[105:195, 55:145]
    assert inside.min() > 250 and mask[:90].max() == 0 and mask.shape == (300, 300)


def test_two_photos_of_one_name_are_written_below_their_folders(tmp_path: Path) -> None:
    for side, folder in enumerate(("one", "two"), start=1):
        write_png(tmp_path / folder / "x.png", np.zeros((64 * side, 64 * side, 3), np.uint8))
    done = segment_photos(Fake(), [tmp_path / "one", tmp_path / "two"], tmp_path / "out", align=False)
    assert done.written == 2
    for side, folder in enumerate(("one", "two"), start=1):
        assert read_image(tmp_path / "out" / folder / "x.png").shape[0] == 64 * side


@pytest.mark.parametrize("out", ["in", "."])
def test_a_photo_is_never_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str) -> None:
    monkeypatch.chdir(tmp_path)
    write_png(Path("in/x.png"), np.full((64, 64, 3), 9, np.uint8))
    write_png(Path("x.png"), np.full((64, 64, 3), 9, np.uint8))
    before = Path("in/x.png").read_bytes(), Path("x.png").read_bytes()
    given = Path("in") if out == "in" else Path("x.png")
    with pytest.raises(BadInput, match="overwritten"):
        segment_photos(Fake(), [given], Path(out), align=False)
    with pytest.raises(BadInput, match="overwritten"):
        segment_photos(Fake(), [given], Path("masks"), align=False, sheet=given / "x.png" if out == "in" else given)
    with pytest.raises(BadInput, match="is written for a photo too"):
        segment_photos(Fake(), [given], Path("masks"), align=False, sheet=Path("masks/x.png"))
    assert (Path("in/x.png").read_bytes(), Path("x.png").read_bytes()) == before


def test_a_device_that_is_not_there_is_refused(weights: Path) -> None:
    with pytest.raises(OccsetError, match="'nonsense' cannot be used"):
        FaceSegmenter(weights, "nonsense").segment(pictures(1, 64))


def test_the_environment_names_other_weights(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released = FaceSegmenter().revision
    monkeypatch.setenv("OCCSET_NS", str(weights))
    assert FaceSegmenter().weights_hash == FaceSegmenter(weights).weights_hash
    assert FaceSegmenter().revision != released


def test_an_answer_that_is_not_finite_is_no_black_mask(tmp_path: Path) -> None:
    state = {
        name: torch.full_like(value, 1e38) if name.endswith("conv1.weight") else value
        for name, value in NARROW.build().state_dict().items()
    }
    save_weights(state, tmp_path, ABOUT, half=False)
    with pytest.raises(BadInput, match="what the network answers is not finite"):
        FaceSegmenter(tmp_path).segment(pictures(1, 64))


@pytest.mark.parametrize("network", [{"size": 1 << 20}, {"decoder": [1 << 30, 8, 8, 8, 8]}, {"size": -64}, {"size": 0}])
def test_a_network_that_would_take_the_machine_is_not_built(tmp_path: Path, network: dict[str, object]) -> None:
    save_weights(NARROW.build().state_dict(), tmp_path, {"network": ABOUT["network"] | network})
    with pytest.raises(OccsetError, match="sides up to 2048 and blocks up to 2048 channels"):
        FaceSegmenter(tmp_path).segment(pictures(1, 64))
