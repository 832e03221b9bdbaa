"""Meshes and landmarks that strangers wrote: what is read, and what is refused by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from occset.benchmark.tasks.reconstruction import obj_files
from occset.benchmark.tasks.reconstruction.obj_files import read_landmark_places, read_landmark_vertices, read_obj
from occset.support.errors import BadInput

SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"


def written(folder: Path, text: str | bytes, name: str = "mesh.obj") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_polygons_negative_corners_and_what_does_not_matter(tmp_path: Path) -> None:
    text = f"# a comment\nmtllib ../../secret.mtl\n{SQUARE}vt 0 0\nvn 0 0 1\nusemtl skin\nf 1/1/1 2//1 3/1 4\n"
    text += "f -1 -3 -2\ns off\n"
    mesh = read_obj(written(tmp_path, text))
    assert mesh.triangles.tolist() == [[0, 1, 2], [0, 2, 3], [3, 1, 2]]
    assert mesh.vertices[2].tolist() == [1, 1, 0] and mesh.colours is None


def test_colours_of_vertices_with_and_without_a_weight(tmp_path: Path) -> None:
    text = "v 0 0 0 0.5 0.25 1\nv 1 0 0 0 0 0\nv 0 1 -2e1 1.0 1 1 1\nf 1 2 3\n"
    mesh = read_obj(written(tmp_path, text))
    assert mesh.colours is not None and mesh.colours[0].tolist() == [0.5, 0.25, 1] and mesh.vertices[2, 2] == -20
    half = read_obj(written(tmp_path, text.replace("v 1 0 0 0 0 0", "v 1 0 0")))
    assert half.colours is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no triangle"),
        (SQUARE, r"holds no triangle \(4 vertices\)"),
        (SQUARE + "f 1 2\n", "line 5: a face has 3 to 64 corners"),
        (SQUARE + "f " + "1 " * 65, "line 5: a face has 3 to 64 corners"),
        (SQUARE + "f 1 2 5\n", "a face names vertex 5, there are 4"),
        (SQUARE + "f 1 2 0\n", "line 5: '0' is no corner"),
        (SQUARE + "f 1 2 -5\n", "corner -5 lies before the first of 4"),
        (SQUARE + "f 1 2 9999999999\n", "'9999999999' is no corner"),
        (SQUARE + "f 1 2 3.5\n", "'3.5' is no corner"),
        (SQUARE + "f 1 2 ٣\n", "is no corner"),
        (SQUARE + "f 1 2 __import__('os')\n", "is no corner"),
        (SQUARE + "v nan 0 0\nf 1 2 3\n", "vertices hold NaN"),
        (SQUARE + "v 1e400 0 0\nf 1 2 3\n", "vertices hold NaN, infinity"),
        (SQUARE + "v x 0 0\nf 1 2 3\n", "vertices hold what is no number"),
        (SQUARE + "v 0 0\nf 1 2 3\n", "line 5: a vertex is 'v x y z'"),
        ("v 0 0 0 1 1 2\n" * 3 + "f 1 2 3\n", "must be on 0..1, not up to 2"),
        ("v 0 0 0 nan 1 1\n" * 3 + "f 1 2 3\n", "colours hold NaN"),
        (b"v 0 0 0\n\xff\xfe\x00", "is not text"),
    ],
)
def test_what_is_no_mesh_is_refused_by_name(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(BadInput, match=rf"mesh\.obj.*{says}"):
        read_obj(written(tmp_path, text))


def test_a_mesh_has_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obj_files, "MOST_VERTICES", 3)
    with pytest.raises(BadInput, match=r"line 4: a vertex is .*of at most 3 vertices"):
        read_obj(written(tmp_path, SQUARE + "f 1 2 3\n"))
    monkeypatch.setattr(obj_files, "MOST_VERTICES", 4)
    monkeypatch.setattr(obj_files, "MOST_TRIANGLES", 1)
    with pytest.raises(BadInput, match=r"line 5: .* 1 triangles in a file"):
        read_obj(written(tmp_path, SQUARE + "f 1 2 3 4\n"))
    monkeypatch.setattr(obj_files, "MOST_BYTES", 10)
    with pytest.raises(BadInput, match="more than the limit of 10"):
        read_obj(written(tmp_path, SQUARE + "f 1 2 3\n"))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mesh.obj")
    with pytest.raises(BadInput, match="is a pipe"):
        read_obj(tmp_path / "mesh.obj")


@pytest.mark.parametrize(
    ("read", "text", "says"),
    [
        (lambda path: read_landmark_vertices(path, 100), "1 2 3", "must hold 68 whole numbers"),
        (lambda path: read_landmark_vertices(path, 100), "1 " * 67 + "-1", "must hold 68 whole numbers"),
        (lambda path: read_landmark_vertices(path, 100), "1 " * 67 + "100", "names vertex 100, but a mesh has 100"),
        (read_landmark_places, "0 0 0\n" * 67, "must hold 68 rows"),
        (read_landmark_places, "0 0 0\n" * 67 + "0 0", "must hold 68 rows"),
        (read_landmark_places, "0 0 0\n" * 67 + "0 0 inf", "hold NaN, infinity"),
    ],
)
def test_landmarks_that_are_none_are_refused_by_name(
    tmp_path: Path, read: Callable[[Path], object], text: str, says: str
) -> None:
    with pytest.raises(BadInput, match=rf"landmarks\.txt.*{says}"):
        read(written(tmp_path, text, "landmarks.txt"))


def test_landmarks_that_are_some(tmp_path: Path) -> None:
    numbers = list(range(10, 78))
    assert read_landmark_vertices(written(tmp_path, "\n".join(map(str, numbers))), 78).tolist() == numbers
    rows = "\n".join(f"{n} 0.5 -1e2" for n in numbers)
    assert read_landmark_places(written(tmp_path, rows))[3].tolist() == [13, 0.5, -100]
    assert read_landmark_places(written(tmp_path, rows)).dtype == np.float64
