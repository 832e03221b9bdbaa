"""Steps one after another: what is done is skipped, what follows a step that is run is run again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from occset.models.steps import Plan, Step, run_steps
from occset.support.errors import OccsetError


class Runs:
    """Keeps the words that it is told to run, and makes what steps are to make."""

    def __init__(self, out: Path, **statuses: int) -> None:
        self.out, self.statuses, self.ran = out, statuses, list[str]()

    def __call__(self, words: Sequence[str]) -> int:
        self.ran.append(words[0])
        (self.out / words[0]).mkdir(parents=True, exist_ok=True)
        return self.statuses.get(words[0], 0)


def steps_in(out: Path) -> tuple[Step, ...]:
    return tuple(Step((name, "{here}"), str(out / name)) for name in ("a", "b", "c"))


def go(run: Runs, of: str = "", steps: Sequence[Step] | None = None) -> list[str]:
    said: list[str] = []
    run.ran.clear()
    chosen = steps if steps is not None else steps_in(run.out)
    run_steps("t", chosen, run.out / "done.json", run, {"here": "x"}, of=of, say=said.append)
    return said


def test_each_step_is_run_once(tmp_path: Path) -> None:
    run = Runs(tmp_path)
    assert go(run) == [f"t, step {n} of 3: occset {name} x" for n, name in enumerate("abc", 1)]
    assert run.ran == ["a", "b", "c"]
    assert all(line.endswith("(done before)") for line in go(run)) and run.ran == []


def test_what_is_gone_is_made_again_and_what_follows_from_it(tmp_path: Path) -> None:
    run = Runs(tmp_path)
    go(run)
    (tmp_path / "b").rmdir()
    go(run)
    assert run.ran == ["b", "c"]
    go(run)
    assert run.ran == []


def test_of_another_set_nothing_is_done(tmp_path: Path) -> None:
    run = Runs(tmp_path)
    go(run, of="one")
    go(run, of="two")
    assert run.ran == ["a", "b", "c"]


def test_a_step_that_skipped_some_may_be_done(tmp_path: Path) -> None:
    run = Runs(tmp_path, a=1)
    with pytest.raises(OccsetError, match="t, step 1 of 1: occset a: ended with status 1"):
        go(run, steps=[Step(("a",))])
    go(run, steps=[Step(("a",), partly=True)])
    go(run, steps=[Step(("a",), partly=True)])
    assert run.ran == []
    with pytest.raises(KeyboardInterrupt):
        go(Runs(tmp_path, b=143), steps=[Step(("b",), partly=True)])
    with pytest.raises(OccsetError, match="status 2"):
        go(Runs(tmp_path, b=2), steps=[Step(("b",), partly=True)])


def test_a_plan_names_folders_and_options() -> None:
    plan = Plan(Path("set"), "demo", Path("runs"), ("--seed", "3"))
    words = "train ng --data set --preset demo --out runs/ng --seed 3 --segmentation runs/ns/weights"
    assert plan.train("ng", "--segmentation", plan.weights("ns")) == Step(tuple(words.split()), "runs/ng/weights")
