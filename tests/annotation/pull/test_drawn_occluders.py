"""Cut-outs of a round's labels in the set's table, without a server."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from occset.annotation.labels.task_reader import Occluder, Reading
from occset.annotation.pull.decision import Decision
from occset.annotation.pull.drawn_occluders import bring_occluders
from occset.checks.check import check
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Layer, Recipe, recipes_to_bytes
from occset.rounds.versions import Label
from occset.support.files import safe_join


def blob(x: int, radius: int = 30) -> np.ndarray:
    mask = np.zeros((256, 256), np.uint8)
    cv2.circle(mask, (x, 140), radius, 255, -1)
    return mask


def bring(
    data: OcclusionSet, number: int, *drawn: Occluder, name: str = "bo", seconds: float | None = 7.0
) -> tuple[int, list[tuple[str, str]], set[str]]:
    """What a round brings whose label of the first face came from ann and ``name``, who drew the occluders."""
    face = data.faces["id"][0]
    best = Reading(blob(128, 60), drawn, "good", False, "", 2, seconds, "2026-01-01T00:00:00.000000Z", 12, False)
    decision = Decision(best.face, best, name, ("ann", name), 30.0)
    label = Label("", best.updated, decision.names, decision.lead_time)
    return bring_occluders(data, number, {face: decision}, {face: label})


def mine(data: OcclusionSet) -> list[dict]:
    return data.occluders[data.occluders["source"] == "label-studio"].to_dict("records")


def name_in_recipes(data: OcclusionSet, occluder: str) -> None:
    recipe = Recipe(data.faces["id"][1], (Layer(occluder, None, (0,) * 8, False),), 64)
    (data.path / "recipes").mkdir()
    (data.path / "recipes" / "some.parquet").write_bytes(recipes_to_bytes([recipe]))


def test_a_cutout_is_of_the_one_who_drew_it(make_set: Callable[..., OcclusionSet]) -> None:
    data = make_set(faces=3, each=1)
    assert bring(data, 1, Occluder(blob(150), "cup")) == (1, [], set())
    (row,) = mine(data)
    assert (row["annotator"], row["lead_time"], row["round"], row["category"]) == ("bo", 7.0, 1, "cup")
    assert row["split"] == data.faces["split"][0]
    before = data.content_hash()
    assert bring(data, 1, Occluder(blob(150), "cup")) == (0, [], set()) and data.content_hash() == before


def test_the_same_outline_called_something_else_replaces_the_row(make_set: Callable[..., OcclusionSet]) -> None:
    data = make_set(faces=3, each=1)
    bring(data, 1, Occluder(blob(150), "cup"))
    (old,) = mine(data)
    assert bring(data, 2, Occluder(blob(150), "hand"), name="cy", seconds=None) == (0, [], set())
    (row,) = mine(data)
    assert (row["id"], row["category"], row["annotator"], row["round"]) == (old["id"], "hand", "cy", 2)
    assert np.isnan(row["lead_time"]) and row["split"] == old["split"] and check(data, 1) == []
    before = data.content_hash()
    assert bring(data, 2, Occluder(blob(150), "hand"), name="cy", seconds=None) == (0, [], set())
    assert data.content_hash() == before


def test_what_is_named_stays_and_is_told(make_set: Callable[..., OcclusionSet]) -> None:
    for kind in ("recipe", "snapshot"):
        data = make_set(kind, faces=3, each=1)
        bring(data, 1, Occluder(blob(150), "cup"))
        (old,) = mine(data)
        if kind == "recipe":
            name_in_recipes(data, old["id"])
        else:
            data.snapshot()
        added, ((face, why),), unread = bring(data, 1, Occluder(blob(150), "hand"))
        assert (added, face, unread) == (0, old["face"], set())
        assert "category cup is now hand" in why and old["id"] in why
        assert mine(data)[0]["category"] == "cup"
        # drawn elsewhere: it stays beside the new one, with its picture
        assert bring(data, 1, Occluder(blob(100), "hand")) == (1, [], set())
        assert len(mine(data)) == 2 and safe_join(data.path, old["cutout"]).is_file()


def test_a_later_round_drops_what_earlier_ones_drew_with_its_picture(make_set: Callable[..., OcclusionSet]) -> None:
    data = make_set(faces=3, each=1)
    bring(data, 1, Occluder(blob(150), "cup"), Occluder(blob(80, 20), "hand"))
    old = mine(data)
    assert len(old) == 2
    assert bring(data, 2, Occluder(blob(100), "cup")) == (1, [], set())
    (row,) = mine(data)
    assert row["round"] == 2 and check(data, 1) == []
    assert not any(safe_join(data.path, one["cutout"]).exists() for one in old)
    assert bring(data, 1) == (0, [], set()) and mine(data) == [row]  # an earlier round takes nothing from a later one
    assert bring(data, 3) == (0, [], set()) and mine(data) == [] and check(data, 1) == []


def test_what_cannot_be_read_is_told_apart_from_crumbs_and_keeps_its_cutouts(
    make_set: Callable[..., OcclusionSet],
) -> None:
    data = make_set(faces=3, each=1)
    bring(data, 1, Occluder(blob(150), "cup"))
    old, face = mine(data), data.faces["id"][0]
    added, ((told, why),), unread = bring(data, 1, Occluder(blob(150), "cup"), Occluder(blob(80, 1), "hand"))
    assert (added, told, unread) == (0, face, set()) and "left out" in why and mine(data) == old
    safe_join(data.path, data.face_row(face)["image"]).write_bytes(b"no picture")
    added, ((told, why),), unread = bring(data, 1, Occluder(blob(100), "cup"))
    assert (added, told, unread) == (0, face, {face}) and mine(data) == old
