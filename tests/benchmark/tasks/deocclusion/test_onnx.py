"""ONNX files: conventions of image and mask, fixed sizes and batches, and files that cannot be used."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from occset.benchmark.methods.onnx_options import parse_options
from occset.benchmark.tasks.deocclusion.evaluator import run_checked
from occset.benchmark.tasks.deocclusion.onnx import OnnxMethod
from occset.benchmark.tasks.opening import open_method
from occset.support.errors import BadInput, BrokenMethod, UnknownName
from occset.support.onnx_session import OnnxSession

FLOAT, UINT8 = TensorProto.FLOAT, TensorProto.UINT8
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (3, 16, 24, 3), dtype=np.uint8)
MASKS = np.zeros((3, 16, 24), np.uint8)
MASKS[:, 4:10, 5:12] = 255

Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """A function that writes a small network: inputs and nodes in, the file out."""

    def write(
        nodes: list,
        inputs: list,
        output: tuple = ("out", FLOAT, ["n", 3, "h", "w"]),
        constants: dict[str, object] | None = None,
    ) -> Path:
        made = [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()]
        graph = helper.make_graph(
            nodes,
            "test",
            [helper.make_tensor_value_info(*each) for each in inputs],
            [helper.make_tensor_value_info(*output)],
            made,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        path = tmp_path / "net.onnx"
        onnx.save(model, str(path))
        return path

    return write


def image_input(kind: int = FLOAT, shape: tuple = ("n", 3, "h", "w")) -> tuple:
    return ("image", kind, list(shape))


def mask_input(kind: int = FLOAT, shape: tuple = ("n", 1, "h", "w")) -> tuple:
    return ("mask", kind, list(shape))


def identity(save: Save, **shape: tuple) -> Path:
    return save([helper.make_node("Identity", ["image"], ["out"])], [image_input(**shape)])


@pytest.mark.parametrize("values", ["0..1", "-1..1", "0..255"])
def test_an_identity_returns_the_picture_bit_for_bit_in_every_range(save: Save, values: str) -> None:
    method = open_method(f"onnx:{identity(save)}?range={values}")
    assert method.given == ()
    assert method.name == "net"
    np.testing.assert_array_equal(run_checked(method, IMAGES, None, ids=["a", "b", "c"]).images, IMAGES)


def test_the_range_is_what_the_network_sees(save: Save) -> None:
    # x + 1 on -1..1: black becomes mid-grey.
    node = helper.make_node("Add", ["image", "one"], ["out"])
    path = save([node], [image_input()], constants={"one": np.float32(1)})
    out = OnnxMethod.from_spec(f"{path}?range=-1..1").deocclude(np.zeros((1, 4, 4, 3), np.uint8), None)
    assert (out == 128).all()


def test_channels_are_rgb_and_first(save: Save) -> None:
    picked = helper.make_node("Mul", ["image", "keep"], ["out"])
    keep = np.array([1, 0, 0], np.float32).reshape(1, 3, 1, 1)
    out = OnnxMethod(save([picked], [image_input()], constants={"keep": keep})).deocclude(IMAGES, None)
    np.testing.assert_array_equal(out[..., 0], IMAGES[..., 0])
    assert not out[..., 1:].any()


def paints_where_the_mask_is_set(save: Save) -> Path:
    # image * (1 - mask) + mask: white in the hole
    nodes = [
        helper.make_node("Sub", ["one", "mask"], ["rest"]),
        helper.make_node("Mul", ["image", "rest"], ["kept"]),
        helper.make_node("Add", ["kept", "mask"], ["out"]),
    ]
    return save(nodes, [image_input(), mask_input()], constants={"one": np.float32(1)})


def test_the_mask_is_one_in_the_hole_or_outside_as_told(save: Save) -> None:
    path = paints_where_the_mask_is_set(save)
    inside = MASKS > 0
    for convention, painted in (("hole", inside), ("keep", ~inside)):
        method = open_method(f"onnx:{path}?mask={convention}")
        assert method.given == ("mask",)
        out = run_checked(method, IMAGES, MASKS).images
        assert (out[painted] == 255).all()
        np.testing.assert_array_equal(out[~painted], IMAGES[~painted])


def test_uint8_with_255_for_keep_as_the_migan_pipeline_has_it(save: Save) -> None:
    # where(mask == 255, image, 7): only 255 itself counts as known
    nodes = [
        helper.make_node("Equal", ["mask", "full"], ["known"]),
        helper.make_node("Where", ["known", "image", "fill"], ["out"]),
    ]
    path = save(
        nodes,
        [image_input(UINT8), mask_input(UINT8)],
        ("out", UINT8, ["n", 3, "h", "w"]),
        {"full": np.uint8(255), "fill": np.uint8(7)},
    )
    out = OnnxMethod.from_spec(f"{path}?mask=keep&batch=1").deocclude(IMAGES, MASKS)
    assert (out[MASKS > 0] == 7).all()
    np.testing.assert_array_equal(out[MASKS == 0], IMAGES[MASKS == 0])


def test_channels_last_and_a_mask_without_channels(save: Save) -> None:
    nodes = [
        helper.make_node("Unsqueeze", ["mask", "axis"], ["wide"]),
        helper.make_node("Max", ["image", "wide"], ["out"]),
    ]
    path = save(
        nodes,
        [image_input(shape=("n", "h", "w", 3)), mask_input(shape=("n", "h", "w"))],
        ("out", FLOAT, ["n", "h", "w", 3]),
        {"axis": np.array([3], np.int64)},
    )
    out = OnnxMethod(path).deocclude(IMAGES, MASKS)
    assert (out[MASKS > 0] == 255).all()
    np.testing.assert_array_equal(out[MASKS == 0], IMAGES[MASKS == 0])


def test_a_file_with_a_fixed_size_is_fed_that_and_scaled_back(save: Save) -> None:
    path = identity(save, shape=("n", 3, 8, 8))
    checked = run_checked(OnnxMethod(path), IMAGES, None)
    assert checked.resized_from == (8, 8)
    assert checked.images.shape == IMAGES.shape
    at_size = cv2.resize(IMAGES[1], (8, 8), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(OnnxMethod(path).deocclude(IMAGES, None)[1], at_size)


def test_a_size_can_be_asked_of_an_open_file(save: Save) -> None:
    path = identity(save)
    assert OnnxMethod.from_spec(f"{path}?size=32").deocclude(IMAGES, None).shape == (3, 32, 32, 3)


def test_a_scaled_hole_covers_all_it_touches(save: Save) -> None:
    path = paints_where_the_mask_is_set(save)
    mask = np.zeros((1, 64, 64), np.uint8)
    mask[0, 31, 31] = 255
    out = OnnxMethod.from_spec(f"{path}?size=16").deocclude(np.zeros((1, 64, 64, 3), np.uint8), mask)
    assert (out == 255).all(axis=-1).sum() == 1


@pytest.mark.parametrize("batch", [1, 2])
def test_a_fixed_batch_is_filled_up_and_cut_back(save: Save, batch: int) -> None:
    path = identity(save, shape=(batch, 3, "h", "w"))
    np.testing.assert_array_equal(OnnxMethod(path).deocclude(IMAGES, None), IMAGES)


def test_blank_hides_what_is_in_the_hole_and_asks_for_the_mask(save: Save) -> None:
    method = OnnxMethod.from_spec(f"{identity(save)}?blank=yes&range=-1..1")
    assert method.given == ("mask",)
    out = method.deocclude(IMAGES, MASKS)
    assert (out[MASKS > 0] == 128).all()
    np.testing.assert_array_equal(out[MASKS == 0], IMAGES[MASKS == 0])


def test_another_range_coming_out_and_the_hint_if_it_is_not_named(save: Save) -> None:
    node = helper.make_node("Mul", ["image", "scale"], ["out"])
    path = save([node], [image_input()], constants={"scale": np.float32(255)})
    np.testing.assert_array_equal(OnnxMethod.from_spec(f"{path}?out=0..255").deocclude(IMAGES, None), IMAGES)
    with pytest.raises(BrokenMethod, match=r"returned values 0\.\.255, not 0\.\.1; name the right range with \?out="):
        OnnxMethod(path).deocclude(IMAGES, None)


def test_nan_is_named(save: Save) -> None:
    node = helper.make_node("Div", ["image", "zero"], ["out"])
    path = save([node], [image_input()], constants={"zero": np.float32(0)})
    with pytest.raises(BrokenMethod, match="NaN or infinite"):
        OnnxMethod(path).deocclude(IMAGES, None)


def test_what_was_trained_elsewhere_says_so_and_is_not_ranked(save: Save) -> None:
    path = identity(save)
    assert open_method(f"onnx:{path}").trained == {}
    other = open_method(f"onnx:{path}?trained=other")
    assert other.trained == {"on": "other data", "unranked": "trained on other data"}


def test_options_that_are_wrong_are_refused() -> None:
    with pytest.raises(UnknownName, match="no option of onnx:FILE is called 'rnge': did you mean range"):
        parse_options("rnge=0..1")
    for query, said in (
        ("mask=white", "must be hole or keep"),
        ("size=2", "whole number from 8 to 4096"),
        ("size=x", "whole number"),
        ("batch=0", "whole number from 1"),
        ("range=0-1", "must be 0..1 or -1..1 or 0..255"),
    ):
        with pytest.raises(BadInput, match=said):
            parse_options(query)
    options = parse_options("mask=keep&range=-1..1&size=256&name=ours")
    assert (options.mask, options.range, options.size, options.name) == ("keep", "-1..1", 256, "ours")


def test_files_that_cannot_be_used(save: Save, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"onnx:.*none\.onnx: there is no such file: check the path"):
        open_method(f"onnx:{tmp_path / 'none.onnx'}")
    for spec in ("onnx:", "onnx:?size=64"):
        with pytest.raises(BadInput, match=r"names no file: write  onnx:FILE"):
            open_method(spec)
    (tmp_path / "bad.onnx").write_bytes(b"not a network")
    with pytest.raises(BadInput, match=r"bad\.onnx is not an ONNX file"):
        open_method(f"onnx:{tmp_path / 'bad.onnx'}")
    grey = save([helper.make_node("Identity", ["x"], ["out"])], [("x", FLOAT, ["n", 1, "h", "w"])])
    with pytest.raises(BadInput, match="must be an image of three channels"):
        open_method(f"onnx:{grey}")


def test_a_network_that_returns_no_picture(save: Save) -> None:
    node = helper.make_node("ReduceMean", ["image"], ["out"], axes=[1], keepdims=1)
    path = save([node], [image_input()], ("out", FLOAT, ["n", 1, "h", "w"]))
    with pytest.raises(BrokenMethod, match="no output has three channels"):
        OnnxMethod(path).deocclude(IMAGES, None)


def test_another_process_gets_the_same_network_or_an_error(save: Save) -> None:
    path = identity(save)
    sent = pickle.dumps(OnnxMethod(path))
    np.testing.assert_array_equal(pickle.loads(sent).deocclude(IMAGES, None), IMAGES)
    paints_where_the_mask_is_set(save)  # overwrites the file
    with pytest.raises(BadInput, match="has changed while it was in use"):
        pickle.loads(sent)


def test_the_hash_is_the_files(save: Save) -> None:
    path = identity(save)
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    assert OnnxMethod(path).weights_hash == expected
    session = OnnxSession(path)
    assert session.sha256 == expected
    assert session.inputs[0].shape == (None, 3, None, None)
    with pytest.raises(BadInput, match=r"net\.onnx fails on image float32 \(2, 2\)"):
        session.run({"image": np.zeros((2, 2), np.float32)})
