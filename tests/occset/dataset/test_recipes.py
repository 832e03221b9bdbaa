import json
import subprocess
import sys

import numpy as np
import pytest

from occset.composition.compose import assert_fits, blend, cover
from occset.dataset import recipes
from occset.dataset.occlusion_set import OcclusionSet
from occset.pictures.images import pixel_hash
from occset.samples.draw import Drawer, Plan
from occset.samples.render import Renderer
from occset.support.errors import BadInput, OccsetError

PLAN = Plan(split="train", size=128)


@pytest.fixture(scope="module")
def drawn(plain_set):
    drawer = Drawer(plain_set, PLAN, seed=3)
    return [drawer.draw(i) for i in range(40)]


def test_every_sample_satisfies_eq2_to_the_bit(plain_set, drawn):
    renderer = Renderer(plain_set)
    for recipe in drawn:
        sample = renderer.render(recipe)
        assert_fits(sample)
        assert np.array_equal(sample.image, blend(sample.clean, sample.occluder, sample.alpha))
        assert np.array_equal(sample.face_soft, cover(sample.clean_mask, sample.alpha))
        assert np.array_equal(sample.face > 0, (sample.clean_mask > 0) & (sample.occlusion == 0))
        assert sample.hidden >= 0.02


def test_both_layers_satisfy_eq2(plain_set):
    plan = Plan(size=128, types={"both": (("mask", "sunglasses"), 1.0)})
    drawer = Drawer(plain_set, plan, seed=1)
    for i in range(10):
        recipe = drawer.draw(i)
        assert len(recipe.layers) == 2
        assert_fits(drawer.renderer.render(recipe))


def test_the_same_seed_draws_the_same_and_another_does_not(plain_set, drawn):
    again = Drawer(plain_set, PLAN, seed=3)
    assert [again.draw(i) for i in (39, 7, 0)] == [drawn[39], drawn[7], drawn[0]]
    assert Drawer(plain_set, PLAN, seed=4).draw(0) != drawn[0]


def test_only_the_split_is_drawn_from(plain_set, drawn):
    rows = plain_set.occluders.set_index("id")["split"]
    assert {rows[layer.occluder] for r in drawn for layer in r.layers} == {"train"}
    faces = plain_set.faces.set_index("id")["split"]
    assert {faces[r.face] for r in drawn} == {"train"}
    textures = plain_set.textures.set_index("id")["split"]
    used = {layer.texture for r in drawn for layer in r.layers if layer.texture}
    assert used
    assert {textures[t] for t in used} == {"train"}


def test_faces_are_used_in_turn(plain_set, drawn):
    count = (plain_set.faces["split"] == "train").sum()
    assert len({r.face for r in drawn[:count]}) == count


def test_types_in_turn_reach_every_face(plain_set):
    plan = Plan(size=64, types={"a": (("mask",), 1.0), "b": (("hand",), 1.0)}, types_in_turn=True)
    drawer = Drawer(plain_set, plan)
    drawn = [drawer.draw(i) for i in range(2 * len(drawer.faces))]
    met = {(r.face, r.type) for r in drawn if r.draw < 20}
    assert len(met) > 1.5 * len(drawer.faces)


def test_parquet_and_back(tmp_path, drawn):
    data = recipes.recipes_to_bytes(drawn, {"hash": recipes.hash_recipes(drawn)})
    assert data == recipes.recipes_to_bytes(drawn, {"hash": recipes.hash_recipes(drawn)})
    path = tmp_path / "with=sign.parquet"
    path.write_bytes(data)
    assert recipes.read_recipes(path) == drawn
    assert recipes.read_recipes(path, 5, 9) == drawn[5:9]
    assert recipes.read_metadata(path)["hash"] == recipes.hash_recipes(drawn)


def test_an_edited_row_is_noticed(drawn):
    rows = recipes.to_frame(drawn[:1]).to_dict("records")
    rows[0]["size"] = 64
    with pytest.raises(BadInput, match="does not match its own id"):
        list(recipes.from_rows(rows))


def test_a_row_is_small(drawn):
    many = drawn * 50
    assert len(recipes.recipes_to_bytes(many)) / len(many) < 120


def test_another_process_gives_the_same_bytes(tmp_path, plain_set, drawn):
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


def test_a_category_that_is_missing_is_said(plain_set):
    with pytest.raises(OccsetError, match="'scarf' in the split 'train'"):
        Drawer(plain_set, Plan(types={"x": (("scarf",), 1.0)}))


def test_no_face_in_the_split_is_said(plain_set):
    with pytest.raises(
        OccsetError, match=r"no labelled face .*photos and ffhq bring no masks; .* celebamask-hq or builtin"
    ):
        Drawer(plain_set, Plan(split="nowhere"))
