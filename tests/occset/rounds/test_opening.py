"""Opening a round: what is picked and written, and that it is the same every time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Never

import pytest

from occset.checks.check import check
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Layer, Recipe, recipes_to_bytes
from occset.rounds import ledger as ledgers
from occset.rounds.closing import close_round
from occset.rounds.ledger import LEDGER, Ledger, corrections, ledger_path, list_rounds, read_round
from occset.rounds.opening import open_round
from occset.support.errors import BadInput, OccsetError


def opened(data: OcclusionSet, model: str, **changes: Any) -> tuple[Ledger, list[tuple[str, str]]]:
    return open_round(data, **{"top": 4, "random": 5, "model": model, "workers": 1, **changes})


def test_the_ledger_says_who_was_picked_by_whom_and_why(
    drawn_set: Callable[..., OcclusionSet], colour_model: str
) -> None:
    data = drawn_set()
    ledger, problems = opened(data, colour_model)
    assert problems == []
    stored = read_round(data.path)
    assert stored.to_bytes() == ledger.to_bytes()
    assert stored.setup == ledger.setup
    assert (ledger.setup.number, ledger.setup.mined, ledger.setup.random) == (1, 4, 5)
    assert ledger.setup.content_hash == data.content_hash()
    rows = stored.rows
    assert list(rows.columns) == LEDGER.names
    assert list(rows["arm"]) == ["mined"] * 4 + ["random"] * 5
    assert list(rows["rank"]) == [1, 2, 3, 4, 1, 2, 3, 4, 5]
    assert rows["id"].is_unique
    assert set(rows["model"]) == {"colour"} and set(rows["weights_hash"]) == {"offset-0"}
    assert rows[["score", "entropy", "instability", "fragments", "reason"]].notna().all().all()
    assert rows[["label_after", "iou", "annotators", "lead_time", "agreement", "decision"]].isna().all().all()
    assert rows.loc[rows["arm"] == "random", "distance"].isna().all()
    for row in rows.to_dict("records"):
        face = data.face_row(row["id"])
        assert (face["split"], row["width"], row["height"]) == ("train", face["width"], face["height"])
        assert row["label_before"] == face["mask"]
    assert stored.is_open and len(stored.waiting) == 9
    assert check(data, 1) == []


def test_the_same_round_has_the_same_bytes(drawn_set: Callable[..., OcclusionSet], colour_model: str) -> None:
    first, second, third = (drawn_set(name) for name in ("a", "b", "c"))
    for data in (first, second):
        opened(data, colour_model)
    opened(third, colour_model, seed=1)
    one, two, other = (ledger_path(data.path, 1).read_bytes() for data in (first, second, third))
    assert one == two
    rows, others = read_round(first.path).rows, read_round(third.path).rows
    assert other != one
    assert set(rows.loc[rows["arm"] == "random", "id"]) != set(others.loc[others["arm"] == "random", "id"])


def test_no_second_round_while_one_is_open(
    drawn_set: Callable[..., OcclusionSet], colour_model: str, tmp_path: Path
) -> None:
    data = drawn_set()
    opened(data, colour_model)
    before = ledger_path(data.path, 1).read_bytes()
    with pytest.raises(OccsetError, match="round 1 is open, 9 of its faces wait for a label: end it with"):
        opened(data, colour_model)
    assert list_rounds(data.path) == [1]
    assert ledger_path(data.path, 1).read_bytes() == before
    (tmp_path / "labels").mkdir()
    close_round(data, tmp_path / "labels", finish=True)
    ledger, _ = opened(data, colour_model)
    assert ledger.setup.number == 2  # nothing was labelled, so the same faces may be picked again
    assert corrections(data.path) == {}


def test_frozen_faces_are_not_picked(drawn_set: Callable[..., OcclusionSet], colour_model: str) -> None:
    data = drawn_set()
    train = list(data.faces.loc[data.faces["split"] == "train", "id"])
    (data.path / "recipes").mkdir()
    frozen = [Recipe(face, (Layer("o", None, (0,) * 8, False),), 64, "x") for face in train[:6]]
    (data.path / "recipes" / "a.parquet").write_bytes(recipes_to_bytes(frozen))
    ledger, _ = opened(data, colour_model, top=len(train) - 9, random=3)
    assert set(ledger.rows["id"]) == set(train[6:])


def test_more_than_there_are_is_refused_unless_one_arm_takes_them_all(
    drawn_set: Callable[..., OcclusionSet], colour_model: str
) -> None:
    data = drawn_set()
    train = data.faces["split"].eq("train").sum()
    with pytest.raises(OccsetError, match=f"{train} mined and 1 random"):
        opened(data, colour_model, top=int(train), random=1)
    ledger, _ = opened(data, colour_model, top=500, random=0)
    assert len(ledger.rows) == train


@pytest.mark.parametrize(("top", "random"), [(0, 3), (3, 0)])
def test_an_arm_may_be_empty(drawn_set: Callable[..., OcclusionSet], colour_model: str, top: int, random: int) -> None:
    data = drawn_set()
    ledger, _ = opened(data, colour_model, top=top, random=random)
    assert list(ledger.rows["arm"]) == ["mined"] * top + ["random"] * random
    assert read_round(data.path, 1).to_bytes() == ledger.to_bytes()


def test_what_cannot_be_a_round_is_refused(drawn_set: Callable[..., OcclusionSet], colour_model: str) -> None:
    data = drawn_set()
    with pytest.raises(OccsetError, match="a round of no face"):
        opened(data, colour_model, top=0, random=0)
    with pytest.raises(OccsetError, match="'test' is never mined"):
        opened(data, colour_model, split="test")
    assert list_rounds(data.path) == []
    with pytest.raises(
        OccsetError, match=r"no round was opened here: run  occset annotate push .* or  occset round open"
    ):
        read_round(data.path)


def test_cut_off_anywhere_the_same_call_ends_the_same(
    drawn_set: Callable[..., OcclusionSet],
    colour_model: str,
    monkeypatch: pytest.MonkeyPatch,
    digest: Callable[[Path], dict[str, str]],
) -> None:
    class Cut(BaseException):
        pass

    def cut(*args: object) -> Never:
        raise Cut

    whole = drawn_set("whole")
    opened(whole, colour_model)
    data = drawn_set("cut")
    with monkeypatch.context() as patch:
        patch.setattr("occset.rounds.opening.write_round", cut)
        with pytest.raises(Cut):
            opened(data, colour_model)
    assert list_rounds(data.path) == []
    with monkeypatch.context() as patch:
        patch.setattr("occset.rounds.opening.note_time", cut)
        with pytest.raises(Cut):
            opened(data, colour_model)
    assert ledger_path(data.path, 1).read_bytes() == ledger_path(whole.path, 1).read_bytes()
    assert read_round(data.path).is_open
    assert ledgers.read_times(data.path, 1) == {}


def test_a_broken_ledger_is_named(drawn_set: Callable[..., OcclusionSet], colour_model: str) -> None:
    data = drawn_set()
    opened(data, colour_model)
    path = ledger_path(data.path, 1)
    content = path.read_bytes()
    path.write_bytes(b"x")
    with pytest.raises(BadInput, match=r"ledger\.parquet: not a readable Parquet file"):
        read_round(data.path)
    ledger_path(data.path, 2).parent.mkdir()
    ledger_path(data.path, 2).write_bytes(content)
    with pytest.raises(BadInput, match="is the ledger of round 1"):
        read_round(data.path, 2)
    with pytest.raises(OccsetError, match="there is no round 7: its rounds are 1, 2"):
        read_round(data.path, 7)


def test_times_are_kept_beside_and_written_once(drawn_set: Callable[..., OcclusionSet], colour_model: str) -> None:
    data = drawn_set()
    opened(data, colour_model)
    path = ledger_path(data.path, 1).with_name("times.json")
    assert list(json.loads(path.read_text())) == ["opened"]
    path.write_text('{"opened": "then"}')
    ledgers.note_time(data.path, 1, "opened")
    assert json.loads(path.read_text()) == {"opened": "then"}


def test_the_random_arm_is_drawn_from_all(drawn_set: Callable[..., OcclusionSet], colour_model: str) -> None:
    """It may hold what the model would have picked: a control that is kept from the hard faces would flatter mining."""
    worst = set(opened(drawn_set("other"), colour_model, top=6, random=0)[0].rows["id"])
    held = [
        bool(worst & set(rows.loc[rows["arm"] == "random", "id"]))
        for seed in range(3)
        for rows in [opened(drawn_set(f"s{seed}"), colour_model, top=1, random=8, seed=seed)[0].rows]
    ]
    assert any(held)
