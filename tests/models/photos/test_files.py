"""Which photos are meant and how what comes of them is called."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from occset.models.photos.files import find_photos
from occset.models.photos.run import run_over_photos
from occset.pictures.images import write_png
from occset.support.errors import BadInput


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_png(root / name, np.full((64, 64, 3), len(name), np.uint8))


def named(root: Path, *given: str) -> dict[str, str]:
    found = find_photos([root / one for one in given])
    assert not found.problems
    return {name: file.relative_to(root).as_posix() for name, file in found.files}


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["anna"], {"001.png": "anna/001.png", "in/2.png": "anna/in/2.png"}),
        (["anna", "carl"], {"001.png": "anna/001.png", "in/2.png": "anna/in/2.png", "009.png": "carl/009.png"}),
        (
            ["anna", "ben"],
            {"anna/001.png": "anna/001.png", "anna/in/2.png": "anna/in/2.png", "ben/001.JPG": "ben/001.JPG"},
        ),
        (["anna/001.png", "ben/001.JPG"], {"anna/001.png": "anna/001.png", "ben/001.JPG": "ben/001.JPG"}),
        (["x/anna", "y/anna"], {"x/anna/1.png": "x/anna/1.png", "y/anna/1.png": "y/anna/1.png"}),
        (["anna", "anna/001.png", "anna"], {"001.png": "anna/001.png", "in/2.png": "anna/in/2.png"}),
        (["anna/in/2.png", "other/2.png", "carl"], None),
    ],
)  # fmt: skip
def test_photos_of_one_name_are_told_apart_by_their_folders(
    tmp_path: Path, given: list[str], names: dict[str, str] | None
) -> None:
    put(tmp_path, "anna/001.png", "anna/in/2.png", "ben/001.JPG", "carl/009.png", "x/anna/1.png", "y/anna/1.png")
    put(tmp_path, "other/2.png")
    if names is None:
        names = {"in/2.png": "anna/in/2.png", "other/2.png": "other/2.png", "carl/009.png": "carl/009.png"}
    assert named(tmp_path, *given) == names


def test_segmenting_two_folders_writes_a_file_for_each_photo(tmp_path: Path) -> None:
    put(tmp_path, "anna/001.png", "ben/001.png")
    written: list[str] = []
    run_over_photos(
        [tmp_path / "anna", tmp_path / "ben"], tmp_path / "m", lambda crops: list(crops),
        lambda crop, found: written.append(crop.name), align=False, size=32,
    )  # fmt: skip
    assert written == ["anna/001.png", "ben/001.png"]


def test_a_pair_in_one_folder_is_left_out_and_the_others_are_not(tmp_path: Path) -> None:
    put(tmp_path, "in/a.jpg", "in/a.png", "in/b.png", "in/deep/c.PNG", "in/deep/c.webp", "in/deep/d.webp", "in/c.png")
    found = find_photos([tmp_path / "in"], ".ply")
    assert [name for name, _ in found.files] == ["b.png", "c.png", "deep/d.webp"]
    assert dict(found.problems)["a.jpg"] == (
        f"{tmp_path}/in/a.jpg and a.png would both write a.ply: rename one of them"
    )
    assert sorted(dict(found.problems)) == ["a.jpg", "a.png", "deep/c.PNG", "deep/c.webp"]


@pytest.mark.parametrize("out", ["in/m", "in/deep/er/m"])
def test_what_was_written_is_not_read_again(tmp_path: Path, out: str) -> None:
    put(tmp_path, "in/a.jpg", f"{out}/a.png", f"{out}/x/b.png", "in/m2/c.png")
    found = find_photos([tmp_path / "in"], out=tmp_path / out)
    assert [name for name, _ in found.files] == ["a.jpg", "m2/c.png"]
    assert found.notes == [f"{tmp_path}/in: passed over 2 pictures in {tmp_path}/{out}, which is what is written"]


def test_a_folder_that_holds_the_given_one_is_no_reason_to_pass_it_over(tmp_path: Path) -> None:
    put(tmp_path, "m/in/a.jpg")
    for out in ("m", "m/in", "elsewhere"):
        assert len(find_photos([tmp_path / "m" / "in"], out=tmp_path / out).files) == 1


def test_a_photo_that_is_there_under_another_suffix_is_named(tmp_path: Path) -> None:
    put(tmp_path, "a.JPG", "._b.png", "b.tif")
    found = find_photos([tmp_path / "a.jpg", tmp_path / "b.png", tmp_path / "c.png"])
    assert [why for _, why in found.problems] == [
        f"{tmp_path}/a.jpg does not exist, but a.JPG does: name that",
        f"{tmp_path}/b.png does not exist, but b.tif does: name that",
    ]
    assert [name for name, _ in found.files] == ["c.png"], "told when it is read"


def test_an_empty_folder_tells_what_it_passed_over(tmp_path: Path) -> None:
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    with pytest.raises(BadInput, match=r"has no \.jpg, .*passed over 1 hidden or left by a system \(Thumbs\.db\)"):
        find_photos([tmp_path])


@pytest.mark.parametrize(("verb", "name"), [("segment", "-dash.jpg"), ("segment", "--odd.png"), ("info", "-my-set")])
def test_a_name_that_begins_with_a_dash_gets_a_hint(tmp_path: Path, verb: str, name: str) -> None:
    put(tmp_path, name if "." in name else f"{name}/a.png")
    done = subprocess.run(
        [sys.executable, "-m", "occset.cli", verb, name], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert f"{name} is a file here: write it as ./{name}" in " ".join(done.stderr.split())
