from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from occset.benchmark.audit import Verdict, audit
from occset.benchmark.protocols.frozen import Protocol, open_protocol
from occset.benchmark.results.result import Result
from occset.benchmark.runner.run import run
from occset.benchmark.tasks.deocclusion import TASK, evaluator
from occset.benchmark.tasks.deocclusion.columns import METRICS
from occset.dataset.occlusion_set import OcclusionSet
from occset.models.arcface import ArcFaceFile


@pytest.fixture
def protocol(bench_set: OcclusionSet) -> Protocol:
    return open_protocol(bench_set, "sunglasses", 1)


def controls(
    data: OcclusionSet, protocol: Protocol, out: Path, arcface: ArcFaceFile | None = None
) -> dict[str, Result]:
    done = run(data, protocol, TASK.audit.runs, out, workers=1, judges={"id": arcface})
    assert not done.broken
    return {result.method: result for result in done.results}


def fails(verdicts: list[Verdict]) -> set[tuple[str, str]]:
    return {(v.metric, v.must) for v in verdicts if not v.ok}


def test_the_controls_rank_as_they_must(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, tiny_arcface: Callable[[int], ArcFaceFile]
) -> None:
    verdicts = audit(controls(bench_set, protocol, tmp_path / "r", tiny_arcface(0)))
    assert not fails(verdicts), fails(verdicts)
    musts = {(v.metric, v.must) for v in verdicts}
    assert len(musts) == len(verdicts) == 3 * 6 + 5
    for metric in ("l1", "psnr", "ssim"):
        for must in ("truth above shifted-truth", "shifted-truth above input", "mean-colour above noise"):
            assert (metric, must) in musts
    assert {("psnr", "truth is 60"), ("l1", "truth is 0"), ("id", "truth is 1"), ("id", "truth above input")} <= musts
    assert ("id", "mean-colour above noise") not in musts


def test_without_arcface_identity_is_not_audited(bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path) -> None:
    assert {v.metric for v in audit(controls(bench_set, protocol, tmp_path / "r"))} == {"l1", "psnr", "ssim"}


def test_the_masks_of_every_type_pass(bench_set: OcclusionSet, tmp_path: Path) -> None:
    assert not fails(audit(controls(bench_set, open_protocol(bench_set, "types", 1), tmp_path / "r")))


def test_a_truth_that_returns_the_input_fails(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "occset.benchmark.tasks.deocclusion.controls.Truth.deocclude",
        lambda self, images, masks, *, truth: images.copy(),
    )
    failed = fails(audit(controls(bench_set, protocol, tmp_path / "r")))
    for metric, perfect in (("l1", "truth is 0"), ("psnr", "truth is 60"), ("ssim", "truth is 1")):
        assert {(metric, "truth above shifted-truth"), (metric, perfect)} <= failed


@pytest.mark.parametrize("step", [0, 30])
def test_a_shift_that_is_none_or_far_too_large_fails(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Without a shift the control is the truth and no better than it; shifted off the hole it is the input."""

    def shifted(self: object, images: np.ndarray, masks: np.ndarray, *, truth: np.ndarray) -> np.ndarray:
        moved = np.zeros_like(masks)
        moved[:, step:] = masks[:, : masks.shape[1] - step]
        return np.where(moved[..., None] > 0, truth, images)

    monkeypatch.setattr("occset.benchmark.tasks.deocclusion.controls.ShiftedTruth.deocclude", shifted)
    failed = fails(audit(controls(bench_set, protocol, tmp_path / "r")))
    wanted = "truth above shifted-truth" if step == 0 else "shifted-truth above input"
    assert {(metric, wanted) for metric in ("l1", "psnr", "ssim")} & failed
    if step == 0:
        assert failed == {(metric, wanted) for metric in ("l1", "psnr", "ssim")}


def test_a_noise_that_is_no_noise_fails(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from occset.benchmark.tasks.deocclusion.methods.classical import MeanColour

    monkeypatch.setattr("occset.benchmark.tasks.deocclusion.controls.Noise.deocclude", MeanColour.deocclude)
    failed = fails(audit(controls(bench_set, protocol, tmp_path / "r")))
    assert failed == {(metric, "mean-colour above noise") for metric in ("l1", "psnr", "ssim")}


@pytest.mark.parametrize("metric", ["l1", "psnr", "ssim"])
def test_a_reversed_metric_fails(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metric: str
) -> None:
    results = controls(bench_set, protocol, tmp_path / "r")
    found = METRICS[metric]
    monkeypatch.setitem(METRICS, metric, replace(found, higher_is_better=not found.higher_is_better))
    failed = fails(audit(results))
    assert {m for m, _ in failed} == {metric}
    assert (metric, "truth above shifted-truth") in failed


def test_a_composite_pasted_the_wrong_way_round_fails(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The input's pixels in the footprint: every control scores as the input does."""

    evaluate = evaluator.evaluate
    monkeypatch.setattr(evaluator, "evaluate", lambda predictions, inputs, *rest: evaluate(inputs, predictions, *rest))
    failed = fails(audit(controls(bench_set, protocol, tmp_path / "r")))
    for metric, perfect in (("l1", "truth is 0"), ("psnr", "truth is 60"), ("ssim", "truth is 1")):
        assert {(metric, "truth above shifted-truth"), (metric, "mean-colour above noise"), (metric, perfect)} <= failed


def test_identity_warped_by_wrong_points_still_needs_the_truth_at_one(
    bench_set: OcclusionSet,
    protocol: Protocol,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny_arcface: Callable[[int], ArcFaceFile],
) -> None:
    from occset.models.arcface import ArcFace

    embed, calls = ArcFace.embed, 0

    def wobbly(self: ArcFace, images: np.ndarray, points: np.ndarray) -> np.ndarray:
        nonlocal calls
        calls += 1
        return embed(self, images, points + calls % 7 * np.array([1.5, -1.0]))

    monkeypatch.setattr(ArcFace, "embed", wobbly)
    failed = fails(audit(controls(bench_set, protocol, tmp_path / "r", tiny_arcface(0))))
    assert ("id", "truth is 1") in failed


def test_one_face_is_not_enough_to_tell(bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path) -> None:
    done = run(bench_set, protocol, TASK.audit.runs, tmp_path / "r", limit=1, workers=1)
    failed = fails(audit({r.method: r for r in done.results}))
    assert {must for metric, must in failed if metric == "l1"} == {
        v for v in (f"{a} above {b}" for a in TASK.audit.runs for b in TASK.audit.runs) if ("l1", v) in failed
    }
    assert ("l1", "truth above shifted-truth") in failed, "no interval, no verdict"


def test_a_missing_control_is_an_error(bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path) -> None:
    results = controls(bench_set, protocol, tmp_path / "r")
    del results["noise"]
    with pytest.raises(KeyError, match="noise"):
        audit(results)
