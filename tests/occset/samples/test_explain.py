from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe, read_recipes, recipes_to_bytes
from occset.samples.draw import Drawer, Plan
from occset.samples.explain import describe, find_recipe, strip
from occset.samples.export import KINDS, export
from occset.samples.job import Job
from occset.support.errors import BadInput, UnknownName


@pytest.fixture
def with_recipes(copy_set: Callable[..., OcclusionSet]) -> tuple[OcclusionSet, Drawer, list[Recipe]]:
    data = copy_set()
    plan = Plan(size=64, types={"both": (("mask", "sunglasses"), 1.0)})
    drawer = Drawer(data, plan)
    drawn = [drawer.draw(i) for i in range(20)]
    (data.path / "recipes").mkdir()
    (data.path / "recipes" / "a.parquet").write_bytes(recipes_to_bytes(drawn))
    return data, drawer, drawn


def test_a_recipe_is_found_by_its_beginning(with_recipes: tuple[OcclusionSet, Drawer, list[Recipe]]) -> None:
    data, _, drawn = with_recipes
    assert find_recipe(data, drawn[7].sample) == drawn[7]
    assert find_recipe(data, drawn[7].sample[:12]) == drawn[7]


def test_what_is_not_there_or_not_one_is_said(
    with_recipes: tuple[OcclusionSet, Drawer, list[Recipe]], plain_set: OcclusionSet
) -> None:
    data, _, drawn = with_recipes
    with pytest.raises(
        UnknownName, match=f"no sample is called '{drawn[0].sample[:-1]}x': did you mean {drawn[0].sample}"
    ):
        find_recipe(data, drawn[0].sample[:-1] + "x")
    with pytest.raises(UnknownName, match="no sample is called ''"):
        find_recipe(data, "")
    with pytest.raises(UnknownName, match="none yet: run occset bench"):
        find_recipe(plain_set, "abc")


def test_a_rendering_outside_the_set_is_searched_by_its_file(
    with_recipes: tuple[OcclusionSet, Drawer, list[Recipe]], plain_set: OcclusionSet, tmp_path: Path
) -> None:
    data, _, drawn = with_recipes
    file = data.path / "recipes" / "a.parquet"
    assert find_recipe(plain_set, drawn[3].sample, file) == drawn[3]
    with pytest.raises(BadInput, match=r"none\.parquet"):
        find_recipe(plain_set, "x", tmp_path / "none.parquet")


def test_the_words_say_what_the_recipe_holds(with_recipes: tuple[OcclusionSet, Drawer, list[Recipe]]) -> None:
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


def test_the_strip_shows_five_pictures(with_recipes: tuple[OcclusionSet, Drawer, list[Recipe]]) -> None:
    _, drawer, drawn = with_recipes
    sample = drawer.renderer.render(drawn[0])
    shown = strip(sample)
    assert shown.shape == (64, 320, 3) and shown.dtype == np.uint8
    assert np.array_equal(shown[:, :64], sample.clean)
    assert np.array_equal(shown[:, 128:192, 0], sample.alpha)
    assert np.array_equal(shown[:, 192:256], sample.image)
    assert np.array_equal(shown[:, 256:, 0], sample.face)
    assert (shown[:, 64:128][sample.alpha == 0] == 255).all()


@pytest.fixture
def rendering(copy_set: Callable[..., OcclusionSet], tmp_path: Path) -> tuple[OcclusionSet, Path, list[Recipe]]:
    """A set, the folder of a rendering of it, which is not beside it, and its recipes."""
    data = copy_set("sets/one")
    out = tmp_path / "work" / "samples"
    recipes = read_recipes(export(data, Job(40, Plan(size=64)), out, workers=1))
    return data, out, recipes


def test_what_render_wrote_is_found_by_id_and_by_file_name(
    rendering: tuple[OcclusionSet, Path, list[Recipe]], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, out, recipes = rendering
    recipe = recipes[17]
    pictures = [out / kind / f"000017_{recipe.sample}.png" for kind in KINDS]
    for picture in pictures:  # from anywhere
        assert find_recipe(data, str(picture)) == recipe
    assert find_recipe(data, recipe.sample[:9], out) == recipe
    assert find_recipe(data, pictures[0].name, out / "recipes.parquet") == recipe
    with pytest.raises(UnknownName):
        find_recipe(data, recipe.sample)
    monkeypatch.chdir(out / "image")
    assert find_recipe(data, pictures[0].name) == recipe
    monkeypatch.chdir(out)
    assert find_recipe(data, recipe.sample) == recipe
    monkeypatch.chdir(out.parent)
    name = pictures[2].name
    for given in (recipe.sample, recipe.sample[:9], name, pictures[2].stem, f"samples/face/{name}"):
        assert find_recipe(data, given) == recipe


def test_a_rendering_that_was_cut_off_is_searched_too(
    rendering: tuple[OcclusionSet, Path, list[Recipe]], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, out, recipes = rendering
    (out / "parts").mkdir()
    (out / "parts" / "000000000.parquet").write_bytes(recipes_to_bytes(recipes[:32]))
    (out / "recipes.parquet").unlink()
    monkeypatch.chdir(out.parent)
    assert find_recipe(data, recipes[30].sample) == recipes[30]
    with pytest.raises(UnknownName):
        find_recipe(data, recipes[35].sample)


def test_what_belongs_to_another_set_or_is_none_is_passed_over(
    rendering: tuple[OcclusionSet, Path, list[Recipe]],
    drawn_set: Callable[..., OcclusionSet],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data, out, recipes = rendering
    torn = out.parent / "torn"
    torn.mkdir()
    (torn / "render.json").write_text("{}")
    (torn / "recipes.parquet").write_bytes(b"PAR1")
    monkeypatch.chdir(out.parent)
    assert find_recipe(data, recipes[3].sample) == recipes[3]
    with pytest.raises(UnknownName, match="none yet: run occset bench, or give --recipes OUT"):
        find_recipe(drawn_set("other"), recipes[3].sample)
    with pytest.raises(BadInput, match=r"torn.recipes\.parquet"):
        find_recipe(data, recipes[3].sample, torn)
