"""Which faces a round gets that `annotate push` opens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from occset.annotation.push.round_choice import Choice, chosen_faces, round_to_push
from occset.dataset.occlusion_set import OcclusionSet
from occset.rounds.closing import merge
from occset.rounds.ledger import list_rounds, read_round
from occset.rounds.versions import Label
from occset.support.errors import OccsetError

MODEL = """
class Bright:
    name, weights_hash, size = "bright", "0123456789abcdef", 64
    def segment(self, images):
        return images.max(axis=3)
"""
Found = tuple[int | None, list[tuple[str, str]]]  # the round to push, and what was skipped
Find = Callable[..., Found]


@pytest.fixture
def go(make_set: Callable[..., OcclusionSet]) -> tuple[OcclusionSet, list[str], Find]:
    """The set, what was said, and a function that finds the round to push."""
    data, said = make_set(), []

    def run(number: int | None = None, dry_run: bool = False, **choice: Any) -> Found:
        return round_to_push(data, number, Choice(**choice), dry_run, lambda done, total: None, said.append)

    return data, said, run


def train(data: OcclusionSet) -> list[str]:
    return sorted(data.faces.loc[data.faces["split"] == "train", "id"])


def test_a_round_is_opened_once_and_then_taken_up(go: tuple[OcclusionSet, list[str], Find]) -> None:
    data, said, run = go
    assert run(random=4, seed=2) == (1, [])
    assert said == ["round 1 is open: 4 samples"]
    assert run() == (1, []) == run(1)
    with pytest.raises(OccsetError, match="round 1 has its faces already: leave --random out"):
        run(random=4)
    with pytest.raises(OccsetError, match="round 1 is open"):
        run(2, random=4)
    merge(data, read_round(data.path), {}, finish=True)
    with pytest.raises(OccsetError, match="the next round is 2, not 3"):
        run(3, random=2)
    assert run(2, ids=train(data)[0]) == (2, [])
    assert list(read_round(data.path).rows["arm"]) == ["chosen"]
    assert list_rounds(data.path) == [1, 2]


def test_a_dry_run_opens_nothing(go: tuple[OcclusionSet, list[str], Find]) -> None:
    data, said, run = go
    assert run(dry_run=True, random=3) == (None, [])
    assert run(dry_run=True, ids=train(data)[0]) == (None, [])
    assert run(dry_run=True, top=5) == (None, [])
    assert said[0] == "round 1 would be opened: 3 faces at random"
    assert said[-1].startswith("round 1 would be opened: 5 faces picked by ns and 0 at random, of ")
    assert list_rounds(data.path) == []


def test_one_way_of_choosing_at_a_time(go: tuple[OcclusionSet, list[str], Find]) -> None:
    with pytest.raises(OccsetError, match="--where and --ids both say"):
        go[2](where="width > 1", ids="a")


def test_ids_by_id_by_name_and_from_a_file(go: tuple[OcclusionSet, list[str], Find], tmp_path: Path) -> None:
    data = go[0]
    rows = data.faces.set_index("id")
    one, two = train(data)[:2]
    name = rows.loc[two, "source_id"]
    assert chosen_faces(data, Choice(ids=f"{one}, {name}")) == [one, two]
    listed = tmp_path / "ids.txt"
    listed.write_text(f"id,score\n{one},.5\n\n{name}\n")
    assert chosen_faces(data, Choice(ids=str(listed))) == [one, two]
    with pytest.raises(OccsetError, match="'nobody': no face is called so"):
        chosen_faces(data, Choice(ids="nobody"))
    with pytest.raises(OccsetError, match=r"missing\.txt does not exist"):
        chosen_faces(data, Choice(ids=str(tmp_path / "missing.txt")))


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffid;score\r\n00001;0.5\r\n 7 ;0.4\r\n",
        'score\tsource_id\n0.5\t"1"\n0.4\t007.jpg\n',
        "1.png\n\n7\n",
        'sep=;\n"ID";"reason"\n"1";"dark; maybe"\n"7";\n',
    ],
)
def test_ids_are_numbers_where_names_are(go: tuple[OcclusionSet, list[str], Find], tmp_path: Path, text: str) -> None:
    data = go[0]
    one, two, three = train(data)[:3]
    table = data.faces
    for face, name in ((one, "1"), (two, "0007"), (three, "x7")):
        table.loc[table["id"] == face, "source_id"] = name
    data.write("faces", table)
    for encoding in ("utf-8", "utf-16"):
        (tmp_path / "ids.csv").write_bytes(text.removeprefix("\ufeff" if encoding == "utf-16" else "").encode(encoding))
        assert chosen_faces(data, Choice(ids=str(tmp_path / "ids.csv"))) == [one, two]
    assert chosen_faces(data, Choice(ids="01,7, x7")) == [one, two, three]
    (tmp_path / "ids.csv").write_text("id\n1\n\n99\nx7\nx8\n5\n6\n")
    with pytest.raises(
        OccsetError, match=r"ids\.csv: 4 of 6 rows name no face: 99 \(line 4\), x8 \(line 6\), 5 \(line 7\), \.\.\."
    ):
        chosen_faces(data, Choice(ids=str(tmp_path / "ids.csv")))
    table.loc[table["id"] == three, "source_id"] = "01"
    data.write("faces", table)
    assert chosen_faces(data, Choice(ids="1")) == [one] and chosen_faces(data, Choice(ids="01")) == [three]
    with pytest.raises(OccsetError, match="'001': 2 faces are called so"):
        chosen_faces(data, Choice(ids="001"))


def test_a_condition_passes_over_test_faces(go: tuple[OcclusionSet, list[str], Find]) -> None:
    data = go[0]
    assert sorted(chosen_faces(data, Choice(where="width >= 256"))) == train(data)
    named = data.faces.set_index("id").loc[train(data)[0], "source_id"]
    assert chosen_faces(data, Choice(where=f"source_id == '{named}'")) == [train(data)[0]]
    for wrong in ("colour == 1", "width >", "width"):
        with pytest.raises(OccsetError, match="--where"):
            chosen_faces(data, Choice(where=wrong))
    with pytest.raises(OccsetError, match="no face of the split"):
        chosen_faces(data, Choice(where="width > 9999"))


def test_fewer_than_were_asked_for_are_told(go: tuple[OcclusionSet, list[str], Find]) -> None:
    data, said, run = go
    run(random=1000)
    there = len(train(data))
    assert said == [
        f"1000 random faces were asked for, there were {there} that may be labelled",
        f"round 1 is open: {there} samples",
    ]


@pytest.mark.parametrize(
    ("opened", "others"),
    [
        ({"random": 3}, [{"random": 4}, {"random": 3, "seed": 1}, {"random": 3, "honeypots": 0.5}, {"top": 3}]),
        ({"random": 500}, [{"random": 3}, {"random": 500, "split": "val"}, {"random": 500, "seed": 3}]),
        ({"random": 4, "honeypots": 0.5}, [{"random": 4}, {"random": 4, "honeypots": 1.0}]),
        ({"where": "width == 256"}, [{"where": "width > 1"}, {"random": 14}]),
    ],
)
def test_the_choice_that_opened_a_round_can_be_repeated_and_no_other(
    go: tuple[OcclusionSet, list[str], Find], opened: dict[str, Any], others: list[dict[str, Any]]
) -> None:
    """So a push that was killed after the round was opened is finished by the same command line."""
    data, said, run = go
    number, _ = run(**opened)
    ledger = read_round(data.path).to_bytes()
    assert run(**opened) == (number, []) and run() == (number, [])
    assert said[-1].startswith(f"round {number} is open already: its ")
    for other in others:
        with pytest.raises(OccsetError, match=f"round {number} has its faces already"):
            run(**other)
    assert read_round(data.path).to_bytes() == ledger


def test_a_mined_round_is_not_sent_for_another_top(
    go: tuple[OcclusionSet, list[str], Find], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = go[2]
    (tmp_path / "bright_model.py").write_text(MODEL)
    monkeypatch.syspath_prepend(tmp_path)
    model = "bright_model:Bright"
    asked = {"model": model, "top": 2, "control": 3}
    assert run(**asked) == run(**asked) == (1, [])
    for other in ({"top": 3, "control": 3}, {"top": 2}, {"random": 3}, {"top": 2, "control": 3, "split": "val"}):
        with pytest.raises(OccsetError, match=r"round 1 has its faces already: leave --(top|random) out"):
            run(model=model, **other)


def test_ids_can_be_repeated_in_any_order_and_by_name(go: tuple[OcclusionSet, list[str], Find]) -> None:
    data, _, run = go
    ids = train(data)[:3]
    assert run(ids=",".join(ids)) == (1, [])
    names = data.faces.set_index("id")["source_id"]
    assert run(ids=",".join(names[face] for face in reversed(ids))) == (1, [])
    with pytest.raises(OccsetError, match="leave --ids out"):
        run(ids=",".join(ids[:2]))


def test_a_dry_run_tells_of_honeypots(go: tuple[OcclusionSet, list[str], Find]) -> None:
    _, said, run = go
    run(dry_run=True, random=10, honeypots=0.2)
    assert said == ["round 1 would be opened: 10 faces at random, and 2 honeypots, which are named once it is open"]


def test_faces_to_talk_about_can_be_sent_again_by_a_condition(go: tuple[OcclusionSet, list[str], Find]) -> None:
    data, _, run = go
    face, other = train(data)[:2]
    run(ids=f"{face},{other}")
    verdict = Label(None, "2026", verdict="discuss")
    merge(data, read_round(data.path), {face: verdict}, finish=True)
    assert run(where="verdict == 'discuss'") == (2, [])
    assert list(read_round(data.path).rows["id"]) == [face]
