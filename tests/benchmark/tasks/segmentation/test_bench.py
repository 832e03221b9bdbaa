"""The bench of segmentation from end to end: run, result files, audit, command line, tables and page."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from occset.benchmark.audit import audit
from occset.benchmark.leaderboards import build
from occset.benchmark.leaderboards.tables import ALL, read_tables
from occset.benchmark.protocols.frozen import Protocol, open_protocol
from occset.benchmark.results.files import load_results, read_result, write_result
from occset.benchmark.results.result import Result, picture_path
from occset.benchmark.runner.run import run
from occset.benchmark.summary import figures
from occset.benchmark.tasks import segmentation
from occset.benchmark.tasks.segmentation.scores import evaluate_masks
from occset.dataset.occlusion_set import OcclusionSet
from occset.pictures.images import read_image
from occset.samples.render import Renderer
from occset.support.errors import BadInput, BrokenMethod, OccsetError
from tests.fixture_types import Occset, Said

AUDITED = segmentation.TASK.audit.runs
BRIGHT = """
import numpy as np

class Method:
    name, given = "bright", ()

    def segment(self, images):
        return np.where(images.mean(axis=-1) > {above}, np.uint8(255), np.uint8(0))
"""


@pytest.fixture
def protocol(bench_set: OcclusionSet) -> Protocol:
    occluders = bench_set.occluders
    bench_set.write("occluders", occluders.assign(split=np.where(occluders.index % 2, "test", "train")))
    return open_protocol(bench_set, "segmentation", 1)


def run_all(data: OcclusionSet, protocol: Protocol, out: Path, *specs: str, **options: Any) -> dict[str, Result]:
    done = run(data, protocol, specs, out, **{"workers": 1, **options})
    assert not done.broken, done.broken
    return {result.method: result for result in done.results}


def test_scores_are_those_of_the_masks_that_are_seen(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path
) -> None:
    found = run_all(bench_set, protocol, tmp_path / "r", "all-face", "labels", "truth")
    renderer = Renderer(bench_set)
    for at, recipe in enumerate(protocol.recipes):
        sample = renderer.render(recipe)
        for name, mask in (("all-face", sample.face | 255), ("labels", sample.clean_mask), ("truth", sample.face)):
            (expected,) = evaluate_masks(mask[None], sample.face[None], [recipe.sample])
            row = found[name].scores.iloc[at].to_dict()
            assert row == {"sample": recipe.sample, "face": recipe.face, "type": recipe.type, **expected}
    bare = found["labels"].scores.query("type == 'bare'")
    hidden = found["labels"].scores.query("type != 'bare'")
    assert (bare["iou"] == 1).all() and (hidden["iou"] < 1).all() and (hidden["recall"] == 1).all()


def test_a_result_says_what_it_is_of(bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path) -> None:
    found = run_all(bench_set, protocol, tmp_path / "r", "colour", "labels", "nothing")
    labels = found["labels"]
    assert (labels.task, labels.arcface, labels.id_missing) == ("segmentation", None, "masks show nobody")
    marks = {name: result.mark for name, result in found.items()}
    assert marks == {"colour": "automatic", "labels": "given the data set's own mask", "nothing": "control"}
    assert found["colour"].weights_hash and "train-" in found["colour"].revision
    assert labels.path is not None and json.loads(labels.path.read_text())["task"] == "segmentation"
    again = run(bench_set, protocol, ["colour", "labels"], tmp_path / "r", workers=1)
    assert again.reused == ["colour", "labels"]


def test_files_of_de_occlusion_stay_as_they_were(bench_set: OcclusionSet, tmp_path: Path) -> None:
    protocol = open_protocol(bench_set, "sunglasses", 1)
    (result,) = run(bench_set, protocol, ["input"], tmp_path / "r", workers=1).results
    assert result.path is not None
    stored = json.loads(result.path.read_text())
    assert "task" not in stored
    assert read_result(result.path).task == "deocclusion"
    for task, said in (("swapping", "its task is 'swapping', this occset knows"), (3, "task must be str")):
        result.path.write_text(json.dumps({**stored, "task": task}))
        with pytest.raises(BadInput, match=said):
            read_result(result.path)


def test_columns_of_the_other_task_are_refused(bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path) -> None:
    result = run_all(bench_set, protocol, tmp_path / "r", "nothing")["nothing"]
    with pytest.raises(OccsetError, match="lacks false_negative"):
        write_result(result, result.scores.drop(columns="false_negative"), tmp_path)
    with pytest.raises(OccsetError, match="has an unknown column l1"):
        write_result(result, result.scores.assign(l1=0.0), tmp_path)
    with pytest.raises(OccsetError, match="should not have pooled_iou"):
        write_result(result, result.scores.assign(pooled_iou=0.0), tmp_path)
    with pytest.raises(OccsetError, match=r"boundary_f of sample .* is not finite"):
        write_result(result, result.scores.assign(boundary_f=np.nan), tmp_path)


def test_workers_and_a_cut_change_nothing(
    bench_set: OcclusionSet,
    protocol: Protocol,
    tmp_path: Path,
    write_method: Callable[..., str],
    contents: Callable[[Path], dict[str, object]],
) -> None:
    spec = write_method(BRIGHT.format(above=120))
    one = run_all(bench_set, protocol, tmp_path / "one", "colour", spec, "noise")
    two = run_all(bench_set, protocol, tmp_path / "two", "colour", spec, "noise", workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    short = run_all(bench_set, protocol, tmp_path / "short", spec, limit=9)["bright"]
    pd.testing.assert_frame_equal(short.scores, one["bright"].scores.iloc[:9])
    assert two["bright"].given == []


def test_a_method_of_de_occlusion_is_refused_and_so_is_one_that_peeks(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, write_method: Callable[..., str]
) -> None:
    with pytest.raises(OccsetError, match="no method of segmentation is called 'telea'"):
        run(bench_set, protocol, ["telea"], tmp_path / "r", workers=1)
    source = BRIGHT.format(above=120).replace('given = "bright", ()', 'given = "labels", ("face",)')
    with pytest.raises(BrokenMethod, match="only the built-in controls"):
        run(bench_set, protocol, [write_method(source)], tmp_path / "r", workers=1)


def test_what_asks_for_the_face_later_gets_none(bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path) -> None:
    class Turncoat:
        name, given = "turncoat", ()

        def segment(self, images: np.ndarray, **known: np.ndarray) -> np.ndarray:
            self.given = ("face",)
            return known.get("face", np.zeros(images.shape[:3], np.uint8))

    done = run(bench_set, protocol, [("labels", Turncoat())], tmp_path / "r", workers=1)
    assert "asks to be given 'face', which is not at hand here" in done.broken["turncoat"]


def test_bare_faces_without_landmarks_are_benched(bench_set: OcclusionSet, tmp_path: Path) -> None:
    bench_set.write("faces", bench_set.faces.assign(landmarks=None))
    found = run_all(bench_set, open_protocol(bench_set, "natural", 1), tmp_path / "r", "colour", "labels", "oval")
    assert (found["labels"].scores["iou"] == 1).all()
    assert found["colour"].weights_hash, "it learned from train faces that have no landmarks either"
    assert (found["oval"].scores["iou"] > 0.3).all()


# -- audit


def fails(results: dict[str, Result]) -> set[tuple[str, str]]:
    return {(v.metric, v.must) for v in audit(results) if not v.ok}


def test_the_controls_rank_as_they_must(bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path) -> None:
    results = run_all(bench_set, protocol, tmp_path / "r", *AUDITED)
    assert not fails(results)
    musts = {(v.metric, v.must) for v in audit(results)}
    assert {("iou", "truth above shifted-truth"), ("recall", "labels is 1"), ("boundary_f", "truth is 1")} <= musts
    assert len(musts) == 5 + 2 + 5 + 1 + 3 + 3 + 3 + 1


@pytest.mark.parametrize(
    ("broken", "answer", "wanted"),
    [
        ("TrueMask", lambda self, images, truth: 255 - truth, ("iou", "truth is 1")),
        ("ShiftedMask", lambda self, images, truth: truth.copy(), ("iou", "truth above shifted-truth")),
        ("Nothing", lambda self, images: images[..., 0] | 255, ("iou", "all-face above nothing")),
        ("Labels", lambda self, images, face: face // 255 * 100, ("recall", "labels is 1")),
    ],
)
def test_a_control_that_is_not_what_it_says_fails(
    bench_set: OcclusionSet,
    protocol: Protocol,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
    answer: Callable[..., np.ndarray],
    wanted: tuple[str, str],
) -> None:
    where = "methods.fixed" if broken == "Labels" else "controls"
    monkeypatch.setattr(f"occset.benchmark.tasks.segmentation.{where}.{broken}.segment", answer)
    assert wanted in fails(run_all(bench_set, protocol, tmp_path / "r", *AUDITED))


def test_a_truth_that_forgets_the_occluder_fails(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bench scores against the clean mask: then the labels are as good as the truth, and truth itself is not 1."""
    from occset.benchmark.tasks.segmentation.evaluator import MaskEvaluator

    score = MaskEvaluator.score
    monkeypatch.setattr(
        MaskEvaluator, "score", lambda self, masks, b: score(self, masks, replace(b, truths=b.clean_masks))
    )
    assert ("iou", "truth is 1") in fails(run_all(bench_set, protocol, tmp_path / "r", *AUDITED))


# -- command line


@pytest.fixture
def bench(occset: Occset, bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path) -> Occset:
    """A function that runs `occset bench --protocol segmentation`."""

    def call(*arguments: object) -> Said:
        given = ["--data", bench_set.path, "--out", tmp_path / "results", "--workers", 1]
        return occset("bench", "--protocol", "segmentation", *given, *arguments)

    return call


def test_the_command_line(bench: Occset) -> None:
    said = bench("--methods", "colour,labels", "--audit", "--json")
    found = json.loads(said.out)
    assert said.status == 0, said.err
    assert found["protocol"] == "segmentation" and found["left_out"] == ["scarf", "hat"]
    rows = {row["method"]: row for row in found["table"]}
    assert set(rows) == {"colour", *AUDITED}
    ious = [row["iou"]["mean"] for row in found["table"]]
    assert ious == sorted(ious, reverse=True) and found["table"][0]["method"] == "truth"
    assert {name for name, row in rows.items() if row["rank"]} == {"colour", "labels"}
    assert rows["truth"]["pooled_iou"] == {"mean": 1, "low": 1, "high": 1}
    assert "audit: 23 of 23 hold" in said.err
    assert "frozen without scarf, hat, no such occluder to test" in said.err
    assert "no ID column" not in said.err
    table = " ".join(bench("--methods", "colour").out.split())
    for word in ("IoU", "Precision", "Recall", "Boundary F", "Pooled IoU", "all-face", "truth"):
        assert word in table


def test_three_methods_run_when_none_is_named(
    bench: Occset, monkeypatch: pytest.MonkeyPatch, write_method: Callable[..., str]
) -> None:

    spec = write_method(BRIGHT.format(above=120).replace('"bright"', '"ns"'))
    monkeypatch.setitem(segmentation.METHODS, "ns", spec)
    found = json.loads(bench("--json").out)
    assert {row["method"] for row in found["table"]} == {"ns", "colour", "labels", "truth", "all-face"}


def test_a_network_is_known_by_its_own_revision(
    bench_set: OcclusionSet,
    protocol: Protocol,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write_method: Callable[..., str],
) -> None:

    spec = write_method(
        BRIGHT.format(above=120)
        .replace("given =", "revision, weights_hash, given =", 1)
        .replace('"bright", ()', '"ns", "7", "ab" * 32, ()')
    )
    monkeypatch.setitem(segmentation.METHODS, "ns", spec)
    result = run_all(bench_set, protocol, tmp_path / "r", "ns")["ns"]
    assert (result.revision, result.weights_hash, result.mark) == ("7", "ab" * 32, "automatic")


def test_the_list_names_both_tasks(occset: Occset) -> None:
    rows = json.loads(occset("bench", "list", "--json").out)
    by_name = {(row["task"], row["name"]): row for row in rows}
    assert by_name["segmentation", "colour"]["is given"] == "nothing"
    assert by_name["segmentation", "segmentation"]["kind"] == "protocol"
    assert by_name["segmentation", "ns"]["kind"] == "method"
    assert ("deocclusion", "telea") in by_name


# -- tables


def test_pooled_figures_and_types(bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path) -> None:
    results = run_all(bench_set, protocol, tmp_path / "r", "labels", "colour", "truth", "all-face")
    scores = results["colour"].scores
    (table,) = read_tables([tmp_path / "r"])
    assert [row.result.method for row in table.rows][2:] == ["truth", "all-face"]
    assert [row.role for row in table.rows][2:] == ["ceiling", "floor"]
    row = next(row for row in table.rows if row.result.method == "colour")
    assert set(table.types) == {ALL, *protocol.rule.types}
    for kind in table.types:
        part = scores if kind == ALL else scores[scores["type"] == kind]
        tp, fp, fn = (part[key].sum() for key in ("true_positive", "false_positive", "false_negative"))
        assert row.cells[kind]["pooled_iou"].mean == pytest.approx(tp / (tp + fp + fn))
        assert row.cells[kind]["pooled_precision"].mean == pytest.approx(tp / (tp + fp))
        assert row.cells[kind]["iou"].mean == pytest.approx(part["iou"].mean())
    cell = row.cells[ALL]["pooled_iou"]
    assert cell.low < cell.mean < cell.high and cell.rank in (1, 2)
    shown = {row["method"]: row for row in figures(list(results.values()))}
    assert shown["colour"]["pooled_iou"]["mean"] == pytest.approx(cell.mean)
    assert shown["colour"]["pooled_iou"]["low"] == pytest.approx(cell.low)


def test_both_tasks_in_one_leaderboard(bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path) -> None:
    run_all(bench_set, protocol, tmp_path / "r", "labels", "colour", "truth", "all-face")
    alone = build(tmp_path / "r", tmp_path / "alone")
    run_all(bench_set, open_protocol(bench_set, "sunglasses", 1), tmp_path / "r", "telea", "input", "truth")
    assert len(load_results(tmp_path / "r")) == 7
    paths = build(tmp_path / "r", tmp_path / "site")
    markdown = paths["markdown"].read_text()
    assert "## Columns of deocclusion" in markdown and "## Columns of segmentation" in markdown
    assert "| Method | Input | IoU ↑ | Precision ↑ | Recall ↑ | Boundary F ↑ | Pooled IoU ↑ |" in markdown
    assert "| labels " in markdown and "given the data set's own mask" in markdown
    rows = list(csv.DictReader(paths["csv"].read_text().splitlines()))
    colour = next(row for row in rows if row["method"] == "colour" and row["type"] == ALL)
    telea = next(row for row in rows if row["method"] == "telea" and row["type"] == ALL)
    assert colour["iou"] and colour["pooled_recall_low"] and not colour["l1"] and not colour["id_missing"]
    assert telea["l1"] and telea["id_missing"] and not telea["iou"]
    heads = alone["csv"].read_text().splitlines()[0]
    assert "pooled_iou_rank" in heads and "psnr" not in heads
    assert "<title>Face segmentation leaderboard</title>" in alone["html"].read_text()
    assert "<title>Face occlusion leaderboard</title>" in paths["html"].read_text()


def test_pictures_show_what_is_called_face(bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path) -> None:
    result = run_all(bench_set, protocol, tmp_path / "r", "nothing")["nothing"]
    sample = protocol.recipes[0].sample
    picture, shown, truth = (
        read_image(picture_path(tmp_path / "r", result, sample, what)) for what in ("input", "composite", "truth")
    )
    np.testing.assert_array_equal(shown, picture // 4)
    mask = Renderer(bench_set).render(protocol.recipes[0]).face > 0
    kept = (truth == picture).all(axis=-1)
    assert kept[mask].mean() > 0.8 and not kept[~mask].all()
    assert not picture_path(tmp_path / "r", result, sample, "hole").exists()
