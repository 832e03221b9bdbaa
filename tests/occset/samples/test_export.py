from __future__ import annotations

import errno
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from occset.composition.compose import blend, cover
from occset.dataset import recipes as recipe_files
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import hash_recipes, read_metadata, read_recipes, recipes_to_bytes
from occset.pictures.images import read_grey, read_image
from occset.pictures.masks import harden, shrink_mask
from occset.samples import export as exporting
from occset.samples.draw import Drawer, Plan
from occset.samples.export import export
from occset.samples.job import Job
from occset.samples.render import Renderer
from occset.support.errors import BadInput, NoSpace, OccsetError
from occset.support.files import atomic_path
from occset.support.locks import only_writer

PLAN = Plan(size=64)


def names(out: Path) -> list[str]:
    return sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())


def test_what_is_written_fits_together(plain_set: OcclusionSet, tmp_path: Path) -> None:
    out = tmp_path / "out"
    final = export(plain_set, Job(40, PLAN, seed=2), out, workers=1)
    recipes, renderer = read_recipes(final), Renderer(plain_set)
    assert [r.index for r in recipes] == list(range(40))
    assert read_metadata(final)["hash"] == hash_recipes(recipes)
    for index, recipe in enumerate(recipes):
        name = f"{index:06d}_{recipe.sample}.png"
        image, clean = (read_image(out / kind / name) for kind in ("image", "clean"))
        alpha, face = read_grey(out / "occlusion" / name), read_grey(out / "face" / name)
        sample = renderer.render(recipe)
        assert np.array_equal(image, blend(clean, sample.occluder, alpha))
        mask = shrink_mask(plain_set.load_face(recipe.face)[1], recipe.size)
        assert np.array_equal(face, harden(cover(mask, alpha)))
        assert np.count_nonzero((alpha > 127) & (mask > 0)) >= 0.02 * np.count_nonzero(mask)
    assert len(names(out)) == 4 * 40 + 2
    assert sorted(p.name for p in out.iterdir()) == [
        "clean", "face", "image", "occlusion", "recipes.parquet", "render.json",
    ]  # fmt: skip


@pytest.mark.whole
def test_one_two_and_three_workers_give_the_same_bytes(
    plain_set: OcclusionSet, tmp_path: Path, digest: Callable[[Path], dict[str, str]]
) -> None:
    for workers in (1, 2, 3):
        export(plain_set, Job(70, PLAN, seed=4), tmp_path / str(workers), workers)
    assert digest(tmp_path / "1") == digest(tmp_path / "2") == digest(tmp_path / "3")


def test_a_second_run_writes_nothing(plain_set: OcclusionSet, tmp_path: Path) -> None:
    export(plain_set, Job(5, PLAN), tmp_path / "out", 1)
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*")}
    seen = []
    export(plain_set, Job(5, PLAN), tmp_path / "out", 1, lambda done, total: seen.append((done, total)))
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*")} == stamps
    assert seen == [(5, 5)]


def test_a_replay_gives_the_same_pictures(
    plain_set: OcclusionSet, tmp_path: Path, digest: Callable[[Path], dict[str, str]]
) -> None:
    drawn = export(plain_set, Job(12, PLAN, seed=9), tmp_path / "drawn", 1)
    export(plain_set, Job(12, None, recipes=drawn), tmp_path / "replayed", 2)
    one, other = digest(tmp_path / "drawn"), digest(tmp_path / "replayed")
    assert one.pop("render.json") != other.pop("render.json")
    assert one == other


def test_a_replay_reads_its_file_once_not_once_a_chunk(
    plain_set: OcclusionSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = export(plain_set, Job(200, Plan(size=32)), tmp_path / "drawn", 1)
    opened, real = [], recipe_files._open
    monkeypatch.setattr(recipe_files, "_open", lambda path: opened.append(path) or real(path))
    export(plain_set, Job(200, None, recipes=drawn), tmp_path / "replayed", 1)
    assert opened.count(drawn) <= 2  # once to hold it against the set, once to render
    file = recipe_files.RecipeFile(drawn)
    assert len(file) == 200
    assert [r.index for r in file.read(150, 153)] == [150, 151, 152]


@pytest.mark.parametrize(
    ("job", "what"),
    [
        (Job(6, PLAN), "count"),
        (Job(5, PLAN, seed=1), "seed"),
        (Job(5, Plan(size=32)), "plan"),
    ],
)
def test_a_folder_of_another_job_is_refused(plain_set: OcclusionSet, tmp_path: Path, job: Job, what: str) -> None:
    export(plain_set, Job(5, PLAN), tmp_path / "out", 1)
    before = names(tmp_path / "out")
    with pytest.raises(OccsetError, match=rf"out: holds samples of another job \(other {what}\): choose another"):
        export(plain_set, job, tmp_path / "out", 1)
    assert names(tmp_path / "out") == before


def test_a_folder_of_a_set_that_changed_is_refused(copy_set: Callable[..., OcclusionSet], tmp_path: Path) -> None:
    data = copy_set()
    export(data, Job(5, PLAN), tmp_path / "out", 1)
    data.write("textures", data.textures.iloc[1:])
    with pytest.raises(OccsetError, match="other content_hash"):
        export(data, Job(5, PLAN), tmp_path / "out", 1)


def test_a_folder_with_other_things_is_refused(plain_set: OcclusionSet, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter.txt").write_text("mine")
    with pytest.raises(OccsetError, match="not empty and not a rendering"):
        export(plain_set, Job(5, PLAN), tmp_path / "out", 1)
    assert names(tmp_path / "out") == ["letter.txt"]


def test_a_file_in_the_place_of_the_folder_is_named(plain_set: OcclusionSet, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(NoSpace, match=r"cannot make the folder .*out"):
        export(plain_set, Job(5, PLAN), tmp_path / "out", 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_set_with_nothing_to_draw_from_is_said_before_anything_is_made(
    plain_set: OcclusionSet, tmp_path: Path, workers: int
) -> None:
    with pytest.raises(OccsetError, match="no labelled face with landmarks in the split 'trian'"):
        export(plain_set, Job(200, Plan(split="trian", size=64)), tmp_path / "out", workers)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("seed", "size"), [(-1, 64), (2**63, 64), (0, 0), (0, 100_000)])
def test_numbers_out_of_range_are_said(plain_set: OcclusionSet, tmp_path: Path, seed: int, size: int) -> None:
    with pytest.raises(OccsetError, match=r"range|sizes go from"):
        export(plain_set, Job(5, Plan(size=size), seed), tmp_path / "out", 1)


def test_recipes_of_another_set_are_refused_before_anything_is_made(
    plain_set: OcclusionSet, copy_set: Callable[..., OcclusionSet], tmp_path: Path
) -> None:
    drawn = export(plain_set, Job(12, PLAN), tmp_path / "drawn", 1)
    other = copy_set()
    used = read_recipes(drawn)[0].layers[0].occluder
    other.write("occluders", other.occluders[other.occluders["id"] != used])
    with pytest.raises(OccsetError, match=rf"recipes\.parquet: names 1 occluders that .* does not have, {used}"):
        export(other, Job(12, None, recipes=drawn), tmp_path / "out", 2)
    assert not (tmp_path / "out").exists()


def test_more_than_the_file_holds_is_refused(plain_set: OcclusionSet, tmp_path: Path) -> None:
    drawn = export(plain_set, Job(3, PLAN), tmp_path / "drawn", 1)
    with pytest.raises(OccsetError, match="holds 3 recipes, 4 were asked for"):
        export(plain_set, Job(4, None, recipes=drawn), tmp_path / "out", 1)


def test_a_broken_note_is_named(plain_set: OcclusionSet, tmp_path: Path) -> None:
    export(plain_set, Job(3, PLAN), tmp_path / "out", 1)
    (tmp_path / "out" / "render.json").write_text("{ not json")
    with pytest.raises(BadInput, match=r"render\.json: not readable JSON"):
        export(plain_set, Job(3, PLAN), tmp_path / "out", 1)


def test_a_missing_picture_stops_with_its_name(copy_set: Callable[..., OcclusionSet], tmp_path: Path) -> None:
    data = copy_set()
    for picture in data.path.glob("cutouts/*/*"):
        picture.unlink()
    with pytest.raises(BadInput, match=r"cutouts/.*\.png does not exist"):
        export(data, Job(3, PLAN), tmp_path / "out", 1)


def test_a_folder_that_another_process_writes_to_is_refused(plain_set: OcclusionSet, tmp_path: Path) -> None:
    with only_writer(tmp_path / "out"), pytest.raises(OccsetError, match="another occset is writing here"):
        export(plain_set, Job(3, PLAN), tmp_path / "out", 1)
    export(plain_set, Job(3, PLAN), tmp_path / "out", 1)


def test_leftovers_go_even_if_their_process_seems_to_live(
    plain_set: OcclusionSet, tmp_path: Path, digest: Callable[[Path], dict[str, str]]
) -> None:
    """A killed worker stays in the list of processes until somebody takes note; nobody else can be writing here."""
    export(plain_set, Job(3, PLAN), tmp_path / "whole", 1)
    export(plain_set, Job(3, PLAN), tmp_path / "out", 1)
    with atomic_path(tmp_path / "out" / "image" / "x.png") as temporary:
        temporary.write_bytes(b"half")
        kept = temporary.rename(temporary.with_suffix(".PNG"))  # of this very process, which lives
        temporary.write_bytes(b"")
    (tmp_path / "out" / "image" / "x.png").unlink()
    assert kept.exists()
    export(plain_set, Job(3, PLAN), tmp_path / "out", 1)
    assert digest(tmp_path / "out") == digest(tmp_path / "whole")


def test_a_full_disk_is_named_and_the_run_goes_on_later(
    plain_set: OcclusionSet, tmp_path: Path, digest: Callable[[Path], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    export(plain_set, Job(40, PLAN), tmp_path / "whole", 1)
    count, real = 0, os.replace

    def full(source: Path, target: Path) -> None:
        nonlocal count
        count += 1
        if count > 100:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, target)

    monkeypatch.setattr("occset.support.files.os.replace", full)
    with pytest.raises(NoSpace, match=r"cannot write .*\.png: the disk is full: free some space"):
        export(plain_set, Job(40, PLAN), tmp_path / "out", 1)
    assert not list((tmp_path / "out").rglob(".*"))
    monkeypatch.setattr("occset.support.files.os.replace", real)
    export(plain_set, Job(40, PLAN), tmp_path / "out", 1)
    assert digest(tmp_path / "out") == digest(tmp_path / "whole")


def test_a_really_full_disk(plain_set: OcclusionSet, tmp_path: Path) -> None:
    mounted = tmp_path / "tiny"
    mounted.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(mounted)], capture_output=True)
    if done.returncode:
        pytest.skip("no right to mount a small file system")
    try:
        with pytest.raises(NoSpace, match="the disk is full"):
            export(plain_set, Job(64, PLAN), mounted / "out", 2)
        assert not list((mounted / "out").rglob(".*.tmp*"))
        whole = [p for p in (mounted / "out").rglob("*.png") if cv2.imread(str(p)) is None]
        assert whole == []
    finally:
        subprocess.run(["umount", str(mounted)], check=True)


def test_paths_with_blanks_signs_and_umlauts(
    plain_set: OcclusionSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    final = export(plain_set, Job(3, PLAN), Path("a b=c/größe %s {x}"), 2)
    assert not final.is_absolute()
    again = export(plain_set, Job(3, None, recipes=final), Path("again"), 2)
    assert read_recipes(again) == read_recipes(final)


def test_a_recipe_far_outside_renders_and_is_never_drawn(plain_set: OcclusionSet, tmp_path: Path) -> None:
    recipe = Drawer(plain_set, PLAN).draw(0)
    from dataclasses import replace

    far = replace(recipe.layers[0], warp=(65536, 0, 2**31 - 1, 0, 65536, -(2**31), 2**31 - 1, -(2**31)))
    odd = replace(recipe, layers=(far, *recipe.layers))
    file = tmp_path / "odd.parquet"
    file.write_bytes(recipes_to_bytes([odd]))
    out = export(plain_set, Job(1, None, recipes=file), tmp_path / "out", 1)
    assert read_recipes(out) == [odd]


def test_the_note_says_what_was_asked(plain_set: OcclusionSet, tmp_path: Path) -> None:
    export(plain_set, Job(3, PLAN, seed=5), tmp_path / "out", 1)
    note = json.loads((tmp_path / "out" / "render.json").read_text())
    assert (note["count"], note["seed"], note["plan"]["size"]) == (3, 5, 64)
    assert note["content_hash"] == plain_set.content_hash()
    assert exporting.KINDS == ("image", "clean", "face", "occlusion")


def test_a_damaged_face_is_named_and_the_rest_is_rendered(
    make_set: Callable[..., OcclusionSet], tmp_path: Path, digest: Callable[[Path], dict[str, str]]
) -> None:
    data = make_set("set")
    whole = tmp_path / "whole"
    export(data, Job(40, PLAN), whole, workers=1)
    recipes = read_recipes(whole / "recipes.parquet")
    bad = recipes[3].face
    path = data.path / data.face_row(bad)["image"]
    kept = path.read_bytes()
    path.write_bytes(kept[: len(kept) // 2])
    affected = sum(r.face == bad for r in recipes)
    out = tmp_path / "out"
    with pytest.raises(BadInput, match=rf"{affected} of 40 samples.*{path.name}.*\(sample 3[,)]"):
        export(data, Job(40, PLAN), out, workers=1)
    assert len(list((out / "image").iterdir())) == 40 - affected
    assert not (out / "recipes.parquet").exists()
    path.write_bytes(kept)
    export(data, Job(40, PLAN), out, workers=1)
    assert digest(out) == digest(whole)


def test_the_terms_are_written_beside_the_samples(plain_set: OcclusionSet, tmp_path: Path) -> None:
    export(plain_set, Job(1, PLAN), tmp_path / "out", workers=1)
    note = json.loads((tmp_path / "out" / "render.json").read_text())
    assert note["licences"] == ["made", "made by a test"]
