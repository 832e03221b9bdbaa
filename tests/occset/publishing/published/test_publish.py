"""A published set: everything that is needed to replay it is in it, and no photo."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import named_items, read_recipes
from occset.dataset.records import with_flag
from occset.pictures.images import pixel_hash, read_image
from occset.publishing.croissant import About
from occset.publishing.published import samples
from occset.publishing.published.layout import PublishedRecipes, read_published
from occset.publishing.published.publish import publish
from occset.publishing.published.samples import jobs_of, sample_hash
from occset.publishing.published.terms import lets_masks_go
from occset.samples.draw import Drawer, Plan
from occset.samples.export import export
from occset.samples.job import Job
from occset.samples.render import Renderer
from occset.support.errors import OccsetError
from occset.support.files import sha256_file
from tests.occset.publishing.published.conftest import Shared

PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"BM", b"II*\0", b"MM\0*")


def test_no_picture_is_in_it_and_no_path_of_this_machine(shared: Shared) -> None:
    files = [path for path in shared.folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".parquet", ".json", ".md"}
    for path in files:
        data = path.read_bytes()
        assert not any(data.startswith(begin) for begin in PICTURES)
        assert b"\xff\xd8\xff\xe0" not in data and b"\x89PNG\r\n" not in data
        assert str(shared.sources.faces.parent).encode() not in data


def test_the_recipes_are_those_that_render_draws_with_the_hash_of_what_they_render_to(shared: Shared) -> None:
    (path,) = (shared.folder / "recipes").iterdir()
    recipes = read_recipes(path)
    assert recipes == [Drawer(shared.data, Plan(size=48), 3).draw(i) for i in range(30)]
    renderer = Renderer(shared.data)
    assert [digest for _, digest in PublishedRecipes(path).read()] == [sample_hash(renderer.render(r)) for r in recipes]
    assert len({digest for _, digest in PublishedRecipes(path).read()}) == 30


def test_every_file_that_was_read_is_there_by_its_name_within_its_source_with_its_hashes(shared: Shared) -> None:
    found = read_published(shared.folder)
    kinds = [one["kind"] for one in found.note["sources"]]
    roots = {"faces": shared.sources.faces, "occluders": shared.sources.occluders, "textures": shared.sources.occluders}
    for (place, name), row in found.files.items():
        path = roots[kinds[place]] / name
        assert (row["bytes"], row["sha256"]) == (path.stat().st_size, sha256_file(path))
        assert re.fullmatch(r"OpenCV 4\.12\.\d+ \((libjpeg-turbo|libpng) [\w.-]+\)", row["decoder"])
        if path.suffix == ".jpg":
            assert row["pixels"] == pixel_hash(read_image(path))
    used = named_items(read_recipes(found.recipes[0]))
    assert {table: set(rows) for table, rows in found.items.items()} == used, "what recipes name, and nothing more"
    for row in found.items["faces"].values():
        number = int(row["source_id"])
        parts = [f"CelebAMask-HQ-mask-anno/0/{number:05d}_{part}.png" for part in ("hair", "skin")]
        assert row["files"] == [f"CelebA-HQ-img/{number}.jpg", *parts]
    harvested = [row for row in found.items["occluders"].values() if row["face"]]
    assert harvested and all(row["files"][0].startswith("CelebA-HQ-img/") for row in harvested)
    drawn = [row for row in found.items["occluders"].values() if not row["face"]]
    assert drawn and all(row["files"] == [f"internet/{row['source_id']}.png"] for row in drawn)


def test_masks_stay_with_a_source_whose_terms_keep_them_and_go_where_they_are_the_curators(
    shared: Shared, tmp_path: Path
) -> None:
    found = read_published(shared.folder)
    assert [row["mask"] for row in found.items["faces"].values()] == [None] * len(found.items["faces"])
    assert len({row["mask_sha256"] for row in found.items["faces"].values()}) == 1
    data = OcclusionSet(shutil.copytree(shared.data.path, tmp_path / "set"))
    faces = data.faces
    at = faces.index[faces["id"] == min(found.items["faces"])][0]
    faces.loc[at, "flags"] = with_flag(faces.loc[at], "mask_origin", "ns 0123")
    data.write("faces", faces)
    note, doubts = publish(data, jobs_of(data, 30, ("train",), 48, 3, ()), tmp_path / "out", workers=1)
    masks = {i: (r["mask"], r["mask_from"]) for i, r in read_published(tmp_path / "out").items["faces"].items()}
    assert masks.pop(min(found.items["faces"])) == (faces.loc[at, "mask"], "model")
    assert set(masks.values()) == {(None, "source")}
    assert note["counts"]["masks"] == 1 and doubts == []
    note, _ = publish(
        data, jobs_of(data, 30, ("train",), 48, 3, ()), tmp_path / "all", masks_of=["celebamask-hq"], workers=1
    )
    assert note["counts"]["masks"] == note["counts"]["faces"]
    with pytest.raises(OccsetError, match="no face is from a source 'celeba'"):
        publish(data, jobs_of(data, 3, ("train",), 48, 3, ()), tmp_path / "no", masks_of=["celeba"], workers=1)


@pytest.mark.parametrize(
    ("licence", "go"),
    [
        ("MIT (made by code)", True),
        ("CC BY 4.0", True),
        ("Attribution-NonCommercial License, http://creativecommons.org/licenses/by-nc/2.0/, Anna", True),
        ("Attribution-NoDerivs License, http://creativecommons.org/licenses/by-nd/2.0/, Anna", False),
        ("CelebAMask-HQ terms: non-commercial research and education only", False),
        ("unknown: photos of the folder's owner", False),
        ("permission to use: MIT students only", False),
        ("", False),
    ],
)
def test_whose_terms_let_masks_go(licence: str, go: bool) -> None:
    assert lets_masks_go(licence) is go


def test_the_same_set_gives_the_same_bytes_whatever_the_number_of_workers(shared: Shared, tmp_path: Path) -> None:
    publish(shared.data, jobs_of(shared.data, 30, ("train",), 48, 3, ()), tmp_path / "out", workers=2)
    for path in shared.folder.rglob("*.*"):
        assert (tmp_path / "out" / path.relative_to(shared.folder)).read_bytes() == path.read_bytes(), path.name


def test_one_that_was_cut_off_goes_on_and_says_so_until_then(
    shared: Shared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "A_FILE", 10)
    monkeypatch.setattr(samples, "_CHUNK", 4)
    rendered: list[int] = []
    real = samples.sample_hash

    def dies(sample: Any) -> str:
        rendered.append(1)
        if len(rendered) == 25:
            raise KeyboardInterrupt
        return real(sample)

    monkeypatch.setattr(samples, "sample_hash", dies)
    jobs = jobs_of(shared.data, 30, ("train",), 48, 3, ())
    with pytest.raises(KeyboardInterrupt):
        publish(shared.data, jobs, tmp_path / "out", workers=1)
    with pytest.raises(OccsetError, match="its publishing was cut off"):
        read_published(tmp_path / "out")
    rendered[:] = [1] * 100
    publish(shared.data, jobs, tmp_path / "out", workers=1)
    assert len(rendered) == 110, "two files of ten recipes were kept"
    found = read_published(tmp_path / "out")
    assert [path.name for path in found.recipes] == [f"train-0000{i}-of-00003.parquet" for i in range(3)]
    (whole,) = (shared.folder / "recipes").iterdir()
    assert [r for path in found.recipes for r in PublishedRecipes(path).read()] == PublishedRecipes(whole).read()
    with pytest.raises(OccsetError, match="another set was published here \\(other asked\\)"):
        publish(shared.data, jobs_of(shared.data, 31, ("train",), 48, 3, ()), tmp_path / "out", workers=1)


def test_its_makers_words_are_published_and_unfinished_ones_stop_it_before_anything_is_made(
    shared: Shared, tmp_path: Path
) -> None:
    data = OcclusionSet(shutil.copytree(shared.data.path, tmp_path / "set"))
    jobs = jobs_of(data, 3, ("train",), 48, 3, ())
    (data.path / "card.md").write_text("TODO who made it")
    with pytest.raises(OccsetError, match=r"card\.md, line 1: is still the template's"):
        publish(data, jobs, tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()
    (data.path / "card.md").write_text("Made by a test.")
    publish(data, jobs, tmp_path / "out", workers=1)
    assert "## In its makers' words\n\nMade by a test.\n" in (tmp_path / "out" / "README.md").read_text()
    (data.path / "card.md").unlink()
    (data.path / "card.md").symlink_to(tmp_path / "elsewhere.md")
    (tmp_path / "elsewhere.md").write_text("of another folder")
    with pytest.raises(OccsetError, match="through a symbolic link"):
        publish(data, jobs, tmp_path / "other", workers=1)


def test_recipe_files_and_protocols_are_published_under_their_names(shared: Shared, tmp_path: Path) -> None:
    data = OcclusionSet(shutil.copytree(shared.data.path, tmp_path / "set"))
    drawn = export(data, Job(5, Plan(size=48), 1), tmp_path / "drawn", 1)
    (data.path / "protocols").mkdir()
    (data.path / "protocols" / "wild hands.parquet").write_bytes(drawn.read_bytes())
    assert [(one.name, one.job.count) for one in jobs_of(data, None, ("train",), 48, 0, ())] == [("wild_hands", 5)]
    named = [(one.name, one.job.count) for one in jobs_of(data, 3, ("train", "test"), 48, 0, [drawn])]
    assert named == [("recipes", 5), ("train", 3), ("test", 3)]
    with pytest.raises(OccsetError, match="would be called recipes"):
        jobs_of(data, None, ("train",), 48, 0, [drawn, drawn])
    assert [one.job.count for one in jobs_of(shared.data, None, ("train",), 48, 0, ())] == [1000], "it has none"


def test_what_no_source_gives_any_more_is_told(shared: Shared, tmp_path: Path, change: Callable[[Path], None]) -> None:
    moved = shared.sources._replace(faces=Path(shutil.copytree(shared.sources.faces, tmp_path / "celeba")))
    for photo in (moved.faces / "CelebA-HQ-img").iterdir():
        change(photo)
    jobs = jobs_of(shared.data, 4, ("train",), 48, 3, ())
    note, doubts = publish(shared.data, jobs, tmp_path / "out", moved.given(), workers=1)
    assert note["not_found"] >= note["counts"]["faces"] > 0
    assert any("no source that was opened gives these pixels now" in doubt for doubt in doubts)
    assert {row["place"] for row in read_published(tmp_path / "out").items["faces"].values()} == {-1}
    assert (
        f"{note['not_found']} of the items cannot be had from a source" in (tmp_path / "out" / "README.md").read_text()
    )


def test_a_folder_with_other_things_is_refused(shared: Shared, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    jobs = jobs_of(shared.data, 3, ("train",), 48, 3, ())
    with pytest.raises(OccsetError, match="not empty and not a set that occset published"):
        publish(shared.data, jobs, tmp_path, workers=1)
    with pytest.raises(OccsetError, match="is the set itself"):
        publish(shared.data, jobs, shared.data.path, workers=1)


def test_the_card_tells_how_to_replay_it_and_the_hub_finds_the_recipes_by_split(shared: Shared) -> None:
    yaml = pytest.importorskip("yaml")
    text = (shared.folder / "README.md").read_text()
    fields = yaml.safe_load(text.split("---\n")[1])
    assert fields["configs"][0] == {
        "config_name": "recipes",
        "data_files": [{"split": "train", "path": ["recipes/train-00000-of-00001.parquet"]}],
    }
    assert fields["size_categories"] == ["n<1K"]
    assert (
        "occset replay . --faces 'celebamask-hq:FOLDER?landmarks=template&split=set' --occluders faceocc:FOLDER "
        "--textures faceocc:FOLDER --out samples"
    ) in text


def test_croissant_is_valid_and_a_record_of_each_table_is_read(shared: Shared, tmp_path: Path) -> None:
    mlc = pytest.importorskip("mlcroissant")
    about = About("A & B", "https://example.org/set", "2026-01-31")
    publish(shared.data, jobs_of(shared.data, 5, ("train",), 48, 3, ()), tmp_path / "out", about=about, workers=1)
    described = tmp_path / "out" / "croissant.json"
    assert json.loads(described.read_text())["creator"]["name"] == "A & B"
    read = mlc.Dataset(jsonld=str(described))
    assert "error" not in read.metadata.ctx.issues.report() and not read.metadata.ctx.issues.warnings
    first = {one.uuid: next(iter(read.records(one.uuid))) for one in read.metadata.record_sets}
    assert {"splits", "faces", "occluders", "files", "recipes"} <= set(first)
    recipe = PublishedRecipes(tmp_path / "out" / "recipes" / "train-00000-of-00001.parquet").read()[0]
    assert first["recipes"]["recipes/sample"].decode() == recipe[0].sample
    assert first["recipes"]["recipes/pixels"].decode() == recipe[1]


@pytest.mark.slow
def test_the_hub_s_library_loads_the_recipes(shared: Shared, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset(str(shared.folder), "recipes", split="train", cache_dir=str(tmp_path))
    (path,) = (shared.folder / "recipes").iterdir()
    assert loaded["sample"] == [recipe.sample for recipe in read_recipes(path)]


def test_a_face_that_lost_its_label_is_named(shared: Shared, tmp_path: Path) -> None:
    data = OcclusionSet(shutil.copytree(shared.data.path, tmp_path / "set"))
    drawn = export(data, Job(4, Plan(size=48), 1), tmp_path / "drawn", 1)
    faces = data.faces
    faces.loc[faces["id"] == read_recipes(drawn)[0].face, "mask"] = None
    data.write("faces", faces)
    with pytest.raises(OccsetError, match="has no mask"):
        publish(OcclusionSet(data.path), jobs_of(data, None, (), 48, 0, [drawn]), tmp_path / "out", workers=1)


def test_publish_from_the_command_line(occset: Callable[..., Any], shared: Shared, tmp_path: Path) -> None:
    asked = ("publish", shared.data.path, "--out", tmp_path / "out", "--count", 3, "--size", 48, "--workers", 1)
    refused = occset(*asked)
    assert refused.status == 2 and "--without-photos" in refused.err and not (tmp_path / "out").exists()
    done = occset(*asked, "--without-photos")
    assert done.status == 0 and done.out.strip() == str(tmp_path / "out")
    assert re.search(r"out: 3 recipes, \d faces, \d occluders, \d textures, \d+ files, 0 masks$", done.err.strip())
