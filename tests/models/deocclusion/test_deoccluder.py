"""The pipeline with the released weights: gaps are painted, nothing else changes, and any picture is survived."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from occset import cli
from occset.benchmark.tasks.opening import open_method
from occset.models.deocclusion.deoccluder import (
    Deoccluded,
    Deoccluder,
    DeoccluderWithMask,
)
from occset.models.deocclusion.painting import faded_at_the_hairline, render_in, with_gap
from occset.models.deocclusion.photos import UNCHANGED, deocclude_photos
from occset.models.deocclusion.prior import Prior
from occset.models.registry import find
from occset.pictures.images import read_image, write_png
from occset.support.errors import BadInput
from tests.models.reconstruction.rendered import rendered_faces

SIZE = 128


@pytest.fixture(scope="module")
def network() -> Deoccluder:
    """With the released weights."""
    return Deoccluder(device="cpu")


@pytest.fixture(scope="module")
def faces() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clean faces, the same behind a blue bar, and the bar's masks."""
    clean = np.stack([item.image for item in rendered_faces(3, seed=60)])
    masks = np.zeros(clean.shape[:3], np.uint8)
    masks[:, 74:100, 36:92] = 255
    return clean, np.where(masks[..., None] > 0, np.uint8((20, 60, 235)), clean), masks


def test_a_gap_that_is_told_is_painted_nearer_to_the_truth_and_nothing_else_changes(
    network: Deoccluder, faces: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    clean, occluded, masks = faces
    done = network.run(occluded, masks)
    inside = masks > 0
    assert np.array_equal(done.images[~inside], occluded[~inside])
    away = np.abs(done.images.astype(float) - clean)[inside].mean()
    before = np.abs(occluded.astype(float) - clean)[inside].mean()
    assert away < 0.35 * before
    assert np.array_equal(done.hidden, masks)
    assert done.coefficients.shape[0] == 3 and (done.share > 0.05).all()


def test_the_same_input_gives_the_same_bytes_in_any_batch(
    network: Deoccluder, faces: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    _, occluded, _ = faces
    copy = pickle.loads(pickle.dumps(network))
    first, again = network.run(occluded), copy.run(occluded)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    alone = network.run(occluded[1:2])
    assert np.abs(alone.images[0].astype(int) - first.images[1]).max() <= 2


def test_what_the_bench_calls_is_the_same(faces: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    _, occluded, masks = faces
    told = DeoccluderWithMask(device="cpu")
    assert told.given == ("mask",) and Deoccluder.given == ()
    assert np.array_equal(told.deocclude(occluded, masks), told.run(occluded, masks).images)
    assert len(told.weights_hash) == 64


def test_another_ng_stands_behind_the_same_ns_and_nr(
    network: Deoccluder, faces: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    _, occluded, masks = faces
    other = open_method(f"ours:{find('ng').released}")
    assert (other.name, other.weights_hash, other.given) == ("ours:ng", network.weights_hash, ())
    assert np.array_equal(other.deocclude(occluded), network.run(occluded).images)
    told = open_method(f"ours+mask:{find('ng').released}")
    assert (told.name, told.given) == ("ours+mask:ng", ("mask",))
    assert np.array_equal(told.deocclude(occluded, masks), network.run(occluded, masks).images)
    with pytest.raises(BadInput, match="nowhere"):
        open_method("ours:nowhere")


def test_what_goes_on_beyond_the_face_is_painted_unless_a_mask_is_told(
    network: Deoccluder, faces: tuple[np.ndarray, np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, occluded, masks = faces
    corner = np.zeros(masks.shape[1:], bool)
    corner[-9:, :9] = True
    assert not masks[:, corner].any() and not network.run(occluded).hidden[:, corner].any()
    monkeypatch.setattr("occset.models.deocclusion.deoccluder.beyond_the_face", lambda *_: corner)
    assert (network.run(occluded).hidden[:, corner] == 255).all()
    assert not network.run(occluded, masks).hidden[:, corner].any()


def test_it_states_what_its_training_took(network: Deoccluder) -> None:
    told = network.trained
    parts = (network.prior.segmenter, network.prior.reconstructor, network.painter)
    counted = [sum(p.numel() for p in part.network.parameters()) for part in parts]
    assert told["parameters"] == sum(counted) > max(counted)
    assert told["samples"] > 25600  # longer than the rivals: the page says that such ranks are not of equal budgets
    assert told["on"].startswith("the split train of real")
    equal = open_method("ours@25k+mask").trained
    assert equal["samples"] == open_method("pconv").trained["samples"] == 25600
    assert equal["seconds"] > equal["processor"] > 60
    without = open_method("ours-blend").trained
    assert without == {"parameters": sum(counted[:2])}, "NG is none of it"


@pytest.mark.parametrize(("method", "network"), [("ours-no-ssim", "ng-no-ssim"), ("ours@25k", "ng-25k")])
def test_the_other_trainings_of_ng_have_weights_of_their_own(
    method: str, network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(find(network).environment, str(find("ng").released))
    assert open_method(method).painter.name == network
    monkeypatch.setenv(find(network).environment, "nowhere")
    with pytest.raises(BadInput, match="nowhere"):
        open_method(f"{method}+mask")


@pytest.mark.parametrize("kind", ["black", "white", "noise", "small"])
def test_any_behind_gapcomes_back_as_a_picture(network: Deoccluder, kind: str) -> None:
    side = 32 if kind == "small" else 96
    images = {
        "black": np.zeros((1, side, side, 3), np.uint8),
        "white": np.full((1, side, side, 3), 255, np.uint8),
        "noise": np.random.default_rng(0).integers(0, 256, (1, side, side, 3), np.uint8),
        "small": np.full((1, side, side, 3), 120, np.uint8),
    }[kind]
    done = network.run(images)
    assert done.images.shape == images.shape and np.isfinite(done.coefficients).all()
    everything = network.run(images, np.full(images.shape[:3], 255, np.uint8))
    assert everything.images.shape == images.shape


def test_painting_takes_gradients_from_the_render_and_colours_from_the_rim() -> None:
    picture = torch.full((1, 3, 40, 40), 0.6)
    render = torch.full((1, 3, 40, 40), 0.2)
    render[:, :, 18:22, 18:22] = 0.1  # a dark spot on a darker face than the photo's
    one = torch.ones(1, 1, 40, 40)
    gap = torch.zeros_like(one)
    gap[..., 12:28, 12:28] = 1
    seen = torch.zeros(1, 40, 40, dtype=torch.int64)
    behind_gap = torch.where(gap > 0, 0.0, picture)
    prior = Prior(behind_gap, one * (1 - gap), one, gap, one - gap, render, torch.zeros(1, 4), seen)
    found = render_in(prior)
    assert found[0, 0, 14, 14].item() == pytest.approx(0.6, abs=0.02)
    assert found[0, 0, 20, 20].item() == pytest.approx(0.5, abs=0.03)
    assert torch.equal(found[0, 0, :10], picture[0, 0, :10])


def test_photos_are_repaired_in_place_and_bare_ones_stay(network: Deoccluder, tmp_path: Path) -> None:
    bare = cv2.resize(rendered_faces(1, seed=70)[0].image, (301, 301), interpolation=cv2.INTER_CUBIC)
    hidden = bare.copy()
    hidden[165:240, 80:220] = (30, 160, 60)
    (tmp_path / "in").mkdir()
    for name, image in (("bare", bare), ("hidden", hidden)):
        cv2.imwrite(str(tmp_path / "in" / f"{name}.png"), image[:, :, ::-1])
    (tmp_path / "in" / "broken.jpg").write_bytes(b"no picture")
    done, same = deocclude_photos(
        network, [tmp_path / "in"], tmp_path / "out", align=False, save_masks=tmp_path / "masks",
        sheet=tmp_path / "sheet.png",
    )  # fmt: skip
    assert done.written == 2 and [name for name, _ in done.problems] == ["broken.jpg"]
    written = read_image(tmp_path / "out" / "hidden.png")
    mask = read_image(tmp_path / "masks" / "hidden.png")[..., 0]
    assert written.shape == hidden.shape and (tmp_path / "sheet.png").is_file()
    assert np.array_equal(written[mask == 0], hidden[mask == 0])
    bar = (slice(180, 225), slice(100, 200))
    assert (mask[bar] > 0).mean() > 0.9
    assert np.abs(written[bar].astype(int) - hidden[bar]).mean() > 20
    assert "hidden.png" not in same


def test_a_face_that_nothing_hides_comes_back_bit_by_bit(tmp_path: Path) -> None:
    class Sees(Deoccluder):
        """Finds a speck below what counts, and paints it red."""

        def __init__(self) -> None:
            pass

        def run(self, images: np.ndarray, masks: np.ndarray | None = None) -> Deoccluded:
            hidden = np.zeros(images.shape[:3], np.uint8)
            hidden[:, 100:110, 100:110] = 255
            red = np.where(hidden[..., None] > 0, np.uint8((255, 0, 0)), images)
            share = np.full(len(images), UNCHANGED * 0.9, np.float32)
            return Deoccluded(red, hidden, hidden, hidden, red, np.zeros((len(images), 3), np.float32), share)

    photo = np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8)
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "bare.png"), photo[:, :, ::-1])
    done, same = deocclude_photos(
        Sees(), [tmp_path / "in"], tmp_path / "out", align=False, save_masks=tmp_path / "masks"
    )
    assert done.written == 1 and same == ["bare.png"]
    assert np.array_equal(read_image(tmp_path / "out" / "bare.png"), photo)
    assert read_image(tmp_path / "masks" / "bare.png").max() == 0


def test_a_gap_is_filled_from_both_of_its_rims() -> None:
    """The outline lies between columns 7 and 8; two pixels on either side are open, where both sides are hidden."""
    whole, hidden = torch.zeros(1, 1, 6, 16), torch.ones(1, 1, 6, 16)
    whole[..., :8] = 1
    filled = whole.expand(-1, 3, -1, -1).contiguous()  # white up to the outline, black beyond
    seen = torch.zeros(1, 6, 16, dtype=torch.int64)
    prior = Prior(filled, 1 - hidden, whole, hidden, whole * 0, filled, torch.zeros(1, 4), seen)
    expected = torch.tensor([1.0] * 6 + [0.8, 0.6, 0.4, 0.2] + [0.0] * 6)
    assert (with_gap(filled, prior, 2) - expected).abs().max() < 2e-3
    assert torch.equal(with_gap(filled, prior, 0), filled)
    inner = prior._replace(hidden=whole.clone())  # nothing beyond the outline is hidden: nothing is open
    assert torch.equal(with_gap(filled, inner, 2), filled)


def test_a_face_is_shown_with_and_without_a_gap(
    faces: tuple[np.ndarray, np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    clean, _, _ = faces
    masks = np.zeros(clean.shape[:3], np.uint8)
    masks[:, 70:100, :] = 255  # spans face and background
    spanned = np.where(masks[..., None] > 0, np.uint8((20, 60, 235)), clean)
    network = Deoccluder(device="cpu", gap=6)
    done = network.run(spanned, masks)
    outline = np.stack(
        [cv2.morphologyEx(one, cv2.MORPH_GRADIENT, np.ones((15, 15), np.uint8)) > 0 for one in done.whole]
    )
    assert done.without_gap is not None
    changed = (done.images != done.without_gap).any(-1)
    assert changed.any() and not changed[~outline].any() and not changed[masks == 0].any()
    plain = Deoccluder(device="cpu").run(spanned, masks)
    assert plain.without_gap is None and np.array_equal(done.without_gap, plain.images)
    write_png(tmp_path / "in" / "a.png", spanned[0])
    write_png(tmp_path / "mask" / "a.png", masks[0])
    deocclude_photos(
        network, [tmp_path / "in"], tmp_path / "out", align=False, masks=tmp_path / "mask", sheet=tmp_path / "sheet.png"
    )
    assert read_image(tmp_path / "sheet.png").shape == (160, 4 * 160, 3)
    with pytest.raises(BadInput, match="a gap of -1 pixels"):
        Deoccluder(device="cpu", gap=-1)


def test_the_command_tells_what_each_stage_took(
    faces: tuple[np.ndarray, np.ndarray, np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_png(tmp_path / "a.png", faces[1][0])
    words = ["deocclude", tmp_path / "a.png", "--out", tmp_path / "out", "--no-align", "--device", "cpu", "--profile"]
    monkeypatch.setattr(sys, "argv", ["occset", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr().out
    assert not ended.value.code
    names = ("read", "NS", "NR", "pose", "render", "Eq. 1", "beyond", "blend", "NG", "paste", "write")
    places = [told.index(f" {name} ") for name in names]
    assert places == sorted(places) and "100.0%" in told and "detect" not in told


def test_what_is_painted_fades_in_at_the_hairline_alone() -> None:
    whole = torch.zeros(1, 1, 100, 100)
    whole[:, :, 20:90, 25:75] = 1
    picture, painted = torch.zeros(1, 3, 100, 100), torch.ones(1, 3, 100, 100)
    found = faded_at_the_hairline(painted, picture, whole)[0, 0]
    assert found[:18].max() == 0  # beyond the rendered face
    assert found[26, 50] == 1 and found[26, 26] < 0.5  # deep in the forehead; at its side
    top = found[18:30, 50]
    assert (top.diff() >= 0).all() and top.diff().max() < 0.25  # no line
    assert (found[36:] == 1).all()  # from the brows down nothing fades


def test_a_mask_of_ones_own_is_painted_to_its_edge(
    network: Deoccluder, faces: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    _, occluded, _ = faces
    masks = np.zeros(occluded.shape[:3], np.uint8)
    masks[:, 15:40, 30:98] = 255
    green = np.where(masks[..., None] > 0, np.uint8((0, 255, 0)), occluded)
    done = network.run(green, masks).images[masks > 0].astype(int)
    assert (done[:, 1] - done[:, [0, 2]].max(1)).max() < 100  # nothing of the green is left
