"""Every pixel metric against an independent slow version, and torchmetrics and scikit-image where they agree."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from occset.benchmark.tasks.deocclusion.columns import METRICS, PIXEL_METRICS
from occset.benchmark.tasks.deocclusion.pixels import composite, evaluate
from occset.benchmark.tasks.deocclusion.ssim import ssim_map
from occset.support.errors import OccsetError

SIZE = 32


# -- the slow version: loops over pixels, straight from the definitions


WINDOW = [(i, j, math.exp(-(i * i + j * j) / (2 * 1.5**2))) for i in range(-5, 6) for j in range(-5, 6)]
TOTAL = sum(weight for _, _, weight in WINDOW)


def slow_ssim_at(x: list[list[float]], y: list[list[float]], row: int, column: int) -> float:
    """SSIM of one channel on 0..1 at one pixel, two-pass weighted moments over the mirrored window."""
    w, xs, ys = [], [], []
    for i, j, weight in WINDOW:
        r, c = mirror(row + i, len(x)), mirror(column + j, len(x[0]))
        w.append(weight / TOTAL)
        xs.append(x[r][c] / 255)
        ys.append(y[r][c] / 255)
    mx = sum(a * b for a, b in zip(w, xs, strict=True))
    my = sum(a * b for a, b in zip(w, ys, strict=True))
    vx = sum(a * (b - mx) ** 2 for a, b in zip(w, xs, strict=True))
    vy = sum(a * (b - my) ** 2 for a, b in zip(w, ys, strict=True))
    vxy = sum(a * (b - mx) * (c - my) for a, b, c in zip(w, xs, ys, strict=True))
    c1, c2 = 0.01**2, 0.03**2
    return (2 * mx * my + c1) * (2 * vxy + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))


def mirror(index: int, size: int) -> int:
    """Reflect without repeating the edge: -1 -> 1, size -> size - 2."""
    if index < 0:
        return -index
    return 2 * size - 2 - index if index >= size else index


def slow_ssim(picture: np.ndarray, truth: np.ndarray) -> np.ndarray:
    similar = np.zeros(truth.shape)
    for channel in range(3):
        x, y = picture[..., channel].astype(float).tolist(), truth[..., channel].astype(float).tolist()
        for row, column in np.ndindex(truth.shape[:2]):
            similar[row, column, channel] = slow_ssim_at(x, y, row, column)
    return similar


def slow_triple(
    picture: np.ndarray, truth: np.ndarray, similar: np.ndarray, region: np.ndarray
) -> tuple[float, float, float]:
    absolute, squared, total, count = 0.0, 0.0, 0.0, 0
    for row, column, channel in np.ndindex(truth.shape):
        if region[row, column]:
            difference = (float(picture[row, column, channel]) - float(truth[row, column, channel])) / 255
            absolute += abs(difference)
            squared += difference**2
            total += similar[row, column, channel]
            count += 1
    mse = squared / count
    return absolute / count, 60.0 if mse < 1e-6 else min(60.0, 10 * math.log10(1 / mse)), total / count


def slow_scores(
    prediction: np.ndarray, occluded: np.ndarray, truth: np.ndarray, footprint: np.ndarray, hole: np.ndarray
) -> dict[str, float]:
    pasted = occluded.copy()
    for row, column in zip(*np.nonzero(footprint), strict=True):
        pasted[row, column] = prediction[row, column]
    everything = np.full_like(hole, 255)
    of_pasted, of_raw = slow_ssim(pasted, truth), slow_ssim(prediction, truth)
    scores = {}
    for prefix, picture, similar, region in (
        ("", pasted, of_pasted, hole),
        ("footprint_", pasted, of_pasted, footprint),
        ("whole_", pasted, of_pasted, everything),
        ("raw_", prediction, of_raw, everything),
    ):
        for key, value in zip(("l1", "psnr", "ssim"), slow_triple(picture, truth, similar, region), strict=True):
            scores[prefix + key] = value
    scores["table1_pm1_l1"] = slow_triple(pasted * 2.0 - 255, truth * 2.0 - 255, of_pasted, hole)[0]
    scores["table1_pm1_psnr"], scores["table1_01_l1"], scores["table1_01_psnr"] = (
        scores["psnr"],
        scores["l1"],
        scores["whole_psnr"],
    )
    return scores


# -- samples


def sample(kind: str, size: int = SIZE) -> tuple[np.ndarray, ...]:
    """prediction, input, truth, footprint, hole of one sample."""
    rng = np.random.default_rng(len(kind))
    truth = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
    prediction = np.clip(truth + rng.normal(0, 30, truth.shape), 0, 255).astype(np.uint8)
    footprint = np.zeros((size, size), np.uint8)
    hole = np.zeros((size, size), np.uint8)
    if kind == "middle":
        footprint[12:25, 10:31] = 255
        hole[14:25, 10:27] = 255
    elif kind == "border":
        footprint[:7, 30:] = hole[:7, 30:] = 255
        footprint[-3:, :9] = hole[-2:, :4] = 255
    elif kind == "one pixel":
        footprint[20, 22] = hole[20, 22] = 255
    elif kind == "corner pixel":
        footprint[0, 0] = hole[0, 0] = 255
    elif kind == "full":
        footprint[:] = hole[:] = 255
    elif kind == "flat":  # where variances cancel worst: white against nearly white
        truth[:], prediction[:] = 255, 254
        footprint[5:20, 5:20] = hole[8:20, 5:20] = 255
    elif kind == "perfect":
        prediction = truth.copy()
        footprint[5:20, 5:20] = hole[8:20, 5:20] = 255
    occluded = np.where(footprint[..., None] > 0, np.uint8(40), truth)
    return prediction, occluded, truth, footprint, hole


KINDS = ["middle", "border", "one pixel", "corner pixel", "full", "flat", "perfect"]


@pytest.mark.parametrize("kind", KINDS)
def test_equals_the_slow_version(kind: str) -> None:
    arrays = sample(kind)
    (fast,) = evaluate(*(a[None] for a in arrays), names=[kind])
    slow = slow_scores(*arrays)
    assert list(fast) == [m.key for m in PIXEL_METRICS]
    assert fast.keys() == slow.keys()
    for key, value in slow.items():
        assert fast[key] == pytest.approx(value, abs=1e-3 if "psnr" in key else 1e-5), key


def test_equals_the_slow_version_where_the_input_differs_from_the_truth_outside_the_footprint() -> None:
    prediction, occluded, truth, footprint, hole = sample("middle")
    occluded[2:4, 28:31] ^= 77
    occluded[31, 0] ^= 9
    (fast,) = evaluate(*(a[None] for a in (prediction, occluded, truth, footprint, hole)), names=["x"])
    slow = slow_scores(prediction, occluded, truth, footprint, hole)
    for key in ("whole_l1", "whole_ssim", "ssim", "footprint_ssim"):
        assert fast[key] == pytest.approx(slow[key], abs=1e-5), key
    assert fast["whole_psnr"] == pytest.approx(slow["whole_psnr"], abs=1e-3)


def test_hand_worked_values() -> None:
    truth = np.full((1, 16, 16, 3), 100, np.uint8)
    prediction = np.full_like(truth, 151)  # 51 / 255 = 0.2 away
    mask = np.full((1, 16, 16), 255, np.uint8)
    (scores,) = evaluate(prediction, truth, truth, mask, mask, ["x"])
    assert scores["l1"] == pytest.approx(0.2, abs=1e-12)
    assert scores["psnr"] == pytest.approx(10 * math.log10(25), abs=1e-9)
    assert scores["table1_pm1_l1"] == pytest.approx(0.4, abs=1e-12)
    luminance = (2 * 151 * 100 + 2.55**2) / (151**2 + 100**2 + 2.55**2)  # no texture: the contrast term is 1
    assert scores["ssim"] == pytest.approx(luminance, abs=1e-9)


def test_perfect_output_scores_the_ends_of_the_scales() -> None:
    (scores,) = evaluate(*(a[None] for a in sample("perfect")), names=["x"])
    assert scores["l1"] == 0
    assert scores["psnr"] == 60
    assert scores["ssim"] == 1


def test_what_lies_outside_the_footprint_counts_only_in_the_raw_columns() -> None:
    prediction, occluded, truth, footprint, hole = sample("middle")
    spoiled = prediction.copy()
    spoiled[footprint == 0] = 0
    before, after = (
        evaluate(*(a[None] for a in (p, occluded, truth, footprint, hole)), names=["x"])[0]
        for p in (prediction, spoiled)
    )
    for key, value in before.items():
        assert (after[key] == value) is (not key.startswith("raw_")), key


def test_batches_score_like_single_samples() -> None:
    samples = [sample(kind) for kind in KINDS]
    together = evaluate(*(np.stack(arrays) for arrays in zip(*samples, strict=True)), names=KINDS)
    for kind, arrays, scores in zip(KINDS, samples, together, strict=True):
        assert evaluate(*(a[None] for a in arrays), names=[kind]) == [scores]


def test_whole_picture_equals_torchmetrics() -> None:
    torch = pytest.importorskip("torch")
    image = pytest.importorskip("torchmetrics.functional.image")
    arrays = sample("full", size=64)
    (scores,) = evaluate(*(a[None] for a in arrays), names=["x"])
    x, y = (torch.from_numpy(a).permute(2, 0, 1)[None].double() / 255 for a in (arrays[0], arrays[2]))
    assert scores["whole_ssim"] == pytest.approx(
        float(image.structural_similarity_index_measure(x, y, data_range=1.0)), abs=1e-9
    )
    assert scores["whole_psnr"] == pytest.approx(float(image.peak_signal_noise_ratio(x, y, data_range=1.0)), abs=1e-5)
    assert scores["ssim"] == pytest.approx(scores["whole_ssim"], abs=1e-12)


def test_map_equals_scikit_image_inside_the_border() -> None:
    metrics = pytest.importorskip("skimage.metrics")
    x, _, y, *_ = sample("full", size=64)
    _, theirs = metrics.structural_similarity(
        x / 255,
        y / 255,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=2,
        full=True,
    )
    ours = ssim_map(x, y)
    assert np.abs(ours - theirs)[5:-5, 5:-5].max() < 1e-10
    assert np.abs(ours - theirs).max() > 1e-3, "SciPy's border repeats the edge, ours does not"


def test_composite_leaves_its_arguments_alone() -> None:
    prediction, occluded, _, footprint, _ = sample("middle")
    kept = occluded.copy()
    pasted = composite(prediction, occluded, footprint)
    assert np.array_equal(occluded, kept)
    assert np.array_equal(pasted, np.where(footprint[..., None] > 0, prediction, occluded))


def test_an_empty_hole_names_the_sample() -> None:
    prediction, occluded, truth, footprint, hole = (np.stack([a, a]) for a in sample("middle"))
    hole[1] = 0
    with pytest.raises(OccsetError, match=r"'s-0002'.*empty hole"):
        evaluate(prediction, occluded, truth, footprint, hole, ["s-0001", "s-0002"])


def test_a_hole_outside_its_footprint_names_the_sample() -> None:
    prediction, occluded, truth, footprint, hole = (a[None].copy() for a in sample("middle"))
    hole[0, 0, 0] = 255
    with pytest.raises(OccsetError, match=r"'s-1'.*outside"):
        evaluate(prediction, occluded, truth, footprint, hole, ["s-1"])


@pytest.mark.parametrize(
    ("which", "change", "message"),
    [
        (0, lambda a: a[:, :-1], "predictions must be uint8 of shape"),
        (0, lambda a: a.astype(np.float32), "predictions must be uint8.*float32"),
        (3, lambda a: a[..., None], "footprints must be"),
        (2, lambda a: a[0], r"truths must be \(B, H, W, 3\)"),
    ],
)
def test_arrays_that_do_not_fit(which: int, change: Callable[[np.ndarray], np.ndarray], message: str) -> None:
    arrays = [a[None] for a in sample("middle")]
    arrays[which] = change(arrays[which])
    with pytest.raises(OccsetError, match=message):
        evaluate(*arrays, names=["x"])


def test_a_missing_name_is_refused() -> None:
    with pytest.raises(OccsetError, match="1 samples came with 2 names"):
        evaluate(*(a[None] for a in sample("middle")), names=["x", "y"])


def test_the_declared_table_is_complete() -> None:
    assert list(METRICS)[:4] == ["l1", "psnr", "ssim", "id"]
    assert {k for k, m in METRICS.items() if m.group == "primary"} == {
        *("l1", "psnr", "ssim"),
        *("id", "id_closed", "id2", "id2_closed"),
    }
    assert {k for k, m in METRICS.items() if not m.higher_is_better} == {k for k in METRICS if k.endswith("l1")}
    assert all(m.definition.endswith(".") for m in METRICS.values())


def test_speed_is_measured_as_a_ratio() -> None:
    pytest.importorskip("torchmetrics")
    from experiments.speed.metrics import measure

    filled, _ = measure(pairs=4, distinct=2)
    assert filled["ratio"] == pytest.approx(filled["ours"] / filled["peer"], rel=0.1)
    assert filled["holds"] == (filled["ours"] * 5 <= filled["peer"])
