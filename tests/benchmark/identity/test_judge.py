"""A further judge, made here: one more entry in the task's `judges`, and its columns are everywhere."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from occset.benchmark.leaderboards import build
from occset.benchmark.leaderboards.tables import ALL, read_tables
from occset.benchmark.protocols.frozen import Protocol, open_protocol
from occset.benchmark.results.files import read_result, write_result
from occset.benchmark.runner.planned import find_judges
from occset.benchmark.runner.run import run
from occset.benchmark.tasks import deocclusion
from occset.benchmark.tasks.metric import Metric
from occset.benchmark.tasks.parts import JudgeKind
from occset.dataset.occlusion_set import OcclusionSet
from occset.support.errors import BadInput
from tests.benchmark import result_files
from tests.benchmark.result_files import AddResult

add_result = result_files.add_result


@dataclass(frozen=True)
class Weights:
    path: Path
    sha256: str


class ColourJudge:
    """Knows people by their mean colour."""

    def __init__(self, file: Weights) -> None:
        assert file.path.is_absolute()

    def look(self, truths: np.ndarray, inputs: np.ndarray, points: np.ndarray) -> None:
        self.truths, self.inputs = _unit(truths), _unit(inputs)

    def columns(self, pictures: np.ndarray, points: np.ndarray) -> list[dict[str, float]]:
        found, floor = (_unit(pictures) * self.truths).sum(1), (self.inputs * self.truths).sum(1)
        return [
            {"colour": float(a), "colour_gained": float(a - b), "colour_gap": float(1 - b)}
            for a, b in zip(found, floor, strict=True)
        ]


def _unit(pictures: np.ndarray) -> np.ndarray:
    means = pictures.mean(axis=(1, 2))
    found: np.ndarray = means / np.linalg.norm(means, axis=1, keepdims=True)
    return found


def find(file: Path | None) -> Weights | str:
    return Weights(file, "ab" * 32) if file else "nobody has it"


KIND = JudgeKind(
    key="colour",
    network="colour",
    columns=("colour", "colour_gained", "colour_gap"),
    missing="it was not asked",
    find="tests.benchmark.identity.test_judge:find",
    load="tests.benchmark.identity.test_judge:ColourJudge",
)
METRICS = {
    "colour": Metric("colour", "Colour", True, "", 4, "primary", "Cosine of mean colours."),
    "colour_closed": Metric(
        "colour_closed", "Gap closed", True, "", 3, "primary", "Of the gap.", (("colour_gained",), ("colour_gap",))
    ),
}


@pytest.fixture(autouse=True)
def further_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    task = deocclusion.TASK
    changed = replace(task, judges=(*task.judges, KIND), metrics={**task.metrics, **METRICS})
    monkeypatch.setattr(deocclusion, "TASK", changed)


@pytest.fixture
def protocol(bench_set: OcclusionSet) -> Protocol:
    return open_protocol(bench_set, "sunglasses", 1)


def test_its_columns_are_stored_ranked_and_shown(bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path) -> None:
    judges = {"colour": Weights(tmp_path / "weights", "ab" * 32), "id": "there is none"}
    methods = ["mean-colour", "input", "truth"]
    done = run(bench_set, protocol, methods, tmp_path / "r", judges=judges, workers=1)
    assert not done.broken
    for result in done.results:
        stored = read_result(result.path)  # type: ignore[arg-type]
        assert stored.judges["colour"] == {"file": "ab" * 32, "name": "weights"}
        assert set(stored.judges["id2"]) == {"missing"}
        assert (stored.arcface, stored.id_missing) == (None, "there is none")
        assert {"colour", "colour_gap"} <= set(stored.scores) and "id" not in stored.scores
    (table,) = read_tables([tmp_path / "r"])
    rows = {row.result.method: row.cells[ALL] for row in table.rows}
    assert rows["truth"]["colour_closed"].mean == pytest.approx(1) and rows["input"]["colour_closed"].mean == 0
    assert rows["mean-colour"]["colour"].rank == 1 and rows["mean-colour"]["id"].reason == "there is none"
    paths = build(tmp_path / "r", tmp_path / "site")
    (first, *_) = csv.DictReader(paths["csv"].read_text().splitlines())
    assert (first["id_missing"], first["colour_missing"]) == ("there is none", "")
    again = run(bench_set, protocol, methods, tmp_path / "r", judges=judges, workers=1)
    assert set(again.reused) == set(methods)
    other = {**judges, "colour": Weights(tmp_path / "weights", "cd" * 32)}
    assert run(bench_set, protocol, ["input"], tmp_path / "r", judges=other, workers=1).reused == []


def test_results_without_it_say_why(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, no_arcface: None, add_result: AddResult
) -> None:
    found = find_judges(deocclusion.TASK, {})
    assert found["colour"] == "nobody has it"
    (result,) = run(bench_set, protocol, ["input"], tmp_path / "r", judges=found, workers=1).results
    assert result.judges["colour"] == {"missing": "nobody has it"}
    (row,) = read_tables([tmp_path / "r"])[0].rows
    assert row.cells[ALL]["colour_closed"].reason == "nobody has it"
    older = add_result("telea", 0.6)  # from before there was another judge
    assert "judges" not in json.loads(older.path.read_text())
    (row,) = read_tables([tmp_path / "results"])[0].rows
    assert (row.cells[ALL]["colour"].mean, row.cells[ALL]["colour"].reason) == (None, "no reason was recorded")
    assert row.cells[ALL]["id"].mean is not None


@pytest.mark.parametrize(
    "entry", [{"colour": {"file": "x"}}, {"colour": {}}, {"colour": "x"}, {"colour": {"missing": 3}}]
)
def test_a_damaged_entry_is_named(tmp_path: Path, entry: object) -> None:
    path = write_result(
        result_files.make_result(judges={"colour": {"missing": "no"}}), result_files.make_scores(0.5), tmp_path
    )
    path.write_text(json.dumps({**json.loads(path.read_text()), "judges": entry}))
    with pytest.raises(BadInput, match="judges"):
        read_result(path)
