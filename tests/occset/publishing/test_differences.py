from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import recipes_to_bytes
from occset.importing.add_source import resplit
from occset.pictures.masks import decode_rle, encode_rle
from occset.publishing.differences import changes, next_version, part_that_rises, read_state
from occset.samples.draw import Drawer, Plan
from occset.support.errors import OccsetError
from occset.support.files import write_atomic
from tests.occset.publishing.conftest import named_face


def told(before: Path, after: Path) -> tuple[list[tuple[str, str, str]], str]:
    old, new = read_state(before), read_state(after)
    found = changes(old, new)
    return [(one.what, one.table, one.how) for one in found], part_that_rises(old, new, found)


def test_additions_are_minor_and_changes_major(copy_set: Callable[..., OcclusionSet]) -> None:
    a, b = copy_set("a"), copy_set("b")
    a.note()
    b.note()
    assert told(a.path, b.path) == ([], "")
    b.note(sources=[{"source": "faces=x", "licence": "y"}])
    assert told(a.path, b.path) == ([], "patch")
    b.add_rows("faces", [b.store_face(named_face(99, "new"), "test")])
    resplit(b)
    assert told(a.path, b.path) == ([("added", "faces", "")], "minor")
    assert told(b.path, a.path) == ([("lost", "faces", "")], "major")
    table = b.faces
    row = table.iloc[0]
    mask = decode_rle(row["mask"], row["height"], row["width"])
    half = mask.copy()
    columns = np.flatnonzero(mask.any(axis=0))
    half[:, columns[len(columns) // 2] :] = 0
    table.loc[0, "mask"] = encode_rle(half)
    table.loc[0, "split"] = "excluded"
    b.write("faces", table)
    iou = np.count_nonzero(half) / np.count_nonzero(mask)
    found, part = told(a.path, b.path)
    if found[0][0] == "added":  # its id may come first
        found = found[::-1]
    assert part == "major" and ("added", "faces", "") in found
    changed = next(how for what, _, how in found if what == "changed")
    assert changed == f"mask (IoU {iou:.3f}), split {row['split']} -> excluded"


def test_recipes_and_snapshots(copy_set: Callable[..., OcclusionSet]) -> None:
    a, b = copy_set("a"), copy_set("b")
    drawer = Drawer(b, Plan(split="train", size=64))
    write_atomic(b.path / "recipes" / "x.parquet", recipes_to_bytes([drawer.draw(i) for i in range(3)]))
    assert told(a.path, b.path) == ([("added", "recipes", "")], "minor")
    folder = a.snapshot("1.4")
    write_atomic(b.path / "recipes" / "x.parquet", recipes_to_bytes([drawer.draw(i) for i in range(4)]))
    assert told(folder, b.path) == ([], ""), "a snapshot has no recipes to compare"
    assert read_state(folder).version == "1.4"
    write_atomic(a.path / "recipes" / "x.parquet", recipes_to_bytes([drawer.draw(i) for i in range(3)]))
    assert told(a.path, b.path)[0] == [("changed", "recipes", "")]


@pytest.mark.parametrize(
    ("version", "part", "follows"),
    [("1", "minor", "1.1.0"), ("1.4.2", "major", "2.0.0"), ("1.4", "patch", "1.4.1"), ("0.9.9", "minor", "0.10.0"),
     ("1.2.3", "", "1.2.3")],
)  # fmt: skip
def test_the_number_that_follows(version: str, part: str, follows: str) -> None:
    assert next_version(version, part) == follows


@pytest.mark.parametrize("version", ["spring", "1.2.3.4", "", "1..2", "-1", "²"])
def test_a_version_that_is_no_number(version: str) -> None:
    with pytest.raises(OccsetError, match="the part that rises is the minor one"):
        next_version(version, "minor")


def test_diff_from_the_command_line(
    occset: Callable[..., Any], copy_set: Callable[..., OcclusionSet], tmp_path: Path
) -> None:
    a, b = copy_set("a"), copy_set("b")
    b.write("textures", b.textures.iloc[1:])
    done = occset("diff", a.path, b.path, "--json")
    found = json.loads(done.out)
    assert done.status == 0 and (found["lost"], found["part"], found["version"]) == (1, "major", "2.0.0")
    assert found["rows"][0]["id"] == a.textures["id"][0]
    plain = occset("diff", a.path, b.path)
    assert "0 added, 0 changed, 1 lost: after version 1 follows 2.0.0 (major)" in plain.err
    (tmp_path / "results").mkdir()
    mixed = occset("diff", a.path, tmp_path / "results")
    assert mixed.status == 2 and "one is a set and the other is not" in mixed.err
    neither = occset("diff", tmp_path / "results", tmp_path / "results")
    assert neither.status == 2 and "holds no result" in neither.err
