"""One change of what a set has: what is frozen, what is refused, and the order of the writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from occset.dataset import replacing
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Layer, Recipe, recipes_to_bytes
from occset.pictures.masks import encode_rle
from occset.support.errors import BadInput
from occset.support.files import safe_join


@dataclass
class Labelled:
    round: int
    replaced: set[str | None] = field(default_factory=set)


def train_faces(data: OcclusionSet) -> list[str]:
    return list(data.faces.loc[data.faces["split"] == "train", "id"])


def name(data: OcclusionSet, face: str, occluder: str | None = None, file: str = "recipes/a.parquet") -> None:
    layers = (Layer(occluder, None, (0,) * 8, False),) if occluder else ()
    path = data.path / file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(recipes_to_bytes([Recipe(face, layers, 64, "x", 0, 0, 0)]))


def test_a_label_may_replace_another_unless_something_holds_it(make_set: Callable[..., OcclusionSet]) -> None:
    data = make_set()
    free, named, later = train_faces(data)[:3]
    test = data.faces.loc[data.faces["split"] == "test", "id"].iloc[0]
    name(data, named, file="protocols/p.parquet")
    change = data.replacing({later: Labelled(4)})
    change.check_label(free, "here")
    for face, why in (
        (named, f"here: {named} is named by a frozen recipe file"),
        (later, f"here: round 4 has labelled {later} since"),
        (test, f"here: {test} is of the split 'test', which is never relabelled"),
    ):
        with pytest.raises(BadInput, match=why):
            change.check_label(face, "here")
    change.check_verdict(named, "here")  # which leaves the mask that the protocol renders
    for face in (later, test):
        with pytest.raises(BadInput, match="here"):
            change.check_verdict(face, "here")


def test_a_source_neither_takes_back_a_label_nor_what_a_recipe_names(make_set: Callable[..., OcclusionSet]) -> None:
    data = make_set()
    labelled, named, free = train_faces(data)[:3]
    cutout = data.occluders["id"][0]
    name(data, named, cutout)
    change = data.replacing({labelled: Labelled(2, {None, "old"})})
    kept = change.source_row({"id": labelled, "mask": "old", "flags": "{}"})
    assert kept == {"id": labelled, "mask": data.face_row(labelled)["mask"], "flags": "{}"}
    with pytest.raises(BadInput, match=f"face {labelled} was labelled in round 2"):
        change.source_row({"id": labelled, "mask": "new", "flags": "{}"})
    assert change.source_row({"id": free, "mask": "new"}) == {"id": free, "mask": "new"}
    change.check_source(free, set())
    for face, stale in ((named, set()), (free, {cutout})):
        with pytest.raises(BadInput, match=rf"face {face} .*recipes/a.parquet names it"):
            change.check_source(face, stale)


def test_cutouts_come_first_loose_files_next_and_faces_last(
    make_set: Callable[..., OcclusionSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_set()
    order: list[str] = []
    write, sweep = OcclusionSet.write, replacing.remove_loose_cutouts
    monkeypatch.setattr(
        OcclusionSet, "write", lambda self, table, frame: (order.append(table), write(self, table, frame))
    )
    monkeypatch.setattr(replacing, "remove_loose_cutouts", lambda *args: (order.append("loose"), sweep(*args)))
    face, old = train_faces(data)[0], data.occluders.to_dict("records")[0]
    mask = np.zeros((data.face_row(face)["height"], data.face_row(face)["width"]), np.uint8)
    mask[:9] = 255
    with data.replacing() as change:
        change.put_faces([{"id": face, "mask": encode_rle(mask)}])
        change.drop_cutouts([old["id"]])
        assert order == []
    assert order == ["occluders", "loose", "faces"]
    assert data.face_row(face)["mask"] == encode_rle(mask)
    assert old["id"] not in set(data.occluders["id"]) and not safe_join(data.path, old["cutout"]).exists()


def test_where_the_block_raises_nothing_is_written(
    make_set: Callable[..., OcclusionSet], digest: Callable[[Path], dict[str, str]]
) -> None:
    data = make_set()
    before = digest(data.path)
    with pytest.raises(KeyboardInterrupt), data.replacing() as change:
        change.put_faces([{"id": train_faces(data)[0], "mask": None}])
        change.drop_cutouts(data.occluders["id"])
        raise KeyboardInterrupt
    assert digest(data.path) == before


def test_the_picture_that_a_snapshot_names_stays_and_one_that_is_put_back_too(
    make_set: Callable[..., OcclusionSet],
) -> None:
    data = make_set()
    first, second = data.occluders.to_dict("records")[:2]
    data.snapshot("1")
    change = data.replacing()
    assert change.is_frozen(first)
    with pytest.raises(BadInput, match=f"cut-out {first['id']} was drawn anew .*round 1 is now 2"):
        change.check_cutout(first, ["round 1 is now 2"])
    with data.replacing() as change:
        change.drop_cutouts([first["id"], second["id"]])
        change.put_cutouts([{**second, "category": "cup"}, {**second, "category": "hat"}])
    assert change.added == 0
    assert first["id"] not in set(data.occluders["id"]) and safe_join(data.path, first["cutout"]).is_file()
    assert data.occluders.set_index("id")["category"][second["id"]] == "cup"


def test_a_broken_snapshot_is_told_before_anything_is_written(
    make_set: Callable[..., OcclusionSet], digest: Callable[[Path], dict[str, str]]
) -> None:
    data = make_set()
    table: Path = data.snapshot("1") / "occluders.parquet"
    table.write_bytes(b"no table")
    before = digest(data.path)
    with pytest.raises(BadInput, match=str(table)), data.replacing() as change:
        change.drop_cutouts(data.occluders["id"])
    assert digest(data.path) == before
