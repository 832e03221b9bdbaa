"""Methods of segmentation: controls, the skin colour, stored masks, ONNX files, and what the guard makes of bad ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from occset.benchmark.check_method import check_method
from occset.benchmark.methods.interfaces import Learns, Segmenter, TrainingFace
from occset.benchmark.tasks import deocclusion, opening
from occset.benchmark.tasks.opening import available, is_control, open_method
from occset.benchmark.tasks.segmentation import CONTROLS, METHODS, TASK
from occset.benchmark.tasks.segmentation.evaluator import run_segmenter
from occset.benchmark.tasks.segmentation.methods.skin_colour import SkinColour
from occset.benchmark.tasks.segmentation.scores import evaluate_masks
from occset.support.errors import BadInput, BrokenMethod, UnknownName
from tests.fixture_types import Occset

OURS = [name for name in METHODS if name != "ns"]
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (3, 16, 24, 3), dtype=np.uint8)
TRUTH = np.zeros((3, 16, 24), np.uint8)
TRUTH[:, 4:12, 6:18] = 255


@pytest.mark.parametrize("name", OURS)
def test_every_built_in_opens_under_its_own_name(name: str) -> None:
    method = open_method(name, TASK.name)
    assert isinstance(method, Segmenter)
    assert method.name == name
    assert is_control(name, method, TASK) == (name in CONTROLS)
    assert isinstance(method, Learns) == (name == "colour")


@pytest.mark.parametrize("name", OURS)
def test_every_built_in_fits_the_bench(name: str) -> None:
    task = TASK.name if name in ("truth", "shifted-truth", "noise") else None  # names that de-occlusion has too
    found = check_method(name, task)
    assert [check for check in found if not check.ok and not check.advice] == []
    assert {"face", "speed"} <= {check.name for check in found}


def test_controls_answer_as_they_say() -> None:
    def run(name: str) -> np.ndarray:
        return run_segmenter(open_method(name, TASK.name), IMAGES, truth=TRUTH, face=TRUTH | 255).images

    np.testing.assert_array_equal(run("truth"), TRUTH)
    np.testing.assert_array_equal(run("shifted-truth")[:, 1:, 1:], TRUTH[:, :-1, :-1])
    assert not run("nothing").any() and (run("all-face") == 255).all() and (run("labels") == 255).all()
    noise = run("noise")
    assert set(np.unique(noise)) == {0, 255} and 0.4 < (noise > 0).mean() < 0.6
    np.testing.assert_array_equal(noise[1:2], open_method("noise", TASK.name).segment(IMAGES[1:2]))


def test_the_list_has_both_tasks_apart() -> None:
    names = {row.name for row in available(TASK)}
    assert {*METHODS, "onnx:FILE", "predictions:FOLDER"} <= names
    assert "telea" not in names
    assert "colour" not in {row.name for row in available(deocclusion.TASK)}
    assert {row.name: row.given for row in available(TASK)}["labels"] == ("face",)


def test_a_name_of_the_other_task_is_not_known() -> None:
    with pytest.raises(UnknownName, match="no method of segmentation is called 'telea'"):
        open_method("telea", TASK.name)
    with pytest.raises(UnknownName, match="no method is called 'colour'"):
        open_method("colour", deocclusion.TASK)
    assert open_method("colour").name == "colour", "which task is meant is told by the name, where none is said"


# -- classes of the user's own

SOURCE = """
import numpy as np

class Method:
    name, given = "mine", {given}
    numbers = iter(range(99))

    def segment(self, images{more}):
        return {answer}
"""


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("images[..., 0] > 9", r"returned bool, must be uint8 0..255; multiply by np.uint8\(255\)"),
        ("images[..., 0] / 255", "its values look like 0..1: scale by 255"),
        ("images", r"returned shape \(3, 16, 24, 3\), must be \(3, H, W\)$"),
        ("images[..., :1]", "take the channel away"),
        ("images[:2, ..., 0].copy()", "returned 2 masks for a batch of 3"),
        (
            "(images[..., 0] > 9).astype(np.uint8)",
            "returned masks of 0 and 1, must be soft masks 0..255: multiply by 255",
        ),
        ("None", r"returned NoneType, must be a NumPy array \(B, H, W\) uint8"),
        ("1 / 0", "mine raised ZeroDivisionError on samples a, b, c"),
        ("images.fill(0)", "images and masks are read-only"),
    ],
)
def test_what_is_no_mask_is_refused_with_a_remedy(write_method: Callable[..., str], answer: str, said: str) -> None:
    method = open_method(write_method(SOURCE.format(given=(), more="", answer=answer)), TASK.name)
    with pytest.raises(BrokenMethod, match=said):
        run_segmenter(method, IMAGES, ids=["a", "b", "c"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ('("truth",)', "`given` names 'truth', the answer, which only the built-in controls are given: ask for ids"),
        ('("face",)', "`given` names 'face', the answer"),
        ('("mask",)', "`given` names 'mask'; what can be given is ids"),
    ],
)
def test_nobody_is_told_the_answer(write_method: Callable[..., str], given: str, said: str) -> None:
    spec = write_method(SOURCE.format(given=given, more=", **known", answer="known"))
    with pytest.raises(BrokenMethod, match=said):
        open_method(spec, TASK.name)
    for impostor in ("controls:TrueMask", "methods.fixed:Labels"):
        with pytest.raises(BrokenMethod, match="only the built-in controls"):
            open_method(f"occset.benchmark.tasks.segmentation.{impostor}", TASK.name)


def test_a_method_of_the_other_task_says_what_it_lacks(write_method: Callable[..., str]) -> None:
    spec = write_method(SOURCE.format(given=(), more="", answer="images[..., 0]"))
    with pytest.raises(BrokenMethod, match=r"it needs a method `deocclude\(images, masks\)`"):
        open_method(spec, deocclusion.TASK)
    with pytest.raises(BrokenMethod, match=r"it needs a method `segment\(images\)`"):
        open_method("occset.benchmark.tasks.deocclusion.methods.classical:Telea", TASK.name)


def test_masks_of_another_size_are_scaled_and_told() -> None:
    class Half:
        name, given = "half", ()

        def segment(self, images: np.ndarray) -> np.ndarray:
            return np.ascontiguousarray(TRUTH[:, ::2, ::2])

    checked = run_segmenter(Half(), IMAGES)
    assert checked.resized_from == (8, 12)
    assert checked.images.shape == TRUTH.shape
    assert evaluate_masks(checked.images, TRUTH, list("abc"))[0]["iou"] > 0.8


@pytest.mark.parametrize(
    ("answer", "failed", "said"),
    [
        ("np.where(images[..., 1] > 120, np.uint8(255), np.uint8(0))", None, ""),
        ("np.zeros(images.shape[:3], np.uint8)", "face", "calls 0.0% of the pixels face"),
        ("images[..., 0] // 2 + next(self.numbers)", "repeats", "give it a fixed seed"),
        ("images[..., 0] * 1.0", "returns", "returned float64"),
        ("np.broadcast_to(images[:1, ..., 0], images.shape[:3]).copy()", "batch", "depends on its batch"),
    ],
)
def test_check_method_says_the_right_thing(
    write_method: Callable[..., str], answer: str, failed: str | None, said: str
) -> None:
    found = {c.name: c for c in check_method(write_method(SOURCE.format(given=(), more="", answer=answer)))}
    assert found["opens"].message == "mine, given nothing: automatic, for segmentation"
    wrong = [name for name, check in found.items() if not check.ok]
    assert wrong[:1] == ([failed] if failed else [])
    if failed:
        assert said in found[failed].message
    else:
        assert list(found) == ["opens", "returns", "repeats", "inputs", "batch", "face", "speed"]


def test_check_method_can_be_told_the_task(occset: Occset, write_method: Callable[..., str]) -> None:
    spec = write_method(SOURCE.format(given=(), more="", answer="images[..., 0].copy()"))
    assert occset("bench", "check-method", spec).status == 0
    said = occset("bench", "check-method", spec, "--task", "deocclusion")
    assert said.status == 1 and "needs a method `deocclude" in " ".join(said.out.split())
    assert "no task is called 'segmentatio'" in occset("bench", "check-method", spec, "--task", "segmentatio").err


def test_a_plug_in_is_listed_under_what_it_does(
    write_method: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib.metadata import EntryPoint

    spec = write_method(SOURCE.format(given=(), more="", answer="images[..., 0].copy()"))
    points = [EntryPoint("theirs", spec, opening.ENTRY_POINTS), EntryPoint("ns", spec, opening.ENTRY_POINTS)]
    monkeypatch.setattr(opening, "entry_points", lambda group: points)
    assert "theirs" not in {row.name for row in available(deocclusion.TASK)}
    assert {row.name: row.kind for row in available(TASK)}["theirs"] == "plug-in"
    assert opening.task_of("theirs") is TASK
    assert METHODS["ns"].endswith("FaceSegmenter") and "ns" not in opening._plug_ins()


# -- the skin colour


class Faces:
    """Train faces of two colours, one of them skin in most places."""

    size, fingerprint = 8, "made up"

    def __init__(self, count: int = 4) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[TrainingFace]:
        for _ in range(self.count):
            image = np.full((8, 8, 3), (60, 90, 200), np.uint8)
            image[2:6, 2:6] = (200, 140, 110)
            mask = np.zeros((8, 8), np.uint8)
            mask[2:6, 2:6] = 255
            image[2, 2] = (60, 90, 200)  # one face pixel in 16 has the colour of the background
            image[0, 0] = (200, 140, 110)  # and one other pixel in 48 the colour of skin
            yield TrainingFace(image, mask, np.full((5, 2), np.nan))


def test_skin_colour_is_bayes_rule() -> None:
    method = SkinColour()
    method.fit(Faces(1000))
    skin, background, unseen = method.segment(np.array([[[[200, 140, 110], [60, 90, 200], [10, 250, 10]]]], np.uint8))[
        0, 0
    ]
    # 16000 pixels are face: 15000 of one colour, 1000 of the other; so are 1000 and 47000 of the 48000 others; smoothing
    # adds one pixel to each of 2^14 bins of each class
    for shown, in_face, in_other in ((skin, 15001, 1001), (background, 1001, 47001), (unseen, 1, 1)):
        face, other = 0.25 * in_face / (16000 + 2**14), 0.75 * in_other / (48000 + 2**14)
        assert int(shown) == round(255 * face / (face + other))
    assert skin > 127 > max(background, unseen)


def test_skin_colour_tells_train_splits_apart_and_needs_one() -> None:
    hashes = set()
    for count in (1, 2, 2):
        method = SkinColour()
        method.fit(Faces(count))
        hashes.add(method.weights_hash)
    assert len(hashes) == 2
    with pytest.raises(BrokenMethod, match="needs train faces with masks, and there are 0"):
        SkinColour().fit(Faces(0))
    with pytest.raises(BrokenMethod, match="has to learn"):
        SkinColour().segment(IMAGES)


# -- masks and networks from files


def test_stored_masks(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    for name, mask in zip("abc", TRUTH, strict=True):
        cv2.imwrite(str(folder / f"000_{name}.png"), mask)
    method = open_method(f"predictions:{folder}", TASK.name)
    np.testing.assert_array_equal(run_segmenter(method, IMAGES, ids=list("cba")).images, TRUTH)
    cv2.imwrite(str(folder / "000_a.png"), TRUTH[0] // 255)
    np.testing.assert_array_equal(run_segmenter(method, IMAGES[:1], ids=["a"]).images, TRUTH[:1])
    with pytest.raises(BrokenMethod, match=r"d\.png"):
        run_segmenter(method, IMAGES[:1], ids=["d"])


@pytest.fixture
def network(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a network: the red channel times a factor, in the layout that is asked for."""

    def write(factor: float = 1.0, bias: float = 0.0, squeeze: bool = False, channels_last: bool = False) -> Path:
        weights = np.array([factor, 0, 0], np.float32).reshape((3, 1) if channels_last else (1, 3, 1, 1))
        node = helper.make_node("MatMul" if channels_last else "Conv", ["image", "weights"], ["product"])
        nodes = [node, helper.make_node("Add", ["product", "bias"], ["mask"])]
        if squeeze:
            nodes.append(helper.make_node("Squeeze", ["mask", "axis"], ["squeezed"]))
        layout = ["n", "h", "w", 3] if channels_last else ["n", 3, "h", "w"]
        shape = ["n", "h", "w"] if squeeze else ["n", "h", "w", 1] if channels_last else ["n", 1, "h", "w"]
        constants = {"weights": weights, "bias": np.float32(bias), "axis": np.array([3 if channels_last else 1])}
        graph = helper.make_graph(
            nodes,
            "test",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, layout)],
            [helper.make_tensor_value_info("squeezed" if squeeze else "mask", TensorProto.FLOAT, shape)],
            [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
        )
        path = tmp_path / "net.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
        return path

    return write


@pytest.mark.parametrize("layout", [{}, {"squeeze": True}, {"channels_last": True}])
def test_a_network_file(network: Callable[..., Path], layout: dict[str, bool]) -> None:
    method = open_method(f"onnx:{network(**layout)}?batch=2&name=red", TASK.name)
    assert (method.name, method.given) == ("red", ())
    np.testing.assert_array_equal(run_segmenter(method, IMAGES).images, IMAGES[..., 0])


def test_ranges_of_a_network_file(network: Callable[..., Path]) -> None:
    def run(path: Path, options: str) -> np.ndarray:
        return run_segmenter(open_method(f"onnx:{path}?{options}", TASK.name), IMAGES).images.astype(int)

    red = IMAGES[..., 0]
    assert abs(run(network(), "range=0..255&out=0..255") - red).max() == 0
    logits = run(network(10.0, -5.0), "out=logits")
    assert abs(logits - 255 / (1 + np.exp(5 - 10 * (red / 255)))).max() <= 1
    assert abs(run(network(0.229, 0.485), "range=imagenet") - red).max() <= 1


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ("mask=keep", UnknownName, "no option of onnx:FILE is called 'mask'"),
        ("range=2..3", BadInput, "must be 0..1 or -1..1 or 0..255 or imagenet"),
        ("out=-1..1", BadInput, "must be 0..1 or 0..255 or logits"),
    ],
)
def test_options_that_are_none(network: Callable[..., Path], options: str, error: type, said: str) -> None:
    with pytest.raises(error, match=said):
        open_method(f"onnx:{network()}?{options}", TASK.name)


def test_values_out_of_range_and_no_mask_are_refused(network: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(BrokenMethod, match=r"not 0\.\.1; name the right range with \?out="):
        run_segmenter(open_method(f"onnx:{network(9.0)}", TASK.name), IMAGES)
    graph = helper.make_graph(
        [helper.make_node("Identity", ["image"], ["out"])],
        "test",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 3, "h", "w"])],
    )
    path = tmp_path / "same.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    with pytest.raises(BrokenMethod, match="no output is a mask of one channel"):
        run_segmenter(open_method(f"onnx:{path}", TASK.name), IMAGES)


def test_stored_masks_are_read_as_they_are_meant(tmp_path: Path) -> None:
    mask = TRUTH[0]
    for name, picture in {
        "ones": Image.fromarray(mask // 255),
        "alpha": Image.fromarray(np.dstack([np.full((16, 24, 3), 255, np.uint8), mask])),
        "deep": Image.fromarray((mask > 0).astype(np.uint16)),
        "blue": Image.fromarray(np.dstack([mask * 0, mask * 0, mask])),
    }.items():
        picture.save(tmp_path / f"{name}.png")
    method = open_method(f"predictions:{tmp_path}", TASK.name)
    found = method.segment(IMAGES.repeat(2, axis=0)[:4], ids=["ones", "alpha", "deep", "blue"])
    assert (found == mask).all()
    Image.fromarray(IMAGES[0]).save(tmp_path / "photo.png")
    with pytest.raises(BadInput, match=r"photo\.png: it shows more than one colour"):
        method.segment(IMAGES[:1], ids=["photo"])
