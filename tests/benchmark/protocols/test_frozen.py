from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from occset.benchmark.protocols import frozen
from occset.benchmark.protocols.frozen import open_protocol
from occset.benchmark.protocols.hashing import data_hash
from occset.benchmark.tasks.deocclusion.rules import bare_faces, fit_to_set, turned_faces
from occset.benchmark.tasks.rule import Rule
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe, read_metadata, recipes_to_bytes
from occset.dataset.usable import usable_faces
from occset.importing.add_source import resplit
from occset.models.reconstruction.coefficients import Layout
from occset.models.reconstruction.fits import Fits, yaws
from occset.samples.draw import Drawer
from occset.support.errors import BadInput, OccsetError, UnknownName
from occset.support.files import write_atomic

MakeSet = Callable[..., OcclusionSet]
Rules = dict[str, Rule]


def layers_of(recipes: list[Recipe], what: str) -> set[str]:
    return {getattr(layer, what) for recipe in recipes for layer in recipe.layers} - {None}


def test_the_published_rules() -> None:
    assert {name: (r.count, r.size) for name, r in frozen.published().items()} == {
        "sunglasses": (1000, 256),
        "types": (1000, 256),
        "large-yaw": (1000, 256),
        "segmentation": (1000, 256),
        "natural": (1000, 256),
        "reconstruction": (1125, 256),
        "wild": (10_000, 256),
    }
    assert list(frozen.published()["types"].types) == ["sunglasses", "mask", "both", "hand", "hair"]


def test_a_protocol_is_made_once(bench_set: OcclusionSet, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_protocol(bench_set, "sunglasses", 1)
    stored = first.path.read_bytes()
    monkeypatch.setattr(frozen, "_make", lambda *_: pytest.fail("made again"))
    again = open_protocol(OcclusionSet(bench_set.path), "sunglasses", 1)
    assert (again.hash, again.recipes, again.rule) == (first.hash, first.recipes, first.rule)
    assert first.path.read_bytes() == stored
    assert len(first.recipes) == 24
    assert {recipe.size for recipe in first.recipes} == {64}


def test_what_is_added_later_never_enters(bench_set: OcclusionSet, make_set: MakeSet) -> None:
    first = open_protocol(bench_set, "sunglasses", 1)
    data_before = data_hash(bench_set, first.recipes)
    more = make_set("more", faces=30, each=8)
    shutil.copytree(more.path / "images", bench_set.path / "images", dirs_exist_ok=True)
    shutil.copytree(more.path / "cutouts", bench_set.path / "cutouts", dirs_exist_ok=True)
    for table in ("faces", "occluders"):
        added = getattr(more, table).assign(split=None)
        assert bench_set.add_rows(table, added.to_dict("records")) > 0
    resplit(bench_set)
    again = open_protocol(bench_set, "sunglasses", 1)
    assert (again.hash, again.recipes) == (first.hash, first.recipes)
    assert data_hash(bench_set, again.recipes) == data_before


def test_the_frozen_rule_holds_when_the_rule_changes(bench_set: OcclusionSet, small_rules: Rules) -> None:
    first = open_protocol(bench_set, "types", 1)
    small_rules["types"] = replace(small_rules["types"], count=99, size=128, seed=1)
    again = open_protocol(bench_set, "types", 1)
    assert again.rule == first.rule
    assert (again.rule.size, again.rule.types["both"]) == (64, ("mask", "sunglasses"))


def test_the_same_seed_gives_the_same_recipes_in_a_fresh_copy_and_with_more_workers(
    bench_set: OcclusionSet, copy_set: Callable[[str], OcclusionSet], small_rules: Rules
) -> None:
    small_rules["types"] = replace(small_rules["types"], count=60)  # three chunks for two workers
    first, second = open_protocol(bench_set, "types", 1), open_protocol(copy_set("fresh"), "types", 2)
    assert first.recipes == second.recipes
    assert first.path.read_bytes() == second.path.read_bytes()
    small_rules["types"] = replace(small_rules["types"], seed=3)
    assert open_protocol(copy_set("other"), "types", 1).hash != first.hash


@pytest.mark.parametrize("name", ["sunglasses", "types"])
def test_only_the_test_split_is_used(bench_set: OcclusionSet, name: str) -> None:
    recipes = open_protocol(bench_set, name, 1).recipes
    for table, used in (
        (bench_set.faces, {recipe.face for recipe in recipes}),
        (bench_set.occluders, layers_of(recipes, "occluder")),
        (bench_set.textures, layers_of(recipes, "texture")),
    ):
        splits = dict(zip(table["id"], table["split"], strict=True))
        assert {splits[item] for item in used} <= {"test"}
    assert layers_of(recipes, "occluder")


def test_layers_are_of_the_categories_of_their_type(bench_set: OcclusionSet) -> None:
    category = dict(zip(bench_set.occluders["id"], bench_set.occluders["category"], strict=True))
    protocol = open_protocol(bench_set, "types", 1)
    for recipe in protocol.recipes:
        assert tuple(category[layer.occluder] for layer in recipe.layers) == protocol.rule.types[recipe.type]


@pytest.mark.parametrize("worn", ["dark", "clear"])
def test_faces_with_glasses_of_their_own_are_left_out(bench_set: OcclusionSet, worn: str) -> None:
    faces = bench_set.faces.copy()
    test = sorted(faces.loc[faces["split"] == "test", "id"])
    faces.loc[faces["id"].isin(test[1:]), "flags"] = json.dumps({"eyeglasses": worn})
    bench_set.write("faces", faces)
    assert {recipe.face for recipe in open_protocol(bench_set, "sunglasses", 1).recipes} == {test[0]}


def test_a_set_where_everybody_wears_glasses_says_what_to_add(bench_set: OcclusionSet) -> None:
    bench_set.write("faces", bench_set.faces.assign(flags=json.dumps({"eyeglasses": "clear"})))
    with pytest.raises(OccsetError, match=r"no face without glasses in the split 'test': add more faces"):
        open_protocol(bench_set, "sunglasses", 1)


def count_faces(make_set: MakeSet, test_faces: int, monkeypatch: pytest.MonkeyPatch, count: int) -> list[Recipe]:
    """The recipes of `types` on a set of so many test faces, without rendering any."""
    data = make_set(f"set-{test_faces}", faces=test_faces)
    for table in ("faces", "occluders"):
        data.write(table, getattr(data, table).assign(split="test"))
    rules = frozen.published()
    changed = {**rules, "types": replace(rules["types"], count=count, size=32)}
    monkeypatch.setattr(frozen, "published", lambda: changed)
    return open_protocol(data, "types", 1).recipes


@pytest.mark.parametrize("test_faces", [4, 5, 6, 7, 9, 10, 14])
def test_types_come_as_often_as_each_other_and_so_do_faces(
    make_set: MakeSet, monkeypatch: pytest.MonkeyPatch, test_faces: int
) -> None:
    recipes = count_faces(make_set, test_faces, monkeypatch, 100)
    types = Counter(recipe.type for recipe in recipes)
    assert len(types) == 5
    assert max(types.values()) - min(types.values()) <= 1
    faces = Counter(recipe.face for recipe in recipes)
    assert len(faces) == test_faces
    assert max(faces.values()) - min(faces.values()) <= 2
    met = pd.crosstab([r.face for r in recipes], [r.type for r in recipes])
    assert (met > 0).all(axis=None), "every face meets every type"


def test_the_first_samples_cover_all_types_and_as_many_faces_as_can_be(
    make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipes = count_faces(make_set, 12, monkeypatch, 40)[:10]
    assert Counter(recipe.type for recipe in recipes) == dict.fromkeys(frozen.published()["types"].types, 2)
    assert len({recipe.face for recipe in recipes}) == 10


def test_a_missing_category_is_named_with_its_remedy(bench_set: OcclusionSet) -> None:
    occluders = bench_set.occluders
    bench_set.write("occluders", occluders[occluders["category"] != "hand"])
    with pytest.raises(OccsetError, match=r"'hand'.*category 'hand'.*split 'test'.*add more occluders"):
        open_protocol(bench_set, "types", 1)
    assert not list(bench_set.path.glob("protocols/*")), "nothing half-written stays"


def test_a_set_without_test_faces_says_what_to_add(bench_set: OcclusionSet) -> None:
    bench_set.write("faces", bench_set.faces.assign(split="train"))
    with pytest.raises(OccsetError, match="split 'test': add"):
        open_protocol(bench_set, "sunglasses", 1)


def test_an_unknown_protocol_suggests(bench_set: OcclusionSet) -> None:
    with pytest.raises(UnknownName, match="did you mean sunglasses"):
        open_protocol(bench_set, "sunglases", 1)


def rewrite(path: Path, recipes: list[Recipe], **changed: str) -> None:
    note = {k: v for k, v in read_metadata(path).items() if k in ("hash", "rule")} | changed
    write_atomic(path, recipes_to_bytes(recipes, {k: v for k, v in note.items() if v}))


@pytest.mark.parametrize("edit", ["order", "fewer", "type", "unhashed", "no rule", "rule", "size"])
def test_an_edited_protocol_is_refused(bench_set: OcclusionSet, edit: str) -> None:
    frozen = open_protocol(bench_set, "types", 1)
    recipes, rule = frozen.recipes, json.loads(read_metadata(frozen.path)["rule"])
    if edit == "order":
        rewrite(frozen.path, recipes[::-1])
    elif edit == "fewer":
        rewrite(frozen.path, recipes[:-1])
    elif edit == "type":
        rewrite(frozen.path, [replace(recipes[0], type="hand"), *recipes[1:]])
    elif edit == "unhashed":
        rewrite(frozen.path, recipes, hash="")
    elif edit == "no rule":
        rewrite(frozen.path, recipes, rule="")
    elif edit == "rule":
        rewrite(frozen.path, recipes, rule='{"surprise": 1}')
    else:
        rewrite(frozen.path, recipes, rule=json.dumps({**rule, "size": 128}))
    with pytest.raises(BadInput, match=r"types\.parquet: .*restore the file"):
        open_protocol(bench_set, "types", 1)


def test_a_recipe_that_was_edited_in_place_is_refused(bench_set: OcclusionSet) -> None:
    path = open_protocol(bench_set, "sunglasses", 1).path
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[3]["layers"][0]["flip"] = not rows[3]["layers"][0]["flip"]
    edited = type(table).from_pylist(rows, schema=table.schema)
    pq.write_table(edited, path)
    with pytest.raises(BadInput, match="edited"):
        open_protocol(bench_set, "sunglasses", 1)


def test_half_a_file_is_refused(bench_set: OcclusionSet) -> None:
    path = open_protocol(bench_set, "sunglasses", 1).path
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BadInput, match=r"sunglasses\.parquet: not a readable recipe file"):
        open_protocol(bench_set, "sunglasses", 1)


def test_progress_reaches_the_end(bench_set: OcclusionSet) -> None:
    seen: list[tuple[int, int]] = []
    open_protocol(bench_set, "sunglasses", 1, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (24, 24)


@pytest.mark.parametrize("column", ["sha256", "mask", "landmarks"])
def test_the_data_hash_follows_the_faces_that_are_used(bench_set: OcclusionSet, column: str) -> None:
    recipes = open_protocol(bench_set, "sunglasses", 1).recipes
    before = data_hash(bench_set, recipes)
    faces = bench_set.faces.copy()
    used, unused = (
        faces.index[faces["id"].isin([r.face for r in recipes]) == is_used][:2] for is_used in (True, False)
    )

    def swap(rows: pd.Index) -> None:
        changed = faces.copy()
        a, b = changed.at[rows[0], column], changed.at[rows[1], column]
        if column == "landmarks":
            b = [value + 1 for value in b]
        changed.at[rows[0], column], changed.at[rows[1], column] = b, a
        bench_set.write("faces", changed)

    swap(unused)
    assert data_hash(bench_set, recipes) == before
    swap(used)
    assert data_hash(bench_set, recipes) != before


def test_the_data_hash_follows_the_truth_that_a_task_names(bench_set: OcclusionSet) -> None:
    recipes = open_protocol(bench_set, "sunglasses", 1).recipes
    without = data_hash(bench_set, recipes)
    used = recipes[0].face
    faces = bench_set.faces.copy()
    faces["truth"] = faces["truth"].astype(object)
    faces.loc[faces["id"] == used, "truth"] = "truth/one.npz"
    bench_set.write("faces", faces)

    def store(**arrays: object) -> tuple[str, str]:
        (bench_set.path / "truth").mkdir(exist_ok=True)
        np.savez(bench_set.path / "truth" / "one.npz", **{k.replace("__", "/"): np.array(v) for k, v in arrays.items()})
        opened = OcclusionSet(bench_set.path)
        return data_hash(opened, recipes), data_hash(opened, recipes, ("coefficients/",))

    plain, first = store(coefficients__shape=[1.0, 2.0], bare=[1])
    assert plain == without, "tasks that do not look at it keep their results"
    assert first != without
    assert store(coefficients__shape=[1.0, 2.0], bare=[2]) == (without, first), "not named, not part of it"
    for changed in ([1.0, 2.5], [[1.0, 2.0]]):
        assert store(coefficients__shape=changed, bare=[1])[1] != first
    assert store(coefficients__pose=[1.0, 2.0], bare=[1])[1] != first


@pytest.mark.parametrize("table", ["faces", "occluders"])
def test_an_item_that_was_removed_is_named(bench_set: OcclusionSet, table: str) -> None:
    recipes = open_protocol(bench_set, "sunglasses", 1).recipes
    lost = recipes[0].face if table == "faces" else recipes[0].layers[0].occluder
    frame = getattr(bench_set, table)
    bench_set.write(table, frame[frame["id"] != lost])
    with pytest.raises(BadInput, match=f"{table} that the set no longer holds, such as {lost}: add their source again"):
        data_hash(bench_set, recipes)


def test_drawing_does_not_depend_on_chunks(bench_set: OcclusionSet) -> None:
    recipes = open_protocol(bench_set, "types", 1).recipes
    rule = frozen.published()["types"]
    plan = frozen.Plan(split="test", size=64, types={n: (c, 1.0) for n, c in rule.types.items()}, types_in_turn=True)
    assert Drawer(bench_set, plan, rule.seed).draw(17) == recipes[17]


# -- segmentation


def keep(data: OcclusionSet, *categories: str) -> OcclusionSet:
    """The set with cut-outs of these categories alone, all of them, and all faces, in the test split."""
    data.write("occluders", data.occluders[data.occluders["category"].isin(categories)].assign(split="test"))
    data.write("faces", data.faces.assign(split="test"))
    return data


def test_segmentation_takes_bare_faces_and_every_kind_of_occluder_in_turn(bench_set: OcclusionSet) -> None:
    protocol = open_protocol(keep(bench_set, "sunglasses", "mask", "hand", "hair", "object"), "segmentation", 1)
    assert protocol.rule.task == "segmentation"
    assert protocol.rule.left_out == ("scarf", "hat")
    kinds = ["bare", "sunglasses", "mask", "both", "hand", "hair", "object"]
    assert [recipe.type for recipe in protocol.recipes] == (kinds * 4)[:24]
    category = dict(zip(bench_set.occluders["id"], bench_set.occluders["category"], strict=True))
    for recipe in protocol.recipes:
        assert tuple(category[layer.occluder] for layer in recipe.layers) == protocol.rule.types[recipe.type]
    again = open_protocol(OcclusionSet(bench_set.path), "segmentation", 1)
    assert (again.rule, again.recipes, again.hash) == (protocol.rule, protocol.recipes, protocol.hash)


def test_what_was_left_out_stays_so_when_the_set_grows(bench_set: OcclusionSet) -> None:
    whole = bench_set.occluders.assign(split="test")
    first = open_protocol(keep(bench_set, "hand"), "segmentation", 1)
    assert list(first.rule.types) == ["bare", "hand"]
    bench_set.write("occluders", whole)
    again = open_protocol(bench_set, "segmentation", 1)
    assert (list(again.rule.types), again.rule.left_out) == (["bare", "hand"], first.rule.left_out)


def test_faces_with_glasses_are_segmented(bench_set: OcclusionSet) -> None:
    bench_set.write("faces", bench_set.faces.assign(flags=json.dumps({"eyeglasses": "clear"})))
    test = set(bench_set.faces.loc[bench_set.faces["split"] == "test", "id"])
    assert {recipe.face for recipe in open_protocol(bench_set, "segmentation", 1).recipes} == test


def test_no_sample_comes_twice_however_few_the_faces(
    make_set: MakeSet, monkeypatch: pytest.MonkeyPatch, small_rules: Rules
) -> None:
    data = keep(make_set("few", faces=3), "hand", "hair")
    small_rules["segmentation"] = replace(small_rules["segmentation"], count=50)
    recipes = open_protocol(data, "segmentation", 1).recipes
    assert len({recipe.sample for recipe in recipes}) == len(recipes) == 50
    counts = Counter(recipe.type for recipe in recipes)
    assert counts["bare"] == 3, "each face once"
    assert abs(counts["hand"] - counts["hair"]) <= 1
    fresh = make_set("again", faces=3)
    assert open_protocol(keep(fresh, "hand", "hair"), "segmentation", 2).recipes == recipes


@pytest.mark.parametrize("name", ["natural", "segmentation"])
@pytest.mark.parametrize("lacks", ["occluders", "landmarks"])
def test_bare_faces_alone_are_each_shown_once(bench_set: OcclusionSet, name: str, lacks: str) -> None:
    keep(bench_set, *(["hand"] if lacks == "landmarks" else []))
    if lacks == "landmarks":
        bench_set.write("faces", bench_set.faces.assign(landmarks=None))
    protocol = open_protocol(bench_set, name, 1)
    assert protocol.rule.count == len(protocol.recipes) == 20
    assert {recipe.face for recipe in protocol.recipes} == set(bench_set.faces["id"])
    assert all(recipe.layers == () and recipe.type == "bare" and recipe.size == 64 for recipe in protocol.recipes)
    assert [r.face for r in protocol.recipes] != sorted(bench_set.faces["id"]), "drawn, not in the order of the table"
    assert len(data_hash(bench_set, protocol.recipes)) == 64


def test_no_labelled_test_face_says_what_to_add(bench_set: OcclusionSet) -> None:
    bench_set.write("faces", bench_set.faces.assign(mask=None))
    with pytest.raises(OccsetError, match="no labelled face in the split 'test': add faces that have masks"):
        open_protocol(bench_set, "segmentation", 1)


def test_a_protocol_of_de_occlusion_frozen_before_there_were_tasks_is_read(bench_set: OcclusionSet) -> None:
    frozen = open_protocol(bench_set, "types", 1)
    rule = json.loads(read_metadata(frozen.path)["rule"])
    old = {key: value for key, value in rule.items() if key not in ("task", "left_out")}
    rewrite(frozen.path, frozen.recipes, rule=json.dumps(old))
    again = open_protocol(bench_set, "types", 1)
    assert (again.rule, again.recipes, again.hash) == (frozen.rule, frozen.recipes, frozen.hash)


def turn(data: OcclusionSet, yaws: dict[str, float], model: str = "made-up", poor: str = "") -> None:
    """Give faces fits that turn them by so many degrees; the one of the face ``poor`` is not to be trusted."""
    layout = Layout(2, 1, 1)
    rows = [
        {
            "face": face,
            "vector": np.concatenate([[0.1, np.radians(yaw)], np.zeros(layout.size - 2)]),
            "stage": "photometry",
            "residual": 0.1,
            "landmark_error": 0.01,
            "share": 1.0,
            "problem": "the residual is high" if face == poor else "",
        }
        for face, yaw in yaws.items()
    ]
    Fits(data, model, 64 * "0", layout).add(rows)


def test_large_yaw_shows_the_faces_that_good_fits_turn_far(bench_set: OcclusionSet) -> None:
    with pytest.raises(OccsetError, match=r"no test face has a fit that tells how it is turned: run occset fit .*set"):
        open_protocol(bench_set, "large-yaw", 1)
    left, right, poor, dark = bare_faces(bench_set)
    flags = bench_set.faces.set_index("id")["flags"]
    flags[dark] = json.dumps({"eyeglasses": "dark"})
    bench_set.write("faces", bench_set.faces.assign(flags=flags.to_list()))
    (train, *_) = usable_faces(bench_set, "train")
    turn(bench_set, {left: -31, right: 45, poor: 50, dark: 60, train: 70}, poor=poor)
    found = open_protocol(bench_set, "large-yaw", 1)
    assert {recipe.face for recipe in found.recipes} == {left, right}
    assert {recipe.type for recipe in found.recipes} == {"sunglasses"}
    assert found.rule.count == len(found.recipes) == 24
    assert fit_to_set(bench_set, replace(found.rule, count=1000)).count == 2 * 25
    turn(bench_set, {left: -28.8, right: 20}, model="another")
    assert yaws(bench_set)[left] == pytest.approx(-29.9, abs=1e-4)
    assert turned_faces(bench_set) == [right]
    turn(bench_set, {right: 10}, model="another")
    with pytest.raises(OccsetError, match="no labelled test face without glasses is turned by more than 30 degrees"):
        turned_faces(bench_set)


def test_a_broken_file_of_fits_is_named(bench_set: OcclusionSet) -> None:
    path = bench_set.path / "fits" / "made-up-0-9.parquet"
    path.parent.mkdir()
    path.write_bytes(b"no table")
    with pytest.raises(BadInput, match=r"made-up-0-9.parquet: not a readable file of fits .*: delete the file"):
        open_protocol(bench_set, "large-yaw", 1)
    pd.DataFrame({"face": ["a"], "vector": [[0.0]], "problem": [""]}).to_parquet(path)
    with pytest.raises(BadInput, match=r"made-up-0-9.parquet: not a readable file of fits .*: delete the file"):
        open_protocol(bench_set, "large-yaw", 1)
