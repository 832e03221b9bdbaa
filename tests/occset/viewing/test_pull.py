"""What was edited in the App and what becomes of it in the set; the App's side is told in plain records."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Layer, Recipe, hash_recipes, recipes_to_bytes
from occset.dataset.records import tags_of
from occset.pictures.masks import encode_rle
from occset.publishing.formats.fiftyone_layout import place
from occset.rounds.ledger import list_rounds, read_round
from occset.rounds.versions import history
from occset.support.errors import BadInput
from occset.viewing.edits import Drawn, LaidOut, Seen, edits_of, mask_of
from occset.viewing.pull import Pulled, pull
from occset.viewing.workspace import Workspace
from tests.fixture_types import MakeSet
from tests.occset.viewing.edited import faces_of, mended

SIDE = 64
ANNOTATOR = "<b>Anna</b>, \U0001f58c"


@pytest.fixture
def data(make_set: MakeSet) -> OcclusionSet:
    return make_set(faces=12, each=1, size=SIDE)


@pytest.fixture
def workspace(data: OcclusionSet, tmp_path: Path) -> Workspace:
    found = Workspace(tmp_path / "workspace", "occset-test")
    found.clear()
    found.take_over({face: LaidOut(mask, ()) for face, mask in zip(data.faces["id"], data.faces["mask"], strict=True)})
    return found


def drawn(mask: np.ndarray, label: str = "face") -> Drawn:
    """A mask as the App keeps it: what lies in its box, which is a share of the picture."""
    x, y, w, h = place(mask)
    height, width = mask.shape
    return Drawn(label, (x / width, y / height, w / width, h / height), mask[y : y + h, x : x + w] > 0)


def seen(data: OcclusionSet, face: str, mask: np.ndarray | None = None, tags: tuple[str, ...] = ()) -> Seen:
    mask = data.load_face(face)[1] if mask is None else mask
    return Seen(face, tags, (drawn(mask),) if mask.any() else ())


def bring(data: OcclusionSet, workspace: Workspace, *faces: Seen, confirmed: tuple[str, ...] = ()) -> Pulled:
    done = pull(data, workspace, faces, (ANNOTATOR,), confirmed)
    data.refresh()
    return done


def test_nothing_is_edited_where_nothing_was(data: OcclusionSet, workspace: Workspace) -> None:
    content = data.content_hash()
    done = bring(data, workspace, *(seen(data, face) for face in data.faces["id"]))
    assert (done.edited, done.refused, list_rounds(data.path), data.content_hash()) == (0, [], [], content)


def test_masks_and_tags_come_back_once(data: OcclusionSet, workspace: Workspace) -> None:
    one, other, third = faces_of(data)[:3]
    mask = mended(data, one)
    edited = [
        seen(data, one, mask, ("sharp",)),
        seen(data, other, tags=("comma, tag", "line\nbreak \U0001f60e")),
        seen(data, third, tags=("unusable",)),
    ]
    done = bring(data, workspace, *edited)
    assert (done.edited, done.merged, done.changed, done.tagged, done.excluded, done.refused) == (3, 1, 1, 2, 1, [])
    assert data.face_row(one)["mask"] == encode_rle(mask)
    assert tags_of(data.face_row(other)) == {"comma, tag", "line\nbreak \U0001f60e"}
    assert data.face_row(third)["verdict"] == "unusable"
    before, after = history(data, one)
    assert (after.label, after.annotators, after.comment) == (encode_rle(mask), (ANNOTATOR,), "tags: sharp")
    assert before.label != after.label and after.origin == f"FiftyOne, face {one}"
    again = bring(data, workspace, *edited)
    assert (again.edited, list_rounds(data.path)) == (0, [1])
    done = bring(data, workspace, *edited[:1], seen(data, other), seen(data, third))
    assert (done.edited, done.tagged, tags_of(data.face_row(other))) == (2, 1, set())
    assert not isinstance(data.face_row(third)["verdict"], str), "the tag went, and so did the verdict"
    assert [version.verdict for version in history(data, third)][1:] == ["unusable", "revoked"]


def test_what_can_hardly_be_meant_waits_in_the_app(data: OcclusionSet, workspace: Workspace) -> None:
    full, empty, inverted, boxed, held = [*faces_of(data)[:4], faces_of(data, "test")[0]]
    edited = [
        seen(data, full, np.full((SIDE, SIDE), 255, np.uint8)),
        seen(data, empty, np.zeros((SIDE, SIDE), np.uint8)),
        seen(data, inverted, 255 - data.load_face(inverted)[1]),
        Seen(boxed, (), (Drawn("face", (0.1, 0.1, 0.5, 0.5), None),)),
        seen(data, held, mended(data, held), ("tag",)),
    ]
    content = data.content_hash()
    done = bring(data, workspace, *edited)
    said = dict(done.refused)
    assert "covers 100%" in said[full] and "mask is empty" in said[empty] and "the opposite" in said[inverted]
    assert "a box in the App has no mask" in said[boxed] and "never relabelled" in said[held]
    assert (done.edited, data.content_hash(), list_rounds(data.path)) == (5, content, [])
    done = bring(data, workspace, *edited, confirmed=(full,))
    assert (done.edited, done.merged) == (5, 1), "they were still edited, and one was confirmed"
    assert list(read_round(data.path).rows["id"]) == [full]


def test_a_label_that_came_from_elsewhere_is_not_overwritten(data: OcclusionSet, workspace: Workspace) -> None:
    face = faces_of(data)[0]
    in_app = seen(data, face, mended(data, face))
    elsewhere = np.roll(data.load_face(face)[1], 3, axis=1)
    with data.replacing() as change:
        change.put_faces([{"id": face, "mask": encode_rle(elsewhere)}])
    done = bring(data, workspace, in_app)
    assert "its label came from elsewhere since the App showed it" in dict(done.refused)[face]
    assert data.face_row(face)["mask"] == encode_rle(elsewhere)


def test_a_verdict_keeps_a_mask_out_until_its_tag_goes(data: OcclusionSet, workspace: Workspace) -> None:
    face = faces_of(data)[0]
    assert bring(data, workspace, seen(data, face, tags=("discuss",))).excluded == 1
    done = bring(data, workspace, seen(data, face, mended(data, face), ("discuss",)))
    assert "has the tag 'discuss', so its mask waits" in dict(done.refused)[face]
    done = bring(data, workspace, seen(data, face, mended(data, face)))
    assert (done.merged, done.refused) == (1, []) and not isinstance(data.face_row(face)["verdict"], str)


def test_faces_that_a_recipe_names_keep_label_and_tags(data: OcclusionSet, workspace: Workspace) -> None:
    face = faces_of(data)[0]
    layer = Layer(data.occluders["id"][0], None, (0,) * 8, False, (256,) * 3, (0,) * 3, 0, (0, 0))
    recipes = [Recipe(face, (layer,), SIDE, "x", 0, 0, 0)]
    (data.path / "recipes").mkdir()
    (data.path / "recipes" / "mine.parquet").write_bytes(recipes_to_bytes(recipes, {"hash": hash_recipes(recipes)}))
    done = bring(data, workspace, seen(data, face, mended(data, face), ("tag",)))
    assert [name for name, _ in done.refused] == [face, face] and (done.merged, done.tagged) == (0, 0)
    assert all("named by a frozen recipe file" in why for _, why in done.refused)


def test_an_unlabelled_face_gets_its_first_mask(data: OcclusionSet, workspace: Workspace) -> None:
    face = faces_of(data)[0]
    mask = data.load_face(face)[1]
    with data.replacing() as change:
        change.put_faces([{"id": face, "mask": None}])
    workspace.take_over({face: LaidOut(None, ())})
    assert bring(data, workspace, Seen(face, (), ())).edited == 0
    assert bring(data, workspace, seen(data, face, mask)).merged == 1
    assert read_round(data.path).rows["decision"].tolist() == ["labelled"]


def test_masks_lie_where_their_box_is_whatever_the_app_made_of_it() -> None:
    mask = np.zeros((40, 60), np.uint8)
    mask[10:30, 12:33] = 255
    mask[15:18, 20:22] = 0
    assert np.array_equal(mask_of(Seen("f", (), (drawn(mask),)), 40, 60), mask)
    left, right = mask.copy(), mask.copy()
    left[:, 20:], right[:, :20] = 0, 0
    assert np.array_equal(mask_of(Seen("f", (), (drawn(left), drawn(right))), 40, 60), mask)
    rounded = drawn(mask)
    rounded = Drawn("face", tuple(v + 0.004 for v in rounded.box), rounded.mask)  # type: ignore[arg-type]
    assert np.array_equal(mask_of(Seen("f", (), (rounded,)), 40, 60), mask)
    twice = Drawn("face", (0.0, 0.0, 1.0, 1.0), np.kron(mask, np.ones((2, 2), np.uint8)))
    assert np.array_equal(mask_of(Seen("f", (), (twice,)), 40, 60), mask)
    screen = np.kron(mask, np.ones((6, 6), np.uint8))[57:181, 70:200]  # as the App keeps it: finer, cut between pixels
    edited = Drawn("face", (70 / 360, 57 / 240, 130 / 360, 124 / 240), screen)
    assert np.array_equal(mask_of(Seen("f", (), (edited,)), 40, 60), mask)
    outside = Drawn("face", (-0.5, 0.5, 1.0, 1.0), np.ones((40, 60)))
    found = mask_of(Seen("f", (), (outside,)), 40, 60)
    assert found[20:, :30].all() and (found > 0).sum() == 20 * 30
    with pytest.raises(BadInput, match="has the box"):
        mask_of(Seen("f", (), (Drawn("face", (9.0, 0.0, 1e9, 1.0), np.ones((4, 4))),)), 40, 60)


def test_a_face_that_the_set_lost_is_passed_over() -> None:
    assert edits_of([Seen("gone", ("x",), ())], {"gone": LaidOut(None, ())}, {}).faces == {}
