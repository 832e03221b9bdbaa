"""What `occset.benchmark` offers: its examples run, it costs nothing until used, and figures are those of the bench."""

from __future__ import annotations

import doctest
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import occset.benchmark as bench
from occset.dataset.occlusion_set import OcclusionSet
from occset.support.errors import BrokenMethod, OccsetError


@pytest.mark.parametrize("name", ["occset.benchmark", *sorted(set(bench._WHERE.values()))])
def test_the_examples_run(name: str, bench_set: OcclusionSet, tmp_path: Path, no_arcface: None) -> None:
    done = doctest.testmod(import_module(name), extraglobs={"data": bench_set, "folder": tmp_path})
    assert done.attempted and not done.failed


def test_every_public_call_has_an_example_and_is_all_that_shows() -> None:
    assert dir(bench) == sorted(bench.__all__) == sorted(bench._WHERE)
    for name in bench.__all__:
        assert ">>> " in (getattr(bench, name).__doc__ or ""), name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = bench.nothing  # type: ignore[attr-defined]


def test_importing_it_loads_nothing_heavy() -> None:
    code = "import sys, occset.benchmark; print(bool({'numpy', 'pandas', 'cv2', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_figures_of_one_picture_are_those_of_the_bench(bench_set: OcclusionSet) -> None:
    from occset.benchmark.protocols.frozen import open_protocol
    from occset.benchmark.tasks.deocclusion.batch import render_batch
    from occset.benchmark.tasks.deocclusion.pixels import composite
    from occset.samples.render import Renderer

    scores = bench.evaluate("mean-colour", bench_set, "sunglasses", limit=3)
    batch = render_batch(Renderer(bench_set), open_protocol(bench_set, "sunglasses", 1).recipes[:3])
    from occset.benchmark.tasks.opening import open_method

    answer = open_method("mean-colour").deocclude(batch.images, batch.footprints)
    for at in range(3):
        pasted = composite(answer[at], batch.images[at], batch.footprints[at])
        for key in ("l1", "psnr", "ssim"):
            figure = getattr(bench, key)
            assert figure(pasted, batch.truths[at], batch.holes[at]) == scores[key][at]
            assert figure(pasted, batch.truths[at]) == scores[f"whole_{key}"][at]


def test_run_and_evaluate_agree_and_take_objects(bench_set: OcclusionSet, tmp_path: Path, no_arcface: None) -> None:
    from occset.benchmark.tasks.deocclusion.methods.classical import MeanColour

    class Mine(MeanColour):
        name = "mine"

    done = bench.run(bench_set.path, "sunglasses", methods=[Mine()], limit=10, out=tmp_path / "r", workers=1)
    assert [result.method for result in done.results] == ["mine", "input", "truth"]
    alone = bench.evaluate(Mine(), bench_set, "sunglasses", limit=10)
    assert alone["psnr"].tolist() == done.results[0].scores["psnr"].tolist()
    assert done.results[0].method_reference.endswith("Mine")


def test_methods_of_the_task_run_when_none_is_named(
    bench_set: OcclusionSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from occset.benchmark.tasks import segmentation

    task = segmentation.TASK
    monkeypatch.setattr(segmentation, "TASK", replace(task, methods=replace(task.methods, defaults=("oval", "labels"))))
    done = bench.run(bench_set, "segmentation", limit=8, out=tmp_path / "r", workers=1)
    assert [result.method for result in done.results] == ["oval", "labels", "all-face", "truth"]


def test_a_method_that_breaks_says_so(bench_set: OcclusionSet) -> None:
    class Broken:
        name, given = "broken", ()

        def deocclude(self, images: np.ndarray, masks: None) -> np.ndarray:
            raise KeyError("weights")

    with pytest.raises(BrokenMethod, match="broken raised KeyError"):
        bench.evaluate(Broken(), bench_set, "sunglasses", limit=2)
    with pytest.raises(BrokenMethod, match="the answer, which only the built-in controls"):
        Broken.given = ("truth",)  # type: ignore[assignment]
        bench.evaluate(Broken(), bench_set, "sunglasses", limit=2)


PICTURE, MASK = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8)


@pytest.mark.parametrize(
    ("figure", "given", "said"),
    [
        ("l1", (PICTURE / 255, PICTURE), "prediction must be .* uint8 like the truth, not .* float64"),
        ("psnr", (PICTURE[:4], PICTURE), "prediction must be"),
        ("ssim", (PICTURE, PICTURE, MASK[:4]), "the mask must be"),
        ("l1", (PICTURE, PICTURE, MASK), "holds no pixel"),
        ("iou", (PICTURE, MASK), "prediction must be"),
        ("iou", (MASK, MASK, MASK[:4]), "the mask must be"),
        ("boundary_f", (MASK, MASK[:4]), "prediction must be"),
    ],
)
def test_what_does_not_fit_is_refused(figure: str, given: tuple[np.ndarray, ...], said: str) -> None:
    with pytest.raises(OccsetError, match=said):
        getattr(bench, figure)(*given)


def test_iou_within_a_mask_looks_at_nothing_else() -> None:
    truth, found, within = MASK.copy(), MASK.copy(), MASK.copy()
    truth[:4], found[:, :4], within[:, :4] = 255, 255, 255
    assert bench.iou(found, truth) == 16 / 48
    assert bench.iou(found, truth, within) == 16 / 32
