"""Mining a set: who is a candidate, what is found, that it is the same every time; scoring; the verb."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Layer, Recipe, recipes_to_bytes
from occset.mining import commands
from occset.mining.mine import candidates, score_set, write_picks
from occset.mining.model import open_model
from occset.mining.scoring import score_faces
from occset.support.errors import BrokenMethod, OccsetError


def train_ids(data: OcclusionSet) -> list[str]:
    return list(data.faces.loc[data.faces["split"] == "train", "id"])


def freeze(data: OcclusionSet, face: str, name: str = "protocols/mine.parquet") -> None:
    layer = Layer("o1", None, (0,) * 8, False)
    (data.path / name).parent.mkdir(exist_ok=True)
    (data.path / name).write_bytes(recipes_to_bytes([Recipe(face, (layer,), 64, "x")]))


def test_wrong_labels_come_first_and_the_reason_says_so(
    drawn_set: Callable[..., OcclusionSet], colour_model: str
) -> None:
    data = drawn_set()
    scores = score_set(data, colour_model, workers=1)
    assert list(scores.table["id"]) == train_ids(data)
    assert (scores.model, scores.weights_hash, scores.problems) == ("colour", "offset-0", [])
    everyone = scores.choose(len(scores.table)).set_index("id")
    assert set(everyone.index[everyone["place"] <= 5]) >= set(train_ids(data)[:2])
    wrong = everyone.loc[train_ids(data)[:2]]
    assert "label_disagreement" in set(wrong["signal"])
    assert all("label and prediction differ by" in reason for reason in wrong["reason"])
    by_id = scores.table.set_index("id")
    unlabelled = by_id.loc[train_ids(data)[2]]
    assert np.isnan(unlabelled["label_disagreement"])
    assert unlabelled["instability"] < 0.2
    assert by_id["render_disagreement"].isna().all()
    assert by_id.loc[train_ids(data)[3:], "label_disagreement"].max() < 0.25


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing(drawn_set: Callable[..., OcclusionSet], colour_model: str) -> None:
    data = drawn_set(faces=60)
    one, two = (score_set(data, colour_model, workers=workers) for workers in (1, 2))
    pd.testing.assert_frame_equal(one.table, two.table)
    pd.testing.assert_frame_equal(one.choose(10), two.choose(10))


def test_test_faces_and_frozen_ones_are_never_candidates(drawn_set: Callable[..., OcclusionSet]) -> None:
    data = drawn_set()
    for split in ("test", "excluded"):
        with pytest.raises(OccsetError, match=f"'{split}' is never mined"):
            candidates(data, split)
    ids = train_ids(data)
    freeze(data, ids[0])
    freeze(data, ids[1], "recipes/mine.parquet")
    assert candidates(data, "train", leave_out=[ids[2]]) == sorted(ids[3:])
    assert set(candidates(data, "val")) == set(data.faces.loc[data.faces["split"] == "val", "id"])
    with pytest.raises(OccsetError, match="no face of the split 'train' is left to pick"):
        candidates(data, "train", leave_out=ids)


def test_left_out_faces_are_not_chosen_but_still_compared_with(
    drawn_set: Callable[..., OcclusionSet], colour_model: str
) -> None:
    data = drawn_set()
    scores = score_set(data, colour_model, workers=1)
    worst = scores.choose(1)["id"].item()
    picks = scores.choose(5, leave_out=[worst])
    assert worst not in set(picks["id"])
    assert len(picks) == 5


def test_a_face_that_cannot_be_read_is_named_and_the_rest_scored(
    drawn_set: Callable[..., OcclusionSet], colour_model: str
) -> None:
    data = drawn_set()
    face = train_ids(data)[4]
    (data.path / data.face_row(face)["image"]).write_bytes(b"no picture")
    scores = score_set(data, colour_model, workers=1)
    ((name, message),) = scores.problems
    assert name == face
    assert face in message
    assert len(scores.table) == len(scores.features) == len(train_ids(data)) - 1
    result = CliRunner().invoke(
        commands.mine, [str(data.path), "--model", colour_model, "--workers", "1", "--top", "3"]
    )
    assert result.exit_code == 1
    assert f"skipped {face}" in result.output


def whole_picture(images: np.ndarray) -> np.ndarray:
    return np.full(images.shape[:3], 255, np.uint8)


def wrong_shape(images: np.ndarray) -> np.ndarray:
    return np.zeros((1, 2, 2), np.uint8)


def test_a_renderer_adds_its_signal(drawn_set: Callable[..., OcclusionSet], colour_model: str) -> None:
    data = drawn_set()
    ids, make = train_ids(data)[:4], partial(open_model, colour_model)
    found = score_faces(data, ids, make, rendered=whole_picture).table()
    model = open_model(colour_model)
    from occset.pictures.images import shrink
    from occset.pictures.masks import decode_rle, shrink_mask

    shares = []
    for face in ids:
        seen = (model.probabilities(shrink(data.load_image(face), 48)[None]) > 0.5).mean()
        row = data.face_row(face)
        label = decode_rle(row["mask"], row["height"], row["width"]) if isinstance(row["mask"], str) else None
        shares.append(seen if label is None else min(seen, (shrink_mask(label, 48) > 0).mean()))
    assert list(found["render_disagreement"]) == pytest.approx([1 - share for share in shares])
    with pytest.raises(BrokenMethod, match="what renders faces"):
        score_faces(data, ids, make, rendered=wrong_shape)


def test_the_verb_prints_writes_and_repeats_itself(
    drawn_set: Callable[..., OcclusionSet], colour_model: str, tmp_path: Path, digest: Callable[[Path], dict[str, str]]
) -> None:
    data = drawn_set()
    before = digest(data.path)
    outs = [tmp_path / name for name in ("a.csv", "b.csv", "c.parquet")]
    for out in outs:
        arguments = [str(data.path), "--model", colour_model, "--top", "4", "--workers", "1", "--out", str(out)]
        result = CliRunner().invoke(commands.mine, arguments)
        assert result.exit_code == 0, result.output
        assert "4 of " in result.output
    assert outs[0].read_bytes() == outs[1].read_bytes()
    table = pd.read_csv(outs[0])
    assert list(table["rank"]) == [1, 2, 3, 4]
    assert set(table["id"]) <= set(train_ids(data))
    assert list(pd.read_parquet(outs[2])["reason"]) == list(table["reason"])
    assert digest(data.path) == before
    printed = CliRunner().invoke(
        commands.mine, [str(data.path), "--model", colour_model, "--top", "2", "--workers", "1", "--json"]
    )
    rows = json.loads(printed.stdout)
    assert [row["rank"] for row in rows] == [1, 2]
    assert rows[0]["id"] == table["id"][0]
    assert rows[0]["render_disagreement"] is None


def test_another_ending_is_refused_before_anything_is_scored(
    drawn_set: Callable[..., OcclusionSet], tmp_path: Path
) -> None:
    result = CliRunner().invoke(commands.mine, [str(tmp_path), "--out", str(tmp_path / "picks.xlsx")])
    assert isinstance(result.exception, OccsetError)
    assert "written as .csv or .parquet" in str(result.exception)
    with pytest.raises(OccsetError, match=r"picks\.txt: picks are written as"):
        write_picks(tmp_path / "picks.txt", pd.DataFrame())
