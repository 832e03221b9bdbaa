from __future__ import annotations

import numpy as np
import pytest

from occset.dataset.recipes import recipes_to_bytes
from occset.samples.draw import Drawer, Plan
from occset.samples.explain import describe, find_recipe, strip
from occset.support.errors import BadInput, UnknownName


@pytest.fixture
def with_recipes(copy_set):
    data = copy_set()
    plan = Plan(size=64, types={"both": (("mask", "sunglasses"), 1.0)})
    drawer = Drawer(data, plan)
    drawn = [drawer.draw(i) for i in range(20)]
    (data.path / "recipes").mkdir()
    (data.path / "recipes" / "a.parquet").write_bytes(recipes_to_bytes(drawn))
    return data, drawer, drawn


def test_a_recipe_is_found_by_its_beginning(with_recipes):
    data, _, drawn = with_recipes
    assert find_recipe(data, drawn[7].sample) == drawn[7]
    assert find_recipe(data, drawn[7].sample[:12]) == drawn[7]


def test_what_is_not_there_or_not_one_is_said(with_recipes, plain_set):
    data, _, drawn = with_recipes
    with pytest.raises(
        UnknownName, match=f"no sample is called '{drawn[0].sample[:-1]}x': did you mean {drawn[0].sample}"
    ):
        find_recipe(data, drawn[0].sample[:-1] + "x")
    with pytest.raises(UnknownName, match="no sample is called ''"):
        find_recipe(data, "")
    with pytest.raises(UnknownName, match="none yet: run occset bench"):
        find_recipe(plain_set, "abc")


def test_a_rendering_outside_the_set_is_searched_by_its_file(with_recipes, plain_set, tmp_path):
    data, _, drawn = with_recipes
    file = data.path / "recipes" / "a.parquet"
    assert find_recipe(plain_set, drawn[3].sample, file) == drawn[3]
    with pytest.raises(BadInput, match=r"none\.parquet"):
        find_recipe(plain_set, "x", tmp_path / "none.parquet")


def test_the_words_say_what_the_recipe_holds(with_recipes):
    data, drawer, drawn = with_recipes
    recipe = drawn[2]
    lines = dict(describe(data, recipe, drawer.renderer.render(recipe)))
    assert lines["sample"] == recipe.sample
    assert recipe.face in lines["face"] and "split train" in lines["face"]
    assert lines["size"] == "64 x 64 pixels"
    assert lines["hides"].endswith("% of the face")
    assert lines["layer 1"].startswith(f"mask {recipe.layers[0].occluder}")
    assert lines["layer 2"].startswith(f"sunglasses {recipe.layers[1].occluder}")
    assert ("mirrored" in lines["layer 1"]) == recipe.layers[0].flip


def test_the_strip_shows_five_pictures(with_recipes):
    _, drawer, drawn = with_recipes
    sample = drawer.renderer.render(drawn[0])
    shown = strip(sample)
    assert shown.shape == (64, 320, 3) and shown.dtype == np.uint8
    assert np.array_equal(shown[:, :64], sample.clean)
    assert np.array_equal(shown[:, 128:192, 0], sample.alpha)
    assert np.array_equal(shown[:, 192:256], sample.image)
    assert np.array_equal(shown[:, 256:, 0], sample.face)
    assert (shown[:, 64:128][sample.alpha == 0] == 255).all()
