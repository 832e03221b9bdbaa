from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from occset.composition import warps
from occset.composition.categories import ANYWHERE, CATEGORIES, category
from occset.composition.compose import assert_fits, blend, cover
from occset.composition.placement import draw_warp, face_frame
from occset.dataset import recipes
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Layer, Recipe
from occset.pictures.images import pixel_hash
from occset.pictures.masks import decode_rle, encode_rle, run_total
from occset.samples.draw import MAX_DRAWS, Drawer, Plan, describe, draw_layer
from occset.samples.render import Renderer
from occset.support.errors import BadInput, OccsetError, UnknownName

POINTS = np.array([[98.0, 120], [158, 120], [128, 148], [104, 178], [152, 178]])


def forward(
    category: str,
    rng: np.random.Generator,
    cutout: tuple[int, ...] = (80, 160),
    points: np.ndarray | None = None,
    face: np.ndarray = POINTS,
    flip: bool = False,
) -> np.ndarray:
    """The affine map from (flipped) cut-out pixels to picture pixels, (3, 3)."""
    matrix, _ = draw_warp(rng, category, cutout, points, face, flip, 256)
    return np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))


def at(matrix: np.ndarray, x: float, y: float) -> np.ndarray:
    return (matrix @ [x, y, 1])[:2]


def turned(points: np.ndarray, degrees: float, centre: tuple[int, ...] = (128, 128)) -> np.ndarray:
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (points - centre) @ turn.T + centre


def test_the_frame_of_a_frontal_face() -> None:
    frame = face_frame(POINTS)
    assert np.allclose(at(frame, 0, 0), [128, 120])
    assert np.allclose(at(frame, 0.5, 0), [158, 120])
    assert np.allclose(at(frame, 0, 1), [128, 180])
    assert np.allclose(face_frame(turned(POINTS, 30)), _turned_frame(30))


def _turned_frame(degrees: float) -> np.ndarray:
    frame = face_frame(POINTS)
    origin = turned(frame[:, 2], degrees)
    return np.column_stack([turned(frame[:, 2] + frame[:, i], degrees) - origin for i in (0, 1)] + [origin])


@pytest.mark.parametrize("degrees", [0, 25, 180])
def test_sunglasses_lie_on_the_eyes_and_masks_over_the_mouth(degrees: int) -> None:
    face = turned(POINTS, degrees)
    eyes, mouth = face[:2].mean(axis=0), face[3:].mean(axis=0)
    rng = np.random.default_rng(0)
    for _ in range(50):
        glasses = forward("sunglasses", rng, face=face)
        assert np.hypot(*(at(glasses, 79.5, 39.5) - eyes)) < 12
        width = np.hypot(*(at(glasses, 159, 0) - at(glasses, 0, 0)))
        assert 100 < width < 160  # the eyes are 60 apart
        mask = np.linalg.inv(forward("mask", rng, (110, 150), face=face))
        x, y = at(mask, *mouth)
        assert 0.2 * 150 < x < 0.8 * 150 and 0.2 * 110 < y < 0.8 * 110


def test_hair_ends_above_the_eyes_and_hats_above_that() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        assert at(forward("hair", rng, (90, 170)), 85, 89)[1] < 118
        assert at(forward("hat", rng, (90, 170)), 85, 89)[1] < 112


def test_a_cutout_with_points_is_laid_by_them_flipped_or_not() -> None:
    cutout = POINTS - [60, 90]
    width, height = 140, 60
    for flip in (False, True):
        rng = np.random.default_rng(2)
        matrix = forward("sunglasses", rng, (height, width), cutout, POINTS + np.array([10, -5]), flip)
        own = cutout * [-1, 1] + [width - 1, 0] if flip else cutout
        own = own[[1, 0, 2, 4, 3]] if flip else own
        landed = np.array([at(matrix, *point) for point in own])
        assert np.abs(landed - (POINTS + np.array([10, -5]))).max() < 15


def test_a_free_category_reaches_every_part_of_the_face() -> None:
    rng = np.random.default_rng(3)
    centres = np.array([at(forward("hand", rng, (120, 90)), 44.5, 47.6) for _ in range(300)])
    spread = np.ptp(centres, axis=0)
    assert spread.min() > 80
    assert category("hand").place.free
    assert category("never heard of").place is ANYWHERE
    assert "sunglasses" in CATEGORIES


@pytest.mark.parametrize("face", [np.zeros((5, 2)), np.full((5, 2), np.nan), np.full((5, 2), 77.0)])
def test_landmarks_that_span_no_face_are_said(copy_set: Callable[..., OcclusionSet], face: np.ndarray) -> None:
    data = copy_set()
    rng, renderer = np.random.default_rng(0), Renderer(data)
    ids = sorted(data.occluders.loc[data.occluders["category"] == "sunglasses", "id"])
    with pytest.raises(OccsetError, match=r"landmarks that span no face.*occset check"):
        draw_layer(rng, renderer, "sunglasses", ids, [], face, 64)


def test_a_table_with_bad_landmarks_is_said_by_the_drawer(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    frame = data.faces.astype(object)
    frame["landmarks"] = [[0.0] * 10] * len(frame)
    data.write("faces", frame)
    with pytest.raises(OccsetError, match="landmarks that span no face"):
        Drawer(data, Plan(size=64)).draw(0)


def test_faces_that_nothing_can_hide_are_said(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    frame = data.faces.astype(object)
    frame["landmarks"] = [[float(v) for v in (POINTS + 1e7).ravel()]] * len(frame)  # far outside: beyond 32 bits, too
    data.write("faces", frame)
    with pytest.raises(OccsetError, match=r"no draw of sample 0 hides 2% of a face: are the landmarks"):
        Drawer(data, Plan(size=64)).draw(0)
    assert MAX_DRAWS == 60


def test_only_the_faces_that_were_named_are_used(plain_set: OcclusionSet) -> None:
    named = tuple(sorted(plain_set.faces.loc[plain_set.faces["split"] == "train", "id"])[:3])
    drawer = Drawer(plain_set, Plan(size=64, faces=(*named, "f-unknown")))
    assert {drawer.draw(i).face for i in range(9)} <= set(named)


def test_what_a_split_has_is_described(plain_set: OcclusionSet) -> None:
    table = describe(plain_set.occluders)
    assert table.to_numpy().sum() == len(plain_set.occluders)
    assert list(table.index) == sorted(set(plain_set.occluders["category"]))


def test_changing_a_sample_does_not_change_the_next(plain_set: OcclusionSet) -> None:
    drawer = Drawer(plain_set, Plan(size=64))
    recipe = drawer.draw(0)
    first = drawer.renderer.render(recipe)
    kept = [pixel_hash(a) for a in (first.image, first.clean, first.clean_mask)]
    first.clean[:], first.clean_mask[:] = 0, 0
    again = drawer.renderer.render(recipe)
    assert [pixel_hash(a) for a in (again.image, again.clean, again.clean_mask)] == kept


# --- any recipe that a table can hold ----------------------------------------------------------------------------------


def any_recipe(data: OcclusionSet, rng: np.random.Generator) -> Recipe:
    """A recipe that no drawer would draw: one to three layers, any warp of 32 bits, any colour, softness and offset."""
    wild = rng.random() < 0.4

    def layer() -> Layer:
        if wild:
            warp = rng.integers(-(2**31), 2**31, 8)
        else:  # on the picture, turned, stretched, bent
            scale = 65536 * np.exp(rng.uniform(-2, 2))
            linear = scale * rng.normal(size=4)
            middle = 32 * (linear[[0, 2]] + linear[[1, 3]])
            shift = rng.uniform(0, 120, 2) * 65536 - middle
            warp = [linear[0], linear[1], shift[0], linear[2], linear[3], shift[1], *rng.normal(scale=500, size=2)]
        texture = str(rng.choice(data.textures["id"])) if rng.random() < 0.5 else None
        return Layer(
            occluder=str(rng.choice(data.occluders["id"])),
            texture=texture,
            warp=tuple(int(v) for v in warp),
            flip=bool(rng.random() < 0.5),
            gain=tuple(int(v) for v in rng.integers(-(2**15), 2**15, 3)) if wild else (256, 250, 300),
            bias=tuple(int(v) for v in rng.integers(-(2**15), 2**15, 3)) if wild else (0, -4, 9),
            softness=int(rng.integers(-128, 128)) if wild else int(rng.integers(0, 4)),
            offset=tuple(int(v) for v in rng.integers(-(2**15), 2**15, 2)),
        )

    size = int(rng.choice([1, 2, 17, 64, 100]))
    return Recipe(
        str(rng.choice(data.faces["id"])), tuple(layer() for _ in range(int(rng.integers(0, 4)))), size, "any"
    )


def test_any_recipe_satisfies_eq2_and_survives_its_table(plain_set: OcclusionSet, tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    renderer, other = Renderer(plain_set), Renderer(OcclusionSet(plain_set.path))
    made = [any_recipe(plain_set, rng) for _ in range(250)]
    path = tmp_path / "any.parquet"
    path.write_bytes(recipes.recipes_to_bytes(made))
    read = recipes.read_recipes(path)
    assert read == made
    hidden = 0
    for recipe in read:
        sample = renderer.render(recipe)
        assert_fits(sample)
        assert sample.image.shape == (recipe.size, recipe.size, 3)
        assert np.array_equal(sample.image, blend(sample.clean, sample.occluder, sample.alpha))
        assert np.array_equal(sample.face_soft, cover(sample.clean_mask, sample.alpha))
        assert np.array_equal(sample.face > 0, (sample.clean_mask > 0) & (sample.occlusion == 0))
        assert np.array_equal(renderer.alpha(recipe), sample.alpha)
        again = other.render(recipe)
        assert np.array_equal(again.image, sample.image)
        assert np.array_equal(again.face_soft, sample.face_soft)
        hidden += sample.hidden > 0
    assert hidden > 40  # and not all of them beside the picture


def test_large_samples_do_not_overflow(plain_set: OcclusionSet) -> None:
    far = Layer(
        plain_set.occluders["id"][0], None, (2**31 - 1,) * 8, True, (2**15 - 1,) * 3, (-(2**15),) * 3, 127, (0, 0)
    )
    recipe = Recipe(plain_set.faces["id"][0], (far,), 1024)
    sample = Renderer(plain_set).render(recipe)
    assert_fits(sample)
    assert not sample.alpha.any()  # every pixel lies 32767 pixels or more beyond the cut-out
    rgba = np.full((8, 8, 4), 255, np.uint8)
    # a bend of 2**31 takes all but the middle row of 1024 far out: 2**31 * 512**2 must not wrap round
    bent = warps.apply(rgba, (65536, 0, -508 * 65536, 0, 0, 3 * 65536, 2**31 - 1, 0), 1024)
    assert np.flatnonzero(bent[..., 3].any(axis=1)).tolist() == [512]
    assert np.flatnonzero(bent[..., 3].any(axis=0)).tolist() == list(range(508, 516))


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"size": 0}, "sizes go from 1 to 4096"),
        ({"size": 30_000}, "sizes go from 1 to 4096"),
        ({"sample": None}, "does not match its own id"),
        ({"face": None}, "is not a recipe"),
        ({"layers": None}, "is not a recipe"),
        ({"layers": [{"occluder": None}]}, "(is not a|not a readable) recipe"),  # pyarrow before 26 cannot read it
        ({"seed": None}, "is not a recipe"),
    ],
)
def test_a_row_that_is_no_recipe_is_refused(
    plain_set: OcclusionSet,
    tmp_path: Path,
    cells: dict[str, None] | dict[str, int] | dict[str, list[dict[str, None]]],
    message: str,
) -> None:
    frame = recipes.to_frame([Drawer(plain_set, Plan(size=64)).draw(0)]).astype(object)
    for column, value in cells.items():
        frame.at[0, column] = value
    path = tmp_path / "bad.parquet"
    path.write_bytes(recipes.to_bytes(frame, recipes.SCHEMA))
    with pytest.raises(BadInput, match=rf"bad\.parquet: .*{message}"):
        recipes.read_recipes(path)


def test_files_that_are_no_recipes_are_named(plain_set: OcclusionSet, tmp_path: Path) -> None:
    for path in (plain_set.path / "faces.parquet", plain_set.path / "occset.json", tmp_path / "none.parquet", tmp_path):
        with pytest.raises(BadInput, match=path.name):
            recipes.read_recipes(path)
        with pytest.raises(BadInput, match=path.name):
            recipes.read_metadata(path)


def test_an_unknown_face_is_named(plain_set: OcclusionSet) -> None:
    recipe = replace(Drawer(plain_set, Plan(size=64)).draw(0), face="f123")
    with pytest.raises(UnknownName, match="no face is called 'f123'"):
        Renderer(plain_set).render(recipe)


# --- masks that are none -----------------------------------------------------------------------------------------------


def test_rle_garbage_never_crashes() -> None:
    rng = np.random.default_rng(0)
    good = encode_rle((rng.random((32, 32)) > 0.5).astype(np.uint8) * 255)
    refused = 0
    for _ in range(3000):
        text = list(good)
        for position in rng.integers(0, len(text), int(rng.integers(1, 4))):
            text[position] = chr(int(rng.integers(32, 130)))
        try:
            mask = decode_rle("".join(text)[: int(rng.integers(1, 2 * len(text)))], 32, 32)
            assert mask.shape == (32, 32) and set(np.unique(mask)) <= {0, 255}
        except BadInput:
            refused += 1
    assert refused > 2500


def test_rle_with_a_negative_run_is_refused_even_if_its_sum_fits() -> None:
    assert run_total("3") == 3
    with pytest.raises(BadInput, match="negative run"):
        decode_rle("4O", 1, 3)  # 4 pixels off, -1 on


@pytest.mark.parametrize(
    ("counts", "size"),
    [
        ("o" * 1000, (4, 4)),  # a run without an end
        ("1" * 15 + "P", (4, 4)),
        ("4O", (1, 3)),
        ("ü2", (1, 2)),
        ("\ud800", (1, 2)),
        ("", (0, 0)),
        ("PPYo1", (10**6, 10**6)),
    ],
)
def test_rle_that_would_write_beyond_its_buffer_is_refused(counts: str, size: tuple[int, ...]) -> None:
    with pytest.raises(BadInput):
        decode_rle(counts, *size)
