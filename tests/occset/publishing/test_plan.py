from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from occset.dataset.named import faces_named
from occset.dataset.occlusion_set import OcclusionSet
from occset.importing.add_source import resplit
from occset.publishing.plan import by_category, missing, next_faces, read_scores
from occset.rounds.ledger import LEDGER, Ledger, Setup, write_round
from occset.sources.items import FaceItem, TextureItem
from occset.support.errors import BadInput
from tests.conftest import plain_occluder
from tests.fixture_types import Occset
from tests.occset.publishing.conftest import cut_from, named_face


def faces_of(count: int) -> list[FaceItem]:
    return [named_face(i, f"face-{i}", identity=f"p{i // 2}") for i in range(count)]


@pytest.fixture
def planned(tmp_path: Path) -> OcclusionSet:
    """Twelve faces of six people, four without a mask and two with one by a model; a round that labelled one of three."""
    data = OcclusionSet.create(tmp_path / "set")
    items = faces_of(12)
    for item in items[:4]:
        item.mask = None
    for item in items[4:6]:
        item.flags = {"mask_origin": "ns"}
    rows = [{**data.store_face(item, "test"), "split": "train"} for item in items]
    rows[11]["split"] = "test"
    rows[10]["verdict"] = "unusable"
    data.add_rows("faces", rows)
    piece, _ = cut_from(items[6], "hair")
    cutouts = [{**data.store_occluder(piece, "label-studio", rows[6]["id"]), "round": 1}]
    cutouts += [data.store_occluder(plain_occluder(i, "hand"), "faceocc") for i in range(2)]
    cutouts += [data.store_occluder(plain_occluder(i, "mask"), "builtin") for i in range(3)]
    data.add_rows("occluders", [{**row, "split": "train"} for row in cutouts])
    patch = plain_occluder(1, "x").rgba[..., :3].copy()
    data.add_rows(
        "textures", [{**data.store_texture(TextureItem("t", patch, "noise", "x"), "faceocc"), "split": "val"}]
    )
    resplit(data)
    picks = [
        {"id": rows[7]["id"], "arm": "mined", "rank": 1, "label_after": rows[7]["mask"], "decision": "merged"},
        {"id": rows[8]["id"], "arm": "mined", "rank": 2},
        {"id": rows[9]["id"], "arm": "random", "rank": 1, "label_after": rows[9]["mask"], "decision": "merged"},
    ]
    write_round(
        data.path,
        Ledger(Setup(1, "", "", "train", 2, 1, 0, 0, ""), pd.DataFrame(picks, columns=LEDGER.names, dtype=object)),
    )
    return data


def test_what_is_missing_is_counted(planned: OcclusionSet) -> None:
    rows = {row["what"]: row for row in missing(planned)}
    got = [(row["there"], row["made by code"], row["missing"]) for row in rows.values()]
    # one drawn on a face, two collected and three by code, one mined face relabelled (the random one is no hard example)
    assert got == [(1, 0, 1699), (2, 3, 298), (1, 0, 499), (1, 0, 799)]
    kinds = {row["category"]: row for row in by_category(planned)}
    assert (kinds["hand"]["train"], kinds["hair"]["train"], kinds["mask"]["made by code"]) == (2, 1, 3)
    assert kinds["hand"]["missing"] == kinds["hand"]["aim"] - 2 and kinds["mask"]["missing"] == kinds["mask"]["aim"]
    assert abs(sum(row["aim"] for row in kinds.values()) - 2000) <= len(kinds) / 2
    assert kinds["hand"]["aim"] == 2 * kinds["hat"]["aim"], "twice as often drawn"


def test_who_comes_next(planned: OcclusionSet, tmp_path: Path) -> None:
    names = [face.source_id for face in next_faces(planned, 20)]
    why = {face.source_id: face.why for face in next_faces(planned, 20)}
    assert names[0] == "face-8" and why["face-8"] == "waits in round 1"
    assert set(names[1:5]) == {"face-0", "face-1", "face-2", "face-3"} and why["face-2"] == "has no mask"
    assert {names[1], names[2]} & {"face-0", "face-1"} and {names[1], names[2]} & {"face-2", "face-3"}, (
        "unlike people first"
    )
    assert set(names[5:]) == {"face-4", "face-5"} and why["face-4"] == "its mask is by ns"
    scores = pd.DataFrame(
        {
            "id": [planned.faces.set_index("source_id").loc[f"face-{i}", "id"] for i in (6, 3, 7, 10, 11)],
            "score": [0.4, 0.7, 0.9, 0.99, 0.98],
            "reason": ["a, b", "c", "d", "e", "f"],
        }
    )
    scores.to_csv(tmp_path / "hard.csv", index=False)
    scores.to_parquet(tmp_path / "hard.parquet", index=False)
    for name in ("hard.csv", "hard.parquet"):
        found = next_faces(planned, 3, tmp_path / name)
        # 7 was relabelled, 10 is out of use, 11 is a test face
        assert [(f.source_id, f.score, f.why) for f in found[1:]] == [("face-3", 0.7, "c"), ("face-6", 0.4, "a, b")]


def test_scores_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,other\nf1,2\n")
    (tmp_path / "y.csv").write_text("id,score\nf1,much\n")
    for name in ("x.csv", "y.csv", "nowhere.csv"):
        with pytest.raises(BadInput, match=f"{name}: holds no scores"):
            read_scores(tmp_path / name)


def test_plan_from_the_command_line(occset: Occset, planned: OcclusionSet) -> None:
    done = occset("plan", planned.path, "--top", 2, "--json")
    found = json.loads(done.out)
    assert done.status == 0 and len(found["next"]) == 2
    assert [row["missing"] for row in found["missing"]] == [1699, 298, 499, 799]
    assert "To label next" in occset("plan", planned.path).out


def test_the_ids_that_it_writes_open_a_round(planned: OcclusionSet, occset: Occset, tmp_path: Path) -> None:
    ids = tmp_path / "next.txt"
    said = occset("plan", planned.path, "--top", 3, "--out", ids)
    assert said.status == 0 and f"occset round open {planned.path} --ids {ids}" in said.err
    assert ids.read_text().split() == [face.id for face in next_faces(planned, 3)] != []
    named = ids.read_text().split()[0]
    assert faces_named(planned, str(ids))[0] == named
