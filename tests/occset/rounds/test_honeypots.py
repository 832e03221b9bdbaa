"""Rounds of named and of random faces, and honeypots in them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from occset.checks.check import check
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe, recipes_to_bytes
from occset.importing.add_source import resplit
from occset.pictures.images import pixel_hash, read_image
from occset.pictures.masks import decode_rle, encode_rle
from occset.rounds.closing import merge
from occset.rounds.honeypots import WORN, _large, honeypot_path, how_many
from occset.rounds.ledger import read_round
from occset.rounds.opening import open_chosen, open_random, open_round
from occset.rounds.report import report
from occset.rounds.versions import Label
from occset.samples.render import Renderer
from occset.support.errors import OccsetError, UnknownName
from tests.conftest import fill, plain_face


def of_split(data: OcclusionSet, split: str = "train") -> list[str]:
    return sorted(data.faces.loc[data.faces["split"] == split, "id"])


def test_how_many_there_are() -> None:
    assert [how_many(rate, 40) for rate in (0, 0.01, 0.1, 1)] == [0, 1, 4, 40]
    assert how_many(0.5, 0) == 0
    with pytest.raises(OccsetError, match="share"):
        how_many(1.5, 10)


def test_named_faces_are_picked_in_their_order(make_set: Callable[..., OcclusionSet]) -> None:
    data = make_set()
    ids = of_split(data)[:4][::-1]
    ledger = open_chosen(data, [*ids, ids[0]], "they looked odd")
    assert list(ledger.rows["id"]) == ids and set(ledger.rows["arm"]) == {"chosen"}
    assert list(ledger.rows["rank"]) == [1, 2, 3, 4] and set(ledger.rows["reason"]) == {"they looked odd"}
    assert ledger.rows[["score", "entropy", "model", "signal"]].isna().all().all()
    assert (ledger.setup.chosen, ledger.setup.mined, ledger.setup.model) == (4, 0, "")
    assert read_round(data.path).to_bytes() == ledger.to_bytes()


def test_test_faces_frozen_ones_and_strangers_are_refused(make_set: Callable[..., OcclusionSet]) -> None:
    data = make_set()
    train, test = of_split(data), of_split(data, "test")
    with pytest.raises(OccsetError, match=f"{test[0]} is of the split 'test', which is never relabelled"):
        open_chosen(data, [train[0], test[0]])
    with pytest.raises(UnknownName):
        open_chosen(data, ["f123"])
    with pytest.raises(OccsetError, match="no face"):
        open_chosen(data, [])
    (data.path / "recipes").mkdir()
    recipe = Recipe(train[1], (), 64, "bare", 0, 0, 0)
    (data.path / "recipes" / "mine.parquet").write_bytes(recipes_to_bytes([recipe]))
    with pytest.raises(OccsetError, match=f"{train[1]} is named by a frozen recipe file"):
        open_chosen(data, train[:3])
    assert not (data.path / "rounds").exists()


def test_random_faces_come_from_the_seed_and_not_twice(make_set: Callable[..., OcclusionSet]) -> None:
    one, two = make_set("one"), make_set("two")
    assert open_random(one, 5, seed=3).to_bytes() == open_random(two, 5, seed=3).to_bytes()
    ledger = read_round(one.path)
    assert set(ledger.rows["id"]) <= set(of_split(one)) and len(ledger.rows) == 5
    with pytest.raises(OccsetError, match="round 1 is open"):
        open_random(one, 1)
    merge(one, ledger, {}, finish=True)
    merged = merge(one, read_round(one.path), {ledger.rows["id"][0]: Label(ledger.rows["label_before"][0], "2026")})
    assert merged.merged == 1
    again = open_random(one, 100, seed=3)
    assert ledger.rows["id"][0] not in set(again.rows["id"])


def test_a_honeypot_shows_exactly_its_truth(make_set: Callable[..., OcclusionSet]) -> None:
    data = make_set(faces=30)
    ids = of_split(data)[:6]
    ledger = open_chosen(data, ids, honeypots=0.5, seed=1)
    rows = ledger.rows[ledger.rows["arm"] == "honeypot"]
    assert len(rows) == 3 == ledger.setup.honeypots
    for row in rows.to_dict("records"):
        picture = read_image(honeypot_path(data.path, 1, row["id"]))
        assert picture.shape == (row["height"], row["width"], 3)
        assert row["id"] == "h" + pixel_hash(picture)[:15]
        truth = decode_rle(row["label_before"], row["height"], row["width"])
        assert 0 < np.count_nonzero(truth) < truth.size
        # no face of the set has this very label: something hides a part of it
        assert row["label_before"] not in set(data.faces["mask"])
    other = make_set("other", faces=30)
    assert open_chosen(other, ids, honeypots=0.5, seed=1).to_bytes() == ledger.to_bytes()
    assert check(data, 1) == []


def test_a_honeypot_measures_and_stays_out_of_the_set(make_set: Callable[..., OcclusionSet]) -> None:
    data = make_set(faces=30)
    before = data.content_hash()
    ledger = open_chosen(data, of_split(data)[:2], honeypots=1.0)
    pots = ledger.rows[ledger.rows["arm"] == "honeypot"]
    drawn = []
    for row in pots.to_dict("records"):
        mask = decode_rle(row["label_before"], row["height"], row["width"])
        mask[: row["height"] // 2] = 0
        drawn.append(encode_rle(mask))
    labels = {i: Label(c, "2026", ("ann",)) for i, c in zip(pots["id"], drawn, strict=True)}
    closing = merge(data, ledger, labels)
    assert (closing.merged, closing.changed) == (2, 0)
    assert data.content_hash() == before
    rows = read_round(data.path).rows
    assert (rows.loc[rows["arm"] == "honeypot", "iou"] < 0.8).all()
    arms = {arm["arm"]: arm for arm in report(data).arms}
    assert arms["honeypot"]["corrected"] == 2 and arms["chosen"]["waiting"] == 2


def test_honeypots_are_as_large_as_the_picks(tmp_path: Path) -> None:
    def mixed(name: str) -> OcclusionSet:
        data = fill(OcclusionSet.create(tmp_path / name), faces=16, size=128)
        data.add_rows("faces", [data.store_face(plain_face(100 + i, (200, 600)[i % 2]), "test") for i in range(24)])
        resplit(data)
        return data

    one, two = mixed("one"), mixed("two")
    sizes = one.faces.set_index("id")["width"]
    by_size = {size: [face for face in of_split(one) if sizes[face] == size] for size in (128, 200, 600)}
    ids = [*by_size[128][:2], *by_size[600][:2]]
    ledger = open_chosen(one, ids, honeypots=1.0, seed=3)
    assert ledger.to_bytes() == open_chosen(two, ids, honeypots=1.0, seed=3).to_bytes()
    pots = ledger.rows[ledger.rows["arm"] == "honeypot"]
    assert list(pots["width"]) == list(pots["height"]) == [128, 128, 512, 512]
    for row in pots.to_dict("records"):
        path = [honeypot_path(data.path, 1, row["id"]) for data in (one, two)]
        assert path[0].read_bytes() == path[1].read_bytes()
        assert read_image(path[0]).shape == (row["height"], row["width"], 3)

    every = OcclusionSet(shutil.copytree(two.path, tmp_path / "three", ignore=shutil.ignore_patterns("rounds")))
    large = open_chosen(every, [*by_size[600], by_size[128][0]], honeypots=0.2)  # no other face is as large
    assert large.rows.loc[large.rows["arm"] == "honeypot", "width"].iloc[0] == 512
    assert sorted(_large(one, of_split(one), 201)) == by_size[600] and len(_large(one, by_size[128], 201)) > 1


def test_mined_rounds_make_honeypots_of_what_the_model_finds_easy(
    make_set: Callable[..., OcclusionSet], colour_model: str
) -> None:
    data = make_set(faces=20)
    ledger, problems = open_round(data, top=2, random=2, model=colour_model, workers=1, honeypots=0.5)
    assert problems == []
    assert list(ledger.rows["arm"]) == ["mined", "mined", "random", "random", "honeypot", "honeypot"]
    assert (ledger.setup.mined, ledger.setup.random, ledger.setup.honeypots) == (2, 2, 2)
    assert ledger.rows.loc[ledger.rows["arm"] == "honeypot", "model"].isna().all()


def test_a_set_without_occluders_says_so(drawn_set: Callable[..., OcclusionSet], colour_model: str) -> None:
    data = drawn_set()
    assert data.occluders.empty
    with pytest.raises(OccsetError, match="no occluder"):
        open_round(data, top=2, random=0, model=colour_model, workers=1, honeypots=0.5)
    assert not (data.path / "rounds" / "001" / "ledger.parquet").exists()


def drawn_categories(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What honeypots wear, and in which textures, as it is rendered."""
    seen = []
    render = Renderer.render

    def note(self: Any, recipe: Any, *more: Any) -> Any:
        seen.extend(
            (self.data.occluders.set_index("id")["category"][layer.occluder], layer.texture) for layer in recipe.layers
        )
        return render(self, recipe, *more)

    monkeypatch.setattr(Renderer, "render", note)
    return seen


def test_honeypots_wear_what_real_faces_wear_in_its_own_texture(
    make_set: Callable[..., OcclusionSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_set(faces=40)
    assert "object" in set(data.occluders["category"]) and len(data.textures)
    seen = drawn_categories(monkeypatch)
    open_chosen(data, of_split(data)[:12], honeypots=1.0, seed=5)
    assert len(seen) >= 12 and {texture for _, texture in seen} == {None}
    assert len({category for category, _ in seen}) > 2 and {category for category, _ in seen} <= set(WORN)


@pytest.mark.parametrize("left", ["object", "bottle"])
def test_a_bottle_pasted_on_is_no_honeypot(make_set: Callable[..., OcclusionSet], left: str) -> None:
    data = make_set(faces=30)
    data.write("occluders", data.occluders[data.occluders["category"] == "object"].assign(category=left))
    with pytest.raises(
        OccsetError, match=r"no occluder of a kind that real faces wear \(mask, sunglasses.*--honeypots 0"
    ):
        open_chosen(data, of_split(data)[:4], honeypots=0.5)
    assert not (data.path / "rounds" / "001" / "ledger.parquet").exists()


def test_faces_on_which_annotators_agreed_are_the_others(make_set: Callable[..., OcclusionSet]) -> None:
    data = make_set(faces=40)
    first, again, doubted, alone, judged, *rest = of_split(data)
    ledger = open_chosen(data, [first, again, doubted, alone, judged])
    masks = data.faces.set_index("id")["mask"]
    said = {first: 0.97, again: 0.99, doubted: 0.8, alone: None, judged: 0.98}
    labels = {f: Label(masks[f], "2026", ("ann", "bo"), agreement=a) for f, a in said.items()}
    merge(data, ledger, labels)
    merge(data, read_round(data.path), {judged: Label(None, "2027", verdict="unusable")})
    pots = open_chosen(data, [again, *rest[:5]], honeypots=1.0).rows.iloc[6:]
    real = pots[~pots["reason"].str.startswith("rendered")]
    assert list(real["reason"]) == [f"annotators agreed on {first} in an earlier round"], (
        "the picked one is no honeypot"
    )
    (row,) = real.to_dict("records")
    assert row["label_before"] == masks[first] and row["id"] not in set(data.faces["id"])
    assert np.array_equal(read_image(honeypot_path(data.path, 2, row["id"])), data.load_image(first))
    assert len(pots) == 6 and check(data, 1) == []
