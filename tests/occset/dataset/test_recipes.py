from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from occset.composition.compose import assert_fits, blend, cover
from occset.dataset import recipes
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Layer, Recipe
from occset.pictures.images import pixel_hash
from occset.samples.draw import Drawer, Plan
from occset.samples.render import Renderer
from occset.support.errors import BadInput, OccsetError

PLAN = Plan(split="train", size=128)


@pytest.fixture(scope="module")
def drawn(plain_set: OcclusionSet) -> list[Recipe]:
    drawer = Drawer(plain_set, PLAN, seed=3)
    return [drawer.draw(i) for i in range(40)]


def test_every_sample_satisfies_eq2_to_the_bit(plain_set: OcclusionSet, drawn: list[Recipe]) -> None:
    renderer = Renderer(plain_set)
    for recipe in drawn:
        sample = renderer.render(recipe)
        assert_fits(sample)
        assert np.array_equal(sample.image, blend(sample.clean, sample.occluder, sample.alpha))
        assert np.array_equal(sample.face_soft, cover(sample.clean_mask, sample.alpha))
        assert np.array_equal(sample.face > 0, (sample.clean_mask > 0) & (sample.occlusion == 0))
        assert sample.hidden >= 0.02


def test_both_layers_satisfy_eq2(plain_set: OcclusionSet) -> None:
    plan = Plan(size=128, types={"both": (("mask", "sunglasses"), 1.0)})
    drawer = Drawer(plain_set, plan, seed=1)
    for i in range(10):
        recipe = drawer.draw(i)
        assert len(recipe.layers) == 2
        assert_fits(drawer.renderer.render(recipe))


def test_the_same_seed_draws_the_same_and_another_does_not(plain_set: OcclusionSet, drawn: list[Recipe]) -> None:
    again = Drawer(plain_set, PLAN, seed=3)
    assert [again.draw(i) for i in (39, 7, 0)] == [drawn[39], drawn[7], drawn[0]]
    assert Drawer(plain_set, PLAN, seed=4).draw(0) != drawn[0]


def test_only_the_split_is_drawn_from(plain_set: OcclusionSet, drawn: list[Recipe]) -> None:
    rows = plain_set.occluders.set_index("id")["split"]
    assert {rows[layer.occluder] for r in drawn for layer in r.layers} == {"train"}
    faces = plain_set.faces.set_index("id")["split"]
    assert {faces[r.face] for r in drawn} == {"train"}
    textures = plain_set.textures.set_index("id")["split"]
    used = {layer.texture for r in drawn for layer in r.layers if layer.texture}
    assert used
    assert {textures[t] for t in used} == {"train"}


def test_faces_are_used_in_turn(plain_set: OcclusionSet, drawn: list[Recipe]) -> None:
    count = (plain_set.faces["split"] == "train").sum()
    assert len({r.face for r in drawn[:count]}) == count


def test_types_in_turn_reach_every_face(plain_set: OcclusionSet) -> None:
    plan = Plan(size=64, types={"a": (("mask",), 1.0), "b": (("hand",), 1.0)}, types_in_turn=True)
    drawer = Drawer(plain_set, plan)
    drawn = [drawer.draw(i) for i in range(2 * len(drawer.faces))]
    met = {(r.face, r.type) for r in drawn if r.draw < 20}
    assert len(met) > 1.5 * len(drawer.faces)


def test_parquet_and_back(tmp_path: Path, drawn: list[Recipe]) -> None:
    data = recipes.recipes_to_bytes(drawn, {"hash": recipes.hash_recipes(drawn)})
    assert data == recipes.recipes_to_bytes(drawn, {"hash": recipes.hash_recipes(drawn)})
    path = tmp_path / "with=sign.parquet"
    path.write_bytes(data)
    assert recipes.read_recipes(path) == drawn
    assert recipes.read_recipes(path, 5, 9) == drawn[5:9]
    assert recipes.read_metadata(path)["hash"] == recipes.hash_recipes(drawn)


def test_an_edited_row_is_noticed(drawn: list[Recipe]) -> None:
    rows = recipes.to_frame(drawn[:1]).to_dict("records")
    rows[0]["size"] = 64
    with pytest.raises(BadInput, match="does not match its own id"):
        list(recipes.from_rows(rows))


def test_a_row_is_small(drawn: list[Recipe]) -> None:
    many = drawn * 50
    assert len(recipes.recipes_to_bytes(many)) / len(many) < 120


def test_another_process_gives_the_same_bytes(tmp_path: Path, plain_set: OcclusionSet, drawn: list[Recipe]) -> None:
    path = tmp_path / "r.parquet"
    path.write_bytes(recipes.recipes_to_bytes(drawn[:8]))
    code = (
        "import sys, json\n"
        "from occset.dataset.occlusion_set import OcclusionSet\nfrom occset.pictures.images import pixel_hash\n"
        "from occset.dataset.recipes import read_recipes\nfrom occset.samples.render import Renderer\n"
        "from pathlib import Path\n"
        "r = Renderer(OcclusionSet(sys.argv[1]))\n"
        "s = [r.render(x) for x in read_recipes(Path(sys.argv[2]))]\n"
        "print(json.dumps([[pixel_hash(a) for a in (x.image, x.alpha, x.face_soft, x.clean)] for x in s]))"
    )
    out = subprocess.run([sys.executable, "-c", code, plain_set.path, path], capture_output=True, check=True, text=True)
    renderer = Renderer(OcclusionSet(plain_set.path))
    here = [renderer.render(r) for r in drawn[:8]]
    assert json.loads(out.stdout) == [[pixel_hash(a) for a in (x.image, x.alpha, x.face_soft, x.clean)] for x in here]


def test_a_category_that_is_missing_is_said(plain_set: OcclusionSet) -> None:
    with pytest.raises(OccsetError, match="'scarf' in the split 'train'"):
        Drawer(plain_set, Plan(types={"x": (("scarf",), 1.0)}))


def test_no_face_in_the_split_is_said(plain_set: OcclusionSet) -> None:
    with pytest.raises(
        OccsetError, match=r"no labelled face .*photos and ffhq bring no masks; .* celebamask-hq or builtin"
    ):
        Drawer(plain_set, Plan(split="nowhere"))


def _layers(recipe: Recipe, count: int) -> tuple[Layer, ...]:
    """The recipe with so many layers, of which no two lie alike."""
    (layer, *_), rng = recipe.layers, np.random.default_rng(count)
    return tuple(
        dataclasses.replace(layer, warp=tuple(int(v) for v in rng.integers(-(1 << 20), 1 << 20, 8)))
        for _ in range(count)
    )


@pytest.mark.parametrize(
    ("layers", "size", "says"),
    [
        (300, 4096, "row 0: a sample of 300 layers: it has at most 32"),
        (33, 16, "row 0: a sample of 33 layers: it has at most 32"),
        (9, 4096, "row 0: a sample of 9 layers at 4096 x 4096 pixels: at that size it has at most 8"),
        (32, 2100, "row 0: a sample of 32 layers at 2100 x 2100 pixels: at that size it has at most 30"),
        (1, 4097, "row 0: a sample of 4097 pixels: sizes go from 1 to 4096"),
        (1, 0, "row 0: a sample of 0 pixels"),
        (99_900, 16, "in 1 rows, more than 1024 for each"),
    ],
)
def test_what_would_take_the_machine_is_refused_by_name(
    tmp_path: Path, drawn: list[Recipe], layers: int, size: int, says: str
) -> None:
    path = tmp_path / "recipes.parquet"
    row = recipes.to_frame([dataclasses.replace(drawn[0], layers=_layers(drawn[0], min(layers, 300)), size=size)])
    row["layers"] = [list(row["layers"][0]) * (layers // min(layers, 300))]
    path.write_bytes(recipes.to_bytes(row, recipes.SCHEMA))
    began = time.monotonic()
    with pytest.raises(BadInput, match=rf"recipes\.parquet.*{says}"):
        recipes.read_recipes(path)
    assert time.monotonic() - began < 5


def test_as_much_as_is_allowed_is_read(tmp_path: Path, drawn: list[Recipe]) -> None:
    path = tmp_path / "recipes.parquet"
    allowed = [
        dataclasses.replace(drawn[0], layers=_layers(drawn[0], count), size=size)
        for count, size in ((0, 4096), (8, 4096), (32, 2048), (32, 1))
    ]
    path.write_bytes(recipes.recipes_to_bytes(allowed))
    assert recipes.read_recipes(path) == allowed


def test_many_rows_of_one_recipe_in_a_small_file_are_refused(tmp_path: Path, drawn: list[Recipe]) -> None:
    path = tmp_path / "recipes.parquet"
    row = recipes.to_frame([dataclasses.replace(drawn[0], layers=_layers(drawn[0], 1) * 30)])
    path.write_bytes(recipes.to_bytes(row.loc[row.index.repeat(5000)], recipes.SCHEMA))
    with pytest.raises(BadInput, match=r"150000 layers in \d+ bytes cannot all be different"):
        recipes.read_recipes(path)


def test_a_plan_beyond_the_limits_is_refused_before_anything_is_drawn(plain_set: OcclusionSet) -> None:
    with pytest.raises(OccsetError, match="9 layers at 4096 x 4096"):
        Drawer(plain_set, Plan(size=4096, types={"heap": (("hand",) * 9, 1.0)}))
    with pytest.raises(OccsetError, match="40 layers: it has at most 32"):
        Drawer(plain_set, Plan(size=64, types={"heap": (("hand",) * 40, 1.0)}))
