"""Which faces a round gets that `annotate push` opens."""

from __future__ import annotations

import pytest

from occset.annotation.push.round_choice import Choice, chosen_faces, round_to_push
from occset.rounds.closing import merge
from occset.rounds.ledger import list_rounds, read_round
from occset.support.errors import OccsetError


@pytest.fixture
def go(make_set):
    """The set, what was said, and a function that finds the round to push."""
    data, said = make_set(), []

    def run(number=None, dry_run=False, **choice):
        return round_to_push(data, number, Choice(**choice), dry_run, lambda done, total: None, said.append)

    return data, said, run


def train(data):
    return sorted(data.faces.loc[data.faces["split"] == "train", "id"])


def test_a_round_is_opened_once_and_then_taken_up(go):
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


def test_a_dry_run_opens_nothing(go):
    data, said, run = go
    assert run(dry_run=True, random=3) == (None, [])
    assert run(dry_run=True, ids=train(data)[0]) == (None, [])
    assert run(dry_run=True, top=5) == (None, [])
    assert said[0] == "round 1 would be opened: 3 faces at random"
    assert said[-1].startswith("round 1 would be opened: 5 faces picked by ns and 0 at random, of ")
    assert list_rounds(data.path) == []


def test_one_way_of_choosing_at_a_time(go):
    with pytest.raises(OccsetError, match="--where and --ids both say"):
        go[2](where="width > 1", ids="a")


def test_ids_by_id_by_name_and_from_a_file(go, tmp_path):
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
    with pytest.raises(OccsetError, match=r"missing.txt: cannot be read"):
        chosen_faces(data, Choice(ids=str(tmp_path / "missing.txt")))


def test_a_condition_passes_over_test_faces(go):
    data = go[0]
    assert sorted(chosen_faces(data, Choice(where="width >= 256"))) == train(data)
    named = data.faces.set_index("id").loc[train(data)[0], "source_id"]
    assert chosen_faces(data, Choice(where=f"source_id == '{named}'")) == [train(data)[0]]
    for wrong in ("colour == 1", "width >", "width"):
        with pytest.raises(OccsetError, match="--where"):
            chosen_faces(data, Choice(where=wrong))
    with pytest.raises(OccsetError, match="no face of the split"):
        chosen_faces(data, Choice(where="width > 9999"))


def test_fewer_than_were_asked_for_are_told(go):
    data, said, run = go
    run(random=1000)
    there = len(train(data))
    assert said == [
        f"1000 random faces were asked for, there were {there} that may be labelled",
        f"round 1 is open: {there} samples",
    ]
