"""Weights of rivals' makers: made files of the same names and shapes come to what the makers' own code makes of them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import occset.models
from occset.models.baselines import official
from occset.models.baselines.deepfill_v2.official import OfficialDeepFill, attend
from occset.models.baselines.lafin.official import pixels
from occset.models.baselines.official import LAYOUTS, Layout, build, import_weights, layouts_of
from occset.support.errors import BadInput, UnknownName
from tests.fixture_types import Occset
from tests.models.baselines.official import made

FILES: dict[str, tuple[str, tuple[tuple[str, str], ...], int, int]] = {
    "naoto0804 PConvUNet": ("pconv", (("pconv", "model"),), 8, 128),
    "nipponjo networks.py": ("deepfill-v2", (("deepfill", "G"),), 6, 128),
    "nipponjo networks_tf.py": ("deepfill-v2", (("deepfill_tf", "G"),), 6, 128),
    "lyndonzheng Pluralistic": ("picnet", (("picnet_E", ""), ("picnet_G", "")), 8, 256),
    "YaN9-Y lafin": ("lafin", (("lafin_gen", "generator"), ("lafin_detector", "detector")), 8, 256),
}
"""Layout to its method, its files with the name inside under which they hold the state dict, a factor, and a side."""

THEIRS = {
    "naoto0804 PConvUNet": (0.531945, 0.484312, 0.410835, 0.534084, 0.483359),
    "nipponjo networks.py": (0.496465, 0.542848, 0.545876, 0.496448, 0.542137),
    "nipponjo networks_tf.py": (0.511140, 0.580377, 0.626232, 0.511454, 0.580111),
    "lyndonzheng Pluralistic": (0.592933, 0.576889, 0.865818, 0.636632, 0.547432),
    "YaN9-Y lafin": (0.543981, 0.397666, 0.572338, 0.313732, 0.497401),
}
"""`made.seen` of what the makers' code paints with these files: figures, measured once."""


def layout_of(name: str) -> Layout:
    return next(layout for layout in layouts_of(FILES[name][0]) if layout.name == name)


def write(folder: Path, name: str, change: Callable[[dict[str, Any]], Any] = lambda state: None) -> list[Path]:
    """The files of a layout, after a change of the first one's state dict."""
    _, files, factor, _ = FILES[name]
    folder.mkdir(exist_ok=True)
    paths = []
    for file, inside in files:
        state: dict[str, Any] = dict(made.state(file, 1 if file == "lafin_detector" else factor))
        if not paths:
            change(state)
        paths.append(folder / f"{file}.pth")
        torch.save({inside: state, "iteration": 5} if inside else state, paths[-1])
    return paths


@pytest.mark.parametrize("name", FILES)
def test_every_tensor_of_the_network_has_its_source_in_the_published_file(name: str) -> None:
    """Names and shapes of the files themselves, at their own sizes; nothing is computed."""
    layout, files = layout_of(name), FILES[name][1]
    shapes = {entry: shape for file, _ in files for entry, shape in made.shapes(file).items()}
    with torch.device("meta"):
        state = {entry: torch.empty(shape) for entry, shape in shapes.items()}
        sizes = layout.sizes(shapes)
        wanted = layout.build(**sizes).state_dict()
    assert official._misfits(layout, state) == ([], [])
    sources = layout.sources(**sizes)
    assert set(sources) == {entry for entry in wanted if not entry.endswith("num_batches_tracked")}
    for ours, source in sources.items():
        assert source.make(*(state[entry] for entry in source.needs)).shape == wanted[ours].shape, ours


@pytest.mark.parametrize("name", FILES)
def test_an_import_paints_what_its_makers_code_paints(name: str, tmp_path: Path) -> None:
    method, _, _, side = FILES[name]
    done = import_weights(method, write(tmp_path, name), tmp_path / "out")
    assert done.layout == name
    rival = occset.models.load(method, tmp_path / "out", device="cpu")
    assert done.parameters == sum(value.numel() for value in rival.network.parameters())
    with torch.no_grad():
        painted = rival.network(*made.picture(side))["painted"]
    assert made.seen(painted) == pytest.approx(THEIRS[name], abs=2e-5)
    assert painted.shape == (1, 3, side, side) and painted.min() >= 0 and painted.max() <= 1


def test_what_is_imported_is_marked_and_painted_with_as_a_method(occset: Occset, tmp_path: Path) -> None:
    files = write(tmp_path, "naoto0804 PConvUNet")
    done = occset("models", "import", "pconv", *files, "--out", tmp_path / "theirs", "--trained-on", "Places2")
    assert done.status == 0 and f"--methods weights:{tmp_path / 'theirs'}" in done.err, done.err
    from occset.benchmark.tasks.opening import open_method

    method = open_method(f"weights:{tmp_path / 'theirs'}")
    assert (method.name, method.given, method.size) == ("pconv:theirs", ("mask",), 256)
    assert method.trained["on"] == "Places2" and "other data" in method.trained["unranked"]
    assert method.trained["parameters"] > 1e5 and "samples" not in method.trained
    rng = np.random.default_rng(0)
    images, masks = rng.integers(0, 256, (1, 64, 64, 3), np.uint8), np.zeros((1, 64, 64), np.uint8)
    masks[:, 20:40, 20:40] = 255
    painted = method.deocclude(images, masks)
    assert np.array_equal(painted[masks == 0], images[masks == 0]) and (painted != images).any()
    import_weights("pconv", files, tmp_path / "again")
    assert occset_trained(tmp_path / "again")["on"] == "unknown"


def occset_trained(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = occset.models.load("pconv", folder, device="cpu").trained
    return found


def test_files_of_several_devices_begin_every_name_alike(tmp_path: Path) -> None:
    def shared_out(state: dict[str, Any]) -> None:
        for entry in list(state):
            state[f"module.{entry}"] = state.pop(entry)

    files = write(tmp_path, "nipponjo networks.py", shared_out)
    assert import_weights("deepfill-v2", files, tmp_path / "out").layout == "nipponjo networks.py"


def test_a_mismatch_lists_what_is_missing_and_what_is_left_over(tmp_path: Path) -> None:
    def renamed(state: dict[str, Any]) -> None:
        state["enc_9.odd"] = state.pop("enc_3.conv.conv2d.bias")
        del state["dec_2.bn.weight"]

    files = write(tmp_path, "naoto0804 PConvUNet", renamed)
    said = "missing are dec_2.bn.weight, enc_3.conv.conv2d.bias; left over are enc_9.odd: give a snapshot of naoto"
    with pytest.raises(BadInput, match=rf"pconv\.pth: not the weights of naoto0804 PConvUNet: {said}"):
        import_weights("pconv", files, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("left_out", [0, 1])
def test_half_of_what_is_needed_says_which_files_to_give(left_out: int, tmp_path: Path) -> None:
    files = write(tmp_path, "lyndonzheng Pluralistic")
    del files[left_out]
    lost = ("block0.conv1.module.weight_bar", "generator.conv1.module.weight_bar")[left_out]
    with pytest.raises(BadInput, match=rf"missing are .*{lost}.*both latest_net_E\.pth and latest_net_G\.pth"):
        import_weights("picnet", files, tmp_path / "out")
    with pytest.raises(BadInput, match="as another of the files does"):
        import_weights("picnet", files * 2, tmp_path / "out")


def spoilt(entry: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(state: dict[str, Any]) -> None:
        state[entry] = value(state[entry]) if callable(value) else value

    return change


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (lambda weight: weight * float("nan"), "enc_2.conv.conv2d.weight' holds numbers that are not finite"),
        (lambda weight: weight[:, :3], r"enc_2.conv.conv2d.weight' is \(16, 3, 5, 5\) instead of \(16, 8, 5, 5\)"),
        (lambda weight: weight.to(torch.complex64), "enc_2.conv.conv2d.weight' is no tensor of plain numbers"),
        ("weights", "enc_2.conv.conv2d.weight' is no tensor of plain numbers"),
        (lambda weight: torch.zeros(()).expand(1 << 20, 1 << 20), r"is \(1048576, 1048576\) instead of"),
    ],
)
def test_odd_tensors_are_refused_by_name(value: Any, said: str, tmp_path: Path) -> None:
    files = write(tmp_path, "naoto0804 PConvUNet", spoilt("enc_2.conv.conv2d.weight", value))
    with pytest.raises(BadInput, match=said):
        import_weights("pconv", files, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_vectors_of_another_length_do_not_belong_to_their_weight(tmp_path: Path) -> None:
    def change(state: dict[str, Any]) -> None:
        state["prior.conv1.module.weight_u"] = torch.ones(5)

    files = write(tmp_path, "lyndonzheng Pluralistic", change)
    with pytest.raises(BadInput, match=r"prior\.conv1\.module\.weight_bar with .*weight_u' do not belong together"):
        import_weights("picnet", files, tmp_path / "out")


class Touches:
    """Unpickled, it leaves a file behind."""

    mark = ""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path(self.mark),)


def test_nothing_in_a_file_is_executed(occset: Occset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Touches, "mark", str(tmp_path / "ran"))
    hidden = write(tmp_path / "a", "naoto0804 PConvUNet", lambda state: state.update(odd=Touches()))[0]
    plain = tmp_path / "b.pth"
    plain.write_bytes(pickle.dumps({"model": Touches()}))
    for path in (hidden, plain):
        done = occset("models", "import", "pconv", path, "--out", tmp_path / "out")
        assert done.status == 2 and f"{path}: is no file of weights alone" in done.err
    assert not (tmp_path / "ran").exists() and not (tmp_path / "out").exists()
    pickle.loads(plain.read_bytes())
    assert (tmp_path / "ran").exists()  # it would have shown


def test_what_is_no_state_dict_or_no_such_method_is_said(tmp_path: Path) -> None:
    torch.save([torch.zeros(3)], tmp_path / "list.pth")
    with pytest.raises(BadInput, match=r"list\.pth: holds a list and no state dict"):
        import_weights("pconv", [tmp_path / "list.pth"], tmp_path / "out")
    with pytest.raises(UnknownName, match="did you mean picnet"):
        import_weights("picnett", [], tmp_path / "out")
    assert set(LAYOUTS) == {FILES[name][0] for name in FILES}


@pytest.mark.parametrize("change", [{"width": 10**9}, {"width": True}, {"width": "9"}, {"layout": "odd"}])
def test_sizes_of_a_strangers_checkpoint_are_bounded(change: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r"must be in 1\.\.512|no layout of pconv is called 'odd'"):
        build("pconv", {"layout": "naoto0804 PConvUNet", "width": 8, "levels": 3, **change})


def test_strided_windows_begin_at_the_pixel_itself_where_tensorflow_padded() -> None:
    """With one tap of a window of 3 x 3, at its end: pixel 2 i + 2 there, and 2 i + 1 where both sides are padded."""
    x = torch.arange(64.0).view(1, 1, 8, 8)
    for late, first in ((True, 2), (False, 1)):
        layer = OfficialDeepFill(8, late).plain[1]
        layer.convolution = layer.convolution.__class__(1, 2, 3, 2, layer.convolution.padding)
        layer.convolution.weight.data.zero_()
        layer.convolution.weight.data[0, 0, 2, 2] = 1.0
        layer.convolution.bias.data[:] = torch.tensor([0.0, 100.0])  # the gate stands open
        found = layer(x)
        assert found.shape == (1, 1, 4, 4)
        assert found[0, 0, 0, :3].tolist() == [x[0, 0, first, first + 2 * i] for i in range(3)]


def test_published_attention_copies_what_is_known_and_fades_at_the_border() -> None:
    """A map of one value: all places look alike, patches overlap four times inside, twice at an edge, once in a corner."""
    x, hole = torch.full((1, 4, 8, 8), 2.0), torch.zeros(1, 1, 32, 32)
    found = attend(x, hole, fused=False)
    assert torch.allclose(found[..., 1:-1, 1:-1], x[..., 1:-1, 1:-1])
    assert torch.allclose(found[0, :, 0, 0], x[0, :, 0, 0] / 4)
    planted = torch.randn(1, 8, 16, 16, generator=torch.Generator().manual_seed(0))
    planted[..., 8:14, 8:14] = planted[..., 2:8, 2:8]
    hole = torch.zeros(1, 1, 64, 64)
    hole[..., 40:48, 40:48] = 1
    assert (attend(planted, hole, fused=False) - planted)[..., 10:12, 10:12].abs().max() < 0.05
    nothing = attend(planted, torch.ones_like(hole), fused=True)
    assert torch.equal(nothing, torch.zeros_like(planted))


def test_landmarks_are_single_pixels_kept_inside() -> None:
    points: Tensor = torch.tensor([[[0.3, 0.6], [-1.0, 0.0], [2.0, 0.999]]])
    shown = pixels(points, 10)
    assert shown[0, 0].nonzero().tolist() == [[0, 0], [6, 3], [9, 9]] and F.max_pool2d(shown, 10).item() == 1
