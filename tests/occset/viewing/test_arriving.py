"""Labels that nobody asked for: merged as those of Label Studio are, with history, or refused by the same checks."""

from __future__ import annotations

import numpy as np
import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.pictures.masks import decode_rle, encode_rle
from occset.rounds.ledger import list_rounds, read_round, read_times
from occset.rounds.opening import open_chosen
from occset.rounds.versions import REVOKED, history
from occset.support.errors import OccsetError
from occset.viewing import arriving
from occset.viewing.arriving import Arrived, TakenIn, take_in
from tests.fixture_types import MakeSet
from tests.occset.viewing.edited import faces_of, mended

WHEN = "2026-01-02T03:04:05+00:00"
REASON = "mended in a test"


@pytest.fixture
def data(make_set: MakeSet) -> OcclusionSet:
    return make_set(faces=12, each=1, size=64)


def came(mask: np.ndarray | None = None, verdict: str | None = None, comment: str | None = None) -> Arrived:
    return Arrived(mask, WHEN, ("<b>Anna</b>, \U0001f58c",), verdict, comment, "FiftyOne")


def take(data: OcclusionSet, arrived: dict[str, Arrived], *confirmed: str) -> TakenIn:
    done = take_in(data, arrived, REASON, confirmed)
    data.refresh()
    return done


def test_a_mended_mask_has_a_round_of_its_own_and_a_history(data: OcclusionSet) -> None:
    face, before = faces_of(data)[0], data.faces.set_index("id")["mask"]
    mask = mended(data, face)
    done = take(data, {face: came(mask, comment="blurred")})
    assert (done.rounds, done.taken, done.merged, done.changed, done.refused) == ([1], [face], 1, 1, [])
    after = data.faces.set_index("id")["mask"]
    assert after[face] == encode_rle(mask) and after.drop(face).equals(before.drop(face))
    (row,) = read_round(data.path).rows.to_dict("records")
    assert (row["id"], row["arm"], row["reason"], row["decision"]) == (face, "chosen", REASON, "corrected")
    assert (row["label_before"], row["label_after"], row["comment"]) == (before[face], after[face], "blurred")
    old, new = history(data, face)
    assert (old.round, old.label) == (0, before[face])
    assert (new.round, new.label, new.labelled, new.origin) == (1, after[face], WHEN, "FiftyOne")
    assert new.annotators == ("<b>Anna</b>, \U0001f58c",)
    assert {"opened", "closed"} <= read_times(data.path, 1).keys()


def test_what_can_hardly_be_meant_is_held_back_by_name_and_opens_no_round(data: OcclusionSet) -> None:
    full, empty, inverted, small = faces_of(data)[:4]
    masks = {
        full: np.full((64, 64), 255, np.uint8),
        empty: np.zeros((64, 64), np.uint8),
        inverted: 255 - data.load_face(inverted)[1],
        small: np.full((32, 32), 255, np.uint8),
    }
    content = data.content_hash()
    done = take(data, {face: came(mask) for face, mask in masks.items()})
    said = dict(done.refused)
    assert "covers 100% of the picture" in said[full] and f"--confirm {full}" in said[full]
    assert "the mask is empty" in said[empty]
    assert "is the opposite of the label that it replaces" in said[inverted]
    assert "is 32 x 32, the face is 64 x 64" in said[small]
    assert (done.taken, list_rounds(data.path), data.content_hash()) == ([], [], content)
    done = take(data, {full: came(masks[full]), inverted: came(masks[inverted])}, full)
    assert done.taken == [full] and list(dict(done.refused)) == [inverted]
    assert decode_rle(data.face_row(full)["mask"], 64, 64).all()
    assert list(read_round(data.path, 1).rows["id"]) == [full]
    with pytest.raises(OccsetError, match=f"--confirm {empty}: no mask of that face came"):
        take(data, {full: came(masks[full])}, empty)


def test_test_faces_and_strangers_are_refused(data: OcclusionSet) -> None:
    held, good = faces_of(data, "test")[0], faces_of(data)[0]
    done = take(
        data, {held: came(mended(data, held)), "f" * 16: came(mended(data, good)), good: came(mended(data, good))}
    )
    assert done.taken == [good]
    said = dict(done.refused)
    assert "is of the split 'test', which is never relabelled" in said[held]
    assert "no face of the set is called so" in said["f" * 16]


def test_verdicts_take_a_face_out_and_taking_them_back_puts_it_in(data: OcclusionSet) -> None:
    one, other = faces_of(data)[:2]
    done = take(data, {one: came(verdict="discuss"), other: came(verdict="unusable")})
    assert (done.excluded, done.merged) == (2, 0)
    assert (data.face_row(one)["verdict"], data.face_row(other)["verdict"]) == ("discuss", "unusable")
    assert not read_round(data.path).is_open, "a face to talk about must not keep the round open"
    take(data, {one: came(verdict=REVOKED)})
    assert not isinstance(data.face_row(one)["verdict"], str)
    assert [version.verdict for version in history(data, one)] == [None, "discuss", REVOKED]
    assert list_rounds(data.path) == [1, 2]


def test_the_open_round_takes_its_own_faces_and_the_others_wait(data: OcclusionSet) -> None:
    picked, also, other = faces_of(data)[:3]
    open_chosen(data, [picked, also])
    done = take(data, {picked: came(mended(data, picked)), other: came(mended(data, other))})
    assert (done.rounds, done.taken) == ([1], [picked])
    (refused,) = done.refused
    assert refused[0] == other and "round 1 is open and has not picked it" in refused[1]
    assert read_round(data.path).waiting == [also]
    done = take(data, {also: came(mended(data, also)), other: came(mended(data, other))})
    assert (done.rounds, done.refused) == ([1, 2], []), "what came ended round 1"
    assert list(read_round(data.path, 2).rows["id"]) == [other]


def test_cut_off_after_its_round_was_opened_the_same_call_does_the_rest(
    data: OcclusionSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = faces_of(data)[:2]
    arrived = {one: came(mended(data, one)), other: came(verdict="discuss")}

    def cut(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(arriving, "merge", cut)
        with pytest.raises(KeyboardInterrupt):
            take(data, arrived)
    data.refresh()
    assert read_round(data.path).waiting == [one, other]
    done = take(data, arrived)
    assert (done.rounds, sorted(done.taken), done.refused) == ([1], sorted([one, other]), [])
    assert not read_round(data.path).is_open and data.face_row(other)["verdict"] == "discuss"
